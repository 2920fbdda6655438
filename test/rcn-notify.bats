# rcn-notify: what GitHub is told, and what its answers mean.
# shellcheck disable=SC2154
load lib

setup() {
	rcn_setup
	mkdir hub
	token=ghp_0123456789abcdef
	echo $token >hub/token
	echo $token >token
	sha=0123456789abcdef0123456789abcdef01234567
}

# hub: our GitHub, listening; the rest of the test talks to it.
hub() {
	local port

	port=$(free_port)
	background "$ROOT/test/servers/github.py" "$port" hub
	wait_for 10 curl -s -o /dev/null "http://127.0.0.1:$port/"
	rm -f hub/requests
	export RCN_GITHUB_API=http://127.0.0.1:$port/
}

# document JQ: one of a push, changed by it.
document() {
	jq -nc --arg sha "$sha" '{rcn: {version: 1}, project: {slug: "hello",
	    repository: "git@github.com:Octo/Hello.git"}, deployment: {id: "d",
	    number: 3, environment: "production", trigger: "push", attempt: 1,
	    commit: $sha}} | '"${1:-.}"
}

live='.route = {url: "https://hello.example", hosts: []}'

sent() {
	jq -c "$@" hub/requests
}

@test "rcn-notify: pending, success with its URL, failure with the reason" {
	hub
	document | rcn-notify --token-file token >out
	document "$live" | rcn-notify --token-file token >>out
	document '.error = {stage: "rcn-build", status: 65, code: "build-failed",
	    message: "step 4: exit 1", retryable: false}' |
		rcn-notify --token-file token >>out
	[ "$(sent -r '"\(.method) \(.path) \(.body.state) \(.body.context)"' |
		uniq -c | tr -s ' ')" = \
	" 1 POST /repos/octo/hello/statuses/$sha pending rcn/hello/production
 1 POST /repos/octo/hello/statuses/$sha success rcn/hello/production
 1 POST /repos/octo/hello/statuses/$sha failure rcn/hello/production" ]
	[ "$(sent -r '.body.target_url // "-"' | tr '\n' ' ')" = \
		"- https://hello.example - " ]
	[ "$(sent -r '.body.description' | tail -n 1)" = "step 4: exit 1" ]
	[ "$(jq -r .state out | tr '\n' ' ')" = "pending success failure " ]
}

@test "rcn-notify: what was called off is no failure of the commit's" {
	hub
	for code in cancelled superseded unwatched; do
		document ".error = {stage: \"x\", status: 75, code: \"$code\",
		    message: \"m\", retryable: false}" |
			rcn-notify --token-file token
	done
	[ "$(sent -r .body.state | sort -u)" = error ]
	document "$live" | rcn-notify --token-file token --state pending
	[ "$(sent -r .body.state | tail -n 1)" = pending ]
}

@test "rcn-notify: a description is cut at 140 characters, not bytes" {
	hub
	long=$(printf 'ä%.0s' {1..200})
	document ".error = {stage: \"x\", status: 65, code: \"c\",
	    message: \"$long\", retryable: false}" |
		rcn-notify --token-file token
	[ "$(sent -r '.body.description | length')" -eq 140 ]
	[[ $(sent -r .body.description) == *ä… ]]
	short=$(printf 'ä%.0s' {1..140})
	document ".error = {stage: \"x\", status: 65, code: \"c\",
	    message: \"$short\", retryable: false}" |
		rcn-notify --token-file token
	[ "$(sent -r .body.description | tail -n 1)" = "$short" ]
}

@test "rcn-notify: a preview's comment is made once, then kept up to date" {
	jq -n '[range(150) | {id: ., body: "talk \(.)"}]' >hub/comments.json
	hub
	preview='.deployment.environment = "pr-7" | .deployment.pull_request = 7'
	document "$preview" | rcn-notify --token-file token
	document "$preview | $live" | rcn-notify --token-file token
	[ "$(sent -r 'select(.path | test("issues")) | .method' |
		tr '\n' ' ')" = "GET GET POST GET GET PATCH " ]
	body=$(sent -r 'select(.method == "PATCH") | .body.body')
	[[ $body == *"live at https://hello.example"* ]]
	[[ $body == "<!-- rcn hello pr-7 -->"* ]]
	document "$preview" | sed 's/hello"/other"/' |
		rcn-notify --token-file token
	[ "$(sent -r .method | tail -n 1)" = POST ]
}

@test "rcn-notify: the token comes from RCN_SECRETS too, and is never said" {
	hub
	mkdir secrets
	cp token secrets/github-token
	document | RCN_SECRETS=$T/secrets rcn-notify
	[ "$(sent -r .body.state)" = pending ]
	echo "{\"status\":422,\"body\":{\"message\":\"$token is bad\"}}" >hub/answer
	document >doc
	run -65 --separate-stderr rcn-notify -d doc --token-file token
	[[ $stderr == *"***"* && $stderr != *"$token"* ]]
}

@test "rcn-notify: each answer has its status, and is worth another try or not" {
	hub
	document >doc
	try() {
		echo "$2" >hub/answer
		run "-$1" --separate-stderr rcn-notify -d doc --token-file token
		[ -z "$output" ]
	}
	try 77 '{"status": 401, "body": {"message": "Bad credentials"}}'
	[[ $stderr == *"write access to octo/hello"* ]]
	try 77 '{"status": 403, "headers": {"X-RateLimit-Remaining": "5"}}'
	try 75 '{"status": 403, "headers": {"X-RateLimit-Remaining": "0"}}'
	try 75 '{"status": 403, "headers": {"Retry-After": "60"}}'
	try 75 '{"status": 429}'
	try 66 '{"status": 404}'
	try 65 '{"status": 422, "body": {"message": "Validation Failed"}}'
	[[ $stderr == *"Validation Failed"* ]]
	try 69 '{"status": 502}'
	RCN_GITHUB_API=http://127.0.0.1:1 run -69 rcn-notify -d doc \
		--token-file token
}

@test "rcn-notify: nobody to tell, nothing to tell of, no token" {
	document 'del(.deployment.commit)' >doc
	run -65 rcn-notify -d doc --token-file token
	document '.project.repository = "/srv/git/hello"' >doc
	run -65 rcn-notify -d doc --token-file token
	document '.project.repository = "https://github.com/a/b/../c"' >doc
	run -65 rcn-notify -d doc --token-file token
	document >doc
	run -78 rcn-notify -d doc
	[[ $output == *--token-file* ]]
	run -66 rcn-notify -d doc --token-file nowhere
	: >empty
	run -65 rcn-notify -d doc --token-file empty
	printf 'a\nb' >two
	run -65 rcn-notify -d doc --token-file two
	run -66 rcn-notify </dev/null
	run -64 rcn-notify --state finished
	run -64 rcn-notify more
}
