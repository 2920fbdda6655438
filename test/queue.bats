# From the queue to the proxy on real parts, by hand: what a worker does, in
# the order that a person would.
# shellcheck shell=bash disable=SC2154,SC2030,SC2031
load lib
load route

setup() {
	rcn_setup
	slug=queue-$BATS_TEST_NUMBER-$$
	export RCN_NETWORK=rcnt-$slug RCN_SUBNET
	RCN_SUBNET=$(free_subnet)
	echo "$RCN_NETWORK" >>"$T/networks"
	rcn_slug "$slug"
	host=$slug.localhost
	start_proxy haproxy
	rcn-state init >/dev/null
}

teardown() {
	stop_proxy
	rcn_clean "$slug"
	docker images -q --filter "label=rcn.project=$slug" | sort -u |
	    xargs -r docker rmi -f >/dev/null 2>&1 || true
	rcn_teardown
}

answer() {
	curl -sSf -H "Host: $host" "http://$RCN_HTTP/"
}

instances() {
	docker ps -q --filter "label=rcn.project=$slug" | sort
}

# work STATE: the next job's pipeline, recorded so; its document in out.json.
work() {
	rcn-state claim --document >doc.json
	rcn-pipeline -q --record -d doc.json >out.json 2>err.txt || true
	validate_doc out.json
	[ "$(jq -r .deployment.state out.json)" = "$1" ] || {
		cat err.txt
		jq -c .deployment,.error out.json
		return 1
	}
	number=$(jq .deployment.number out.json)
	[ "$(rcn-state deployment get "$slug:$number" | jq -r .state)" = "$1" ]
	[ -z "$(rcn-state job list)" ]
}

add() {
	rcn-state deployment add "$slug" "$@" >/dev/null
}

@test "queue: push, nothing watched, scale, restart, rollback: by hand" {
	mkdir -p app/docs
	echo one >app/index.html
	first=$(make_repo "$slug" app)
	rcn-state project add "$slug" --repository "$(git_url http "$slug")" \
	    --host "$host" --set watch=index.html >/dev/null
	add --trigger push --branch main --commit "$first"
	work live
	[ "$(answer)" = one ]
	one=$(instances)
	rcn-state deployment get "$slug:1" | jq -e --arg c "$first" \
	    '.commit == $c and .author == "Test <test@example.org>" and
	    .image_ref and .live_at'

	# Only what is not watched has changed: nothing is deployed.
	echo words >app/docs/read
	add --trigger push --branch main --commit "$(make_repo "$slug" app)"
	work cancelled
	rcn-state deployment get "$slug:2" | jq -e '.reason | test("watches")'
	[ "$(instances)" = "$one" ]

	echo two >app/index.html
	add --trigger push --branch main --commit "$(make_repo "$slug" app)"
	work live
	[ "$(answer)" = two ]
	[ "$(rcn-state deployment get "$slug:1" | jq -r .state)" = superseded ]

	# One instance more is beside the one that stays; and one less again.
	two=$(instances)
	add --scale web=2
	work live
	[ "$(instances | wc -l)" -eq 2 ]
	[ -n "$(comm -12 <(instances) - <<<"$two")" ]
	[ "$(jq '.route.targets.after | length' out.json)" -eq 2 ]
	add --scale web=1
	work live
	[ "$(instances | wc -l)" -eq 1 ]
	[ "$(answer)" = two ]

	# A restart makes new ones; what comes after it keeps them.
	before=$(instances)
	add --trigger restart
	work live
	[ -z "$(comm -12 <(instances) - <<<"$before")" ]
	before=$(instances)
	add --scale web=2
	work live
	[ -n "$(comm -12 <(instances) - <<<"$before")" ]

	# Back to the first, with its image: nothing is built.
	rcn-state deployment rollback "$slug" --to 1 >/dev/null
	work live
	[ "$(answer)" = one ]
	jq -e '[.timings[] | select(.stage | test("build|detect|fetch"))] == []' \
	    out.json
	rcn-state audit verify
}

# upto STAGE: the pipeline of doc.json, its last programs never run.
upto() {
	local stage line="cat doc.json"

	for stage in rcn-fetch rcn-detect rcn-dockerfile rcn-build rcn-push \
	    "rcn-state advance deploying" rcn-deploy rcn-route \
	    "rcn-state advance live"; do
		line+=" | $stage"
		[ "$stage" != "$1" ] || break
	done
	sh -c "$line" >/dev/null 2>err.txt
}

@test "queue: a worker that dies anywhere: the next goes on from there" {
	mkdir app
	rcn-state project add "$slug" --repository "$(git_url http "$slug")" \
	    --host "$host" >/dev/null
	echo 0 >app/index.html
	add --commit "$(make_repo "$slug" app)"
	work live
	n=0
	for stage in rcn-push "rcn-state advance deploying" rcn-deploy \
	    rcn-route "rcn-state advance live"; do
		echo "# died after $stage"
		n=$((n + 1))
		echo $n >app/index.html
		add --commit "$(make_repo "$slug" app)"
		rcn-state claim --document --lease 1 >doc.json
		upto "$stage"
		case $stage in
		rcn-route | *live) [ "$(answer)" = $n ] ;;
		*) [ "$(answer)" = $((n - 1)) ] ;;
		esac
		began=$(instances)
		wait_for 5 sh -c 'rcn-state claim >job.json'
		jq -e '.lost.worker and .document.deployment.attempt == 2' job.json
		jq -c .document job.json >again.json
		# The dead one, if it was only asleep, changes nothing.
		run -75 rcn-state advance live --document doc.json
		rcn-pipeline -q --record -d again.json >out.json 2>err.txt ||
			cat err.txt
		[ "$(jq -r .deployment.state out.json)" = live ]
		[ "$(answer)" = $n ]
		[ "$(instances | wc -l)" -eq 1 ]
		case $stage in
		rcn-deploy | rcn-route | *live)
			[ -n "$(comm -12 <(instances) - <<<"$began")" ] ;;
		esac
		[ -z "$(rcn-state job list)" ]
	done
}
