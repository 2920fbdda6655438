/*
 * WWW-Authenticate headers.
 * links: lib/registry/challenge.c lib/base/*.c
 */
#include <stdint.h>

#include "registry/challenge.h"

int LLVMFuzzerTestOneInput(const uint8_t *, size_t);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	auto_free char *text = mem_strndup((const char *)data, n);
	auto_challenge struct challenge c = { 0 };

	challenge_add(&c, text);
	challenge_add(&c, text);
	if (c.kind == CHALLENGE_BEARER && c.realm == NULL)
		abort();
	return 0;
}
