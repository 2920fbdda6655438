# What BuildKit's session sends: image and tree compared, build after build.
# More of them, and others:
#	RCN_TEST_COMMITS=120 RCN_TEST_SEED=8 make check-bats T=test/session.bats
# limit: 3600
# shellcheck shell=bash disable=SC2154,SC2016
load lib

setup() {
	rcn_setup
	slug=session-$BATS_TEST_NUMBER
	steps=${RCN_TEST_COMMITS:-25}
	seed=${RCN_TEST_SEED:-7}
	mkdir app
}

teardown() {
	docker images -q --filter "label=rcn.project=$slug" | sort -u |
	    xargs -r docker rmi -f >/dev/null 2>&1 || true
	rcn_teardown
}

# document SOURCE: its Dockerfile copies all.
document() {
	jq -cn --arg slug "$slug" --argjson source "$1" '{
		rcn: {version: 1}, project: {slug: $slug}, deployment: {
		id: "01930000-0000-7000-8000-abcdef012345", attempt: 1,
		environment: "production", trigger: "cli"}, source: $source,
		dockerfile: {text: "FROM scratch\nCOPY . /app/\n",
		context: ".", bases: []}}'
}

# compare TAR: what the image in out has in /app is what the tar has.
compare() {
	local ref box

	ref=$(jq -r .image.ref out) && box=$(docker create "$ref" none) ||
	    return
	docker export "$box" >image.tar
	docker rm "$box" >/dev/null
	/usr/bin/python3 "$ROOT/test/session.py" same image.tar "$1" app/
}

# small: the first build sent the big file, most others did not.
small() {
	jq -s -e '.[0] > 1000000 and (sort | .[length / 2]) < 300000' sent
}

@test "session: images of commits have what git archive has" {
	local i id differ=0

	git init -q --bare repo.git
	export GIT_DIR=$T/repo.git GIT_WORK_TREE=$T/app
	export GIT_AUTHOR_DATE='1700000000 +0000'
	export GIT_COMMITTER_DATE=$GIT_AUTHOR_DATE
	for ((i = 0; i < steps; i++)); do
		/usr/bin/python3 "$ROOT/test/session.py" change app "$seed" $i
		git add -A -f
		git commit -q --allow-empty -m "change $i"
		id=$(git rev-parse HEAD)
		document "$(jq -n --arg path "$GIT_DIR" --arg commit "$id" \
		    --arg tree "git:$(git rev-parse "$id^{tree}")" '{
		    kind: "git", path: $path, root: "", commit: $commit,
		    tree: $tree, committed_at: "2023-11-14T22:13:20.000Z"}')" \
		    >in
		rcn-build -q <in >out
		git -c tar.umask=022 archive "$id" >want.tar
		compare want.tar || differ=$((differ + 1))
		jq '.image.context_bytes // 0' out >>sent
	done
	echo "$i commits, $differ differ"
	[ "$differ" = 0 ]
	small
}

@test "session: images of a folder have what is in it" {
	local i differ=0

	for ((i = 0; i < steps; i++)); do
		/usr/bin/python3 "$ROOT/test/session.py" change app "$seed" $i \
		    folder
		find app -type f -perm /111 -exec chmod 755 {} + \
		    -o -type f -exec chmod 644 {} +
		echo '<p>hi' >app/index.html
		rcn-detect app 2>/dev/null >seen
		document "$(jq .source seen)" >in
		rcn-build -q <in >out
		tar -c --hard-dereference -C app --transform 's,^\./,,' . \
		    >want.tar
		compare want.tar || differ=$((differ + 1))
		jq '.image.context_bytes // 0' out >>sent
	done
	echo "$i folders, $differ differ"
	[ "$differ" = 0 ]
	small
}

# memory COMMAND...: most that it and its children hold at once, in kB, in held.
memory() {
	/usr/bin/python3 - "$@" <<'END' 3>&-
import os, subprocess, sys, time

def held(pid):
    total = 0
    for line in open(f"/proc/{pid}/status"):
        if line.startswith("RssAnon:"):
            total += int(line.split()[1])
    for task in os.listdir(f"/proc/{pid}/task"):
        for child in open(f"/proc/{pid}/task/{task}/children").read().split():
            total += held(child)
    return total

with open("in") as i, open("out", "w") as o, open("err", "w") as e:
    p = subprocess.Popen(sys.argv[1:], stdin=i, stdout=o, stderr=e)
most = samples = 0
while p.poll() is None:
    try:
        most = max(most, held(p.pid))
        samples += 1
    except (FileNotFoundError, ProcessLookupError):
        pass
    time.sleep(0.003)
open("held", "w").write(f"{most} {samples}\n")
sys.exit(p.returncode)
END
}

# commit: all of app; its document in in.
commit() {
	local id

	git add -A -f && git commit -q --allow-empty -m change &&
	    id=$(git rev-parse HEAD) || return
	document "$(jq -n --arg path "$GIT_DIR" --arg commit "$id" \
	    --arg tree "git:$(git rev-parse "$id^{tree}")" '{
	    kind: "git", path: $path, root: "", commit: $commit,
	    tree: $tree, committed_at: "2023-11-14T22:13:20.000Z"}')" >in
}

@test "session: big blobs, loose and packed, take no memory" {
	local mb=${RCN_TEST_BLOB_MB:-32} most n

	git init -q --bare repo.git
	export GIT_DIR=$T/repo.git GIT_WORK_TREE=$T/app TMPDIR=$T
	for way in loose packed; do
		head -c "${mb}M" /dev/urandom >app/blob
		sum=$(sha256sum <app/blob)
		commit
		[ $way = loose ] || git -c core.bigFileThreshold=1m repack -adq
		# No git that reads this will do anything.
		cp repo.git/config config
		echo '[broken' >>repo.git/config
		memory rcn-build -q
		cp config repo.git/config
		read -r most n <held
		echo "$way: $most kB, $n samples"
		[ "$most" -le 24576 ]
		[ "$n" -ge 20 ]
		box=$(docker create "$(jq -r .image.ref out)" none)
		[ "$(docker cp "$box:/app/blob" - | tar -xO | sha256sum)" = \
		    "$sum" ]
		docker rm "$box"
	done
	run ! compgen -G "$T/rcn-git.*"
}

# folder_of N [TREE]: a tree object of N files, or of N folders that are TREE.
folder_of() {
	/usr/bin/python3 - "$blob" "$@" <<'END' |
import sys
id = bytes.fromhex(sys.argv[3 if len(sys.argv) > 3 else 1])
what = b"40000 folder-%04d\0" if len(sys.argv) > 3 else b"100644 file-%04d\0"
sys.stdout.buffer.write(b"".join(what % i + id for i in range(int(sys.argv[2]))))
END
	    git hash-object -t tree -w --stdin
}

@test "session: a tree of very many entries takes little memory" {
	local n=${RCN_TEST_FOLDERS:-100} blob tree most samples

	git init -q --bare repo.git
	export GIT_DIR=$T/repo.git
	blob=$(echo x | git hash-object -w --stdin)
	tree=$(folder_of "$n" "$(folder_of 1000)")
	document "$(jq -n --arg path "$GIT_DIR" --arg tree "git:$tree" --arg \
	    commit "$(git commit-tree -m many "$tree")" '{
	    kind: "git", path: $path, root: "", commit: $commit,
	    tree: $tree, committed_at: "2023-11-14T22:13:20.000Z"}')" >in
	ASK='[]' background "$ROOT/test/servers/buildkit.py" "$T/s" none
	wait_for 10 test -S s
	DOCKER_HOST=unix://$T/s memory rcn-build -q
	grep -q "end of context: $((n * 1001)) entries" s.log
	read -r most samples <held
	echo "$most kB, $samples samples"
	[ "$most" -le 16384 ]
	[ "$samples" -ge 50 ]
}
