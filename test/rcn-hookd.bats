# rcn-hookd: real payloads, every answer, attacks, a full disk, kill -9.
# shellcheck disable=SC2154,SC2314,SC2315

load lib
load hook

# What is GitHub's own, for our repository.
ours='.repository |= (.full_name = "Octo/App" | .name = "App" |
	.clone_url = "https://github.com/Octo/App.git" |
	.ssh_url = "git@github.com:Octo/App.git" |
	.html_url = "https://github.com/Octo/App")'
branch="select(.ref | startswith(\"refs/heads/\")) | $ours"

setup() {
	rcn_setup
	hook_keys github.com/octo/app=firstsecret github.com/octo/app=second \
		github.com/other/app=theirs "*=everybody"
}

teardown() {
	rcn_teardown
	! mountpoint -q "$RCN_STATE_DIR/hook" || umount -l "$RCN_STATE_DIR/hook"
}

says() {
	grep -qF -- "$1" answer || {
		echo "want $1, got $code: $(cat answer)"
		return 1
	}
}

@test "GitHub's examples: push, pull requests, ping, all others ignored" {
	hookd
	payload push "$branch" >body
	deliver push d-1 firstsecret body
	[ "$code" = 202 ]
	jq -e '.status == "recorded" and .delivery == "d-1"' answer
	spooled >all
	jq -e --slurpfile body body '.delivery == "d-1" and
		.event == "push" and .provider == "github" and
		.repository.keys == ["github.com/octo/app"] and
		.repository.full_name == "Octo/App" and
		.branch == ($body[0].ref | ltrimstr("refs/heads/")) and
		.commit == $body[0].after and
		.actor == $body[0].sender.login and
		.author == $body[0].head_commit.author.name and
		(.message | length) > 0' all

	payload pull_request "select(.action == \"opened\") | $ours" >body
	deliver pull_request d-2 second body
	[ "$code" = 202 ]
	spooled 'select(.delivery == "d-2")' >all
	jq -e --slurpfile body body '.event == "pull_request" and
		.pull_request.number == $body[0].number and
		.pull_request.action == "opened" and
		.commit == $body[0].pull_request.head.sha and
		.pull_request.head_branch == $body[0].pull_request.head.ref' all

	payload ping "select(.repository) | $ours" >body
	deliver ping d-3 firstsecret body
	[ "$code" = 200 ]
	says pong
	payload push "select(.ref | startswith(\"refs/tags\")) | $ours" >body
	deliver push d-4 firstsecret body
	[ "$code" = 200 ]
	says "a tag"
	[ "$(spooled | wc -l)" -eq 2 ]
}

@test "without --listen: at RCN_HOOK_LISTEN, where rcn setup looks" {
	export RCN_HOOK_LISTEN
	RCN_HOOK_LISTEN=127.0.0.1:$(free_port)
	background rcn-hookd
	wait_for 10 curl -s -o "$T/none" "http://$RCN_HOOK_LISTEN/healthz"
}

@test "every example of GitHub's, signed by the default secret, is understood" {
	hookd
	jq -c '.[] | .name as $n | .examples[] | {n: $n, b: .}' \
		"$(payloads)/index.json" >all
	n=0
	while read -r line; do
		jq -c .b <<<"$line" >body
		deliver "$(jq -r .n <<<"$line")" "e-$((++n))" everybody body
		case $code in
		200 | 202) ;;
		*)
			echo "$code $(cat answer) $(head -c 300 body)"
			return 1
			;;
		esac
	done <all
	[ "$n" -gt 100 ]
	spooled .event | sort | uniq -c >kinds
	grep -q '"push"' kinds
	grep -q '"pull_request"' kinds
}

@test "a form, a duplicate, a replay, a skipped commit, a deleted branch" {
	hookd
	payload push "$branch" >body
	printf 'payload=%s' "$(jq -sRr @uri body)" >form
	form=application/x-www-form-urlencoded
	TYPE=$form deliver push f-1 firstsecret form
	[ "$code" = 202 ]
	TYPE=$form deliver push f-1 firstsecret form
	[ "$code" = 200 ]
	says duplicate
	TYPE=$form deliver push f-2 firstsecret form
	[ "$code" = 200 ]
	says "another id"
	payload push "$branch | .head_commit.message = \"x [skip ci]\"" >body
	deliver push f-3 firstsecret body
	[ "$code" = 200 ]
	says skipped
	payload push "$branch | .deleted = true | .head_commit = null |
		.after = \"$(printf '0%.0s' {1..40})\"" >body
	deliver push f-4 firstsecret body
	[ "$code" = 202 ]
	spooled 'select(.delivery == "f-4") | .event' | grep branch_deleted
	[ "$(spooled | wc -l)" -eq 2 ]
}

@test "Gitea and Forgejo: their headers, their words" {
	hook_keys git.example.com/octo/app=firstsecret
	hookd
	payload push "$branch | .repository.clone_url =
		\"https://git.example.com/Octo/App.git\" |
		.repository.ssh_url = \"git@git.example.com:Octo/App.git\" |
		.repository.html_url = \"https://git.example.com/Octo/App\"" >body
	deliver push g-1 firstsecret body -H 'X-Gitea-Event: push' \
		-H 'X-Gitea-Delivery: g-1'
	[ "$code" = 202 ]
	mac=$(signature firstsecret body)
	jq -c '.forced = true' body >body2
	mac=$(signature firstsecret body2)
	code=$(curl -sS -o answer -w '%{http_code}' -H 'X-Forgejo-Event: push' \
		-H 'X-Forgejo-Delivery: g-2' -H 'Content-Type: application/json' \
		-H "X-Forgejo-Signature: ${mac#sha256=}" --data-binary @body2 \
		"http://$hook/api/webhooks/github")
	[ "$code" = 202 ]
	[ "$(spooled .provider | tr '\n' ' ')" = '"gitea" "forgejo" ' ]
	[ "$(spooled '.repository.keys[0]' | sort -u)" = \
		'"git.example.com/octo/app"' ]
}

@test "401: unsigned, SHA-1 alone, wrong, unknown, another repository's secret" {
	hookd
	payload push "$branch" >body
	deliver push a-1 wrong body
	[ "$code" = 401 ]
	cp answer wrong
	jq -c '.repository.full_name = "no/body" |
		.repository.clone_url = "https://github.com/no/body.git" |
		.repository.ssh_url = "git@github.com:no/body.git" |
		.repository.html_url = "https://github.com/no/body"' body >unknown
	deliver push a-2 wrong unknown
	[ "$code" = 401 ]
	cmp answer wrong
	deliver push a-3 theirs body
	[ "$code" = 401 ]
	cmp answer wrong
	jq -c '.x = {full_name: "other/app"}' body >both
	deliver push a-4 theirs both
	[ "$code" = 401 ]
	cmp answer wrong
	deliver push a-5 "" body \
		-H "X-Hub-Signature: sha1=$(openssl dgst -sha1 -hmac firstsecret \
			-r body | cut -d' ' -f1)"
	[ "$code" = 401 ]
	says "SHA-1"
	deliver push a-6 "" body
	[ "$code" = 401 ]
	[ "$(spooled | wc -l)" -eq 0 ]
	! grep -q firstsecret "$T/rcn-hookd.err"
}

@test "400, 404, 405, 413, 415: what the head alone tells" {
	hookd
	echo '{"full_name":"octo/app"' >body
	deliver push h-1 firstsecret body
	[ "$code" = 400 ]
	says bad-json
	deliver push 'h/2' firstsecret body
	[ "$code" = 400 ]
	TYPE=text/plain deliver push h-3 firstsecret body
	[ "$code" = 415 ]
	truncate -s 26214401 big
	deliver push h-4 firstsecret big
	[ "$code" = 413 ]
	[ "$(curl -s -o answer -w '%{http_code}' "http://$hook/")" = 404 ]
	run -0 curl -si "http://$hook/api/webhooks/github"
	[[ $output == *" 405 "* && $output == *"Allow: POST"* ]]
}

@test "a body of 25 MiB, signed, is read; memory stays" {
	hookd
	payload push "$branch" | jq -c '.pad = ""' >body
	head -c 26000000 /dev/zero | tr '\0' 'x' >pad
	python3 - <<'END'
body = open("body").read()
open("large", "w").write(body.replace('"pad":""', '"pad":"%s"' % open("pad").read()))
END
	deliver push l-1 firstsecret large
	[ "$code" = 202 ]
	rss=$(sed -n 's/^RssAnon:[^0-9]*\([0-9]*\) kB/\1/p' "/proc/$hookd/status")
	echo "RssAnon $rss"
	[ "$rss" -le 4096 ] || grep -q asan <(ldd "$B/rcn-hookd")
}

@test "idle it holds at most 2 MB, and no descriptor it does not need" {
	grep -q asan <(ldd "$B/rcn-hookd") && skip "memory is the sanitizer's"
	hookd
	rss=$(sed -n 's/^RssAnon:[^0-9]*\([0-9]*\) kB/\1/p' "/proc/$hookd/status")
	echo "RssAnon $rss"
	[ "$rss" -le 2048 ]
	[ "$(find "/proc/$hookd/fd" -type l | wc -l)" -le 14 ]
	grep -E '^NoNewPrivs:[^0-9]*1' "/proc/$hookd/status"
	grep -E '^Seccomp:[^0-9]*2' "/proc/$hookd/status"
}

@test "smuggling forms are refused, and what hides behind them is not served" {
	hookd
	hidden=$'GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n'
	post='POST /api/webhooks/github HTTP/1.1\r\nHost: x\r\n'
	n=0
	while IFS= read -r form; do
		printf '%b' "$form" >form
		printf '%s' "$hidden" >>form
		run -0 python3 "$ROOT/test/load/hook.py" raw "$hook" <form
		[[ $output == "HTTP/1.1 4"[01][01]* ]] || {
			echo "$form: $output"
			return 1
		}
		[ "$(grep -c HTTP/1.1 <<<"$output")" -eq 1 ]
		[[ $output != *'"ok"'* ]]
		n=$((n + 1))
	done <<END
${post}Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n
${post}Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n
${post}Content-Length: 0\r\nContent-Length: 39\r\n\r\n
${post}Content-Length: 0\r\nContent-Length: 0\r\n\r\n
${post}Content-Length: +0\r\n\r\n
${post}Content-Length: 0x0\r\n\r\n
${post}Content-Length: 0,0\r\n\r\n
${post}Content-Length : 0\r\n\r\n
${post}X: a\r\n Content-Length: 5\r\n\r\n
${post}Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n
${post}Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n
${post}X: y\n\r\n
GET /healthz HTTP/1.1\n\n
GET /healthz HTTP/1.1\r\n\r\n
GET /healthz HTTP/1.1\r\nHost: x\r\nHost: y\r\n\r\n
GET  /healthz HTTP/1.1\r\nHost: x\r\n\r\n
\r\n\r\n
END
	[ "$n" -eq 17 ]
	# A proper one is answered once, whatever follows.
	printf '%s%s' "$hidden" "$hidden" >form
	run -0 python3 "$ROOT/test/load/hook.py" raw "$hook" <form
	[ "$(grep -c '"ok"' <<<"$output")" -eq 1 ]
}

@test "under each attack real deliveries are recorded, in 4 MB" {
	hook_keys github.com/attack/app=attacksecret
	hookd -q
	ATTACK_SECONDS=${ATTACK_SECONDS:-2} python3 "$ROOT/test/load/hook.py" \
		attack "$hook" "$hookd" attacksecret >rows
	cat rows
	[ "$(wc -l <rows)" -eq 11 ]
	limit=4096
	! grep -q asan <(ldd "$B/rcn-hookd") || limit=1000000
	jq -se --argjson limit "$limit" 'all(.sent >= 5 and .recorded == .sent and
		.worst_ms < 5000 and .rss_kb > 0 and .rss_kb <= $limit)' rows
	jq -se '(.[] | select(.attack == "idle") | .seen.idle) >= 10000' rows
	jq -se 'all(.[]; .attack == "replay" or .seen["202"] == null)' rows
}

@test "a slow request ends: its head in 15 s, its body in 30 s" {
	hookd
	began=$SECONDS
	{
		printf 'GET /healthz HTTP/1.1\r\n'
		sleep 25
	} | timeout 40 python3 -c '
import socket, sys, time
host, port = sys.argv[1].split(":")
s = socket.create_connection((host, int(port)))
s.sendall(b"GET /healthz HTTP/1.1\r\n")
s.settimeout(0.5)
for i in range(50):
    try:
        part = s.recv(4096)
        print(part.decode())
        break
    except TimeoutError:
        s.sendall(b"X: %d\r\n" % i)
' "$hook" >out
	grep 'HTTP/1.1 408' out
	grep 'status=408' "$T/rcn-hookd.err"
}

@test "a unix socket, and sockets that were passed" {
	background rcn-hookd --listen "unix:$T/hook.sock"
	wait_for 10 curl -sf --unix-socket "$T/hook.sock" http://x/healthz
	port=$(free_port)
	cat >pass.py <<'END'
import os, socket, sys
s = socket.create_server(("127.0.0.1", int(sys.argv[1])))
os.dup2(s.fileno(), 3)
os.set_inheritable(3, True)
os.environ.update(LISTEN_PID=str(os.getpid()), LISTEN_FDS="1")
os.execvp(sys.argv[2], sys.argv[2:])
END
	RCN_STATE_DIR=$T/second background python3 pass.py "$port" rcn-hookd
	wait_for 10 curl -sf "http://127.0.0.1:$port/healthz"
}

@test "SIGTERM: what has come is answered, then it ends with 0" {
	hookd
	payload push "$branch" >body
	# A body of which the end is still to come at the signal.
	python3 - "$hook" "$hookd" "$(signature firstsecret body)" >out <<'END'
import os, signal, socket, sys, time
host, port = sys.argv[1].split(":")
body = open("body", "rb").read().ljust(60000)
import hashlib, hmac
mac = hmac.new(b"firstsecret", body, hashlib.sha256).hexdigest()
s = socket.create_connection((host, int(port)))
s.sendall(("POST /api/webhooks/github HTTP/1.1\r\nHost: x\r\n"
    "Content-Type: application/json\r\nX-GitHub-Event: push\r\n"
    f"X-GitHub-Delivery: t-1\r\nX-Hub-Signature-256: sha256={mac}\r\n"
    f"Content-Length: {len(body)}\r\n\r\n").encode() + body[:40000])
time.sleep(0.3)
os.kill(int(sys.argv[2]), signal.SIGTERM)
time.sleep(0.3)
s.sendall(body[40000:])
print(s.recv(4096).decode())
END
	grep 'HTTP/1.1 202' out
	wait_for 5 sh -c "! kill -0 $hookd 2>/dev/null"
	[ "$(spooled | wc -l)" -eq 1 ]
	run ! curl -s "http://$hook/healthz"
}

@test "kill -9: each 202 is in the spool" {
	payload push "$branch" >base
	: >promised
	for round in 1 2 3; do
		hookd -q
		(
			sleep "0.$((RANDOM % 5 + 3))"
			kill -9 "$hookd"
		) 3>&- &
		for i in {1..60}; do
			jq -c --arg i "$round-$i" '.n = $i' base >body
			deliver push "k-$round-$i" firstsecret body 2>/dev/null ||
				break
			[ "$code" != 202 ] || echo "k-$round-$i" >>promised
		done
		wait "$!" || true
		kill -9 "$hookd" 2>/dev/null || true
	done
	[ -s promised ]
	hookd
	spooled .delivery | tr -d '"' | sort >there
	[ -z "$(sort promised | comm -23 - there)" ]
}

@test "a full disk: 503 with Retry-After, nothing half-written, then on" {
	[ "$UID" -eq 0 ] || skip "mounts a small file system"
	small=$RCN_STATE_DIR/hook
	mount -t tmpfs -o size=1m,mode=700 tmpfs "$small"
	hook_keys github.com/octo/app=firstsecret
	hookd
	payload push "$branch" >body
	deliver push s-1 firstsecret body
	head -c 2m /dev/zero >"$small/fill" || true
	jq -c '.n = 2' body >body2
	deliver push s-2 firstsecret body2 -D headers
	status=$code
	rm "$small/fill"
	deliver push s-2 firstsecret body2
	after=$code
	spooled .delivery | tr '\n' ' ' >there
	[ "$status" = 503 ]
	grep -i '^Retry-After: [0-9]' headers
	[ "$after" = 202 ]
	[ "$(cat there)" = '"s-1" "s-2" ' ]
}

@test "secrets are read again when the file has changed" {
	hookd
	payload push "$branch" >body
	deliver push c-1 newsecret body
	[ "$code" = 401 ]
	hook_keys github.com/octo/app=newsecret
	deliver push c-1 newsecret body
	[ "$code" = 202 ]
	# Sealed for another row than the one it stands in.
	hook_keys github.com/octo/app@github.com/other/app=moved
	jq -c '.n = 1' body >body2
	deliver push c-2 moved body2
	[ "$code" = 401 ]
	grep "does not open" "$T/rcn-hookd.err"
}

@test "statuses: 64 usage, 65 secrets, 73 address, 78 a newer spool" {
	run -64 rcn-hookd x
	run -64 rcn-hookd --listen nowhere
	run -64 rcn-hookd --listen
	hookd
	run -73 --separate-stderr env RCN_STATE_DIR="$T/other" rcn-hookd \
		--listen "$hook"
	[[ $stderr == *"$hook"* ]]
	mkdir -p "$T/bad/hook" "$T/new/hook"
	echo '{"version":2}' >"$T/bad/hook/repositories.json"
	run -65 env RCN_STATE_DIR="$T/bad" rcn-hookd
	python3 -c 'import sqlite3, sys
sqlite3.connect(sys.argv[1]).execute("PRAGMA user_version = 9")' \
		"$T/new/hook/spool.db"
	run -78 env RCN_STATE_DIR="$T/new" rcn-hookd
	run -78 env LISTEN_PID=$$ LISTEN_FDS=1 sh -c \
		'LISTEN_PID=$$ exec rcn-hookd 3</dev/null'
}

@test "with rcn-state: its secrets, a rotated key, two projects" {
	rm -rf "$RCN_STATE_DIR/hook"
	rcn-state init >/dev/null
	rcn-state project add --repository git@github.com:Octo/App.git one \
		>/dev/null
	rcn-state project add --repository https://github.com/octo/two two \
		>/dev/null
	own=$(rcn-state credential set --project one webhook | jq -r .secret)
	all=$(rcn-state credential set webhook | jq -r .secret)
	hookd
	payload push "$branch" >body
	deliver push r-1 "$own" body
	[ "$code" = 202 ]
	jq -c '.repository |= (.full_name = "octo/two" |
		.clone_url = "https://github.com/octo/two.git" |
		.ssh_url = "git@github.com:octo/two.git" |
		.html_url = "https://github.com/octo/two")' body >two
	deliver push r-2 "$own" two
	[ "$code" = 401 ]
	deliver push r-2 "$all" two
	[ "$code" = 202 ]
	rcn-state key rotate >/dev/null
	jq -c '.n = 1' body >body2
	deliver push r-3 "$own" body2
	[ "$code" = 202 ]
	[ "$(spooled '.repository.keys[0]' | tr '\n' ' ')" = \
		'"github.com/octo/app" "github.com/octo/two" "github.com/octo/app" ' ]
}
