/*
 * TOML, plain and typed.
 * links: lib/parse/toml.c lib/base/*.c
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "parse/toml.h"

int LLVMFuzzerTestOneInput(const uint8_t *, size_t);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	struct err err = { 0 };
	auto_free char *copy = mem_strndup((const char *)data, n);
	json_auto_t *v = toml_parse(copy, n, TOML_PLAIN, "fuzz", &err);
	struct err again = { 0 };
	json_auto_t *typed = toml_parse(copy, n, TOML_TYPED, "fuzz", &again);

	if ((v == NULL) != (err.status != 0) || (v == NULL) != (typed == NULL))
		abort();
	return 0;
}
