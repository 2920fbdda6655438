/*
 * toml - TOML 1.0.0 as JSON.
 * Tables are objects in the order of the file, integers integers, floats
 * reals (inf and nan: strings), dates and times strings in RFC 3339 form.
 * With TOML_TYPED every scalar is {"type": "integer", "value": "42"} instead,
 * as conformance suites want it.
 * Nesting is limited to 64 levels; the caller limits the size.
 */
#ifndef PARSE_TOML_H
#define PARSE_TOML_H

#include <jansson.h>
#include <stddef.h>
#include "base/err.h"

enum toml_flags { TOML_PLAIN = 0, TOML_TYPED = 1 };

/* A new reference; what names the source: EX_DATAERR "bad-toml", with line. */
json_t *toml_parse(const char *, size_t, enum toml_flags, const char *what,
    struct err *);

#endif
