# make install, the units of systemd, and completion, from what is installed.
# shellcheck disable=SC2154

load lib

setup_file() {
	export INSTALLED=$BATS_FILE_TMPDIR/rcn
	make -s -C "$ROOT" B="$B" PREFIX="$INSTALLED" install >&2
}

@test "install: programs, pages, templates, units, completion" {
	for p in "$ROOT"/cmd/*.c; do
		p=$(basename "$p" .c)
		[ -x "$INSTALLED/bin/$p" ]
		[ -s "$INSTALLED/share/man/man1/$p.1" ]
	done
	[ -x "$INSTALLED/bin/rcn" ]
	[ -x "$INSTALLED/share/rcn/post-receive" ]
	[ -d "$INSTALLED/share/rcn/templates" ]
	[ -s "$INSTALLED/share/bash-completion/completions/rcn" ]
	[ -s "$INSTALLED/share/zsh/site-functions/_rcn" ]
	[ -s "$INSTALLED/lib/sysusers.d/rcn.conf" ]
	[ -s "$INSTALLED/lib/tmpfiles.d/rcn.conf" ]
	[ ! -e "$INSTALLED/share/rcn/systemd" ]
	run -1 grep -r '@bindir@' "$INSTALLED"/lib
	# what is installed finds its own parts, not those of the source
	unset RCN_SHARE_DIR
	PATH=$INSTALLED/bin:/usr/bin:/bin
	cd /
	run -0 rcn version
	[[ $output == *rcn-deploy* ]]
	run -0 rcn-detect "$APPS/express"
	run -0 rcn-dockerfile <<<"$output"
}

@test "install: with DESTDIR nothing lands elsewhere" {
	make -s -C "$ROOT" B="$B" PREFIX=/usr DESTDIR="$T/root" install
	[ -x "$T/root/usr/bin/rcn" ]
	grep -q '^ExecStart=/usr/bin/rcn-hookd' \
	    "$T/root/usr/lib/systemd/system/rcn-hookd.service"
	[ "$(ls "$T/root")" = usr ]
}

@test "systemd: the units are sound" {
	command -v systemd-analyze || skip "no systemd here"
	# users and documents that another test or no one has installed
	for unit in "$INSTALLED"/lib/systemd/system/*; do
		systemd-analyze --man=no verify "$unit" >verified 2>&1 || {
			cat verified
			return 1
		}
		run -1 grep -E "rcn-[a-z]+\.(service|socket|timer)" verified
	done
}

@test "systemd: users and folders" {
	command -v systemd-sysusers || skip "no systemd here"
	mkdir -p "$T/root/etc" "$T/root/var/lib"
	systemd-sysusers --root="$T/root" "$INSTALLED/lib/sysusers.d/rcn.conf"
	grep -q '^rcn-hook:' "$T/root/etc/passwd"
	grep -q '^rcn-source:' "$T/root/etc/passwd"
	systemd-tmpfiles --root="$T/root" --create \
	    "$INSTALLED/lib/tmpfiles.d/rcn.conf"
	[ "$(stat -c %a "$T/root/var/lib/rcn")" = 711 ]
	[ "$(stat -c %a "$T/root/var/lib/rcn/hook")" = 700 ]
	uid=$(awk -F: '/^rcn-hook:/ { print $3 }' "$T/root/etc/passwd")
	[ "$(stat -c %u "$T/root/var/lib/rcn/hook")" = "$uid" ]
}

# complete WORD...: what bash offers for the last of them.
complete_words() {
	bash -c '. "$1"; shift
	COMP_WORDS=("$@") COMP_CWORD=$(($# - 1)) COMPREPLY=()
	_rcn
	printf "%s\n" "${COMPREPLY[@]}"' - \
	    "$INSTALLED/share/bash-completion/completions/rcn" "$@"
}

@test "completion: bash offers verbs, projects, environments, options" {
	rcn-state init >/dev/null
	rcn-state project add shop >/dev/null
	rcn-state project add blog >/dev/null
	rcn-state environment add --branch next shop staging >/dev/null
	mkdir shed
	run -0 complete_words rcn ro
	[ "$output" = rollback ]
	run -0 complete_words rcn rollback ''
	[ "$(xargs <<<"$output")" = "blog shop" ]
	run -0 complete_words rcn deploy sh
	[ "$(sort <<<"$output" | xargs)" = "shed shop" ]
	run -0 complete_words rcn logs shop --environment s
	[ "$output" = staging ]
	run -0 complete_words rcn logs --pro
	[ "$output" = --process ]
	run -0 complete_words rcn env s
	[ "$(sort <<<"$output" | xargs)" = "set shop" ]
	run -0 complete_words rcn env set s
	[ "$output" = shop ]
	run -0 complete_words rcn create ''
	[ -z "$output" ]
}

# In a terminal, as a person would: rcn, words, Tab.
complete_zsh() {
	/usr/bin/python3 - "$INSTALLED/share/zsh/site-functions" "$@" <<'END'
import os, pty, re, select, sys, time
pid, fd = pty.fork()
if pid == 0:
    os.environ["TERM"] = "dumb"
    os.execvp("zsh", ["zsh", "-f", "-i"])
def talk(text, seconds):
    os.write(fd, text.encode())
    end, got = time.time() + seconds, b""
    while time.time() < end:
        if select.select([fd], [], [], 0.1)[0]:
            try:
                got += os.read(fd, 65536)
            except OSError:
                break
        elif got and b"DONE" in got:
            break
    return got.decode(errors="replace")
talk("PS1=; fpath=(%s $fpath); autoload -Uz compinit; compinit -u -D; "
     "print DO''NE\n" % sys.argv[1], 20)
print(talk(sys.argv[2] + "\t\t", 3))
os.kill(pid, 9)
END
}

@test "completion: zsh offers verbs and projects" {
	command -v zsh || skip "no zsh here"
	rcn-state init >/dev/null
	rcn-state project add onlyone >/dev/null
	run -0 complete_zsh 'rcn rollb'
	[[ $output == *rollback* ]]
	run -0 complete_zsh 'rcn rollback on'
	[[ $output == *onlyone* ]]
	run -0 complete_zsh 'rcn logs --pro'
	[[ $output == *--process* ]]
}

# syscalls NAME: of a set of systemd's, sets in it opened.
syscalls() {
	systemd-analyze syscall-filter "$1" | sed '1d; s/^ *//' |
	    while read -r name; do
		case $name in
		@*) syscalls "$name" ;;
		[a-z]*) echo "$name" ;;
		esac
	done
}

@test "systemd: rcn-hookd needs no system call that its unit denies" {
	command -v systemd-analyze || skip "no systemd here"
	run grep -q asan <(ldd "$B/rcn-hookd")
	[ "$status" != 0 ] || skip "a sanitizer has calls of its own"
	unit=$INSTALLED/lib/systemd/system/rcn-hookd.service
	rcn-state init >/dev/null
	port=$(free_port)
	background strace -f -o trace rcn-hookd --listen "127.0.0.1:$port"
	wait_for 20 curl -s -o none "http://127.0.0.1:$port/"
	curl -s -o none -d '{}' "http://127.0.0.1:$port/api/webhooks/github"
	end_process "$!"
	sed -n 's/^[0-9]* *\([a-z0-9_]*\)(.*/\1/p' trace | sort -u >used
	[ "$(wc -l <used)" -gt 30 ]
	sed -n 's/^SystemCallFilter=\([^~]\)/\1/p' "$unit" | tr ' ' '\n' |
	    while read -r set; do
		case $set in
		@*) syscalls "$set" ;;
		*) echo "$set" ;;
		esac
	done >allowed
	syscalls @default >>allowed
	# SQLite changes owners where it is root, which the unit's user is not
	sed -n 's/^SystemCallFilter=~//p' "$unit" | tr ' ' '\n' |
	    while read -r set; do
		syscalls "$set"
	done | grep -vx fchown | sort -u >denied
	syscalls @default | sort >default
	run -0 comm -23 used <(sort -u allowed)
	[ -z "$output" ]
	run -0 comm -12 used <(comm -23 denied default)
	[ -z "$output" ]
}
