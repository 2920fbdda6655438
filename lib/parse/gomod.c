#include "parse/gomod.h"

#include <ctype.h>
#include <string.h>

#include "base/buf.h"
#include "base/json.h"
#include "base/text.h"

enum { WORDS_MAX = 6 };

struct words {
	struct strvec v;
	bool indirect; /* "// indirect" behind them */
};

/* One line's words: bare, or quoted with " or `; a comment ends them. */
static void
split(const char *s, size_t n, struct words *w)
{
	const char *end = s + n;

	strvec_clear(&w->v);
	w->indirect = false;
	while (s < end && w->v.n < WORDS_MAX) {
		const char *start = s;

		if (isspace((unsigned char)*s)) {
			s++;
			continue;
		}
		if (end - s >= 2 && s[0] == '/' && s[1] == '/') {
			w->indirect =
			    memmem(s, (size_t)(end - s), "indirect", 8) != NULL;
			return;
		}
		if (*s == '"' || *s == '`') {
			const char *q =
			    memchr(s + 1, *s, (size_t)(end - s - 1));

			if (q == NULL)
				return;
			strvec_addn(&w->v, s + 1, (size_t)(q - s - 1));
			s = q + 1;
			continue;
		}
		while (s < end && !isspace((unsigned char)*s))
			s++;
		strvec_addn(&w->v, start, (size_t)(s - start));
	}
}

static void
take(json_t *o, const char *verb, const struct words *w, size_t from, int line)
{
	const char *one = w->v.n > from ? w->v.v[from] : NULL;
	const char *last = w->v.n > 0 ? w->v.v[w->v.n - 1] : "";
	json_t *list = json_object_get(o, verb);

	if (one == NULL)
		return;
	if (strcmp(verb, "module") == 0) {
		json_object_set_new(o, "module", json_text(one));
	} else if (strcmp(verb, "go") == 0) {
		json_object_set_new(o, "go", json_text(one));
		json_object_set_new(o, "go_line", json_integer(line));
	} else if (strcmp(verb, "toolchain") == 0) {
		json_object_set_new(o, "toolchain",
		    json_text(text_starts(one, "go") ? one + 2 : one));
		json_object_set_new(o, "toolchain_line", json_integer(line));
	} else if (strcmp(verb, "require") == 0 && w->v.n > from + 1) {
		json_array_append_new(list,
		    json_pack("{s:o, s:o, s:i, s:b}", "path", json_text(one),
			"version", json_text(w->v.v[from + 1]), "line", line,
			"indirect", w->indirect));
	} else if (strcmp(verb, "use") == 0) {
		json_array_append_new(list, json_text(one));
	} else if (strcmp(verb, "replace") == 0 && *last == '.') {
		json_array_append_new(list, json_text(last));
	}
}

json_t *
gomod_parse(const char *text, size_t n)
{
	json_t *o =
	    json_pack("{s:[], s:[], s:[]}", "require", "replace", "use");
	const char *end = text + n;
	struct words w = { 0 };
	char block[16] = "";
	int line = 0;

	for (const char *s = text; s < end;) {
		const char *stop = memchr(s, '\n', (size_t)(end - s));

		if (stop == NULL)
			stop = end;
		line++;
		split(s, (size_t)(stop - s), &w);
		s = stop + 1;
		if (w.v.n == 0)
			continue;
		if (strcmp(w.v.v[0], ")") == 0) {
			*block = '\0';
		} else if (*block != '\0') {
			take(o, block, &w, 0, line);
		} else if (w.v.n == 2 && strcmp(w.v.v[1], "(") == 0 &&
			   strlen(w.v.v[0]) < sizeof(block)) {
			memcpy(block, w.v.v[0], strlen(w.v.v[0]) + 1);
		} else {
			take(o, w.v.v[0], &w, 1, line);
		}
	}
	strvec_release(&w.v);
	return o;
}
