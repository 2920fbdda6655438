# rcn-state: variables, credentials, keys; and where no secret may be found.
# shellcheck disable=SC2154
load lib
load state

canary='canary-Zx81-0123456789'

# set_env VALUE ARGS...: rcn-state env set, the value on standard input.
set_env() {
	local value=$1

	shift
	printf '%s' "$value" >"$T/value"
	run -0 --separate-stderr sh -c 'exec rcn-state env set "$@" <"$0"' \
		"$T/value" "$@"
	[ -z "$stderr" ]
}

setup() {
	rcn_setup
	[[ $BATS_TEST_DESCRIPTION == *"without a database"* ]] || {
		state init
		state project add shop --repository https://github.com/O/Shop
	}
}

@test "rcn-state env: set, list, unset" {
	set_env $'first\nsecond\n' shop TEXT
	shape env_change <<<"$output"
	is '.version == 1 and .changed == ["TEXT"] and .build_changed == false
	    and .deployments == []'
	set_env plain --not-secret --phase both --scope all shop PLAIN
	is '.version == 2 and .build_changed'
	set_env plain --not-secret --phase both --scope all shop PLAIN
	is '.version == 2 and .changed == []'
	state env list shop
	shape variable <<<"$output"
	[ "$(jq -rc '[.key, .scope, .phase, .secret, .since, .value]' \
		<<<"$output")" = '["PLAIN","all","both",false,2,"plain"]
["TEXT","production","run",true,1,null]' ]
	state env export shop
	is '.TEXT.value == "first\nsecond"'
	state env unset shop TEXT
	state env list shop
	is '.key == "PLAIN"'
	state env list --at 1 shop
	is '.key == "TEXT"'
	says 66 'variable TEXT' env unset shop TEXT
	says 66 'project no' env list no
	says 66 'environment no' env list --environment no shop
}

@test "rcn-state env: what is refused, and quotes no value" {
	while read -r words; do
		# shellcheck disable=SC2086 # words
		run -65 --separate-stderr sh -c 'exec rcn-state env set "$@" <<E
'"$canary"'
E' sh $words
		[ -z "$output" ]
		[[ $stderr != *canary* ]]
	done <<-'E'
	shop 1A
	shop A-B
	shop RCN_A
	shop PORT
	--phase now shop A
	--scope staging shop A
	E
	printf 'a\0b' >nul
	says 65 NUL env set --file nul shop A
	head -c 65537 /dev/zero | tr '\0' x >big
	says 65 65536 env set --file big shop A
	says 66 'no such file' env set --file nowhere shop A
	for text in "{\"A\": $canary}" "{\"A\": [\"$canary\"]}" "A=\"$canary" \
		$'A=1\nRCN_B='"$canary"; do
		printf '%s' "$text" >bad
		says 65 '' env import shop bad
		[[ $stderr != *canary* ]]
	done
	state env list shop
	[ -z "$output" ]
}

@test "rcn-state env: export and import, both forms" {
	printf '# all\nA=1\nexport B="x \\"y\\" \\$z \\\\"\nC='\''two\nlines'\''\n' \
		>all.env
	state env import shop all.env
	is '.changed == ["A", "B", "C"] and .version == 1'
	state env export --dotenv shop
	echo "$output" >again.env
	state env import shop again.env
	is '.changed == []'
	set_env open --not-secret --phase both shop D
	state env export shop
	echo "$output" >all.json
	is '.B == {"value": "x \"y\" $z \\", "secret": true, "phase": "run"} and
	    .C.value == "two\nlines" and .D.secret == false'
	state project add other
	state env import other all.json
	is '.changed == ["A", "B", "C", "D"]'
	state env export other
	[ "$output" = "$(cat all.json)" ]
	state env export --at 1 shop
	is 'keys == ["A", "B", "C"]'
}

@test "rcn-state env: previews get what is for them" {
	sql "INSERT INTO environments (id, project, name, kind, pull_request,
	    created_at, updated_at) SELECT 'e', id, 'pr-7', 'preview', 7, 'n', 'n'
	    FROM projects"
	set_env 1 shop A
	set_env 2 --scope all shop B
	set_env 3 --scope preview shop B
	set_env 4 --scope pr-7 shop C
	state env export --environment pr-7 shop
	is '{B: .B.value, C: .C.value} == {B: "3", C: "4"} and length == 2'
	state env export shop
	is '{A: .A.value, B: .B.value} == {A: "1", B: "2"} and length == 2'
}

@test "rcn-state env: a change deploys what serves, once" {
	sql "INSERT INTO environments (id, project, name, kind, created_at,
	    updated_at) SELECT 'e', id, 'staging', 'production', 'n', 'n'
	    FROM projects"
	set_env 1 --not-secret --phase both shop BUILT
	live shop
	set_env 2 shop A
	is '.deployments | length == 1 and .[0].trigger == "env" and
	    .[0].state == "pending" and .[0].environment == "production"'
	# staging serves nothing, and would get nothing else.
	set_env 3 --scope staging shop A
	is '.deployments == []'
	set_env 3 --no-deploy shop A
	is 'has("deployments") | not'
	state env diff shop
	shape env_diff <<<"$output"
	is '.key == "A" and .change == "added" and .build == false'
	set_env 4 --not-secret --no-deploy shop BUILT
	state env diff shop
	[ "$(jq -c '[.key, .change, .build]' <<<"$output")" = \
		'["A","added",false]
["BUILT","changed",true]' ]
	state env diff shop 1 2
	is '.key == "A"'
	sql "UPDATE environments SET stopped = 1"
	set_env 5 shop A
	is '.deployments == []'
}

@test "rcn-state credential: each kind" {
	says 65 'no such kind' credential set frob /dev/null
	state credential set --project shop git-key </dev/null
	shape credential <<<"$output"
	jq -r .public <<<"$output" >pub
	ssh-keygen -l -f pub | grep -q 'rcn-shop (ED25519)'
	ssh-keygen -q -t rsa -b 2048 -N '' -C mine -f rsa
	state credential set --project shop git-key rsa
	is ".rev == 2 and .public == \"$(cut -d' ' -f 1-2 rsa.pub)\""
	ssh-keygen -q -p -N secret -f rsa
	says 65 'passphrase' credential set --project shop git-key rsa
	echo "$canary" | rcn-state credential set git-token >out
	shape credential <out
	[[ $(<out) != *canary* ]]
	state credential set webhook </dev/null
	shape credential <<<"$output"
	secret=$(jq -r .secret <<<"$output")
	[[ $secret =~ ^[0-9a-f]{64}$ ]]
	state credential show webhook
	is ".secret == \"$secret\""
	says 66 'there is none' credential show --project shop webhook
	state credential list
	shape credential <<<"$output"
	[ "$(jq -r .kind <<<"$output" | tr '\n' ' ')" = 'git-token webhook ' ]
	[[ $output != *"$secret"* ]]
	state credential rm webhook
	shape gone <<<"$output"
	says 66 'there is none' credential rm webhook
	jq -e '.repositories == [{key: "github.com/o/shop", key_id: "",
	    sealed: []}] and .default == []' "$RCN_STATE_DIR"/hook/*.json
}

@test "rcn-state key: rotate, and a key that is lost" {
	set_env "$canary" shop A
	state credential set webhook </dev/null
	secret=$(jq -r .secret <<<"$output")
	ls "$RCN_STATE_DIR"/keys/* "$RCN_STATE_DIR"/hook/key-* >before
	cp "$(grep secret- before)" old
	state key rotate
	shape rotation <<<"$output"
	is '.resealed == 2'
	ls "$RCN_STATE_DIR"/keys/* "$RCN_STATE_DIR"/hook/key-* >after
	[ "$(wc -l <after)" -eq 2 ]
	[ -z "$(comm -12 before after)" ]
	state env export shop
	is ".A.value == \"$canary\""
	state credential show webhook
	is ".secret == \"$secret\""
	state key init
	shape key <<<"$output"
	key=$(grep secret- after)
	cp "$key" new
	cp old "$key"
	says 77 "$key" env export shop
	rm "$key"
	says 77 'rcn-state restore' env export shop
	says 77 "$key" key rotate
	says 77 "$key" key init
	# Sealing needs no private key; a list shows what it can.
	set_env more shop B
	state env list shop
	[ "$(wc -l <<<"$output")" -eq 2 ]
	cp new "$key"
	state env export shop
	is ".A.value == \"$canary\" and .B.value == \"more\""
}

# The test's own folder is closed to others, and root reads all.
@test "rcn-state env: who may not read the keys may not read a secret" {
	[ "$(id -u)" -eq 0 ] || skip "root only"
	RCN_STATE_DIR=$(mktemp -d /tmp/rcn-state.XXXXXX)
	state init
	state project add shop
	set_env "$canary" shop A
	chown -R nobody "$RCN_STATE_DIR"
	chown root "$RCN_STATE_DIR/keys" "$RCN_STATE_DIR"/keys/*
	run -77 --separate-stderr setpriv --reuid nobody --clear-groups \
		--regid nogroup "$B/rcn-state" env export shop
	[[ $stderr == *"Permission denied"*"own"* ]]
	rm -rf "$RCN_STATE_DIR"
}

@test "rcn-state: no secret leaves by another way" {
	webhook=webhook-$canary
	set_env "$canary" shop A
	echo "$webhook" | rcn-state credential set webhook >/dev/null
	state credential show webhook
	is ".secret == \"$webhook\""
	echo "token-$canary" | rcn-state credential set --project shop git-token \
		>/dev/null
	state key rotate
	state audit list
	[[ $output != *canary* ]]
	state env list shop
	[[ $output != *canary* ]]
	# Where people put tokens.
	says 64 'do not belong' project set shop \
		--repository "https://x:$canary@github.com/o/n"
	[[ $stderr != *canary* ]]
	# Database, journal, repositories.json, keys: every file of the folder.
	[ -s "$RCN_STATE_DIR/state.db-wal" ] || sql 'SELECT 1'
	run ! grep -rqa canary "$RCN_STATE_DIR"
	# Nor argv or the environment of anything that was executed.
	strace -f -v -s 65536 -e trace=execve -o trace \
		rcn-state env set --file "$T/value" shop B
	grep -q execve trace
	run ! grep -q canary trace
	# A process that holds it leaves no core, and nobody may look into it.
	mkfifo pipe
	(exec rcn-state env set shop C <pipe) &
	pid=$!
	exec 5>pipe
	printf '%s' "$canary" >&5
	for ((i = 0; i < 100; i++)); do
		grep -q '^Max core file size *0 *0 ' "/proc/$pid/limits" && break
		sleep 0.05
	done
	grep '^Max core file size *0 *0 ' "/proc/$pid/limits"
	[ "$(stat -c %u "/proc/$pid/environ")" -eq 0 ]
	(ulimit -c unlimited; kill -SEGV "$pid")
	exec 5>&-
	run wait "$pid"
	run ! grep -rqa canary --include='core*' .
}
