/*
 * stream - messages in a file that only a passphrase opens, in order, whole:
 * what is changed, moved, or cut off does not pass.  backup.h tells its form.
 */
#ifndef STATE_STREAM_H
#define STATE_STREAM_H

#include "base/buf.h"
#include "base/cleanup.h"
#include "base/err.h"

enum { STREAM_PIECE = 64 << 10 };
enum { STREAM_FILE = 'F', STREAM_DATA = 'D', STREAM_END = 'E' };

struct stream {
	int fd; /* borrowed */
	unsigned char state[64];
};

int stream_begin(struct stream *, int fd, const struct buf *passphrase,
    struct err *);
/* At most STREAM_PIECE bytes.  After STREAM_END all is on disk. */
int stream_put(struct stream *, int kind, const void *, size_t, struct err *);

int stream_open(struct stream *, int fd, const struct buf *passphrase,
    struct err *);
/* The kind, buf holds what is inside; -1, also where the end is missing. */
int stream_get(struct stream *, struct buf *, struct err *);

void stream_release(struct stream *); /* wiped */
#define auto_stream AUTO(stream_release)

#endif
