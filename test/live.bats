# Push to live: a signed delivery of GitHub's form arrives, and the commit is
# live without a hand on it.  All real: git over HTTP, daemon, worker, engine,
# proxy; the payloads are GitHub's own examples with our repository's names.
# limit: 1200
# shellcheck shell=bash disable=SC2154,SC2030,SC2031,SC2314,SC2315

load lib
load route
load work
load hook

setup() {
	work_setup
	hook=127.0.0.1:$(free_port)
	rcn-state credential set webhook >/dev/null
	secret=$(rcn-state credential show webhook | jq -r .secret)
	nth=0
}

# up: daemon and worker, ready to be pushed to.
up() {
	background rcn-up --listen "$hook"
	wait_for 10 curl -sf -o "$T/none" "http://$hook/healthz"
}

# numbered N [SLUG]: the deployment's state.
numbered() {
	rcn-state deployment get "${2:-$slug}:$1" | jq -r .state
}

reaches() {
	[ "$(numbered "$1" "${3:-$slug}")" = "$2" ]
}

builds() {
	cat "$RCN_STATE_DIR"/logs/*.log | grep -c ' rcn-build F ' || true
}

@test "live: from an empty machine, two pushes, a rollback and a variable" {
	up
	pushed "$(commit one)"
	wait_for 60 reaches 1 live
	answers one
	watch one two
	pushed "$(commit two)"
	wait_for 60 reaches 2 live
	watched
	answers two
	reaches 1 superseded
	before=$(builds)
	watch one two
	rcn rollback -q "$slug"
	watched
	answers one
	reaches 3 live
	[ "$(rcn-state deployment get "$slug:3" | jq -r .trigger)" = rollback ]
	# a push while it is rolled back deploys nothing, and says so
	pushed "$(commit three)"
	wait_for 20 sh -c "rcn-state audit list --project $slug |
	    grep -q paused"
	answers one
	rcn resume "$slug" >/dev/null
	printf 'canary-%s' "$RANDOM$RANDOM" >value
	rcn env set "$slug" TOKEN <value >/dev/null
	wait_for 60 sh -c "rcn-state deployment list $slug | jq -es '
	    any(.trigger == \"env\" and .state == \"live\")'"
	answers one
	[ "$(builds)" = "$before" ]
	wait_for 20 is_settled
	id=$(docker ps -q --filter "label=rcn.project=$slug")
	docker inspect "$id" | grep -qF "$(cat value)"
}

@test "live: a burst of 20 pushes, and five projects at once" {
	for n in 1 2 3 4; do
		rcn_slug "$slug-$n"
		work_project "$slug-$n"
		own=$slug
		slug=$slug-$n
		eval "commit$n=\$(commit five$n)"
		slug=$own
	done
	for n in {1..20}; do
		commits[n]=$(commit "v$n")
	done
	up
	for n in {1..20}; do
		pushed "${commits[n]}"
		[ "$n" -gt 4 ] || {
			eval "c=\$commit$n"
			pushed "$c" main "$slug-$n"
		}
	done
	wait_for 120 reaches 20 live
	answers v20
	for n in 1 2 3 4; do
		wait_for 60 reaches 1 live "$slug-$n"
		[ "$(ask "$slug-$n.localhost" | head -n 1)" = "five$n" ]
	done
	wait_for 30 is_settled
	[ "$(rcn-state deployment list --limit 50 "$slug" | jq -r .state |
	    sort | uniq -c | tr -s ' \n' ' ')" = \
	    " 1 live 19 superseded " ]
	for n in 1 2 3 4; do
		rcn rm "$slug-$n" || true
	done
}

@test "live: a branch of its own, a branch that is gone, a tag, [skip ci]" {
	rcn-state environment add --branch next "$slug" staging >/dev/null
	rcn-state domain add --environment staging "$slug" \
	    "next-$slug.localhost" >/dev/null
	up
	pushed "$(commit one)" next
	wait_for 60 reaches 1 live
	[ "$(ask "next-$slug.localhost" | head -n 1)" = one ]
	run ! answers one
	payload push "select(.ref | startswith(\"refs/heads/\")) | $(names) |
	    .ref = \"refs/heads/main\" | .head_commit.message = \"x [skip ci]\"" \
	    >body
	deliver push skipped "$secret" body
	[ "$code" = 200 ]
	pushed "$(commit two)" other
	sleep 1
	[ "$(rcn-state deployment list "$slug" | wc -l)" = 1 ]
}

# pull ACTION COMMIT [JQ]: GitHub's delivery of a pull request 7.
pull() {
	payload pull_request "select(.action == \"opened\") | $(names) |
	    .action = \"$1\" | .number = 7 | .pull_request.number = 7 |
	    .pull_request.head.sha = \"$2\" |
	    .pull_request.head.repo = .repository |
	    .pull_request.base.repo = .repository |
	    .pull_request.base.ref = \"main\" |
	    .pull_request.updated_at = \"$((nth += 1))\" | ${3:-.}" >body
	deliver pull_request "pull-$BATS_TEST_NUMBER-$nth" "$secret" body
	[ "$code" = 202 ]
}

@test "live: a pull request has a preview of its own, until it is closed" {
	rcn-state project set --set previews=true \
	    --set "preview_host=pr-*.$slug.localhost" "$slug" >/dev/null
	printf for-production >value
	rcn-state env set --no-deploy "$slug" HIDDEN <value >/dev/null
	printf for-previews >value
	rcn-state env set --no-deploy --scope preview "$slug" SHOWN <value \
	    >/dev/null
	up
	pushed "$(commit one)"
	wait_for 60 reaches 1 live
	pull opened "$(commit two)"
	wait_for 60 reaches 2 live
	[ "$(ask "pr-7.$slug.localhost" | head -n 1)" = two ]
	answers one
	id=$(docker ps -q --filter "label=rcn.project=$slug" \
	    --filter label=rcn.environment=pr-7)
	docker inspect -f '{{.Config.Env}}' "$id" >variables
	grep -q SHOWN=for-previews variables
	run ! grep -q HIDDEN variables
	# somebody else's fork has none
	pull opened "$(commit evil)" '.number = 8 | .pull_request.number = 8 |
	    .pull_request.head.repo.full_name = "evil/app" |
	    .pull_request.head.repo.clone_url = "https://github.com/evil/app" |
	    .pull_request.head.repo.fork = true'
	pull synchronize "$(commit three)"
	wait_for 60 reaches 3 live
	[ "$(ask "pr-7.$slug.localhost" | head -n 1)" = three ]
	pull closed "$(commit three)"
	wait_for 30 sh -c "! docker ps -q --filter label=rcn.project=$slug \
	    --filter label=rcn.environment=pr-7 | grep -q ."
	wait_for 30 sh -c "! rcn-state environment list $slug | grep -q pr-7"
	run ! grep -q . <(rcn-state environment list "$slug" | grep pr-8)
	[ "$(ask "pr-7.$slug.localhost" | head -n 1)" != three ]
	answers one
}

@test "live: a canary is nowhere but in the container" {
	canary=canary-$RANDOM$RANDOM$RANDOM
	printf %s "$canary" >"$T/value"
	up
	rcn-state env set --no-deploy "$slug" TOKEN <"$T/value" >/dev/null
	pushed "$(commit one)"
	wait_for 60 reaches 1 live
	wait_for 20 is_settled
	sync
	run ! grep -rlaF "$canary" "$RCN_STATE_DIR" "$RCN_RUN_DIR"
	printf 'a good passphrase' >"$T/pass"
	rcn-state backup --passphrase-file "$T/pass" "$T/backup" >/dev/null
	[ -s "$T/backup" ]
	run ! grep -laF "$canary" "$T/backup"
	# the daemon's key opens nothing of it
	[ -z "$(find "$RCN_STATE_DIR/hook" -name 'secret-*')" ]
	rm "$T/value"
	rcn-state key rotate >/dev/null
	pushed "$(commit two)"
	wait_for 60 reaches 2 live
	wait_for 20 is_settled
	id=$(docker ps -q --filter "label=rcn.project=$slug")
	docker inspect "$id" | grep -qF "$canary"
	image=$(docker inspect -f '{{.Image}}' "$id")
	docker history --no-trunc "$image" >layers
	run ! grep -F "$canary" layers
}
