# lib - what every bats file loads: `load lib`.
#
# It gives each test a folder of its own, $T, with state, run-time files and
# HOME in it, our programs first on PATH, and what test/env has started: the
# variables in that script's head comment.  RCN_TEST_DOCKER_HOST names another
# engine than test/env's, which must have test/env's mirror.  A file with its
# own setup() calls rcn_setup first; with its own teardown(), rcn_teardown last.
#
# Example:
#	load lib
#	@test "rcn-detect: a folder" {
#		run -0 --separate-stderr rcn-detect "$APPS/express"
#		validate_doc <<<"$output"
#	}
# shellcheck shell=bash disable=SC2154

bats_require_minimum_version 1.5.0

ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
APPS=$ROOT/test/apps
B=${B:-build}
[ "${B#/}" != "$B" ] || B=$ROOT/$B
export ROOT APPS B

setup() {
	rcn_setup
}

teardown() {
	rcn_teardown
}

rcn_setup() {
	local name env=${RCN_TEST_RUN:-/tmp/rcn-test-$UID}/env

	# What the caller has set for our programs is not the test's.
	for name in $(compgen -e RCN_); do
		case $name in
		RCN_TEST_*) ;;
		*) unset "$name" ;;
		esac
	done
	# shellcheck disable=SC1090 # written by test/env
	[ ! -r "$env" ] || . "$env"
	DOCKER_HOST=${RCN_TEST_DOCKER_HOST:-$DOCKER_HOST}
	T=$BATS_TEST_TMPDIR
	HOME=$T/home
	RCN_STATE_DIR=$T/state
	RCN_RUN_DIR=$T/run
	RCN_SHARE_DIR=$ROOT/share
	RCN_CONF=/dev/null
	RCN_SOURCE_USER=root # a test's files are in nobody else's reach
	PATH=$B:$ROOT/sh:$PATH
	LC_ALL=C.UTF-8
	TZ=UTC
	GIT_CONFIG_NOSYSTEM=1
	GIT_TERMINAL_PROMPT=0
	export T HOME RCN_STATE_DIR RCN_RUN_DIR RCN_SHARE_DIR RCN_CONF \
	    RCN_SOURCE_USER PATH LC_ALL TZ GIT_CONFIG_NOSYSTEM GIT_TERMINAL_PROMPT
	unset GIT_SSL_CAINFO GIT_DIR GIT_WORK_TREE XDG_CONFIG_HOME \
	    XDG_STATE_HOME XDG_RUNTIME_DIR DOCKER_CONFIG DOCKER_CONTEXT
	mkdir -p "$HOME" "$RCN_STATE_DIR" "$RCN_RUN_DIR"
	printf '[%s]\n%s\n' user 'name = Test' user 'email = test@example.org' \
	    init 'defaultBranch = main' safe 'directory = *' \
	    protocol.file 'allow = always' commit 'gpgSign = false' \
	    >"$HOME/.gitconfig"
	cd "$T" || return 1
}

# Ends what background() started and removes what the other helpers made.
rcn_teardown() {
	local line

	while read -r line; do
		end_process "$line"
	done 2>/dev/null <"$T/pids" || true
	while read -r line; do
		rcn_clean "$line"
	done 2>/dev/null <"$T/slugs" || true
	while read -r line; do
		docker network rm "$line" >/dev/null 2>&1 || true
	done 2>/dev/null <"$T/networks" || true
	while read -r line; do
		rm -rf "$line"
	done 2>/dev/null <"$T/repos" || true
}

# validate_doc [FILE]: against share/schema/document.json; default stdin.
validate_doc() {
	"$ROOT/test/validate" "${1:--}"
}

# wait_for SECONDS COMMAND...: until it succeeds; what it said when it did not.
wait_for() {
	local seconds=$1 end=$((SECONDS + $1))

	shift
	until "$@" >"$T/wait_for" 2>&1; do
		if [ "$SECONDS" -ge "$end" ]; then
			echo "not within $seconds s: $*"
			cat "$T/wait_for"
			return 1
		fi
		sleep 0.05
	done
}

# background COMMAND...: start it, its output in $T/NAME.out and .err, its
# process id in $!; ended with the test, together with its children.
background() {
	local name=${1##*/}

	setsid "$@" </dev/null >"$T/$name.out" 2>"$T/$name.err" 3>&- 4>&- &
	echo "$!" >>"$T/pids"
}

# end_process PID: SIGTERM to it and its children; SIGKILL after 5 s.
end_process() {
	local i

	kill -TERM -- "-$1" 2>/dev/null || return 0
	for i in {1..100}; do
		kill -0 -- "-$1" 2>/dev/null || return 0
		[ "$i" -lt 100 ] || kill -KILL -- "-$1" 2>/dev/null
		sleep 0.05
	done
}

# free_port [N]: N ports of 127.0.0.1 that nobody listens on.
free_port() {
	/usr/bin/python3 - "${1:-1}" <<'END'
import socket, sys
keep = [socket.socket() for _ in range(int(sys.argv[1]))]
for s in keep:
    s.bind(("127.0.0.1", 0))
    print(s.getsockname()[1])
END
}

# free_subnet: a /24 that no route of this machine overlaps: 10.X.Y.0/24.
free_subnet() {
	local net i

	for i in {1..50}; do
		net=10.$((RANDOM % 100 + 150)).$((RANDOM % 256))
		ip -4 route show table all | grep -qF " ${net%.*}." || break
	done
	echo "$net.0/24"
}

# test_network NAME: a bridge network for the test, removed with it; its
# subnet on standard output.
test_network() {
	local net

	net=$(free_subnet)
	docker network create --subnet "$net" "$1" >/dev/null || return
	echo "$1" >>"$T/networks"
	echo "$net"
}

# make_repo NAME DIR [BRANCH]: commit DIR as it is to the bare repository
# $RCN_TEST_GIT_ROOT/NAME.git, which is made, and removed with the test; the
# commit's id on standard output.  Called again it adds a commit.
make_repo() {
	local bare=$RCN_TEST_GIT_ROOT/$1.git branch=${3:-main}

	if [ ! -d "$bare" ]; then
		git init -q --bare -b main "$bare" || return
		echo "$bare" >>"$T/repos"
	fi
	git --git-dir="$bare" symbolic-ref HEAD "refs/heads/$branch" &&
	    git --git-dir="$bare" --work-tree="$2" add -A &&
	    git --git-dir="$bare" --work-tree="$2" commit -q --allow-empty \
	        -m "${MESSAGE:-Commit for a test}" &&
	    git --git-dir="$bare" rev-parse HEAD &&
	    git --git-dir="$bare" symbolic-ref HEAD refs/heads/main
}

# git_url http|https|token|tokens|ssh|file NAME: where that repository is.
git_url() {
	case $1 in
	http) echo "$RCN_TEST_GIT_HTTP/$2.git" ;;
	https) echo "$RCN_TEST_GIT_HTTPS/$2.git" ;;
	token) echo "$RCN_TEST_GIT_TOKEN_URL/$2.git" ;;
	tokens) echo "$RCN_TEST_GIT_TOKEN_URLS/$2.git" ;;
	ssh) echo "$RCN_TEST_GIT_SSH$RCN_TEST_GIT_ROOT/$2.git" ;;
	file) echo "file://$RCN_TEST_GIT_ROOT/$2.git" ;;
	*) return 64 ;;
	esac
}

# rcn_slug SLUG...: note that the test deploys it; rcn_clean with the test.
rcn_slug() {
	printf '%s\n' "$@" >>"$T/slugs"
}

# rcn_clean SLUG...: remove the containers that carry our label for it.
rcn_clean() {
	local slug

	for slug; do
		docker ps -aq --filter "label=rcn.project=$slug" |
		    xargs -r docker rm -fv >/dev/null 2>&1 || true
	done
}

# registry_login HOST:PORT USER PASSWORD [FOLDER]: a Docker config.json that
# knows it, in FOLDER, by default ~/.docker.
registry_login() {
	local dir=${4:-$HOME/.docker} old='{}'

	mkdir -p "$dir"
	[ ! -s "$dir/config.json" ] || old=$(<"$dir/config.json")
	jq -n --argjson old "$old" --arg host "$1" \
	    --arg auth "$(printf %s "$2:$3" | base64 -w0)" \
	    '$old * {auths: {($host): {auth: $auth}}}' >"$dir/config.json.tmp"
	mv "$dir/config.json.tmp" "$dir/config.json"
}
