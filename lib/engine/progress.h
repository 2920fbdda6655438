/*
 * progress - a build as a person follows it, on standard error.
 * In a log: a line when a step begins, each line of its output, a line when
 * it is over, with the seconds it took:
 *	#5 [2/4] RUN npm ci
 *	#5 1.203 added 57 packages
 *	#5 DONE 2.4s
 * On a terminal: a line per step that is over, and below them those that run,
 * with their time and last line, redrawn in place.  With -q: nothing.
 * The last lines of each step are kept for progress_tail().
 */
#ifndef ENGINE_PROGRESS_H
#define ENGINE_PROGRESS_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>
#include "base/buf.h"
#include "base/err.h"
#include "engine/trace.h"

enum { PROGRESS_LINES = 400, PROGRESS_TAIL = 20, PROGRESS_SHOWN = 6 };

struct progress_line {
	int step;
	char *text;
};

struct progress {
	struct trace trace;
	bool quiet, terminal;
	int drawn; /* lines of the terminal to be drawn over */
	int64_t drawn_at; /* clock_ms() */
	struct progress_line lines[PROGRESS_LINES]; /* a ring */
	size_t next;
	struct strvec warnings;
};

void progress_begin(struct progress *);
int progress_trace(struct progress *, const void *, size_t, struct err *);
/* Output of a builder that has no steps (Podman's): whole lines. */
void progress_text(struct progress *, const char *);
void progress_tick(struct progress *); /* the time goes on */
void progress_end(struct progress *);
/* The last output of a step, said once: nothing where it was shown. */
void progress_tail(struct progress *, const struct trace_step *);
/* The step that failed, or NULL. */
const struct trace_step *progress_failed(const struct progress *);
/* [{name, milliseconds, cached}] of the steps that a person wrote. */
json_t *progress_steps(const struct progress *);
void progress_release(struct progress *);

#endif
