/*
 * hold - a job as long as it is ours: claimed, its lease renewed, let go.
 *	if (hold_claim(&h, st, lease_ms, err) == 1)
 *		hold_beat(&h) each third of the lease
 * Whoever worked on it before us is ended by hold_claim(): the worker, and
 * every process of the job.
 */
#ifndef WORK_HOLD_H
#define WORK_HOLD_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>
#include "state/job.h"

struct hold {
	struct state *st; /* borrowed */
	json_t *job; /* as job_claim() gave it, owned */
	const char *id; /* borrowed from job */
	int64_t epoch, lease_ms;
	bool lost; /* another has it, or it has ended */
	bool silent; /* the last renewal could not be written */
	char cancel[256]; /* why it is to end, or "" */
};

/* 1 claimed, 0 nothing is due. */
int hold_claim(struct hold *, struct state *, int64_t lease_ms, struct err *);
void hold_release(struct hold *);
#define auto_hold AUTO(hold_release)

/*
 * Renews the lease, sets lost and cancel.  Where it cannot be written (a full
 * disk) the work goes on: nobody else can write either, and who claims it
 * later ends our processes first.
 */
void hold_beat(struct hold *);
/* How often to call it. */
int64_t hold_beat_ms(const struct hold *);

#endif
