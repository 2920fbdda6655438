# state - for tests of rcn-state: `load state`, after lib.
# shellcheck shell=bash disable=SC2154

# shape KIND: each document of stdin is of that shape of state.json.
shape() {
	jq -c --arg kind "$1" '{($kind): .}' >"$T/shaped"
	"$ROOT/test/validate" -s "$ROOT/share/schema/state.json" "$T/shaped"
}

# state ARGS...: must succeed in silence on stderr; its output in $output.
state() {
	run -0 --separate-stderr rcn-state "$@"
	[ -z "$stderr" ]
}

# is JQ: of what was written last.
is() {
	jq -e "$1" <<<"$output" >/dev/null || {
		echo "$1: $output"
		return 1
	}
}

# says STATUS CODE-WORDS ARGS...: fails so, and writes nothing.
says() {
	local status=$1 text=$2

	shift 2
	run "-$status" --separate-stderr rcn-state "$@"
	[ -z "$output" ]
	[[ $stderr == *"$text"* ]] || {
		echo "$stderr"
		return 1
	}
}

# sql STATEMENT: on the database, behind everybody's back.
sql() {
	/usr/bin/python3 -c 'import sqlite3, sys
db = sqlite3.connect(sys.argv[1])
for row in db.execute(sys.argv[2]): print(*row)
db.commit()' "$RCN_STATE_DIR/state.db" "$1"
}

# live SLUG [ENVIRONMENT [ENV_VERSION]]: as if it had been deployed.
live() {
	sql "INSERT INTO deployments (id, project, environment, number, trigger,
	    state, actor, commit_id, env_version, image_ref, created_at, live_at)
	    SELECT 'd-' || e.id, p.id, e.id, p.next_number, 'push', 'live',
	    'test', 'c0ffee', ${3:-p.env_version}, 'app:1', 'now', 'now'
	    FROM projects p JOIN environments e ON e.project = p.id
	    WHERE p.slug = '$1' AND e.name = '${2:-production}'"
	sql "UPDATE environments SET live = 'd-' || id WHERE name =
	    '${2:-production}' AND project =
	    (SELECT id FROM projects WHERE slug = '$1')"
	sql "UPDATE projects SET next_number = next_number + 1
	    WHERE slug = '$1'"
}
