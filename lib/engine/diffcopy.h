/*
 * diffcopy - one FileSync/DiffCopy call of a session: an engine asks what a
 * folder holds, is told name, mode, size and time of each entry, and asks for
 * the contents of those that it has not.
 *	copy_new() when the call begins, copy_message() for each message, then
 *	copy_work() as often as there is time for it, until it says 0
 * Messages only take notes, work is done by copy_work(): it reads files, and
 * calls room() where more waits to be sent than is good.
 *
 * A folder is a manifest's rows, or one file with a text (a Dockerfile).  With
 * `only`, the paths that a Dockerfile copies by name, and what their links
 * lead to, are told with their parents; more may be told than is asked for.
 *
 * Source: tonistiigi/fsutil, types/wire.proto and send.go, for the protocol.
 */
#ifndef ENGINE_DIFFCOPY_H
#define ENGINE_DIFFCOPY_H

#include "engine/grpc.h"
#include "engine/manifest.h"

struct copy;

struct copy_source {
	struct manifest *rows; /* or, where it is NULL: */
	const char *name, *text; /* one file */
	const struct engine_context *context; /* reads the rows' files */
	const struct strvec *only; /* paths; empty: all */
};

/* Waits until copy_queued() is less; -1: the build has ended. */
typedef int copy_room_fn(struct copy *, void *ctx, struct err *);

struct copy *copy_new(struct grpc_call *, const struct copy_source *);
void copy_message(struct copy *, const void *, size_t);
void copy_closed(struct copy *); /* the call is gone */
/* 1 did something, 0 nothing to do now, -1 failed: the engine is told. */
int copy_work(struct copy *, copy_room_fn *room, void *ctx, struct err *);
size_t copy_queued(const struct copy *); /* bytes; 0 where the call is gone */
void copy_free(struct copy *);

/* What a list of paths selects: is this one told?  For tests. */
struct copy_filter {
	struct strvec paths; /* in a manifest's order; empty: all */
};
int copy_filter_make(struct copy_filter *, struct manifest *,
    const struct strvec *only, struct err *);
bool copy_filter_has(const struct copy_filter *, const char *path);
void copy_filter_release(struct copy_filter *);

#endif
