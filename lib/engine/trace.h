/*
 * trace - BuildKit's progress, protobuf StatusResponse messages, read by hand
 * (moby/buildkit api/services/control/control.proto; the field numbers are
 * the same in Engine 20.10 and today's).
 *	struct trace t = { .event = fn, .ctx = ctx };
 *	if (trace_add(&t, bytes, n, err) < 0) ...
 *	trace_release(&t);
 * A step is told again as it goes on and may run twice; steps are known by
 * digest and numbered in the order in which they began.
 */
#ifndef ENGINE_TRACE_H
#define ENGINE_TRACE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/buf.h"
#include "base/err.h"

struct trace_step {
	char *digest;
	char *name; /* "[2/4] RUN npm ci", UTF-8 */
	char *failed; /* why, or NULL */
	int number; /* from 1; 0: not begun */
	int64_t began, ended; /* ms since 1970; 0: not */
	int64_t spent; /* ms, of earlier runs too */
	bool cached;
	bool over; /* TRACE_ENDED was told: once, though it may run again */
	struct buf line[2]; /* of stdout, stderr: without its end so far */
};

enum trace_what {
	TRACE_BEGAN,
	TRACE_ENDED, /* done, cached or failed */
	TRACE_LOG, /* a whole line of its output */
	TRACE_WARNING,
};

/* text: of TRACE_LOG and TRACE_WARNING, printable, no newline; at: ms since
 * the step began.  step may be NULL for a warning. */
typedef void trace_fn(const struct trace_step *, enum trace_what,
    const char *text, int64_t at, void *ctx);

struct trace {
	trace_fn *event;
	void *ctx;
	struct trace_step *steps;
	size_t n, cap;
	int begun; /* how many have a number */
};

/* EX_PROTOCOL "bad-answer" where the bytes are no StatusResponse. */
int trace_add(struct trace *, const void *, size_t, struct err *);
/* Lines that never ended are told. */
void trace_end(struct trace *);
void trace_release(struct trace *);

#endif
