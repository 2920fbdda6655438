/*
 * go.mod and go.work.
 * links: lib/parse/gomod.c lib/base/*.c
 */
#include <stdint.h>
#include <stdlib.h>

#include "base/json.h"
#include "parse/gomod.h"

int LLVMFuzzerTestOneInput(const uint8_t *, size_t);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	auto_free char *copy = mem_strndup((const char *)data, n);
	json_auto_t *v = gomod_parse(copy, n);

	if (!json_is_array(json_object_get(v, "require")))
		abort();
	return 0;
}
