# shellcheck shell=bash disable=SC2030,SC2031,SC2154 # bats, and its variables
# kill -9 of every program, before each call by which it changes anything, and
# somebody who asks the proxy 50 times a second all the while.
# limit: 900
load lib
load route

setup() {
	rcn_setup
	"$ROOT/test/images/make" app
	slug=kill$BATS_TEST_NUMBER-$$
	export RCN_NETWORK=rcnt-$slug RCN_SUBNET
	RCN_SUBNET=$(free_subnet)
	echo "$RCN_NETWORK" >>"$T/networks"
	rcn_slug "$slug"
	export ASAN_OPTIONS=detect_leaks=0
}

teardown() {
	[ ! -s watch.pid ] || kill "$(<watch.pid)" || true
	stop_proxy
	rcn_clean "$slug"
	docker images -q --filter "label=rcn.project=$slug" | sort -u |
	    xargs -r docker rmi -f >/dev/null 2>&1 || true
	rcn_teardown
}

# Calls that write to a file, the engine, the proxy or a registry.
changes=(write sendto rename unlink unlinkat)

# killed CALL N PROGRAM...: it is killed before its Nth such call; 1: it had
# fewer.
killed() {
	local call=$1 n=$2 status=0

	shift 2
	strace -qq -o /dev/null -e "trace=$call" \
	    -e "inject=$call:signal=KILL:when=$n" "$@" \
	    >killed.out 2>killed.err || status=$?
	[ "$status" = 137 ] || {
		[ "$status" = 0 ] || cat killed.err >&2
		return 1
	}
}

# watch WORD...: until watched, no other answer than one of these.
watch() {
	local words

	words=$(IFS='|'; echo "$*")
	(
		while curl -sS --max-time 10 -H "Host: $slug.localhost" \
		    "http://$RCN_HTTP/" >answer 2>&1 &&
		    grep -qxE "$words" answer; do
			echo >>answers
			sleep 0.02
		done
		cp answer wrong
	) 3>&- 4>&- &
	echo "$!" >watch.pid
	wait_for 5 test -s answers
}

watched() {
	kill "$(<watch.pid)"
	rm watch.pid
	echo "$(wc -l <answers) answers" >&3
	[ ! -e wrong ] || { cat wrong; return 1; }
}

# Nothing half-written, and the route file says what the proxy serves.
is_clean() {
	local file=$RCN_STATE_DIR/routes/$slug.production.json

	[ -z "$(find "$RCN_STATE_DIR" "$RCN_RUN_DIR" -name '.rcn-*')" ]
	[ -z "$(find "$RCN_STATE_DIR/proxy" -path '*/new/*')" ]
	[ "$(jq -r .deployment "$file")" = "$1" ]
}

ours() {
	docker ps -a --filter "label=rcn.project=$slug" --format '{{.Names}}'
}

# commit BODY: an app that answers it, with a Dockerfile of its own.
commit() {
	mkdir -p src
	cat >src/Dockerfile <<-END
		FROM rcn-test/app:1
		COPY Dockerfile /
		EXPOSE 10000
		CMD ["/app", "--body", "$1"]
	END
	make_repo "$slug" src >/dev/null
}

stages=(rcn-fetch rcn-detect rcn-dockerfile rcn-build rcn-push rcn-deploy
    rcn-route rcn-retire)

# rest I: the stages from the Ith on, as one pipeline.
rest() {
	if [ "$1" -lt 7 ]; then
		"${stages[$1]}" | rest $(($1 + 1))
	else
		rcn-retire
	fi
}

# given I: the arguments with which the Ith stage does its work by itself.
given() {
	if [ "$1" = 0 ]; then
		echo --url "$(git_url http "$slug")" --branch main \
		    --slug "$slug"
	else
		echo -d "$(($1 - 1)).json"
	fi
}

# From the first effect to the last: kill the Ith stage in more and more
# distant places; what is downstream does nothing, one command cleans up.
stage_killed() {
	local call times=0

	for call in "${changes[@]}"; do
		stage_killed_at "$call" "$@"
	done
	echo "${stages[$1]}: $times times" >&3
	[ "$times" -gt 0 ]
	cp killed.out "$1.json"
}

stage_killed_at() {
	local k=0 call=$1 stage=${stages[$2]} before=$3

	shift
	# shellcheck disable=SC2046 # words
	while killed "$call" $((++k * k)) "$stage" $(given "$1"); do
		times=$((times + 1))
		[ ! -s killed.out ]
		if [ "$1" -lt 7 ]; then
			run -66 rest $(($1 + 1)) <killed.out
		fi
		run -0 --separate-stderr rcn-retire --slug "$slug"
		[ "$(ours | wc -l)" = 1 ]
		run -0 ask "$slug.localhost"
		[[ ${lines[0]} =~ ^($before)$ ]]
		is_clean "$(docker inspect -f \
		    '{{index .Config.Labels "rcn.deployment"}}' "$(ours)")"
		# rcn-route's instances may be gone: another deploy
		[ "$1" != 6 ] || rcn-deploy -d 4.json >5.json
	done
}

@test "kill: each program of a pipeline" {
	local i

	export RCN_REGISTRY=$RCN_TEST_REGISTRY_PLAIN/$slug
	start_proxy haproxy
	commit v1
	# shellcheck disable=SC2046 # words
	rcn-fetch $(given 0) | rest 1 >v1.json
	commit v2
	watch v1 v2
	for i in 0 1 2 3 4 5; do
		stage_killed "$i" v1
	done
	stage_killed 6 'v1|v2'
	run -0 ask "$slug.localhost"
	[ "${lines[0]}" = v2 ]
	stage_killed 7 v2
	validate_doc 7.json
	# the same once more, from the first saved document
	rest 1 <0.json >again.json
	validate_doc again.json
	[ "$(ours)" = "$(jq -r '.service.instances[0].name' again.json)" ]
	run -0 ask "$slug.localhost"
	[ "${lines[0]}" = v2 ]
	run -0 rcn-retire --slug "$slug"
	is_clean "$(jq -r .deployment.id again.json)"
	watched
}

# rcn-route, in the middle of its put, at each place there is.
route_killed() {
	local call places=0 one two

	start_proxy "$1"
	start_app one
	one=$port
	start_app two
	two=$port
	document "$slug" one "" "$one" | rcn-route >/dev/null
	document "$slug" two one "$two" >new
	document "$slug" one two "$one" >old
	watch one two
	for call in "${changes[@]}"; do
		route_killed_at "$call"
	done
	echo "$1: $places places" >&3
	[ "$places" -gt 10 ]
	watched
}

route_killed_at() {
	local n=0 body

	while killed "$1" "$((++n))" rcn-route -d new; do
		places=$((places + 1))
		run -0 --separate-stderr rcn-retire --slug "$slug"
		run -0 ask "$slug.localhost"
		body=${lines[0]}
		is_clean "$body"
		# again: it converges; and back for the next
		rcn-route -d new >routed
		[ "$(jq -r .route.deployment routed)" = two ]
		run -0 ask "$slug.localhost"
		[ "${lines[0]}" = two ]
		is_clean two
		rcn-route -d old >/dev/null
	done
	[ ! -s killed.err ]
	rcn-route -d old >/dev/null
}

@test "kill: rcn-route at each step of its put, HAProxy" {
	route_killed haproxy
}

@test "kill: rcn-route at each step of its put, Traefik" {
	route_killed traefik
}
