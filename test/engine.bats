# What Engine 20.10 cannot show: other engines' answers, recorded or written
# down in their documentation, and engines that fail half-way.
# shellcheck shell=bash disable=SC2154,SC2016
load lib

setup() {
	rcn_setup
	sock=$T/e.sock
	id=sha256:$(printf 'a%.0s' {1..64})
	base=sha256:$(printf 'b%.0s' {1..64})
	mkdir app
	echo x >app/file
	git init -q --bare repo.git
	git --git-dir=repo.git --work-tree=app add -A
	git --git-dir=repo.git --work-tree=app commit -q -m one
	jq -cn --arg path "$T/repo.git" \
	    --arg commit "$(git --git-dir=repo.git rev-parse HEAD)" \
	    --arg tree "git:$(git --git-dir=repo.git rev-parse 'HEAD^{tree}')" '{
		rcn: {version: 1}, project: {slug: "engine-fake"},
		deployment: {id: "01930000-0000-7000-8000-abcdef012345",
		environment: "production", trigger: "cli", attempt: 1},
		source: {kind: "git", path: $path, root: "", commit: $commit,
		tree: $tree}, dockerfile: {text: "FROM base:1 AS x\nRUN true\n",
		bases: ["base:1"]}}' >in
}

# engine VERSION [ANSWER...]: play it; each ANSWER, a JSON object, before those
# that every engine gives.
engine() {
	local version=$1 store='["Backing Filesystem", "extfs"]'

	[ "$version" != 1.56 ] ||
	    store='["driver-type", "io.containerd.snapshotter.v1"]'
	shift
	jq -n '$ARGS.positional | map(fromjson)' --args -- "$@" '
	{"call": "GET /_ping", "body": "OK",
	 "headers": {"Api-Version": "'"$version"'"}}' '
	{"call": "GET /v[0-9.]*/info", "body": {"DriverStatus": ['"$store"']}}' '
	{"call": "GET /v[0-9.]*/images/base", "body": {"Id": "'"$base"'"}}' '
	{"call": "GET /v[0-9.]*/images/localhost.*/json", "status": 404,
	 "body": {"message": "No such image"}, "once": true}' '
	{"call": "GET /v[0-9.]*/images/localhost.*/json", "body": {
	 "Id": "'"$id"'", "Size": 7, "RootFS": {"Layers": []}, "Config": {}}}' '
	{"call": "GET /v[0-9.]*/images/localhost.*/history", "body":
	 "[{\"Size\": 4}, {\"Size\": 0}, {\"Size\": 3}]"}' '
	{"call": "POST /v[0-9.]*/build/cancel", "body": ""}' >script
	background "$ROOT/test/servers/engine.py" "$sock" "$T/script"
	DOCKER_HOST=unix://$sock
	export DOCKER_HOST
	wait_for 10 test -S "$sock"
}

# build [OPTION...]: the document in, its output in out.
build() {
	rcn-build "$@" <in >out 2>err
}

# is STATUS CODE: of the error in out.
is() {
	cat err out
	[ "$(jq -r .error.status out)" = "$1" ]
	[ "$(jq -r .error.code out)" = "$2" ]
	validate_doc out
}

# built STREAM: the answer to a build.
built() {
	jq -cn --argjson body "$1" '{call: "POST /v[0-9.]*/build[?]", body: $body}'
}

done_='{"id": "moby.image.id", "aux": {"ID": "sha256:aa"}}'

@test "engine: 20.10 gets 1.41, graph drivers, a recorded build" {
	engine 1.41 "$(jq -cn --arg f "$ROOT/test/records/build-ok.jsonl" \
	    '{call: "POST /v1.41/build[?]version=2&", file: $f}')"
	build
	validate_doc out
	jq -e '.image | .digest == "" and .layers == [{bytes: 3}, {bytes: 4}]
	    and .bytes == 7 and (.steps | any(.name ==
	    "[3/4] COPY . ." and (.cached | not)))' out
	grep -q '^#[0-9]* [0-9.]* three$' err
	run ! grep -q 'Successfully' err
	tar -xOf "$sock.body" .rcn/Dockerfile | diff - <(jq -r \
	    .dockerfile.text in | head -n 2)
	[ "$(tar -tf "$sock.body" | head -n 1)" = ./ ]
	run ! grep -v '^[A-Z]* /v1.41/' <(grep -v /_ping "$sock.log")
}

# recorded NAME: the answer to a build, as test/records/NAME.jsonl has it.
recorded() {
	jq -cn --arg f "$ROOT/test/records/$1.jsonl" \
	    '{call: "POST /v1.44/build[?]version=2&", file: $f}'
}

@test "engine: 29 gets 1.44; its containerd store, FROM pinned to what is there" {
	engine 1.56 "$(recorded build-29-ok)"
	build
	jq -e --arg id "$id" '.image | .digest == $id and (.steps | any(.name ==
	    "[3/4] COPY . ." and (.cached | not)))' out
	grep -q '^#[0-9]* [0-9.]* three$' err
	[ "$(tar -xOf "$sock.body" .rcn/Dockerfile | head -n 1)" = \
	    "FROM base:1@$base AS x" ]
	run ! grep -v '^[A-Z]* /v1.44/' <(grep -v /_ping "$sock.log")
}

@test "engine: 29 asks the registry for a repository's own FROM: a warning" {
	engine 1.56 "$(built "[$done_]")"
	jq -c '.dockerfile = {path: "file", bases: ["base:1"]}' in >in2
	mv in2 in
	build
	jq -e '.image.warnings[0] | test("pin it by digest")' out
}

@test "engine: 29 words a failing step in its own way" {
	engine 1.56 "$(recorded build-29-failed)"
	run -65 build
	is 65 build-failed
	grep -q '^#[0-9]* [0-9.]* last words$' err
	[[ $(jq -r .error.message out) == \
	    *"RUN echo last words; exit 7: exit code 7" ]]
}

@test "engine: 29 says on which line a Dockerfile is bad" {
	engine 1.56 "$(built '[{"error": "dockerfile parse error on line 2: unknown instruction: X",
	    "errorDetail": {"message":
	    "dockerfile parse error on line 2: unknown instruction: X"}}]')"
	run -65 build
	is 65 bad-dockerfile
	[[ $(jq -r .error.message out) == Dockerfile:2:* ]]
}

@test "engine: Podman builds with text for progress" {
	engine 1.41 '{"call": "GET /_ping", "body": "OK", "headers": {
	    "Api-Version": "1.41", "Libpod-API-Version": "4.3.1"}}' "$(built '[
	    {"stream": "STEP 1/2: FROM base:1\nSTEP 2/2: RUN true\n"},
	    {"aux": {"ID": "sha256:aa"}}, {"stream": "Successfully built aa\n"}]')"
	build
	grep -q '^STEP 2/2: RUN true$' err
	jq -e '.image.steps == [] and .image.ref' out
}

@test "engine: one that is too old, or is none" {
	engine 1.40
	run -69 build
	is 69 engine-old
	end_process "$(cat pids)"
	rm -f "$sock"
	: >pids
	engine x
	run -76 build
	is 76 bad-answer
}

@test "engine: its disk is full, in the stream and at once" {
	engine 1.41 "$(built '[{"error": "write /x: no space left on device",
	    "errorDetail": {"message": "write /x: no space left on device"}}]')"
	run -74 build
	is 74 disk-full
	[[ $(jq -r .error.hint out) == *prune* ]]
}

@test "engine: it goes away in the middle of a build" {
	engine 1.41 '{"call": "POST /v1.41/build[?]", "cut": true,
	    "body": [{"stream": "half\n"}]}'
	run -69 build
	is 69 engine-down
}

@test "engine: it ends inside an object" {
	engine 1.41 "$(jq -cn '{call: "POST /v1.41/build[?]",
	    body: "{\"stream\": \"x"}')"
	run -69 build
	is 69 engine-down
}

@test "engine: it ends a build with neither an image nor an error" {
	engine 1.41 "$(built '[{"stream": "x"}]')"
	run -69 build
	is 69 engine-down
}

@test "engine: answers that are no JSON, no trace" {
	local body

	for body in 'nonsense' '{"id": "moby.buildkit.trace", "aux": "!"}' \
	    '{"id": "moby.buildkit.trace", "aux": "Cn8="}' '{"stream": ]'; do
		rm -f "$sock"
		engine 1.41 "$(jq -cn --arg body "$body" \
		    '{call: "POST /v1.41/build[?]", body: $body}')"
		run -76 build
		is 76 bad-answer
	done
}

@test "engine: it answers before it has read all, and means it" {
	head -c 3000000 /dev/urandom >app/big
	git --git-dir=repo.git --work-tree=app add -A
	git --git-dir=repo.git --work-tree=app commit -q -m big
	jq -c --arg c "$(git --git-dir=repo.git rev-parse HEAD)" \
	    --arg t "git:$(git --git-dir=repo.git rev-parse 'HEAD^{tree}')" \
	    '.source.commit = $c | .source.tree = $t' in >in2
	mv in2 in
	engine 1.41 '{"call": "POST /v1.41/build[?]", "early": true,
	    "status": 500, "body": {"message": "invalid reference format"}}'
	run -76 build
	is 76 engine-refused
	[[ $(jq -r .error.message out) == *"invalid reference format"* ]]
}

@test "engine: a build that hangs is ended by its deadline and cancelled" {
	engine 1.41 '{"call": "POST /v1.41/build[?]", "hang": true,
	    "body": [{"stream": "x\n"}]}'
	jq -c '.project.limits.build_timeout = 1' in >in2
	mv in2 in
	run -75 build
	is 75 timeout
	asked=$(sed -n 's/.*buildid=\([0-9a-f]*\).*/\1/p' "$sock.log")
	grep -q "^POST /v1.41/build/cancel?id=$asked\$" "$sock.log"
}

@test "engine: a socket that we may not open" {
	engine 1.41
	chmod 600 "$sock"
	chmod 755 "$T" "$(dirname "$T")" "$(dirname "$(dirname "$T")")"
	mkdir -m 777 theirs
	# Where it was built may be out of their reach.
	cp "$(command -v rcn-build)" .
	run -77 setpriv --reuid=65534 --regid=65534 --clear-groups env \
	    HOME="$T/theirs" RCN_STATE_DIR="$T/theirs" ./rcn-build <in
	[[ $output == *"permission denied"* ]]
}
