/*
 * JSON objects back to back, in pieces of a size that the input chooses.
 * links: lib/http/jsonstream.c lib/base/*.c
 */
#include <stdint.h>

#include "base/json.h"
#include "http/jsonstream.h"

int LLVMFuzzerTestOneInput(const uint8_t *, size_t);

static int
each(json_t *o, void *ctx, struct err *err)
{
	(void)ctx, (void)err;
	(void)json_str(o, "errorDetail.message", NULL);
	return 0;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	struct jsonstream s = { .each = each, .what = "fuzz" };
	size_t step = n > 0 ? data[0] % 16 + 1U : 1;
	struct err err = { 0 };
	int rc = 0;

	for (size_t at = 1; at < n && rc == 0; at += step)
		rc = jsonstream_add(&s, data + at,
		    n - at < step ? n - at : step, &err);
	if (rc == 0)
		rc = jsonstream_end(&s, &err);
	if ((rc != 0) != (err.status != 0))
		abort();
	jsonstream_release(&s);
	return 0;
}
