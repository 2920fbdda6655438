/*
 * JSON with comments, and the line of a member.
 * links: lib/parse/jsonc.c lib/base/*.c
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "parse/jsonc.h"

int LLVMFuzzerTestOneInput(const uint8_t *, size_t);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	struct err err = { 0 };
	auto_free char *copy = mem_strndup((const char *)data, n);
	json_auto_t *v = jsonc_parse(copy, n, JSONC_COMMENTS, "fuzz", &err);

	if ((v == NULL) != (err.status != 0))
		abort();
	(void)jsonc_line(copy, n, "a.b");
	return 0;
}
