# deploy - what tests of deploying share: `load deploy` after `load lib`.
#
# deploy_setup_file gives a file's tests a network and a subnet of their own,
# the images of test/images/make, state and run-time folders, and a proxy
# (HAProxy) on $RCN_HTTP; deploy_setup gives each a slug, $slug, and its
# $key.  deploy_teardown and deploy_teardown_file remove it all.  They are the
# file's setup_file, setup and so on; one with its own calls them.
# shellcheck shell=bash disable=SC2034,SC2154

deploy_setup_file() {
	T=$BATS_FILE_TMPDIR BATS_TEST_TMPDIR=$BATS_FILE_TMPDIR rcn_setup
	DEPLOY_NETWORK=rcnt-$$-$RANDOM
	DEPLOY_SUBNET=$(free_subnet)
	DEPLOY_HTTP=127.0.0.1:$(free_port)
	export DEPLOY_NETWORK DEPLOY_SUBNET DEPLOY_HTTP
	"$ROOT/test/images/make"
	RCN_HTTP=$DEPLOY_HTTP rcn-proxy up
}

deploy_teardown_file() {
	export RCN_RUN_DIR=$BATS_FILE_TMPDIR/run
	export RCN_STATE_DIR=$BATS_FILE_TMPDIR/state
	rcn-proxy down || true
	docker network rm "$DEPLOY_NETWORK" >/dev/null 2>&1 || true
}

deploy_setup() {
	rcn_setup
	RCN_STATE_DIR=$BATS_FILE_TMPDIR/state
	RCN_RUN_DIR=$BATS_FILE_TMPDIR/run
	RCN_NETWORK=$DEPLOY_NETWORK
	RCN_SUBNET=$DEPLOY_SUBNET
	RCN_HTTP=$DEPLOY_HTTP
	export RCN_NETWORK RCN_SUBNET RCN_HTTP
	slug=d$BATS_TEST_NUMBER-$$
	key=$slug.production
	rcn_slug "$slug"
	project "{}"
}

deploy_teardown() {
	if [ -e "$T/run/proxy.pid" ]; then
		RCN_RUN_DIR=$T/run RCN_STATE_DIR=$T/state rcn-proxy down || true
	fi
	rcn-route -q --withdraw --slug "$slug" >/dev/null 2>&1 || true
	rcn_teardown
}

# project JSON: $T/project.json, with the slug and a short gate.
project() {
	jq -n --arg slug "$slug" --argjson more "$1" \
	    '{slug: $slug, health: {timeout: 20}, stop_timeout: 2} * $more' \
	    >"$T/project.json"
}

# image NAME [OPTION...]: rcn-deploy of rcn-test/NAME:1 as the first program.
image() {
	local name=$1

	shift
	rcn-deploy --image "rcn-test/$name:1" --project "$T/project.json" "$@"
}

# live NAME [JSON]: a version that serves, its document in $T/live.json.
live() {
	project "${2:-"{}"}"
	image "$1" >"$T/deployed.json"
	rcn-route -d "$T/deployed.json" >"$T/routed.json"
	rcn-retire -d "$T/routed.json" >"$T/live.json"
}

# ours [FILTER...]: names of this test's containers, sorted.
ours() {
	docker ps -a --filter "label=rcn.project=$slug" \
	    --format '{{.Names}}' "$@" | sort
}

# fetch [PATH]: what the proxy answers for the project's host.
fetch() {
	curl -sS --max-time 20 -H "Host: $slug.localhost" \
	    "http://$RCN_HTTP${1:-/}"
}

# error OUTPUT: "STATUS CODE" of a document's error.
error_of() {
	jq -r '"\(.error.status) \(.error.code)"' <<<"$1"
}

setup_file() {
	deploy_setup_file
}

teardown_file() {
	deploy_teardown_file
}

setup() {
	deploy_setup
}

teardown() {
	deploy_teardown
}
