/*
 * run - one pipeline, watched: document in, document out, log, stages, wishes
 * to end it, deadlines.
 *	struct run r = { .argv = argv, .env = env, .in = text, .in_size = n,
 *	    .lock = fd, .log = &log, .beat = beat, .ctx = me,
 *	    .beat_ms = 10000, .grace_ms = 60000, .stages = stages };
 *	if (run_pipeline(&r, &group, &end, err) < 0)	could not be started
 * The program has descriptor 3 for `--progress 3`, RCN_LOCK_FD=9 where there
 * is a lock (this process's own copy is closed: it is the pipeline's to let
 * go), and what env says beside our own environment; it leads a process group,
 * of which nobody is left when run_pipeline() returns.
 *
 * beat() is asked each beat_ms, before anything else is done once that is
 * over, when a stop signal came (stop.h) and at a stage's deadline: whether to
 * go on.  RUN_TERM is SIGTERM to the group, SIGKILL after grace_ms; RUN_KILL is
 * SIGKILL at once: another worker has it.
 */
#ifndef WORK_RUN_H
#define WORK_RUN_H

#include <stdbool.h>
#include <stdint.h>
#include "base/buf.h"
#include "base/err.h"
#include "work/group.h"
#include "work/logfile.h"

enum {
	RUN_OUT_MAX = 8 << 20,
	RUN_SAID = 1024,
	RUN_LOCK_FD = 9,
	RUN_PROGRESS_FD = 3
};

enum run_wish { RUN_ON, RUN_TERM, RUN_KILL };

struct run_stage {
	const char *name; /* as --progress says it */
	int64_t limit_ms; /* 0: none */
};

struct run {
	char *const *argv; /* argv[0] is searched in PATH */
	char *const *env; /* NAME=value to add; NULL: none */
	const char *in; /* standard input */
	size_t in_size;
	int lock; /* -1: none */
	struct logfile *log;
	const struct run_stage *stages; /* in their order; ends with NULL */
	/* late: that stage's deadline has passed, it is to end */
	enum run_wish (*beat)(void *ctx, const char *stage, bool late);
	void (*started)(void *ctx, pid_t group); /* NULL: not told */
	void *ctx;
	int64_t beat_ms, grace_ms;
};

struct run_end {
	int status; /* as of a shell: 128 + signal */
	struct buf out; /* what it wrote, at most RUN_OUT_MAX */
	struct buf said; /* the last of its stderr, at least RUN_SAID bytes */
	bool termed, killed, late; /* by us; late: for a deadline */
	char stage[64]; /* at work when it ended, or was ended */
};
#define auto_run_end AUTO(run_end_release)
void run_end_release(struct run_end *);

int run_pipeline(struct run *, struct group *, struct run_end *, struct err *);

#endif
