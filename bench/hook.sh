# Signed deliveries a second, 16 at a time, each on a connection of its own:
# ours are on disk before their 202; theirs, by adnanh/webhook, start true(1)
# and are nowhere.
# shellcheck shell=bash disable=SC2154

# shellcheck disable=SC1091
. "$ROOT/test/hook.bash"

hook_count=15000
hook_keys github.com/attack/app=benchsecret
# shellcheck disable=SC2119
hookd
theirs=$(free_port)
cat >"$W/hooks.json" <<'END_OF_HOOKS'
[{"id": "github", "execute-command": "/bin/true", "trigger-rule": {"match":
{"type": "payload-hmac-sha256", "secret": "benchsecret", "parameter":
{"source": "header", "name": "X-Hub-Signature-256"}}}}]
END_OF_HOOKS
background /usr/bin/webhook -ip 127.0.0.1 -port "$theirs" -urlprefix \
    api/webhooks -hooks "$W/hooks.json"
wait_for 10 curl -s -o /dev/null "http://127.0.0.1:$theirs/"

# hook_rate ADDRESS STATUS FILE: a line to FILE.
hook_rate() {
	local good bad rate

	/usr/bin/python3 "$ROOT/bench/deliveries.py" benchsecret $hook_count \
	    >"$W/deliveries" || exit 1
	read -r good bad rate < <(DELIVERIES=$W/deliveries WANT=$2 wrk -t 1 \
	    -c 16 -d 3 -s "$ROOT/bench/deliveries.lua" "http://$1/" | tail -n 1)
	if [ "$good" -eq 0 ] || [ "$bad" -gt 0 ]; then
		echo "bench: hook: $1: $good good, $bad bad" >&2
		exit 1
	fi
	echo "$rate" >>"$3"
	[ "$2" != 202 ] || recorded=$((recorded + good))
}

recorded=0
: >"$W/ours"
: >"$W/theirs"
for _ in 1 2 3 4 5; do
	hook_rate "$hook" 202 "$W/ours"
	hook_rate "127.0.0.1:$theirs" 200 "$W/theirs"
done
row 1/s "signed deliveries, durable (theirs: not)" "$W/ours" "$W/theirs"
[ "$(spooled .delivery | sort -u | wc -l)" -ge "$recorded" ] || {
	echo "bench: hook: what was answered 202 is not in the spool" >&2
	exit 1
}
awk '/^RssAnon:/ { print $2 / 1024 }' "/proc/$hookd/status" >"$W/ours"
row MB "memory of rcn-hookd after them" "$W/ours" "" 4
