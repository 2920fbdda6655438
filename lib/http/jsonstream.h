/*
 * jsonstream - JSON objects back to back, given in any pieces: the answers
 * of an engine's build, pull and push.  White space between is skipped; an
 * object of more than 16 MiB, or text that is no object, is EX_PROTOCOL
 * "bad-answer".
 *	struct jsonstream s = { .each = fn, .ctx = ctx, .what = "build" };
 *	while (...) jsonstream_add(&s, p, n, err);
 *	jsonstream_end(&s, err);	an unfinished object is an error
 */
#ifndef HTTP_JSONSTREAM_H
#define HTTP_JSONSTREAM_H

#include <jansson.h>
#include "base/buf.h"
#include "base/err.h"

/* The object is borrowed.  0 go on, -1 end with err set. */
typedef int jsonstream_fn(json_t *, void *ctx, struct err *);

struct jsonstream {
	jsonstream_fn *each;
	void *ctx;
	const char *what; /* names the source in messages */
	struct buf object; /* what is there of the next one */
	int depth; /* of { and [ */
	bool string, escape; /* inside "...", after a backslash */
};

int jsonstream_add(struct jsonstream *, const void *, size_t, struct err *);
int jsonstream_end(struct jsonstream *, struct err *);
void jsonstream_release(struct jsonstream *);

#endif
