# The switch itself, by rcn-route's own clock: told, and read back.
# shellcheck shell=bash disable=SC2154

start_app one
switch_one=$port
start_app two
switch_two=$port

for proxy in haproxy traefik; do
	start_proxy "$proxy"
	was=
	for i in $(seq 21); do
		now=00000000-0000-7000-8000-0000000000$((i + 10))
		[ $((i % 2)) -eq 0 ] && at=$switch_one || at=$switch_two
		document "$slug-switch" "$now" "$was" "$at" |
		    rcn-route --host "$slug-switch.localhost" | jq .route.switch_us \
		    >>"$W/us" || exit 1
		was=$now
	done
	jq '. / 1000' "$W/us" | sed 1d >"$W/ours"
	row ms "the switch, $proxy" "$W/ours" "" 50
	rm "$W/us"
	rcn-route --withdraw --slug "$slug-switch" >/dev/null
	stop_proxy
	unset RCN_PROXY_URL
done
