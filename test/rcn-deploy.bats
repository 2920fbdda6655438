# rcn-deploy on the real engine: start, gate, keep, diagnose, undo.
# shellcheck disable=SC2154

load lib
load deploy

# fails STATUS CODE: the last run; the document says the same, and no
# container is left but those in $left.
fails() {
	[ "$status" -eq "$1" ]
	[ "$(error_of "$output")" = "$1 $2" ]
	validate_doc <<<"$output"
	[ "$(jq 'has("service")' <<<"$output")" = false ]
	[ "$(ours)" = "${left:-}" ]
}

@test "rcn-deploy: an image as the first program" {
	run -0 --separate-stderr image app
	[ -z "$stderr" ]
	validate_doc <<<"$output"
	jq -e --arg slug "$slug" '
	    .project.slug == $slug and .deployment.trigger == "image" and
	    .service.serving == "" and .service.strategy == "rolling" and
	    (.service.instances | length) == 1 and
	    (.service.instances[0] | .process == "web" and .port == 10000 and
	        (.kept | not) and .health.status == 200) and
	    (.timings | length) == 1' <<<"$output"
	address=$(jq -r '.service.instances[0].address' <<<"$output")
	[ "$(curl -sS "http://$address:10000/")" = app ]
}

@test "rcn-deploy: the container is as promised" {
	project '{"limits": {"memory": 67108864, "pids": 77,
	    "cpus_milli": 500}, "stop_timeout": 7,
	    "processes": {"web": {"command": ["/app", "--body", "own"]}}}'
	run -0 --separate-stderr image app
	id=$(jq -r '.service.instances[0].id' <<<"$output")
	address=$(jq -r '.service.instances[0].address' <<<"$output")
	docker inspect "$id" >c.json
	jq -e --arg net "$RCN_NETWORK" --arg ip "$address" '.[0] |
	    .HostConfig.Init == true and
	    .HostConfig.SecurityOpt == ["no-new-privileges"] and
	    .HostConfig.Memory == 67108864 and .HostConfig.PidsLimit == 77 and
	    .HostConfig.NanoCpus == 500000000 and
	    .HostConfig.LogConfig == {"Type": "json-file",
	        "Config": {"max-file": "3", "max-size": "10m"}} and
	    .HostConfig.RestartPolicy.Name == "unless-stopped" and
	    .HostConfig.ExtraHosts == ["host.docker.internal:host-gateway"] and
	    .Config.StopTimeout == 7 and
	    .Config.Cmd == ["/app", "--body", "own"] and
	    (.Config.Env | index("PORT=10000")) != null and
	    .NetworkSettings.Networks[$net].IPAMConfig.IPv4Address == $ip and
	    (.HostConfig.PortBindings // {}) == {}' c.json
	# the upper half of the subnet is ours
	[ "${address##*.}" -ge 128 ]
	jq -e --argjson doc "$output" --arg ip "$address" '
	    .[0].Config.Labels |
	    .["rcn.project"] == $doc.project.slug and
	    .["rcn.environment"] == "production" and
	    .["rcn.process"] == "web" and .["rcn.index"] == "0" and
	    .["rcn.deployment"] == $doc.deployment.id and
	    .["rcn.attempt"] == "1" and .["rcn.port"] == "10000" and
	    .["rcn.spec"] == $doc.service.instances[0].spec and
	    .["rcn.address"] == $ip and
	    (.["rcn.installation"] | length) == 16' c.json
}

@test "rcn-deploy: an instance with an equal spec is kept, more are added" {
	run -0 --separate-stderr image app
	id=$(jq -r '.service.instances[0].id' <<<"$output")
	started=$(docker inspect -f '{{.State.StartedAt}}' "$id")
	project '{"processes": {"web": {"scale": 3}}}'
	run -0 --separate-stderr image app
	validate_doc <<<"$output"
	[ "$(jq -c '[.service.instances[].kept]' <<<"$output")" = \
	    '[true,false,false]' ]
	[ "$(jq -r '.service.instances[0].id' <<<"$output")" = "$id" ]
	[ "$(docker inspect -f '{{.State.StartedAt}}' "$id")" = "$started" ]
	[ "$(jq '[.service.instances[].address] | unique | length' \
	    <<<"$output")" = 3 ]
	[ "$(ours | wc -l)" = 3 ]
}

@test "rcn-deploy: what would behave otherwise is not kept" {
	run -0 --separate-stderr image app
	for more in '{"limits": {"memory": 99999744}}' \
	    '{"processes": {"web": {"command": ["/app", "--body", "b"]}}}' \
	    '{"stop_timeout": 3}' \
	    '{"mounts": [{"source": "rcnt-'"$slug"'", "target": "/data"}]}'; do
		project "$more"
		run -0 --separate-stderr image app
		[ "$(jq -c '[.service.instances[].kept]' <<<"$output")" = \
		    '[false]' ]
	done
	project '{}'
	echo A=1 >./env
	run -0 --separate-stderr image app --env-file env
	[ "$(jq '.service.instances[0].kept' <<<"$output")" = false ]
	run -0 --separate-stderr image app --env-file env
	[ "$(jq '.service.instances[0].kept' <<<"$output")" = true ]
	# a restart is a deployment that keeps nothing
	jq 'del(.service) | .deployment.trigger = "restart" |
	    .deployment.id = "01a20000-0000-7000-8000-000000000001"' \
	    <<<"$output" >restart.json
	run -0 --separate-stderr rcn-deploy -d restart.json --env-file env
	[ "$(jq '.service.instances[0].kept' <<<"$output")" = false ]
	ours | xargs -r docker rm -fv >/dev/null
	docker volume rm "rcnt-$slug" >/dev/null
}

@test "rcn-deploy: an unhealthy instance is not kept" {
	echo 'FILE=/x' >./env
	run -0 --separate-stderr image app
	id=$(jq -r '.service.instances[0].id' <<<"$output")
	docker pause "$id" >/dev/null
	run -0 --separate-stderr image app
	[ "$(jq '.service.instances[0].kept' <<<"$output")" = false ]
	docker unpause "$id" >/dev/null
}

@test "rcn-deploy: a section that still holds is passed on unchanged" {
	image app >first.json
	run -0 --separate-stderr rcn-deploy -d first.json
	[ "$(jq -S . <<<"$output")" = "$(jq -S . first.json)" ]
	ours | xargs -r docker rm -f >/dev/null
	run -0 --separate-stderr rcn-deploy -d first.json
	[ "$(jq '.timings | length' <<<"$output")" = 2 ]
	[ "$(ours | wc -l)" = 1 ]
}

@test "rcn-deploy: one network for all, addresses that rest" {
	local first net next

	run -0 --separate-stderr image app
	first=$(jq -r '.service.instances[0].address' <<<"$output")
	net=${first%.*}
	ours | xargs -r docker rm -f >/dev/null
	# the next is named by a stopped container, the one after by a route
	next=$((${first##*.} + 1))
	docker create --network "$RCN_NETWORK" --ip "$net.$next" \
	    --label "rcn.project=$slug" rcn-test/app:1 >/dev/null
	jq -n --arg slug "$slug" --arg a "$net.$((next + 1)):80" '{version: 1,
	    project: $slug, environment: "other", deployment: "d",
	    hosts: ["\($slug).example"], targets: [$a],
	    updated_at: "2026-11-24T00:00:00.000Z"}' \
	    >"$RCN_STATE_DIR/routes/$slug.other.json"
	run --separate-stderr image app
	rm "$RCN_STATE_DIR/routes/$slug.other.json"
	[ "$status" -eq 0 ]
	[ "$(jq -r '.service.instances[0].address' <<<"$output")" = \
	    "$net.$((next + 2))" ]
	[ "$(docker network inspect -f '{{(index .IPAM.Config 0).IPRange}}' \
	    "$RCN_NETWORK")" = "$net.0/25" ]
}

@test "rcn-deploy: a bad route file stops its own project only" {
	local bad=$RCN_STATE_DIR/routes/other-$slug.production.json taken

	live app
	taken=$(jq -r '.service.instances[0].address' live.json)
	taken=${taken%.*}.$((${taken##*.} + 1))
	echo "{\"targets\": [\"$taken:80\"" >"$bad"
	run -0 --separate-stderr image slow
	[[ "$stderr" == *"warning: $bad:"*"rcn-route --sync"* ]]
	[ "$(jq -r '.service.instances[0].address' <<<"$output")" != "$taken" ]
	mv "$bad" "$RCN_STATE_DIR/routes/$key.json"
	old=$(ours)
	run -65 --separate-stderr image drain
	[ "$(error_of "$output")" = "65 bad-route-file" ]
	[[ "$stderr" == *"routes/$key.json:"*"hint: rcn-route --sync"* ]]
	[ "$(ours)" = "$old" ]
	run -0 rcn-route --sync
	run -0 image drain
}

@test "rcn-deploy: a subnet that somebody has is refused with his name" {
	RCN_NETWORK=rcnt-new-$slug
	RCN_SUBNET=$(test_network "rcnt-other-$slug")
	run --separate-stderr image app
	fails 78 subnet-taken
	[[ $stderr == *"rcnt-other-$slug"* ]]
	[[ $stderr == *"hint: set RCN_SUBNET"* ]]
	RCN_SUBNET=127.0.0.1/33
	run --separate-stderr image app
	fails 78 bad-setting
	# a network without a range for us
	RCN_NETWORK=rcnt-other-$slug
	run --separate-stderr image app
	fails 78 network-unfit
}

@test "rcn-deploy: variables reach the container and no other place" {
	printf '{"PLAIN": {"value": "plain-value", "secret": false},
	    "TOKEN": {"value": "canary-%s", "secret": true}}' "$slug" >env.json
	run -0 --separate-stderr image app --env-file env.json
	address=$(jq -r '.service.instances[0].address' <<<"$output")
	[ "$(curl -sS "http://$address:10000/env?TOKEN")" = "canary-$slug" ]
	[ "$(curl -sS "http://$address:10000/env?PLAIN")" = plain-value ]
	[[ $output$stderr != *canary-* ]]
	[[ $(jq -r .service.env_version <<<"$output") =~ ^[0-9a-f]{16}$ ]]
	rm env.json
	! grep -r "canary-" "$T" "$RCN_STATE_DIR" "$RCN_RUN_DIR" || false
	[ "$(stat -c %a "$RCN_STATE_DIR/env.key")" = 600 ]
}

@test "rcn-deploy: dotenv, a pipe, a folder of secrets" {
	run -0 --separate-stderr image app --env-file <(echo 'A="x y"')
	address=$(jq -r '.service.instances[0].address' <<<"$output")
	version=$(jq -r .service.env_version <<<"$output")
	[ "$(curl -sS "http://$address:10000/env?A")" = "x y" ]
	mkdir secrets
	echo '{"A": {"value": "x y", "secret": true}}' >secrets/env.json
	RCN_SECRETS=$PWD/secrets run -0 --separate-stderr image app
	[ "$(jq -r .service.env_version <<<"$output")" = "$version" ]
	[ "$(jq '.service.instances[0].kept' <<<"$output")" = true ]
	echo 'PORT=12345' >./env
	run -0 --separate-stderr image app --env-file env
	[ "$(jq '.service.instances[0].port' <<<"$output")" = 12345 ]
}

@test "rcn-deploy: a file of variables that is none" {
	echo 'not a line' >./env
	run --separate-stderr image app --env-file env
	fails 65 bad-env-file
	run --separate-stderr image app --env-file missing
	fails 66 file-missing
	echo 'PORT=12x' >./env
	run --separate-stderr image app --env-file env
	fails 65 bad-env-file
	[[ $stderr == *"variable PORT: not a whole number"* ]]
	# asked again for each document, never half done
	[ -z "$(ours)" ]
}

@test "rcn-deploy: an app's log is masked on its way to stderr" {
	echo 'TOKEN=canary-in-log' >./env
	project '{"processes": {"web": {"command":
	    ["/app", "--print", "token is canary-in-log", "--exit", "1"]}}}'
	run --separate-stderr image app --env-file env
	fails 65 app-exited
	[[ $stderr == *"token is ***"* ]]
	[[ $stderr$(jq .error <<<"$output") != *canary* ]]
}

@test "rcn-deploy: a health path wants 2xx or 3xx, or what is expected" {
	project '{"health": {"path": "/status?204", "timeout": 1}}'
	run -0 --separate-stderr image app
	[ "$(jq '.service.instances[0].health.status' <<<"$output")" = 204 ]
	left=$(ours)
	project '{"health": {"path": "/status?404", "timeout": 1}, "drain": 1}'
	run --separate-stderr image drain
	fails 65 app-unhealthy
	[[ $stderr == *"GET /status?404"*"answered 404"* ]]
	project '{"health": {"path": "/status?404", "timeout": 1,
	    "expect": [401, 404]}}'
	run -0 --separate-stderr image drain
	[ "$(jq '.service.instances[0].health.status' <<<"$output")" = 404 ]
}

@test "rcn-deploy: the gate asks as the proxy will: a host, over https" {
	project '{"hosts": ["first.example", "second.example"], "processes":
	    {"web": {"command": ["/app", "--want", "Host: first.example",
	        "--want", "X-Forwarded-Proto: https"]}}}'
	run -0 --separate-stderr image app
	jq -e '.service.instances[0].health.status == 200' <<<"$output"
}

@test "rcn-deploy: hosts are judged before anything begins" {
	local other=$RCN_STATE_DIR/routes/other-$slug.production.json

	jq -n --arg slug "other-$slug" '{version: 1, project: $slug,
	    environment: "production", deployment: "d",
	    hosts: ["taken.example"], targets: [],
	    updated_at: "2026-11-24T00:00:00.000Z"}' >"$other"
	project '{"hosts": ["free.example", "Taken.example."], "release":
	    [["/app", "--print", "began", "--exit", "0"]]}'
	run --separate-stderr image app
	fails 78 host-taken
	[[ $stderr != *began* ]]
	[[ $stderr == *"host taken.example: belongs to other-$slug.production"* ]]
	run --separate-stderr image app --host taken.example
	fails 78 host-taken
	run --separate-stderr image app --host 'a{{b}}'
	fails 65 bad-host
	[[ $stderr != *began* ]]
	# --host is in place of those of the project, for the gate too
	project '{"hosts": ["taken.example"], "processes": {"web":
	    {"command": ["/app", "--want", "Host: own.example"]}}}'
	run -0 --separate-stderr image app --host Own.example --host b.example
	jq -e '.service.instances[0].health.status == 200' <<<"$output"
	ours | xargs -r docker rm -f >/dev/null
	# one that serves nothing has no hosts
	jq 'del(.service) | .project.processes = {web: {scale: 0}}' \
	    <<<"$output" >doc.json
	run --separate-stderr rcn-deploy -d doc.json
	rm "$other"
	[ "$status" -eq 0 ]
	# outside of production there is a name of its own
	project '{"processes": {"web": {"command": ["/app", "--want",
	    "Host: staging.'"$slug"'.localhost"]}}}'
	run -0 --separate-stderr image app --environment staging
}

@test "rcn-deploy: with no path any answer below 500 will do" {
	project '{"processes": {"web": {"command":
	    ["/app", "--status", "404"]}}}'
	run -0 --separate-stderr image app
	[ "$(jq '.service.instances[0].health.status' <<<"$output")" = 404 ]
}

@test "rcn-deploy: an app that is slow to listen is waited for" {
	project '{"processes": {"web": {"command": ["/app", "--wait", "1500"]}}}'
	run -0 --separate-stderr image app
	jq -e '.service.instances[0].health | .milliseconds >= 1400 and
	    .milliseconds < 4000 and .tries > 3' <<<"$output"
}

@test "rcn-deploy: an app that exits at once says so at once" {
	SECONDS=0
	run --separate-stderr image crash
	fails 65 app-exited
	[ "$SECONDS" -lt 10 ]
	[[ $stderr == *"| boom"* ]]
	[[ $stderr == *"exited with status 3"* ]]
}

@test "rcn-deploy: a command that is not in the image" {
	project '{"processes": {"web": {"command": ["/no/such/program"]}}}'
	run --separate-stderr image app
	[ "$status" -eq 65 ]
	left=
	fails 65 app-exited || fails 65 not-startable
	[[ $stderr == *"/no/such/program"* || $stderr == *"not in the image"* ]]
}

@test "rcn-deploy: an app that never listens" {
	project '{"health": {"timeout": 1}}'
	run --separate-stderr image silent
	fails 65 app-not-listening
	[[ $stderr == *"listens on nothing"*"PORT is 10000"* ]]
}

@test "rcn-deploy: an app that listens on 127.0.0.1 only" {
	project '{"health": {"timeout": 1}}'
	run --separate-stderr image loopback
	fails 65 listens-on-loopback
	[[ $stderr == *"listens on 127.0.0.1:3000 only"* ]]
	[[ $stderr == *"hint: have it listen on 0.0.0.0"* ]]
	# on the right port it cannot become better: no need to wait
	project '{"health": {"timeout": 60}, "processes": {"web": {"command":
	    ["/app", "--loopback"]}}}'
	SECONDS=0
	run --separate-stderr image app
	fails 65 listens-on-loopback
	[ "$SECONDS" -lt 20 ]
}

@test "rcn-deploy: an app on another port is found there, which is said" {
	run -0 --separate-stderr image port3000
	validate_doc <<<"$output"
	[ "$(jq '.service.instances[0].port' <<<"$output")" = 3000 ]
	[[ $stderr == *"listens on 3000, PORT is 10000"* ]]
	[[ $(jq -r '.service.warnings[0]' <<<"$output") == *"goes to 3000" ]]
	# kept without waiting for it to be found again
	SECONDS=0
	run -0 --separate-stderr image port3000
	jq -e '.service.instances[0] | .kept and .port == 3000' <<<"$output"
	[ "$SECONDS" -lt 3 ]
	# a port that the project names is where it is asked
	project '{"processes": {"web": {"port": 3000}}}'
	run -0 --separate-stderr image port3000
	jq -e '.service | .instances[0].port == 3000 and
	    (has("warnings") | not)' <<<"$output"
}

@test "rcn-deploy: an app that answers 500" {
	project '{"health": {"timeout": 1}}'
	run --separate-stderr image status500
	fails 65 app-unhealthy
	[[ $stderr == *"answered 500"* ]]
}

@test "rcn-deploy: an app that needs more memory than it may have" {
	project '{"limits": {"memory": 16777216}}'
	run --separate-stderr image hungry
	fails 65 app-out-of-memory
	[[ $stderr == *"16 MiB"*"project.limits.memory"* ]]
}

@test "rcn-deploy: a failed deploy leaves the old as it was" {
	run -0 --separate-stderr image app
	left=$(ours)
	id=$(jq -r '.service.instances[0].id' <<<"$output")
	project '{"health": {"timeout": 1}, "processes": {"web": {"scale": 2}}}'
	for bad in crash silent status500; do
		run --separate-stderr image "$bad"
		[ "$status" -eq 65 ]
		[ "$(ours)" = "$left" ]
	done
	[ "$(docker inspect -f '{{.State.Running}} {{.RestartCount}}' "$id")" = \
	    "true 0" ]
}

@test "rcn-deploy: release commands run once, in order, before the rest" {
	project '{"release": [["/app", "--print", "one", "--exit", "0"],
	    ["/app", "--print", "two", "--exit", "0"]]}'
	run -0 --separate-stderr image app
	validate_doc <<<"$output"
	jq -e '.service.release | .status == 0 and .commands == 2' <<<"$output"
	[[ $stderr == *"| one"*"| two"* ]]
	[ "$(ours | grep -c release)" = 0 ]
	# a second run of the same deployment has nothing to release
	jq 'del(.service)' <<<"$output" >again.json
	run -0 --separate-stderr rcn-deploy -d again.json
	[[ $stderr != *"| one"* ]]
	[ "$(jq '.service | has("release")' <<<"$output")" = false ]
	# nor has a rerun of old code
	for trigger in rollback env scale restart start; do
		jq --arg t "$trigger" '.deployment.trigger = $t |
		    .deployment.id = "01a20000-0000-7000-8000-00000000000" +
		        ($t | length | tostring)' again.json >t.json
		run -0 --separate-stderr rcn-deploy -d t.json
		[[ $stderr != *"| one"* ]]
	done
}

@test "rcn-deploy: a release command that fails, or does not end" {
	run -0 --separate-stderr image app
	left=$(ours)
	project '{"release": [["/app", "--print", "bad", "--exit", "9"]]}'
	run --separate-stderr image drain
	fails 65 release-failed
	[[ $stderr == *"| bad"*"exited with status 9"* ]]
	project '{"release": [["/app", "--silent"]],
	    "limits": {"release_timeout": 1}}'
	run --separate-stderr image drain
	fails 65 release-timeout
}

@test "rcn-deploy: workers start after web, cron is left with a warning" {
	project '{"processes": {"web": {}, "queue": {"command":
	    ["/app", "--silent"]}, "nightly": {"kind": "cron",
	    "schedule": "0 3 * * *", "command": ["/app"]}}}'
	run -0 --separate-stderr image app
	validate_doc <<<"$output"
	[[ $stderr == *"nightly"*"cron"* ]]
	jq -e '[.service.instances[] | [.process, .port]] ==
	    [["web", 10000], ["queue", 0]]' <<<"$output"
	[ "$(jq '.service.instances[1].health.milliseconds >= 10000' \
	    <<<"$output")" = true ]
	left=$(ours)
	project '{"processes": {"queue": {"command":
	    ["/app", "--print", "no queue", "--exit", "2"]}}}'
	run --separate-stderr image drain
	fails 65 app-exited
	[[ $stderr == *"| no queue"* ]]
}

@test "rcn-deploy: SIGTERM takes back what was begun" {
	run -0 --separate-stderr image app
	left=$(ours)
	rcn-deploy --image rcn-test/silent:1 --project project.json \
	    >out 2>err &
	pid=$!
	wait_for 10 sh -c "docker ps -q --filter label=rcn.project=$slug \
	    --filter ancestor=rcn-test/silent:1 | grep -q ."
	kill -TERM "$pid"
	status=0
	wait "$pid" || status=$?
	[ "$status" -eq 75 ]
	[ "$(error_of "$(cat out)")" = "75 cancelled" ]
	[ "$(jq .error.retryable out)" = false ]
	[ "$(ours)" = "$left" ]
}

@test "rcn-deploy: killed at any time, a second run converges" {
	live app
	old=$(ours)
	project '{"release": [["/app", "--exit", "0", "--exit-after", "200"]]}'
	image drain >saved.json
	jq 'del(.service)' saved.json >doc.json
	rcn-retire --slug "$slug" >/dev/null
	for after in 0.02 0.1 0.2 0.35 0.5 0.7 0.9; do
		rcn-deploy -d doc.json >/dev/null 2>&1 &
		pid=$!
		sleep "$after"
		kill -KILL "$pid" 2>/dev/null || true
		wait "$pid" 2>/dev/null || true
		[ "$(fetch)" = app ]
	done
	run -0 --separate-stderr rcn-deploy -d doc.json
	validate_doc <<<"$output"
	[ "$(ours | wc -l)" = 2 ]
	rcn-deploy -d doc.json >/dev/null 2>&1 &
	pid=$!
	sleep 0.1
	kill -KILL "$pid" 2>/dev/null || true
	wait "$pid" 2>/dev/null || true
	rcn-retire --slug "$slug" >/dev/null
	[ "$(ours)" = "$old" ]
	[ "$(fetch)" = app ]
}

@test "rcn-deploy: one at a time, or with the lock of the pipeline" {
	mkdir -p "$RCN_RUN_DIR/lock"
	exec 9>"$RCN_RUN_DIR/lock/$key"
	flock 9
	RCN_LOCK_FD=9 run -0 --separate-stderr image app
	image drain >out 2>err 9>&- &
	pid=$!
	sleep 0.5
	[ "$(ours | wc -l)" = 1 ]
	exec 9>&-
	wait "$pid"
	[ "$(ours | wc -l)" = 2 ]
}

@test "rcn-deploy: an image that is not here is pulled, with credentials" {
	local ref host user pass

	for host in "$RCN_TEST_REGISTRY_PLAIN" "$RCN_TEST_REGISTRY_BASIC"; do
		ref=$host/$slug/app:1
		user=$RCN_TEST_REGISTRY_BASIC_USER
		pass=$RCN_TEST_REGISTRY_BASIC_PASS
		mkdir -p "secrets/registry"
		registry_login "$host" "$user" "$pass" secrets/registry
		docker tag rcn-test/app:1 "$ref"
		docker --config secrets/registry push -q "$ref"
		docker rmi "$ref" >/dev/null
		if [ "$host" = "$RCN_TEST_REGISTRY_BASIC" ]; then
			run --separate-stderr rcn-deploy --image "$ref" \
			    --slug "$slug"
			left=$(ours)
			fails 77 registry-denied
			export RCN_SECRETS=$PWD/secrets
		fi
		run --separate-stderr rcn-deploy --image "$ref" --slug "$slug"
		docker rmi -f "$ref" >/dev/null
		[ "$status" -eq 0 ]
		[[ $output$stderr != *"$pass"* ]]
		[[ $stderr == *"pulling $ref"* ]]
	done
}

@test "rcn-deploy: a name of an image that is none never leaves" {
	local ref

	for ref in ../x 'a b' 'app:1?x=1' x/App 'x@sha256:12' 'x#y'; do
		DOCKER_HOST=unix://$T/none.sock run --separate-stderr \
		    rcn-deploy --image "$ref" --project "$T/project.json"
		fails 65 bad-image-name
	done
	image app | jq 'del(.service) | .push.ref = "x/../y"' >doc.json
	ours | xargs -r docker rm -f >/dev/null
	run -65 --separate-stderr rcn-deploy -d doc.json
	[ "$(error_of "$output")" = "65 bad-image-name" ]
	[[ $stderr == *"document: push.ref: image name x/../y"* ]]
}

@test "rcn-deploy: no such image, no such registry" {
	run --separate-stderr rcn-deploy --slug "$slug" \
	    --image "$RCN_TEST_REGISTRY_PLAIN/$slug/none:1"
	fails 66 image-gone
	[[ $stderr == *"$slug/none:1"* ]]
	run --separate-stderr rcn-deploy --slug "$slug" \
	    --image "127.0.0.1:1/$slug/none:1"
	fails 69 registry-down
	[ "$(jq .error.retryable <<<"$output")" = true ]
	# no more is read out of a port's digits
	run --separate-stderr rcn-deploy --slug "$slug" \
	    --image "127.0.0.1:4017/$slug/none:1"
	fails 69 registry-down
	# built here, and removed since: it is in no registry to be pulled from
	image app | jq '.image.id = "sha256:0" | .image.ref = "rcn/gone:1" |
	    del(.service)' >doc.json
	left=$(ours)
	run --separate-stderr rcn-deploy -d doc.json
	fails 66 image-gone
	[[ $stderr != *pulling* ]]
}

@test "rcn-deploy: no engine, no proxy: nothing is begun" {
	DOCKER_HOST=unix://$T/none.sock run --separate-stderr image app
	[ "$status" -eq 69 ]
	[ "$(error_of "$output")" = "69 engine-down" ]
	[ "$(jq .error.retryable <<<"$output")" = true ]
	RCN_RUN_DIR=$T/run RCN_STATE_DIR=$T/state \
	    run --separate-stderr image app
	fails 69 proxy-down
}

@test "rcn-deploy: a project or plan that is not one" {
	local p

	for p in '{"limits": {"memory": 1}}' '{"limits": {"pids": 0}}' \
	    '{"health": {"path": "x"}}' '{"health": {"path": "/a b"}}' \
	    '{"health": {"timeout": -1}}' \
	    '{"processes": {"web": {"scale": 101}}}' \
	    '{"processes": {"q": {"kind": "job"}}}' \
	    '{"processes": {"q": {"schedule": "@daily"}}}' \
	    '{"processes": {"We B": {}}}'; do
		project "$p"
		run -65 --separate-stderr image app
		[ "$(error_of "$output")" = "65 bad-project" ]
	done
	project '{"hosts": ["a\r\nX: y"]}'
	run -65 --separate-stderr image app
	[ "$(error_of "$output")" = "65 bad-host" ]
	project '{"hosts": "app.example"}'
	run -65 --separate-stderr image app
	[ "${stderr#*: hosts: not a list of strings}" != "$stderr" ]
	[ -z "$(ours)" ]
	project '{"strategy": "recreate"}'
	run --separate-stderr image app
	fails 78 strategy-unknown
	project '{}'
	image app | jq 'del(.service) | .plan = {"processes": [5]}' >doc.json
	ours | xargs -r docker rm -f >/dev/null
	run -65 --separate-stderr rcn-deploy -d doc.json
	[ "$(error_of "$output")" = "65 bad-plan" ]
	jq 'del(.plan) | .project.hosts = "app.example"' doc.json >kind.json
	run -65 --separate-stderr rcn-deploy -d kind.json
	[ "$(error_of "$output")" = "65 bad-project" ]
	[[ $stderr == *"document: project: hosts: not a list of strings"* ]]
	jq 'del(.plan, .image)' doc.json >none.json
	run --separate-stderr rcn-deploy -d none.json
	fails 65 section-missing
	jq 'del(.plan) | .deployment.id = "../../x"' doc.json >id.json
	run --separate-stderr rcn-deploy -d id.json
	fails 65 bad-document
	jq 'del(.plan) | .project.slug = "../x"' doc.json >slug.json
	run --separate-stderr rcn-deploy -d slug.json
	[ "$status" -eq 65 ]
}

@test "rcn-deploy: an error that comes in goes out, nothing is touched" {
	image app | jq 'del(.service) | .error = {stage: "rcn-build",
	    status: 65, code: "build-failed", message: "x",
	    retryable: false}' >doc.json
	ours | xargs -r docker rm -f >/dev/null
	DOCKER_HOST=unix:///none run -65 --separate-stderr rcn-deploy -d doc.json
	[ "$(jq -S . <<<"$output")" = "$(jq -S . doc.json)" ]
	[ -z "$stderr" ]
}

@test "rcn-deploy: usage" {
	run -0 --separate-stderr rcn-deploy -h
	[[ $output == usage:\ rcn-deploy* ]]
	run -0 --separate-stderr rcn-deploy -V
	[[ $output == rcn-deploy\ * ]]
	run -64 --separate-stderr rcn-deploy --none
	run -64 --separate-stderr rcn-deploy argument
	run -64 --separate-stderr rcn-deploy --slug x
	run -64 --separate-stderr rcn-deploy --image ''
	run -64 --separate-stderr rcn-deploy --image x --slug 'A b'
	[ -z "$output" ]
}

@test "rcn-deploy: input that is no document" {
	run -66 --separate-stderr rcn-deploy </dev/null
	[ -z "$output" ]
	run -66 --separate-stderr rcn-deploy <<<'{"rcn": {"version": 1}'
	[ -z "$output" ]
	run -74 --separate-stderr sh -c 'rcn-deploy <&-'
	run -65 --separate-stderr rcn-deploy <<<'[]'
	run -65 --separate-stderr rcn-deploy < <(printf '{"a": "\0"}')
	run -65 --separate-stderr rcn-deploy < <(
		printf '{"a": "'
		head -c 5000000 /dev/zero | tr '\0' x
	)
	run -66 --separate-stderr rcn-deploy -d missing
	run -65 --separate-stderr rcn-deploy <<<'{"rcn": {"version": 9}}'
}

@test "rcn-deploy: output that nobody takes" {
	image app | jq -c 'del(.service)' >doc.json
	ours | xargs -r docker rm -f >/dev/null
	run -74 --separate-stderr sh -c 'rcn-deploy -d doc.json >/dev/full'
	ours | xargs -r docker rm -f >/dev/null
	# the reader is gone before anything was begun: nothing is
	sh -c '(sleep 0.3; cat doc.json) | { rcn-deploy; echo $? >status; } |
	    exec true' || true
	wait_for 10 test -s status
	[ "$(cat status)" = 141 ]
	[ -z "$(ours)" ]
}

@test "rcn-deploy: small, and quick beside the engine's own client" {
	image app | jq 'del(.service)' >doc.json
	ours | xargs -r docker rm -f >/dev/null
	rcn-deploy -d doc.json >/dev/null &
	pid=$!
	most=0
	while anon=$(awk '/RssAnon/ {print $2}' "/proc/$pid/status" \
	    2>/dev/null) && [ -n "$anon" ]; do
		[ "$anon" -le "$most" ] || most=$anon
		sleep 0.005
	done
	wait "$pid"
	echo "RssAnon $most kB"
	[ "$most" -gt 0 ]
	# the sanitizers' own memory is not ours
	[[ $B == *address* ]] || [ "$most" -le 4096 ]
}
