# rcn-state's queue: deployments, jobs, deliveries, and the three stages.
# shellcheck shell=bash disable=SC2154
load lib
load state

bats_require_minimum_version 1.5.0

setup() {
	rcn_setup
	rcn-state init >/dev/null
	rcn-state project add app --repository https://github.com/o/n \
	    --host app.example >/dev/null
}

state_of() {
	rcn-state deployment get "$1" | jq -r .state
}

# built: the document, built and pushed as IMAGE.
built() {
	jq -c --arg i "$1" '.push = {ref: $i, digest: "sha256:\("0" * 64)"}'
}

routed() {
	jq -c '.route = {proxy: "haproxy", hosts: [], url: "http://app.example",
	    targets: {before: [], after: []},
	    proven: {at: "2026-11-24T00:00:00.000Z", by: "test"}}'
}

# failed STAGE CODE STATUS RETRYABLE
failed() {
	jq -c --arg s "$1" --arg c "$2" --argjson n "$3" --argjson r "$4" \
	    '.error = {stage: $s, status: $n, code: $c, message: "so it is",
	    retryable: $r}'
}

@test "rcn-state: a deployment from the queue to live" {
	run -0 --separate-stderr rcn-state deployment add app --commit c0ffee
	shape deployment <<<"$output"
	[ "$(jq -r '"\(.number) \(.state) \(.trigger)"' <<<"$output")" = \
	    "1 pending cli" ]
	run -0 rcn-state job list
	shape job <<<"$output"
	run -0 --separate-stderr rcn-state claim
	shape job <<<"$output"
	jq -c .document <<<"$output" >doc
	validate_doc doc
	[ "$(jq -r '.deployment | "\(.number) \(.attempt) \(.commit)"' doc)" = \
	    "1 1 c0ffee" ]
	[ "$(jq -r .project.hosts[0] doc)" = app.example ]
	[ "$(state_of app:1)" = building ]
	run -1 rcn-state claim
	built r/app:1 <doc >built.json
	run -0 --separate-stderr rcn-state advance deploying <built.json
	validate_doc <<<"$output"
	[ "$(jq -r .deployment.state <<<"$output")" = deploying ]
	[ "$(jq '[.timings[].stage]' -c <<<"$output")" = '["rcn-state"]' ]
	routed <<<"$output" >routed.json
	run -0 --separate-stderr rcn-state advance live --document routed.json
	[ "$(state_of app:1)" = live ]
	run -65 --separate-stderr rcn-state deployment cancel app:1
	[[ $stderr == *"cancelled: it is live"* ]]
	run -0 --separate-stderr rcn-state record --document routed.json
	validate_doc <<<"$output"
	[ -z "$(rcn-state job list)" ]
	rcn-state deployment get app:1 | jq -e '.image_ref == "r/app:1" and
	    .live_at and .log == .id and .actor != ""'
	rcn-state deployment get --document app:1 | jq -e .route.proven
	rcn-state environment list app | jq -e '.live_number == 1'
}

@test "rcn-state: stages refuse what is not theirs, and leave the section" {
	rcn-state deployment add app --commit c1 >/dev/null
	rcn-state claim --document >doc
	jq -c 'del(.deployment.number)' doc >hand
	jq -c '.deployment.attempt = 7' doc >late
	for stage in "advance deploying" "advance live" record; do
		# shellcheck disable=SC2086 # words
		run -65 --separate-stderr rcn-state $stage <hand
		[ "$(jq -r .error.code <<<"$output")" = bad-document ]
		# shellcheck disable=SC2086 # words
		run -75 --separate-stderr rcn-state $stage <late
		[ "$(jq -r '"\(.error.code) \(.error.retryable)"' \
		    <<<"$output")" = "fenced false" ]
		[ "$(jq -r .deployment.attempt <<<"$output")" = 7 ]
		validate_doc <<<"$output"
	done
	run -65 --separate-stderr rcn-state advance live <doc
	[ "$(jq -r .error.code <<<"$output")" = illegal-move ]
	[[ $stderr == *"live: it is building"* ]]
	# Neither live nor in error: nothing says how it ended.
	run -65 --separate-stderr rcn-state record <doc
	[ "$(state_of app:1)" = building ]
	run -64 rcn-state advance stopped <doc
}

@test "rcn-state: stages keep the promises of the stream" {
	error='{"rcn":{"version":1},"project":{"slug":"a"},"deployment":{
	    "id":"d","environment":"production","trigger":"cli","attempt":1},
	    "later":{"x":[1.5]},"error":{"stage":"rcn-x","status":69,
	    "code":"engine-down","message":"m","retryable":true}}'
	for stage in "advance deploying" "advance live" record; do
		# shellcheck disable=SC2086 # words
		set -- $stage
		run -66 --separate-stderr rcn-state "$@" </dev/null
		[ -z "$output" ]
		run -66 --separate-stderr rcn-state "$@" \
		    <<<'{"rcn":{"version":1},'
		[ -z "$output" ]
		run -74 --separate-stderr sh -c 'exec rcn-state "$@" <&-' - "$@"
		run -65 --separate-stderr rcn-state "$@" <<<'[]'
		run -64 script -qec "rcn-state $stage" /dev/null
		[[ $output == *"is a terminal"* ]]
		run -66 rcn-state "$@" --document nowhere
		run -69 --separate-stderr rcn-state "$@" <<<"$error"
		jq -e '.error.code == "engine-down" and .later.x == [1.5]' \
		    <<<"$output"
		validate_doc <<<"$output"
		run -69 --separate-stderr rcn-state "$@" <<<"$error$error"
		[ "$(wc -l <<<"$output")" -eq 2 ]
		run -74 --separate-stderr \
		    sh -c 'exec rcn-state "$@" >/dev/full' - "$@" <<<"$error"
		status=$( { { rcn-state "$@" <<<"$error"; echo $? >&3; } |
		    true; } 3>&1)
		[ "$status" -eq 141 ] || [ "$status" -eq 69 ]
		run -65 --separate-stderr rcn-state "$@" \
		    <<<'{"rcn":{"version":2}}'
	done
}

@test "rcn-state: no database: the stages say so, the document goes on" {
	rcn-state deployment add app --commit c1 >/dev/null
	rcn-state claim --document >doc
	for stage in "advance deploying" "advance live" record; do
		# shellcheck disable=SC2086 # words
		RCN_STATE_DIR=$T/none run -66 --separate-stderr \
		    rcn-state $stage <doc
		[ "$(jq -r .error.code <<<"$output")" = state-missing ]
		[ "$(jq .deployment.number <<<"$output")" = 1 ]
	done
}

@test "rcn-state: how a deployment ends" {
	export RCN_RETRY_BASE_MS=0
	rcn-state deployment add app --commit c1 >/dev/null
	for i in 1 2 3 4 5; do
		rcn-state claim --document >doc
		failed rcn-push registry-down 69 true <doc >bad
		run -69 --separate-stderr rcn-state record <bad
		[ "$(jq -r .error.code <<<"$output")" = registry-down ]
	done
	[ "$(state_of app:1)" = failed ]
	rcn-state deployment get app:1 |
		jq -e '.error.code == "registry-down" and .attempt == 5'
	rcn-state deployment add app --commit c2 >/dev/null
	rcn-state claim --document | failed rcn-fetch unwatched 1 false >bad
	run -1 rcn-state record <bad
	[ "$(state_of app:2)" = cancelled ]
	rcn-state deployment add app --commit c3 >/dev/null
	rcn-state claim --document | failed rcn-build build-failed 65 false >bad
	run -65 rcn-state record <bad
	[ "$(state_of app:3)" = failed ]
	rcn-state deployment add app --commit c4 >/dev/null
	rcn-state claim --document >doc
	rcn-state deployment cancel app:4 --reason enough >/dev/null
	failed rcn-build cancelled 75 false <doc >bad
	run -75 rcn-state record <bad
	rcn-state deployment get app:4 |
		jq -e '.state == "cancelled" and .reason == "enough"'
}

@test "rcn-state: the newest wins, a rerun waits, a rollback goes back" {
	for i in 1 2 3; do
		rcn-state deployment add app --commit "c$i" >/dev/null
	done
	[ "$(rcn-state deployment list app | jq -c '[.number, .state]' |
		tr '\n' ' ')" = \
	    '[3,"pending"] [2,"superseded"] [1,"superseded"] ' ]
	run -66 rcn-state deployment list nope
	run -66 rcn-state deployment list --environment nope app
	rcn-state deployment list app --limit 1 --before 3 |
		jq -e .number==2
	run -66 --separate-stderr rcn-state deployment rollback app
	rcn-state claim --document | built r/app:3 |
		rcn-state advance deploying | routed |
		rcn-state advance live | rcn-state record >/dev/null
	rcn-state deployment add app --commit c4 >/dev/null
	run -0 rcn-state deployment add app --scale web=2
	[ "$(jq -r .trigger <<<"$output")" = scale ]
	[ "$(state_of app:4)" = pending ]
	rcn-state claim --document | built r/app:4 |
		rcn-state advance deploying | routed |
		rcn-state advance live | rcn-state record >/dev/null
	rcn-state claim --document >doc
	validate_doc doc
	jq -e '.push.ref == "r/app:4" and .deployment.trigger == "scale" and
	    .project.processes.web.scale == 2' doc
	rcn-state advance deploying <doc | routed | rcn-state advance live |
		rcn-state record >/dev/null
	run -0 rcn-state deployment rollback app
	shape deployment <<<"$output"
	rcn-state claim --document | jq -e '.push.ref == "r/app:3" and
	    .deployment.trigger == "rollback"'
	run -1 --separate-stderr rcn-state deployment add app --trigger push
	[[ $stderr == *"paused: rolled back to #3"* ]]
	run -65 rcn-state deployment add app --scale web=0
	run -65 rcn-state deployment add app --trigger nothing
	run -64 rcn-state deployment add app --scale web
	run -66 rcn-state deployment add nobody
	run -66 rcn-state deployment get app:99
	run -64 rcn-state deployment get app:x
}

@test "rcn-state: a lease is renewed, lost, taken over" {
	rcn-state deployment add app --commit c1 >/dev/null
	job=$(rcn-state claim --lease 1 --worker mine | jq -r .id)
	run -0 rcn-state renew "$job" 1 --lease 1
	shape renewed <<<"$output"
	wait_for 5 sh -c 'rcn-state claim --worker theirs >again'
	shape job <again
	jq -e '.epoch == 2 and .lost.worker == "mine" and .crashes == 1' again
	run -75 --separate-stderr rcn-state renew "$job" 1
	run -75 --separate-stderr rcn-state job end "$job" 1
	rcn-state deployment cancel app:1 >/dev/null
	run -0 rcn-state renew "$job" 2
	jq -e '.cancel == "cancelled by hand"' <<<"$output"
}

@test "rcn-state: a delivery is fanned out once; stop and start" {
	cat >push <<'END'
{"delivery": "d-1", "event": "push", "provider": "github",
 "repository": {"keys": ["github.com/o/n"], "full_name": "o/n"},
 "branch": "main", "commit": "c1", "message": "m", "author": "A", "actor": "o"}
END
	run -0 rcn-state fanout push
	shape delivered <<<"$output"
	[ "$(jq '.deployments | length' <<<"$output")" = 1 ]
	first=$output
	run -0 rcn-state fanout <push
	[ "$output" = "$first" ]
	[ "$(rcn-state deployment list app | wc -l)" -eq 1 ]
	rcn-state deployment get app:1 | jq -e '.actor == "hook:github:o"'
	run -65 --separate-stderr rcn-state fanout <<<'{"delivery": "x"}'
	rcn-state claim --document | built r/app:1 |
		rcn-state advance deploying | routed |
		rcn-state advance live | rcn-state record >/dev/null
	run -0 rcn-state environment stop app production
	shape job <<<"$output"
	run -0 --separate-stderr rcn-state fanout \
	    <<<"$(jq '.delivery = "d-2"' push)"
	jq -e '.skipped[0].why == "stopped"' <<<"$output"
	run -0 rcn-state claim
	[ "$(jq -r .kind <<<"$output")" = stop ]
	rcn-state job end "$(jq -r .id <<<"$output")" 1
	[ "$(state_of app:1)" = stopped ]
	rcn-state deployment add app --trigger start >/dev/null
	rcn-state claim --document | jq -e '.push.ref == "r/app:1"'
	rcn-state audit verify
}
