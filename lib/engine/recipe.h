/*
 * recipe - the copy of a generated Dockerfile that is sent to the engine.
 * pins: {"node:24-slim": "sha256:..."}: FROM gets the digest, so that a
 * containerd image store builds on the image that is there instead of asking
 * the registry each time.  args: {NAME: value}: each stage declares them, so
 * that its RUNs see them.  Both may be NULL.
 */
#ifndef ENGINE_RECIPE_H
#define ENGINE_RECIPE_H

#include <jansson.h>
#include "base/buf.h"

void recipe_write(struct buf *, const char *text, const json_t *pins,
    const json_t *args);

#endif
