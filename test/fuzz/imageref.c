/*
 * Names of images: what is accepted is the same when it is parsed again.
 * links: lib/registry/ref.c lib/base/*.c
 */
#include <stdint.h>
#include <string.h>

#include "registry/ref.h"

int LLVMFuzzerTestOneInput(const uint8_t *, size_t);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	struct err err = { 0 }, none = { 0 };
	auto_free char *text = mem_strndup((const char *)data, n);
	auto_ref struct ref a = { 0 }, b = { 0 };
	auto_buf struct buf again = { 0 };

	if (ref_parse(text, &a, &err) < 0)
		return 0;
	ref_name(&a, &again);
	if (a.tag != NULL)
		buf_addf(&again, ":%s", a.tag);
	if (a.digest != NULL)
		buf_addf(&again, "@%s", a.digest);
	if (ref_parse(again.data, &b, &none) < 0 ||
	    strcmp(a.host, b.host) != 0 || strcmp(a.path, b.path) != 0)
		abort();
	return 0;
}
