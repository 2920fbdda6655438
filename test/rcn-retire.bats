# rcn-retire on the real engine and HAProxy: drain, stop, settle, repair.
# shellcheck disable=SC2154

load lib
load deploy

# next NAME [JSON]: the next version deployed and routed, in $T/routed.json.
next() {
	project "${2:-"{}"}"
	image "$1" >"$T/deployed.json"
	rcn-route -d "$T/deployed.json" >"$T/routed.json"
}

# failed FILE STAGE: that document with an error of STAGE.
failed() {
	jq --arg stage "$2" '.error = {stage: $stage, status: 75,
	    code: "test", message: "a test", retryable: true}' "$1"
}

@test "rcn-retire: the old goes, its log and end are kept" {
	live app
	old=$(ours)
	next drain '{"processes": {"web": {"command":
	    ["/app", "--term", "drain", "--body", "new"]}}}'
	run -0 --separate-stderr rcn-retire -d routed.json
	[ -z "$stderr" ]
	validate_doc <<<"$output"
	[ "$(fetch)" = new ]
	[ "$(ours)" = "$(jq -r '.service.instances[0].name' routed.json)" ]
	jq -e --arg old "$old" '.retired | .settled == "live" and
	    .drained_by == "proxy" and (.forced | not) and
	    .counts.in_flight == 0 and .counts.errors == 0 and
	    (.instances | length) == 1 and (.instances[0] |
	        .name == $old and .exit_code == 0 and (.forced | not))' \
	    <<<"$output"
	log=$(jq -r '.retired.instances[0].log' <<<"$output")
	grep -q 'listening on 0.0.0.0:10000' "$log"
	[ "$(stat -c %a "$log")" = 600 ]
	jq -e '.exit_code == 0' "${log%.log}.json"
}

@test "rcn-retire: a saved document that runs again takes over from a newer" {
	live app
	jq 'del(.service, .route, .retired)' live.json >saved.json
	live drain '{"limits": {"pids": 500}}'
	rcn-deploy -d saved.json | rcn-route >routed.json
	run -0 rcn-retire -d routed.json
	[ "$(fetch)" = app ]
	[ "$(ours)" = "$(jq -r '.service.instances[0].name' routed.json)" ]
}

@test "rcn-retire: last logs are kept up to a number and a size" {
	local dir=$RCN_STATE_DIR/logs/$key i

	live app
	mkdir -p "$dir"
	for i in {10..29}; do
		echo old >"$dir/gone.$i.log"
		echo '{}' >"$dir/gone.$i.json"
		touch -d "2026-01-01 00:00:$i" "$dir/gone.$i.log"
	done
	image drain | rcn-route >routed.json
	run -0 --separate-stderr rcn-retire -d routed.json
	log=$(jq -r '.retired.instances[0].log' <<<"$output")
	# the new one and the nine newest, each with how it ended
	[ "$(find "$dir" -name '*.log' | wc -l)" = 10 ]
	[ "$(find "$dir" -name '*.json' | wc -l)" = 10 ]
	[ -s "$log" ]
	[ -e "$dir/gone.29.log" ]
	[ ! -e "$dir/gone.20.log" ]
	# three of 4 MiB are too many
	for i in 27 28 29; do
		truncate -s 4M "$dir/gone.$i.log"
		touch -d "2026-01-01 00:00:$i" "$dir/gone.$i.log"
	done
	image slow | rcn-route >routed.json
	run -0 --separate-stderr rcn-retire -d routed.json
	[ "$(cd "$dir" && echo gone.*.log)" = "gone.28.log gone.29.log" ]
}

@test "rcn-retire: nothing old is nothing to do" {
	next app
	run -0 --separate-stderr rcn-retire -d routed.json
	validate_doc <<<"$output"
	[ "$(jq -c '.retired.instances' <<<"$output")" = '[]' ]
	# and once more
	run -0 --separate-stderr rcn-retire <<<"$output"
	[ "$(ours | wc -l)" = 1 ]
	[ "$(fetch)" = app ]
}

@test "rcn-retire: a request in flight is waited for" {
	live app
	fetch '/slow?ms=2500' >slow &
	pid=$!
	sleep 0.3
	next drain
	run -0 --separate-stderr rcn-retire -d routed.json
	validate_doc <<<"$output"
	wait "$pid"
	[ "$(cat slow)" = app ]
	jq -e '.retired | .drained_by == "proxy" and .drain_ms > 500 and
	    .counts.in_flight == 1' <<<"$output"
}

@test "rcn-retire: the drain limit, and one that does not stop" {
	live stubborn '{"processes": {"web": {"scale": 2}}}'
	fetch '/slow?ms=15000' >/dev/null 2>&1 &
	echo "$!" >>pids
	sleep 0.3
	next app '{"drain_timeout": 1, "stop_timeout": 1}'
	SECONDS=0
	run -0 --separate-stderr rcn-retire -d routed.json
	validate_doc <<<"$output"
	# both at once: 1 s of drain, 1 s to stop
	[ "$SECONDS" -lt 8 ]
	jq -e '.retired | .forced and .drained_by == "limit" and
	    .drain_ms >= 1000 and (.instances | length) == 2 and
	    ([.instances[] | .forced and .exit_code == 137] | all)' \
	    <<<"$output"
	[ "$(fetch)" = app ]
}

@test "rcn-retire: a proxy that cannot tell: connections are looked at" {
	local ports

	mapfile -t ports < <(free_port 2)
	export RCN_STATE_DIR=$T/state RCN_RUN_DIR=$T/run RCN_PROXY=traefik
	export RCN_PROXY_PROGRAM=$RCN_TEST_TRAEFIK
	export RCN_HTTP=127.0.0.1:${ports[0]}
	export RCN_PROXY_URL=http://127.0.0.1:${ports[1]}
	rcn-proxy up 3>&- 4>&-
	live app
	for _ in {1..10}; do
		fetch >/dev/null
	done
	fetch '/slow?ms=2500' >slow &
	pid=$!
	sleep 0.3
	next drain
	run -0 --separate-stderr rcn-retire -d routed.json
	rcn-proxy down
	validate_doc <<<"$output"
	wait "$pid"
	[ "$(cat slow)" = app ]
	jq -e '.retired | .drained_by == "connections" and .drain_ms > 500 and
	    .counts.in_flight == null and .counts.errors == 0' <<<"$output"
}

@test "rcn-retire: the lock is let go before the wait, the old not kept" {
	live app
	fetch '/slow?ms=3000' >slow &
	slow=$!
	sleep 0.3
	next drain
	mkdir -p "$RCN_RUN_DIR/lock"
	exec 8>"$RCN_RUN_DIR/lock/$key"
	flock 8
	RCN_LOCK_FD=8 rcn-retire -d routed.json >out 2>err &
	pid=$!
	exec 8>&-
	flock -w 2 "$RCN_RUN_DIR/lock/$key" true
	kill -0 "$pid"
	# the same as what is being drained: a new one is made all the same
	project '{}'
	image app >again.json
	[ "$(jq '.service.instances[0].kept' again.json)" = false ]
	rcn-route -d again.json >again-routed.json
	wait "$pid"
	wait "$slow"
	[ "$(cat slow)" = app ]
	[ "$(fetch)" = app ]
	rcn-retire -d again-routed.json >/dev/null
	[ "$(ours | wc -l)" = 1 ]
}

@test "rcn-retire: a failure after rcn-deploy takes back what it started" {
	live app '{"processes": {"web": {"scale": 2}}}'
	old=$(ours)
	project '{"processes": {"web": {"scale": 3}}}'
	image app >deployed.json
	[ "$(ours | wc -l)" = 3 ]
	failed deployed.json rcn-route >failed.json
	run -75 --separate-stderr rcn-retire -d failed.json
	validate_doc <<<"$output"
	[ "$(ours)" = "$old" ]
	jq -e '.retired | .settled == "failed" and (.instances | length) == 1' \
	    <<<"$output"
	[ "$(jq -c .error <<<"$output")" = "$(jq -c .error failed.json)" ]
	[ "$(fetch)" = app ]
	# twice does no harm
	run -75 --separate-stderr rcn-retire -d failed.json
	[ "$(ours)" = "$old" ]
}

@test "rcn-retire: an error before anything was started" {
	jq -n --arg s "$slug" '{rcn: {version: 1}, project: {slug: $s},
	    deployment: {id: "01a20000-0000-7000-8000-000000000001",
	    environment: "production", trigger: "cli", attempt: 1}}' >doc.json
	failed doc.json rcn-build >failed.json
	DOCKER_HOST=unix:///none RCN_PROXY_URL=/none \
	    run -75 --separate-stderr rcn-retire -d failed.json
	validate_doc <<<"$output"
	[ -z "$stderr" ]
	[ "$(jq -c .retired <<<"$output")" = \
	    '{"instances":[],"settled":"none"}' ]
}

@test "rcn-retire: a failure after the route was proven ends nothing" {
	live app
	next drain
	both=$(ours)
	failed routed.json 'rcn-state' >failed.json
	run -75 --separate-stderr rcn-retire -d failed.json
	validate_doc <<<"$output"
	[ "$(ours)" = "$both" ]
	[[ $stderr == *"nothing is ended"* ]]
	# the same when only the proxy knows that it serves
	jq 'del(.route)' failed.json >unproven.json
	run -75 --separate-stderr rcn-retire -d unproven.json
	[ "$(ours)" = "$both" ]
	[[ $stderr == *"the proxy serves this deployment"* ]]
	# settled by the proxy's word
	run -0 --separate-stderr rcn-retire --slug "$slug"
	[ "$(ours)" = "$(jq -r '.service.instances[0].name' routed.json)" ]
}

@test "rcn-retire: what the proxy serves is never ended" {
	live app
	next drain
	cp routed.json mine.json
	# a later deployment has won meanwhile
	next slow
	run -0 --separate-stderr rcn-retire -d mine.json
	[ "$(jq -r .retired.settled <<<"$output")" = live ]
	wait_for 5 test "$(fetch)" = app
	docker ps -q --filter "id=$(jq -r '.service.instances[0].id' \
	    routed.json)" | grep -q .
}

@test "rcn-retire: --slug keeps what serves, removes all else" {
	live app
	serving=$(ours)
	image drain >/dev/null
	project '{"release": [["/app", "--exit", "0"]]}'
	docker create --name "half-$slug" --label "rcn.project=$slug" \
	    --label rcn.environment=production --label rcn.process=web \
	    --label rcn.index=0 rcn-test/app:1 >/dev/null
	docker create --label "rcn.project=$slug" \
	    --label rcn.environment=production --label rcn.process=release \
	    --label rcn.index=0 rcn-test/app:1 >/dev/null
	docker create --label "rcn.project=other-$slug" \
	    --label rcn.environment=production --name "not-$slug" \
	    rcn-test/app:1 >/dev/null
	image drain --environment staging >/dev/null
	[ "$(ours | wc -l)" = 5 ]
	run -0 --separate-stderr rcn-retire --slug "$slug" \
	    --environment production
	validate_doc <<<"$output"
	[ "$(jq -r .retired.settled <<<"$output")" = repaired ]
	[ "$(jq '.retired.instances | length' <<<"$output")" = 3 ]
	[ "$(ours --filter label=rcn.environment=production)" = "$serving" ]
	[ "$(ours | wc -l)" = 2 ]
	run -0 --separate-stderr rcn-retire --slug "$slug"
	[ "$(wc -l <<<"$output")" = 2 ]
	[ "$(ours)" = "$serving" ]
	[ "$(fetch)" = app ]
	docker rm "not-$slug" >/dev/null
	# idempotent, and nothing for a project that is not there
	run -0 --separate-stderr rcn-retire --slug "$slug"
	[ "$(jq -c '.retired.instances' <<<"$output")" = '[]' ]
	run -0 --separate-stderr rcn-retire --slug "none-$slug"
	[ -z "$output" ]
}

@test "rcn-retire: after --withdraw it takes the whole project away" {
	live app '{"processes": {"web": {"scale": 2}}}'
	rcn-route -q --withdraw --slug "$slug"
	run -0 --separate-stderr rcn-retire --slug "$slug"
	[ "$(jq '.retired.instances | length' <<<"$output")" = 2 ]
	[ -z "$(ours)" ]
	! ls "$RCN_STATE_DIR/routes/$slug".* || false
}

@test "rcn-retire: SIGTERM does not stop what was begun" {
	live app
	fetch '/slow?ms=1500' >slow &
	slow=$!
	sleep 0.3
	next drain
	rcn-retire -d routed.json >out 2>err &
	pid=$!
	sleep 0.3
	kill -TERM "$pid"
	wait "$pid"
	wait "$slow"
	[ "$(cat slow)" = app ]
	[ "$(jq -r .retired.settled out)" = live ]
	[ "$(ours | wc -l)" = 1 ]
}

@test "rcn-retire: killed in the drain, a second run converges" {
	live app
	fetch '/slow?ms=1500' >slow &
	slow=$!
	sleep 0.3
	next drain
	rcn-retire -d routed.json >/dev/null 2>&1 &
	pid=$!
	sleep 0.5
	kill -KILL "$pid"
	wait "$pid" 2>/dev/null || true
	[ "$(fetch)" = app ]
	run -0 --separate-stderr rcn-retire -d routed.json
	validate_doc <<<"$output"
	wait "$slow"
	[ "$(cat slow)" = app ]
	[ "$(ours | wc -l)" = 1 ]
}

@test "rcn-retire: documents that lack a section, no engine, no proxy" {
	next app
	jq 'del(.route)' routed.json >doc.json
	run -65 --separate-stderr rcn-retire -d doc.json
	[ "$(error_of "$output")" = "65 section-missing" ]
	[[ $stderr == *rcn-route* ]]
	DOCKER_HOST=unix:///none run -69 --separate-stderr \
	    rcn-retire -d routed.json
	[ "$(error_of "$output")" = "69 engine-down" ]
	RCN_RUN_DIR=$T/run RCN_STATE_DIR=$T/state run -69 --separate-stderr \
	    rcn-retire -d routed.json
	[ "$(error_of "$output")" = "69 proxy-down" ]
	[ "$(ours | wc -l)" = 1 ]
}

@test "rcn-retire: usage and input" {
	run -0 --separate-stderr rcn-retire -h
	[[ $output == usage:\ rcn-retire* ]]
	run -0 --separate-stderr rcn-retire -V
	run -64 --separate-stderr rcn-retire --none
	run -64 --separate-stderr rcn-retire argument
	run -64 --separate-stderr rcn-retire --environment x
	run -64 --separate-stderr rcn-retire --slug '../x'
	run -66 --separate-stderr rcn-retire </dev/null
	[ -z "$output" ]
	run -74 --separate-stderr sh -c 'rcn-retire <&-'
	run -66 --separate-stderr rcn-retire < <(printf '{"rcn": {"ver')
	run -65 --separate-stderr rcn-retire <<<'[]'
	run -65 --separate-stderr rcn-retire < <(printf '{"a": "\0"}')
	next app
	run -74 --separate-stderr sh -c 'rcn-retire -d routed.json >/dev/full'
	[ "$(ours | wc -l)" = 1 ]
}
