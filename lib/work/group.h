/*
 * group - all processes of one job, however they were left: a process group,
 * and a cgroup (v2) where one may be made below our own.  Each has
 * RCN_JOB=ID in its environment, by which it is found again by a worker that
 * did not start it.
 *	group_make(&g, job);		cgroup, or none
 *	fork(); in the child: group_enter(&g), then exec with RCN_JOB=ID
 *	group_started(&g, pid)
 *	group_signal(&g, SIGTERM)	cancel
 *	group_close(&g)			the cgroup goes, the processes stay
 * group_end() needs no struct: it ends what is left of a job whose worker is
 * gone, and returns when nothing of it runs.
 */
#ifndef WORK_GROUP_H
#define WORK_GROUP_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>
#include "base/err.h"

struct group {
	pid_t id; /* process group; 0: not yet */
	int cgroup; /* its folder, or -1 */
};
#define GROUP_NONE            \
	{                     \
		.cgroup = -1, \
	}

/* Without the right to make a cgroup there is none; never fails. */
void group_make(struct group *, const char *job);
/* Between fork and exec, async-signal-safe: leads a process group of its own,
 * in the cgroup. */
void group_enter(const struct group *);
void group_started(struct group *, pid_t);
void group_signal(const struct group *, int sig); /* SIGKILL: all, at once */
void group_close(struct group *, const char *job);

/*
 * SIGKILL to every process of the job, again until there is none, at most
 * wait_ms: EX_TEMPFAIL "still-running".  Whose environment cannot be read is
 * of the job if it is in the recorded process group (0: none is recorded).
 */
int group_end(const char *job, pid_t recorded, int64_t wait_ms, struct err *);
/* How many processes of it there are, zombies not counted. */
int group_count(const char *job, pid_t recorded);

/* Takes away the cgroups, below our own, of jobs that are over, where nobody
 * is in them any more: a worker that was killed has left them. */
void group_sweep(bool (*is_over)(const char *job, void *ctx), void *ctx);

/*
 * A process by name, safe from an id that is given out again: "HOST:PID:START"
 * with the start time of /proc/PID/stat.
 */
void group_name(char name[128]); /* ours */
/* SIGKILL to it, if it is of this host and still that one; it is waited for
 * until it is gone, at most a second. */
void group_end_named(const char *name);

#endif
