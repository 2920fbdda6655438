#include "engine/recipe.h"

#include <string.h>
#include <strings.h>

#include "base/json.h"

/* Where the image of a FROM line begins and how long it is; 0: none. */
static size_t
image_of(const char *line, size_t n, size_t *at)
{
	size_t i = 4, len;

	if (n < 6 || strncasecmp(line, "FROM", 4) != 0 ||
	    (line[4] != ' ' && line[4] != '\t'))
		return 0;
	for (;;) {
		i += strspn(line + i, " \t");
		len = strcspn(line + i, " \t\r\n");
		if (i >= n || strncmp(line + i, "--", 2) != 0)
			break;
		i += len;
	}
	*at = i;
	return i < n ? len : 0;
}

static void
add_args(struct buf *b, const json_t *args)
{
	auto_strvec struct strvec names = { 0 };
	const char *name;
	json_t *v;

	json_object_foreach((json_t *)(uintptr_t)args, name, v)
		strvec_add(&names, name);
	strvec_sort(&names);
	for (size_t i = 0; i < names.n; i++)
		buf_addf(b, "ARG %s\n", names.v[i]);
}

static void
add_from(struct buf *b, const char *line, size_t n, size_t at, size_t len,
    const json_t *pins)
{
	auto_free char *ref = mem_strndup(line + at, len);
	const char *digest = json_string_value(json_object_get(pins, ref));

	buf_add(b, line, at + len);
	if (digest != NULL && strchr(ref, '@') == NULL)
		buf_addf(b, "@%s", digest);
	buf_add(b, line + at + len, n - at - len);
}

void
recipe_write(struct buf *b, const char *text, const json_t *pins,
    const json_t *args)
{
	while (*text != '\0') {
		size_t n = strcspn(text, "\n"), at = 0, len;

		len = image_of(text, n, &at);
		if (len > 0)
			add_from(b, text, n, at, len, pins);
		else
			buf_add(b, text, n);
		buf_addc(b, '\n');
		if (len > 0)
			add_args(b, args);
		text += n + (text[n] == '\n');
	}
}
