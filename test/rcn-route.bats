# shellcheck shell=bash disable=SC2016,SC2030,SC2031,SC2094,SC2154 # bats, and its variables
# rcn-route, with each proxy for real; instances are processes on loopback.
load lib
load route

teardown() {
	stop_proxy
	rcn_teardown
}

validate_routes() {
	local file

	for file in "$RCN_STATE_DIR"/routes/*.json; do
		"$ROOT/test/validate" -s "$ROOT/share/schema/route.json" \
		    "$file" || return
	done
}

# A first deploy, a second, and all that a document says about them.
deploys() {
	start_proxy "$1"
	start_app one
	document app d1 "" "$port" >in
	run -0 --separate-stderr rcn-route <in
	[ -z "$stderr" ]
	validate_doc <<<"$output"
	jq -e --arg p "$port" --arg proxy "$1" '.route |
	    .proxy == $proxy and .hosts[0].host == "app.localhost" and
	    .hosts[0].tls == "none" and .targets.before == [] and
	    .targets.after == [{address: "127.0.0.1:\($p)", deployment: "d1"}]
	    and .proven.status == 200 and .counts.requests == 0 and
	    .switch_us > 0' <<<"$output"
	[ "$(jq -r .route.url <<<"$output")" = \
	    "http://app.localhost:${RCN_HTTP#*:}" ]
	run -0 ask app.localhost
	[ "${lines[*]}" = "one 200" ]
	local old=$port
	start_app two
	document app d2 d1 "$port" >in
	run -0 --separate-stderr rcn-route <in
	validate_doc <<<"$output"
	jq -e --arg p "$old" '.route | .was == "d1" and
	    .targets.before == [{address: "127.0.0.1:\($p)", deployment: "d1"}]
	    and .counts.requests >= 2 and .counts.errors == 0' <<<"$output"
	run -0 ask APP.localhost.
	[ "${lines[*]}" = "two 200" ]
	validate_routes
}

@test "rcn-route: a first and a second deploy, HAProxy" {
	deploys haproxy
}

@test "rcn-route: a first and a second deploy, Traefik" {
	deploys traefik
}

# The same document again does nothing; one that has lost is refused.
resumes() {
	start_proxy "$1"
	start_app one
	document app d1 "" "$port" | rcn-route >first
	run -0 rcn-route <first
	[ "$(jq -cS 'del(.timings)' <<<"$output")" = \
	    "$(jq -cS 'del(.timings)' first)" ]
	[ "$(jq '.timings | length' <<<"$output")" = 1 ]
	document app d3 d2 "$port" >late
	run -75 --separate-stderr rcn-route <late
	[[ "$stderr" == *"deployment d1 serves, not d2"* ]]
	validate_doc <<<"$output"
	jq -e '.error.code == "route-moved" and .error.retryable and
	    (has("route") | not)' <<<"$output"
	# the same deployment may be put again, elsewhere
	start_app again
	document app d1 "" "$port" >again
	run -0 rcn-route <again
	run -0 ask app.localhost
	[ "${lines[0]}" = again ]
}

@test "rcn-route: resumes, and loses to a later deploy, HAProxy" {
	resumes haproxy
}

@test "rcn-route: resumes, and loses to a later deploy, Traefik" {
	resumes traefik
}

# Not proven: what served goes on, in the files too.
puts_back() {
	local dead

	start_proxy "$1"
	start_app one
	document app d1 "" "$port" | rcn-route >/dev/null
	cp "$RCN_STATE_DIR/routes/app.production.json" before
	dead=$(free_port)
	document app d2 d1 "$dead" >in
	run -69 --separate-stderr rcn-route <in
	jq -e '.error.code == "route-unproven"' <<<"$output"
	run -0 ask app.localhost
	[ "${lines[*]}" = "one 200" ]
	[ "$(jq -S 'del(.updated_at)' before)" = "$(jq -S 'del(.updated_at)' \
	    "$RCN_STATE_DIR/routes/app.production.json")" ]
	run ! grep -rF ":$dead" "$RCN_STATE_DIR/proxy"
	# nothing served before: nothing does after
	document new d1 "" "$dead" >in
	run -69 rcn-route <in
	run -0 ask new.localhost
	[ "${lines[-1]}" = 404 ]
	[ ! -e "$RCN_STATE_DIR/routes/new.production.json" ]
}

@test "rcn-route: puts back what it cannot prove, HAProxy" {
	puts_back haproxy
}

@test "rcn-route: puts back what it cannot prove, Traefik" {
	puts_back traefik
}

# Every host is asked, not only the first.
asks_all() {
	start_proxy "$1"
	start_app one
	document app d1 "" "$port" |
	    rcn-route --host a.example --host b.example >/dev/null
	port=$(free_port)
	background "$B/test/load/app" --body two --port "$port" \
	    --want 'Host: a.example'
	wait_for 10 curl -s -o two "http://127.0.0.1:$port/"
	document app d2 d1 "$port" >in
	run -69 --separate-stderr rcn-route --host a.example \
	    --host b.example <in
	jq -e '.error | .code == "route-unproven" and
	    (.message | startswith("http://b.example/: answers 500"))' \
	    <<<"$output"
	run -0 ask b.example
	[ "${lines[*]}" = "one 200" ]
	run -0 --separate-stderr rcn-route --host a.example <in
	jq -e '.route.proven.by | endswith("Host a.example")' <<<"$output"
}

@test "rcn-route: every host is proven, HAProxy" {
	asks_all haproxy
}

@test "rcn-route: every host is proven, Traefik" {
	asks_all traefik
}

@test "rcn-route: a cancelled probe puts back" {
	start_proxy haproxy
	start_app one
	document app d1 "" "$port" | rcn-route >/dev/null
	start_app slow --delay 1000
	document app d2 d1 "$port" >in
	rcn-route -d in >out 3>&- 4>&- &
	wait_for 5 connected "$port"
	kill "$!"
	local status=0
	wait "$!" || status=$?
	[ "$status" = 75 ]
	jq -e '.error.code == "cancelled"' out
	run -0 ask app.localhost
	[ "${lines[0]}" = one ]
}

# Hosts are one project's; withdrawn ones are free again.
hosts() {
	start_proxy "$1"
	start_app one
	document app d1 "" "$port" >in
	run -0 rcn-route --host A.Example. --host b.example <in
	jq -e '[.route.hosts[].host] == ["a.example", "b.example"]' \
	    <<<"$output"
	run -0 ask b.example
	[ "${lines[*]}" = "one 200" ]
	run -0 ask app.localhost
	[ "${lines[-1]}" = 404 ]
	document other d1 "" "$port" >other
	run -78 --separate-stderr rcn-route --host b.example <other
	[[ "$stderr" == *"b.example: belongs to app.production"* ]]
	jq -e '.error.code == "host-taken"' <<<"$output"
	# fewer hosts: what is gone is free
	document app d2 d1 "$port" >in
	run -0 rcn-route --host a.example <in
	run -0 ask b.example
	[ "${lines[-1]}" = 404 ]
	run -0 rcn-route --host b.example <other
	run -0 ask b.example
	[ "${lines[-1]}" = 200 ]
	run -0 --separate-stderr rcn-route --withdraw --slug app
	[ -z "$output$stderr" ]
	run -0 ask a.example
	[ "${lines[-1]}" = 404 ]
	[ ! -e "$RCN_STATE_DIR/routes/app.production.json" ]
	run -0 --separate-stderr rcn-route --withdraw --slug app
	[[ "$stderr" == *"there is no route"* ]]
}

@test "rcn-route: hosts belong to one project, HAProxy" {
	hosts haproxy
}

@test "rcn-route: hosts belong to one project, Traefik" {
	hosts traefik
}

# Restarted, the proxy serves what it did; --sync makes files and proxy agree.
restarts() {
	start_proxy "$1"
	start_app one
	document app d1 "" "$port" | rcn-route >/dev/null
	document gone d1 "" "$port" | rcn-route >/dev/null
	rcn-proxy down
	run -69 rcn-route --check
	run -0 --separate-stderr rcn-route --withdraw --slug gone
	rcn-proxy up 3>&- 4>&-
	run -0 ask app.localhost
	[ "${lines[*]}" = "one 200" ]
	run -0 ask gone.localhost
	[ "${lines[-1]}" = 404 ]
	find "$RCN_STATE_DIR/proxy" -type f -delete
	run -0 --separate-stderr rcn-route --sync
	run -0 ask app.localhost
	[ "${lines[*]}" = "one 200" ]
	mv "$RCN_STATE_DIR/routes/app.production.json" .
	run -0 rcn-route -q --sync
	run -0 ask app.localhost
	[ "${lines[-1]}" = 404 ]
	mv app.production.json "$RCN_STATE_DIR/routes"
	run -0 rcn-route --sync
	run -0 ask app.localhost
	[ "${lines[*]}" = "one 200" ]
}

@test "rcn-route: restart and --sync, HAProxy" {
	restarts haproxy
}

@test "rcn-route: restart and --sync, Traefik" {
	restarts traefik
}

# Without instances: 503 and when to come again.
unserved() {
	start_proxy "$1"
	start_app one
	document app d1 "" "$port" | rcn-route >/dev/null
	jq '.targets = []' "$RCN_STATE_DIR/routes/app.production.json" >none
	mv none "$RCN_STATE_DIR/routes/app.production.json"
	run -0 rcn-route --sync
	run -0 curl -si -H 'Host: app.localhost' "http://$RCN_HTTP/"
	[[ "$output" == *" 503 "* ]]
	[[ "${output,,}" == *"retry-after: 5"* ]]
	document app d2 "" "$port" >in
	run -0 rcn-route <in
	run -0 ask app.localhost
	[ "${lines[*]}" = "one 200" ]
}

@test "rcn-route: no instance is 503 with Retry-After, HAProxy" {
	unserved haproxy
}

@test "rcn-route: no instance is 503 with Retry-After, Traefik" {
	unserved traefik
}

# What the app is told about its client, whatever the client says.
forwarded() {
	start_proxy "$1"
	cat >echo.py <<-'END'
import http.server, sys
class H(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200); self.end_headers()
        for k in "For", "Proto", "Host":
            v = self.headers.get_all("X-Forwarded-" + k)
            self.wfile.write(f"{k}={v} ".encode())
        self.wfile.write(b"\n")
    def log_message(self, *a): pass
s = http.server.HTTPServer(("127.0.0.1", 0), H)
print(s.server_port, flush=True)
s.serve_forever()
	END
	background /usr/bin/python3 echo.py
	wait_for 5 test -s python3.out
	document app d1 "" "$(<python3.out)" | rcn-route >/dev/null
	run -0 ask app.localhost -H 'X-Forwarded-For: 9.9.9.9' \
	    -H 'X-Forwarded-Proto: gopher'
	[ "${lines[0]}" = \
	    "For=['127.0.0.1'] Proto=['http'] Host=['app.localhost'] " ]
}

@test "rcn-route: X-Forwarded headers are the proxy's own, HAProxy" {
	forwarded haproxy
}

@test "rcn-route: X-Forwarded headers are the proxy's own, Traefik" {
	forwarded traefik
}

# Certificates by files.
given() {
	proxy_settings "$1"
	mkdir tls
	openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes \
	    -subj /CN=app.example -addext subjectAltName=DNS:app.example \
	    -keyout key -out cert -days 2 2>/dev/null
	cat cert key >tls/app.pem
	RCN_TLS_DIR=$T/tls
	RCN_HTTPS=127.0.0.1:$(free_port)
	export RCN_TLS_DIR RCN_HTTPS
	rcn-proxy up 3>&- 4>&-
	start_app one
	document app d1 "" "$port" >in
	run -0 rcn-route --host app.example --host plain.example <in
	jq -e '[.route.hosts[].tls] == ["given", "none"]' <<<"$output"
	[ "$(jq -r .route.url <<<"$output")" = \
	    "https://app.example:${RCN_HTTPS#*:}" ]
	run -0 curl -s --cacert cert --connect-to "::$RCN_HTTPS" \
	    https://app.example/
	[ "$output" = one ]
}

@test "rcn-route: a certificate that was given, HAProxy" {
	given haproxy
}

@test "rcn-route: a certificate that was given, Traefik" {
	given traefik
}

# A bad route file is its own project's trouble, and the proxy's word mends it.
bad_file() {
	local bad=$RCN_STATE_DIR/routes/bad.production.json

	start_proxy "$1"
	start_app one
	document bad d1 "" "$port" | rcn-route >/dev/null
	echo '{' >"$bad"
	document app d1 "" "$port" >in
	run -0 --separate-stderr rcn-route <in
	! grep -v "$bad" <<<"$stderr" || false
	[[ "$stderr" == *"warning: $bad:2:0: "*"rcn-route --sync"* ]]
	for host in app bad; do
		run -0 ask $host.localhost
		[ "${lines[*]}" = "one 200" ]
	done
	# its host stays its own
	run -78 rcn-route --host bad.localhost <in
	# a restart goes by files that have it still
	rcn-proxy status
	grep -rqF bad.localhost "$RCN_STATE_DIR/proxy"
	# its own project is told, by rcn-route, and nothing changes
	document bad d2 d1 "$port" >bad.doc
	run -65 --separate-stderr rcn-route <bad.doc
	jq -e '.error.code == "bad-route-file"' <<<"$output"
	[[ "$stderr" == *"$bad"*"hint: rcn-route --sync"* ]]
	run -0 --separate-stderr rcn-route --sync
	[[ "$stderr" == *"route bad.production: its file is written anew"* ]]
	validate_routes
	run -0 rcn-route <bad.doc
	# withdrawn, a bad file goes
	echo '{' >"$bad"
	run -0 rcn-route --withdraw --slug bad
	[ ! -e "$bad" ]
	run -0 ask bad.localhost
	[ "${lines[-1]}" = 404 ]
	# nothing serves it: --sync names it and makes the rest
	echo '{"version":2}' >"$bad"
	run -0 --separate-stderr rcn-route --sync
	[[ "$stderr" == *"$bad: not a route file"* ]]
	run -0 ask app.localhost
	[ "${lines[*]}" = "one 200" ]
}

@test "rcn-route: a bad route file blocks no other project, HAProxy" {
	bad_file haproxy
}

@test "rcn-route: a bad route file blocks no other project, Traefik" {
	bad_file traefik
}

@test "rcn-route: Traefik: a bad file of somebody else blocks nobody" {
	start_proxy traefik
	start_app one
	echo 'x: [' >"$RCN_STATE_DIR/proxy/dynamic/bad.yaml"
	document app d1 "" "$port" >in
	run -0 --separate-stderr rcn-route <in
	[[ "$stderr" == *"bad.yaml: removed"* ]]
	run -0 ask app.localhost
	[ "${lines[*]}" = "one 200" ]
}

@test "rcn-route: Traefik: an idle connection ends, one in use stays" {
	start_proxy traefik
	start_app one
	document app d1 "" "$port" | rcn-route >/dev/null
	local old=$port
	curl -s -o slow -H 'Host: app.localhost' \
	    "http://$RCN_HTTP/slow?ms=3000" 3>&- &
	local slow=$!
	wait_for 5 connected "$old"
	start_app two
	document app d2 d1 "$port" | rcn-route >/dev/null
	sleep 1.5 # longer than an idle one may live
	[ "$(connections "$old")" = 1 ]
	wait "$slow"
	[ "$(<slow)" = one ]
	wait_for 3 unconnected "$old"
}

@test "rcn-route: HAProxy: more routes than spare backends: one reload" {
	start_proxy haproxy
	start_app one
	local i
	for i in {1..66}; do
		document "app$i" d1 "" "$port"
	done >in
	run -0 rcn-route -v <in
	[ "$(grep -c 'haproxy: reload' <<<"$output")" = 1 ]
	for i in 1 64 65 66; do
		run -0 ask "app$i.localhost"
		[ "${lines[*]}" = "one 200" ]
	done
}

@test "rcn-route: HAProxy: a setting that only a reload changes" {
	start_proxy haproxy
	start_app one
	document app d1 "" "$port" | rcn-route >/dev/null
	RCN_HTTP=127.0.0.1:$(free_port)
	export RCN_HTTP
	run -0 rcn-route -v --sync
	[[ "$output" == *"haproxy: reload"* ]]
	run -0 ask app.localhost
	[ "${lines[*]}" = "one 200" ]
}

@test "rcn-route: HAProxy: one that is not ours is left alone" {
	proxy_settings haproxy
	cat >own.cfg <<-END
		global
			stats socket $RCN_RUN_DIR/haproxy.sock mode 600 level admin
		defaults
			mode http
			timeout connect 5s
			timeout client 5s
			timeout server 5s
		frontend own
			bind $RCN_HTTP
			http-request return status 200
	END
	background "$RCN_TEST_HAPROXY" -f own.cfg
	wait_for 5 curl -s -o own "http://$RCN_HTTP/"
	run -78 rcn-route --check
	[[ "$output" == *"does not run from our files"* ]]
	document app d1 "" 1 >in
	run -78 --separate-stderr rcn-route <in
	jq -e '.error.code == "proxy-config"' <<<"$output"
	run -78 rcn-route --sync
}

@test "rcn-route: no proxy: 69, and how to start it" {
	local proxy

	for proxy in haproxy traefik; do
		proxy_settings "$proxy"
		document app d1 "" 10000 >in
		run -69 --separate-stderr rcn-route <in
		[[ "$stderr" == *"rcn-proxy up"* ]]
		validate_doc <<<"$output"
		jq -e '.error.code == "proxy-down" and .error.retryable' \
		    <<<"$output"
		[ ! -e "$RCN_STATE_DIR/routes/app.production.json" ]
	done
}

@test "rcn-route: no process with a port: nothing to route" {
	document app d1 "" >in
	run -0 --separate-stderr rcn-route <in
	validate_doc <<<"$output"
	jq -e '.route.hosts == [] and .route.targets.after == []' <<<"$output"
}

@test "rcn-route: rcn-proxy up, status, down" {
	proxy_settings haproxy
	run -1 rcn-proxy status
	run -64 rcn-proxy
	rcn-proxy up 3>&- 4>&-
	run -0 rcn-proxy status
	run -0 rcn-proxy up
	run -0 rcn-proxy down
	run -1 rcn-proxy status
	background "$B/test/load/app" --port "${RCN_HTTP#*:}"
	wait_for 5 curl -s -o other "http://$RCN_HTTP/"
	run -69 rcn-proxy up 3>&- 4>&-
	[[ "$output" == *"RCN_HTTP may be in use"* ]]
	run -1 rcn-proxy status
}

@test "rcn-route: usage" {
	run -0 rcn-route -h
	[[ "$output" == "usage: rcn-route "* ]]
	run -64 rcn-route --nonsense
	run -64 rcn-route --withdraw
	run -64 rcn-route --slug app
	run -64 rcn-route --withdraw --slug 'a/b'
	run -64 rcn-route --sync --host x
	run -64 rcn-route extra
	RCN_PROXY=apache run -78 rcn-route --check
	RCN_PROXY=traefik RCN_PROXY_URL=ftp://x run -78 rcn-route --check
	RCN_PROXY_DIR="$T/a b" run -78 rcn-route --sync
	[[ "$output" == *"RCN_PROXY_DIR"* ]]
}

@test "rcn-route: bad input" {
	run -66 --separate-stderr rcn-route </dev/null
	run -65 rcn-route <<<'[]'
	run -66 rcn-route <<<'{"rcn"'
	run -65 rcn-route < <(printf '{"a\0":1}')
	run -65 rcn-route <<<'{"rcn":{"version":1}}'
	[[ "$output" == *section-missing* ]]
	document app d1 "" 10000 >in
	run -65 --separate-stderr rcn-route --host 'a{{b}}' <in
	jq -e '.error.code == "bad-host"' <<<"$output"
	run -65 rcn-route --host "$(printf 'a.%.0s' {1..200})" <in
	jq '.service.instances[0].address = "1.2.3.4:80; shutdown"' in >bad
	run -65 rcn-route <bad
	jq '.deployment.id = "x y"' in >bad
	run -65 rcn-route <bad
}

@test "rcn-route: passes errors on, and dies as it should" {
	local failed='{"rcn":{"version":1},"error":{"stage":"rcn-build",'
	failed+='"status":75,"code":"x","message":"y","retryable":true}}'
	run -75 rcn-route <<<"$failed"
	jq -e '.error.stage == "rcn-build"' <<<"$output"
	run -74 bash -c 'rcn-route <&-'
	run -74 bash -c 'rcn-route <<<"$1" >/dev/full' - "$failed"
	run -74 bash -c 'rcn-route -h >/dev/full'
	document app d1 "" 10000 >in
	run bash -c '{ sleep 0.3; cat in; } | { rcn-route; echo $? >&2; } | :'
	[[ "$output" == *141* ]]
}
