# Completion of rcn for bash: verbs, then what each verb takes.
# shellcheck shell=bash disable=SC2207

_rcn_projects() {
	rcn-state project list --json 2>/dev/null </dev/null |
	    sed -n 's/.*"slug": *"\([a-z0-9-]*\)".*/\1/p'
}

# The environments of project $1.
_rcn_environments() {
	rcn-state environment list "$1" --json 2>/dev/null </dev/null |
	    sed -n 's/.*"name": *"\([a-z0-9-]*\)".*/\1/p'
}

# The first word after the verb that is no option: a project, mostly.
_rcn_project() {
	local i

	for ((i = 2; i < COMP_CWORD; i++)); do
		case ${COMP_WORDS[i]} in
		-*) ;;
		*)
			echo "${COMP_WORDS[i]}"
			return
			;;
		esac
	done
}

_rcn() {
	local word=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD - 1]}
	local verb=${COMP_WORDS[1]} words='' project

	COMPREPLY=()
	if [ "$COMP_CWORD" -eq 1 ]; then
		COMPREPLY=($(compgen -W "cancel create deploy deployments
		    destroy doctor domains env exec help logs plan projects ps
		    restart rm rollback run scale setup start status stop up
		    version" -- "$word"))
		return
	fi
	case $before in
	--environment)
		COMPREPLY=($(compgen -W \
		    "$(_rcn_environments "$(_rcn_project)") production" \
		    -- "$word"))
		return
		;;
	--git | --tar | --env-file | --project | --root)
		COMPREPLY=($(compgen -f -- "$word"))
		return
		;;
	esac
	project=$(_rcn_project)
	case $verb in
	deploy)
		words="--branch --commit --env-file --environment --follow --git
		    --host --image --json --project --quiet --rebuild --resume
		    --slug --tar --url --verbose"
		;;
	logs) words="--environment --follow --process --since --tail" ;;
	run) words="--environment" ;;
	exec) words="--environment --index --process" ;;
	create) words="--branch --git --host --repository" ;;
	doctor) words="--json" ;;
	env) [ -z "$project" ] || words="diff export import list set unset" ;;
	domains) [ -z "$project" ] || words="add list rm" ;;
	up) words="--jobs --listen" ;;
	setup) words="--domain --yes" ;;
	*) words="--environment" ;;
	esac
	case $word in
	-*)
		COMPREPLY=($(compgen -W "$words" -- "$word"))
		return
		;;
	esac
	case $verb:$project in
	plan:* | create:* | up:* | setup:* | doctor:* | version:*) words='' ;;
	help:*) words='deploy doctor logs run' ;;
	*:) words=$(_rcn_projects) ;;
	env:* | domains:*) ;;
	*) words='' ;;
	esac
	COMPREPLY=($(compgen -W "$words" -- "$word"))
	case $verb in
	plan | deploy) COMPREPLY+=($(compgen -d -- "$word")) ;;
	esac
}

complete -F _rcn rcn
