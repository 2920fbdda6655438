/* bun - package.json whose program Bun runs.  What only is installed by Bun is
 * Node's: nodejs.c, which has all that both share. */
#include "detect/scan.h"

static int
bun_plan(struct scan *app, struct err *err)
{
	return node_family(app, true, err);
}

const struct runtime runtime_bun = { "bun", "bun.lock", bun_plan };
