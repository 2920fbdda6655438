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
	work_setup
	cp "$T/bin/rcn-state" "$T/bin/rcn-state.real"
	export ASAN_OPTIONS=detect_leaks=0
}

# The child that does a job, by the worker that started it.
child_of() {
	pgrep -P "$1" -f -- '^[^ ]*rcn-worker --once$'
}
