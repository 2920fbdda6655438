# rcn-log: a deployment's log while it grows; an app's, on the real engine.
# shellcheck disable=SC2154

load lib
load deploy

id=01900000-0000-7000-8000-000000000001

setup() {
	deploy_setup
	log=$RCN_STATE_DIR/logs/$id.log
	mkdir -p "${log%/*}"
	rm -f "$log"
}

# say STAGE TEXT: a line of the log.
say() {
	printf '2026-11-24T10:00:00.123Z %s F %s\n' "$@" >>"$log"
}

@test "rcn-log: a log as it is, and from a byte on" {
	say rcn-build '#1 one'
	say rcn-worker 'end: failed: no'
	run -0 --separate-stderr rcn-log $id
	[ "$output" = "$(<"$log")" ]
	[ -z "$stderr" ]
	first=$(head -n 1 "$log" | wc -c)
	run -0 --separate-stderr rcn-log --from "$first" $id
	[ "$output" = "$(tail -n 1 "$log")" ]
}

@test "rcn-log: --text is for people: no times, no control bytes" {
	say rcn-build 'one'
	printf '2026-11-24T10:00:00.123Z rcn-build P le\033[31mft \n' >>"$log"
	say rcn-build 'right'
	echo 'not a line of ours' >>"$log"
	run -0 --separate-stderr rcn-log --text $id
	[ "${lines[0]}" = 'build      one' ]
	[ "${lines[1]}" = 'build      le?[31mft right' ]
	[ "${lines[2]}" = 'not a line of ours' ]
	run -0 script -qec "rcn-log $id" /dev/null
	[[ ${lines[0]} == 'build      one'* ]]
}

@test "rcn-log: -f ends with the deployment, its status says how" {
	(
		sleep 0.3
		say rcn-fetch one
		sleep 0.3
		say rcn-worker 'end: live'
	) &
	run -0 --separate-stderr timeout 20 rcn-log -f $id
	[ "${#lines[@]}" -eq 2 ]
	say rcn-worker 'end: cancelled: by root'
	run -1 --separate-stderr timeout 20 rcn-log -f $id
	[[ ${lines[2]} == *'end: cancelled: by root' ]]
}

@test "rcn-log: what is not there, wrong usage, a full disk" {
	run -66 --separate-stderr rcn-log $id
	[[ $stderr == *"$id"* ]]
	run -66 --separate-stderr rcn-log nobody
	[[ $stderr == *state.db* ]]
	run -64 --separate-stderr rcn-log
	run -64 --separate-stderr rcn-log $id $id
	run -64 --separate-stderr rcn-log --app a $id
	run -64 --separate-stderr rcn-log --tail 5 $id
	run -64 --separate-stderr rcn-log --app a --tail many
	[[ $stderr == *many* ]]
	run -64 --separate-stderr rcn-log --app a --since yesterday
	[[ $stderr == *yesterday* ]]
	run -64 --separate-stderr rcn-log --app ../a
	say rcn-build one
	run -74 --separate-stderr sh -c "rcn-log $id >/dev/full"
	run -66 --separate-stderr rcn-log --app "nobody-$slug"
	[[ $stderr == *"nothing runs or has run"* ]]
	DOCKER_HOST=unix:///nowhere.sock \
	    run -69 --separate-stderr rcn-log --app "$slug"
}

@test "rcn-log: a reader that is gone ends it" {
	say rcn-build one
	(
		for i in {1..100}; do
			sleep 0.1
			say rcn-build "$i"
		done
	) 3>&- &
	echo "$!" >>pids
	timeout 8 rcn-log -f $id | head -n 1
	[ "${PIPESTATUS[0]}" = 141 ]
	kill "$(tail -n 1 pids)"
}

@test "rcn-log: --app: by process, with its end" {
	live app '{"processes": {"web": {"scale": 2}}}'
	run -0 --separate-stderr rcn-log --app "$slug"
	[ "$(grep -c 'out app: app: listening on 0.0.0.0:10000$' <<<"$output")" = 2 ]
	for name in $(ours); do
		grep -q "^2[0-9T:.-]*Z $name out " <<<"$output"
	done
	# times ascend
	[ "$(cut -d' ' -f1 <<<"$output")" = \
	    "$(cut -d' ' -f1 <<<"$output" | sort)" ]
	run -0 --separate-stderr rcn-log --app "$slug" --process other
	[ -z "$output" ]
	run -0 --separate-stderr rcn-log --app "$slug" --tail 1
	[ "${#lines[@]}" -eq 1 ]
	run -0 --separate-stderr rcn-log --app "$slug" --environment staging
	[ -z "$output" ]
	run -0 --separate-stderr rcn-log --app "$slug" --since 1h --text
	[[ ${lines[0]} == production.web.*' | app: app: listening on '* ]]
	run -0 --separate-stderr rcn-log --app "$slug" --since 2100-01-01T00:00:00Z
	[ -z "$output" ]
}

@test "rcn-log: --app: those that are gone, and how they ended" {
	live app
	old=$(ours)
	live drain
	run -0 --separate-stderr rcn-log --app "$slug"
	grep -q "^2[0-9T:.-]*Z $old saved app: app: listening on" <<<"$output"
	grep -q "^2[0-9T:.-]*Z $old end ended: exit code 0$" <<<"$output"
	grep -q "$(ours) out app: app: listening on" <<<"$output"
	# the newest is last
	[[ ${lines[-1]} == *" $old end "* || ${lines[-1]} == *"$(ours)"* ]]
	run -0 --separate-stderr rcn-log --app "$slug" --process web
	grep -q "$old saved" <<<"$output"
	run -0 --separate-stderr rcn-log --app "$slug" --process worker
	[ -z "$output" ]
}

@test "rcn-log: --app -f: new instances are taken in, old ones end" {
	live app
	old=$(ours)
	setsid rcn-log --app "$slug" -f >follow 2>follow.err 3>&- 4>&- &
	pid=$!
	echo "$pid" >>pids
	wait_for 10 grep -q "$old out app: app: listening" follow
	live drain
	new=$(ours)
	[ "$old" != "$new" ]
	wait_for 10 grep -q "$new out app: app: listening" follow
	wait_for 10 grep -q "$old end ended: exit code 0" follow
	docker kill -s KILL "$new" >/dev/null
	wait_for 10 grep -q "$new end ended" follow
	docker start "$new" >/dev/null
	wait_for 10 eval "[ \"\$(grep -c '$new out app: app: listening' follow)\" = 2 ]"
	[ "$(grep -c "$old out" follow)" = 1 ]
	[ ! -s follow.err ]
	end_process "$pid"
	run -1 pgrep -g "$pid"
}

@test "rcn-log: last logs are kept within RCN_LOG_BUDGET" {
	live app
	live drain
	export RCN_LOG_BUDGET=1
	live app
	live drain
	[ "$(find "$RCN_STATE_DIR/logs/$key" -name '*.log' | wc -l)" = 1 ]
}
