/*
 * dockerfile - what a Dockerfile starts from and says about itself.
 * Reads the instructions (continuations, the escape directive, comments and
 * here-documents are understood) without judging them: the engine does that.
 */
#ifndef PARSE_DOCKERFILE_H
#define PARSE_DOCKERFILE_H

#include <jansson.h>
#include <stddef.h>
#include "base/err.h"

/*
 * {"bases": [image...], "stages": [name...], "ports": [3000...],
 *  "command": true, "line": n} of target, a stage's name or number, or of
 * the last stage (NULL).  bases has each image that any stage is FROM or
 * copies from, ARG defaults filled in, once, in order, no stage and no
 * scratch; one whose ARG has no default is left out.  line: the EXPOSE that
 * said the first port, 0 for none.
 * EX_DATAERR "bad-dockerfile": no FROM, or no such target.
 */
json_t *dockerfile_parse(const char *, size_t, const char *target,
    const char *what, struct err *);

#endif
