/*
 * template - mustache, without lambdas.
 * What {{name}} puts in goes through the caller's escape function, which
 * knows the language that is written: it gets the JSON value, not text, so
 * an array may become a JSON array in a Dockerfile.  {{{name}}} and {{&name}}
 * put strings in as they are; no template of ours may use them.
 *	struct template_args a = { .data = data, .escape = dockerfile_escape };
 *	if (template_render(&out, text, "nodejs.dockerfile", &a, err) < 0)
 */
#ifndef TEMPLATE_TEMPLATE_H
#define TEMPLATE_TEMPLATE_H

#include <jansson.h>
#include "base/buf.h"
#include "base/err.h"

struct template_args {
	const json_t *data;
	/* Appends v, never an object; -1 refuses it. */
	int (*escape)(struct buf *, const json_t *v, struct err *);
	/* The text of a partial, borrowed, or NULL for an empty one. */
	const char *(*partial)(const char *name, void *ctx);
	void *ctx;
};

/* Appends; a tag that is not closed: EX_DATAERR "bad-template", with line. */
int template_render(struct buf *, const char *text, const char *what,
    const struct template_args *, struct err *);

#endif
