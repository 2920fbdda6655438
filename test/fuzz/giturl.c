/*
 * The address of a repository: nothing of a refused one, no capitals of a host.
 * links: lib/parse/giturl.c lib/base/*.c
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "parse/giturl.h"

int LLVMFuzzerTestOneInput(const uint8_t *, size_t);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	auto_free char *url = mem_strndup((const char *)data, n);
	auto_buf struct buf key = { 0 };
	struct err err = { 0 };

	if (giturl_key(url, &key, &err) < 0)
		return key.len != 0 ? (abort(), 0) : 0;
	if (*buf_str(&key) != '/')
		for (const char *p = key.data; *p != '\0'; p++)
			if (*p >= 'A' && *p <= 'Z')
				abort();
	return 0;
}
