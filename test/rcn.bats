# rcn: verbs, deploy's face to people, and rcn-doctor.
# shellcheck disable=SC2154,SC2030,SC2031

load lib

# rcn-pipeline's part, as its page has it: the file out is the document, ends
# has a line for each program's end, LOG is what they say, STATUS the last.
stand_in() {
	mkdir -p "$T/bin"
	cat >"$T/bin/rcn-detect" <<'END_OF_DETECT'
#!/bin/sh
echo "rcn-detect $*"
END_OF_DETECT
	cat >"$T/bin/rcn-pipeline" <<'END_OF_PIPELINE'
#!/bin/bash
printf '%s\n' "$@" >"$T/args"
while [ $# -gt 0 ]; do
	[ "$1" != -d ] || cp "$2" "$T/input"
	shift
done
echo "$LOG" >&2
cat <(echo rcn-detect) "$T/ends" >&3
cat "$T/out"
exit "${STATUS:-0}"
END_OF_PIPELINE
	chmod +x "$T/bin"/*
	# rcn looks beside itself first.
	cp "$ROOT/sh/rcn" "$ROOT/sh/rcn-sh-setup" "$T/bin/"
	PATH=$T/bin:$PATH
	export PATH LOG=
	cat >"$T/ends" <<'END_OF_LINES'
rcn-detect 0
rcn-dockerfile 0
rcn-build 0
rcn-push 0
rcn-deploy 0
rcn-route 0
rcn-retire 0
END_OF_LINES
	cat >"$T/out" <<'END_OF_DOC'
{"rcn": {"version": 1}, "project": {"slug": "app"}, "deployment": {"id": "1", "environment": "production"}, "plan": {"runtime": "nodejs", "version": "24"}, "image": {"ref": "rcn/app:1", "cached": true}, "route": {"url": "http://app.localhost/", "proxy": "haproxy", "switch_us": 4200}, "retired": {"instances": [], "warnings": ["mind the gap"]}}
END_OF_DOC
}

broken() {
	cat >"$T/ends" <<'END_OF_LINES'
rcn-detect 0
rcn-dockerfile 0
rcn-build 65
rcn-push 65
rcn-deploy 65
rcn-route 65
rcn-retire 65
END_OF_LINES
	cat >"$T/out" <<'END_OF_DOC'
{"rcn": {"version": 1}, "project": {"slug": "app"}, "deployment": {"id": "1", "environment": "staging"}, "error": {"stage": "rcn-build", "status": 65, "code": "build-failed", "message": "npm ci: exit code 1", "hint": "commit package-lock.json", "retryable": false}}
END_OF_DOC
	export STATUS=65
}

@test "rcn deploy: the URL on stdout, a line for each stage on stderr" {
	stand_in
	run -0 --separate-stderr rcn deploy app --host app.localhost
	[ "$output" = http://app.localhost/ ]
	[ "$(sed -n '1,7s/ .*//p' <<<"$stderr" | xargs)" = \
	    "detect dockerfile build push deploy route retire" ]
	[[ $stderr == *"app (production) is live"* ]]
	[[ $stderr == *"rcn/app:1, unchanged"* ]]
	[[ $stderr == *"4.2 ms by haproxy"* ]]
	[[ $stderr == *"warning mind the gap"* ]]
	[ "$(xargs <"$T/args")" = "--progress 3 app --host app.localhost" ]
}

@test "rcn deploy: without a source it is the current folder" {
	stand_in
	run -0 rcn deploy --host app.localhost --rebuild
	[ "$(xargs <"$T/args")" = \
	    "--progress 3 --host app.localhost --rebuild ." ]
	run -0 rcn deploy --url=http://h/a.git
	[ "$(xargs <"$T/args")" = "--progress 3 --url=http://h/a.git" ]
}

@test "rcn deploy: -q is silent, --json the document" {
	stand_in
	run -0 --separate-stderr rcn deploy -q app
	[ "$output" = http://app.localhost/ ]
	[ -z "$stderr" ]
	run -0 --separate-stderr rcn deploy -q --json app
	[ "$output" = "$(<"$T/out")" ]
}

@test "rcn deploy: a failure says stage, cause, cure and where the log is" {
	stand_in
	broken
	LOG="npm said so" run -65 --separate-stderr rcn deploy app
	[ -z "$output" ]
	[[ $stderr == *"build "*" failed"* ]]
	[[ $stderr != *"push "* ]]
	[[ $stderr == *"rcn: rcn-build: npm ci: exit code 1"* ]]
	[[ $stderr == *"cure: commit package-lock.json"* ]]
	[[ $stderr == *"$RCN_STATE_DIR/deploys/app.staging.log"* ]]
	[ "$(<"$RCN_STATE_DIR/deploys/app.staging.log")" = "npm said so" ]
	[ "$(stat -c %a "$RCN_STATE_DIR/deploys")" = 700 ]
}

@test "rcn deploy --resume: the last document, or that of --slug, less error" {
	stand_in
	run -66 rcn deploy --resume
	broken
	run -65 rcn deploy app
	unset STATUS
	run -0 rcn deploy --resume --host app.localhost
	[ "$(jq -c 'keys' "$T/input")" = '["deployment","project","rcn"]' ]
	[ "$(sed '$d' "$T/args" | xargs)" = \
	    "--progress 3 --host app.localhost -d" ]
	run -66 rcn deploy --resume --slug other
	run -0 rcn deploy --resume --slug app --environment staging
	run -64 rcn deploy --resume app
}

@test "rcn deploy: no document, so what was said is shown" {
	stand_in
	: >"$T/out"
	: >"$T/ends"
	LOG="rcn-detect: nowhere: no such folder" STATUS=66 \
	    run -66 --separate-stderr rcn deploy nowhere
	[[ $stderr == *"rcn-detect: nowhere: no such folder"* ]]
	[ "$(find "$RCN_STATE_DIR/deploys" -mindepth 1 | wc -l)" -eq 0 ]
}

@test "rcn deploy: on a terminal the stage at work is shown" {
	stand_in
	sed -i 's/^cat /sleep 0.5; cat /' "$T/bin/rcn-pipeline"
	: >"$T/ends"
	LOG="npm is at it" run timeout 20 script -qec "rcn deploy app" \
	    /dev/null </dev/null
	[[ $output == *"detect "*"npm is at it"* ]]
}

@test "rcn: any other verb is a program, beside rcn or on the PATH" {
	mkdir bin
	printf '#!/bin/sh\necho "hello $*"\nexit 3\n' >bin/rcn-hello
	chmod +x bin/rcn-hello
	PATH=$T/bin:$PATH run -3 rcn hello "a b"
	[ "$output" = "hello a b" ]
	run -64 --separate-stderr rcn no-such
	[ "$stderr" = "rcn: no-such: no such verb; rcn help lists them" ]
	run -64 rcn ../sh/rcn-pipeline
}

@test "rcn: help, plan, and wrong usage" {
	run -0 rcn
	[[ $output == "usage: rcn VERB"* ]]
	run -0 rcn -h
	stand_in
	run -0 rcn plan app
	[ "$output" = "rcn-detect --explain app" ]
	run -64 rcn rm
	run -64 rcn ps --no-such
	run -64 rcn deploy --host
}

@test "rcn version: one version of all programs" {
	run -0 rcn version
	[ "${#lines[@]}" -eq "$(find "$ROOT/cmd" -name "rcn-*.c" | wc -l)" ]
	[ "$(printf '%s\n' "${lines[@]}" | cut -d' ' -f2 | sort -u | wc -l)" = 1 ]
}

@test "rcn ps: what runs, by label" {
	local name=porcelain-ps

	rcn_slug $name
	echo feedfeedfeedfeed >"$RCN_STATE_DIR/installation"
	docker run -d --label rcn.project=$name --label rcn.installation=other \
	    busybox sleep 60 >/dev/null
	docker run -d --label rcn.installation=feedfeedfeedfeed \
	    --label rcn.project=$name --label rcn.process=web \
	    --label rcn.environment=production --label rcn.index=1 \
	    --label rcn.address=10.9.8.7 --label rcn.port=10000 \
	    --label rcn.deployment=0192 busybox sleep 60 >/dev/null
	run -0 rcn ps $name
	[ "${#lines[@]}" -eq 2 ]
	[ "$(xargs <<<"${lines[1]}")" = \
	    "$name production web.1 running 10.9.8.7:10000 0192" ]
	DOCKER_HOST=unix:///nowhere run -69 rcn ps
}

finding() {
	jq -r --arg c "$1" '.[] | select(.check == $c) | .level' <<<"$output"
}

@test "rcn doctor: one line a finding, each fault with its cure" {
	RCN_REGISTRY=127.0.0.1:1/x run -1 rcn doctor
	[[ $output == *"ok   engine "*"API 1."* ]]
	[[ $output == *"bad  proxy "*"; cure: rcn proxy up"* ]]
	[[ $output == *"bad  registry     127.0.0.1:1 does not answer; cure: "* ]]
	run ! grep -v -E '^(ok  |warn|bad ) [a-z_-]+ ' <<<"$output"
	run ! grep -E '^(warn|bad).*[^;] cure: *$' <<<"$output"
}

@test "rcn doctor: no engine" {
	DOCKER_HOST=unix:///nowhere run -1 rcn doctor --json
	[ "$(finding engine)" = bad ]
	DOCKER_HOST=carrier:pigeon run -1 rcn doctor --json
	[ "$(finding engine)" = bad ]
}

@test "rcn: who may use neither engine nor state folder is told so" {
	as_nobody() {
		setpriv --reuid=65534 --regid=65534 --clear-groups \
		    env HOME="$T" PATH="$T/theirs:$PATH" "$@"
	}

	chmod 755 "$T" "$(dirname "$T")" "$(dirname "$(dirname "$T")")"
	mkdir theirs
	cp "$ROOT"/sh/rcn* "$B"/rcn-* theirs/
	mkdir -p "$RCN_STATE_DIR/deploys"
	chmod 755 "$RCN_STATE_DIR" "$RCN_STATE_DIR/deploys"
	run -1 as_nobody rcn doctor
	[[ $output == *"bad  engine "*"; cure: run as root"* ]]
	run -73 as_nobody rcn deploy theirs --host app.localhost
	[[ $output == *"$RCN_STATE_DIR"*"not writable; run as root"* ]]
	mkdir -p own "$RCN_RUN_DIR"
	chown 65534 own
	chmod 755 "$RCN_RUN_DIR"
	RCN_RUN_DIR=$T/own run -73 as_nobody rcn-route --sync
	[[ $output == *"$RCN_STATE_DIR/"*"hint: run as "*RCN_STATE_DIR* ]]
	RCN_STATE_DIR=$T/own run -73 as_nobody rcn-route --sync
	[[ $output == *"$RCN_RUN_DIR/"*"hint: run as "*RCN_RUN_DIR* ]]
}

@test "rcn doctor: a subnet that this machine has a route to" {
	local net

	net=$(test_network porcelain-doctor)
	RCN_SUBNET=$net run -1 rcn doctor --json
	[ "$(finding network)" = bad ]
	RCN_SUBNET=$(free_subnet) run rcn doctor --json
	[ "$(finding network)" = ok ]
	RCN_NETWORK=porcelain-doctor RCN_SUBNET=$net run rcn doctor --json
	[ "$(finding network)" = ok ]
}

@test "rcn doctor: registries that answer, with login and without" {
	RCN_REGISTRY=$RCN_TEST_REGISTRY_PLAIN run rcn doctor --json
	[ "$(finding registry)" = ok ]
	RCN_REGISTRY=$RCN_TEST_REGISTRY_BASIC/x run rcn doctor --json
	[ "$(finding registry)" = ok ]
}

@test "rcn doctor: all well with a proxy that runs" {
	export RCN_HTTP
	RCN_HTTP=127.0.0.1:$(free_port)
	export RCN_SUBNET
	RCN_SUBNET=$(free_subnet)
	rcn-proxy up
	run -0 rcn doctor --json
	[ "$(finding proxy)" = ok ]
	[ "$(finding http)" = ok ]
	rcn-proxy down
	run -1 rcn doctor --json
	[ "$(finding proxy)" = bad ]
}
