# What a build costs where the engine is told of all and asks for what has
# changed: rcn-build of a commit, `docker build` of the same files and
# Dockerfile, and the tar way, in turns, on an engine of its own.
# shellcheck shell=bash disable=SC2154

own=/tmp/rcn-bench-$$
RCN_TEST_RUN=$own "$ROOT/test/env" up engine >/dev/null || exit 1
trap 'RCN_TEST_RUN=$own "$ROOT/test/env" down >/dev/null; rm -rf "$own"; finish' EXIT
export DOCKER_HOST=unix://$own/docker.sock DOCKER_BUILDKIT=1

# tree DIR FOLDERS FILES BYTES: folders of files of bytes, and one more.
tree() {
	/usr/bin/python3 - "$@" <<'END_OF_PYTHON'
import os, sys
top, folders, files, size = sys.argv[1], *map(int, sys.argv[2:])
for i in range(folders):
    os.makedirs(f"{top}/data/{i}")
    for j in range(files):
        with open(f"{top}/data/{i}/{j}", "wb") as f:
            f.write(os.urandom(size))
END_OF_PYTHON
	echo 0 >"$1/changes"
	printf 'FROM scratch\nCOPY . /app\n' >"$1/Dockerfile"
	git init -q --bare "$1.git"
}

# state KIND: a commit of the tree, packed, and a document of it.
state() {
	local id dir=$W/$1

	export GIT_DIR=$dir.git GIT_WORK_TREE=$dir
	git add -A -f && git commit -q --allow-empty -m change &&
	    id=$(git rev-parse HEAD) || exit 1
	jq -cn --arg slug "$slug" --arg path "$GIT_DIR" --arg id "$id" \
	    --arg tree "git:$(git rev-parse "$id^{tree}")" \
	    --rawfile text "$dir/Dockerfile" '{rcn: {version: 1},
	    project: {slug: $slug}, deployment: {id: "x", attempt: 1,
	    environment: "production", trigger: "cli"}, source: {kind: "git",
	    path: $path, root: "", commit: $id, tree: $tree,
	    committed_at: "2026-01-02T03:04:05.000Z"}, dockerfile: {
	    text: $text, context: ".", bases: []}}' >"$dir.json"
	unset GIT_DIR GIT_WORK_TREE
	sync
}

# Images only: what the engine keeps of contexts and layers stays.
forget() {
	docker images -q | sort -u | xargs -r docker rmi -f >/dev/null 2>&1
}

by_session() {
	rcn-build -q <"$W/$kind.json" >"$W/built"
}

by_docker() {
	docker build -q -t "$slug-hand" "$W/$kind"
}

by_tar() {
	jq -c '.project.slug += "-tar"' "$W/$kind.json" |
	    rcn-build -q --no-session >"$W/built-tar"
}

# turns N one|no [tar]: changes of one file, or none; milliseconds go to
# $W/session, docker and tar, megabytes sent to $W/bytes.
turns() {
	local i way

	rm -f "$W"/{session,docker,tar,bytes}
	for i in $(seq "$1"); do
		if [ "$2" = one ]; then
			forget
			echo "$RANDOM$i" >"$W/$kind/changes"
			state "$kind"
		fi
		for way in $(printf '%s\n' session docker ${3:+"$3"} | shuf); do
			sync
			time_ms "by_$way" >>"$W/$way" || exit 1
		done
		sent >>"$W/bytes"
	done
}

# Of the build before; one of an image that was there has sent nothing: again,
# without the image.
sent() {
	if jq -e .image.cached "$W/built" >/dev/null; then
		forget
		by_session && jq -e 'all(.image.steps[]; .cached or
		    (.name | test("internal|exporting")))' "$W/built" \
		    >/dev/null || exit 1
		by_docker >/dev/null || exit 1
	fi
	jq '.image.context_bytes / 1000000' "$W/built"
}

tree "$W/small" 30 20 13800
tree "$W/big" 200 100 14000
for kind in small big; do
	state "$kind"
	git --git-dir="$W/$kind.git" repack -adq
	by_session && by_docker >/dev/null && by_tar || exit 1
	turns 9 no
	row ms "$kind tree, no change (theirs: docker build)" "$W/session" \
	    "$W/docker" "$([ $kind = small ] && echo 0.7 || echo 0.6)"
	[ $kind = small ] || row MB "bytes sent, big tree, no change" \
	    "$W/bytes" "" 1
	turns 9 one "$([ $kind = small ] || echo tar)"
	row ms "$kind tree, one file (theirs: docker build)" "$W/session" \
	    "$W/docker" "$([ $kind = small ] && echo 1.0 || echo 1.1)"
	[ $kind = small ] || {
		row MB "bytes sent, big tree, one file" "$W/bytes" "" 1
		row ms "big tree, one file (theirs: as a tar)" "$W/session" \
		    "$W/tar" 0.5
	}
done
