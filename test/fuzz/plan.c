/*
 * The plan of a document.
 * links: lib/plan/*.c lib/base/*.c
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "plan/plan.h"

int LLVMFuzzerTestOneInput(const uint8_t *, size_t);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	struct err err = { 0 };
	auto_free char *copy = mem_strndup((const char *)data, n);
	json_auto_t *v = json_loadb(copy, n, 0, NULL);
	auto_plan struct plan plan = { 0 };
	json_auto_t *out = NULL;

	if (v != NULL && plan_decode(&plan, v, &err) == 0)
		out = plan_encode(&plan);
	return 0;
}
