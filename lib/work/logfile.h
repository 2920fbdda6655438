/*
 * logfile - the log of one deployment, STATE_DIR/logs/DEPLOYMENT_ID.log: one
 * writer, any number of readers, nothing in it ever changes.
 *
 * A line is `TIME STAGE F TEXT`, or `TIME STAGE P TEXT` for a part of one
 * that goes on in the next line of the same STAGE and is whole with an F:
 *	2026-11-24T10:00:00.123Z rcn-build F #5 RUN npm ci
 * TIME has a fixed width, STAGE no space, TEXT is UTF-8 without control bytes
 * save tabs: colours and cursor movements of programs are taken out, and of a
 * line that was written over by carriage returns the last is kept.
 *
 * For readers.  A line is whole once its line feed is there; what follows the
 * last one is still being written.  Bytes that were read never change, so an
 * offset behind a line feed is where reading goes on, later and in another
 * process.  The log is over with the line of stage "rcn-worker" whose TEXT
 * begins with "end: ": what follows is `live`, `superseded`, `stopped`,
 * `cancelled: WHY` or `failed: WHY`.  A second try appends; after the cap
 * only lines of rcn-worker itself come.  Where a worker was killed the last
 * line may have no end: the next begins on a line of its own.
 *
 * Writing never fails a deployment: a full disk is said once on stderr.
 */
#ifndef WORK_LOGFILE_H
#define WORK_LOGFILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/buf.h"
#include "base/err.h"

enum { LOGFILE_PIECE = 8192 }; /* bytes of text after which a line is cut */

struct logfile {
	int fd;
	int64_t size, max;
	bool full, failed;
	struct buf text; /* the line at hand, clean */
	bool cr; /* a carriage return was the last byte */
	int escape; /* inside an escape sequence */
	bool part; /* a part of this line is written already */
	char stage[64]; /* at work */
	char whose[64]; /* whose line it is */
};
#define LOGFILE_NONE      \
	{                 \
		.fd = -1, \
	}

/* Opens or makes it, to append; max bytes is the cap. */
int logfile_open(struct logfile *, const char *deployment, int64_t max,
    struct err *);
void logfile_close(struct logfile *);
#define auto_logfile AUTO(logfile_close)

/* Bytes as programs write them; lines become lines.  One that begins with
 * "rcn-NAME: " is that program's, else it is of stage, which is at work. */
void logfile_bytes(struct logfile *, const char *stage, const char *, size_t);
/* What has no end of line yet is written: as a part, so that a reader sees
 * it; with end, as the whole, since there comes no more. */
void logfile_flush(struct logfile *, bool end);
/* A line of the worker's own, beyond the cap too. */
void logfile_say(struct logfile *, const char *, ...)
    __attribute__((format(printf, 2, 3)));
/* STATE_DIR/logs/DEPLOYMENT.log; the folder is made. */
int logfile_path(struct buf *, const char *deployment, struct err *);

#endif
