/*
 * deployment - what is to go live in an environment, or went, or did not.
 *	struct deployment_new d = { .project = "app", .trigger = "cli",
 *		.commit = id };
 *	json_t *row = deployment_add(st, &d, err);
 * Its states and the moves between them are a table in deployment.c; a move
 * that is not in it is EX_DATAERR "illegal-move" and names both.  At most one
 * deployment of an environment is live and one runs (building, deploying).
 *
 * The newest commit wins: one that brings code supersedes all that wait in
 * its environment, and asks a building one to end (project setting
 * `cancel_building`, true).  One that runs again what is live (env, scale,
 * restart, start) waits for those before it and takes what is live then, so
 * no commit is lost to a change of settings.
 *
 * A row names project and environment by their names; the `document` of a
 * deployment is apart, since it is large.
 */
#ifndef STATE_DEPLOYMENT_H
#define STATE_DEPLOYMENT_H

#include "state/state.h"

struct deployment_new {
	const char *project; /* slug */
	const char *environment; /* NULL: production */
	const char *trigger; /* as the table says; NULL: cli */
	const char *branch, *commit, *message, *author; /* NULL: not said */
	const char *of; /* id or SLUG:NUMBER: rollback's, redeploy's */
	const char *image; /* trigger image: its reference */
	int64_t pull_request; /* 0: none */
	const json_t *scale; /* trigger scale: {process: count}, borrowed */
};

/*
 * The row, state pending, and its job.  EX_DATAERR "bad-deployment": what
 * the trigger needs is not there; "paused": a push where pushes wait;
 * EX_NOINPUT "not-found": no such project or environment, or nothing is live
 * that could be run again.
 */
json_t *deployment_add(struct state *, const struct deployment_new *,
    struct err *);

/* By id, or "SLUG:NUMBER". */
json_t *deployment_get(struct state *, const char *id, struct err *);
/* Newest first, below before_number (0: from the newest); environment NULL:
 * all of the project. */
json_t *deployment_list(struct state *, const char *project,
    const char *environment, int64_t before_number, int limit, struct err *);
/* The last that was saved of it; NULL with err->status 0: none was. */
json_t *deployment_document(struct state *, const char *id, struct err *);

/*
 * A waiting one is cancelled; a running one is asked to end: its worker sees
 * it at the next job_renew().  One that has ended, or is live, is an
 * illegal-move.  What `why` begins with decides how a running one ends:
 * "superseded" superseded, "timeout" failed, else cancelled.
 */
json_t *deployment_cancel(struct state *, const char *id, const char *why,
    struct err *);

/*
 * Image and variables of an earlier deployment that was live; to: its id or
 * number, NULL: the last that differs from what is live.  What waits or runs
 * is superseded, and the environment paused: pushes deploy nothing more.
 */
json_t *deployment_rollback(struct state *, const char *project,
    const char *environment, const char *to, struct err *);

/*
 * One step of the table, within a transaction; the event goes with it.  row
 * is brought up to date.  why and error may be NULL.
 */
int deployment_move(struct state *, json_t *row, const char *to,
    const char *why, const json_t *error, struct err *);
bool deployment_may_move(const char *from, const char *to);

/* Ends what waits or runs in an environment (its id), within a transaction:
 * each as by deployment_cancel(). */
int deployment_halt(struct state *, const char *environment_id, const char *why,
    struct err *);

/*
 * The pipeline's stages `rcn-state advance deploying`, `advance live` and
 * `record`: the document's `deployment` section as it is then, a new
 * reference.  All are fenced by deployment.id and .attempt: EX_TEMPFAIL
 * "fenced" where another attempt has taken over.
 *
 * advance, to deploying: EX_TEMPFAIL "superseded" where a newer one deploys
 * or is live, "cancelled" where that was asked; saves the document.  To live:
 * the one that was live is superseded; asked again it says yes again.
 *
 * record writes down how it ended.  A retryable error goes back to pending
 * (RETRY_BASE_MS, 10 s, times 4 for each time, 5 attempts); "engine-down", and
 * "cancelled" where nobody asked for it, use up no attempt; "unwatched" is a
 * cancel with its reason; one that is live, or that the proxy has been
 * proven to serve, never fails.
 */
json_t *deployment_advance(struct state *, const json_t *doc, const char *to,
    struct err *);
json_t *deployment_record(struct state *, const json_t *doc, struct err *);

#endif
