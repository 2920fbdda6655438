# rcn-detect's processor time above that of `rcn-detect -V`.
# shellcheck shell=bash disable=SC2154

cpu() {
	/usr/bin/python3 -B "$ROOT/bench/cpu.py" "$@" || exit 1
}

for _ in $(seq 15); do
	work=$(cpu 1 rcn-detect "$ROOT/share/demo/app") || exit 1
	start=$(cpu 1 rcn-detect -V) || exit 1
	jq -n "$work - $start"
done >"$W/ours"
row ms "rcn-detect, processor time above -V" "$W/ours"
