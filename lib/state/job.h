/*
 * job - what a worker is to do: the queue.
 * A job is claimed by one worker at a time, for as long as it holds the
 * lease: each claim has an epoch, one more than the last, and who comes with
 * an old one is refused (EX_TEMPFAIL "fenced").  Leases and waits are of this
 * boot's clock; another boot's are over.
 *
 * Kinds: deploy (a deployment); stop and teardown (of an environment);
 * notify, gc, repair.  Deployments of an environment are claimed in the order
 * of their numbers, one at a time up to live; stop and teardown wait for one
 * that runs, and those after them wait for them.
 */
#ifndef STATE_JOB_H
#define STATE_JOB_H

#include "state/state.h"

enum { JOB_ATTEMPTS = 5, JOB_CRASHES = 5 };

/*
 * The row.  project and environment: ids or NULL; payload is borrowed, may
 * be NULL.  stop and teardown end what waits or runs in the environment; when
 * a stop is done its live deployment is stopped; when the teardown of a
 * removed environment is (environment_remove()), its rows go.
 */
struct job_new {
	const char *kind;
	const char *project, *environment, *deployment;
	const json_t *payload;
};
json_t *job_add(struct state *, const struct job_new *, struct err *);
json_t *job_get(struct state *, const char *id, struct err *);
/* Those that wait or run, in order. */
json_t *job_list(struct state *, int limit, struct err *);

/*
 * 1: *job is the row, and for kind deploy its "document".  "lost": {worker,
 * process_group} where another held it and its lease is over: see that those
 * processes have ended before anything else.  0: nothing is due.
 */
int job_claim(struct state *, const char *worker, int64_t lease_ms,
    json_t **job, struct err *);
/* 1: still ours, *now is {"cancel": why} or {}; 0: lost, end the work. */
int job_renew(struct state *, const char *id, int64_t epoch, int64_t lease_ms,
    json_t **now, struct err *);
/* What lost.process_group will say. */
int job_group(struct state *, const char *id, int64_t epoch,
    int64_t process_group, struct err *);

/*
 * The end of a job that is no deployment: status done, failed or cancelled.
 * A failed one with error.retryable is queued again, later, JOB_ATTEMPTS
 * times in all.  A deploy job ends by deployment_record().
 */
int job_end(struct state *, const char *id, int64_t epoch, const char *status,
    const json_t *error, struct err *);
/* Its processes ended without a word: queued again, after JOB_CRASHES times
 * failed, "crashed".  0 too where deployment_record() has ended it. */
int job_lost(struct state *, const char *id, int64_t epoch, const char *why,
    struct err *);
/* Handed back by a worker that ends: queued again, neither a crash nor one of
 * its attempts. */
int job_return(struct state *, const char *id, int64_t epoch, struct err *);

/* It cannot be done now, through no fault of its own: queued again in ms, and
 * why is told. */
int job_wait(struct state *, const char *id, int64_t epoch, int64_t ms,
    const char *why, struct err *);

/* *ms until one can be claimed: 0 now, -1 none will be.  Writes nothing. */
int job_due(struct state *, int64_t *ms, struct err *);

#endif
