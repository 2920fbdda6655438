/*
 * image - what is to run, made sure to be on the engine.
 * image.ref if the engine has it, else push.ref, pulled if need be; neither:
 * EX_NOINPUT "image-gone".
 */
#ifndef DEPLOY_IMAGE_H
#define DEPLOY_IMAGE_H

#include <jansson.h>
#include "base/err.h"
#include "engine/engine.h"

struct image {
	char *ref, *id;
	int port; /* the one that it EXPOSEs, or 0 */
};

int image_ensure(struct engine *, const json_t *doc, struct image *,
    struct err *);
void image_release(struct image *);

#endif
