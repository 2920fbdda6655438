# rcn-fetch: mirrors over every transport, and each way to fail.
# shellcheck shell=bash disable=SC2154
load lib

bats_require_minimum_version 1.5.0

# A repository of this test's own, as a folder; its first commit in $first,
# its second in $second.
make_source() {
	name=source-$BATS_TEST_NUMBER-$$
	mkdir -p app/sub
	echo one >app/a
	echo sub >app/sub/b
	first=$(make_repo "$name" app)
	echo two >app/a
	second=$(make_repo "$name" app)
	repo=$RCN_TEST_GIT_ROOT/$name.git
}

field() {
	jq -r "$1" <<<"$output"
}

tree_of() {
	git -C "$repo" rev-parse "$1^{tree}"
}

# fails STATUS CODE COMMAND...: with that status and error, one line of cause.
fails() {
	local status=$1 code=$2

	shift 2
	run "-$status" --separate-stderr "$@"
	[ "$(field .error.code)" = "$code" ] || {
		echo "$output" "$stderr"
		return 1
	}
	[ "$(field .error.status)" = "$status" ]
	[[ $stderr == "rcn-fetch: "* ]]
	validate_doc <<<"$output"
}

@test "rcn-fetch: http, the server's HEAD" {
	make_source
	run -0 --separate-stderr rcn-fetch --url "$(git_url http "$name")"
	[ -z "$stderr" ]
	validate_doc <<<"$output"
	[ "$(field .source.kind)" = git ]
	[ "$(field .source.commit)" = "$second" ]
	[ "$(field .source.branch)" = main ]
	[ "$(field .source.tree)" = "git:$(tree_of "$second")" ]
	[ "$(field .source.author)" = "Test <test@example.org>" ]
	[ "$(field .project.slug)" = "$name" ]
	git --git-dir "$(field .source.path)" cat-file -e "$second"
	# No commit that is not there, none that is removed, no work tree.
	[ "$(git --git-dir "$(field .source.path)" show "$second:a")" = two ]
}

@test "rcn-fetch: https with a CA, a token for each, ssh with a key, file" {
	local how
	make_source
	printf '%s\n' "$RCN_TEST_GIT_TOKEN" >token
	printf 'anybody:%s' "$RCN_TEST_GIT_TOKEN" >user-token
	export GIT_SSL_CAINFO=$RCN_TEST_GIT_CA
	for how in "https" "token --token-file token" \
	    "tokens --token-file user-token" \
	    "ssh --key $RCN_TEST_GIT_SSH_KEY --known-hosts $RCN_TEST_GIT_SSH_KNOWN_HOSTS" \
	    "ssh --key $RCN_TEST_GIT_SSH_KEY" "file"; do
		# shellcheck disable=SC2086
		set -- $how
		echo "# $how"
		run -0 --separate-stderr rcn-fetch \
		    --url "$(git_url "$1" "$name")" --branch main "${@:2}"
		validate_doc <<<"$output"
		[ "$(field .source.commit)" = "$second" ]
		[[ $output$stderr != *"$RCN_TEST_GIT_TOKEN"* ]]
		rm -rf state/mirrors/*.git
	done
	[ -s state/mirrors/known_hosts ]
	run ! grep -rq "$RCN_TEST_GIT_TOKEN" state
}

@test "rcn-fetch: secrets beside the document" {
	make_source
	mkdir -p secrets/git
	printf '%s' "$RCN_TEST_GIT_TOKEN" >secrets/git/token
	export RCN_SECRETS=$T/secrets
	run -0 --separate-stderr rcn-fetch --url "$(git_url token "$name")"
	[ "$(field .source.commit)" = "$second" ]
	cp "$RCN_TEST_GIT_SSH_KEY" secrets/git/key
	cp "$RCN_TEST_GIT_SSH_KNOWN_HOSTS" secrets/git/known_hosts
	run -0 --separate-stderr rcn-fetch --url "$(git_url ssh "$name")"
	[ "$(field .source.commit)" = "$second" ]
}

@test "rcn-fetch: an exact commit, by hand and as a filter; a root folder" {
	make_source
	run -0 --separate-stderr rcn-fetch --url "$(git_url http "$name")" \
	    --commit "$first"
	[ "$(field .source.commit)" = "$first" ]
	[ "$(field .deployment.commit)" = "$first" ]
	run -0 --separate-stderr rcn-fetch --url "$(git_url http "$name")" \
	    --commit "${second:0:9}"
	[ "$(field .source.commit)" = "$second" ]
	jq -c ".deployment += {commit: \"$first\", branch: \"main\"} |
	    .project.root = \"sub\" | del(.source) | .x = 1" \
	    <<<"$output" >in
	run -0 --separate-stderr rcn-fetch -d in
	validate_doc <<<"$output"
	[ "$(field .source.tree)" = \
	    "git:$(git -C "$repo" rev-parse "$first:sub")" ]
	[ "$(field .source.root)" = sub ]
	[ "$(field .x)" = 1 ]
}

@test "rcn-fetch: branches that become folders, tags, refs, force pushes" {
	local url
	make_source
	url=$(git_url http "$name")
	git -C "$repo" branch topic "$first"
	git -C "$repo" tag -a -m v1 v1 "$first"
	git -C "$repo" update-ref refs/pull/7/head "$first"
	for ref in topic v1 refs/pull/7/head refs/tags/v1; do
		run -0 --separate-stderr rcn-fetch --url "$url" --branch "$ref"
		[ "$(field .source.commit)" = "$first" ]
	done
	git -C "$repo" branch -D topic
	git -C "$repo" branch topic/two "$second"
	run -0 --separate-stderr rcn-fetch --url "$url" --branch topic/two
	[ "$(field .source.commit)" = "$second" ]
	fails 66 no-such-commit rcn-fetch --url "$url" --branch topic
	git -C "$repo" update-ref refs/heads/topic/two "$first"
	run -0 --separate-stderr rcn-fetch --url "$url" --branch topic/two
	[ "$(field .source.commit)" = "$first" ]
	# A short id is looked for in all of them.
	rm -rf state/mirrors
	run -0 --separate-stderr rcn-fetch --url "$url" --commit "${first:0:8}" \
	    --branch gone
	[ "$(field .source.commit)" = "$first" ]
}

@test "rcn-fetch: a server that gives no exact commit is asked for branches" {
	make_source
	run -0 --separate-stderr env GIT_PROTOCOL=version=0 rcn-fetch \
	    --url "$(git_url http "$name")" --commit "$first"
	git config --global protocol.version 0
	rm -rf state/mirrors
	run -0 --separate-stderr rcn-fetch --url "$(git_url http "$name")" \
	    --commit "$first" -v
	[ "$(field .source.commit)" = "$first" ]
	[[ $stderr == *"unadvertised object"* ]]
	fails 66 no-such-commit rcn-fetch --url "$(git_url http "$name")" \
	    --commit 0123456789012345678901234567890123456789
}

@test "rcn-fetch: resume needs no network, and no branch that has moved" {
	local bad
	make_source
	run -0 --separate-stderr rcn-fetch --url "$repo" --branch main
	echo "$output" >doc
	mv "$repo" "$repo.away"
	run -0 --separate-stderr rcn-fetch -d doc
	[ "$output" = "$(cat doc)" ]
	# Not when something else is asked for, nor when the mirror is gone.
	jq -c '.deployment.branch = "other"' doc >other
	run -66 --separate-stderr rcn-fetch -d other
	rm -rf state/mirrors
	run -66 --separate-stderr rcn-fetch -d doc
	mv "$repo.away" "$repo"
	run -0 --separate-stderr rcn-fetch -d doc
	[ "$(field .source.commit)" = "$second" ]
	# An exact commit that is there needs none either.
	bad=$repo
	mv "$repo" "$repo.away"
	mkdir "$bad"
	run -0 --separate-stderr rcn-fetch --url "$bad" --commit "$second"
	rmdir "$bad"
	mv "$repo.away" "$repo"
}

@test "rcn-fetch: a source that was given needs no repository" {
	local doc='{"rcn":{"version":1},"project":{"slug":"a"},"deployment":{"id":"1","environment":"production","trigger":"cli","attempt":1},"source":{"kind":"dir","path":"/srv/app","tree":"sha256:00"}}'

	run -0 --separate-stderr rcn-fetch <<<"$doc"
	[ "$(jq -cS '.source | del(.key)' <<<"$output")" = \
	    "$(jq -cS .source <<<"$doc")" ]
	fails 65 section-missing rcn-fetch <<<"$(jq 'del(.source)' <<<"$doc")"
}

@test "rcn-fetch: a broken mirror is made again" {
	local url mirror pack
	make_source
	url=$(git_url http "$name")
	run -0 --separate-stderr rcn-fetch --url "$url"
	mirror=$(field .source.path)
	rm -rf "$mirror/objects"
	run -0 --separate-stderr rcn-fetch --url "$url"
	find "$mirror/objects" -type f -delete
	run -0 --separate-stderr rcn-fetch --url "$url"
	[ "$(field .source.commit)" = "$second" ]
	# One blob is enough.
	for pack in "$mirror"/objects/pack/*.pack; do
		[ -e "$pack" ] || continue
		mv "$pack" pack
		rm -f "$mirror"/objects/pack/*
		git --git-dir "$mirror" unpack-objects -q <pack
	done
	rm "$mirror/objects/$(git -C "$repo" rev-parse "$second:a" |
	    sed 's,^..,&/,')"
	run -0 --separate-stderr rcn-fetch --url "$url" --commit "$second"
	[[ $stderr == *"the mirror is broken"* ]]
	git --git-dir "$mirror" fsck --connectivity-only "$second"
	echo garbage >"$mirror/HEAD"
	run -0 --separate-stderr rcn-fetch --url "$url"
	[ "$(field .source.commit)" = "$second" ]
	rm "$mirror/HEAD"
	run -0 --separate-stderr rcn-fetch --url "$url"
}

@test "rcn-fetch: two at once" {
	local url one
	make_source
	url=$(git_url http "$name")
	rcn-fetch --url "$url" >one 3>&- 2>&1 &
	one=$!
	run -0 --separate-stderr rcn-fetch --url "$url"
	wait "$one"
	[ "$(field .source.commit)" = "$(jq -r .source.commit one)" ]
}

@test "rcn-fetch: what cannot be had" {
	make_source
	fails 66 no-such-repository rcn-fetch --url "$(git_url http nothing)"
	fails 77 fetch-denied rcn-fetch --url "$(git_url token "$name")"
	echo wrong >token
	fails 77 fetch-denied rcn-fetch --url "$(git_url token "$name")" \
	    --token-file token
	fails 69 fetch-failed rcn-fetch --url "http://127.0.0.1:$(free_port)/a"
	fails 69 fetch-failed rcn-fetch --url "$RCN_TEST_GIT_HTTP/broken/$name.git"
	fails 69 fetch-failed rcn-fetch --url "$(git_url https "$name")"
	ssh-keygen -q -t ed25519 -N '' -f other
	fails 77 fetch-denied rcn-fetch --url "$(git_url ssh "$name")" --key other
	sed 's/AAAA[^ ]*/AAAAC3NzaC1lZDI1NTE5AAAAIJ00000000000000000000000000000000000000000/' \
	    "$RCN_TEST_GIT_SSH_KNOWN_HOSTS" >hosts
	fails 77 fetch-denied rcn-fetch --url "$(git_url ssh "$name")" \
	    --key "$RCN_TEST_GIT_SSH_KEY" --known-hosts hosts
	RCN_FETCH_TIMEOUT=1 fails 75 timeout rcn-fetch \
	    --url "$RCN_TEST_GIT_HTTP/slow/$name.git"
	git init -q --bare empty.git
	fails 66 no-such-commit rcn-fetch --url "$T/empty.git"
	echo '{"root":"nowhere"}' >project
	fails 66 root-missing rcn-fetch --url "$repo" --project project
}

@test "rcn-fetch: the token goes to no other host" {
	local port
	make_source
	port=$(free_port)
	cat >server.py <<'PY'
import http.server, sys
class H(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        with open("seen", "a") as f:
            f.write(str(self.headers))
        self.send_response(401)
        self.send_header("WWW-Authenticate", 'Basic realm="x"')
        self.end_headers()
http.server.HTTPServer(("127.0.0.1", int(sys.argv[1])), H).serve_forever()
PY
	background /usr/bin/python3 server.py "$port"
	cat >redirect.py <<'PY'
import http.server, sys
class H(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(302)
        self.send_header("Location", sys.argv[2] + self.path)
        self.end_headers()
http.server.HTTPServer(("127.0.0.1", int(sys.argv[1])), H).serve_forever()
PY
	local from
	from=$(free_port)
	background /usr/bin/python3 redirect.py "$from" "http://127.0.0.1:$port"
	wait_for 5 bash -c "echo >/dev/tcp/127.0.0.1/$port"
	wait_for 5 bash -c "echo >/dev/tcp/127.0.0.1/$from"
	echo "very-secret" >token
	fails 77 fetch-denied rcn-fetch --url "http://127.0.0.1:$from/x.git" \
	    --token-file token
	run ! grep -i authorization seen
}

@test "rcn-fetch: trees that git would not check out" {
	local tree commit
	make_source
	tree=$(printf '100644 ..\0%b' \
	    "$(git -C "$repo" rev-parse "$second:a" | sed 's/../\\x&/g')" |
	    git -C "$repo" hash-object -w -t tree --literally --stdin)
	commit=$(git -C "$repo" commit-tree -m bad "$tree")
	git -C "$repo" update-ref refs/heads/bad "$commit"
	fails 65 source-refused rcn-fetch --url "$(git_url http "$name")" \
	    --branch bad
}

@test "rcn-fetch: stopped at work" {
	local pid status=0
	make_source
	rcn-fetch --url "$RCN_TEST_GIT_HTTP/slow/$name.git" >out 2>err 3>&- &
	pid=$!
	wait_for 5 pgrep -P "$pid" git
	kill "$pid"
	wait "$pid" || status=$?
	[ "$status" = 75 ]
	[ "$(jq -r .error.code out)" = cancelled ]
}

@test "rcn-fetch: git as another user" {
	[ "$(id -u)" = 0 ] || skip "needs root"
	local away
	make_source
	away=$(mktemp -d /tmp/rcn-fetch-XXXXXX)
	chmod 755 "$away"
	export RCN_FETCH_USER=nobody RCN_STATE_DIR=$away/state
	run --separate-stderr rcn-fetch --url "$(git_url http "$name")"
	echo "$stderr"
	[ "$status" = 0 ]
	[ "$(stat -c %U "$(field .source.path)/HEAD")" = nobody ]
	RCN_FETCH_USER=root
	fails 78 bad-setting rcn-fetch --url "$(git_url http "$name")"
	rm -rf "$away"
}

@test "rcn-fetch: addresses and names that are refused" {
	local url
	for url in -x --upload-pack=x 'ext::sh -c x' ext::x fd::17 'a b' \
	    https://token@host/x http://u:p@host/x ssh://u:p@host/x \
	    ssh://-oProxyCommand=x/y ftp://host/x https:///x ''; do
		run -64 --separate-stderr rcn-fetch --url="$url"
		[ -z "$output" ]
		[[ $stderr == "rcn-fetch: "* ]]
		[[ $stderr != *:p@* ]]
	done
	run -66 --separate-stderr rcn-fetch --url /nowhere/at/all
	git init -q --bare r.git
	for url in -x 'a b' a..b 'a:b' +a /a a/ a. 'a@{1}' '*' ''; do
		fails 64 bad-branch rcn-fetch --url r.git --branch="$url" || {
			[ -z "$url" ]
		}
	done
	fails 64 bad-commit rcn-fetch --url r.git --commit HEAD
	fails 64 bad-commit rcn-fetch --url r.git --commit abc
	run -66 --separate-stderr rcn-fetch --url r.git --key none
	run -64 --separate-stderr rcn-fetch --url r.git --slug A
}

@test "rcn-fetch: usage, help, version" {
	run -0 --separate-stderr rcn-fetch -h
	[[ $output == "usage: rcn-fetch"* ]]
	run -0 rcn-fetch -V
	run -64 --separate-stderr rcn-fetch --nonsense
	[ -z "$output" ]
	run -64 --separate-stderr rcn-fetch operand
	run -64 --separate-stderr rcn-fetch --branch main
}

@test "rcn-fetch: input that is no document" {
	run -66 --separate-stderr rcn-fetch </dev/null
	run -74 --separate-stderr bash -c 'rcn-fetch <&-'
	run -66 --separate-stderr rcn-fetch <<<'{"rcn":'
	run -65 --separate-stderr rcn-fetch <<<'[]'
	printf '{"a":"\0"}' >nul
	run -65 --separate-stderr rcn-fetch -d nul
	{
		printf '{"a":"'
		head -c 5000000 /dev/zero | tr '\0' a
		printf '"}'
	} >huge
	run -65 --separate-stderr rcn-fetch -d huge
	fails 65 section-missing rcn-fetch <<<'{"rcn":{"version":1},
	    "project":{"slug":"a"},"deployment":{"id":"x","environment":
	    "production","trigger":"cli","attempt":1}}'
}

@test "rcn-fetch: an error passes through; a full disk; nobody reads" {
	make_source
	run -69 --separate-stderr rcn-fetch <<<'{"rcn":{"version":1},
	    "error":{"status":69,"code":"x"}}'
	[ -z "$stderr" ]
	[ ! -e state/mirrors ]
	run -74 --separate-stderr bash -c 'rcn-fetch --url "$1" >/dev/full' - \
	    "$repo"
	run -141 --separate-stderr bash -c \
	    'set -o pipefail; rcn-fetch --url "$1" | true; exit $?' - "$repo"
}

@test "rcn-fetch: a push that changes nothing watched is refused, by trees" {
	make_source
	mkdir -p app/docs
	echo words >app/docs/read
	third=$(make_repo "$name" app)
	rcn-fetch --url "$(git_url http "$name")" --commit "$third" |
		jq -c --arg base "$second" 'del(.source, .timings) |
		    .deployment.base = $base' >doc
	jq -c '.project.watch = ["a", "sub/"]' doc >in
	fails 1 unwatched rcn-fetch -d in
	[[ $stderr == *"nothing that the project watches has changed"* ]]
	[ "$(field .source)" = null ]
	# One of them, all of it, one that came, one that is not there.
	for paths in '["a", "docs/read"]' '["/docs/"]' '["."]' '[]'; do
		jq -c --argjson p "$paths" '.project.watch = $p' doc >in
		run -0 --separate-stderr rcn-fetch -d in
		[ "$(field .source.commit)" = "$third" ]
	done
	jq -c '.project.watch = ["nowhere"]' doc >in
	fails 1 unwatched rcn-fetch -d in
	# A base that nobody has any more: it cannot be told.
	jq -c '.project.watch = ["a"] |
	    .deployment.base = "00000000000000000000000000000000000000aa"' \
	    doc >in
	run -0 rcn-fetch -d in
}
