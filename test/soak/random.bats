# Signed deliveries, and kill -9 all the while: of the daemon, the worker, its
# children, any program of a pipeline, now and then the engine.  Every delivery
# that was answered 202 ends; somebody answers; nothing is left behind.
#	make soak [KILLS=200] [SEED=N]
# shellcheck disable=SC2154,SC2030,SC2031
# limit: 7200

load ../lib
load ../route
load ../work
load ../crash
load ../hook

setup() {
	crash_setup
	hook=127.0.0.1:$(free_port)
	rcn-state credential set webhook >/dev/null
	secret=$(rcn-state credential show webhook | jq -r .secret)
	export RCN_LEASE_MS=2000
	nth=0
	kills=0
}

teardown() {
	crash_teardown
}

# Those that are gone come again, as by an init.
keep_up() {
	kill -0 "$hookd" 2>/dev/null || {
		background rcn-hookd --listen "$hook"
		hookd=$!
	}
	kill -0 "$worker" 2>/dev/null || worker
}

# deliver_next: a commit, delivered until it is answered 202; to accepted.
deliver_next() {
	local id

	n=$((n + 1))
	id=$(commit "v$n" "$([ $((RANDOM % 4)) -gt 0 ] || takes 1)")
	until pushed "$id" 2>/dev/null >/dev/null; do
		keep_up
		sleep 0.05
	done
	echo "$id" >>"$T/accepted"
}

# A process of a pipeline, at random.
of_a_pipeline() {
	grep -slz "^RCN_STATE_DIR=$RCN_STATE_DIR\$" /proc/*/environ |
	    xargs -r grep -slz ^RCN_JOB= | shuf -n 1 | cut -d/ -f3
}

victim() {
	case $((RANDOM % 12)) in
	0) echo "$hookd" ;;
	1) echo "$worker" ;;
	2 | 3) pgrep -f '^[^ ]*rcn-worker --once$' | while read -r pid; do
		grep -qz "^RCN_STATE_DIR=$RCN_STATE_DIR\$" \
		    "/proc/$pid/environ" && echo "$pid"
	done | shuf -n 1 ;;
	*) of_a_pipeline ;;
	esac 2>/dev/null || true
}

# kill_one: and who it was, to the list of the killed.
kill_one() {
	local pid name

	pid=$(victim)
	[ -n "$pid" ] || return 0
	{ name=$(tr '\0' ' ' <"/proc/$pid/cmdline"); } 2>/dev/null || return 0
	[ -n "$name" ] || return 0
	kill -KILL "$pid" 2>/dev/null || return 0
	kills=$((kills + 1))
	echo "${name##*/}" >>"$T/killed"
}

has_no_job() {
	keep_up
	[ "$(rcn-state job list | wc -l)" = 0 ]
}

# Until all have ended; then all is as it should be.
calm() {
	wait_for 300 has_no_job
	wait_for 60 is_settled
}

engine_killed() {
	watched
	engine_dies
	sleep "$((RANDOM % 3))"
	engine_comes
	kills=$((kills + 1))
	echo engine >>"$T/killed"
	wait_for 90 bash -c "curl -sf -H 'Host: $host' http://$RCN_HTTP/"
	watch 'v[0-9]+'
}

@test "soak: killed at random, nothing is lost, nothing is left" {
	local want=${KILLS:-200} seed=${SEED:-$$} next=25 id

	RANDOM=$seed
	own_engine
	keep_up
	wait_for 10 curl -sf -o "$T/none" "http://$hook/healthz"
	deliver_next
	wait_for 60 answers "v$n"
	watch 'v[0-9]+'
	while [ "$kills" -lt "$want" ]; do
		[ $((RANDOM % 3)) -gt 0 ] || deliver_next
		sleep "0.$((RANDOM % 5))"
		kill_one
		keep_up
		[ "$kills" -ge "$next" ] || continue
		next=$((next + 25))
		calm
		[ $((RANDOM % 2)) = 0 ] || engine_killed
	done
	calm
	deliver_next
	id=$(tail -n 1 "$T/accepted")
	calm
	wait_for 10 answers "v$n"
	watched
	rcn-state deployment list --limit 1000 "$slug" >all
	[ "$(jq -rs '[.[] | select(.state == "live")][0].commit' all)" = "$id" ]
	while read -r id; do
		jq -es --arg id "$id" 'any(.[]; .commit == $id)' all \
		    >/dev/null || { echo "lost: $id"; return 1; }
	done <"$T/accepted"
	rcn-state audit verify
	echo "seed $seed: $kills killed, $(wc -l <"$T/accepted") accepted:" \
	    "$(jq -r .state all | sort | uniq -c | xargs)" >&3
	sed -E 's/^([^ ]+) (--once|advance [a-z]+|record)?.*/\1 \2/' "$T/killed" |
	    sort | uniq -c | sort -rn >&3
}
