/*
 * image - images that an engine has, and those that it fetches.
 *	got = engine_image_look(e, "node:24-slim", &inspected, err);
 *	if (got == 0)
 *		engine_image_pull(e, "node:24-slim", auth, err);
 */
#ifndef ENGINE_IMAGE_H
#define ENGINE_IMAGE_H

#include <jansson.h>
#include "base/buf.h"
#include "base/err.h"
#include "engine/engine.h"

/* 1 there, 0 not there, -1 failed.  out: NULL, or the engine's own object, a
 * new reference. */
int engine_image_look(struct engine *, const char *ref, json_t **out,
    struct err *);

/*
 * Fetched from its registry, whether it is there or not.  auth: the value of
 * X-Registry-Auth (creds.h), or NULL.  EX_NOINPUT "image-missing"; EX_NOPERM
 * "registry-denied"; EX_UNAVAILABLE "registry-down"; EX_IOERR "disk-full".
 */
int engine_image_pull(struct engine *, const char *ref, const char *auth,
    struct err *);

/* Bytes of each layer that is not empty, the lowest first: a new array. */
json_t *engine_image_layers(struct engine *, const char *ref, struct err *);

/* The engine's own list (GET /images/json); label as container_list(). */
json_t *engine_image_list(struct engine *, const char *label, struct err *);
/* Takes a name away, and with its last one the image.  1 done or not there, 0
 * a container uses it. */
int engine_image_remove(struct engine *, const char *ref, struct err *);
/* Bytes of the build cache.  engine_cache_prune() takes what was used least
 * lately until no more than keep are left; *freed is what that gave. */
int engine_cache_size(struct engine *, int64_t *bytes, struct err *);
int engine_cache_prune(struct engine *, int64_t keep, int64_t *freed,
    struct err *);

/* Appends the registry of a reference: "docker.io" where it names none. */
void engine_image_host(const char *ref, struct buf *host);

#endif
