# rcn-push on the real engine and real registries.
# shellcheck disable=SC2154,SC2030,SC2031,SC2094

load lib

setup() {
	rcn_setup
	slug=push-$BATS_TEST_NUMBER-$RANDOM
	plain=$RCN_TEST_REGISTRY_PLAIN/push
	image=$slug:1
}

teardown() {
	docker images --format '{{.Repository}}:{{.Tag}}' |
	    grep "$slug" | xargs -r docker rmi -f >/dev/null 2>&1 || true
	rcn_teardown
}

# fresh: $image, of one layer that no registry has.
fresh() {
	head -c 50000 /dev/urandom >random
	tar -c random | docker import - "$image" >id
}

# doc [JQ]: a document of $slug with $image, changed by a filter.
doc() {
	jq -nc --arg slug "$slug" --arg ref "$image" '{rcn: {version: 1},
	    project: {slug: $slug}, deployment: {id:
	    "0197a5a0-0000-7000-8000-000000000000", environment: "production",
	    trigger: "cli", attempt: 1}, image: {ref: $ref, id: ("sha256:" +
	    ("0" * 64)), cached: false}, x_other: {kept: [1, "é"]}} |
	    '"${1:-.}"
}

# fails STATUS CODE: the last run; the document says the same, and the engine
# has no name of the registry's for it.
fails() {
	[ "$status" -eq "$1" ]
	[ "$(jq -r '"\(.error.status) \(.error.code)"' <<<"$output")" = \
	    "$1 $2" ]
	[ "$(jq -r .error.stage <<<"$output")" = rcn-push ]
	jq -e 'has("push") | not' <<<"$output"
	validate_doc <<<"$output"
	[ -n "$stderr" ]
	! docker images --format '{{.Repository}}' | grep "/$slug\$" || false
}

# manifest NAME TAG: its digest, as the plain registry computes it.
manifest() {
	local types=application/vnd.docker.distribution.manifest.v2+json

	types+=,\ application/vnd.oci.image.manifest.v1+json
	curl -fsS -H "Accept: $types" \
	    "http://$RCN_TEST_REGISTRY_PLAIN/v2/$1/manifests/$2" |
	    sha256sum | cut -d' ' -f1
}

@test "rcn-push: a registry without login, proven" {
	fresh
	doc >in
	run -0 --separate-stderr rcn-push -d in --registry "$plain"
	validate_doc <<<"$output"
	digest=$(jq -r .push.digest <<<"$output")
	[ "$digest" = "sha256:$(manifest "push/$slug" 1)" ]
	jq -e --arg ref "$plain/$slug@$digest" '.push |
	    .ref == $ref and .tag == "1" and .bytes >= 50000 and
	    .layers == {existing: 0, mounted: 0, uploaded: 1}' <<<"$output"
	jq -e '.x_other == {kept: [1, "é"]} and .timings[0].stage ==
	    "rcn-push"' <<<"$output"
	[[ $stderr == *": pushed"*"$plain/$slug:1: $digest" ]]
	docker pull "$plain/$slug@$digest"
}

@test "rcn-push: RCN_REGISTRY, quiet, a trailing slash, the same in staging" {
	fresh
	doc '.deployment.environment = "staging"' >in
	RCN_REGISTRY=$plain/ run -0 --separate-stderr rcn-push -q -d in
	[ -z "$stderr" ]
	jq -e --arg at "$plain/$slug@" '.push.ref | startswith($at)' \
	    <<<"$output"
}

@test "rcn-push: no registry is set" {
	doc >in
	DOCKER_HOST=unix:///nonexistent run -0 --separate-stderr rcn-push -d in
	[ -z "$stderr" ]
	validate_doc <<<"$output"
	jq -e '.push.skipped == "no registry is set (RCN_REGISTRY)"' \
	    <<<"$output"
	# passed on as it is, and pushed when a registry is set after all
	echo "$output" >out
	run -0 rcn-push -d out
	[ "$output" = "$(<out)" ]
	fresh
	run -0 --separate-stderr rcn-push -d out --registry "$plain"
	jq -e '.push.digest and (.push | has("skipped") | not)' <<<"$output"
}

@test "rcn-push: layers that are there, and layers that are mounted" {
	fresh
	doc >in
	rcn-push -q -d in --registry "$plain" >first
	run -0 --separate-stderr rcn-push -v -d in --registry "$plain"
	jq -e '.push | .layers == {existing: 1, mounted: 0, uploaded: 0} and
	    .bytes == 0' <<<"$output"
	[[ $stderr == *"is there"* ]]
	[ "$(jq .push.ref <<<"$output")" = "$(jq .push.ref first)" ]
	run -0 --separate-stderr rcn-push -d in --registry "$plain-b"
	jq -e '.push.layers == {existing: 0, mounted: 1, uploaded: 0}' \
	    <<<"$output"
}

@test "rcn-push: resume asks the registry and touches nothing" {
	fresh
	doc >in
	rcn-push -q -d in --registry "$plain" >first
	# current: not even an engine is needed
	DOCKER_HOST=unix:///nonexistent run -0 --separate-stderr \
	    rcn-push -d first --registry "$plain"
	[ "$output" = "$(<first)" ]
	[ -z "$stderr" ]
	# another image, another place: pushed again
	jq -c '.image.id |= sub("0$"; "1")' first >changed
	run -0 --separate-stderr rcn-push -d changed --registry "$plain"
	jq -e '.push.layers.existing == 1' <<<"$output"
	run -0 --separate-stderr rcn-push -d first --registry "$plain-c"
	jq -e --arg at "$plain-c/" '.push.ref | startswith($at)' <<<"$output"
	# the registry has lost it: pushed again
	curl -fsS -X DELETE "http://$RCN_TEST_REGISTRY_PLAIN/v2/push/$slug/manifests/$(
	    jq -r .push.digest first)"
	run -0 --separate-stderr rcn-push -d first --registry "$plain"
	[ "$(manifest "push/$slug" 1)" = "$(
	    jq -r '.push.digest[7:]' <<<"$output")" ]
}

@test "rcn-push: a rollback is passed on, whatever is set" {
	doc '.deployment.trigger = "rollback" |
	    .push = {ref: "r.example/a@sha256:1", digest: "sha256:1"}' >in
	RCN_REGISTRY=127.0.0.1:1/x run -0 --separate-stderr rcn-push -d in
	[ "$(jq -cS 'del(.timings, .push.key)' <<<"$output")" = \
	    "$(jq -cS . in)" ]
	doc '.deployment.trigger = "image"' >in
	RCN_REGISTRY=127.0.0.1:1/x run -0 --separate-stderr rcn-push -d in
	[ "$(jq -cS 'del(.timings)' <<<"$output")" = "$(jq -cS . in)" ]
}

@test "rcn-push: basic auth, right, wrong and none" {
	local at=$RCN_TEST_REGISTRY_BASIC/push
	fresh
	doc >in
	run --separate-stderr rcn-push -d in --registry "$at"
	fails 77 registry-denied
	[[ $stderr == *"$at/$slug:1"*"hint: docker login"* ]]
	registry_login "$RCN_TEST_REGISTRY_BASIC" \
	    "$RCN_TEST_REGISTRY_BASIC_USER" wrong-password-canary
	run --separate-stderr rcn-push -vv -d in --registry "$at"
	fails 77 registry-denied
	[[ $output$stderr != *wrong-password-canary* ]]
	registry_login "$RCN_TEST_REGISTRY_BASIC" \
	    "$RCN_TEST_REGISTRY_BASIC_USER" "$RCN_TEST_REGISTRY_BASIC_PASS"
	run -0 --separate-stderr rcn-push -d in --registry "$at"
	validate_doc <<<"$output"
	echo "$output" >out
	run -0 rcn-push -d out --registry "$at"
	[ "$output" = "$(<out)" ]
	# resume with a password that is no longer right
	registry_login "$RCN_TEST_REGISTRY_BASIC" x wrong-password-canary
	run -77 --separate-stderr rcn-push -d out --registry "$at"
}

@test "rcn-push: tokens in Harbor's form; a project that does not exist" {
	local at=$RCN_TEST_REGISTRY_TOKEN
	fresh
	doc >in
	run --separate-stderr rcn-push -d in --registry "$at/team"
	fails 77 registry-denied
	registry_login "$at" "$RCN_TEST_REGISTRY_TOKEN_USER" \
	    "$RCN_TEST_REGISTRY_TOKEN_PASS"
	run -0 --separate-stderr rcn-push -d in --registry "$at/team"
	validate_doc <<<"$output"
	jq -e '.push.layers.uploaded == 1' <<<"$output"
	echo "$output" >out
	run -0 rcn-push -d out --registry "$at/team"
	[ "$output" = "$(<out)" ]
	docker rmi "$at/team/$slug:1"
	run --separate-stderr rcn-push -d in --registry "$at/nobody"
	fails 77 registry-denied
	[[ $stderr == *"project in the name must exist"* ]]
}

@test "rcn-push: tokens in Docker Hub's form" {
	local at=$RCN_TEST_REGISTRY_HUB
	fresh
	doc >in
	run --separate-stderr rcn-push -d in --registry "$at/hubuser"
	fails 77 registry-denied
	registry_login "$at" "$RCN_TEST_REGISTRY_HUB_USER" \
	    "$RCN_TEST_REGISTRY_HUB_PASS"
	run -0 --separate-stderr rcn-push -d in \
	    --registry "$at/$RCN_TEST_REGISTRY_HUB_USER"
	validate_doc <<<"$output"
}

@test "rcn-push: credentials beside the document, and a helper's" {
	local at=$RCN_TEST_REGISTRY_BASIC/push
	fresh
	doc >in
	mkdir -p secrets/registry bin
	registry_login "$RCN_TEST_REGISTRY_BASIC" \
	    "$RCN_TEST_REGISTRY_BASIC_USER" \
	    "$RCN_TEST_REGISTRY_BASIC_PASS" secrets/registry
	RCN_SECRETS=$T/secrets run -0 --separate-stderr \
	    rcn-push -d in --registry "$at"
	cat >bin/docker-credential-test <<END
#!/bin/sh
read -r host
[ "\$1 \$host" = "get $RCN_TEST_REGISTRY_BASIC" ] || exit 1
echo '{"Username": "$RCN_TEST_REGISTRY_BASIC_USER",
    "Secret": "$RCN_TEST_REGISTRY_BASIC_PASS"}'
END
	chmod +x bin/docker-credential-test
	mkdir -p "$HOME/.docker"
	echo '{"credsStore": "test"}' >"$HOME/.docker/config.json"
	PATH=$T/bin:$PATH run -0 --separate-stderr \
	    rcn-push -d in --registry "$at"
	echo '{"credsStore": "absent"}' >"$HOME/.docker/config.json"
	run -69 --separate-stderr rcn-push -d in --registry "$plain"
	jq -e '.error.code == "program-missing"' <<<"$output"
	echo '{"auths": canary-text' >"$HOME/.docker/config.json"
	run -78 --separate-stderr rcn-push -d in --registry "$plain"
	jq -e '.error.code == "bad-credentials"' <<<"$output"
	[[ $output$stderr != *canary* ]]
}

@test "rcn-push: a password is in no argument, message or document" {
	local pass=$RCN_TEST_REGISTRY_TOKEN_PASS text
	fresh
	doc >in
	mkdir -p bin "$HOME/.docker"
	cat >bin/docker-credential-test <<END
#!/bin/sh
tr '\\0' ' ' <"/proc/\$\$/cmdline" >helper
echo '{"Username": "$RCN_TEST_REGISTRY_TOKEN_USER", "Secret": "$pass"}'
END
	chmod +x bin/docker-credential-test
	echo '{"credsStore": "test"}' >"$HOME/.docker/config.json"
	mkfifo pipe
	PATH=$T/bin:$PATH rcn-push -vv --registry \
	    "$RCN_TEST_REGISTRY_TOKEN/team" <pipe >out 2>err 3>&- &
	pid=$!
	exec 7>pipe
	cat in >&7
	wait_for 20 test -s out
	tr '\0' ' ' <"/proc/$pid/cmdline" >ours
	exec 7>&-
	wait "$pid"
	jq -e .push.digest out
	grep 'docker-credential-test get $' helper
	grep -- '--registry' ours
	for text in "$pass" "$(printf %s "$pass" | base64 -w0)" \
	    "$(printf %s "$RCN_TEST_REGISTRY_TOKEN_USER:$pass" |
	        base64 -w0)"; do
		run ! grep -F -- "$text" helper ours out err
	done
}

@test "rcn-push: no registry there, no engine there" {
	fresh
	doc >in
	port=$(free_port)
	run --separate-stderr rcn-push -d in --registry "127.0.0.1:$port/x"
	fails 69 registry-down
	jq -e .error.retryable <<<"$output"
	# resume, too
	rcn-push -q -d in --registry "$plain" |
	    jq -c --arg at "127.0.0.1:$port/push" '.push.ref |= sub("^[^/]*/push";
	    $at)' >moved
	run -69 --separate-stderr rcn-push -d moved --registry "$plain"
	jq -e '.error.code == "registry-down"' <<<"$output"
	docker rmi "$plain/$slug:1"
	DOCKER_HOST=unix:///nonexistent run --separate-stderr \
	    rcn-push -d in --registry "$plain"
	fails 69 engine-down
}

@test "rcn-push: the image is gone" {
	doc >in
	run --separate-stderr rcn-push -d in --registry "$plain"
	fails 66 image-gone
	[[ $stderr == *"$image"*"rcn-build"* ]]
}

@test "rcn-push: a name that was there before a failure stays" {
	fresh
	port=$(free_port)
	docker tag "$image" "127.0.0.1:$port/x/$slug:1"
	doc >in
	run -69 --separate-stderr rcn-push -d in --registry "127.0.0.1:$port/x"
	docker image inspect "127.0.0.1:$port/x/$slug:1" >/dev/null
}

# tls_registry: a registry of the test's own, by TLS; its port in $port.
tls_registry() {
	port=$(free_port)
	openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes \
	    -days 2 -subj /CN=test -addext subjectAltName=IP:127.0.0.1 \
	    -keyout key.pem -out cert.pem 2>/dev/null
	cat >registry.yml <<END
version: 0.1
log: {level: warn, accesslog: {disabled: true}}
http:
  addr: "127.0.0.1:$port"
  tls: {certificate: "$T/cert.pem", key: "$T/key.pem"}
storage: {filesystem: {rootdirectory: "$T/registry"}}
END
	background docker-registry serve registry.yml
	wait_for 10 curl -sf --cacert cert.pem "https://127.0.0.1:$port/v2/"
}

@test "rcn-push: TLS, with and without its CA" {
	fresh
	doc >in
	tls_registry
	run --separate-stderr rcn-push -d in --registry "127.0.0.1:$port/x"
	fails 76 tls-failed
	[[ $stderr == *RCN_CA_BUNDLE* ]]
	RCN_CA_BUNDLE=$T/cert.pem run -0 --separate-stderr \
	    rcn-push -d in --registry "127.0.0.1:$port/x"
	validate_doc <<<"$output"
}

@test "rcn-push: memory, over http and over TLS" {
	if ldd "$B/rcn-push" | grep -q libasan; then
		limit=1000000
	else
		limit=4096
	fi
	fresh
	doc >in
	anon "$plain"
	[ "$kb" -le "$limit" ]
	tls_registry
	export RCN_CA_BUNDLE=$T/cert.pem
	anon "127.0.0.1:$port/x"
	[ "$kb" -le $((limit * 2)) ]
}

# anon REGISTRY: $kb, its RssAnon after a push, with all still open.
anon() {
	rm -f pipe out
	mkfifo pipe
	rcn-push -q --registry "$1" <pipe >out 3>&- &
	pid=$!
	exec 7>pipe
	cat in >&7
	wait_for 20 test -s out
	kb=$(awk '/RssAnon/ { print $2 }' "/proc/$pid/status")
	exec 7>&-
	wait "$pid"
	jq -e .push.digest out
	echo "RssAnon with $1: $kb kB"
}

# other_engine OBJECT...: a socket that answers as Engine 29 does and pushes
# nothing; the objects are its push's stream.
other_engine() {
	jq -n '[{call: "GET /_ping", headers: {"Api-Version": "1.52"}},
	    {call: "GET /v1.44/images/.*/json", status: 404, once: true,
	        body: {message: "No such image"}},
	    {call: "POST /v1.44/images/.*/tag[?]repo=", status: 201},
	    {call: "DELETE /v1.44/images/", body: []},
	    {call: "POST /v1.44/images/.*/push[?]tag=1$",
	        body: ($ARGS.positional | map(fromjson))}]' --args -- "$@" >script
	rm -f e.sock e.sock.log
	background "$ROOT/test/servers/engine.py" "$T/e.sock" "$T/script"
	wait_for 10 test -S e.sock
}

@test "rcn-push: Engine 29's containerd store, which sends no aux" {
	fresh
	doc >in
	digest=$(rcn-push -q -d in --registry "$plain" | jq -r .push.digest)
	other_engine '{"status": "The push refers to repository [r]"}' \
	    '{"status": "Waiting", "progressDetail": {}, "id": "4bcff63911fc"}' \
	    '{"status": "Layer already exists", "progressDetail": {},
	    "id": "4bcff63911fc"}' \
	    "{\"status\": \"1: digest: $digest size: 428\"}"
	DOCKER_HOST=unix://$T/e.sock run -0 --separate-stderr \
	    rcn-push -d in --registry "$plain"
	validate_doc <<<"$output"
	jq -e --arg digest "$digest" '.push.digest == $digest and
	    .push.layers == {existing: 1, mounted: 0, uploaded: 0}' \
	    <<<"$output"
	run ! grep DELETE e.sock.log
}

@test "rcn-push: an engine's word is no proof" {
	fresh
	doc >in
	other=sha256:$(printf '1%.0s' {1..64})
	other_engine "{\"status\": \"1: digest: $other size: 428\"}"
	DOCKER_HOST=unix://$T/e.sock run --separate-stderr \
	    rcn-push -d in --registry "$plain"
	fails 66 manifest-unknown
	grep DELETE e.sock.log
	rcn-push -q -d in --registry "$plain" >first
	docker rmi "$plain/$slug:1"
	DOCKER_HOST=unix://$T/e.sock run --separate-stderr \
	    rcn-push -d in --registry "$plain"
	fails 76 digest-mismatch
}

@test "rcn-push: an engine that ends without a word, or with another" {
	doc >in
	other_engine '{"status": "Preparing", "id": "4bcff63911fc"}'
	DOCKER_HOST=unix://$T/e.sock run --separate-stderr \
	    rcn-push -d in --registry "$plain"
	fails 76 push-failed
	other_engine '{"errorDetail": {"message": "toomanyrequests: no"}}'
	DOCKER_HOST=unix://$T/e.sock run --separate-stderr \
	    rcn-push -d in --registry "$plain"
	fails 75 registry-limit
	other_engine '{"errorDetail": {"message":
	    "unknown: unexpected status from HEAD request: 401 Unauthorized"}}'
	DOCKER_HOST=unix://$T/e.sock run --separate-stderr \
	    rcn-push -d in --registry "$plain"
	fails 77 registry-denied
}

@test "rcn-push: cancelled in the middle" {
	fresh
	doc >in
	# a registry that accepts and says nothing
	port=$(free_port)
	background /usr/bin/python3 -c "
import socket, time
s = socket.create_server(('127.0.0.1', $port))
open('listens', 'w').close()
c = s.accept()
open('accepted', 'w').close()
time.sleep(60)"
	wait_for 10 test -e listens
	rcn-push -d in --registry "127.0.0.1:$port/x" >out 2>err 3>&- &
	pid=$!
	wait_for 10 test -e accepted
	kill -TERM "$pid"
	status=0
	wait "$pid" || status=$?
	output=$(<out) stderr=$(<err)
	fails 75 cancelled
}

@test "rcn-push: usage" {
	run -0 --separate-stderr rcn-push -h
	[[ $output == "usage: rcn-push "* ]]
	run -0 rcn-push -V
	run -64 --separate-stderr rcn-push --nonsense
	[ -z "$output" ]
	run -64 rcn-push extra
	for text in '' team registry/team http://r.example/team r.example/Team; do
		run -64 --separate-stderr rcn-push --registry "$text"
		[ -z "$output" ]
	done
	doc >in
	RCN_REGISTRY=team run --separate-stderr rcn-push -d in
	fails 78 bad-setting
	[[ $stderr == *RCN_REGISTRY* ]]
}

@test "rcn-push: bad documents" {
	run -66 --separate-stderr rcn-push </dev/null
	[ -z "$output" ]
	run -66 rcn-push <<<'{"rcn": {"version": 1'
	run -65 rcn-push <<<'not json'
	run -65 rcn-push <<<'[]'
	printf '{"rcn": {"version": 1}, "x": "\0"}' >nul
	run -65 rcn-push -d nul
	head -c 5000000 /dev/zero | tr '\0' ' ' >huge
	sed -i '1s/^/{"x": "/' huge
	run -65 rcn-push -d huge
	run -66 rcn-push -d nonexistent
	doc 'del(.image)' >in
	run --separate-stderr rcn-push -d in
	fails 65 section-missing
	[[ $stderr == *rcn-build* ]]
	doc '.image.ref = "Not A Name"' >in
	run --separate-stderr rcn-push -d in --registry "$plain"
	fails 65 bad-image-name
}

@test "rcn-push: an error passes, with its status" {
	doc '.error = {stage: "rcn-build", status: 69, code: "engine-down",
	    message: "m", retryable: true}' >in
	run -69 --separate-stderr rcn-push -d in --registry "$plain"
	[ "$output" = "$(<in)" ]
	[ -z "$stderr" ]
}

@test "rcn-push: several documents, closed and full descriptors" {
	fresh
	{ doc; doc '.project.slug += "-b"'; } >in
	run -0 --separate-stderr rcn-push -q -d in --registry "$plain"
	[ "$(jq -s 'map(.push.digest) | unique | length' <<<"$output")" = 1 ]
	[ "$(jq -s length <<<"$output")" = 2 ]
	doc >in
	status=0
	rcn-push <&- >out 2>err || status=$?
	[ "$status" -eq 74 ]
	status=0
	rcn-push -d in >/dev/full 2>err || status=$?
	[ "$status" -eq 74 ]
	status=0
	rcn-push -d in >&- 2>err || status=$?
	[ "$status" -eq 74 ]
}

@test "rcn-push: nobody reads: nothing is pushed" {
	fresh
	doc >in
	mkfifo gone
	(
		exec 8<>gone 9>gone 8<&-
		status=0
		rcn-push -d in --registry "$plain" >&9 2>err || status=$?
		echo "$status" >status
	)
	[ "$(<status)" = 141 ]
	run ! curl -fs "http://$RCN_TEST_REGISTRY_PLAIN/v2/push/$slug/manifests/1"
}
