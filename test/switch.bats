# shellcheck shell=bash disable=SC2030,SC2031,SC2154 # bats, and its variables
# A deploy loses no request: the whole pipeline from an image on, under load,
# with each proxy for real.  What the switches took is said, not judged.
# limit: 900
load lib
load route

setup() {
	rcn_setup
	"$ROOT/test/images/make" app
	slug=switch$BATS_TEST_NUMBER-$$
	export RCN_NETWORK=rcnt-$slug RCN_SUBNET
	RCN_SUBNET=$(free_subnet)
	echo "$RCN_NETWORK" >>"$T/networks"
	rcn_slug "$slug" "$slug-ws"
}

teardown() {
	stop_proxy
	rcn_clean "$slug" "$slug-ws"
	rcn_teardown
}

# version SLUG BODY [OPTION...]: deploy an app that answers BODY; its document
# in BODY.json.
version() {
	local name=$1 body=$2

	shift 2
	jq -n --arg slug "$name" '{slug: $slug, stop_timeout: 5,
	    processes: {web: {command: (["/app"] + $ARGS.positional)}}}' \
	    --args -- --body "$body" "$@" >"$name.json"
	(
		set -o pipefail
		rcn-deploy --image rcn-test/app:1 --project "$name.json" |
		    rcn-route | rcn-retire >"$body.json"
	)
}

instances() {
	docker ps -aq --no-trunc --filter "label=rcn.project=$slug"
}

# under_load NAME OPTION...: requests to it, and a WebSocket to the other one,
# until load_ends; each answer must be one of v1 to v20.
under_load() {
	local i expect=()

	for i in {1..20}; do
		expect+=(--expect "v$i")
	done
	background "$B/test/load/load" --target "$RCN_HTTP" \
	    --host "$slug.localhost" --websocket "$slug-ws.localhost" \
	    "${expect[@]}" "$@"
	load=$!
	sleep 1
}

load_ends() {
	sleep 1
	kill "$load"
	wait_for 60 test -s load.out
	jq -c . load.out
	jq -e '.fresh.failed == 0 and .kept.failed == 0 and
	    .slow.failed == 0 and .websocket.failed == 0 and
	    .failures == [] and .fresh.requests > 100 and
	    .kept.requests > 100 and .websocket.messages > 10' load.out
	echo "# $1: $(jq -c '[.fresh.requests, .kept.requests, .slow.requests,
	    .websocket.messages]' load.out) requests, none failed," \
	    "$(jq .kept.stale load.out) stale" >&3
}

# receipt PROXY BODY: what the document says of the switch.
receipt() {
	validate_doc "$2.json"
	jq -e --arg proxy "$1" '.error == null and .route.switch_us > 0 and
	    .retired.counts.requests > 0 and .retired.counts.errors == 0 and
	    (.retired.counts.in_flight | if $proxy == "haproxy"
	        then type == "number" else . == null end) and
	    ([.retired.instances[].drained_by] | . == [
	        if $proxy == "haproxy" then "proxy" else "connections" end])' \
	    "$2.json"
	[ "$(instances)" = "$(jq -r '.service.instances[].id' "$2.json")" ]
	echo "# $1: switch $(jq .route.switch_us "$2.json") us, drained" \
	    "after $(jq .retired.drain_ms "$2.json") ms" >&3
}

# A second deploy with a 10 s request in flight over it.
one_switch() {
	local proxy=$1

	shift
	start_proxy "$proxy"
	version "$slug-ws" ws
	version "$slug" v1 "$@"
	under_load --slow '/slow?ms=10000'
	version "$slug" v2 "$@"
	receipt "$proxy" v2
	[ "$proxy" = traefik ] ||
	    [ "$(jq .retired.counts.in_flight v2.json)" -ge 1 ]
	load_ends "$proxy $*"
	jq -e '.bodies.v1.count > 0 and .bodies.v2.count > 0 and
	    .slow.requests >= 2' load.out
}

@test "switch: an app that exits at once on SIGTERM, HAProxy" {
	one_switch haproxy --term exit
}

@test "switch: an app that exits at once on SIGTERM, Traefik" {
	one_switch traefik --term exit
}

@test "switch: answers in 300 ms, exits at once, HAProxy" {
	one_switch haproxy --term exit --delay 300
}

@test "switch: answers in 300 ms, exits at once, Traefik" {
	one_switch traefik --term exit --delay 300
}

@test "switch: an app that drains on SIGTERM, HAProxy" {
	one_switch haproxy --term drain
}

@test "switch: an app that drains on SIGTERM, Traefik" {
	one_switch traefik --term drain
}

in_a_row() {
	local i

	start_proxy "$1"
	version "$slug-ws" ws
	version "$slug" v1
	under_load
	for i in {2..20}; do
		version "$slug" "v$i"
		receipt "$1" "v$i"
	done
	load_ends "$1"
	jq -e '[.bodies[]] | length == 20' load.out
}

@test "switch: twenty deploys in a row, HAProxy" {
	in_a_row haproxy
}

@test "switch: twenty deploys in a row, Traefik" {
	in_a_row traefik
}
