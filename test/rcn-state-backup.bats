# rcn-state: backup and restore.
# shellcheck disable=SC2154
load lib
load state

canary='canary-Qp47-9876543210'

setup() {
	rcn_setup
	RCN_CONF=$T/rcn.conf
	echo 'correct horse' >pass
	state init
	state project add shop --repository https://github.com/o/shop
	printf %s "$canary" | rcn-state env set shop A >/dev/null
	echo "hook-$canary" | rcn-state credential set webhook >/dev/null
}

backup() {
	state backup --passphrase-file pass "${1:-backup}"
}

# on DIR ARGS...: rcn-state on another host.
on() {
	local dir=$1

	shift
	RCN_STATE_DIR=$dir rcn-state "$@"
}

@test "rcn-state backup: all that a new host needs" {
	mkdir -p "$RCN_STATE_DIR/routes"
	echo '{"a":1}' >"$RCN_STATE_DIR/routes/shop.production.json"
	echo 0123456789abcdef >"$RCN_STATE_DIR/installation"
	echo BASE_DOMAIN=example.org >"$RCN_CONF"
	backup
	shape backup <<<"$output"
	[ "$(stat -c '%a %s' backup)" = "600 $(jq .bytes <<<"$output")" ]
	run ! grep -qa -e canary -e shop backup
	mv rcn.conf old.conf
	state audit list
	before=$output
	run -0 --separate-stderr on new restore --passphrase-file pass backup
	[ -z "$stderr" ]
	shape restored <<<"$output"
	is '.projects == 1 and .deployments == []'
	run -0 --separate-stderr on new env export shop
	is ".A.value == \"$canary\""
	run -0 --separate-stderr on new credential show webhook
	is ".secret == \"hook-$canary\""
	run -0 --separate-stderr on new audit list
	[[ $output == "$before"* ]]
	[ "$(tail -n 1 <<<"$output" | jq -r .kind)" = state.restored ]
	on new audit verify
	cmp new/routes/shop.production.json \
		"$RCN_STATE_DIR/routes/shop.production.json"
	cmp new/installation "$RCN_STATE_DIR/installation"
	cmp rcn.conf old.conf
	cmp new/hook/repositories.json "$RCN_STATE_DIR/hook/repositories.json"
	[ -z "$(find new -type f -perm /077 ! -name repositories.json)" ]
	[ -z "$(find new "$RCN_STATE_DIR" -name '.*')" ]
	# What is there stays as it is; what differs is put beside it.
	echo OTHER=1 >rcn.conf
	run -0 --separate-stderr on newer restore --passphrase-file pass backup
	[[ $stderr == *newer/rcn.conf.restored* ]]
	cmp newer/rcn.conf.restored old.conf
}

@test "rcn-state backup: through a pipe" {
	rcn-state backup --passphrase-file pass - |
		on new restore --passphrase-file pass - >/dev/null
	run -0 --separate-stderr on new env export shop
	is ".A.value == \"$canary\""
	echo 'correct horse' | rcn-state backup two >/dev/null
	echo 'correct horse' | on new2 restore two >/dev/null
	run -64 --separate-stderr on new3 restore -
	echo short >short
	run -65 --separate-stderr rcn-state backup --passphrase-file short three
	[[ $stderr == *"shorter than 8"* ]]
	[ ! -e three ]
	run -74 --separate-stderr sh -c \
		'exec rcn-state backup --passphrase-file pass - >/dev/full'
	run -73 --separate-stderr rcn-state backup --passphrase-file pass \
		nowhere/x
}

@test "rcn-state restore: another passphrase, cut short, changed: nothing" {
	backup
	echo 'wrong horse' >wrong
	run -65 --separate-stderr on new restore --passphrase-file wrong backup
	[[ $stderr == *"another passphrase"* ]]
	size=$(stat -c %s backup)
	for n in 0 10 40 80 100 20000 70000 $((size / 2)) $((size - 1)) \
	    $((size - 18)); do
		head -c "$n" backup >"cut"
		run -65 --separate-stderr on new restore \
			--passphrase-file pass cut
		[[ $stderr == *"rcn-state: backup: "* ]]
	done
	# 29 and 37: the numbers for Argon2id.
	for at in 3 20 35 42 50 70 75 100 5000 $((size - 3)); do
		/usr/bin/python3 - "$at" <<-'E'
		import sys
		b = bytearray(open('backup', 'rb').read())
		b[int(sys.argv[1])] ^= 0x40
		open('changed', 'wb').write(b)
		E
		run -65 --separate-stderr on new restore \
			--passphrase-file pass changed
	done
	[ ! -e new/state.db ]
	[ -z "$(find new/keys new/hook -type f)" ]
	[ -z "$(find new -name '.*')" ]
	run -66 --separate-stderr on new restore --passphrase-file pass nowhere
	on new restore --passphrase-file pass backup
}

@test "rcn-state restore: a folder in use is left alone, unless forced" {
	backup
	state project add later
	find "$RCN_STATE_DIR" -type f ! -name 'state.db-*' \
		-exec sha256sum {} + | sort >before
	says 65 'has projects in it' restore --passphrase-file pass backup
	find "$RCN_STATE_DIR" -type f ! -name 'state.db-*' \
		-exec sha256sum {} + | sort >after
	cmp before after
	state key rotate
	state restore --force --passphrase-file pass backup
	is '.projects == 1'
	state project list
	[ "$(jq -r .slug <<<"$output")" = shop ]
	state env export shop
	is ".A.value == \"$canary\""
	# What was there can be had back.
	mkdir back
	cp -r "$RCN_STATE_DIR"/before-restore.*/* back
	mkdir back/hook
	mv back/key-* back/hook
	run -0 --separate-stderr on back env export shop
	is ".A.value == \"$canary\""
	run -0 --separate-stderr on back credential show webhook
	is ".secret == \"hook-$canary\""
	[ "$(on back project list | jq -r .slug | tr '\n' ' ')" = 'later shop ' ]
}

@test "rcn-state restore: deploys again what was live" {
	for p in paused stopped waiting image; do
		state project add "$p" --repository "https://github.com/o/$p"
	done
	for p in shop paused stopped waiting image; do
		live "$p"
	done
	sql "UPDATE deployments SET commit_id = NULL WHERE project =
	    (SELECT id FROM projects WHERE slug = 'image')"
	sql "UPDATE environments SET paused = 'by me' WHERE project =
	    (SELECT id FROM projects WHERE slug = 'paused')"
	sql "UPDATE environments SET stopped = 1 WHERE project =
	    (SELECT id FROM projects WHERE slug = 'stopped')"
	state deployment add waiting --trigger cli
	backup
	run -0 --separate-stderr on new restore --passphrase-file pass backup
	[ "$(jq -r '.deployments[] | "\(.project) \(has("deployment"))"' \
		<<<"$output" | tr '\n' ' ')" = \
		'image true paused true shop true waiting false ' ]
	is '.deployments[3].why == "another deployment is under way"'
	[ "$(on new deployment list shop | jq -r .trigger | head -n 1)" = redeploy ]
	[ "$(on new deployment list image | jq -r .trigger | head -n 1)" = image ]
	run -0 --separate-stderr on new project get paused
	is '.environments[0].paused == "by me"'
	run -0 --separate-stderr on new project get stopped
	is '.environments[0].stopped'
}

@test "rcn-state backup: while others write and keys change" {
	echo 'while :; do
		date +%N | rcn-state env set shop B
		rcn-state key rotate
	done' >writer
	background sh writer
	pid=$!
	for k in 1 2 3 4 5; do
		backup "b$k"
	done
	end_process "$pid"
	[ "$(rcn-state project get shop | jq .env_version)" -gt 5 ]
	for k in 1 2 3 4 5; do
		on "new$k" restore --passphrase-file pass "b$k" >/dev/null
		run -0 --separate-stderr on "new$k" env export shop
		is ".A.value == \"$canary\""
		on "new$k" audit verify
	done
}

@test "rcn-state backup, restore: killed, nothing is left by the next" {
	backup
	mkdir out
	for ms in 01 05 10 20 30 50 80; do
		timeout -s KILL "0.$ms" rcn-state backup --passphrase-file pass \
			out/b >/dev/null || true
		timeout -s KILL "0.$ms" env RCN_STATE_DIR="$T/new" rcn-state \
			restore --passphrase-file pass backup >/dev/null || true
		timeout -s KILL "0.$ms" rcn-state restore --force \
			--passphrase-file pass backup >/dev/null || true
		[ -e "$RCN_STATE_DIR/state.db" ] ||
			rcn-state restore --passphrase-file pass backup
		state env export shop
		is ".A.value == \"$canary\""
	done
	# not while another process has got the id of one that was killed
	swept() {
		rcn-state backup --passphrase-file pass out/b >/dev/null &&
			[ "$(ls -A out)" = b ]
	}
	wait_for 20 swept
	on new restore --force --passphrase-file pass out/b
	[ -z "$(find new "$RCN_STATE_DIR" -name '.*')" ]
	run -0 --separate-stderr on new env export shop
	is ".A.value == \"$canary\""
}
