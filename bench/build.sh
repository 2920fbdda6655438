# rcn-build against `docker build`, of the same Dockerfile and folder.
# shellcheck shell=bash disable=SC2154

for side in ours theirs; do
	cp -r "$ROOT/share/demo/app" "$W/build-$side"
done
rcn-detect "$W/build-theirs" | rcn-dockerfile --print >"$W/Dockerfile" ||
    exit 1
mv "$W/Dockerfile" "$W/build-theirs/"
printf '%s\n' .git node_modules .env Dockerfile .dockerignore \
    >"$W/build-theirs/.dockerignore"

build_ours() {
	rcn-detect "$W/build-ours" --slug "$slug" | rcn-dockerfile |
	    rcn-build >"$W/built.json"
}

build_theirs() {
	DOCKER_BUILDKIT=1 docker build -q -t "$slug-hand" "$W/build-theirs"
}

change() {
	echo "// change $1" >>"$W/build-$2/server.js"
}

changed_ours() {
	change "$1" ours
	build_ours
}

changed_theirs() {
	change "$1" theirs
	build_theirs
}

time_ms build_ours >/dev/null || exit 1
time_ms build_theirs >/dev/null || exit 1
interleave 11 build_ours build_theirs
row ms "build, nothing changed (theirs: docker build)" "$W/ours" "$W/theirs"
interleave 11 changed_ours changed_theirs
row ms "build, one file changed (theirs: docker build)" "$W/ours" "$W/theirs"
