/*
 * A range, and a version.
 * links: lib/parse/semver.c lib/base/*.c
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "parse/semver.h"

int LLVMFuzzerTestOneInput(const uint8_t *, size_t);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	struct err err = { 0 };
	auto_free char *copy = mem_strndup((const char *)data, n);
	struct semver v = { { 22, 3, 1 }, 3 };

	(void)err;
	if (semver_match(copy, &v) > 1)
		abort();
	(void)semver_parse(&v, copy);
	return 0;
}
