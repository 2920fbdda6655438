/*
 * A template, with data that makes sections, partials and delimiters matter.
 * links: lib/template/template.c lib/base/*.c
 */
#include <stdint.h>

#include "base/json.h"
#include "template/template.h"

int LLVMFuzzerTestOneInput(const uint8_t *, size_t);

static int
escape(struct buf *b, const json_t *v, struct err *err)
{
	(void)err;
	json_write(b, v, JSON_COMPACT);
	return 0;
}

static const char *
partial(const char *name, void *ctx)
{
	return *name == 'p' ? ctx : NULL;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	static json_t *values;
	struct err err = { 0 };
	auto_buf struct buf out = { 0 };
	auto_free char *text = mem_strndup((const char *)data, n);
	struct template_args a = { .escape = escape, .partial = partial };

	if (values == NULL)
		values = json_loads("{\"a\":{\"b\":1},\"l\":[1,{\"x\":2}],"
				    "\"t\":true,\"s\":\"<\"}",
		    0, NULL);
	a.data = values;
	a.ctx = text;
	if (n < 256)
		(void)template_render(&out, text, "fuzz", &a, &err);
	return 0;
}
