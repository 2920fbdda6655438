# rcn-run: a command for once, on the real engine.
# shellcheck disable=SC2154

load lib
load deploy

# up [JSON]: busybox serves, with two variables.
up() {
	printf 'GREETING=hello\nSECRET=c4n4ry-of-run\n' >"$T/env"
	project '{"processes": {"web": {"command":
	    ["busybox", "httpd", "-f", "-p", "10000"]}}}'
	rcn-deploy --image busybox:latest --project "$T/project.json" \
	    --env-file "$T/env" >"$T/deployed.json"
}

# ended STATUS PID
ended() {
	local status=0

	wait "$2" || status=$?
	[ "$status" = "$1" ]
}

runs() {
	docker ps -aq --filter "label=rcn.run=$slug"
}

@test "rcn-run: the app's image and variables, the command's status" {
	up
	run -0 --separate-stderr rcn-run "$slug" sh -c 'echo $GREETING; hostname >&2'
	[ "$output" = hello ]
	[ -n "$stderr" ]
	run -7 --separate-stderr rcn-run "$slug" sh -c 'exit 7'
	run -137 --separate-stderr rcn-run "$slug" sh -c 'kill -9 $$'
	run -127 --separate-stderr rcn-run "$slug" no-such-command
	[[ $stderr == *no-such-command* ]]
	run -126 --separate-stderr rcn-run "$slug" /etc/passwd
	[ -z "$(runs)" ]
	# a deployment does not take it for an instance
	[ "$(ours | wc -l)" = 1 ]
}

@test "rcn-run: standard input to its end, and much at once both ways" {
	up
	head -c 3000000 /dev/urandom >big
	rcn-run "$slug" cat <big >back
	cmp big back
	run -0 --separate-stderr rcn-run "$slug" wc -c <<<12345
	[ "$output" = 6 ]
	run -0 --separate-stderr rcn-run "$slug" cat </dev/null
	[ -z "$output" ]
}

@test "rcn-run: a terminal is a terminal there, of the same size" {
	up
	cat >size <<-END
	stty rows 33 cols 77
	exec rcn-run $slug sh -c 'sleep 0.5; stty size; test -t 0 && echo tty'
	END
	run -0 timeout 20 script -qec "sh size" /dev/null
	[[ $output == *"33 77"* ]]
	[[ $output == *tty* ]]
	run -0 --separate-stderr rcn-run "$slug" sh -c 'test -t 0 || echo none'
	[ "$output" = none ]
}

@test "rcn-run: a signal is passed on, the third kills" {
	up
	rcn-run "$slug" sh -c 'trap "echo got; exit 3" TERM; echo up;
	    while :; do sleep 0.1; done' >out 3>&- &
	pid=$!
	wait_for 10 grep -q up out
	kill -TERM "$pid"
	ended 3 "$pid"
	grep -q got out
	rcn-run "$slug" sh -c 'trap "" TERM; echo up; sleep 60' >out 3>&- &
	pid=$!
	wait_for 10 grep -q up out
	kill -TERM "$pid"
	sleep 0.2
	kill -TERM "$pid"
	sleep 0.2
	kill -TERM "$pid"
	ended 137 "$pid"
	wait_for 5 eval '[ -z "$(runs)" ]'
}

@test "rcn-run: killed itself, it leaves no container" {
	up
	mkfifo in
	rcn-run "$slug" cat <in >out 3>&- &
	pid=$!
	exec 7>in
	echo x >&7
	wait_for 10 grep -q x out
	[ -n "$(runs)" ]
	kill -KILL "$pid"
	exec 7>&-
	wait_for 10 eval '[ -z "$(runs)" ]'
}

@test "rcn-run --exec: in an instance" {
	up
	run -0 --separate-stderr rcn-run --exec "$slug" sh -c 'echo $SECRET; pwd >&2'
	[ "$output" = c4n4ry-of-run ]
	[ "$stderr" = / ]
	run -5 --separate-stderr rcn-run --exec "$slug" sh -c 'exit 5'
	run -0 --separate-stderr rcn-run --exec --process web --index 0 "$slug" wc -c <<<12
	[ "$output" = 3 ]
	run -66 --separate-stderr rcn-run --exec --process worker "$slug" true
	run -66 --separate-stderr rcn-run --exec --index 4 "$slug" true
	rcn-run --exec "$slug" sh -c 'trap "echo got; exit 3" TERM; echo up;
	    while :; do sleep 0.1; done' >out 3>&- &
	pid=$!
	wait_for 10 grep -q up out
	kill -TERM "$pid"
	ended 3 "$pid"
}

@test "rcn-run: variables are in no argument list" {
	up
	rcn-run "$slug" sleep 3 3>&- &
	pid=$!
	sleep 1
	cat /proc/[0-9]*/cmdline 2>/dev/null >lines || true
	run -0 grep -z "$slug" lines
	run -1 grep -z c4n4ry-of-run lines
	wait "$pid"
}

@test "rcn-run: wrong usage, no app, no engine" {
	run -64 --separate-stderr rcn-run
	run -64 --separate-stderr rcn-run --index 1 app
	run -64 --separate-stderr rcn-run --exec --index x app
	run -64 --separate-stderr rcn-run ../app
	run -66 --separate-stderr rcn-run "nobody-$slug"
	[[ $stderr == *"no such instance runs"* ]]
	DOCKER_HOST=unix:///nowhere.sock run -69 --separate-stderr rcn-run "$slug"
	up
	run -74 --separate-stderr sh -c "rcn-run $slug echo x >/dev/full"
	wait_for 5 eval '[ -z "$(runs)" ]'
}
