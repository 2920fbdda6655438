# hook - what tests of webhooks load besides lib: `load hook`.
#
#	payload push '.ref = "refs/heads/main"' >body.json
#	hook_keys github.com/o/n=SECRET
#	hookd
#	deliver push ID SECRET body.json	# sets $code; the answer in answer
# shellcheck shell=bash disable=SC2034,SC2154

# payloads: the folder of GitHub's own examples, the npm package
# @octokit/webhooks-examples, fetched once and kept.
payloads() {
	local version=7.6.1 sum dir
	sum=De6U3XB6O3DtCa7bKgCMzTHdeopqqZ6SNivMYJnK65ierKL1AnNIA0tkRYCRS7lw
	sum+=GT792d+Ps1WbfHlso6MynQ==
	dir=${RCN_TEST_CACHE:-$HOME/.cache/rcn-test}/webhooks-examples-$version

	if [ ! -r "$dir/index.json" ]; then
		mkdir -p "$dir"
		curl -sSf --retry 3 -o "$T/examples.tgz" \
		    "${npm_config_registry:-https://registry.npmjs.org}/@octokit/webhooks-examples/-/webhooks-examples-$version.tgz" ||
		    return
		[ "$(openssl dgst -sha512 -binary "$T/examples.tgz" |
		    base64 -w0)" = "$sum" ] || return
		tar -xzf "$T/examples.tgz" -C "$dir" --strip-components 2 \
		    package/api.github.com/index.json || return
	fi
	echo "$dir"
}

# payload EVENT [FILTER]: the first example that jq's FILTER does not drop.
payload() {
	jq -c --arg name "$1" "first(.[] | select(.name == \$name) |
	    .examples[] | ${2:-.})" "$(payloads)/index.json"
}

# hook_keys KEY=SECRET ...: as rcn-state writes them.
hook_keys() {
	mkdir -p "$RCN_STATE_DIR/hook"
	/usr/bin/python3 "$ROOT/test/load/hook.py" keys \
	    "$RCN_STATE_DIR/hook" "$@"
}

# hookd [OPTION ...]: starts it; $hook is its address, $hookd its process id,
# its log $T/rcn-hookd.err.
hookd() {
	hook=127.0.0.1:$(free_port)
	background rcn-hookd --listen "$hook" "$@"
	hookd=$!
	wait_for 10 curl -sf "http://$hook/healthz"
}

# signature SECRET FILE: the header's value.
signature() {
	local mac

	mac=$(openssl dgst -sha256 -hmac "$1" -r "$2")
	echo "sha256=${mac%% *}"
}

# deliver EVENT ID SECRET FILE [CURL-OPTION ...]: $code and the file answer.
# TYPE=... is its content type, SECRET "" leaves it unsigned.
deliver() {
	local event=$1 id=$2 secret=$3 file=$4 sign=X-None:

	shift 4
	[ -z "$secret" ] ||
	    sign="X-Hub-Signature-256: $(signature "$secret" "$file")"
	code=$(curl -sS -o answer -w '%{http_code}' -H "$sign" \
	    -H "X-GitHub-Event: $event" -H "X-GitHub-Delivery: $id" \
	    -H "Content-Type: ${TYPE:-application/json}" -H 'Expect:' \
	    --data-binary "@$file" "$@" \
	    "http://$hook/api/webhooks/github")
}

# spooled [JQ]: the deliveries that wait, a line each.
spooled() {
	/usr/bin/python3 - "$RCN_STATE_DIR/hook/spool.db" <<'END' | jq -c "${1:-.}"
import sqlite3, sys
db = sqlite3.connect(f"file:{sys.argv[1]}?mode=ro", uri=True)
for (data,) in db.execute(
    "SELECT data FROM deliveries WHERE data IS NOT NULL ORDER BY seq"
):
    print(data)
END
}

# names [SLUG]: jq that puts a repository of the test's into a payload.
names() {
	local url

	url=$(git_url http "${1:-$slug}")
	echo ".repository |= (.full_name = \"octo/${1:-$slug}\" |
	    .name = \"${1:-$slug}\" | .clone_url = \"$url\" |
	    .ssh_url = \"$url\" | .html_url = \"$url\")"
}

# pushed COMMIT [BRANCH] [SLUG]: GitHub's delivery of it, signed with $secret;
# 202 is awaited.
pushed() {
	payload push "select(.ref | startswith(\"refs/heads/\")) |
	    $(names "${3:-$slug}") | .ref = \"refs/heads/${2:-main}\" |
	    .after = \"$1\" | .head_commit.id = \"$1\" |
	    .repository.pushed_at = $((nth += 1))" >body
	deliver push "delivery-$BATS_TEST_NUMBER-$nth-$1" "$secret" body
	[ "$code" = 202 ] || {
		cat answer
		return 1
	}
}
