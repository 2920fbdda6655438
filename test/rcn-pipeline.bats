# rcn-pipeline: which programs run, in which order, with which options, and
# how it ends.  Stand-ins that note their arguments show the shell's part;
# pipeline.bats has the real thing.
# shellcheck disable=SC2154

load lib

stages="fetch detect dockerfile build push deploy route retire state"

# Programs that pass their document on: FAIL=PROGRAM fails, WAIT=PROGRAM
# waits for a signal and hands on what it then says.
stand_ins() {
	local i

	mkdir -p "$T/bin"
	cat >"$T/bin/stage" <<'END_OF_STAGE'
#!/bin/bash
name=${0##*/}
echo "$name $*" >>"$T/calls"
echo "$name ${RCN_LOCK_FD:-none}" >>"$T/locks"
[ ! -e /proc/$$/fd/5 ] || echo "$name" >>"$T/progress"
echo "$name $(id -un) ${RCN_SECRETS:-none} ${RCN_FETCH_USER:-none}" >>"$T/users"
trap 'stopped=1' TERM
case "$name $*" in
"rcn-detect "*[!\ -]* | "rcn-fetch --"* | *--image*)
	doc='{"rcn": {"version": 1}}' ;;
*)
	while ! read -r doc; do
		[ -n "$stopped" ] || exit 66
		stopped=
	done ;;
esac
status=$(jq .error.status <<<"$doc")
if [ "$name" = "${WAIT:-}" ]; then
	echo $$ >"$T/waits"
	until [ -n "$stopped" ]; do sleep 0.05; done
	FAIL=$name
fi
if [ "$name" = "${FAIL:-}" ] && [ "$status" = null ]; then
	doc=$(jq -c --arg n "$name" '.error = {stage: $n, status: 75}' <<<"$doc")
	status=75
fi
echo "$doc"
[ "$status" = null ] || exit "$status"
END_OF_STAGE
	chmod +x "$T/bin/stage"
	for i in $stages; do
		ln -sf stage "$T/bin/rcn-$i"
	done
	PATH=$T/bin:$PATH
	export PATH
}

calls() {
	sort "$T/calls" | sed 's/ $//'
}

expect() {
	diff -u <(printf '%s\n' "$@" | sort) <(calls)
}

@test "rcn-pipeline: a folder goes from rcn-detect to rcn-retire" {
	stand_ins
	run -0 --separate-stderr rcn-pipeline "an app"
	[ "$output" = '{"rcn": {"version": 1}}' ]
	[ -z "$stderr" ]
	expect "rcn-detect an app" rcn-dockerfile rcn-build rcn-push \
	    rcn-deploy rcn-route rcn-retire
}

@test "rcn-pipeline: a URL begins with rcn-fetch" {
	stand_ins
	run -0 rcn-pipeline --url http://h/a.git --branch=next
	expect "rcn-fetch --url http://h/a.git --branch next" rcn-detect \
	    rcn-dockerfile rcn-build rcn-push rcn-deploy rcn-route rcn-retire
}

@test "rcn-pipeline: an image begins with rcn-deploy" {
	stand_ins
	run -0 rcn-pipeline --image r/a:1 --slug a
	expect "rcn-deploy --image r/a:1 --slug a" rcn-route rcn-retire
}

@test "rcn-pipeline: a document goes through all" {
	stand_ins
	echo '{"a": 1}' >doc
	run -0 rcn-pipeline <doc
	[ "$output" = '{"a": 1}' ]
	[ "$(wc -l <calls)" -eq 8 ]
	run -0 rcn-pipeline -d doc
	[ "$output" = '{"a": 1}' ]
	run -66 rcn-pipeline -d nowhere
	run -66 rcn-pipeline </dev/null
}

@test "rcn-pipeline: --record tells the queue, in three places" {
	stand_ins
	echo '{"a": 1}' >doc
	run -0 bash -c 'rcn-pipeline --record --progress 5 5>&1 <doc >out'
	diff -u <(echo "$output") - <<'END_OF_LINES'
rcn-fetch
rcn-fetch 0
rcn-detect 0
rcn-dockerfile 0
rcn-build 0
rcn-push 0
rcn-state 0
rcn-deploy 0
rcn-route 0
rcn-state 0
rcn-retire 0
rcn-state 0
END_OF_LINES
	expect rcn-fetch rcn-detect rcn-dockerfile rcn-build rcn-push \
	    "rcn-state advance deploying" rcn-deploy rcn-route \
	    "rcn-state advance live" rcn-retire "rcn-state record"
	FAIL=rcn-deploy run -75 rcn-pipeline --record -d doc
	grep -x "rcn-state record" <(calls)
	run -64 rcn-pipeline --record --image a:1 --slug a
}

@test "rcn-pipeline: the two parsers run as another user, without secrets" {
	[ "$UID" = 0 ] || skip "not root"
	stand_ins
	# Its stand-ins must be within that user's reach.
	for dir in "$BATS_RUN_TMPDIR" "${T%/*}" "$T"; do
		chmod o+x "$dir"
	done
	touch calls locks users progress
	chmod 666 calls locks users progress
	echo '{"a": 1}' >doc
	for way in "" "--progress 5"; do
		# shellcheck disable=SC2086 # words
		RCN_SECRETS=/s RCN_SOURCE_USER=nobody RCN_LOCK_FD=9 run -0 \
		    bash -c 'rcn-pipeline -d doc "$@" 5>&1 >out 9>lock' - $way
		[ "$(jq .a out)" = 1 ]
	done
	diff -u <(sort -u users) - <<-END_OF_LINES
		rcn-build root /s nobody
		rcn-deploy root /s nobody
		rcn-detect nobody none nobody
		rcn-dockerfile nobody none nobody
		rcn-fetch root /s nobody
		rcn-push root /s nobody
		rcn-retire root /s nobody
		rcn-route root /s nobody
	END_OF_LINES
	[ "$(grep -c 'none$' locks)" = 4 ]
	# With --progress they are spoken of, and do not speak.
	[ "$(grep -cx rcn-build progress)" = 2 ]
	[ "$(grep -cxE 'rcn-(detect|dockerfile)' progress)" = 2 ]
	RCN_SOURCE_USER=no-such-user run -78 rcn-pipeline -d doc
}

@test "rcn-pipeline: options go where they belong" {
	stand_ins
	run -0 rcn-pipeline --git "a b.git" --commit HEAD --root sub \
	    --project p.json --environment staging --env-file "e 1" \
	    --build-env-file "b 1" --rebuild --registry h:5/p --host a.x \
	    --host=b.x -q
	expect "rcn-detect --git a b.git --commit HEAD --root sub --project p.json --environment staging -q" \
	    "rcn-dockerfile -q" "rcn-build --rebuild --env-file b 1 -q" \
	    "rcn-push --registry h:5/p -q" \
	    "rcn-deploy --env-file e 1 --host a.x --host b.x -q" \
	    "rcn-route --host a.x --host b.x -q" "rcn-retire -q"
	rm calls
	run -0 rcn-pipeline --url u --key k --known-hosts "h 1" --token-file=t
	grep -x "rcn-fetch --key k --known-hosts h 1 --token-file t --url u" \
	    <(calls)
}

@test "rcn-pipeline: the status is that of the first that failed" {
	stand_ins
	FAIL=rcn-build run -75 --separate-stderr rcn-pipeline app
	[ "$(jq -r .error.stage <<<"$output")" = rcn-build ]
	[ "$(wc -l <calls)" -eq 7 ]
}

@test "rcn-pipeline: --progress tells the first and each end" {
	stand_ins
	FAIL=rcn-push run -75 bash -c 'rcn-pipeline app --progress 5 5>&1 >doc'
	[ "$(echo "$output" | head -n 1)" = rcn-detect ]
	diff -u <(echo "$output" | sed 1d) - <<'END_OF_LINES'
rcn-detect 0
rcn-dockerfile 0
rcn-build 0
rcn-push 75
rcn-deploy 75
rcn-route 75
rcn-retire 75
END_OF_LINES
}

@test "rcn-pipeline: SIGTERM to the group ends in good order" {
	stand_ins
	local way
	for way in "" "--progress 2"; do
		rm -f "$T/waits"
		# shellcheck disable=SC2086 # words
		WAIT=rcn-build setsid bash -c '
			rcn-pipeline app "$@" >doc; echo $? >status' - $way &
		wait_for 10 test -s "$T/waits"
		kill -TERM -- "-$(ps -o pgid= -p "$(<"$T/waits")" | tr -d ' ')"
		wait $! || true
		wait_for 10 test -s doc
		[ "$(jq -r .error.stage doc)" = rcn-build ]
	done
}

@test "rcn-pipeline: --slug holds the lock for all stages" {
	stand_ins
	run -0 rcn-pipeline app --slug app
	[ "$(cut -d' ' -f2 "$T/locks" | sort -u)" = 9 ]
	[ -e "$RCN_RUN_DIR/lock/app.production" ]
	rm "$T/locks"
	run -0 rcn-pipeline app
	[ "$(cut -d' ' -f2 "$T/locks" | sort -u)" = none ]
	# Somebody else has it: it waits, and says so.
	exec 8>"$RCN_RUN_DIR/lock/app.staging"
	flock 8
	rcn-pipeline app --slug app --environment staging >out 2>err 8>&- &
	wait_for 10 grep "waits for another deployment of app" err
	[ ! -s out ]
	flock -u 8
	wait $!
	[ -s out ]
	rm "$T/locks"
	RCN_LOCK_FD=8 run -0 rcn-pipeline app --slug app
	[ "$(cut -d' ' -f2 "$T/locks" | sort -u)" = 8 ]
}

@test "rcn-pipeline: wrong usage is 64, and nothing runs" {
	stand_ins
	local args
	for args in "--no-such" "a b" "--url u --image i" "--host" \
	    "a --host -" "a --host x;y" "a --progress 0" "a -d f" "--slug s" \
	    "a --slug ../x"; do
		# shellcheck disable=SC2086 # words
		run -64 --separate-stderr rcn-pipeline $args
		[ -z "$output" ]
		[[ $stderr == rcn-pipeline:* ]]
	done
	run -64 script -qec rcn-pipeline /dev/null
	[ ! -e "$T/calls" ]
}

@test "rcn-pipeline: -h is the page's synopsis, -V a version" {
	run -0 rcn-pipeline -h
	[[ $output == "usage: rcn-pipeline"* ]]
	local option
	while read -r option; do
		grep -q "Fl -${option#--}" "$ROOT/man/rcn-pipeline.1"
	done < <(grep -o -- '--[a-z][a-z-]*' <<<"$output")
	run -0 rcn-pipeline -V
	[[ $output =~ ^rcn-pipeline\ [0-9.]+$ ]]
}

@test "rcn-pipeline: a document in error passes all programs, untouched" {
	local doc='{"rcn":{"version":1},"project":{"slug":"a"},"deployment":{"id":"x"},"error":{"stage":"mine","status":77,"code":"no","message":"no","hint":"","retryable":false},"mine":[1]}'

	DOCKER_HOST=unix:///nowhere run -77 --separate-stderr rcn-pipeline \
	    <<<"$doc"
	[ "$(jq -S 'del(.timings, .retired)' <<<"$output")" = \
	    "$(jq -S . <<<"$doc")" ]
}

@test "rcn-pipeline: a full disk below is 74" {
	run -74 bash -c 'rcn-pipeline >/dev/full 2>err <<<"{\"error\": {}}"'
	grep -q "rcn-retire: .*No space left" err
}
