/*
 * env - the variables of a project, version by version.
 * A change makes a new version of the project's variables; a row is valid
 * from one version to another, so each deployment can name the version that
 * it runs with and nothing is copied.  All values are sealed (seal.h), those
 * that are no secret too.
 *
 * scope: an environment's name; "preview": all of pull requests; "all": every
 * one, previews too.  The closest wins: name, preview, all; as a whole, with
 * its phase.  phase: "run", "build" or "both".
 *
 * Names are [A-Za-z_][A-Za-z0-9_]*, not RCN_*; PORT is a port.  A value is
 * UTF-8 without NUL, at most ENV_VALUE bytes; a project has at most ENV_COUNT
 * variables of ENV_TOTAL bytes in all.
 *
 * Errors: EX_DATAERR "bad-variable", "bad-scope", "too-many-variables";
 * EX_NOINPUT "not-found"; those of seal.h.
 */
#ifndef STATE_ENV_H
#define STATE_ENV_H

#include "state/state.h"

enum { ENV_VALUE = 64 << 10, ENV_TOTAL = 512 << 10, ENV_COUNT = 1000 };

enum env_secret { ENV_AS_IT_WAS, ENV_SECRET, ENV_PLAIN };
struct env_set {
	const char *key;
	const char *value; /* NULL: unset */
	const char *scope; /* NULL: production */
	const char *phase; /* NULL: as it was; a new one's is run */
	enum env_secret secret; /* a new one is secret, unless told */
};

/*
 * All or none.  {version, changed: [KEY], build_changed}; what is so already
 * does not count, and where nothing changes the version stays.  Without the
 * private key every value counts as new.
 */
json_t *env_change(struct state *, const char *project, const struct env_set *,
    size_t n, struct err *);

/*
 * The same, and a deployment (trigger env) of each environment that serves
 * and now gets something else: `deployments`, their rows.
 */
json_t *env_apply(struct state *, const char *project, const struct env_set *,
    size_t n, struct err *);

/*
 * Rows {key, scope, phase, secret, since, created_at}, and value where it is
 * no secret and can be opened.  environment NULL: all of the project, else
 * those that it gets.  version -1: today's.
 */
json_t *env_list(struct state *, const char *project, const char *environment,
    int64_t version, struct err *);

/* {KEY: {value, secret, phase}}, opened: json_wipe() it. */
json_t *env_resolve(struct state *, const char *environment_id, int64_t version,
    struct err *);

/*
 * What an environment gets in version `to` and did not in `from`:
 * [{key, change: "added" | "changed" | "removed", build}]; build: a build
 * would be another.
 */
json_t *env_diff(struct state *, const char *environment_id, int64_t from,
    int64_t to, struct err *);
/* 1 a build would be another, 0 not, -1. */
int env_build_differs(struct state *, const char *environment_id, int64_t from,
    int64_t to, struct err *);

#endif
