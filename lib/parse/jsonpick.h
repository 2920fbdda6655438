/*
 * jsonpick - of a big JSON text, the few members that are wanted.
 * A tree of values costs many times its text; this one costs what it finds.
 * The whole text is checked as JSON (UTF-8, grammar, depth), a wanted scalar
 * is copied as it stands, all else is passed over:
 *	static const char *const want[] = { "ref", "repository.full_name",
 *		NULL };
 *	if (json_pick(text, n, want, 65536, &out, err) < 0)
 *		...
 *	doc = json_parse(out.data, out.len, "body", err);
 * A wanted member that is an object or an array counts as not there, and so
 * does one whose name is written with escapes.  A member that is there twice
 * is copied twice: json_parse() refuses it.
 */
#ifndef PARSE_JSONPICK_H
#define PARSE_JSONPICK_H

#include "base/buf.h"
#include "base/err.h"

enum { JSON_PICK_PATHS = 64, JSON_PICK_DEPTH = 128 };

/*
 * Appends an object.  paths: at most 64, NULL-ended, none the beginning of
 * another.  EX_DATAERR "bad-json"; more than max bytes: "too-large".
 */
int json_pick(const char *, size_t, const char *const paths[], size_t max,
    struct buf *out, struct err *);

#endif
