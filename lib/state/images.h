/*
 * images - what a rollback may ask for: the images that are to stay.
 */
#ifndef STATE_IMAGES_H
#define STATE_IMAGES_H

#include "state/state.h"

/*
 * {known: [slug], wanted: [reference]}, new reference: all projects; of each
 * environment the live image, the `count` different ones that were live
 * before it, and those of deployments that have not ended.
 */
json_t *state_images(struct state *, int64_t count, struct err *);

/* Those of one environment, by its id: a list of references. */
json_t *environment_images(struct state *, const char *id, int64_t count,
    struct err *);

#endif
