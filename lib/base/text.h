/*
 * text - a stranger's bytes made safe to print or to put into JSON, and
 * numbers read strictly.
 */
#ifndef BASE_TEXT_H
#define BASE_TEXT_H

#include <stdbool.h>
#include <stdint.h>
#include "base/buf.h"
#include "base/err.h"

/* Appends s as valid UTF-8: a bad byte becomes U+FFFD, NUL is dropped. */
void text_utf8(struct buf *, const char *s, size_t n);
/* The same, and control bytes except \n and \t become '?'. */
void text_printable(struct buf *, const char *s, size_t n);
bool text_is_utf8(const char *s, size_t n);

/* A whole decimal number in [min, max]; EX_USAGE "bad-number" otherwise. */
int parse_u64(const char *, uint64_t min, uint64_t max, uint64_t *,
    struct err *);

/*
 * A DNS label made of any text: lower case, [a-z0-9-], at most 40, starts
 * and ends with a letter or digit; "app" if nothing is left.
 */
void text_slug(struct buf *, const char *);
bool text_is_slug(const char *);
/* A host name: lower case labels of [a-z0-9-], 63 each, 253 in all. */
bool text_is_host(const char *);

bool text_starts(const char *s, const char *prefix);
bool text_ends(const char *s, const char *suffix);

#endif
