/*
 * queue - what deployment.c, deployment_add.c, record.c, job.c and claim.c
 * share; no one else's.
 * All of it is called within a transaction.
 */
#ifndef STATE_QUEUE_H
#define STATE_QUEUE_H

#include "state/state.h"

/* How a running one ends that was asked to (deployment_cancel()). */
const char *queue_end_of(const char *why); /* a state */

/* A job as job_get() gives it; WHERE is to follow. */
#define QUEUE_JOB                                                       \
	"SELECT j.seq, j.id, j.kind, p.slug AS project, e.name AS"      \
	" environment, j.project AS project_id, j.environment AS"       \
	" environment_id, j.deployment, j.payload AS \"payload:json\"," \
	" j.status, j.attempts, j.crashes, j.epoch, j.worker,"          \
	" j.process_group, j.error AS \"error:json\", j.created_at,"    \
	" j.ended_at, j.rev FROM jobs j"                                \
	" LEFT JOIN projects p ON p.id = j.project"                     \
	" LEFT JOIN environments e ON e.id = j.environment"

/* The job of a deployment that has ended, or is to wait until later (ms). */
int queue_job_end(struct state *, const char *deployment, const char *status,
    const json_t *error, struct err *);
int queue_job_again(struct state *, const char *deployment, int64_t ms,
    struct err *);
/* The last claim is none of its attempts: nothing could be tried. */
int queue_job_untried(struct state *, const char *deployment, struct err *);
/* A job that has ended, whatever it was; row: of job_get(). */
int queue_job_over(struct state *, const json_t *row, const char *status,
    const json_t *error, struct err *);
/* The holder of a running job has ended without a word: 1 it may be claimed
 * again, and is queued; 0 it has ended. */
int queue_job_lost(struct state *, const json_t *row, const char *why,
    struct err *);
/* Milliseconds before the n-th attempt after the first. */
int queue_backoff(int64_t n, int64_t *ms, struct err *);

/* A deployment that is about to be claimed takes what is live now: 1 it can
 * run (row is brought up to date), 0 it has ended: there is nothing to run. */
int queue_take_source(struct state *, json_t *row, struct err *);
/* What a pipeline is given; row: of deployment_get(). */
json_t *queue_document(struct state *, const json_t *row, struct err *);
/* What rcn-notify is given; job: a row of kind notify. */
json_t *queue_news(struct state *, const json_t *job, struct err *);
/* Does it run an image that is there already? */
bool queue_without_build(const json_t *row);

/* Tells the world of a pushed commit's state, where it is wanted. */
int queue_notify(struct state *, const json_t *row, const char *state,
    struct err *);

/* Runs sql with :id; 0 or -1. */
int queue_run(struct state *, const char *sql, const char *id, struct err *);

#endif
