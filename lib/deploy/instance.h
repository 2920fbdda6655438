/*
 * instance - one container of a process: made new, or kept.
 * Its labels say whose it is; all that is ours is found by them, so that a
 * run that was killed leaves nothing that another cannot find.  One that was
 * told to go (instance_mark_old) has a name that ends in ".old": it is never
 * kept again.
 */
#ifndef DEPLOY_INSTANCE_H
#define DEPLOY_INSTANCE_H

#include <jansson.h>
#include <stdbool.h>
#include "deploy/app.h"
#include "deploy/spec.h"
#include "engine/container.h"
#include "engine/network.h"
#include "proxy/routes.h"

struct instance {
	const struct app_process *process;
	int index;
	char id[CONTAINER_ID], name[160], address[ADDRESS_TEXT];
	char spec[65], deployment[65];
	int port; /* 0: serves nothing */
	bool kept;
	bool restarts; /* the engine starts it again */
	int64_t started_ms; /* clock_ms(), new ones */
	struct { /* evidence of the gate */
		int status, tries;
		int64_t milliseconds;
		char path[256];
	} health;
};

/* Containers of this project's environment, of list; a new array. */
json_t *instance_ours(const json_t *list, const char *environment);
/* Borrowed from ours: runs, is not old, has this process, index and hash. */
json_t *instance_find(const json_t *ours, const char *process, int index,
    const char *hash);
void instance_keep(struct instance *, const json_t *container);
/* Made by spec under a name of its own, and started. */
int instance_create(struct instance *, struct engine *, const struct spec *,
    struct err *);
int instance_mark_old(struct engine *, const char *id, const char *name,
    struct err *);
bool instance_is_old(const json_t *container);
const char *instance_name(const json_t *container); /* without the "/" */
/* By the proxy's word: one of its targets, or a worker of its deployment. */
bool instance_serves(const json_t *container, const struct route *);
/* Removes what this deployment made up to this attempt, but for what serves
 * and `keep` (ids); rows of what went are added to `removed`, or NULL. */
int instance_undo(struct engine *, const struct app *, const struct route *,
    const struct strvec *keep, json_t *removed, struct err *);
json_t *instance_json(const struct instance *);
/* The last lines of its log to stderr, "name | text". */
void instance_show_log(struct engine *, const char *id, const char *name,
    int lines);

#endif
