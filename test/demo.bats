# sh/demo: up shows an app that answers, down leaves nothing.
# shellcheck disable=SC2154,SC2030,SC2031

load lib

setup() {
	rcn_setup
	export RCN_DEMO_DIR=$T/demo
	unset RCN_STATE_DIR RCN_RUN_DIR
	echo rcn-demo >>"$T/networks"
	rcn_slug rcn-demo
}

teardown() {
	"$ROOT/sh/demo" down >/dev/null 2>&1 || true
	rcn_teardown
}

@test "demo: up and down with the engine that answers" {
	local url ours

	run -0 "$ROOT/sh/demo" up
	[[ $output == *"the engine is the one at $DOCKER_HOST"* ]]
	[[ $output == *"Hello from rcnbuild."* ]]
	[[ $output == *"make demo-clean"* ]]
	url=$(grep -o 'http://demo.localhost:[0-9]*/' <<<"$output" | head -n 1)
	curl -sSf --resolve "demo.localhost:${url//[^0-9]/}:127.0.0.1" "$url"
	# Its settings are there to look around.
	(
		# shellcheck disable=SC1091 # made by sh/demo
		. "$RCN_DEMO_DIR/env"
		rcn ps
	) | grep '^rcn-demo .* running '
	# Again: the same app, kept.
	run -0 "$ROOT/sh/demo" up
	[[ $output == *", kept"* ]]

	# An app of one's own, as it proposes, goes with the rest.
	ours=label=rcn.installation=$(<"$RCN_DEMO_DIR/state/installation")
	rcn_slug rcn-demo-own
	(
		# shellcheck disable=SC1091 # made by sh/demo
		. "$RCN_DEMO_DIR/env"
		rcn deploy "$ROOT/share/demo/app" --slug rcn-demo-own \
		    --host own.localhost
	)
	[ "$(docker ps -q --filter "$ours" | wc -l)" -eq 2 ]
	[ -n "$(docker images -q --filter "$ours")" ]

	run -0 "$ROOT/sh/demo" down
	[ ! -e "$RCN_DEMO_DIR" ]
	[ -z "$(docker ps -aq --filter "$ours")" ]
	[ -z "$(docker images -q --filter "$ours")" ]
	run ! docker network inspect rcn-demo
	run ! pgrep -f "$RCN_DEMO_DIR/"
	run -0 "$ROOT/sh/demo" down
}

@test "demo: wrong usage" {
	run -64 "$ROOT/sh/demo"
	run -64 "$ROOT/sh/demo" sideways
}
