/*
 * proc - run another program: never a shell, never a zombie.
 *	struct proc p = { .argv = argv, .out = &out, .timeout_ms = 60000 };
 *	if (proc_run(&p, &status, err) < 0)
 * Descriptors above 2 are CLOEXEC everywhere; signal mask and SIGPIPE are
 * reset in the child, which leads its own process group.  At the deadline,
 * or when a stop signal comes (stop.h), the group gets SIGTERM, 5 s later
 * SIGKILL; the child is always reaped.
 * status: as execline has it: exit code below 128 the same, 128 + signal;
 * a program that cannot be executed is an error: EX_UNAVAILABLE
 * "program-missing".  Deadline: EX_TEMPFAIL "timeout".
 */
#ifndef BASE_PROC_H
#define BASE_PROC_H

#include <stdint.h>
#include <sys/types.h>
#include "base/buf.h"
#include "base/err.h"

/* A line of the child's stderr (or stdout), without its end. */
typedef void proc_line_fn(const char *, size_t, void *ctx);
/* A piece of the child's stdout: 0, or -1 to end it with err set. */
typedef int proc_sink_fn(const void *, size_t, void *ctx, struct err *);

struct proc {
	char *const *argv; /* argv[0] is searched in PATH */
	char *const *envp; /* NULL: ours */
	const char *cwd; /* NULL: ours */
	int in; /* stdin; 0: /dev/null (our own stdin is never inherited) */
	struct buf *out; /* stdout; NULL: to our stderr, or to sink */
	proc_sink_fn *sink; /* stdout as it comes, without a limit */
	size_t out_max; /* 0: 1 MiB; more is EX_DATAERR "too-large" */
	proc_line_fn *line; /* each line of stderr; NULL: our stderr */
	void *ctx;
	int64_t timeout_ms; /* 0: none */
	uid_t uid; /* 0: ours; else drop to it, with gid, no groups */
	gid_t gid;
};

int proc_run(const struct proc *, int *status, struct err *);

#endif
