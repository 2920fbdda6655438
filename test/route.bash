# route - what tests of routes share: a proxy of their own, apps on loopback,
# documents as rcn-deploy(1) writes them.
#	load lib
#	load route
#	teardown() { stop_proxy; rcn_teardown; }
# shellcheck shell=bash disable=SC2154

# start_proxy haproxy|traefik: on a free port, $RCN_HTTP; none of it outlives
# stop_proxy.
start_proxy() {
	proxy_settings "$1"
	rcn-proxy up 3>&- 4>&-
}

# proxy_settings haproxy|traefik: what start_proxy starts, not started.
proxy_settings() {
	local ports

	mapfile -t ports < <(free_port 2)
	RCN_PROXY=$1
	RCN_HTTP=127.0.0.1:${ports[0]}
	case $1 in
	haproxy) RCN_PROXY_PROGRAM=$RCN_TEST_HAPROXY ;;
	traefik)
		RCN_PROXY_PROGRAM=$RCN_TEST_TRAEFIK
		RCN_PROXY_URL=http://127.0.0.1:${ports[1]}
		export RCN_PROXY_URL
		;;
	esac
	export RCN_PROXY RCN_HTTP RCN_PROXY_PROGRAM
}

stop_proxy() {
	[ -z "${RCN_PROXY:-}" ] || rcn-proxy down
}

# start_app BODY [OPTION...]: it answers BODY; its port in $port, its process
# in $app.
start_app() {
	port=$(free_port)
	PORT=$port background "$B/test/load/app" --body "$@"
	export app=$!
	wait_for 10 curl -sf -o /dev/null "http://127.0.0.1:$port/"
}

# document SLUG DEPLOYMENT SERVING PORT...: with `service`.
document() {
	local slug=$1 id=$2 serving=$3

	shift 3
	jq -nc --arg slug "$slug" --arg id "$id" --arg serving "$serving" \
	    '{rcn: {version: 1}, project: {slug: $slug},
	      deployment: {id: $id, environment: "production",
	        trigger: "cli", attempt: 1},
	      service: {network: "rcn", strategy: "rolling",
	        serving: $serving, instances: [$ARGS.positional[] | tonumber |
	        {process: "web", index: 0, id: "none", address: "127.0.0.1",
	         port: ., spec: "none", kept: false}]}}' --args "$@"
}

# ask HOST [CURL OPTION...]: through the proxy; body, then status.
ask() {
	local host=$1

	shift
	curl -s -w '\n%{http_code}\n' -H "Host: $host" "$@" "http://$RCN_HTTP/"
}

# connections PORT: how many the proxy has to the app there.
connections() {
	ss -Htn state established dst "127.0.0.1:$1" | wc -l
}

connected() {
	[ "$(connections "$1")" -gt 0 ]
}

unconnected() {
	[ "$(connections "$1")" = 0 ]
}
