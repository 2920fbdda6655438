/*
 * BuildKit's progress: any bytes, in two pieces; and the search for a step's
 * line in any Dockerfile.
 * links: lib/engine/trace.c lib/engine/pb.c lib/base/*.c
 */
#include "engine/trace.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"

int LLVMFuzzerTestOneInput(const uint8_t *, size_t);

static void
see(const struct trace_step *s, enum trace_what what, const char *text,
    int64_t at, void *ctx)
{
	(void)ctx;
	if (what != TRACE_WARNING && (s == NULL || s->number < 0))
		abort();
	if (at < 0 || strchr(text, '\n') != NULL ||
	    !text_is_utf8(text, strlen(text)))
		abort();
	if (s != NULL && !text_is_utf8(s->name, strlen(s->name)))
		abort();
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	struct trace t = { .event = see };
	struct err err = { 0 };
	size_t half = n > 0 ? data[0] % n : 0;

	(void)trace_add(&t, data, half, &err);
	(void)trace_add(&t, data + half, n - half, &err);
	(void)trace_add(&t, data, n, &err);
	trace_end(&t);
	trace_release(&t);
	return 0;
}
