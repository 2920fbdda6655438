/*
 * logread - a deployment's log, read while rcn-worker writes it.
 * A line is `TIME STAGE F TEXT`; P in place of F: the line was cut and goes
 * on in the next one.  The last one is `TIME rcn-worker F end: STATUS`, more
 * words after it or none.  Lines are handed over whole, without their end;
 * byte offsets of the file stay good for ever, since it only grows.
 *	struct logread r = { .path = path, .follow = true, .line = print };
 *	if (logread_run(&r, err) < 0)
 *		...
 *	if (strcmp(r.end, "live") == 0)
 * Following sleeps on inotify; a look every five seconds is the net.
 *
 * Errors: EX_NOINPUT "log-missing", EX_IOERR "read-failed"; what over() set.
 */
#ifndef WORK_LOGREAD_H
#define WORK_LOGREAD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/err.h"

struct logread {
	const char *path;
	int64_t from; /* the byte to begin at */
	bool follow; /* until the last line; may not be there yet */
	/*
	 * While following: has the deployment ended?  1, 0, or -1 with err.
	 * One that has never run has no log.  NULL: nobody knows.
	 */
	int (*over)(void *ctx, struct err *);
	const char *wake; /* a folder whose changes make over() asked; NULL */
	void (*line)(const char *, size_t, void *ctx);
	void *ctx;
	char end[32]; /* out: STATUS of the last line, "" without one */
};

int logread_run(struct logread *, struct err *);

/* The parts of a line; text and stage point into it. */
struct logline {
	const char *stage, *text;
	size_t stage_len, text_len;
	bool cut; /* P */
};
/* False: not a line of such a log. */
bool logline_parse(struct logline *, const char *, size_t);

#endif
