# rcn-build against a real engine; test/engine.bats has what that engine
# cannot show.
# shellcheck shell=bash disable=SC2154,SC2016
load lib

setup() {
	rcn_setup
	slug=engine-$BATS_TEST_NUMBER
	mkdir app
	echo hello >app/file
	df=$'FROM busybox:latest\nWORKDIR /app\nCOPY . .\nEXPOSE 10000\n'
}

teardown() {
	docker images -q --filter "label=rcn.project=$slug" | sort -u |
	    xargs -r docker rmi -f >/dev/null 2>&1 || true
	rcn_teardown
}

# commit [DIR]: a commit of it in $T/repo.git; its id.
commit() {
	[ -d repo.git ] || git init -q --bare repo.git
	git --git-dir=repo.git --work-tree="${1:-app}" add -A -f &&
	    git --git-dir=repo.git --work-tree="${1:-app}" commit -q \
	        --allow-empty -m change &&
	    git --git-dir=repo.git rev-parse HEAD
}

# source_of COMMIT: the section.
source_of() {
	jq -n --arg path "$T/repo.git" --arg commit "$1" --arg tree \
	    "git:$(git --git-dir=repo.git rev-parse "$1^{tree}")" '{
		kind: "git", path: $path, root: "", commit: $commit,
		tree: $tree, committed_at: "2026-01-02T03:04:05.000Z"}'
}

# document [JQ]: for a commit of app and $df, changed by JQ.
document() {
	local id src

	id=$(commit app) && src=$(source_of "$id") || return
	jq -cn --arg slug "$slug" --arg df "$df" --argjson source "$src" '{
		rcn: {version: 1}, project: {slug: $slug}, deployment: {
		id: "01930000-0000-7000-8000-abcdef012345", attempt: 1,
		environment: "production", trigger: "cli"}, source: $source,
		dockerfile: {text: $df, context: ".",
		bases: ["busybox:latest"]}} | '"${1:-.}"
}

# build OPTION...: the document on standard input, its output in out.
build() {
	rcn-build "$@" >out 2>err
}

# is STATUS CODE: of the error in out.
is() {
	cat err out
	[ "$(jq -r .error.status out)" = "$1" ]
	[ "$(jq -r .error.code out)" = "$2" ]
	[ "$(jq 'has("image")' out)" = false ]
	validate_doc out
}

@test "rcn-build: a commit, and the section says what was made" {
	document >in
	build <in
	validate_doc out
	cat err
	grep -q '^#[0-9]* \[[0-9]/3\] COPY' err
	grep -q '^#[0-9]* DONE [0-9.]*s$' err
	ref=$(jq -r .image.ref out)
	commit=$(git --git-dir=repo.git rev-parse HEAD)
	key=$(jq -r .image.key out)
	[ "$ref" = "localhost/rcn/$slug:${commit:0:12}-${key:0:12}" ]
	[ "$(docker image inspect -f '{{.Id}}' "$ref")" = \
	    "$(jq -r .image.id out)" ]
	jq -e '.image | .cached == false and .ports == [10000] and
	    (.layers | length) >= 2 and .bytes > 1000 and
	    .bases[0].ref == "busybox:latest" and .context_bytes > 200 and
	    any(.steps[]; .name | test("COPY . ."))' out
	[ "$(docker image inspect -f '{{index .Config.Labels "rcn.commit"}}' \
	    "$ref")" = "$commit" ]
	run -0 docker run --rm "$ref" cat /app/file
	[ "$output" = hello ]
	[ "$(docker run --rm "$ref" stat -c %Y:%u:%a /app/file)" = \
	    1767323045:0:644 ]
}

@test "rcn-build: files as git checks them out: modes, links, odd names" {
	mkdir -p app/deep/er "app/a b" app/empty
	long=$(printf 'n%.0s' {1..120})
	echo x >"app/deep/$long"
	mkdir -p "app/$long/$long"
	echo y >"app/$long/$long/$long"
	printf '#!/bin/sh\necho ran\n' >app/run.sh
	chmod 755 app/run.sh
	ln -s ../file app/deep/link
	ln -s "/$long/$long" app/far
	echo z >"app/a b/ümlaut"
	: >app/nothing
	document >in
	build <in
	ref=$(jq -r .image.ref out)
	run -0 docker run --rm "$ref" sh -c \
	    'find . ! -type d | sort; ./run.sh; readlink far
	    cat deep/link "a b/ümlaut" */*/n* deep/n*'
	want=$(cd app && find . ! -type d | LC_ALL=C sort
	    ./run.sh; readlink far
	    cat deep/link "a b/ümlaut" ./*/*/n* deep/n*)
	[ "$output" = "$want" ]
}

@test "rcn-build: a folder and a tar file, as rcn-detect names them" {
	echo '<p>hi' >app/index.html
	tar -cf app.tar -C app .
	for from in app "--tar app.tar"; do
		# shellcheck disable=SC2086 # two words
		rcn-detect $from 2>/dev/null >seen
		document >in
		jq -c --slurpfile s seen '.source = $s[0].source' in |
		    build
		ref=$(jq -r .image.ref out)
		tree=$(jq -r '.source.tree | ltrimstr("sha256:")' out)
		[[ $ref == *":${tree:0:12}-"* ]]
		run -0 docker run --rm "$ref" cat index.html
		[ "$output" = "<p>hi" ]
	done
}

@test "rcn-build: RCN_SOURCE_OWNER: no other user's files are read" {
	document >doc
	RCN_SOURCE_OWNER=nobody run -65 build <doc
	is 65 bad-document
	chown nobody repo.git
	ln -s app/file link
	chown -h nobody link
	RCN_SOURCE_OWNER=nobody build <doc
	jq '.source.path = "'"$T"'/link" |
		.source.kind = "tar" | .source.tree = "sha256:" + "0" * 64' doc >forged
	RCN_SOURCE_OWNER=nobody run -65 build <forged
	is 65 bad-document
	RCN_SOURCE_OWNER=no-such-user run -78 build <forged
}

@test "rcn-build: what is there already is not built again" {
	document >in
	build <in
	mv out first
	build <in
	jq -e .image.cached out
	grep -q 'cached localhost/rcn' err
	[ "$(jq -S '.image | del(.cached, .steps, .bases, .context_bytes)' out)" = \
	    "$(jq -S '.image | del(.cached, .steps, .bases, .context_bytes)' first)" ]
	build <first
	[ "$(jq -S 'del(.timings)' out)" = "$(jq -S 'del(.timings)' first)" ]
	docker rmi "$(jq -r .image.ref first)" >/dev/null
	build <first
	jq -e '.image.cached == false' out
}

@test "rcn-build: a changed file, Dockerfile or variable is another image" {
	document >in
	build <in
	echo changed >app/file
	document >in2
	rcn-build <in2 >out2 2>err
	jq -c '.dockerfile.text += "ENV A=1\n"' in2 | rcn-build >out3 2>err
	echo '{"V": {"value": "1", "secret": false}}' >vars
	rcn-build --env-file vars <in2 >out4 2>err
	run -0 jq -r .image.ref out out2 out3 out4
	[ "$(sort -u <<<"$output" | wc -l)" = 4 ]
	[ "$(jq -s '[.[].image.cached] | any' out out2 out3 out4)" = false ]
}

@test "rcn-build --rebuild: without the cache, under a name of its own" {
	df+=$'RUN cat /proc/sys/kernel/random/uuid >/id\n'
	document >in
	build <in
	first=$(jq -r .image.ref out)
	build --rebuild <in
	second=$(jq -r .image.ref out)
	[[ $second == *-abcdef012345 ]]
	[ "$(docker run --rm "$first" cat /id)" != \
	    "$(docker run --rm "$second" cat /id)" ]
	build --rebuild <in
	jq -e '.image.cached' out
}

@test "rcn-build: what ignore rules leave out is not in the image" {
	mkdir -p app/node_modules/x app/keep
	echo s >app/.env
	touch app/node_modules/x/y app/a.log app/keep/b.log app/rcn.json
	printf '%s\n' '*.log' '!keep/b.log' '**/*.log' '!keep/*.log' \
	    >app/.dockerignore
	document '.dockerfile.ignore = ["rcn.json"]' >in
	build <in
	run -0 docker run --rm "$(jq -r .image.ref out)" \
	    find . -type f ! -path './.rcn/*'
	[ "$(sort <<<"$output")" = $'./.dockerignore\n./file\n./keep/b.log' ]
}

@test "rcn-build: the repository's own Dockerfile, its target and its rules" {
	mkdir app/docker
	printf '%s\n' 'FROM busybox AS one' 'COPY . /in' 'FROM one AS two' \
	    'RUN touch /two' 'FROM two' >app/docker/Dockerfile
	echo file >app/docker/Dockerfile.dockerignore
	echo docker >app/.dockerignore
	own='.dockerfile = {path: "docker/Dockerfile", context: ".",
	    target: "two", bases: ["busybox"]}'
	document "$own" >in
	build <in
	run -0 docker run --rm "$(jq -r .image.ref out)" \
	    sh -c 'find /two /in -type f | sort'
	want=$'/in/.dockerignore\n/in/docker/Dockerfile\n'
	want+=$'/in/docker/Dockerfile.dockerignore\n/two'
	[ "$output" = "$want" ]
	# One that the rules leave out is used all the same.
	echo docker >app/docker/Dockerfile.dockerignore
	document "$own" >in
	build <in
	run -0 docker run --rm "$(jq -r .image.ref out)" find /in -type f
	[ "$(sort <<<"$output")" = \
	    $'/in/.dockerignore\n/in/file' ]
}

@test "rcn-build: a folder of the tree as the context" {
	mkdir app/sub
	echo FROM busybox >app/Dockerfile
	echo COPY . /in >>app/Dockerfile
	echo s >app/sub/s
	document '.dockerfile = {path: "Dockerfile", context: "sub",
	    bases: ["busybox"]}' >in
	build <in
	run -0 docker run --rm "$(jq -r .image.ref out)" ls /in
	[ "$output" = s ]
}

@test "rcn-build: variables that are no secret are seen by RUN" {
	df=$'FROM busybox AS a\nRUN echo "$V" >/v\n'
	df+=$'FROM busybox\nCOPY --from=a /v /v\n'
	document >in
	echo '{"V": {"value": "one $two", "secret": false}}' >vars
	build --env-file vars <in
	run -0 docker run --rm "$(jq -r .image.ref out)" cat /v
	[ "$output" = 'one $two' ]
	mkdir -p secrets/build
	printf three >secrets/build/V
	echo '{"V": {"value": "x", "secret": false}}' >secrets/env.json
	RCN_SECRETS=$T/secrets build <in
	run -0 docker run --rm "$(jq -r .image.ref out)" cat /v
	[ "$output" = three ]
}

@test "rcn-build: without a session a secret variable is refused, and told nowhere" {
	document >in
	echo 'TOKEN=canary-2718281828' >vars
	run -78 build --no-session --env-file vars <in
	is 78 build-secret
	mkdir -p secrets/build
	printf canary-2718281828 >secrets/build/TOKEN
	RCN_SECRETS=$T/secrets run -78 build --no-session <in
	is 78 build-secret
	run ! grep -r canary out err
	# Once refused is not read: the next document is refused, too.
	cat in in >both
	run -78 build --no-session --env-file vars <both
	[ "$(jq -s 'map(.error.code) | unique | .[]' out)" = '"build-secret"' ]
}

# seen REF FILE: what the build left in it.
seen() {
	docker run --rm "$1" cat "$2"
}

@test "rcn-build: a RUN has the secrets, and nothing else has" {
	df=$'FROM busybox AS a\nRUN echo "$TOKEN" | md5sum >/v\n'
	df+=$'RUN ["sh", "-c", "echo $TOKEN | md5sum >/w"]\n'
	df+=$'RUN date +%N >/when\nFROM busybox\nCOPY --from=a /v /w /when /\n'
	document >in
	canary=canary-3141592653$RANDOM
	echo "TOKEN=$canary" >vars
	strace -f -qq -s 400 -e trace=execve -o argv -- "$(command -v rcn-build)" \
		--env-file vars <in >out 2>err
	ref=$(jq -r .image.ref out)
	sum=$(echo "$canary" | md5sum)
	[ "$(seen "$ref" /v)" = "$sum" ]
	[ "$(seen "$ref" /w)" = "$sum" ]
	docker save "$ref" >image.tar
	docker history --no-trunc "$ref" >history
	run ! grep -rlF "$canary" out err argv history image.tar "$RCN_STATE_DIR"
	root=$(docker info -f '{{.DockerRootDir}}')
	[ -d "$root/buildkit" ]
	run ! grep -rlF "$canary" "$root/buildkit"
}

@test "rcn-build: another value of a secret builds again, the same does not" {
	df=$'FROM busybox\nRUN echo "$TOKEN" | md5sum >/v\n'
	document >in
	echo TOKEN=one >vars
	build --env-file vars <in
	first=$(jq -r .image.ref out)
	build --env-file vars <in
	[ "$(jq -c '[.image.ref, .image.cached]' out)" = "[\"$first\",true]" ]
	echo TOKEN=two >vars
	build --env-file vars <in
	[ "$(jq .image.cached out)" = false ]
	[ "$(seen "$(jq -r .image.ref out)" /v)" = "$(echo two | md5sum)" ]
}

@test "rcn-build: secrets of a repository's own Dockerfile" {
	cat >app/Dockerfile <<-'EOF'
		FROM busybox
		RUN date +%N >/before
		RUN --mount=type=secret,id=TOKEN \
		    md5sum </run/secrets/TOKEN >/v
	EOF
	document '.dockerfile = {path: "Dockerfile", context: ".",
	    bases: ["busybox"]}' >in
	echo TOKEN=one >vars
	build --env-file vars <in
	before=$(seen "$(jq -r .image.ref out)" /before)
	echo TOKEN=two >vars
	build --env-file vars <in
	ref=$(jq -r .image.ref out)
	[ "$(seen "$ref" /v)" = "$(printf two | md5sum)" ]
	[ "$(seen "$ref" /before)" = "$before" ]
	echo OTHER=1 >vars
	run -78 build --env-file vars <in
	is 78 build-secret
	[[ $(jq -r .error.message out) == *TOKEN* ]]
}

# sent: bytes of the context.
sent() {
	jq .image.context_bytes out
}

@test "rcn-build: only what has changed is sent" {
	head -c 3000000 /dev/urandom >app/big
	for n in {1..200}; do
		echo "$n" >"app/small$n"
	done
	document >in
	build <in
	[ "$(sent)" -gt 3000000 ]
	echo changed >app/small7
	document >in
	build <in
	[ "$(sent)" -lt 100000 ]
	[ "$(docker run --rm "$(jq -r .image.ref out)" cat small7)" = changed ]
	[ "$(docker run --rm "$(jq -r .image.ref out)" cat big | cksum)" = \
		"$(cksum <app/big)" ]
	# The table is gone: all is sent, and nothing stale is taken.
	rm -r "$RCN_STATE_DIR/contexts"
	echo changeD >app/small7
	document >in
	build <in
	[ "$(sent)" -gt 3000000 ]
	[ "$(docker run --rm "$(jq -r .image.ref out)" cat small7)" = changeD ]
	# By tar it is all each time.
	echo changED >app/small7
	document >in
	build --no-session <in
	[ "$(sent)" -gt 3000000 ]
	[ "$(docker run --rm "$(jq -r .image.ref out)" cat small7)" = changED ]
}

@test "rcn-build: what is named alone is sent, with what its links lead to" {
	mkdir -p app/lib/deep app/other
	head -c 2000000 /dev/urandom >app/other/big
	echo there >app/lib/deep/file
	ln -s lib/deep app/way
	ln -s /lib/deep/file app/abs
	df=$'FROM busybox\nCOPY way/file /a\nCOPY abs /b\nCOPY fil* /c/\n'
	document >in
	build <in
	[ "$(sent)" -lt 100000 ]
	ref=$(jq -r .image.ref out)
	[ "$(seen "$ref" /a)$(seen "$ref" /b)" = therethere ]
	[ "$(seen "$ref" /c/file)" = hello ]
}

@test "rcn-build: a step that fails, its line, code and last words" {
	df+=$'RUN echo last words && \\\n    exit 7\n'
	document >in
	run -65 build <in
	is 65 build-failed
	[[ $(jq -r .error.message out) == \
	    "Dockerfile:5: "*"RUN echo last words"*": exit code 7" ]]
	grep -q '^#[0-9]* [0-9.]* last words$' err
	run -65 build -q <in
	grep -q '^  last words$' err
	run ! grep -q '^#' err
}

@test "rcn-build: a file that is not sent, told with a hint" {
	df+=$'COPY nope /\n'
	document >in
	run -65 build <in
	is 65 build-failed
	[[ $(jq -r .error.message out) == "Dockerfile:5: "*nope* ]]
	[[ $(jq -r .error.hint out) == *.dockerignore* ]]
}

@test "rcn-build: a bad Dockerfile, by its line" {
	for bad in 'FROM busybox\nNOPE x\n' 'FROM busybox\nENV\n'; do
		df=$(printf '%b_' "$bad")
		df=${df%_}
		document >in
		run -65 build <in
		is 65 bad-dockerfile
		[[ $(jq -r .error.message out) == Dockerfile:2:* ]]
	done
	document '.dockerfile = {path: "Dockerfile", bases: []}' >in
	run -66 build <in
	is 66 source-missing
	document '.dockerfile = {bases: []}' >in
	run -65 build <in
	is 65 bad-document
}

@test "rcn-build: a base image that is nowhere, or behind a wrong login" {
	ref=$RCN_TEST_REGISTRY_PLAIN/$slug/none:1
	df="FROM $ref"
	document ".dockerfile.bases = [\"$ref\"]" >in
	run -66 build <in
	is 66 image-missing
	ref=$RCN_TEST_REGISTRY_BASIC/$slug/none:1
	document ".dockerfile.bases = [\"$ref\"]" >in
	registry_login "$RCN_TEST_REGISTRY_BASIC" x y
	run -77 build <in
	is 77 registry-denied
	[[ $(jq -r .error.hint out) == *"docker login"* ]]
	ref=127.0.0.1:9/none:1
	document ".dockerfile.bases = [\"$ref\"]" >in
	run -69 build <in
	is 69 registry-down
}

@test "rcn-build: bases from registries with basic and token logins" {
	for kind in BASIC TOKEN HUB; do
		host=RCN_TEST_REGISTRY_$kind user=RCN_TEST_REGISTRY_${kind}_USER
		pass=RCN_TEST_REGISTRY_${kind}_PASS
		name=${!host}/team/$slug
		[ $kind != HUB ] || name=${!host}/public/$slug
		registry_login "${!host}" "${!user}" "${!pass}" "$T/login"
		docker tag busybox "$name:1"
		DOCKER_CONFIG=$T/login docker push -q "$name:1"
		docker rmi "$name:1"
		df="FROM $name:1"$'\nCOPY . /in\n'
		document ".dockerfile.bases = [\"$name:1\"]" >in
		if [ $kind = HUB ]; then
			build <in # anybody may
		else
			run -77 build <in
			mkdir -p secrets/registry
			cp login/config.json secrets/registry
			RCN_SECRETS=$T/secrets build <in
		fi
		[ "$(docker run --rm "$(jq -r .image.ref out)" cat /in/file)" = \
		    hello ]
		run ! grep -e "${!pass}" out err
		docker rmi -f "$name:1"
	done
}

@test "rcn-build: a base that only the build knows: the session logs in" {
	for kind in PLAIN BASIC TOKEN HUB; do
		host=RCN_TEST_REGISTRY_$kind user=RCN_TEST_REGISTRY_${kind}_USER
		pass=RCN_TEST_REGISTRY_${kind}_PASS
		name=${!host}/team/$slug
		[ $kind = PLAIN ] || registry_login "${!host}" "${!user}" \
		    "${!pass}" "$T/login"
		docker tag busybox "$name:2"
		DOCKER_CONFIG=$T/login docker push -q "$name:2"
		docker rmi "$name:2"
		df="ARG BASE=$name:2"$'\nFROM ${BASE}\nCOPY . /in\n'
		document '.dockerfile.bases = ["${BASE}"]' >in
		if [ $kind != PLAIN ]; then
			run -77 build <in
			is 77 registry-denied
			run -77 build --no-session <in
			mkdir -p secrets/registry
			cp login/config.json secrets/registry
		fi
		RCN_SECRETS=$T/secrets build <in
		[ "$(docker run --rm "$(jq -r .image.ref out)" cat /in/file)" = \
		    hello ]
		run ! grep -e "${!pass:-none}" out err
		# Why those that are known are pulled before: it keeps none.
		run ! docker image inspect "$name:2"
	done
}

@test "rcn-build: a source that changed is refused" {
	echo '<p>hi' >app/index.html
	rcn-detect app 2>/dev/null >seen
	document >in
	jq -c --slurpfile s seen '.source = $s[0].source' in >in2
	echo more >>app/file
	run -75 build <in2
	is 75 source-changed
	rm -r app
	run -66 build <in2
	is 66 source-missing
}

@test "rcn-build: a hostile commit is refused before a byte is sent" {
	export GIT_DIR=$T/repo.git
	git init -q --bare repo.git
	blob=$(echo x | git hash-object -w --stdin)
	for name in .. . a/b .git; do
		tree=$({
			printf '100644 %s\0' "$name"
			# shellcheck disable=SC2059 # bytes of hex digits
			printf "$(sed 's/../\\x&/g' <<<"$blob")"
		} | git hash-object -t tree -w --stdin --literally)
		id=$(git commit-tree "$tree" -m evil)
		jq -cn --argjson source "$(source_of "$id")" --arg df "$df" \
		    --arg slug "$slug" '{rcn: {version: 1}, project: {
			slug: $slug}, deployment: {id: "x", attempt: 1,
			environment: "production", trigger: "cli"},
			source: $source, dockerfile: {text: $df,
			bases: ["busybox"]}}' >in
		run -65 build <in
		is 65 path-unsafe
	done
}

@test "rcn-build: the deadline ends the build" {
	df+=$'RUN echo slow; sleep 61\n'
	document '.project.limits.build_timeout = 2' >in
	run -75 build <in
	is 75 timeout
	wait_for 10 bash -c '! pgrep -f "sleep 6[1]"'
}

@test "rcn-build: cancelled, it ends the build and says so" {
	df+=$'RUN echo slow; sleep 62\n'
	document >in
	rcn-build <in >out 2>err 3>&- &
	pid=$!
	wait_for 20 grep -q ' slow$' err
	kill -TERM $pid
	status=0
	wait $pid || status=$?
	[ $status = 75 ]
	is 75 cancelled
	wait_for 10 bash -c '! pgrep -f "sleep 6[2]"'
}

@test "rcn-build: killed, it leaves no build behind" {
	df+=$'RUN echo slow; sleep 63\n'
	document >in
	rcn-build <in >out 2>err 3>&- &
	pid=$!
	wait_for 20 grep -q ' slow$' err
	kill -KILL $pid
	wait_for 10 bash -c '! pgrep -f "sleep 6[3]"'
	run ! docker image inspect "localhost/rcn/$slug"
}

@test "rcn-build: no engine, and one that may not be asked" {
	document >in
	DOCKER_HOST=unix://$T/none.sock run -69 build <in
	is 69 engine-down
	DOCKER_HOST=tcp://127.0.0.1:9 run -69 build <in
	is 69 engine-down
	DOCKER_HOST=ssh://x run -78 build <in
	is 78 bad-setting
}

@test "rcn-build: a rerun of an image builds nothing and asks nobody" {
	document '.deployment.trigger = "rollback" | del(.source, .dockerfile) |
	    .push = {ref: "r/x@sha256:1", digest: "sha256:1"}' >in
	DOCKER_HOST=unix:///none build <in
	[ "$(jq -S 'del(.timings)' out)" = "$(jq -S 'del(.timings)' in)" ]
	jq -c '.image = {ref: "r/x:1", id: "1", cached: false}' in >in2
	DOCKER_HOST=unix:///none build <in2
	[ "$(jq -S '.image | del(.key)' out)" = "$(jq -S .image in2)" ]
}

@test "rcn-build: several documents, and one that brings an error" {
	document >in
	echo '{"rcn": {"version": 1}, "error": {"status": 66, "code": "x"},
	    "unknown": [1]}' | cat - in >both
	run -66 build <both
	jq -s -e '.[0].unknown == [1] and .[0].error.code == "x" and
	    (.[0] | has("image") | not) and .[1].image.ref' out
}

@test "rcn-build: on a terminal, steps that are over stay, the others move" {
	df+="RUN echo one $RANDOM$RANDOM; sleep 0.5; echo two; sleep 1.2"
	document >in
	TERM=xterm script -qec 'rcn-build -d in >out' typescript >/dev/null
	jq -e .image.ref out
	tr -d '\r' <typescript >shown
	grep -q '[0-9]\.[0-9]s  \[4/4\] RUN echo one' shown
	grep -q ' [0-9]*s  \[4/4\] RUN .*| two' shown
	grep -q $'\033\\[A\033\\[2K' shown
	run ! grep -q '^#' shown
	run ! grep -qE '(\.[0-9]s|cached)  \[internal' shown
	TERM=dumb script -qec 'rcn-build --rebuild -d in >out' typescript \
	    >/dev/null
	run ! grep -q $'\033' typescript
}

@test "rcn-build: bad input and bad output" {
	document >in
	build -d in
	run -66 build -d none </dev/null
	run -66 build </dev/null
	run -66 build < <(head -c 100 in)
	run -74 bash -c 'rcn-build <&- 2>err'
	run -65 build <<<'[]'
	run -65 build <<<'{"rcn": 1, "rcn": 2}'
	run -65 build < <(printf '{"rcn":\0}')
	run -65 build < <(head -c 5000000 /dev/zero | tr '\0' '[')
	run -65 build < <(jq -c 'del(.source)' in)
	is 65 section-missing
	run -65 build < <(jq -c 'del(.dockerfile)' in)
	is 65 section-missing
	run -74 bash -c 'rcn-build -d in >/dev/full 2>err'
	run -64 build --nope </dev/null
	run -64 build operand </dev/null
	run -0 rcn-build -h
	[[ $output == usage:* ]]
	run -66 build --env-file none <in
}

@test "rcn-build: who reads no longer costs no build" {
	echo unread >app/file
	document >in
	run -141 bash -c 'set -o pipefail; (sleep 0.3; cat in) |
	    rcn-build -v 2>err | true'
	run ! grep -q '^#' err
}
