# RssAnon of each program while a tree of 300 MB is built, pushed and made
# live: of a folder, and of a commit in a bare repository.
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

# memory KIND ROWS SOURCE...: the most of three runs counts.
memory() {
	local kind=$1 i program limit

	shift
	: >"$W/rss"
	for i in 1 2 3; do
		date >>"$W/tree/index.html"
		RCN_REGISTRY=$RCN_TEST_REGISTRY_PLAIN/bench \
		    /usr/bin/python3 -B "$ROOT/bench/rss.py" rcn-pipeline -q \
		    --slug "$slug" --host "$slug.localhost" --rebuild "$@" \
		    >>"$W/rss" || exit 1
	done
	while read -r program; do
		case $program:$kind in
		*-pipeline:*) continue ;;
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

memory folder "$W/tree"
memory commit --git "$RCN_TEST_GIT_ROOT/$slug.git"
stop_proxy
