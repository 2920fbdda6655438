/*
 * The head of a request, whole and in two pieces: the same is said of it.
 * links: lib/serve/guard.c
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "serve/guard.h"

int LLVMFuzzerTestOneInput(const uint8_t *, size_t);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	const char *p = (const char *)data;
	struct guard whole = { 0 }, parts = { 0 };
	int rc = guard_find(p, n, 0, &whole), first, second;

	first = guard_find(p, n / 2, 0, &parts);
	second = first == 0 ? guard_find(p, n, n / 2, &parts) : first;
	if (n < GUARD_HEAD && (rc != second || whole.status != parts.status ||
				  whole.head != parts.head))
		abort();
	if (rc <= 0)
		return 0;
	if (whole.head > n || memcmp(p + whole.head - 4, "\r\n\r\n", 4) != 0)
		abort();
	if (guard_check(p, &whole) == 0 &&
	    (memchr(p, '\0', whole.head) != NULL || whole.status != 0))
		abort();
	return 0;
}
