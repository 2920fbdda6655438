/*
 * environment - where a project runs: production, staging, pr-12.
 * A row is {id, project, project_id, name, kind, branch, pull_request, live,
 * live_number, paused, stopped, restart, scale{}, hosts[], created_at,
 * updated_at, removed_at, rev}; project is the slug, live a deployment's id,
 * paused says why; what is not there has no member.
 *
 * A host is one environment's: domains say whose.
 *
 * Errors: EX_NOINPUT "not-found"; EX_DATAERR "exists", "bad-environment",
 * "bad-host"; EX_CONFIG "host-taken"; EX_USAGE "bad-slug".
 */
#ifndef STATE_ENVIRONMENT_H
#define STATE_ENVIRONMENT_H

#include "state/state.h"

struct environment_new {
	/* Not "all" or "preview", scopes of variables; pr-NUMBER is a
	 * preview's. */
	const char *name;
	const char *kind; /* "production", or "preview"; NULL: the first */
	const char *branch; /* pushes to it deploy here; NULL: none do */
	int64_t pull_request; /* 0: none */
};

json_t *environment_get(struct state *, const char *project, const char *name,
    struct err *);
json_t *environment_by_id(struct state *, const char *id, struct err *);
json_t *environment_add(struct state *, const char *project,
    const struct environment_new *, struct err *);
/* The one that is there already, or a new one. */
json_t *environment_ensure(struct state *, const char *project,
    const struct environment_new *, struct err *);
/*
 * A merge patch of branch (null: none), paused (why; null: go on), stopped,
 * restart, and scale {PROCESS: count}.
 */
json_t *environment_set(struct state *, const char *project, const char *name,
    const json_t *patch, struct err *);
json_t *environment_list(struct state *, const char *project, struct err *);
/*
 * Queues the teardown; the row goes with its end (environment_forget()), at
 * once if nothing was ever deployed.  0 gone, 1 queued, -1.
 */
int environment_remove(struct state *, const char *project, const char *name,
    struct err *);
/* A teardown is done: takes away the row and all that hangs on it, and the
 * removed project whose last one it was. */
int environment_forget(struct state *, const char *id, struct err *);

/*
 * The document's `project` for a deployment made now: settings with today's
 * hosts and scale.  Hosts are the environment's domains, for a preview without
 * one the project's preview_host, its * the number.
 */
json_t *environment_settings(struct state *, const char *id, struct err *);

/* Rows are {id, project, environment, host, created_at}, by names. */
json_t *domain_add(struct state *, const char *project, const char *environment,
    const char *host, struct err *);
int domain_remove(struct state *, const char *project, const char *host,
    struct err *);
json_t *domain_list(struct state *, const char *project, struct err *);

#endif
