#!/usr/bin/env bats
# rcn-dockerfile: a Dockerfile of a plan, as a person would have written it.
load lib

doc() { # of a plan in JSON
	jq -nc --argjson plan "$1" '{rcn: {version: 1}, project: {slug: "app"},
	    deployment: {id: "0", environment: "production", trigger: "cli",
	    attempt: 1}, plan: ({processes: [], why: [], warnings: []} + $plan)}'
}

node='{"runtime":"nodejs","version":"24","output":"server",
    "package_manager":"npm","manifests":["package.json"],
    "install":["npm ci"]}'

@test "rcn-dockerfile: the text for each sample app is as it was" {
	for file in "$ROOT"/test/golden/*.dockerfile; do
		name=$(basename "$file" .dockerfile)
		rcn-detect -q "$APPS/$name" 2>/dev/null >"$name.doc"
		run -0 --separate-stderr rcn-dockerfile "-d$name.doc"
		validate_doc <<<"$output"
		jq -r .dockerfile.text <<<"$output" | sed '$d' >got
		rcn-dockerfile --print <"$name.doc" >printed
		diff -u "$file" got
		diff -u "$file" printed
	done
}

@test "rcn-dockerfile: the text has nothing that Engine 20.10 cannot read" {
	run ! grep -E '<<|--link|^# *syntax|COPY --exclude' \
	    "$ROOT"/test/golden/*.dockerfile
	for file in "$ROOT"/test/golden/*.dockerfile; do
		grep -q '^USER ' "$file"
		grep -q '^EXPOSE 10000$' "$file"
		grep -q '^CMD \[' "$file"
	done
}

@test "rcn-dockerfile: BuildKit's own frontend reads all of it" {
	local slug=frontend-$$

	mkdir -p app
	# Every instruction is read, no stage before the last is built.
	cat "$ROOT"/test/golden/*.dockerfile >app/Dockerfile
	printf '\nFROM busybox:latest AS rcn-last\nUSER 1\n' >>app/Dockerfile
	rcn-detect -q --slug "$slug" app | rcn-dockerfile |
	    jq -c '.dockerfile.bases = ["busybox:latest"]' >document
	run -0 --separate-stderr rcn-build -q -d document
	sed -i '0,/^USER app$/s//USER/' app/Dockerfile
	rcn-detect -q --slug "$slug" app | rcn-dockerfile |
	    jq -c '.dockerfile.bases = ["busybox:latest"]' >document
	run -65 --separate-stderr rcn-build -q -d document
	docker images -q --filter "label=rcn.project=$slug" | sort -u |
	    xargs -r docker rmi -f >/dev/null 2>&1 || true
}

@test "rcn-dockerfile: no template puts a value in unescaped" {
	run ! grep -nE '\{\{\{|\{\{ *&' "$ROOT"/share/templates/*
}

@test "rcn-dockerfile: the repository's own is taken as it is" {
	rcn-detect -q "$APPS/own-dockerfile" >document
	run -0 --separate-stderr rcn-dockerfile <document
	validate_doc <<<"$output"
	[ "$(jq -c '.dockerfile | [.path, .context, .bases, .text]' \
	    <<<"$output")" = '["Dockerfile",".",["node:24-slim"],null]' ]
	run -0 --separate-stderr rcn-dockerfile --print <document
	[ "$output" = "" ]
	[[ $stderr == *"has its own: Dockerfile"* ]]
}

@test "rcn-dockerfile: bases are the images, not the stages" {
	rcn-detect -q "$APPS/vite-react" 2>/dev/null >document
	run -0 --separate-stderr rcn-dockerfile <document
	[ "$(jq -c .dockerfile.bases <<<"$output")" = \
	    '["node:24-slim","caddy:2"]' ]
}

@test "rcn-dockerfile: an equal key passes the section on" {
	doc "$node" | rcn-dockerfile | jq -c '.dockerfile.mine = 1' >document
	run -0 rcn-dockerfile <document
	[ "$(jq .dockerfile.mine <<<"$output")" = 1 ]
	jq -c '.plan.version = "22"' document >other
	run -0 rcn-dockerfile <other
	[ "$(jq .dockerfile.mine <<<"$output")" = null ]
	[ "$(rcn-dockerfile --print <document | head -2 | tail -1)" = \
	    'FROM node:24-slim AS deps' ]
}

@test "rcn-dockerfile: a command with a line break is data" {
	plan=$(jq -c '.build = ["echo a\nRUN evil", "--mount=x y", "a \\",
	    "b \\ ", "cat <<EOF"]' <<<"$node")
	doc "$plan" | rcn-dockerfile --print >text
	grep -qF 'RUN ["/bin/sh", "-c", "echo a\nRUN evil"]' text
	grep -qF 'RUN ["/bin/sh", "-c", "--mount=x y"]' text
	grep -qF 'RUN ["/bin/sh", "-c", "a \\"]' text
	grep -qF 'RUN ["/bin/sh", "-c", "b \\ "]' text
	grep -qF 'RUN ["/bin/sh", "-c", "cat <<EOF"]' text
	run ! grep -q '^RUN evil' text
}

@test "rcn-dockerfile: what is no word is refused where words stand" {
	for change in '.version = "24\nRUN evil"' '.version = "24 AS x"' \
	    '.manifests = ["a b"]' '.manifests = ["$(id)"]' \
	    '.manifests = ["../x"]' '.packages = ["a;b"]' \
	    '.output = "../x"' '.runtime = "x/../y"' \
	    '.build_env = ["A=B\nRUN x"]' \
	    '.static_root = "a\nb" | .output = "static"' \
	    '.package_manager = "pnpm" | .package_manager_version = "9;id"'; do
		doc "$(jq -c "$change" <<<"$node")" >document
		run -65 --separate-stderr rcn-dockerfile <document
		[ "$(jq -r .error.code <<<"$output")" = bad-plan ]
		[ "$(jq -r .dockerfile <<<"$output")" = null ]
	done
}

@test "rcn-dockerfile: build variables and packages are written" {
	plan=$(jq -c '.build = ["npm run build"] | .build_env = ["VITE_API"] |
	    .packages = ["libpq5", "ffmpeg"] | .build_packages = ["g++"]' \
	    <<<"$node")
	doc "$plan" | rcn-dockerfile --print >text
	grep -q '^ARG VITE_API$' text
	grep -q 'no-install-recommends libpq5 ffmpeg ' text
	grep -q 'no-install-recommends g++ ' text
}

@test "rcn-dockerfile: no template, no plan, a wrong plan" {
	doc "$(jq -c '.runtime = "cobol"' <<<"$node")" >document
	run -65 --separate-stderr rcn-dockerfile <document
	[ "$(jq -r .error.code <<<"$output")" = no-template ]
	doc '{"runtime": 1}' >document
	run -65 --separate-stderr rcn-dockerfile <document
	[ "$(jq -r .error.code <<<"$output")" = bad-plan ]
	jq -c 'del(.plan)' document >other
	run -65 --separate-stderr rcn-dockerfile <other
	[[ $stderr == *rcn-detect* ]]
}

@test "rcn-dockerfile: an error is passed on with its status" {
	doc "$node" | jq -c '.error = {stage: "x", status: 69, code: "y",
	    message: "z", retryable: true}' >document
	run -69 rcn-dockerfile <document
	[ "$(jq -c .dockerfile <<<"$output")" = null ]
	run -69 rcn-dockerfile --print <document
}

@test "rcn-dockerfile: usage, empty input, closed and full descriptors" {
	run -0 rcn-dockerfile -h
	run -0 rcn-dockerfile -V
	run -64 rcn-dockerfile --nonsense
	run -64 rcn-dockerfile extra
	run -66 rcn-dockerfile </dev/null
	run -66 rcn-dockerfile <<<'{"rcn"'
	run -74 sh -c 'rcn-dockerfile <&-'
	doc "$node" >document
	run -74 sh -c 'rcn-dockerfile -d document >/dev/full'
	run -74 sh -c 'rcn-dockerfile -p -d document >/dev/full'
	run -141 bash -c 'exec 9> >(true); wait $!
	    exec rcn-dockerfile -d document >&9'
}

@test "rcn-dockerfile: it can open no socket" {
	doc "$node" >document
	ASAN_OPTIONS=detect_leaks=0 strace -qq -e trace=socket,connect,seccomp -o calls \
	    rcn-dockerfile -d document >out
	grep -q seccomp calls
	run ! grep -q -E '^(socket|connect)\(' calls
}
