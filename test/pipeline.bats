# The whole pipeline on real parts: from a commit in a git repository served
# over HTTP to an answer through the proxy.  An app more is a line more.
# limit: 1200
# shellcheck disable=SC2154,SC2030,SC2031

load lib
load route

setup() {
	rcn_setup
	slug=line-$BATS_TEST_NUMBER-$$
	export RCN_NETWORK=rcnt-$slug RCN_SUBNET
	RCN_SUBNET=$(free_subnet)
	echo "$RCN_NETWORK" >>"$T/networks"
	rcn_slug "$slug"
	host=$slug.localhost
	start_proxy haproxy
}

teardown() {
	stop_proxy
	rcn_clean "$slug"
	docker images -q --filter "label=rcn.project=$slug" | sort -u |
	    xargs -r docker rmi -f >/dev/null 2>&1 || true
	rcn_teardown
}

# The line of the README; each program's document is kept in PROGRAM.json.
one_line() {
	set -o pipefail
	rcn-fetch --url "$(git_url http "$slug")" --branch main --slug "$slug" |
	    tee fetch.json | rcn-detect | tee detect.json |
	    rcn-dockerfile | tee dockerfile.json | rcn-build | tee build.json |
	    rcn-push | tee push.json | rcn-deploy | tee deploy.json |
	    rcn-route --host "$host" | tee route.json |
	    rcn-retire >retire.json
}

# A page and the scripts that it names.
page() {
	local body src

	body=$(curl -sSf -H "Host: $host" "http://$RCN_HTTP/") || return
	echo "$body"
	while read -r src; do
		curl -sSf -H "Host: $host" "http://$RCN_HTTP$src" || return
	done < <(grep -o 'src="/[^"]*\.js"' <<<"$body" | cut -d'"' -f2)
}

# goes_live APP BODY: from a commit to that answer.
goes_live() {
	local commit file

	commit=$(make_repo "$slug" "$APPS/$1")
	one_line
	for file in fetch detect dockerfile build push deploy route retire; do
		validate_doc $file.json
	done
	[ "$(jq -r .source.commit retire.json)" = "$commit" ]
	[ "$(jq -r .error retire.json)" = null ]
	[ "$(jq -r '.timings[].stage' retire.json | xargs)" = "rcn-fetch \
rcn-detect rcn-dockerfile rcn-build rcn-push rcn-deploy rcn-route rcn-retire" ]
	page >answer
	grep -F "$2" answer
}

@test "pipeline: Vite + React" { goes_live vite-react "hello from vite"; }
@test "pipeline: Next.js" { goes_live next "hello from next"; }
@test "pipeline: Express" { goes_live express "hello from express"; }
@test "pipeline: Flask" { goes_live flask "hello from flask"; }
@test "pipeline: Django" { goes_live django "hello from django"; }
@test "pipeline: a static site" { goes_live static "hello from static"; }
@test "pipeline: Go" { goes_live go "hello from go"; }
@test "pipeline: Bun" { goes_live bun "hello from bun"; }
@test "pipeline: a Dockerfile of its own" {
	goes_live own-dockerfile "hello from my own Dockerfile"
}

@test "pipeline: a changed commit takes over, an unchanged one is kept" {
	goes_live express "hello from express"
	local old new

	old=$(jq -r '.service.instances[0].id' retire.json)
	cp -r "$APPS/express" app
	sed -i 's/hello from express/hello again/' app/server.js
	make_repo "$slug" app >/dev/null
	one_line
	grep "hello again" <(page)
	new=$(jq -r '.service.instances[0].id' retire.json)
	[ "$old" != "$new" ]
	run ! docker inspect "$old"
	one_line
	[ "$(jq -r '.image.cached' retire.json)" = true ]
	[ "$(jq -r '.service.instances[0].id' retire.json)" = "$new" ]
	[ "$(jq -r '.service.instances[0].kept' retire.json)" = true ]
}

@test "pipeline: a commit of a bare repository, without a checkout" {
	local commit

	commit=$(make_repo "$slug" "$APPS/static")
	run -0 --separate-stderr rcn-pipeline --slug "$slug" --host "$host" \
	    --git "$RCN_TEST_GIT_ROOT/$slug.git" --commit "$commit"
	validate_doc <<<"$output"
	[ "$(jq -r .source.tree <<<"$output")" = \
	    "git:$(git -C "$RCN_TEST_GIT_ROOT/$slug.git" rev-parse \
	        "$commit^{tree}")" ]
	grep "hello from static" <(page)
}

@test "pipeline: a folder, its document saved, and on from there" {
	cp -r "$APPS/static" app
	rcn-detect ./app --slug "$slug" | rcn-dockerfile | rcn-build >built.json
	rcn-push -d built.json | rcn-deploy | rcn-route --host "$host" |
	    rcn-retire >first.json
	grep "hello from static" <(page)
	# All of it again from the document: nothing is done twice.
	run -0 --separate-stderr rcn-pipeline --host "$host" -d first.json
	validate_doc <<<"$output"
	[ "$(jq '.service.instances[0].id' <<<"$output")" = \
	    "$(jq '.service.instances[0].id' first.json)" ]
	[ "$(jq .image <<<"$output")" = "$(jq .image first.json)" ]
}

@test "pipeline: an image that somebody else has built" {
	"$ROOT/test/images/make"
	rcn-deploy --image rcn-test/app:1 --slug "$slug" |
	    rcn-route --host "$host" | rcn-retire >live.json
	validate_doc live.json
	curl -sSf -H "Host: $host" "http://$RCN_HTTP/"
}

@test "pipeline: taken away, and made anew from the route files" {
	"$ROOT/test/images/make"
	rcn-pipeline --image rcn-test/app:1 --slug "$slug" --host "$host" \
	    >live.json
	# A proxy that has lost its files serves what the route files say.
	stop_proxy
	rm -rf "$RCN_STATE_DIR/proxy"
	rcn-route --sync
	rcn-proxy up 3>&- 4>&-
	curl -sSf -o /dev/null -H "Host: $host" "http://$RCN_HTTP/"

	rcn rm "$slug"
	[ "$(curl -s -o /dev/null -w '%{http_code}' -H "Host: $host" \
	    "http://$RCN_HTTP/")" = 404 ]
	[ -z "$(docker ps -aq --filter "label=rcn.project=$slug")" ]
	[ ! -e "$RCN_STATE_DIR/routes/$slug.production.json" ]
}

@test "rcn deploy: the same pipeline, for people" {
	cp -r "$APPS/static" app
	run -0 --separate-stderr rcn deploy ./app --slug "$slug" --host "$host"
	[ "$output" = "http://$host:${RCN_HTTP##*:}" ]
	[[ $stderr == *"$slug (production) is live"* ]]
	validate_doc "$RCN_STATE_DIR/deploys/$slug.production.json"
	run -0 rcn ps "$slug"
	[[ ${lines[1]} == "$slug "*" running "* ]]
	# What fails leaves it as it is, and goes on from there when mended.
	printf 'FROM scratch\nCOPY nothing /\n' >app/Dockerfile
	run -65 --separate-stderr rcn deploy ./app --slug "$slug" \
	    --host "$host"
	[[ $stderr == *"build "*" failed"* ]]
	[[ $stderr == *"rcn: rcn-build: "* ]]
	grep "hello from static" <(page)
	rm app/Dockerfile
	run -0 rcn deploy ./app --slug "$slug" --host "$host"
}
