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
		-* | add | diff | export | import | list | rm | set | unset | \
		    versions) ;;
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
		    restart resume rm rollback run scale setup start status stop up
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
		words="--branch --commit --env-file --environment --git --host
		    --image --json --no-follow --project --quiet --rebuild --resume
		    --slug --tar --url --verbose"
		;;
	logs) words="--environment --follow --process --since --tail" ;;
	run) words="--environment" ;;
	exec) words="--environment --index --process" ;;
	create) words="--branch --git --host --repository" ;;
	doctor) words="--json" ;;
	destroy) words="--yes" ;;
	env)
		words="--environment --file --no-deploy --not-secret --phase
		    --scope"
		;;
	up) words="--jobs --listen" ;;
	setup) words="--domain --hook-host --plain" ;;
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
	help:*) words='build deploy doctor log run state worker' ;;
	*:)
		words=$(_rcn_projects)
		[ "$COMP_CWORD" -eq 2 ] || verb=''
		case $verb in
		env) words+=" diff export import list set unset versions" ;;
		domains) words+=" add list rm" ;;
		esac
		;;
	*) words='' ;;
	esac
	COMPREPLY=($(compgen -W "$words" -- "$word"))
	case $verb in
	plan | deploy) COMPREPLY+=($(compgen -d -- "$word")) ;;
	esac
}

complete -F _rcn rcn
