/*
 * guard - may this head of a request be parsed at all?  It is looked at in
 * the socket's own buffer, before the HTTP library reads a byte of it, and
 * only the plain form passes, of which no two parsers think differently:
 * CR LF ends every line, one space between the parts of the first, a target
 * that begins with "/", HTTP/1.0 or 1.1, names that are tokens right before
 * their colon, no folded line, no control byte, one Host, at most one
 * Content-Length, which is digits, and no Transfer-Encoding.
 */
#ifndef SERVE_GUARD_H
#define SERVE_GUARD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
	GUARD_HEAD = 8192, /* bytes of a head */
	GUARD_TARGET = 2048, /* of its target */
	GUARD_HEADERS = 48, /* lines of it */
};

struct guard {
	int status; /* of the answer if it is refused: 400, 411 ... */
	const char *why; /* static */
	size_t head; /* bytes, with the empty line */
	uint64_t length; /* Content-Length, 0 without one */
	bool expect; /* Expect: 100-continue */
};

/*
 * n bytes of which the first `from` were looked at before: 1 the head ends
 * at g->head, 0 it does not end yet, -1 it is refused already.
 */
int guard_find(const char *, size_t n, size_t from, struct guard *g);
/* The head, which guard_find() has found: 0, or -1 and status and why. */
int guard_check(const char *, struct guard *g);

#endif
