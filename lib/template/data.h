/*
 * data - what the templates of Dockerfiles are filled with: a plan, in the
 * words that share/templates asks for.
 *	json_auto_t *data = data_of_plan(&plan, "shop", err);
 *	struct template_args a = { .data = data, .escape = word_escape };
 */
#ifndef TEMPLATE_DATA_H
#define TEMPLATE_DATA_H

#include <jansson.h>
#include "base/err.h"
#include "plan/plan.h"

/* A new reference; what cannot stand in a Dockerfile: EX_DATAERR "bad-plan".
 * slug is ours: part of a cache's name. */
json_t *data_of_plan(const struct plan *, const char *slug, struct err *);

#endif
