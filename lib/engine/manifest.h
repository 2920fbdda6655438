/*
 * manifest - what a context holds, as a file: a row for each entry, in the
 * order in which a session tells them, with the time that it is told with.
 *
 * An engine keeps what it was sent last under a key of ours, and takes a file
 * for unchanged when name, mode, size and time are; it never compares
 * contents.  So an entry whose stamp is as in the manifest of the build
 * before keeps its time, and another gets a new one: its own, and where that
 * is what was told before, a nanosecond more.  The key is made with the file:
 * where that is lost or damaged, the engine is told all, and nothing stale is
 * taken.
 *
 * That holds as long as the engine's copy is what the file says.  So a new
 * file takes the old one's place when an engine begins to ask for it, and
 * counts for the next build only if that asked to the end and was not broken
 * off: manifest_begin(), manifest_end(), manifest_close().
 *
 * Memory: 8 bytes an entry, and a window into the file.
 *
 * EX_DATAERR "path-unsafe": a name that cannot be told (not UTF-8, no name of
 * a file, there twice); "tree-too-large": more than 1,000,000 entries.
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
	char *path, *aside; /* NULL: it has no name, or has it now */
	int fd, lock;
	bool told;
	unsigned open;
	uint64_t *at;
	size_t cap;
	struct buf row;
	unsigned char stamp[BUILD_STAMP];
	char *window;
	uint64_t from; /* of the window in the file */
	size_t have;
};

struct manifest_row { /* borrowed, until the next call */
	const char *path, *target;
	enum build_type type;
	uint64_t size;
	int64_t time_ns;
	const unsigned char *stamp; /* or NULL */
};

/*
 * path: the file, made or replaced; NULL, or one that another build holds: a
 * file without a name and a key that is used once.  To be closed whatever
 * manifest_open() says.
 */
int manifest_open(struct manifest *, const char *path,
    const struct engine_context *, struct err *);
/* The engine begins to ask for it, and has all that it wants. */
int manifest_begin(struct manifest *, struct err *);
void manifest_end(struct manifest *);
/* in_order: the engine works no more on what it asked for. */
void manifest_close(struct manifest *, bool in_order);

int manifest_row(struct manifest *, size_t, struct manifest_row *,
    struct err *);
/* 1 and its number, 0 not there, -1 */
int manifest_find(struct manifest *, const char *path, size_t *, struct err *);
/* The order of rows: bytewise by parts, a folder before what is in it. */
int manifest_compare(const char *, const char *);

#endif
