/*
 * manifest - what a context holds, as a file: a row for each entry, in the
 * order in which a session tells them, with the time that it is told with.
 *
 * An engine keeps what it was sent last under a key of ours, and takes a file
 * for unchanged when name, mode, size and time are; it never compares
 * contents.  So an entry whose stamp is as in the manifest of the build
 * before keeps its time, and another gets a new one: its own, and where that
 * is what was told before, a nanosecond more.  The key is made with the file:
 * where that is lost, the engine is told all, and nothing stale is taken.
 * Rows are read from the file one by one; memory is 8 bytes for each.
 *
 * The file is written before anything is sent: after a build that fails half
 * way it says what the engine may have got.
 *
 * EX_DATAERR "path-unsafe": a name that cannot be told (not UTF-8, or no name
 * of a file); "tree-too-large": more than 1,000,000 entries.
 */
#ifndef ENGINE_MANIFEST_H
#define ENGINE_MANIFEST_H

#include <stdbool.h>
#include <stdint.h>
#include "base/buf.h"
#include "base/err.h"
#include "engine/build.h"

enum { MANIFEST_KEY = 33 };

struct manifest {
	char key[MANIFEST_KEY]; /* that the engine keeps its copy by */
	size_t n;
	/* its own */
	int fd, lock;
	uint64_t *at;
	size_t cap;
	struct buf row;
};

struct manifest_row { /* borrowed, until the next call */
	const char *path, *target;
	enum build_type type;
	uint64_t size;
	int64_t time_ns;
};

/*
 * path: the file, made or replaced; NULL, or one that another build holds: a
 * file without a name and a key that is used once.
 */
int manifest_open(struct manifest *, const char *path,
    const struct engine_context *, struct err *);
void manifest_close(struct manifest *);
#define auto_manifest AUTO(manifest_close)

int manifest_row(struct manifest *, size_t, struct manifest_row *,
    struct err *);
/* 1 and its number, 0 not there, -1 */
int manifest_find(struct manifest *, const char *path, size_t *, struct err *);
/* The order of rows: bytewise by parts, a folder before what is in it. */
int manifest_compare(const char *, const char *);

#endif
