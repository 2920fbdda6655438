/*
 * image - what is to run, made sure to be on the engine.
 * image.ref if the engine has it, else push.ref, pulled if need be; one that
 * somebody else built is pulled by its image.ref.  Nowhere: EX_NOINPUT
 * "image-gone"; a registry that is away or denies: as engine/image.h.
 */
#ifndef DEPLOY_IMAGE_H
#define DEPLOY_IMAGE_H

#include <jansson.h>
#include "base/buf.h"
#include "base/err.h"
#include "engine/engine.h"

struct image {
	char *ref, *id;
	int port; /* the one that it EXPOSEs, or 0 */
};

/* Appends the value of X-Registry-Auth for a registry: creds_header(). */
typedef int image_auth_fn(const char *host, struct buf *, struct err *);

/* The document names one, else EX_DATAERR "section-missing". */
int image_named(const json_t *doc, struct err *);
int image_ensure(struct engine *, const json_t *doc, image_auth_fn *,
    struct image *, struct err *);
void image_release(struct image *);

#endif
