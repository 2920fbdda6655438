# What goes wrong, and the old version that answers all the while: apps that
# do not come up, releases that fail, each stage killed in turn, a canary.
# shellcheck disable=SC2154
# limit: 900

load lib
load deploy

teardown() {
	[ ! -s "$T/watch.pid" ] || kill "$(cat "$T/watch.pid")" || true
	deploy_teardown
}

# watch: ask the proxy 20 times a second, each answer a line of $T/answers.
watch() {
	: >"$T/answers"
	(
		while :; do
			fetch >>"$T/answers" 2>&1 || echo "failed: $?"
			sleep 0.05
		done >>"$T/answers" 2>&1
	) 3>&- &
	echo "$!" >"$T/watch.pid"
	wait_for 5 test -s "$T/answers"
}

# watched WORD...: it was answered, and with one of these words only.
watched() {
	kill "$(cat "$T/watch.pid")"
	rm "$T/watch.pid"
	[ "$(wc -l <"$T/answers")" -gt 3 ]
	! grep -vxE "$(IFS='|'; echo "$*")" "$T/answers" || false
}

pipeline() {
	rcn-deploy "$@" | rcn-route | rcn-retire
}

@test "failures: an app that does not come up leaves the old answering" {
	local app code

	live app
	old=$(ours)
	route=$(cat "$RCN_STATE_DIR/routes/$key.json")
	watch
	project '{"health": {"timeout": 1}}'
	for app in crash:app-exited silent:app-not-listening \
	    loopback:listens-on-loopback status500:app-unhealthy; do
		code=${app#*:}
		run -65 --separate-stderr pipeline \
		    --image "rcn-test/${app%:*}:1" --project project.json
		validate_doc <<<"$output"
		jq -e --arg code "$code" '.error | .code == $code and
		    .stage == "rcn-deploy" and (.retryable | not)' \
		    <<<"$output"
		jq -e '.retired.settled == "none"' <<<"$output"
		# one line for what, one for the cure, the app's log aside
		[ "$(grep -c '^rcn-' <<<"$stderr")" = 2 ]
		[[ $stderr == *"rcn-deploy: hint: "* ]]
		[ "$(ours)" = "$old" ]
	done
	project '{"release": [["/app", "--exit", "7"]]}'
	run -65 --separate-stderr pipeline --image rcn-test/drain:1 \
	    --project project.json
	validate_doc <<<"$output"
	[ "$(error_of "$output")" = "65 release-failed" ]
	[ "$(ours)" = "$old" ]
	[ "$(cat "$RCN_STATE_DIR/routes/$key.json")" = "$route" ]
	watched app
}

# kill_stage NAME SECONDS INPUT: start it on a document, kill it after so long.
kill_stage() {
	local pid

	"$1" -d "$3" >"$T/killed.out" 2>"$T/killed.err" &
	pid=$!
	sleep "$2"
	kill -KILL "$pid" 2>/dev/null || true
	wait "$pid" 2>/dev/null || true
}

@test "failures: each stage killed: old or new answers, all is repaired" {
	local after route serving

	live app
	watch
	project '{"processes": {"web": {"command": ["/app", "--body", "new"]}}}'
	image app | jq -c 'del(.service, .timings)' >doc.json
	rcn-retire --slug "$slug" >/dev/null
	for after in 0.01 0.05 0.2 0.4; do
		kill_stage rcn-deploy "$after" doc.json
	done
	rcn-deploy -d doc.json >deployed.json
	for after in 0.001 0.005 0.01 0.02 0.05; do
		kill_stage rcn-route "$after" deployed.json
	done
	# whatever serves now is all that is left
	run -0 --separate-stderr rcn-retire --slug "$slug"
	serving=$(fetch)
	[[ $serving =~ ^(app|new)$ ]]
	[ "$(ours | wc -l)" = 1 ]
	[ -z "$(find "$RCN_STATE_DIR/routes" -name '.*' -type f)" ]
	# the same document again: it converges
	rcn-deploy -d doc.json >deployed.json
	rcn-route -d deployed.json >routed.json
	for after in 0.001 0.01 0.05 0.1; do
		kill_stage rcn-retire "$after" routed.json
	done
	run -0 --separate-stderr rcn-retire -d routed.json
	[ "$(fetch)" = new ]
	[ "$(ours)" = "$(jq -r '.service.instances[0].name' routed.json)" ]
	# and all of it once more changes nothing
	run -0 --separate-stderr pipeline -d routed.json
	validate_doc <<<"$output"
	[ "$(ours)" = "$(jq -r '.service.instances[0].name' routed.json)" ]
	watched app new
}

@test "failures: a canary is in the container and nowhere else" {
	local canary=canary-$RANDOM$RANDOM$RANDOM id pid

	project '{"release": [["/app", "--print", "released", "--exit", "0"]]}'
	rcn-deploy -v --image rcn-test/slow:1 --project project.json \
	    --env-file <(echo "TOKEN=$canary") >deployed.json 2>err &
	pid=$!
	while kill -0 "$pid" 2>/dev/null; do
		cat /proc/[0-9]*/cmdline 2>/dev/null | tr '\0' ' ' >>argv
		sleep 0.02
	done || true
	wait "$pid"
	rcn-route -d deployed.json >routed.json 2>>err
	rcn-retire -d routed.json >live.json 2>>err
	id=$(jq -r '.service.instances[0].id' live.json)
	# where it belongs
	[ "$(fetch /env?TOKEN)" = "$canary" ]
	# and nowhere else
	[ -s argv ]
	! grep -qF "$canary" argv || false
	! grep -rqF "$canary" "$T" "$RCN_STATE_DIR" "$RCN_RUN_DIR" || false
	docker image inspect rcn-test/slow:1 >image.txt
	docker history --no-trunc rcn-test/slow:1 >>image.txt
	docker save rcn-test/slow:1 >>image.txt
	! grep -qF "$canary" image.txt || false
	docker inspect -f '{{json .Config.Labels}}{{json .Args}}' "$id" >labels
	! grep -qF "$canary" labels || false
}

@test "failures: who holds secrets leaves no core" {
	project '{"health": {"timeout": 30}}'
	(
		ulimit -c unlimited
		exec rcn-deploy --image rcn-test/silent:1 \
		    --project project.json --env-file <(echo TOKEN=canary-core)
	) >out 2>err &
	pid=$!
	wait_for 10 sh -c "docker ps -q --filter label=rcn.project=$slug |
	    grep -q ."
	grep -q '^Max core file size *0 *0' "/proc/$pid/limits"
	[ "$(stat -c %u "/proc/$pid/environ")" = 0 ]
	kill -ABRT "$pid"
	wait "$pid" || true
	[ -z "$(find "$T" -name 'core*' -type f)" ]
	rcn-retire --slug "$slug" >/dev/null
	[ -z "$(ours)" ]
}

@test "failures: a disk that is full is an error that says so" {
	local small=$T/small

	live app
	old=$(ours)
	mkdir "$small"
	mount -t tmpfs -o size=64k none "$small"
	cp -r "$RCN_RUN_DIR"/. "$small/" 2>/dev/null || true
	dd if=/dev/zero of="$small/fill" bs=1k 2>/dev/null || true
	RCN_RUN_DIR=$small run --separate-stderr image drain
	umount "$small"
	[ "$status" -ne 0 ]
	[[ $status =~ ^(69|73|74)$ ]]
	[ "$(jq -r .error.status <<<"$output")" = "$status" ]
	[ "$(ours)" = "$old" ]
	[ "$(fetch)" = app ]
}
