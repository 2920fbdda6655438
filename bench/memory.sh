# RssAnon of each program while a tree of 300 MB is built, pushed and made
# live: of a folder, and of a commit in a bare repository; and while that is
# fetched, where git's processes have a row of their own.
# shellcheck shell=bash disable=SC2154

start_proxy haproxy
mkdir "$W/tree"
cat >"$W/tree/Dockerfile" <<'END_OF_DOCKERFILE'
FROM busybox:latest
COPY index.html /www/
EXPOSE 10000
CMD ["httpd", "-f", "-p", "10000", "-h", "/www"]
END_OF_DOCKERFILE
echo "300 MB" >"$W/tree/index.html"
for i in $(seq 300); do
	mkdir -p "$W/tree/data/$((i / 20))"
	head -c 1000000 /dev/urandom >"$W/tree/data/$((i / 20))/$i"
done
make_repo "$slug" "$W/tree" >/dev/null || exit 1

# sample COMMAND...: a line for each program to $W/rss.
sample() {
	/usr/bin/python3 -B "$ROOT/bench/rss.py" "$@" >>"$W/rss" || exit 1
}

# rows KIND: of what $W/rss says of three runs.
rows() {
	local kind=$1 program limit

	while read -r program; do
		case $program:$kind in
		*-pipeline:*) continue ;;
		git:*) limit= ;;
		rcn-build:folder) limit=8 ;;
		rcn-build:*) limit=25 ;;
		*) limit=4 ;;
		esac
		awk -v p="$program" '$1 == p { print $2 / 1024 }' "$W/rss" \
		    >"$W/ours"
		row MB "memory of $program, $kind of 300 MB" "$W/ours" "" \
		    $limit
	done < <(cut -d' ' -f1 "$W/rss" | sort -u)
}

# memory KIND SOURCE...: from it to a live URL.
memory() {
	local kind=$1 i

	shift
	: >"$W/rss"
	for i in 1 2 3; do
		date >>"$W/tree/index.html"
		RCN_REGISTRY=$RCN_TEST_REGISTRY_PLAIN/bench \
		    sample rcn-pipeline -q --slug "$slug" \
		    --host "$slug.localhost" --rebuild "$@"
	done
	rows "$kind"
}

# Each time all of it is new; the server has it in a pack already.
memory_fetch() {
	local i

	git --git-dir="$RCN_TEST_GIT_ROOT/$slug.git" \
	    -c core.bigFileThreshold=500k repack -adq || exit 1
	: >"$W/rss"
	for i in 1 2 3; do
		sample rcn-fetch -q --url "$(git_url http "$slug")" \
		    --slug "$slug"
		rm -rf "$RCN_STATE_DIR/mirrors"
	done
	rows fetch
}

memory folder "$W/tree"
memory_fetch
memory commit --git "$RCN_TEST_GIT_ROOT/$slug.git"
stop_proxy
