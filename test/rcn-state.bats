# rcn-state: its frame, and projects, environments, hosts, teams, the audit.
# shellcheck disable=SC2154
load lib
load state

@test "rcn-state: init, twice" {
	rmdir "$RCN_STATE_DIR"
	umask 022
	state init
	shape init <<<"$output"
	is ".state_dir == \"$RCN_STATE_DIR\""
	find "$RCN_STATE_DIR" -printf '%P %m\n' |
		sed -E 's/(key|secret)-[0-9a-f-]{36}/\1-ID/' | sort >first
	grep -qx 'state.db 600' first
	grep -qx 'keys 700' first
	grep -qx 'keys/secret-ID 600' first
	grep -qx 'hook 700' first
	grep -qx 'logs/gone 700' first
	grep -qx 'mirrors 700' first
	cp "$RCN_STATE_DIR"/keys/* key
	state init
	find "$RCN_STATE_DIR" -printf '%P %m\n' |
		sed -E 's/(key|secret)-[0-9a-f-]{36}/\1-ID/' | sort >second
	cmp first second
	cmp key "$RCN_STATE_DIR"/keys/*
	state team list
	[ "$(wc -l <<<"$output")" -eq 1 ]
}

@test "rcn-state: what the daemon leaves in its folder holds up nobody" {
	rcn-state init >/dev/null
	rm "$RCN_STATE_DIR/hook/repositories.json"
	mkfifo "$RCN_STATE_DIR/hook/repositories.json"
	run -0 timeout 10 rcn-state project add app \
	    --repository https://host.example/o/n
	jq -e '.repositories[0].key == "host.example/o/n"' \
	    "$RCN_STATE_DIR/hook/repositories.json"
	rm "$RCN_STATE_DIR/hook/repositories.json"
	ln -s "$RCN_STATE_DIR/installation" \
	    "$RCN_STATE_DIR/hook/repositories.json"
	run -0 timeout 10 rcn-state project rm app
	[ ! -L "$RCN_STATE_DIR/hook/repositories.json" ]
}

@test "rcn-state: init gives the fetch user and the daemon their parts" {
	[ "$(id -u)" -eq 0 ] || skip "root only"
	# The test's own folder is closed to others.
	RCN_STATE_DIR=$(mktemp -d /tmp/rcn-state.XXXXXX)
	RCN_SOURCE_USER=nobody RCN_HOOK_USER=nobody state init
	[ "$(stat -c %U:%a "$RCN_STATE_DIR/mirrors")" = nobody:700 ]
	# After a rotation too, the daemon reads its key, and no other.
	state key rotate
	setpriv --reuid nobody --clear-groups --regid nogroup \
		sh -c 'cat "$RCN_STATE_DIR"/hook/key-* \
			"$RCN_STATE_DIR"/hook/repositories.json' >/dev/null
	[ "$(stat -c %a "$RCN_STATE_DIR")" = 711 ]
	setpriv --reuid nobody --clear-groups --regid nogroup \
		test -w "$RCN_STATE_DIR/mirrors"
	run ! setpriv --reuid nobody --clear-groups --regid nogroup \
		ls "$RCN_STATE_DIR/keys"
	rm -rf "$RCN_STATE_DIR"
}

@test "rcn-state: no database is 66, a newer one 78, a damaged one 65" {
	says 66 'rcn-state init' project list
	says 66 'rcn-state init' project add a
	[ ! -e "$RCN_STATE_DIR/state.db" ]
	state init
	sql 'PRAGMA user_version = 99'
	says 78 'version 99' project list
	says 78 'version 99' init
	echo "this is no database, whatever its name may say, and so on" \
		>"$RCN_STATE_DIR/state.db"
	says 65 'rcn-state restore' project list
}

@test "rcn-state: which verb" {
	run -64 --separate-stderr rcn-state
	[[ $stderr == *"which verb"*"usage: rcn-state "* ]]
	says 64 'frob: no such verb' frob
	says 64 'project frob: no such verb' project frob
	[[ $stderr != *"audit list"* ]]
	says 64 'usage: rcn-state project get slug' project get
	says 64 'too many words' project get a b
	says 64 'no such option' project get --frob a
	says 64 'no such option' project list --limit
	says 64 'whole number' project list --limit 0
	run -0 --separate-stderr rcn-state project add -h
	[[ $output == "usage: rcn-state project add "* ]]
	run -0 --separate-stderr rcn-state project list -V
	[[ $output == "rcn-state "* ]]
}

@test "rcn-state: projects" {
	state init
	state project add shop --repository https://github.com/Octo/Shop.git \
		--branch trunk --host shop.example --host www.shop.example \
		--set watch=src,lib --set processes.web.scale=2 \
		--set cancel_building=false --set 'mounts=[{"source":"/a","target":"/b"}]'
	shape project <<<"$output"
	is '.repository == "github.com/octo/shop" and .branch == "trunk" and
		.settings == {watch: ["src", "lib"], cancel_building: false,
			processes: {web: {scale: 2}},
			mounts: [{source: "/a", target: "/b"}]}'
	is '.environments[0] | .name == "production" and .branch == "trunk" and
		.hosts == ["shop.example", "www.shop.example"]'
	added=$output
	state project get shop
	[ "$output" = "$added" ]
	echo '{"health": {"path": "/up", "port": 80}, "watch": null,
		"previews": true}' >changes
	state project set shop --project changes --set health.port= \
		--set preview_host='pr-*.shop.example'
	shape project <<<"$output"
	is '.settings.health == {path: "/up"} and .settings.watch == null and
		.previews and .preview_host == "pr-*.shop.example" and .rev == 2'
	state project set shop --project - <<<'{"root": "web"}'
	is '.settings.root == "web"'
	state project set shop --repository '' --branch main
	is '.repository == "" and (has("repository_url") | not) and
		.environments[0].branch == "main"'
	state project rm shop
	shape gone <<<"$output"
	is '.gone'
	says 66 'project shop: not there' project get shop
}

@test "rcn-state: what a project cannot be" {
	state init
	state project add shop --host shop.example
	says 65 'project shop: exists' project add shop
	says 64 'a"b: not a name' project add 'a"b'
	says 64 "not a name" project add "x'; DROP TABLE projects; --"
	says 64 "not a name" project add $'a\nb'
	says 64 'helth: no such setting' project add b --set helth=1
	says 64 'not KEY=VALUE' project add b --set root
	says 64 'not a whole number' project add b --set health.port=http
	says 64 'not true or false' project set shop --set previews=yes
	says 64 'not UTF-8' project add b --set root=$'\xff'
	says 65 'not a list of strings' project add b --project - \
		<<<'{"hosts": "b.example"}'
	says 65 'standard input:2:0' project add b --project - <<<'{"root": '
	says 65 'not a JSON object' project add b --project - <<<'[]'
	printf '{"root": "a\\u0000b"}' >nul
	says 65 'nul:1' project add b --project nul
	printf '{"root": "a\0b"}' >nul
	says 65 'nul:1' project add b --project nul
	says 66 nowhere project add b --project nowhere
	says 65 'more than' project add b --project <(head -c 5000000 /dev/zero)
	run -74 --separate-stderr sh -c 'exec rcn-state project add b \
		--project - <&-'
	says 64 'http://' project add b --repository 'http://'
	says 78 'project shop has it' project add b --host shop.example
	says 65 'not a host' project add b --host 'b example'
	says 66 'team nobody: not there' project add b --team nobody
	says 65 'cannot be changed' project set shop --set slug=other
	says 64 'nothing to set' project set shop
	says 66 'project b: not there' project get b
	state project list
	[ "$(jq -r .slug <<<"$output")" = shop ]
}

@test "rcn-state: environments and hosts" {
	state init
	state project add shop --branch main
	state environment add shop staging --branch next
	shape environment <<<"$output"
	is '.kind == "production" and .branch == "next"'
	says 65 'exists' environment add shop staging
	says 65 'a scope of variables' environment add shop preview
	says 66 'project none: not there' environment add none staging
	state environment set shop staging --scale web=3 --scale worker=0
	is '.scale == {web: 3, worker: 0}'
	state environment set shop staging --scale web= --branch ''
	is '.scale == {worker: 0} and (has("branch") | not)'
	says 64 'not PROCESS=COUNT' environment set shop staging --scale 3
	says 64 '101' environment set shop staging --scale web=101
	says 64 'nothing to set' environment set shop staging
	state environment pause shop staging --reason $'a "look"\nat it'
	is '.paused == "a \"look\"\nat it"'
	state environment list shop --table
	[ "$(wc -l <<<"$output")" -eq 3 ]
	[[ $output == *'a "look" at it'* ]]
	state environment resume shop staging
	is 'has("paused") | not'
	state environment list shop
	shape environment <<<"$output"
	[ "$(jq -r .name <<<"$output")" = $'production\nstaging' ]
	state domain add shop Next.Shop.Example. --environment staging
	shape domain <<<"$output"
	is '.host == "next.shop.example" and .environment == "staging"'
	says 65 'exists, in environment staging' domain add shop next.shop.example
	says 65 'not a host' domain add shop '*.shop.example'
	says 66 'environment no: not there' domain add shop a.b --environment no
	state domain list shop
	shape domain <<<"$output"
	state project add other
	says 78 'project shop has it' domain add other next.shop.example
	says 66 'not there' domain rm other next.shop.example
	state domain rm shop next.shop.example
	shape gone <<<"$output"
	state domain list
	[ -z "$output" ]
	says 65 'goes with its project' environment rm shop production
	state environment rm shop staging
	is '.gone'
	says 66 'not there' environment rm shop staging
}

@test "rcn-state: what was deployed goes with its teardown" {
	state init
	state project add shop
	sql "INSERT INTO deployments (id, project, environment, number, trigger,
		state, actor, created_at) SELECT 'd', p.id, e.id, 1, 'cli', 'failed',
		'x', 'now' FROM projects p JOIN environments e ON e.project = p.id"
	state project rm shop
	shape gone <<<"$output"
	is '.gone == false'
	state project get shop
	shape project <<<"$output"
	is '.removed_at and .environments[0].removed_at'
	says 65 'being removed' environment add shop staging
	[ "$(sql "SELECT count(*) FROM jobs WHERE kind = 'teardown'")" = 1 ]
}

@test "rcn-state: gc" {
	state init
	state project add shop
	state gc
	[ -z "$output" ]
	sql "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n
		WHERE i < 9) INSERT INTO deployments (id, project, environment,
		number, trigger, state, actor, document, created_at) SELECT i,
		p.id, e.id, i, 'cli', 'failed', 'x', '{}', 'x' FROM n JOIN
		projects p JOIN environments e ON e.project = p.id"
	sql "INSERT INTO jobs (id, kind, status, created_at, ended_at) VALUES
		('j', 'gc', 'done', '', '2020-01-01T00:00:00.000Z')"
	export RCN_KEEP_DEPLOYMENTS=2
	state gc --dry-run
	shape pruned <<<"$output"
	[ "$(jq -c '[.kind, .rows, .bytes]' <<<"$output")" = \
		$'["saved-document",7,14]\n["job",1,null]' ]
	dry=$output
	[ "$(sql 'SELECT count(*) FROM jobs')" = 1 ]
	state gc
	[ "$output" = "$dry" ]
	[ "$(sql 'SELECT count(*) FROM jobs')" = 0 ]
	[ "$(sql 'SELECT min(number) FROM deployments
		WHERE document IS NOT NULL')" = 8 ]
	RCN_KEEP_DAYS=0 says 78 RCN_KEEP_DAYS gc
}

@test "rcn-state: teams and users" {
	state init
	state team add web
	shape team <<<"$output"
	state user add eve --name 'Eve "E" O'"'"'Hara'
	shape user <<<"$output"
	is '.name == "Eve \"E\" O'"'"'Hara"'
	state team join web eve --role admin
	shape membership <<<"$output"
	state team list
	shape team <<<"$output"
	[ "$(jq -c 'select(.name == "web").members[] | [.user, .role]' \
		<<<"$output")" = '["eve","admin"]' ]
	says 65 'not a role' team join web eve --role king
	says 66 'user bob: not there' team join web bob
	says 65 'team web: exists' team add web
	says 64 'not a name' user add 'Eve E'
	state project add shop --team web
	says 65 'has projects' team rm web
	state project set shop --team default
	state team leave web eve
	shape gone <<<"$output"
	state team rm web
	shape gone <<<"$output"
	says 65 'local: stays' user rm local
	state user rm eve
	shape gone <<<"$output"
	state user list
	shape user <<<"$output"
	[ "$(jq -r .login <<<"$output")" = local ]
}

@test "rcn-state: the audit tells all, and who changes it is found out" {
	state init
	state project add shop
	state project add other
	state project set shop --set root=web
	state audit list
	shape event <<<"$output"
	[ "$(jq -r .kind <<<"$output" | sort | uniq -c | tr -s ' \n' ' ')" = \
		" 2 environment.created 1 key.created 1 project.changed 2 project.created 1 state.created " ]
	[ "$(jq -r .actor <<<"$output" | sort -u)" = "cli:$(id -u):$(id -un)" ]
	state audit list --project shop
	[ "$(wc -l <<<"$output")" -eq 3 ]
	state audit list --project shop --after 6 --limit 1
	is '.kind == "project.changed" and .data.settings == {root: "web"}'
	says 66 'project no: not there' audit list --project no
	state audit verify
	shape audit <<<"$output"
	is '.events == 7'
	sql 'DROP TRIGGER events_as_written'
	sql "UPDATE events SET actor = 'nobody' WHERE seq = 3"
	says 65 'event 3' audit verify
}

@test "rcn-state: pages, in order" {
	state init
	for n in 5 3 1 4 2; do
		state project add "p$n"
	done
	state project list
	[ "$(jq -r .slug <<<"$output" | tr -d '\n')" = p1p2p3p4p5 ]
	shape project <<<"$output"
	state project list --limit 2
	[ "$(jq -r .slug <<<"$output" | tr -d '\n')" = p1p2 ]
	state project list --after p2 --limit 2
	[ "$(jq -r .slug <<<"$output" | tr -d '\n')" = p3p4 ]
}

@test "rcn-state: JSON in a pipe, a table on a terminal" {
	state init
	state project add shop --host shop.example
	run -0 script -qec "rcn-state project list" /dev/null
	[[ $output == "slug "*repository*"shop "*production* ]]
	run -0 script -qec "rcn-state --json project list" /dev/null
	jq -e '.slug == "shop"' <<<"$output"
	run -0 script -qec "rcn-state project get shop" /dev/null
	[[ $output == *"slug "*shop* ]]
	state --table project list
	[[ $output == "slug "* ]]
	state --table user list
	[[ $output == login*local* ]]
}

@test "rcn-state: standard output that is full, closed or not read" {
	state init
	state project add shop
	run -74 --separate-stderr sh -c 'exec rcn-state project get shop >/dev/full'
	[[ $stderr == *"No space left"* ]]
	run -74 --separate-stderr sh -c 'exec rcn-state project get shop >&-'
	run -74 --separate-stderr sh -c 'exec rcn-state team add web >/dev/full'
	# What was asked for is done all the same.
	state team rm web
	status=$( { { rcn-state audit list; echo $? >&3; } |
		true; } 3>&1 2>/dev/null)
	[ "$status" -eq 141 ] || [ "$status" -eq 0 ]
}

@test "rcn-state: who may not write is told so" {
	[ "$(id -u)" -eq 0 ] || skip "root only"
	RCN_STATE_DIR=$(mktemp -d /tmp/rcn-state.XXXXXX)
	state init
	cp "$B/rcn-state" "$RCN_STATE_DIR/program"
	for verb in "project list" "project add a" init; do
		# shellcheck disable=SC2086
		run -77 --separate-stderr setpriv --reuid nobody \
			--regid nogroup --clear-groups \
			"$RCN_STATE_DIR/program" $verb
		[[ $stderr == *"run as the user who owns"* ]]
	done
	rm -rf "$RCN_STATE_DIR"
}

@test "rcn-state: two at once, nothing is lost" {
	state init
	for n in {1..20}; do
		rcn-state project add "p$n" >"out$n" 2>"err$n" &
	done
	wait
	state project list
	[ "$(wc -l <<<"$output")" -eq 20 ]
	state audit verify
	is '.events == 42'
}

@test "rcn-state: the examples of its page" {
	rmdir "$RCN_STATE_DIR"
	sed -n '/^.Sh EXAMPLES/,/^.Sh SEE ALSO/{/^\.Bd/,/^\.Ed/{/^\.[BE]d/!p}}' \
		"$ROOT/man/rcn-state.1" | sed 's/\\e$/\\/' |
		grep -v rcn-pipeline >script
	grep -q 'project add shop' script
	run -0 --separate-stderr sh -eu script
	[ -z "$stderr" ]
	sed -n 's/^\.Dl //p' "$ROOT/man/rcn-state.1" | sed 's/\\(dq/"/g' >line
	rcn-state project add bare
	run -0 --separate-stderr sh -eu line
	[ "$output" = bare ]
}
