# rcn-gc: what goes, what stays, and that it stays.
# shellcheck disable=SC2154
load lib

setup() {
	rcn_setup
	slug=gc$RANDOM
	echo "$slug" >>"$T/slugs"
	mkdir -p "$RCN_STATE_DIR"
	installation=0123456789abc$RANDOM
	installation=${installation:0:16}
	printf '%s\n' "$installation" >"$RCN_STATE_DIR/installation"
	chmod 600 "$RCN_STATE_DIR/installation"
	export RCN_GC_GRACE=0
}

teardown() {
	local list

	list=$(docker ps -aq --filter "label=rcn.installation=$installation")
	# shellcheck disable=SC2086 # a list of words
	[ -z "$list" ] || docker rm -f $list >/dev/null
	list=$(docker images -q --filter "label=rcn.installation=$installation" |
		sort -u)
	# shellcheck disable=SC2086
	[ -z "$list" ] || docker rmi -f $list >/dev/null
	rcn_teardown
}

# image N [SLUG]: one of ours; a later one is younger.
image() {
	printf '%s' "$1" >"number$1"
	tar -c "number$1" | docker import \
		--change "LABEL rcn.installation=$installation" \
		--change "LABEL rcn.project=${2:-$slug}" \
		--change 'CMD ["/none"]' - "localhost/rcn/${2:-$slug}:$1" >/dev/null
	sleep 1.1
}

images() {
	docker images --format '{{.Tag}}' "localhost/rcn/$slug" | sort |
		tr '\n' ' '
}

rows() {
	jq -r "select(.kind == \"image\" and .project == \"$slug\") |
	    \"\(.ref | split(\":\")[1]) \(.action)\"" "$1" | sort | tr '\n' ' '
}

@test "rcn-gc: the newest images stay, held against a prune; the rest goes" {
	for n in 1 2 3 4; do
		image $n
	done
	image 1 other
	export RCN_KEEP_IMAGES=1
	rcn-gc --dry-run >out
	[ "$(rows out)" = "1 remove 2 remove 3 keep 4 keep " ]
	[ "$(images)" = "1 2 3 4 " ]
	rcn-gc >out
	[ "$(rows out)" = "1 remove 2 remove 3 keep 4 keep " ]
	[ "$(images)" = "3 4 " ]
	docker image prune -af --filter \
		"label=rcn.installation=$installation" >/dev/null
	[ "$(images)" = "3 4 " ]
	[ "$(docker images -q localhost/rcn/other | wc -l)" -eq 1 ]
	held() {
		docker ps -aq --filter "label=rcn.keep=$slug" | wc -l
	}
	[ "$(held)" -eq 2 ]
	RCN_KEEP_IMAGES=0 rcn-gc >out
	[ "$(images)" = "4 " ]
	[ "$(held)" -eq 1 ]
	docker rmi -f "localhost/rcn/$slug:4" >/dev/null || true
	docker rm -f "$(docker ps -aq --filter "label=rcn.keep=$slug")" >/dev/null
}

@test "rcn-gc: what an app uses, and what is young, stays" {
	image 1
	image 2
	image 3
	docker create --label "rcn.installation=$installation" \
		--label "rcn.project=$slug" "localhost/rcn/$slug:1" >/dev/null
	RCN_KEEP_IMAGES=0 rcn-gc >out
	[ "$(images)" = "1 3 " ]
	jq -se 'any(.why == "in use") and any(.why == "one of the newest")' out
	RCN_KEEP_IMAGES=0 RCN_GC_GRACE=3600 rcn-gc >out
	[ "$(images)" = "1 3 " ]
	image 4
	RCN_KEEP_IMAGES=0 RCN_GC_GRACE=3600 rcn-gc >out
	[ "$(images)" = "1 3 4 " ]
	jq -se 'any(.why == "young")' out
}

@test "rcn-gc: logs, documents and mirrors beyond their budgets" {
	mkdir -p "$RCN_STATE_DIR"/{logs,deploys,mirrors/old.git/objects}
	for n in 1 2 3; do
		head -c 100000 /dev/zero >"$RCN_STATE_DIR/logs/$n.log"
		touch -d "-$((9 - n)) hours" "$RCN_STATE_DIR/logs/$n.log"
	done
	head -c 300000 /dev/zero >"$RCN_STATE_DIR/mirrors/old.git/objects/x"
	mkdir "$RCN_STATE_DIR/mirrors/busy.git"
	head -c 300000 /dev/zero >"$RCN_STATE_DIR/mirrors/busy.git/x"
	export RCN_KEEP_LOGS=250000 RCN_KEEP_MIRRORS=0
	rcn-gc --dry-run >out
	jq -se '[.[] | select(.kind == "log") | .name] == ["1.log"]' out
	[ -e "$RCN_STATE_DIR/logs/1.log" ]
	mkdir -p "$RCN_RUN_DIR/mirrors"
	flock "$RCN_RUN_DIR/mirrors/busy.git.lock" rcn-gc >out
	[ ! -e "$RCN_STATE_DIR/logs/1.log" ]
	[ -e "$RCN_STATE_DIR/logs/2.log" ]
	[ ! -e "$RCN_STATE_DIR/mirrors/old.git" ]
	[ -e "$RCN_STATE_DIR/mirrors/busy.git/x" ]
	jq -se '[.[] | select(.kind == "mirror") | .name] == ["old.git"]' out
}

@test "rcn-gc: without an engine the files are looked after all the same" {
	mkdir -p "$RCN_STATE_DIR/logs"
	head -c 100000 /dev/zero >"$RCN_STATE_DIR/logs/1.log"
	export DOCKER_HOST=unix:///nowhere.sock RCN_KEEP_LOGS=0
	run -69 --separate-stderr rcn-gc
	[ ! -e "$RCN_STATE_DIR/logs/1.log" ]
	[[ $stderr == *nowhere.sock* ]]
	RCN_KEEP_LOGS=many run -78 rcn-gc
	[[ $output == *RCN_KEEP_LOGS* ]]
	run -64 rcn-gc more
}
