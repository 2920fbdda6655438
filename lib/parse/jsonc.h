/*
 * jsonc - JSON as people keep it in a repository: a byte order mark, the
 * last of two equal keys wins and, where a tool allows them, comments and
 * commas at the end.
 */
#ifndef PARSE_JSONC_H
#define PARSE_JSONC_H

#include <jansson.h>
#include <stddef.h>
#include "base/err.h"

enum jsonc_flags { JSONC_STRICT = 0, JSONC_COMMENTS = 1 };

/* A new reference, always an object; EX_DATAERR "bad-json", with line. */
json_t *jsonc_parse(const char *, size_t, enum jsonc_flags, const char *what,
    struct err *);

/*
 * The line of a member, "engines.node"; 0: it is not there.  A part may hold
 * anything but a dot; text is what jsonc_parse() took.
 */
int jsonc_line(const char *, size_t, const char *path);

#endif
