# lib - what the benchmarks share.  bench/run reads it, then each bench/*.sh,
# which measure and call row().
# shellcheck shell=bash

# time_ms COMMAND...: how long it took; a failure ends the run.
time_ms() {
	local began=${EPOCHREALTIME/./} out

	out=$("$@" 2>&1) || {
		printf 'bench: failed: %s\n%s\n' "$*" "$out" >&2
		exit 1
	}
	local us=$((${EPOCHREALTIME/./} - began))
	printf '%d.%03d\n' $((us / 1000)) $((us % 1000))
}

# interleave N OURS THEIRS: two commands, called with 1..N in turns; their
# milliseconds go to $W/ours and $W/theirs.
interleave() {
	local i

	: >"$W/ours"
	: >"$W/theirs"
	for i in $(seq "$1"); do
		time_ms "$2" "$i" >>"$W/ours" || exit 1
		time_ms "$3" "$i" >>"$W/theirs" || exit 1
	done
}

# row UNIT WHAT OURS_FILE [THEIRS_FILE [LIMIT]]: numbers, one a line.
row() {
	local limit=${5:-null}

	jq -nc --arg what "$2" --arg unit "$1" --argjson limit "$limit" \
	    --slurpfile a "$3" --slurpfile b "${4:-/dev/null}" '
	    def median: sort | (.[(length - 1) / 2 | floor] +
		.[length / 2 | floor]) / 2;
	    def spread: {median: median, min: min, max: max, n: length};
	    {what: $what, unit: $unit, ours: ($a | spread)}
	    + (if $limit then {limit: $limit} else {} end)
	    + (if ($b | length) == 0 then {} else {theirs: ($b | spread),
		ratio: (([$a, $b] | transpose | map(.[0] / .[1]) | spread)
		+ {median: (($a | median) / ($b | median))})} end)' \
	    >>"$W/rows" || exit 1
	table <"$W/rows" | tail -n 1
}

# Rows of JSON to lines for people.
table() {
	jq -r '
	    def n: if . >= 100 then round elif . >= 10 then . * 10 | round / 10
		else . * 100 | round / 100 end | tostring;
	    def s: "\(.median | n) (\(.min | n)..\(.max | n))";
	    [.what, .unit, (.ours | s), (.theirs // empty | s) // "-",
	    (.ratio // empty | s) // "-",
	    (if .limit then "<= \(.limit)" else "" end)] | @tsv' |
	    awk -F '\t' '{ printf "%-46s %-3s %-24s %-24s %-20s %s\n",
		$1, $2, $3, $4, $5, $6 }'
}
