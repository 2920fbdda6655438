# The whole pipeline on a document that has `error` already: what starting
# all the programs costs; theirs is a pipe of as many cat(1).
# shellcheck shell=bash disable=SC2154

cat >"$W/error.json" <<'END_OF_DOC'
{"rcn": {"version": 1}, "project": {"slug": "a"}, "deployment": {"id": "1"}, "error": {"stage": "mine", "status": 77, "code": "no", "message": "no", "hint": "", "retryable": false}}
END_OF_DOC

start_ours() {
	local status=0

	rcn-pipeline -d "$W/error.json" >/dev/null || status=$?
	[ $status -eq 77 ]
}

start_theirs() {
	sh -c 'cat "$1" | cat | cat | cat | cat | cat | cat | cat >/dev/null' \
	    - "$W/error.json"
}

interleave 15 start_ours start_theirs
row ms "start of all programs (theirs: cat)" "$W/ours" "$W/theirs" 100
