/*
 * find - which deployment a person means.
 * name: an id; SLUG:NUMBER; or SLUG, the newest of that project.
 * A row: id, project (its slug), environment (its name), number, state,
 * reason.  Errors: EX_NOINPUT "not-found".
 */
#ifndef STATE_FIND_H
#define STATE_FIND_H

#include <jansson.h>
#include <stdbool.h>
#include "state/state.h"

json_t *find_deployment(struct state *, const char *name, struct err *);
bool find_is_over(const json_t *row); /* it will not change but by another */

#endif
