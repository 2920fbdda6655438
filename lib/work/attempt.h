/*
 * attempt - one attempt of a deployment: its lock, its secrets, its log, the
 * pipeline, and what is to be said of the end where the pipeline could not.
 * The pipeline's own stages write to the state what it does (advance, record);
 * this looks after it.
 */
#ifndef WORK_ATTEMPT_H
#define WORK_ATTEMPT_H

#include "work/hold.h"
#include "work/worker.h"

/* 0 whatever became of the deployment: its row says. */
int attempt_run(const struct worker_settings *, struct hold *, struct err *);

#endif
