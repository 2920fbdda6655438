# What every program promises: options, the stream, failure that travels.
# shellcheck disable=SC2154
load lib

programs() {
	local p

	for p in "$ROOT"/cmd/*.c; do
		basename "$p" .c
	done
}

# Those that read documents and write them on.
stages() {
	grep -l doc_filter "$ROOT"/cmd/*.c | sed 's|.*/||; s|\.c$||'
}

error_doc='{"rcn":{"version":1},"project":{"slug":"a"},"deployment":{"id":"d",
"environment":"production","trigger":"cli","attempt":1},"later":{"x":[1.5]},
"error":{"stage":"rcn-x","status":69,"code":"engine-down","message":"m",
"retryable":true}}'

@test "needed: each program links what test/needed says, no more" {
	for p in $(programs); do
		want=$(sed -n "s/^$p //p" "$ROOT/test/needed" |
			tr ' ' '\n' | sort)
		have=$(readelf -d "$B/$p" |
			sed -n 's/.*(NEEDED).*\[lib\(.*\)\.so.*/\1/p' |
			sed 's/-gnutls$//' |
			grep -vE '^(c|m|asan|ubsan|gcc_s|rt|dl|pthread)$' |
			sort)
		[ "$want" = "$have" ] || {
			echo "$p: want ${want//$'\n'/ } have ${have//$'\n'/ }"
			return 1
		}
	done
}

@test "-h prints the usage on stdout, -V the version" {
	for p in $(programs); do
		run -0 --separate-stderr "$p" -h
		[[ $output == "usage: $p "* ]]
		[ -z "$stderr" ]
		run -0 --separate-stderr "$p" -V
		[[ $output =~ ^$p\ [0-9]+\.[0-9]+\.[0-9]+$ ]]
	done
}

@test "the usage is the page's SYNOPSIS" {
	command -v mandoc
	for p in $(programs); do
		page=$(mandoc -Tascii "$ROOT/man/$p.1" | sed 's/.\x08//g' |
			sed -n '/^SYNOPSIS/,/^DESCRIPTION/p' |
			sed '1d;$d' | tr -s ' \n\t' ' ')
		use=$("$p" -h | sed 's/^usage: //' | tr -s ' \n\t' ' ')
		[ "${page# }" = "$use" ] || {
			echo "$p"
			echo "page:  ${page# }"
			echo "usage: $use"
			return 1
		}
	done
}

@test "an unknown option is 64, with the usage on stderr" {
	for p in $(programs); do
		run -64 --separate-stderr "$p" --no-such-option
		[ -z "$output" ]
		[[ $stderr == *"usage: $p"* ]]
	done
}

@test "no document, or half of one, is 66 and nothing is written" {
	for p in $(stages); do
		run -66 --separate-stderr "$p" </dev/null
		[ -z "$output" ]
		run -66 --separate-stderr "$p" <<<'{"rcn":{"version":1},'
		[ -z "$output" ]
		[ -n "$stderr" ]
	done
}

@test "closed standard input cannot be read: 74" {
	for p in $(stages); do
		run -74 --separate-stderr sh -c 'exec "$0" <&-' "$p"
		[ -z "$output" ]
	done
}

@test "bad JSON, a NUL byte, an array and an endless object are 65" {
	head -c 5000000 /dev/zero | tr '\0' 'x' >big
	for p in $(stages); do
		run -65 --separate-stderr "$p" <<<'{"a":}'
		[[ $stderr == *"1:"* ]]
		printf '{"a":"\0"}' >nul
		run -65 --separate-stderr "$p" -d nul
		run -65 --separate-stderr "$p" <<<'[]'
		{ printf '{"a":"'; cat big; } >endless
		run -65 --separate-stderr "$p" -d endless
		[ -z "$output" ]
	done
}

@test "a terminal as standard input is 64" {
	for p in $(stages); do
		run -64 script -qec "$B/$p" /dev/null
		[[ $output == *"is a terminal"* ]]
	done
}

@test "-d: a missing file is 66" {
	for p in $(stages); do
		run -66 --separate-stderr "$p" -d nowhere
		[[ $stderr == *nowhere* ]]
	done
}

@test "error travels: passed on with the same status, nothing touched" {
	export DOCKER_HOST=unix:///nowhere.sock
	for p in $(stages); do
		run -69 --separate-stderr "$p" <<<"$error_doc"
		jq -e '.error.code == "engine-down" and .later.x == [1.5]' \
			<<<"$output"
		validate_doc <<<"$output"
	done
}

@test "a document of another version is refused" {
	for p in $(stages); do
		run -65 --separate-stderr "$p" <<<'{"rcn":{"version":2}}'
		jq -e '.error.code == "bad-document"' <<<"$output"
	done
}

@test "a missing section is 65 and names who writes it" {
	doc='{"rcn":{"version":1},"project":{"slug":"a"},"deployment":{"id":"d",
		"environment":"production","trigger":"cli","attempt":1}}'
	for p in rcn-dockerfile rcn-build rcn-push rcn-deploy rcn-route \
		rcn-retire; do
		run -65 --separate-stderr "$p" <<<"$doc"
		jq -e '.error.code == "section-missing" and
			(.error.hint | test("rcn-"))' <<<"$output"
		validate_doc <<<"$output"
	done
}

@test "a full disk behind standard output is 74" {
	for p in $(stages); do
		run -74 --separate-stderr sh -c 'exec "$0" >/dev/full' "$p" \
			<<<"$error_doc"
	done
}

@test "a reader that is gone ends a program by SIGPIPE" {
	export DOCKER_HOST=unix:///nowhere.sock
	for p in $(stages); do
		status=$( { { "$p" <<<"$error_doc"; echo $? >&3; } | true; } 3>&1)
		[ "$status" -eq 141 ] || [ "$status" -eq 69 ]
	done
}

@test "several documents: all are handled, the first error counts" {
	export DOCKER_HOST=unix:///nowhere.sock
	two=${error_doc/69/75}
	for p in $(stages); do
		run -69 --separate-stderr "$p" <<<"$error_doc$two"
		[ "$(wc -l <<<"$output")" -eq 2 ]
	done
}

@test "every error code of the sources is in rcn-document(5), and no other" {
	cat "$ROOT"/lib/*/*.c "$ROOT"/cmd/*.c "$ROOT"/cmd/*/*.c | tr '\n\t' '  ' |
		grep -oE 'err_(set|sys)\([^;]{0,40}EX_[A-Z]+[^;"]{0,10}"[a-z0-9-]+"' |
		sed -E 's/.*"([a-z0-9-]+)"$/\1/' | sort -u >used
	sed -n '/^.Sh ERROR CODES/,/^.Sh EXAMPLES/s/^.It Li //p' \
		"$ROOT/man/rcn-document.5" | sort >listed
	[ -s used ]
	[ -z "$(comm -23 used listed)" ] || {
		comm -23 used listed
		return 1
	}
	while read -r code; do
		grep -rqF --include="*.c" "\"$code\"" "$ROOT/lib" "$ROOT/cmd" || {
			echo "$code: listed, not used"
			return 1
		}
	done <listed
}

@test "common: a deployment that is not built passes the first stages as it is" {
	echo '{"rcn":{"version":1},"project":{"slug":"a"},"deployment":{"id":"x","environment":"production","trigger":"rollback","attempt":1},"image":{"ref":"a:1"}}' >doc
	rcn-detect -d doc | rcn-dockerfile | rcn-build | rcn-push >out
	[ "$(jq -cS 'del(.timings, .push, .image.key)' out)" = "$(jq -cS . doc)" ]
}
