/*
 * worker - what rcn-worker does, in two sizes.
 * worker_run() is the small one that stays: it takes deliveries from the
 * spool, sleeps, starts `rcn-worker --once` for what is due, at most `jobs` at
 * a time, and has things repaired when it begins and when the engine comes
 * back.  worker_once() is that other: one job, from claim to end.
 * Settings are read by worker_settings(); rcn-worker(1) lists them.
 */
#ifndef WORK_WORKER_H
#define WORK_WORKER_H

#include <stdint.h>
#include "base/err.h"

struct worker_settings {
	int64_t lease_ms, grace_ms, stop_ms, poll_ms, settle_ms, gc_ms;
	int64_t log_max, min_disk, min_memory, stage_ms;
	const char *pipeline;
	const char *source_user; /* NULL: rcn-source, where there is one */
};

int worker_settings(struct worker_settings *, struct err *);
/* 1 a job was done, well or not; 0 there was none. */
int worker_once(const struct worker_settings *, struct err *);
/* Until a stop signal.  program: argv[0] of what is started for a job. */
int worker_run(const struct worker_settings *, const char *program, int jobs,
    struct err *);

#endif
