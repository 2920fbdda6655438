/*
 * keep - the images of this installation: which stay for a rollback, and that
 * nobody takes them away meanwhile.
 * An image is ours by its label rcn.installation.  Those that stay are held
 * by a container that is made and never started, label rcn.keep, so that
 * `docker image prune --all` passes them by.
 *
 * Of a project that is in `known` those stay that `wanted` names; of another
 * the newest `count` and one more, which are the live one and those before
 * it.  What a container of an app uses stays, and what is younger than
 * `grace_s`: somebody may be about to start it.
 */
#ifndef DEPLOY_KEEP_H
#define DEPLOY_KEEP_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>
#include "base/err.h"
#include "engine/engine.h"

struct keep {
	const json_t *known; /* slugs, a list */
	const json_t *wanted; /* references, a list */
	int64_t count, grace_s;
	bool dry; /* says what it would do */
};

/*
 * A list, new reference: {kind: "image", ref, project, bytes, action: "keep"
 * or "remove", why}.  An image that cannot be removed now is kept, "in use".
 */
json_t *keep_images(struct engine *, const struct keep *, struct err *);

#endif
