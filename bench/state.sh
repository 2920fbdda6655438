# What a worker and a person ask of a database with 10,000 projects and a
# million deployments, beside the same of one with a thousand.
# shellcheck shell=bash disable=SC2154

# rows SIZE ARGS...: on the database of that size.
rows() {
	local size=$1

	shift
	RCN_STATE_DIR=$W/state-$size "$B/test/load/rows" "$@" || exit 1
}

mkdir "$W/state-small" "$W/state-large"
rows small fill 40 1000
rows large fill 10000 1000000
sync
for call in claim get list list-environment projects; do
	: >"$W/ours"
	: >"$W/theirs"
	for _ in $(seq 9); do
		rows large time "$call" 100 >>"$W/ours"
		rows small time "$call" 100 >>"$W/theirs"
	done
	row us "$call of 1,000,000, of 1,000 deployments" "$W/ours" \
	    "$W/theirs" 2
done
rm -rf "$W/state-large" "$W/state-small"
