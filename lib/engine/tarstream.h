/*
 * tarstream - a tar archive as a stream, for a build context or an upload.
 *	struct tarstream t = { .out = fn, .ctx = ctx, .mtime = when };
 *	tarstream_dir(&t, "", err);		"./", a plain first entry
 *	tarstream_file(&t, "a/b", 5, false, err);
 *	tarstream_data(&t, "12345", 5, err);
 *	tarstream_end(&t, err);
 *	tarstream_release(&t);
 * ustar; a name, target or size that does not fit it gets a pax header, never
 * the first entry: BuildKit would take such an archive for a Dockerfile.
 * Owner 0:0, modes 0755 and 0644, one time for all, so that equal trees give
 * equal bytes.  Memory: one block of 64 KiB, handed on when full.
 */
#ifndef ENGINE_TARSTREAM_H
#define ENGINE_TARSTREAM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/buf.h"
#include "base/err.h"

typedef int tarstream_fn(const void *, size_t, void *ctx, struct err *);

struct tarstream {
	tarstream_fn *out;
	void *ctx;
	int64_t mtime; /* seconds since 1970 */
	uint64_t bytes; /* given to `out` and waiting */
	/* its own */
	struct buf block;
	uint64_t left; /* of the file that is being written */
	size_t pad;
};

int tarstream_dir(struct tarstream *, const char *path, struct err *);
int tarstream_link(struct tarstream *, const char *path, const char *target,
    struct err *);
/* Then exactly size bytes by tarstream_data(), in any pieces. */
int tarstream_file(struct tarstream *, const char *path, uint64_t size,
    bool exec, struct err *);
/* More than was announced: EX_TEMPFAIL "source-changed". */
int tarstream_data(struct tarstream *, const void *, size_t, struct err *);
/* After a file: -1, EX_TEMPFAIL "source-changed", where bytes are missing. */
int tarstream_close(struct tarstream *, struct err *);
int tarstream_end(struct tarstream *, struct err *);
void tarstream_release(struct tarstream *);

#endif
