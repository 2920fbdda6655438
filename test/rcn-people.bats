# What people type, on real parts: database, worker, proxy, engine, git.
# limit: 900
# shellcheck shell=bash disable=SC2154,SC2030,SC2031
load lib
load route

setup() {
	rcn_setup
	slug=people-$BATS_TEST_NUMBER-$$
	export RCN_NETWORK=rcnt-$slug RCN_SUBNET RCN_HOOK_LISTEN
	RCN_SUBNET=$(free_subnet)
	RCN_HOOK_LISTEN=127.0.0.1:$(free_port)
	RCN_CONF=$T/rcn.conf
	: >"$RCN_CONF"
	echo "$RCN_NETWORK" >>"$T/networks"
	rcn_slug "$slug"
	host=$slug.localhost
	start_proxy haproxy
}

teardown() {
	while read -r line; do
		end_process "$line"
	done 2>/dev/null <"$T/pids" || true
	stop_proxy
	rcn_clean "$slug"
	docker images -q --filter "label=rcn.project=$slug" | sort -u |
	    xargs -r docker rmi -f >/dev/null 2>&1 || true
	rcn_teardown
}

answer() {
	curl -sSf -H "Host: ${1:-$host}" "http://$RCN_HTTP/"
}

instances() {
	docker ps -q --filter "label=rcn.project=$slug" | sort
}

# commit TEXT: a page that says so, in the repository; its id.
commit() {
	mkdir -p app
	echo "$1" >app/index.html
	make_repo "$slug" app
}

# up: rcn up in the background; returns when both are ready.
up() {
	background rcn-up
	up=$(tail -n 1 "$T/pids")
	wait_for 10 curl -s -o "$T/none" "http://$RCN_HOOK_LISTEN/"
}

state() {
	rcn-state deployment get "$slug:$1" | jq -r .state
}

@test "rcn: from nothing to live, and back: setup, create, deploy, rollback" {
	commit one
	run -0 --separate-stderr rcn setup --plain --domain localhost
	[[ $output == *"Secret "* ]]
	[[ $output == *"ssh-ed25519 "* ]]
	grep -q '^RCN_DOMAIN=localhost$' "$RCN_CONF"
	up
	run -0 --separate-stderr rcn setup --plain
	[[ $output == *"http://hooks.localhost"*"/api/webhooks/github"* ]]
	secret=$(sed -n 's/.*Secret *//p' <<<"$output")
	# the daemon is behind the proxy
	run -0 curl -s -o "$T/none" -w '%{http_code}' \
	    -H 'Host: hooks.localhost' "http://$RCN_HTTP/"
	[[ $output == 4?? ]]
	# the same again says the same secret
	run -0 --separate-stderr rcn setup --plain
	[[ $output == *"$secret"* ]]

	run -0 --separate-stderr rcn create "$slug" \
	    --repository "$(git_url http "$slug")"
	[[ $output == *"/api/webhooks/github"* ]]
	[[ $output == *"ssh-ed25519 "* ]]
	[[ $output != *"$secret"* ]]
	run -0 --separate-stderr rcn deploy "$slug"
	[ "$output" = "http://$host:${RCN_HTTP##*:}" ]
	[[ $stderr == *"deployment 1"* ]]
	[[ $stderr == *build*" s"* ]]
	[[ $stderr == *"$slug (production) is live"* ]]
	[ "$(answer)" = one ]

	run -0 rcn projects
	[[ $output == *"$slug"* ]]
	run -0 rcn status "$slug"
	[[ $output == *"live   deployment 1"* ]]
	[[ $output == *"$host"* ]]
	[[ $output == *running* ]]

	commit two
	run -0 --separate-stderr rcn deploy -v "$slug"
	[[ $stderr == *"build "* ]]
	[ "$(answer)" = two ]
	run -0 rcn deployments "$slug"
	[ "$(jq -r .number <<<"$output" | xargs)" = "2 1" ]
	run -0 rcn logs "$slug:2"
	[[ $output == *" rcn-worker F end: live" ]]

	run -0 --separate-stderr rcn rollback "$slug"
	[ "$(answer)" = one ]
	[[ $stderr == *"rcn resume $slug"* ]]
	run -0 rcn status "$slug"
	[[ $output == *"pushes wait"* ]]
	rcn resume "$slug"
	run -0 rcn status "$slug"
	[[ $output != *"pushes wait"* ]]

	before=$(instances)
	run -0 rcn restart -q "$slug"
	[ -z "$(comm -12 <(instances) - <<<"$before")" ]
	run -0 rcn scale -q "$slug" web=2
	[ "$(instances | wc -l)" -eq 2 ]
	run -0 rcn stop "$slug"
	[ -z "$(instances)" ]
	run -22 answer
	run -0 rcn status "$slug"
	[[ $output == *", stopped"* ]]
	run -0 rcn start -q "$slug"
	[ "$(answer)" = one ]

	run -0 rcn destroy --yes "$slug"
	wait_for 30 eval '! rcn-state project get "$slug" >/dev/null 2>&1'
	[ -z "$(instances)" ]
}

@test "rcn env, run, domains: variables are live without a build" {
	commit one
	rcn-state init >/dev/null
	up
	rcn create "$slug" --host "$host" --repository "$(git_url http "$slug")" \
	    >/dev/null
	# before there is anything to deploy again
	rcn env set "$slug" FIRST <<<one >/dev/null
	rcn deploy -q "$slug"
	rcn doctor --json >found.json || true
	for check in state hookd worker; do
		jq -e --arg c "$check" 'any(.[]; .check == $c and
		    .level != "bad")' found.json
	done
	printf hello >value
	rcn env set --no-deploy "$slug" GREETING <value >/dev/null
	run -0 rcn env "$slug"
	[[ $output == *GREETING* ]]
	[[ $output != *hello* ]]
	# what is live has not got it yet
	run -1 rcn run "$slug" printenv GREETING
	rcn deploy -q "$slug" --trigger env
	run -0 --separate-stderr rcn run "$slug" printenv GREETING
	[ "$output" = hello ]
	run -0 --separate-stderr rcn exec "$slug" printenv GREETING
	[ "$output" = hello ]
	run -3 rcn run "$slug" sh -c 'exit 3'
	# stopped, it can still be asked
	rcn stop "$slug"
	run -0 --separate-stderr rcn run "$slug" printenv GREETING
	[ "$output" = hello ]
	run -66 rcn exec "$slug" true
	rcn start -q "$slug"

	rcn domains add "$slug" "other-$slug.localhost" >/dev/null
	run -0 rcn domains "$slug"
	[[ $output == *"other-$slug.localhost"* ]]
	rcn deploy -q "$slug" --trigger env
	[ "$(answer "other-$slug.localhost")" = one ]
}

@test "rcn deploy: a failure says why and where; cancel" {
	rcn-state init >/dev/null
	mkdir app
	echo 'nothing to run' >app/README
	make_repo "$slug" app >/dev/null
	rcn create "$slug" --host "$host" --repository "$(git_url http "$slug")" \
	    >/dev/null
	# nobody works: it waits, and can be cancelled
	run -0 rcn deploy --no-follow "$slug"
	run -0 rcn cancel "$slug"
	[ "$output" = "$slug:1 cancelled" ]
	run -66 --separate-stderr rcn cancel "$slug"
	# who stops looking ends nothing
	background rcn deploy "$slug"
	pid=$!
	wait_for 10 grep -q "waits for a worker\|deployment 2" rcn.err
	sleep 0.5
	kill -TERM -- "-$pid"
	wait_for 10 grep -q "$slug:2 goes on: rcn logs -f $slug:2" rcn.err
	[ "$(state 2)" = pending ]
	rcn cancel "$slug"
	run -1 --separate-stderr rcn-log -f "$slug:1"
	[[ $stderr == *cancelled* ]]
	up
	run -1 --separate-stderr rcn deploy "$slug"
	[[ $stderr == *"$slug:3 failed"* ]]
	[[ $stderr == *"rcn logs $slug:3"* ]]
	[ "$(state 3)" = failed ]
	# the newest by the project's name
	run -0 rcn-log "$slug"
	[[ $output == *" rcn-worker F end: failed: "* ]]
	run -66 rcn-log "$slug:9"
	# on a terminal too
	run -1 timeout 60 script -qec "rcn deploy $slug" /dev/null </dev/null
	[[ $output == *"$slug:4 failed"* ]]
}

# in_ns COMMAND...: where users can be made that are nowhere else.
in_ns() {
	nsenter -m --wd="$PWD" -t "$holder" "$@"
}

has_etc() {
	in_ns test -e /etc/rcn-ns
}

@test "rcn setup: as root, with users: who listens and who reads is not root" {
	local line dir=$T uid

	[ "$UID" -eq 0 ] || skip "not root"
	unset RCN_SOURCE_USER
	while [ "$dir" != /tmp ] && [ "$dir" != / ]; do
		chmod a+x "$dir"
		dir=$(dirname "$dir")
	done
	mkdir -p "$T/etc/upper" "$T/etc/work" "$T/theirs"
	cp "$ROOT"/sh/rcn* "$B"/rcn-* "$T/theirs/"
	cp -R "$ROOT/share" "$T/theirs/"
	chmod -R a+rX "$T/theirs"
	export RCN_SHARE_DIR=$T/theirs/share
	PATH=$T/theirs:$PATH
	background unshare -m sh -c "mount -t overlay overlay -o \
	    lowerdir=/etc,upperdir=$T/etc/upper,workdir=$T/etc/work /etc &&
	    : >/etc/rcn-ns && exec sleep 600"
	holder=$!
	wait_for 10 has_etc
	commit one
	run -0 --separate-stderr in_ns rcn setup --domain localhost
	[[ $stderr == *"rcn-hook made"* ]]
	run -1 id rcn-hook
	uid=$(in_ns id -u rcn-hook)
	[ "$(stat -c %u:%a "$RCN_STATE_DIR/hook")" = "$uid:700" ]
	[ "$(stat -c %u "$RCN_STATE_DIR/mirrors")" = \
	    "$(in_ns id -u rcn-source)" ]
	background nsenter -m --wd="$PWD" -t "$holder" rcn-up
	wait_for 30 curl -s -o "$T/none" "http://$RCN_HOOK_LISTEN/" || {
		cat nsenter.err
		return 1
	}
	# the one that has this test's address
	hookd=
	for line in /proc/[0-9]*/comm; do
		if grep -qsx rcn-hookd "$line" && tr '\0' '\n' \
		    <"${line%/comm}/environ" 2>/dev/null |
		    grep -qx "RCN_HOOK_LISTEN=$RCN_HOOK_LISTEN"; then
			hookd=${line%/comm}
		fi
	done
	[ "$(awk '/^Uid:/ { print $2, $3, $4 }' "$hookd/status")" = \
	    "$uid $uid $uid" ]
	in_ns rcn create "$slug" --host "$host" \
	    --repository "$(git_url http "$slug")" >/dev/null
	run -0 --separate-stderr in_ns rcn deploy "$slug"
	[ "$(answer)" = one ]
	run -0 find "$RCN_STATE_DIR/mirrors" -user root
	[ -z "$output" ]
	in_ns rcn doctor --json >found.json || true
	jq -e '[.[] | select(.check == "worker" or .check == "hookd" or
	    .check == "state") | .level] | all(. != "bad")' found.json
	jq -e 'any(.[]; .check == "worker" and .level == "ok")' found.json
}

@test "rcn up: ends both on a signal, and when one ends" {
	run rcn doctor
	[[ $output == *"ok   state        no database"* ]]
	run -66 rcn up
	rcn-state init >/dev/null
	export RCN_ONLY_HERE=$slug
	up
	unset RCN_ONLY_HERE
	kill -TERM "$up"
	wait_for 10 eval '! kill -0 $up 2>/dev/null'
	run rcn doctor
	[[ $output == *"warn hookd "*"pushes are not heard"* ]]
	run -1 pgrep -s "$up"
	# neither is left
	cat /proc/[0-9]*/environ 2>/dev/null | tr '\0' '\n' >environs || true
	run -1 grep -x "RCN_ONLY_HERE=$slug" environs
	# the address is taken: hookd cannot begin
	background python3 -m http.server --bind 127.0.0.1 \
	    "${RCN_HOOK_LISTEN##*:}"
	wait_for 10 curl -s -o "$T/none" "http://$RCN_HOOK_LISTEN/"
	run timeout 20 rcn up
	[ "$status" != 0 ]
	[ "$status" != 124 ]
	[[ $output == *"rcn-hookd has ended"* ]]
}

@test "rcn: wrong usage, and no database" {
	for verb in cancel rollback restart stop start scale destroy \
	    deployments logs env domains create; do
		run -64 rcn $verb
		run -0 rcn $verb --help
		[[ $output == "usage: rcn $verb"* ]]
	done
	for verb in restart stop deployments status env; do
		run -66 rcn $verb "$slug"
		[[ $output == *"rcn setup"* ]]
	done
	rcn-state init >/dev/null
	run -66 rcn restart "$slug"
	run -64 rcn scale "$slug"
	run -64 rcn scale "$slug" 'web=$(id)'
	run -64 --separate-stderr rcn destroy "$slug" </dev/null
	run -64 rcn create "Not A Slug"
	run -64 rcn create "$slug" --host '$(id)'
	run -64 rcn setup --domain 'a b'
}
