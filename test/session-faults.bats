# A session with an engine that fails in every way, at every step: rcn-build
# ends, in time, and says what failed first.
# limit: 1200
# shellcheck shell=bash disable=SC2154,SC2016
load lib

setup() {
	rcn_setup
	own=
	export slug=faults-$BATS_TEST_NUMBER
	mkdir app env
	echo hello >app/file
	head -c 3000000 /dev/urandom >app/big
	echo '<p>hi' >app/index.html
	echo '{"TOKEN": {"value": "canary-5217"}}' >env/json
	rcn-detect app 2>/dev/null >seen
	jq -c '.project.slug = env.slug | .project.limits.build_timeout = 30 |
	    .deployment = {id: "x", attempt: 1, environment: "production",
		trigger: "cli"} |
	    .dockerfile = {text: "FROM scratch\nCOPY . /\n", context: ".",
		bases: []}' seen >in
}

teardown() {
	[ -z "$own" ] || RCN_TEST_RUN=$own "$ROOT/test/env" down || true
	[ -z "$own" ] || rm -rf "$own"
	rcn_teardown
}

# try FAULT: in a folder of its own; status and seconds in FAULT/status.
try() {
	local began=$EPOCHREALTIME sock=$T/$1/s server status=0

	mkdir "$T/$1"
	"$ROOT/test/servers/buildkit.py" "$sock" "$1" 3>&- </dev/null \
	    2>"$T/$1/server" &
	server=$!
	wait_for 10 test -S "$sock"
	DOCKER_HOST=unix://$sock RCN_STATE_DIR=$T/$1/state \
	    timeout -s KILL 60 rcn-build -q --env-file "$T/env/json" <"$T/in" \
	    >"$T/$1/out" 2>"$T/$1/err" || status=$?
	kill $server
	echo "$status $(bc <<<"($EPOCHREALTIME - $began) / 1")" >"$T/$1/status"
}

# all FAULT...: a dozen at a time.
all() {
	local n=0

	for fault; do
		try "$fault" 3>&- &
		n=$((n + 1))
		[ $((n % 12)) != 0 ] || wait
	done
	wait
}

# ended FAULT STATUS CODE: so, with a document that says so.
ended() {
	local status seconds

	read -r status seconds <"$1/status"
	echo "$1: $status in $seconds s: $(jq -r '.error.code' "$1/out")," \
	    "$(jq -r '.error.msg // .error.message' "$1/out")"
	[ "$status" = "$2" ] && [ "$(jq -r .error.code "$1/out")" = "$3" ] &&
	    [ "$seconds" -le 40 ] && ! grep -rq canary-5217 "$1"
}

@test "session: none of it fails: the engine of these tests builds" {
	all none
	cat none/err none/server none/s.log
	read -r status _ <none/status
	[ "$status" = 0 ]
	grep -q 'end of context: 3 entries' none/s.log
	jq -e '.image.context_bytes > 100' none/out
}

# For each STEP: HOW@STEP ended so.
each() {
	local how=$1 status=$2 code=$3 step bad=0

	for step in "${@:4}"; do
		ended "$how@$step" "$status" "$code" || bad=1
	done
	return $bad
}

@test "session: a connection that ends, at each step" {
	local steps=(preface health dockerfile credentials secret stats data fin)

	all {close,drop,both}@{upgrade,build} \
	    "${steps[@]/#/close@}" "${steps[@]/#/drop@}" "${steps[@]/#/both@}"
	each close 69 session-lost "${steps[@]}"
	each drop 69 engine-down "${steps[@]}" build
	each both 69 engine-down "${steps[@]}" build
	each close 69 engine-down build
	each close 76 bad-answer upgrade
	each both 76 bad-answer upgrade
}

@test "session: bytes that are no answer, at each step" {
	local steps=(preface health dockerfile credentials secret stats data fin)

	all {garbage,wrong}@{upgrade,build} "${steps[@]/#/garbage@}" wrong@stats
	each garbage 69 session-lost "${steps[@]}"
	each garbage 76 bad-answer upgrade build
	each wrong 69 engine-down upgrade build
	each wrong 76 engine-answer stats
}

@test "session: what has failed in the engine is what is told" {
	local steps=(preface health dockerfile credentials secret stats data fin)

	all "${steps[@]/#/reset@}"
	each reset 65 build-failed "${steps[@]}"
	grep -q 'a step of its own' reset@data/out
}

@test "session: an engine that hangs or is slow, at each step" {
	local steps=(preface health dockerfile credentials secret stats data fin)

	jq -c '.project.limits.build_timeout = 5' in >short
	mv short in
	all hang@{upgrade,build} "${steps[@]/#/hang@}" \
	    wrong@{preface,health,dockerfile,credentials,secret,data,fin}
	each hang 75 timeout "${steps[@]}" build
	each hang 69 timeout upgrade
	each wrong 75 timeout preface dockerfile credentials secret data fin
	# the engine may have seen it, and gone, before the time is over
	each wrong 75 timeout health || each wrong 69 session-lost health
	for f in hang@preface hang@data; do
		grep -q 'POST /v1.41/build/cancel?id=[0-9a-f]*$' $f/s.log
	done
}

@test "session: cancelled in the middle of a transfer" {
	"$ROOT/test/servers/buildkit.py" "$T/s" hang@data 3>&- </dev/null &
	server=$!
	wait_for 10 test -S s
	DOCKER_HOST=unix://$T/s rcn-build -q --env-file env/json <in >out \
	    2>err 3>&- &
	pid=$!
	wait_for 10 grep -q 'step data' s.log
	kill -TERM $pid
	status=0
	wait $pid || status=$?
	kill $server
	[ $status = 75 ]
	[ "$(jq -r .error.code out)" = cancelled ]
	grep -q 'POST /v1.41/build/cancel?id=[0-9a-f]*$' s.log
}

@test "session: the engine is killed in the middle of a transfer" {
	own=/tmp/rcn-session-$$
	RCN_TEST_RUN=$own timeout 100 "$ROOT/test/env" up engine 3>&- 4>&-
	export DOCKER_HOST=unix://$own/docker.sock
	head -c 150M /dev/urandom >app/big
	rcn-detect app 2>/dev/null >seen
	jq -c --slurpfile s seen '.source = $s[0].source' in >in2
	rcn-build <in2 >out 2>err 3>&- &
	pid=$!
	wait_for 20 grep -q 'load build context' err
	sleep 0.2
	for name in dockerd containerd; do
		kill -KILL "$(cut -d' ' -f1 "$own/pid/$name")"
	done
	status=0
	wait $pid || status=$?
	cat err out
	[ $status = 69 ]
	[ "$(jq -r .error.code out)" = engine-down ]
	rm -f "$own/docker.pid" "$own/containerd.sock"
	RCN_TEST_RUN=$own timeout 100 "$ROOT/test/env" up engine 3>&- 4>&-
	rcn-build <in2 >out
	jq -e '.image.context_bytes > 150000000' out
	box=$(docker create "$(jq -r .image.ref out)" none)
	[ "$(docker cp "$box:/big" - | tar -xO | sha256sum)" = \
	    "$(sha256sum <app/big)" ]
}
