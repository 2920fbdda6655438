#!/usr/bin/env bats
# sh/versions: the table of known releases, brought up to date.
load lib

setup() {
	rcn_setup
	mkdir src
	echo '[{"cycle": "1.99", "latest": "1.99.3", "eol": "2031-02-03"},
	    {"cycle": "1.26", "latest": "1.26.99", "eol": false}]' >src/go.json
	echo '[{"cycle": "21", "latest": "21.0.99+7", "eol": "2020-01-02"}]' \
	    >src/eclipse-temurin.json
}

teardown() {
	rcn_teardown
}

@test "versions: releases and ends are taken over, the rest is kept" {
	run -0 --separate-stderr "$ROOT/sh/versions" --from "file://$T/src" go
	[ "$(jq -r '.go.versions[0]' <<<"$output")" = 1.99.3 ]
	[ "$(jq -r '.go.end["1.99"]' <<<"$output")" = 2031-02-03 ]
	[ "$(jq '[.go.versions[] | select(startswith("1.26."))] | join(" ")' \
	    <<<"$output")" = '"1.26.99"' ]
	diff <(jq 'del(.go)' <<<"$output") \
	    <(jq 'del(.go)' "$ROOT/share/versions.json")
	[ "$(jq -r '.go.default' <<<"$output")" = \
	    "$(jq -r '.go.default' "$ROOT/share/versions.json")" ]
}

@test "versions: a default without support is said" {
	run -0 --separate-stderr "$ROOT/sh/versions" --from "file://$T/src" java
	[ "$(jq -r '.java.versions | map(select(startswith("21.")))[0]' \
	    <<<"$output")" = 21.0.99 ]
	[[ $stderr == *"java: the default, 21, has had no support since"* ]]
}

@test "versions: what cannot be had is said and kept" {
	echo '{}' >src/rust.json
	run -69 --separate-stderr "$ROOT/sh/versions" --from "file://$T/src" \
	    php rust go
	[[ $stderr == *"php: "*"kept as it is"*"rust: "*"kept as it is"* ]]
	[ "$(jq -r '.go.versions[0]' <<<"$output")" = 1.99.3 ]
	run -64 "$ROOT/sh/versions" cobol
	run -64 "$ROOT/sh/versions" --nonsense
}

@test "versions: the table is as its script writes it" {
	jq -S --tab . "$ROOT/share/versions.json" |
	    diff - "$ROOT/share/versions.json"
}
