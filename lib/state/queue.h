/*
 * queue - what deployment.c, add.c, record.c and job.c share; no one else's.
 * All of it is called within a transaction.
 */
#ifndef STATE_QUEUE_H
#define STATE_QUEUE_H

#include "state/state.h"

/* How a running one ends that was asked to (deployment_cancel()). */
const char *queue_end_of(const char *why); /* a state */

/* The job of a deployment that has ended, or is to wait until later (ms). */
int queue_job_end(struct state *, const char *deployment, const char *status,
    const json_t *error, struct err *);
int queue_job_again(struct state *, const char *deployment, int64_t ms,
    struct err *);
/* The last claim is none of its attempts: nothing could be tried. */
int queue_job_untried(struct state *, const char *deployment, struct err *);
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
