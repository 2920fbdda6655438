# What test/env starts is what its head comment says: the other files count on
# it, and a fault here is told here.
load lib

push() {
	local ok=0

	docker tag busybox:latest "$1"
	docker push -q "$1" || ok=$?
	docker rmi "$1" >/dev/null
	return $ok
}

@test "env: the engine builds with BuildKit on a stand-in, with the network" {
	cat >Dockerfile <<-'END'
		FROM busybox:latest
		RUN nslookup localhost >/dev/null || true; ip route | grep -q default
		RUN --mount=type=cache,target=/cache echo "$(date)" >/cache/x
	END
	tar -cf context.tar Dockerfile
	curl -sf -X POST --unix-socket "${DOCKER_HOST#unix://}" -H Expect: \
	    -H 'Content-Type: application/x-tar' --data-binary @context.tar \
	    'http://localhost/build?version=2&nocache=1' >log
	grep -q moby.image.id log
	run ! grep -q errorDetail log
}

@test "env: a base that the engine lacks comes from its mirror" {
	docker rmi -f busybox:latest >/dev/null 2>&1 || true
	docker pull -q busybox:latest
	docker run --rm busybox:latest true
}

@test "env: containers on a network of their own reach npm and PyPI" {
	test_network "env-$$"
	run -0 docker run --rm --network "env-$$" node:24-slim \
	    npm view --json is-number name
	[[ $output == *'"is-number"'* ]]
	run -0 docker run --rm --network "env-$$" python:3.13-slim sh -c \
	    'pip install -q itsdangerous 2>/dev/null &&
	    python -c "import itsdangerous; print(itsdangerous.__name__)"'
	[ "$output" = itsdangerous ]
}

@test "env: the node stand-ins are laid out as the official image" {
	for v in 20 22 24; do
		run -0 docker run --rm "node:$v-slim" sh -c \
		    'node --version; id -u node; npm --version && yarn --version &&
		    corepack --version && ls -d /usr/local/lib/node_modules/npm'
		[[ ${lines[0]} == v$v.* ]]
		[ "${lines[1]}" = 1000 ]
	done
}

@test "env: a registry without login" {
	push "$RCN_TEST_REGISTRY_PLAIN/env/a:1"
	run -0 skopeo inspect --tls-verify=false \
	    "docker://$RCN_TEST_REGISTRY_PLAIN/env/a:1"
}

@test "env: a registry with Basic auth refuses, and takes a login" {
	run ! push "$RCN_TEST_REGISTRY_BASIC/env/a:1"
	registry_login "$RCN_TEST_REGISTRY_BASIC" \
	    "$RCN_TEST_REGISTRY_BASIC_USER" "$RCN_TEST_REGISTRY_BASIC_PASS"
	push "$RCN_TEST_REGISTRY_BASIC/env/a:1"
}

@test "env: a registry with Harbor's tokens knows its projects" {
	local host=$RCN_TEST_REGISTRY_TOKEN

	run ! push "$host/$RCN_TEST_REGISTRY_TOKEN_PROJECT/a:1"
	registry_login "$host" "$RCN_TEST_REGISTRY_TOKEN_USER" \
	    "$RCN_TEST_REGISTRY_TOKEN_PASS"
	push "$host/$RCN_TEST_REGISTRY_TOKEN_PROJECT/a:1"
	run ! push "$host/nosuchproject/a:1"
	registry_login "$host" "$RCN_TEST_REGISTRY_TOKEN_USER" wrong
	run ! push "$host/$RCN_TEST_REGISTRY_TOKEN_PROJECT/a:1"
}

@test "env: a registry with Docker Hub's tokens lets anybody pull" {
	local host=$RCN_TEST_REGISTRY_HUB

	registry_login "$host" "$RCN_TEST_REGISTRY_HUB_USER" \
	    "$RCN_TEST_REGISTRY_HUB_PASS"
	push "$host/public/a:1"
	push "$host/secret/a:1"
	rm -r "$HOME/.docker"
	docker pull -q "$host/public/a:1"
	docker rmi "$host/public/a:1"
	run ! docker pull -q "$host/secret/a:1"
	run ! push "$host/public/a:2"
}

@test "env: git by http, https, with a token and by ssh" {
	local name=env-$$ id url kind

	mkdir app
	echo one >app/file
	id=$(make_repo "$name" app)
	for kind in http https token tokens ssh file; do
		url=$(git_url $kind "$name")
		case $kind in
		token*) url=${url/:\/\//:\/\/x:$RCN_TEST_GIT_TOKEN@} ;;
		esac
		run -0 env GIT_SSL_CAINFO="$RCN_TEST_GIT_CA" \
		    GIT_SSH_COMMAND="ssh -F none -i $RCN_TEST_GIT_SSH_KEY -o \
		    UserKnownHostsFile=$RCN_TEST_GIT_SSH_KNOWN_HOSTS" \
		    git ls-remote "$url" refs/heads/main
		[[ $output == "$id"* ]]
	done
	run ! git ls-remote "$(git_url token "$name")"
	run ! git ls-remote "$(git_url https "$name")"
}

@test "env: traefik and haproxy are there" {
	"$RCN_TEST_TRAEFIK" version | grep -q '3\.7\.15'
	"$RCN_TEST_HAPROXY" -v
}

@test "env: the validator finds a fault, and none where there is none" {
	printf '{"type":"object","required":["a"]}' >schema.json
	"$ROOT/test/validate" -s schema.json <<<'{"a":1} {"a":2}'
	run -1 "$ROOT/test/validate" -s schema.json <<<'{"a":1} {"b":2}'
	[[ $output == *"'a' is a required property"* ]]
	run -65 "$ROOT/test/validate" -s schema.json <<<'{"a":'
	run -1 env -u RCN_TEST_SCHEMA_SOCKET \
	    "$ROOT/test/validate" -s schema.json <<<'{"b":2}'
	run -1 "$ROOT/test/validate" -s schema.json </dev/null
}
