# kill -9 of the worker, of its child and of each program of the pipeline, a
# stopped worker, an engine that goes, a registry that is away, a full disk:
# every deployment ends, the newest serves, nothing is left behind.
# `make soak` does it at random.
# shellcheck disable=SC2154,SC2030,SC2031
# limit: 1200

load lib
load route
load work
load crash

setup() {
	crash_setup
}

teardown() {
	crash_teardown
}

# A worker that has just begun is done with what it begins with.
is_repaired() {
	[ "$(sqlite3 "$RCN_STATE_DIR/state.db" "SELECT count(*) FROM jobs
	    WHERE kind = 'repair' AND status = 'done'")" -ge 1 ]
}

# killed_at PROGRAM CALL N [ARGUMENT]: a deployment goes live all the same.
n=0
killed_at() {
	local id

	n=$((n + 1))
	killing "$@"
	id=$(push "v$n")
	becomes "$id" live
	wait_for 20 test -e "$T/killed"
	answers "v$n"
	wait_for 30 is_settled
	rm -f "$T/bin/$1"
	[ "$1" != rcn-state ] || cp "$T/bin/rcn-state.real" "$T/bin/rcn-state"
}

@test "crash: each program before a live deployment, killed at its work" {
	local first

	export RCN_REGISTRY=$RCN_TEST_REGISTRY_PLAIN/$slug
	first=$(push v0)
	rcn-worker --once
	is_state "$first" live
	watch 'v[0-9]+'
	worker
	killed_at rcn-fetch write 1
	killed_at rcn-detect write 1
	killed_at rcn-dockerfile write 1
	killed_at rcn-build write 1
	killed_at rcn-build sendto 3
	killed_at rcn-push sendto 2
	killed_at rcn-state write 1 deploying
	killed_at rcn-state pwrite64 2 deploying
	killed_at rcn-deploy sendto 4
	killed_at rcn-deploy sendto 9
	killed_at rcn-deploy write 1
	killed_at rcn-route rename 1
	killed_at rcn-route write 1
	watched
}

@test "crash: each program that comes after the switch, killed at its work" {
	local first

	first=$(push v0)
	rcn-worker --once
	is_state "$first" live
	watch 'v[0-9]+'
	worker
	killed_at rcn-route write 3
	killed_at rcn-state write 1 live
	killed_at rcn-state pwrite64 2 live
	killed_at rcn-retire sendto 2
	killed_at rcn-retire write 1
	killed_at rcn-state write 1 record
	killed_at rcn-state pwrite64 2 record
	watched
}

@test "crash: the child that does a job, killed at each stage" {
	local id stage child first i=0

	first=$(push v0)
	rcn-worker --once
	is_state "$first" live
	watch 'v[0-9]+'
	worker
	for stage in claim rcn-build rcn-deploy rcn-route rcn-retire; do
		i=$((i + 1))
		id=$(push "v$i" "$(takes 1)")
		case $stage in
		claim) wait_for 20 is_state "$id" building ;;
		rcn-build)
			wait_for 20 grep -q exit-after \
			    "$RCN_STATE_DIR/logs/$id.log"
			;;
		rcn-deploy) wait_for 20 is_state "$id" deploying ;;
		rcn-route) wait_for 20 answers "v$i" ;;
		rcn-retire) wait_for 20 is_state "$id" live ;;
		esac
		child_of "$worker" | xargs -r kill -KILL
		becomes "$id" live
		wait_for 60 is_settled
		answers "v$i"
	done
	watched
}

@test "crash: worker and child killed; the next worker takes it up" {
	local id worker_was

	worker
	id=$(push v1 "$(takes 3)")
	wait_for 20 grep -q exit-after "$RCN_STATE_DIR/logs/$id.log"
	child_of "$worker" | xargs kill -KILL "$worker"
	worker
	becomes "$id" live
	wait_for 30 is_settled
	# and killed alone its child goes on
	worker_was=$worker
	id=$(push v2 "$(takes 3)")
	wait_for 20 grep -q exit-after "$RCN_STATE_DIR/logs/$id.log"
	kill -KILL "$worker_was"
	becomes "$id" live
	[ "$(rcn-state deployment get "$id" | jq .attempt)" = 1 ]
	wait_for 30 is_settled
}

@test "crash: stopped past its lease, then continued: it changes nothing" {
	local id job epoch child before

	id=$(push v1 "$(takes 9)")
	background rcn-worker --once
	child=$!
	wait_for 20 grep -q exit-after "$RCN_STATE_DIR/logs/$id.log"
	kill -STOP "$child"
	sleep 4
	# somebody else has it, and is at it
	rcn-state claim --worker elsewhere:1:1 --lease 60 >job.json
	[ "$(jq -r .document.deployment.id job.json)" = "$id" ]
	before=$(rcn-state deployment get "$id" | jq -S .)
	kill -CONT "$child"
	wait_for 30 bash -c "! kill -0 $child"
	[ "$(rcn-state deployment get "$id" | jq -S .)" = "$before" ]
	[ "$(jq -r .epoch job.json)" = \
	    "$(rcn-state job list | jq -r .epoch)" ]
	tail -n 1 "$RCN_STATE_DIR/logs/$id.log" | grep -v "rcn-worker F" 
	[ -z "$(ours)" ]
	# that one gives up: the next does it
	sqlite3 "$RCN_STATE_DIR/state.db" "UPDATE jobs SET lease_until = 0"
	rcn-worker --once
	is_state "$id" live
	is_settled
}

@test "crash: stopped past its lease: a second worker ends it, and does it" {
	local id child

	id=$(push v1 "$(takes 9)")
	background rcn-worker --once
	child=$!
	wait_for 20 grep -q exit-after "$RCN_STATE_DIR/logs/$id.log"
	kill -STOP "$child"
	worker
	becomes "$id" live
	kill -CONT "$child" 2>/dev/null || true
	wait_for 10 bash -c "! kill -0 $child"
	is_state "$id" live
	[ "$(rcn-state deployment get "$id" | jq .attempt)" = 2 ]
	wait_for 30 is_settled
}

@test "crash: the registry is away: tried again, then failed with the reason" {
	local id tries

	RCN_REGISTRY=127.0.0.1:$(free_port)/$slug
	export RCN_REGISTRY RCN_RETRY_BASE_MS=20
	worker
	id=$(push v1)
	becomes "$id" failed
	rcn-state deployment get "$id" >row.json
	jq -e '.attempt == 5 and .error.stage == "rcn-push"' row.json
	tail -n 1 "$RCN_STATE_DIR/logs/$id.log" | grep "end: failed: "
	wait_for 20 is_settled
}

@test "crash: no engine: deployments wait for it, and use up no attempt" {
	local id socket=${DOCKER_HOST#unix://}

	ln -s "$socket" "$T/engine.sock"
	export DOCKER_HOST=unix://$T/engine.sock
	worker
	wait_for 20 is_repaired
	rm "$T/engine.sock"
	id=$(push v1)
	sleep 3
	is_state "$id" pending
	[ "$(rcn-state job list | jq -s 'map(.attempts) | add')" = 0 ]
	ln -s "$socket" "$T/engine.sock"
	becomes "$id" live
	# away in the middle
	id=$(push v2 "$(takes 2)")
	wait_for 20 grep -q exit-after "$RCN_STATE_DIR/logs/$id.log"
	rm "$T/engine.sock"
	wait_for 20 is_state "$id" pending
	sleep 2
	is_state "$id" pending
	ln -s "$socket" "$T/engine.sock"
	becomes "$id" live
	answers v2
	wait_for 30 is_settled
}

@test "crash: the engine is killed while it builds, and while it deploys" {
	local id at

	own_engine
	worker
	id=$(push v1)
	becomes "$id" live
	for at in building deploying; do
		id=$(push "v-$at" "$(takes 2)")
		if [ "$at" = building ]; then
			wait_for 30 grep -q exit-after \
			    "$RCN_STATE_DIR/logs/$id.log"
		else
			wait_for 30 is_state "$id" deploying
		fi
		engine_dies
		sleep 2
		engine_comes
		becomes "$id" live 90
		wait_for 60 answers "v-$at"
		wait_for 60 is_settled
	done
}

@test "crash: a full disk: nothing is lost, and it goes on when there is room" {
	local id state=$RCN_STATE_DIR

	[ "$UID" = 0 ] || skip "mounts"
	id=$(push v1)
	rcn-worker --once
	is_state "$id" live
	stop_proxy
	cp -a "$state" "$T/kept"
	mount -t tmpfs -o size=16m,mode=711 none "$state"
	cp -a "$T/kept/." "$state"
	rcn-proxy up 3>&- 4>&-
	answers v1
	id=$(push v2)
	dd if=/dev/zero of="$state/fill" bs=4096 2>/dev/null || true
	rcn-worker --once || true
	rcn-worker --once || true
	answers v1
	rm "$state/fill"
	worker
	becomes "$id" live || { umount -l "$state"; return 1; }
	answers v2
	wait_for 30 is_settled || { umount -l "$state"; return 1; }
	rcn-state audit verify
	kill "$worker"
	wait_for 10 bash -c "! kill -0 $worker"
	stop_proxy
	umount -l "$state"
}
