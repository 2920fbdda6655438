# rcn-worker: deployments of the queue go live by themselves, on real parts.
# shellcheck disable=SC2154,SC2153,SC2030,SC2031
# limit: 900

load lib
load route
load work

@test "rcn-worker: usage, no state, nothing to do" {
	run -64 --separate-stderr rcn-worker --jobs 0
	run -64 rcn-worker --jobs 65
	run -64 rcn-worker app
	run -1 --separate-stderr rcn-worker --once
	[ -z "$output$stderr" ]
	RCN_LEASE_MS=x run -78 rcn-worker --once
	RCN_STATE_DIR=$T/none run -66 --separate-stderr rcn-worker --once
	[[ $stderr == *"rcn-state init"* ]]
	RCN_STATE_DIR=$T/none run -66 rcn-worker
}

@test "rcn-worker: --once takes a commit live, the next in its place" {
	local one two

	one=$(push v1)
	is_state "$one" pending
	run -0 --separate-stderr rcn-worker --once
	is_state "$one" live
	answers v1
	is_settled
	log_of "$one" >log
	grep -x "rcn-worker F attempt 1 of #1" log
	grep -q "^rcn-build F " log
	[ "$(tail -n 1 log)" = "rcn-worker F end: live" ]
	grep -vE '^(rcn-[a-z]+) [FP] ' log && return 1
	two=$(push v2)
	watch v1 v2
	run -0 rcn-worker --once
	watched
	is_state "$two" live
	is_state "$one" superseded
	answers v2
	is_settled
	run -1 rcn-worker --once
}

@test "rcn-worker: what cannot be built fails, with its reason" {
	local id

	id=$(push v1 'RUN ["/app", "--exit", "3"]')
	run -0 rcn-worker --once
	is_state "$id" failed
	rcn-state deployment get "$id" |
	    jq -e '.error.stage == "rcn-build" and (.reason | test("exit"))'
	log_of "$id" | tail -n 1 | grep "^rcn-worker F end: failed: "
	is_settled
}

repaired() {
	[ "$(sqlite3 "$RCN_STATE_DIR/state.db" "SELECT count(*) FROM jobs
	    WHERE kind = 'repair' AND status = 'done'")" = 1 ]
}

@test "rcn-worker: a spool that cannot be read holds up only deliveries" {
	mkdir -p "$RCN_STATE_DIR/hook"
	seq 2000 >"$RCN_STATE_DIR/hook/spool.db"
	worker
	wait_for 20 grep -q 'spool.db' "$T/rcn-worker.err"
	wait_for 20 repaired
	[ "$(grep -c 'spool.db' "$T/rcn-worker.err")" = 1 ]
}

gone() {
	! rcn-state project get "$slug" 2>/dev/null
}

no_jobs() {
	[ -z "$(rcn-state job list)" ]
}

@test "rcn-worker: a stop and a removal that failed are done by repair" {
	one=$(push v1)
	run -0 rcn-worker --once
	is_state "$one" live
	printf '#!/bin/sh\necho rcn-route: no >&2\nexit 65\n' >"$T/bin/rcn-route"
	chmod +x "$T/bin/rcn-route"
	worker
	run -1 rcn stop "$slug"
	is_state "$one" live
	[ -n "$(ours)" ]
	end_process "$worker"
	rm "$T/bin/rcn-route"
	worker
	wait_for 20 eval '[ "$(state_of "$one")" = stopped ]'
	end_process "$worker"
	[ -z "$(ours)" ]
	rcn-state project rm "$slug" >/dev/null
	printf '#!/bin/sh\nexit 65\n' >"$T/bin/rcn-route"
	chmod +x "$T/bin/rcn-route"
	worker
	wait_for 20 no_jobs
	end_process "$worker"
	rm "$T/bin/rcn-route"
	rcn-state project get "$slug" >/dev/null
	worker
	wait_for 20 gone
}

@test "rcn-worker: stays, and does what comes; little memory, no CPU" {
	local one two anon ticks

	# As if rcn-state had been killed after a commit.
	rm "$RCN_STATE_DIR/hook/repositories.json"
	worker
	wait_for 20 test -s "$RCN_STATE_DIR/hook/repositories.json"
	one=$(push v1)
	becomes "$one" live
	two=$(push v2)
	becomes "$two" live
	answers v2
	wait_for 20 is_settled
	sleep 2
	anon=$(awk '/RssAnon/ { print $2 }' "/proc/$worker/status")
	ticks=$(awk '{ print $14 + $15 }' "/proc/$worker/stat")
	sleep 12
	[ "$(awk '{ print $14 + $15 }' "/proc/$worker/stat")" -le \
	    $((ticks + 2)) ]
	echo "RssAnon: $anon KiB" >&3
	[ "$anon" -le 1024 ] || grep -q asan "/proc/$worker/maps"
	kill "$worker"
	wait_for 5 bash -c "! kill -0 $worker"
}

@test "rcn-worker: a burst: the newest is live, the others superseded" {
	local i last all

	for i in {1..20}; do
		last=$(push "v$i")
	done
	worker --jobs 4
	becomes "$last" live
	answers v20
	wait_for 20 is_settled
	all=$(rcn-state deployment list --limit 50 "$slug" | jq -r .state |
	    sort | uniq -c | tr -s ' ')
	[ "$all" = " 1 live"$'\n'" 19 superseded" ]
}

@test "rcn-worker: a newer push ends the build of an older one" {
	local one two

	worker
	one=$(push v1 "$(takes 60)")
	wait_for 30 grep -q "exit-after" "$RCN_STATE_DIR/logs/$one.log"
	two=$(push v2)
	becomes "$one" superseded 30
	becomes "$two" live
	answers v2
	wait_for 20 is_settled
}

@test "rcn-worker: SIGTERM hands a build back; a second worker ends it" {
	local one

	worker
	one=$(push v1 "$(takes 8)")
	wait_for 30 grep -q "exit-after" "$RCN_STATE_DIR/logs/$one.log"
	kill "$worker"
	wait_for 30 bash -c "! kill -0 $worker"
	is_state "$one" pending
	work_is_clean
	rcn-state job list | jq -e '.attempts == 0 and .crashes == 0'
	worker
	becomes "$one" live
	answers v1
}

@test "rcn-worker: stop, start, and the end of a project" {
	local one

	one=$(push v1)
	rcn-worker --once
	answers v1
	rcn-state environment stop "$slug" production
	run -0 rcn-worker --once
	is_state "$one" stopped
	is_settled
	[ "$(ask "$host" | tail -n 1)" = 404 ]
	rcn-state deployment add --trigger start "$slug"
	run -0 rcn-worker --once
	answers v1
	is_settled
	rcn-state project rm "$slug"
	run -0 rcn-worker --once
	[ -z "$(ours)" ]
	run -66 rcn-state project get "$slug"
}

@test "rcn-worker: a live deployment whose containers are gone starts again" {
	local one

	one=$(push v1)
	rcn-worker --once
	ours | xargs docker rm -f
	[ "$(ask "$host" | tail -n 1)" = 503 ]
	worker
	wait_for 60 answers v1
	is_state "$one" superseded
	wait_for 20 is_settled
	rcn-state deployment list "$slug" | jq -es '.[0].trigger == "start"'
	# one that runs is left alone
	kill "$worker"
	wait_for 10 bash -c "! kill -0 $worker"
	one=$(ours)
	worker
	wait_for 30 bash -c '[ "$(rcn-state job list | wc -l)" = 0 ]'
	sleep 1
	[ "$(ours)" = "$one" ]
}

@test "rcn-worker: strangers' files are read as another user" {
	local one

	[ "$UID" = 0 ] || skip "not root"
	for dir in "$BATS_RUN_TMPDIR" "${T%/*}" "$T"; do
		chmod o+x "$dir"
	done
	# Where it was built may be out of their reach.
	mkdir theirs
	cp "$B"/rcn-* "$ROOT"/sh/rcn* theirs
	cp -R "$ROOT/share" theirs
	export PATH=$T/theirs:$PATH RCN_SHARE_DIR=$T/theirs/share
	one=$(push v1)
	RCN_SOURCE_USER=nobody run -0 rcn-worker --once
	log_of "$one"
	is_state "$one" live
	[ "$(stat -c %U "$RCN_STATE_DIR/mirrors")" = nobody ]
	answers v1
	is_settled
}
