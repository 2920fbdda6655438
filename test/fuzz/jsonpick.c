/*
 * A body of JSON: what jansson takes is taken, and what is picked from it is
 * what jansson finds there.
 * links: lib/parse/jsonpick.c lib/base/*.c
 */
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "parse/jsonpick.h"

int LLVMFuzzerTestOneInput(const uint8_t *, size_t);

static const char *const want[] = { "a", "b.c", "b.d.e", NULL };

/* NULL where a part of the way is no object, or the end is no scalar. */
static json_t *
at(json_t *v, const char *const *way)
{
	for (; *way != NULL; way++)
		v = json_object_get(v, *way);
	return json_is_object(v) || json_is_array(v) ? NULL : v;
}

static void
same(json_t *whole, json_t *part, const char *const *way)
{
	json_t *x = at(whole, way), *y = at(part, way);

	if ((x == NULL) != (y == NULL) || (x != NULL && !json_equal(x, y)))
		abort();
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	static const char *const a[] = { "a", NULL },
				 *const c[] = { "b", "c", NULL },
				 *const e[] = { "b", "d", "e", NULL };
	const char *text = (const char *)data;
	auto_buf struct buf out = { 0 };
	struct err err = { 0 }, other = { 0 };
	/* After a word jansson takes a NUL for its end. */
	bool nul = n > 0 && memchr(data, '\0', n) != NULL;
	int rc = json_pick(text, n, want, 4096, &out, &err);
	json_auto_t *whole = json_parse(text, n, "whole", &other);
	json_auto_t *part = NULL;

	if (rc < 0) {
		if (!nul && json_is_object(whole) &&
		    strcmp(err.code, "too-large") &&
		    strstr(err.msg, "too deep") == NULL)
			abort();
		return 0;
	}
	if (!json_is_object(whole) || memchr(text, '\\', n) != NULL)
		return 0;
	part = json_parse(out.data, out.len, "part", &other);
	if (part == NULL)
		abort();
	same(whole, part, a);
	same(whole, part, c);
	same(whole, part, e);
	return 0;
}
