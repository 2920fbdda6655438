# work - what tests of the queue and its worker share: `load lib`, `load
# route`, `load work`.
#
# work_setup makes a state, a network, a proxy (HAProxy on $RCN_HTTP) and the
# project $slug with a repository of its own; work_teardown removes it all.
# They are the file's setup and teardown; one with its own calls them.
# $T/bin is first in PATH; the pipeline of $RCN_PIPELINE is rcn-pipeline behind
# a mark that says in $T/two when two of an environment run at once.
# shellcheck shell=bash disable=SC2034,SC2154,SC2030,SC2031

work_setup() {
	rcn_setup
	"$ROOT/test/images/make" app
	slug=w$BATS_TEST_NUMBER-$$
	host=$slug.localhost
	export RCN_NETWORK=rcnt-$slug RCN_SUBNET slug
	RCN_SUBNET=$(free_subnet)
	echo "$RCN_NETWORK" >>"$T/networks"
	rcn_slug "$slug"
	export RCN_RETRY_BASE_MS=200 RCN_LEASE_MS=3000 RCN_GC_INTERVAL=0 \
	    RCN_SETTLE_MS=5000 RCN_MIN_FREE_DISK=1000000 \
	    RCN_MIN_FREE_MEMORY=1000000 RCN_GRACE_MS=20000
	work_pipeline
	start_proxy haproxy
	rcn-state init >/dev/null
	work_project "$slug"
}

# Its settings: what is stopped ends at once.
work_project() {
	printf '%s\n' '{"stop_timeout": 1, "drain_timeout": 5,
	    "health": {"timeout": 20}}' >settings.json
	rcn-state project add --repository "$(git_url http "$1")" \
	    --project settings.json --host "$1.localhost" "$1" >/dev/null
}

work_pipeline() {
	mkdir -p "$T/bin"
	cat >"$T/bin/pipeline" <<-'END'
		#!/bin/bash
		# fd 8 is given on to all stages
		exec 8>>"$T/mark.$slug"
		flock -n 8 || "$T/bin/two" >>"$T/two"
		exec rcn-pipeline "$@"
	END
	cat >"$T/bin/two" <<-'END'
		#!/bin/bash
		# Who has the mark?  One that serves already may still drain, and
		# have been killed before it could let go; it is no other, and
		# nobody of our own job.
		group=$(ps -o pgid= -p $$)
		grep -slz "^RCN_STATE_DIR=$RCN_STATE_DIR\$" /proc/[0-9]*/environ |
		while read -r file; do
			pid=${file%/environ}
			pid=${pid#/proc/}
			job=$(tr '\0' '\n' <"$file" | sed -n 's/^RCN_JOB=//p')
			[ -n "$job" ] || continue
			[ "$(ps -o pgid= -p "$pid")" != "$group" ] || continue
			sqlite3 "$RCN_STATE_DIR/state.db" "SELECT 'two at once: $RCN_JOB',
			    d.id, d.state FROM jobs j JOIN deployments d
			    ON d.id = j.deployment JOIN jobs o ON o.id = '$RCN_JOB'
			    WHERE j.id = '$job' AND o.environment = j.environment
			    AND (j.id = o.id OR d.state IN ('pending', 'building',
			    'deploying'))"
			ps -o pid,stat,args -p "$pid"
		done 2>/dev/null | grep -A1 "two at once"
	END
	cat >"$T/bin/rcn-state" <<-'END'
		#!/bin/bash
		[ "$1 $2" = "advance live" ] || exec "$B/rcn-state" "$@"
		trap : TERM
		"$B/rcn-state" "$@"
		status=$?
		flock -u 8 2>/dev/null
		exit "$status"
	END
	chmod +x "$T/bin/"*
	export PATH=$T/bin:$PATH RCN_PIPELINE=$T/bin/pipeline
}

work_teardown() {
	local pid

	while read -r pid; do
		end_process "$pid"
	done 2>/dev/null <"$T/pids" || true
	stop_proxy
	rcn_clean "$slug"
	docker images -q --filter "label=rcn.project=$slug" | sort -u |
	    xargs -r docker rmi -f >/dev/null 2>&1 || true
	rcn_teardown
}

setup() {
	work_setup
}

teardown() {
	work_teardown
}

# commit BODY [LINE]: an app that answers it, with a Dockerfile of its own and
# that line in it; its commit's id.
commit() {
	mkdir -p "$T/src"
	cat >"$T/src/Dockerfile" <<-END
		FROM rcn-test/app:1
		${2:-}
		COPY Dockerfile /
		EXPOSE 10000
		CMD ["/app", "--body", "$1"]
	END
	make_repo "$slug" "$T/src"
}

# A line that takes SECONDS to build.
takes() {
	echo "ENV ONCE=$EPOCHREALTIME"
	echo "RUN [\"/app\", \"--exit\", \"0\", \"--exit-after\", \"${1}000\"]"
}

# push BODY [LINE]: commit, and a deployment of it; its id.
push() {
	local id

	id=$(commit "$@")
	rcn-state deployment add --trigger push --branch main --commit "$id" \
	    "$slug" | jq -r .id
}

# worker [OPTION...]: it runs; its process in $worker.
worker() {
	background rcn-worker "$@"
	worker=$!
}

state_of() {
	rcn-state deployment get "$1" | jq -r .state
}

is_state() {
	[ "$(state_of "$1")" = "$2" ] || {
		rcn-state deployment get "$1"
		cat "$RCN_STATE_DIR/logs/$1.log"
		return 1
	}
}

has_ended() {
	rcn-state deployment get "$1" |
	    jq -e '.state | . == "live" or . == "superseded" or
	        . == "cancelled" or . == "failed" or . == "stopped"' >/dev/null
}

# becomes ID STATE [SECONDS]
becomes() {
	wait_for "${3:-60}" has_ended "$1"
	is_state "$1" "$2"
}

log_of() {
	cut -d' ' -f2- "$RCN_STATE_DIR/logs/$1.log"
}

ours() {
	docker ps -a --filter "label=rcn.project=$slug" \
	    --filter label=rcn.deployment --format '{{.Names}}'
}

# What is to be so whenever nothing is at work: the live deployment's
# instances are all there is of containers, and its route; nothing temporary,
# no lock, lease, secret or process is left, and never two ran at once.
is_settled() {
	local live file=$RCN_STATE_DIR/routes/$slug.production.json job

	live=$(rcn-state deployment list --limit 200 "$slug" |
	    jq -r 'select(.state == "live").id')
	rcn-state deployment list --limit 200 "$slug" | jq -es 'all(.[];
	    (.state | . == "live" or . == "superseded" or . == "stopped" or
	        . == "cancelled") or (.state == "failed" and
	        (.reason // .error.message // "" | . != "")))' >/dev/null || {
		echo "not all have ended:"
		rcn-state deployment list "$slug"
		return 1
	}
	[ ! -s "$T/two" ] || { cat "$T/two"; return 1; }
	[ "$(rcn-state job list | wc -l)" = 0 ] || {
		rcn-state job list
		return 1
	}
	if [ -n "$live" ]; then
		[ "$(rcn-state deployment get --document "$live" |
		    jq -r '.service.instances[].name' | sort)" = \
		    "$(ours | sort)" ] || {
			echo "of $live:"
			docker ps -a --filter "label=rcn.project=$slug"
			rcn-state deployment list --limit 5 "$slug"
			return 1
		}
		[ "$(jq -r .deployment "$file")" = "$live" ]
	else
		[ -z "$(ours)" ] || { ours; return 1; }
		[ ! -e "$file" ]
	fi || { cat "$file"; return 1; }
	work_is_clean
}

work_is_clean() {
	local left

	left=$(find "$RCN_STATE_DIR" "$RCN_RUN_DIR" -name '.rcn-*' \
	    -o -path '*/secrets/*' -o -path '*/proxy/*/new/*')
	[ -z "$left" ] || { echo "left: $left"; return 1; }
	flock -n "$RCN_RUN_DIR/lock/$slug.production" true || {
		echo "the lock is held"
		return 1
	}
	left=$(grep -slz "^RCN_STATE_DIR=$RCN_STATE_DIR\$" /proc/*/environ |
	    xargs -r grep -slz ^RCN_JOB= | sed 's|/environ||') || true
	[ -z "$left" ] || { echo "runs: $left"; return 1; }
	left=$(sqlite3 "$RCN_STATE_DIR/state.db" "SELECT id FROM jobs" |
	    while read -r job; do
		find /sys/fs/cgroup -maxdepth 3 -name "rcn-job-$job"
	done 2>/dev/null)
	[ -z "$left" ] || { echo "cgroup: $left"; return 1; }
}

# The page, once: body, then status.
answers() {
	ask "$host" >"$T/asked"
	[ "$(head -n 1 "$T/asked")" = "$1" ] || { cat "$T/asked"; return 1; }
}

# watch WORD...: until watched, no other answer than one of these.
watch() {
	local words

	words=$(IFS='|'; echo "$*")
	rm -f "$T/answers" "$T/wrong"
	(
		while curl -sS --max-time 10 -H "Host: $host" \
		    "http://$RCN_HTTP/" >"$T/watch" 2>&1 &&
		    grep -qxE "$words" "$T/watch"; do
			echo >>"$T/answers"
			sleep 0.02
		done
		{
			date -u +%FT%T.%3NZ
			cat "$T/watch"
		} >"$T/wrong"
	) 3>&- 4>&- &
	watcher=$!
	wait_for 5 test -s "$T/answers"
}

watched() {
	kill "$watcher" 2>/dev/null || true
	echo "$(wc -l <"$T/answers") answers" >&3
	[ ! -e "$T/wrong" ] || { cat "$T/wrong"; return 1; }
}
