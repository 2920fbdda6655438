# crash - what crash.bats and test/soak share: programs that are killed.
#	load lib; load route; load work; load crash
# shellcheck shell=bash disable=SC2034,SC2154,SC2030,SC2031

# killing PROGRAM CALL N [ARGUMENT]: the next run of it (with that as its last
# argument) is killed before its Nth such call; $T/killed says that it was.
killing() {
	local real

	real=$(PATH=$B:$ROOT/sh:$PATH command -v "$1")
	rm -f "$T/killed"
	: >"$T/kill-it"
	cat >"$T/bin/$1.kill" <<-END
		#!/bin/bash
		case \${!#} in
		${4:-*}) rm "$T/kill-it" 2>/dev/null ;;
		*) false ;;
		esac && {
			strace -qq -o /dev/null -e "trace=$2" \\
			    -e "inject=$2:signal=KILL:when=$3" $real "\$@"
			status=\$?
			[ "\$status" != 137 ] || : >"$T/killed"
			# as it would have looked without us in between
			[ "\$status" != 137 ] || kill -KILL \$\$
			exit "\$status"
		}
	END
	if [ "$1" = rcn-state ]; then
		sed 1d "$T/bin/rcn-state.real" >>"$T/bin/$1.kill"
	else
		echo "exec $real \"\$@\"" >>"$T/bin/$1.kill"
	fi
	chmod +x "$T/bin/$1.kill"
	mv "$T/bin/$1.kill" "$T/bin/$1"
}

crash_setup() {
	own=
	work_setup
	cp "$T/bin/rcn-state" "$T/bin/rcn-state.real"
	export ASAN_OPTIONS=detect_leaks=0
}

crash_teardown() {
	work_teardown
	[ -z "$own" ] || {
		RCN_TEST_RUN=$own "$ROOT/test/env" down
		rm -rf "$own"
	}
}

# The child that does a job, by the worker that started it.
child_of() {
	pgrep -P "$1" -f -- '^[^ ]*rcn-worker --once$'
}

# An engine of this test's own: what runs in it dies with it.
own_engine() {
	own=/tmp/rcn-crash-$$
	RCN_TEST_RUN=$own timeout 100 "$ROOT/test/env" up engine 3>&- 4>&-
	export DOCKER_HOST=unix://$own/docker.sock
	"$ROOT/test/images/make" app
}

engine_dies() {
	local name shims

	shims=$(pgrep -f "containerd-shim.* -address $own/" || true)
	for name in dockerd containerd; do
		kill -KILL "$(cut -d' ' -f1 "$own/pid/$name")"
	done
	# shellcheck disable=SC2086 # words
	[ -z "$shims" ] || kill -KILL $shims
}

engine_comes() {
	local name

	rm -f "$own/docker.pid" "$own/containerd.sock"
	background containerd -c "$own/containerd.toml"
	echo "$!" >"$own/pid/containerd"
	wait_for 20 test -S "$own/containerd.sock"
	background dockerd --config-file "$own/daemon.json"
	echo "$!" >"$own/pid/dockerd"
	wait_for 30 docker version
}
