/*
 * A Procfile.
 * links: lib/parse/procfile.c lib/base/*.c
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "parse/procfile.h"

int LLVMFuzzerTestOneInput(const uint8_t *, size_t);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	struct err err = { 0 };
	auto_free char *copy = mem_strndup((const char *)data, n);
	json_auto_t *v = procfile_parse(copy, n, "fuzz", &err);

	if ((v == NULL) != (err.status != 0))
		abort();
	return 0;
}
