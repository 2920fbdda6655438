/*
 * recipe - the copy of a Dockerfile that is sent to the engine.
 * A generated one: FROM gets the digest of pins ({"node:24-slim":
 * "sha256:..."}), so that a containerd image store builds on the image that is
 * there instead of asking the registry each time; each stage declares args
 * ({NAME: value}), so that its RUNs see them; and each RUN, save those of
 * apt-get, has the secrets ({NAME: version}) in its environment.  An engine
 * knows no secret's value when it looks into its cache: a RUN names the
 * versions, so that another value runs it again.
 * The repository's own: before a RUN that mounts a secret an ARG holds the
 * versions, to the same end.
 * All three may be NULL.
 */
#ifndef ENGINE_RECIPE_H
#define ENGINE_RECIPE_H

#include <jansson.h>
#include "base/buf.h"

void recipe_write(struct buf *, const char *text, const json_t *pins,
    const json_t *args, const json_t *secrets);
void recipe_own(struct buf *, const char *text, const json_t *secrets);

#endif
