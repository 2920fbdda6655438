/*
 * oneoff - a command for once: in a container of its own beside an app's
 * instances, or in one of these.  Standard streams are joined (attach.h), and
 * *status is how the command ended: its own status, 128 + signal; 126 and
 * 127 where it could not be begun, as a shell has it.
 *
 * A container of its own is removed by the engine when it ends, whatever
 * becomes of this program; its label is rcn.run, and no deployment takes it
 * for an instance.  The engine keeps no log of it.
 *
 * Errors: those of container.h and attach.h; EX_NOINPUT "app-missing".
 */
#ifndef DEPLOY_ONEOFF_H
#define DEPLOY_ONEOFF_H

#include <jansson.h>
#include "base/buf.h"
#include "engine/engine.h"

struct oneoff {
	struct engine *e;
	const char *slug, *environment;
	const struct strvec *argv;
	bool tty;
};

/*
 * What the engine is asked to create, made of a description of an instance
 * (spec_make(), or oneoff_like()) that is borrowed; networks: names of more
 * of them, or NULL.
 */
int oneoff_run(const struct oneoff *, const json_t *spec,
    const json_t *networks, int *status, struct err *);
int oneoff_exec(const struct oneoff *, const char *container, int *status,
    struct err *);

/* The id of a running instance; process NULL: web, or else any; index < 0:
 * any.  NULL and "app-missing" where none runs; an owned string. */
char *oneoff_instance(const struct oneoff *, const char *process, int index,
    struct err *);
/* The description of an instance that is there: image, variables, limits,
 * mounts; *networks becomes a new array. */
json_t *oneoff_like(struct engine *, const char *container, json_t **networks,
    struct err *);

#endif
