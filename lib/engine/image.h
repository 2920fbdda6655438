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

/* Appends the registry of a reference: "docker.io" where it names none. */
void engine_image_host(const char *ref, struct buf *host);

#endif
