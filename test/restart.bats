# shellcheck shell=bash disable=SC2030,SC2031,SC2154 # bats, and its variables
# The engine dies and comes back: instances keep their addresses, routes hold.
# It is an engine of this test's own.
# limit: 300
load lib
load route

setup() {
	rcn_setup
	own=/tmp/rcn-restart-$$
	slug=restart-$$
	RCN_TEST_RUN=$own timeout 100 "$ROOT/test/env" up engine 3>&- 4>&-
	export DOCKER_HOST=unix://$own/docker.sock
	export RCN_NETWORK=rcnt-$slug RCN_SUBNET
	RCN_SUBNET=$(free_subnet)
	"$ROOT/test/images/make" app
}

teardown() {
	stop_proxy
	rcn_clean "$slug"
	docker network rm "$RCN_NETWORK" >/dev/null 2>&1 || true
	rcn_teardown
	RCN_TEST_RUN=$own "$ROOT/test/env" down
	rm -rf "$own"
}

answers() {
	[ "$(curl -s -H "Host: $slug.localhost" "http://$RCN_HTTP/")" = app ]
}

addresses() {
	docker inspect -f '{{.Name}} {{range .NetworkSettings.Networks}}{{
	    .IPAddress}}{{end}} {{.State.Running}}' "${ids[@]}"
}

@test "restart: the engine killed: the same addresses, the same routes" {
	local before name shims id pids

	start_proxy haproxy
	jq -n --arg slug "$slug" \
	    '{slug: $slug, processes: {web: {scale: 3}}}' >project.json
	rcn-deploy --image rcn-test/app:1 --project project.json | rcn-route |
	    rcn-retire >live.json
	mapfile -t ids < <(jq -r '.service.instances[].id' live.json)
	[ "${#ids[@]}" = 3 ]
	before=$(addresses)
	mapfile -t pids < <(docker inspect -f '{{.State.Pid}}' "${ids[@]}")
	answers
	# what runs on dies with a machine, too
	shims=$(pgrep -f "containerd-shim.* -address $own/" || true)
	for name in dockerd containerd; do
		kill -KILL "$(cut -d' ' -f1 "$own/pid/$name")"
	done
	# shellcheck disable=SC2086 # words
	[ -z "$shims" ] || kill -KILL $shims
	for id in "${pids[@]}"; do
		kill -KILL "$id"
	done
	wait_for 10 bash -c "! curl -sf -m 2 -H 'Host: $slug.localhost' \
	    http://$RCN_HTTP/"
	rm -f "$own/docker.pid" "$own/containerd.sock"
	background containerd -c "$own/containerd.toml"
	wait_for 20 test -S "$own/containerd.sock"
	background dockerd --config-file "$own/daemon.json"
	wait_for 30 answers
	wait_for 10 bash -c "[ \$(docker ps -q --filter \
	    label=rcn.project=$slug | wc -l) = 3 ]"
	[ "$(addresses)" = "$before" ]
	# nothing is to be repaired, and the next deploy keeps them
	run -0 --separate-stderr rcn-retire --slug "$slug"
	jq -e '.retired.instances == []' <<<"$output"
	[ "$(addresses)" = "$before" ]
}
