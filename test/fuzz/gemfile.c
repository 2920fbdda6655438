/*
 * A Gemfile and its lock.
 * links: lib/parse/gemfile.c lib/base/*.c
 */
#include <stdint.h>
#include <stdlib.h>

#include "base/json.h"
#include "parse/gemfile.h"

int LLVMFuzzerTestOneInput(const uint8_t *, size_t);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	auto_free char *copy = mem_strndup((const char *)data, n);
	json_auto_t *file = gemfile_parse(copy, n);
	json_auto_t *lock = gemlock_parse(copy, n);

	if (!json_is_object(json_object_get(file, "gems")) ||
	    !json_is_object(json_object_get(lock, "gems")))
		abort();
	return 0;
}
