/*
 * Manifests in XML.
 * links: lib/parse/xml.c lib/base/*.c
 */
#include <stdint.h>
#include <stdlib.h>

#include "base/json.h"
#include "parse/xml.h"

int LLVMFuzzerTestOneInput(const uint8_t *, size_t);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	struct err err = { 0 };
	auto_free char *copy = mem_strndup((const char *)data, n);
	json_auto_t *v = xml_parse(copy, n, "fuzz", &err);

	if ((v == NULL) != (err.status != 0))
		abort();
	(void)xml_text(v, "a.b");
	return 0;
}
