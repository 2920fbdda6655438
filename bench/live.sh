# A change of one file to live: the pipeline, against the same by hand with
# docker, curl and HAProxy's socket: build, run, wait for health, switch,
# see that it serves, stop the old one.
# shellcheck shell=bash disable=SC2154

start_proxy haproxy
for side in ours theirs; do
	cp -r "$ROOT/share/demo/app" "$W/live-$side"
done
rcn-detect "$W/live-theirs" | rcn-dockerfile --print >"$W/Dockerfile" ||
    exit 1
mv "$W/Dockerfile" "$W/live-theirs/"
printf '%s\n' .git node_modules .env Dockerfile .dockerignore \
    >"$W/live-theirs/.dockerignore"

# The hand's own HAProxy, with two places for servers.
hand_port=$(free_port)
cat >"$W/hand.cfg" <<END_OF_CFG
global
	stats socket $W/hand.sock level admin
defaults
	mode http
	timeout connect 5s
	timeout client 60s
	timeout server 60s
frontend f
	bind 127.0.0.1:$hand_port
	default_backend app
backend app
	server-template s 2 127.0.0.1:9 disabled
END_OF_CFG
background "$RCN_TEST_HAPROXY" -W -f "$W/hand.cfg"
wait_for 10 test -S "$W/hand.sock"
hand_net=$(test_network "rcnt-$slug-hand")

tell() {
	printf '%s\n' "$1" | curl -s --unix-socket "$W/hand.sock" telnet://x
}

edit() {
	sed -i "s/^This is.*//; s/Hello from .*\\\\n/Hello from $1.\\\\n/" \
	    "$W/live-$2/server.js"
}

live_ours() {
	edit "$1" ours
	rcn-pipeline "$W/live-ours" --slug "$slug" --host "$slug.localhost" \
	    >"$W/live.json" &&
	    curl -sSf -H "Host: $slug.localhost" "http://$RCN_HTTP/" |
	    grep "Hello from $1\\."
}

live_theirs() {
	local new=$((1 + $1 % 2)) old=$((2 - $1 % 2)) address

	edit "$1" theirs
	address=${hand_net%.*}.$((10 + $1))
	DOCKER_BUILDKIT=1 docker build -q -t "$slug-hand:$1" \
	    "$W/live-theirs" &&
	    docker run -d --init --name "$slug-hand-$1" -e PORT=10000 \
		--label "rcn.project=$slug-hand" --restart unless-stopped \
		--network "rcnt-$slug-hand" --ip "$address" "$slug-hand:$1" ||
	    return
	until curl -sf -o /dev/null "http://$address:10000/"; do
		sleep 0.02
	done
	tell "set server app/s$new addr $address port 10000; set server app/s$new state ready; set server app/s$old state drain"
	curl -sSf "http://127.0.0.1:$hand_port/" | grep "Hello from $1\\." ||
	    return
	if [ "$1" -gt 0 ]; then
		docker stop -t 10 "$slug-hand-$(($1 - 1))" &&
		    docker rm "$slug-hand-$(($1 - 1))"
	fi
}

time_ms live_ours 0 >/dev/null || exit 1
time_ms live_theirs 0 >/dev/null || exit 1
interleave 9 live_ours live_theirs
row ms "one file changed to live (theirs: by hand)" "$W/ours" "$W/theirs"
stop_proxy
