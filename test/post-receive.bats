# post-receive: a push that deploys, by path and over ssh.
# limit: 600
# shellcheck shell=bash disable=SC2154,SC2030,SC2031
load lib
load route

setup() {
	rcn_setup
	slug=pushed-$BATS_TEST_NUMBER-$$
	export RCN_NETWORK=rcnt-$slug RCN_SUBNET
	RCN_SUBNET=$(free_subnet)
	echo "$RCN_NETWORK" >>"$T/networks"
	rcn_slug "$slug"
	host=$slug.localhost
	bare=$T/srv/$slug.git
	start_proxy haproxy
	mkdir "$T/work"
	git init -q "$T/work"
	cd "$T/work" || return 1
}

teardown() {
	while read -r line; do
		end_process "$line"
	done 2>/dev/null <"$T/pids" || true
	stop_proxy
	rcn_clean "$slug"
	docker images -q --filter "label=rcn.project=$slug" | sort -u |
	    xargs -r docker rmi -f >/dev/null 2>&1 || true
	rcn_teardown
}

answer() {
	curl -sSf -H "Host: $host" "http://$RCN_HTTP/"
}

# commit TEXT: a page that says so.
commit() {
	echo "$1" >index.html
	git add -A
	git commit -qm "$1"
}

# with_ssh: a server for our own key that has the test's settings; $ssh is
# its address, GIT_SSH_COMMAND reaches it.
with_ssh() {
	local port dir=$T/ssh

	port=$(free_port)
	mkdir -p "$dir" /run/sshd
	ssh-keygen -q -t ed25519 -N '' -f "$dir/host"
	ssh-keygen -q -t ed25519 -N '' -f "$dir/key"
	cp "$dir/key.pub" "$dir/authorized"
	cat >"$dir/config" <<-END
	ListenAddress 127.0.0.1:$port
	HostKey $dir/host
	AuthorizedKeysFile $dir/authorized
	PidFile none
	StrictModes no
	PermitRootLogin yes
	PasswordAuthentication no
	UsePAM $([ "$(passwd -S root | cut -d' ' -f2)" = L ] && echo yes ||
	    echo no)
	SetEnv $(env | grep -E '^(RCN_|DOCKER_HOST=|HOME=|GIT_CONFIG_)' |
	    sed 's/=\(.*\)/="\1"/' | tr '\n' ' ')
	END
	background "$(command -v sshd)" -D -e -f "$dir/config"
	export GIT_SSH_COMMAND="ssh -i $dir/key -o IdentitiesOnly=yes
	    -o BatchMode=yes -o LogLevel=ERROR -o StrictHostKeyChecking=no
	    -o UserKnownHostsFile=/dev/null"
	GIT_SSH_COMMAND=$(tr '\n\t' '  ' <<<"$GIT_SSH_COMMAND")
	ssh=ssh://$(id -un)@127.0.0.1:$port
	wait_for 10 ssh-keyscan -p "$port" 127.0.0.1
}

@test "post-receive: by path, without a database: git's settings decide" {
	run -0 --separate-stderr rcn create "$slug" --git "$bare" --host "$host"
	[[ $output == *"git push rcn main"* ]]
	[ "$(git -C "$bare" config receive.fsckObjects)" = true ]
	[ "$(git -C "$bare" config receive.fsck.hasDot)" = error ]
	[ -L "$bare/hooks/post-receive" ]
	commit one
	run -0 git push "$bare" HEAD:main
	[[ $output == *"remote: "*"$slug (production) is live"* ]]
	[[ $output == *"remote: "*"build"* ]]
	[ "$(answer)" = one ]
	# lines fit beside "remote: "
	run -1 grep -E '^remote: .{73,}' <(sed 's| *$||' <<<"$output")
	# what is not the branch, and tags, deploy nothing
	commit two
	run -0 git push "$bare" HEAD:other
	[[ $output == *"other is not deployed, main is"* ]]
	git tag v1
	run -0 git push "$bare" v1
	[[ $output != *rcn:* ]]
	[ "$(answer)" = one ]
	# a branch that goes deploys nothing
	run -0 git push "$bare" :other
	[[ $output != *rcn:* ]]
	run -0 git push "$bare" HEAD:main
	[ "$(answer)" = two ]
}

@test "post-receive: a failure is said, and the push stands" {
	rcn create "$slug" --git "$bare" --host "$host"
	echo 'nothing to run' >README
	git add -A
	git commit -qm readme
	run -0 git push "$bare" HEAD:main
	[[ $output == *"remote: "*"$slug (production): failed"* ]]
	[ "$(git -C "$bare" rev-parse main)" = "$(git rev-parse HEAD)" ]
}

@test "post-receive: who goes away while it deploys ends nothing" {
	rcn create "$slug" --git "$bare" --host "$host"
	commit one
	setsid git push "$bare" HEAD:main >"$T/push" 2>&1 3>&- 4>&- &
	pid=$!
	wait_for 20 grep -q remote "$T/push"
	kill -KILL -- "-$pid"
	wait_for 60 answer
	[ "$(answer)" = one ]
	wait_for 30 flock -n "$bare/rcn.lock" true
}

@test "post-receive: a hostile tree is refused before anything reads it" {
	rcn create "$slug" --git "$bare" --host "$host"
	commit one
	blob=$(git hash-object -w index.html)
	for name in .git .. . a/b; do
		tree=$(printf '100644 %s\0%b' "$name" \
		    "$(sed 's/../\\x&/g' <<<"$blob")" |
		    git hash-object -t tree -w --literally --stdin)
		commit=$(git commit-tree -m bad "$tree")
		run ! git push "$bare" "$commit:refs/heads/main"
		[[ $output != *"is live"* ]]
	done
	run ! git -C "$bare" rev-parse -q --verify main
}

@test "post-receive: over ssh, with a database: the worker does it" {
	with_ssh
	rcn-state init >/dev/null
	run -0 --separate-stderr rcn create "$slug" --git "$bare" --host "$host"
	[ "$(rcn-state project get "$slug" | jq -r .repository)" = "$bare" ]
	background rcn-worker
	commit one
	run -0 git push "$ssh$bare" HEAD:main
	[[ $output == *"remote: "*"deployment 1"* ]]
	[[ $output == *"remote: "*"$slug (production) is live"* ]]
	[ "$(answer)" = one ]
	rcn-state deployment get "$slug:1" | jq -e --arg c "$(git rev-parse HEAD)" \
	    '.trigger == "push" and .branch == "main" and .commit == $c'
	# another environment has its branch
	rcn-state environment add --branch next "$slug" staging >/dev/null
	rcn-state domain add --environment staging "$slug" \
	    "next-$slug.localhost" >/dev/null
	commit two
	run -0 git push "$ssh$bare" HEAD:next
	[[ $output == *"$slug (staging) is live"* ]]
	[ "$(answer)" = one ]
	host=next-$slug.localhost
	[ "$(answer)" = two ]
	run -0 git push "$ssh$bare" HEAD:nobody
	[[ $output == *"nobody is no branch of a project"* ]]
}
