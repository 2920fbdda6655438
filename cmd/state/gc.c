/* rcn-state gc: the rows of what rcn-gc takes away. */
#include "cmd/state/verbs.h"
#include "state/prune.h"

static int
gc(const struct verb *v, int argc, char **argv, struct err *err)
{
	auto_state struct state *st = NULL;
	struct prune p = { 0 };
	const struct flag flags[] = {
		{ "dry-run", FLAG_SET, &p.dry },
		{ 0 },
	};
	int status = verb_args(v, argc, argv, flags, NULL, 0, 0);

	if (status != CLI_GO)
		return status;
	if (prune_settings(&p, err) < 0 ||
	    verb_open(&st, p.dry ? DB_READ : 0, err) < 0)
		return -1;
	return verb_show(v, state_prune(st, &p, err));
}

const struct verb verbs_gc[] = {
	{ "gc", "[--dry-run]", "kind rows bytes action why", gc },
	{ 0 },
};
