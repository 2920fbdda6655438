# rcn-build on Podman, whose builder has no sessions: by tar, and what is lost.
# shellcheck shell=bash disable=SC2154,SC2016
load lib

setup() {
	rcn_setup
	pod=(podman --root "$T/pod" --runroot "$T/podrun" --tmpdir "$T/podtmp"
	    --storage-driver vfs --runtime runc --cgroup-manager cgroupfs
	    --events-backend file)
	docker save -o base.tar busybox:latest
	"${pod[@]}" load -qi base.tar
	"${pod[@]}" tag localhost/busybox:latest \
	    docker.io/library/busybox:latest
	background "${pod[@]}" system service -t 0 "unix://$T/podman.sock"
	wait_for 10 test -S podman.sock
	DOCKER_HOST=unix://$T/podman.sock
	mkdir app
	echo '<p>hi' >app/index.html
	ln -s index.html app/link
	printf '#!/bin/sh\necho ran\n' >app/run.sh
	chmod 755 app/run.sh
	rcn-detect app 2>/dev/null >seen
}

teardown() {
	rcn_teardown
	# What RUN and the graph leave mounted would hold the folder.
	grep -o " $T/pod[^ ]*" /proc/mounts | sort -r | xargs -r umount -l ||
	    true
}

document() {
	jq -c --arg df "$1" '.project.slug = "podman" | .deployment = {id: "x",
	    attempt: 1, environment: "production", trigger: "cli"} |
	    .dockerfile = {text: $df, context: ".",
	    bases: ["docker.io/library/busybox:latest"]}' seen >in
}

@test "podman: an image by tar, and a note of what is lost" {
	document $'FROM docker.io/library/busybox:latest\nCOPY . /app
RUN /app/run.sh >/said && readlink /app/link >>/said\n'
	rcn-build <in >out 2>err
	cat err
	validate_doc out
	grep -q 'no sessions: all of the context is sent' err
	jq -e '.image.cached == false and .image.context_bytes > 1000 and
	    .image.bases[0].id != ""' out
	box=$("${pod[@]}" create "$(jq -r .image.ref out)" true)
	[ "$("${pod[@]}" cp "$box:/said" - | tar -xO)" = $'ran\nindex.html' ]
	[ "$("${pod[@]}" cp "$box:/app/index.html" - | tar -xO)" = '<p>hi' ]
	rcn-build <in >again
	jq -e .image.cached again
	# Asked for, it is no loss.
	jq -c '.dockerfile.text += "RUN true\n"' in >in2
	rcn-build --no-session <in2 2>err
	run ! grep -q sessions err
}

@test "podman: a step that fails, and a secret that it would keep" {
	document $'FROM docker.io/library/busybox:latest\nRUN echo why; exit 3\n'
	run -65 rcn-build <in
	[[ $output == *build-failed* && $output == *why* ]]
	echo '{"TOKEN": {"value": "canary-5218"}}' >env.json
	run -78 rcn-build --env-file env.json <in
	[[ $output == *'"code":"build-secret"'* ]]
	[[ $output != *canary* ]]
}

@test "podman: cancelled, it ends the build behind the step at hand" {
	document $'FROM docker.io/library/busybox:latest\nRUN echo slow; sleep 6.4
RUN sleep 640\n'
	rcn-build <in >out 2>err 3>&- &
	pid=$!
	wait_for 30 pgrep -f 'sleep 6[.]4'
	kill -TERM $pid
	status=0
	wait $pid || status=$?
	[ $status = 75 ]
	[ "$(jq -r .error.code out)" = cancelled ]
	wait_for 20 bash -c '! pgrep -f "sleep 6[.]4"'
	sleep 2
	run ! pgrep -f 'sleep 64[0]'
	[ -z "$("${pod[@]}" images -q localhost/rcn/podman)" ]
}
