#include "parse/jsonc.h"

#include <stdbool.h>
#include <string.h>

#include "base/buf.h"
#include "base/text.h"

/* The end of the string that begins at s[i], at its closing quote. */
static size_t
string_end(const char *s, size_t n, size_t i)
{
	for (i++; i < n && s[i] != '"'; i++)
		if (s[i] == '\\')
			i++;
	return i < n ? i : n - 1;
}

/* The end of a comment at s[i], or i. */
static size_t
comment_end(const char *s, size_t n, size_t i)
{
	size_t k = i + 2;

	if (i + 1 >= n || s[i] != '/' || (s[i + 1] != '/' && s[i + 1] != '*'))
		return i;
	if (s[i + 1] == '/') {
		while (k < n && s[k] != '\n')
			k++;
		return k;
	}
	while (k + 1 < n && !(s[k] == '*' && s[k + 1] == '/'))
		k++;
	return k + 1 < n ? k + 2 : n;
}

/* Comments and commas before a closing bracket become blanks, in place, so
 * that lines and columns stay. */
static void
blank_out(char *s, size_t n)
{
	size_t comma = n;

	for (size_t i = 0; i < n; i++) {
		size_t end = comment_end(s, n, i);

		for (; i < end; i++)
			if (s[i] != '\n')
				s[i] = ' ';
		if (i >= n)
			return;
		if ((s[i] == '}' || s[i] == ']') && comma < n)
			s[comma] = ' ';
		if (s[i] == ',')
			comma = i;
		else if (strchr(" \t\r\n", s[i]) == NULL || s[i] == '\0')
			comma = n;
		if (s[i] == '"')
			i = string_end(s, n, i);
	}
}

json_t *
jsonc_parse(const char *s, size_t n, enum jsonc_flags flags, const char *what,
    struct err *err)
{
	auto_buf struct buf b = { 0 };
	json_error_t why;
	json_t *v;

	buf_add(&b, s, n);
	if (n >= 3 && memcmp(s, "\xef\xbb\xbf", 3) == 0)
		memset(b.data, ' ', 3);
	if (flags & JSONC_COMMENTS)
		blank_out(b.data, b.len);
	v = json_loadb(b.data, b.len, 0, &why);
	if (v == NULL) {
		err_set(err, EX_DATAERR, "bad-json", "%s:%d:%d: %s", what,
		    why.line, why.column, why.text);
		return NULL;
	}
	if (!json_is_object(v)) {
		json_decref(v);
		err_set(err, EX_DATAERR, "bad-json", "%s:1: not an object",
		    what);
		return NULL;
	}
	return v;
}

struct scan {
	const char *s;
	size_t n, i;
	int line;
};

/* Over blanks, comments, commas and colons to the next token's first byte. */
static char
next(struct scan *c)
{
	while (c->i < c->n) {
		size_t end = comment_end(c->s, c->n, c->i);

		if (end == c->i && strchr(" \t\r\n,:", c->s[c->i]) == NULL)
			return c->s[c->i];
		end += end == c->i;
		for (; c->i < end; c->i++)
			c->line += c->s[c->i] == '\n';
	}
	return '\0';
}

/* Over one value, whatever is in it. */
static void
skip(struct scan *c)
{
	size_t depth = 0;

	do {
		char first = next(c);

		if (first == '\0' && c->i >= c->n)
			return;
		if (first == '{' || first == '[')
			depth++;
		else if ((first == '}' || first == ']') && depth > 0)
			depth--;
		if (first == '"')
			c->i = string_end(c->s, c->n, c->i);
		else if (strchr("{}[]", first) == NULL)
			while (c->i + 1 < c->n && strchr(" \t\r\n,:{}[]\"/",
						      c->s[c->i + 1]) == NULL)
				c->i++;
		c->i++;
	} while (depth > 0);
}

int
jsonc_line(const char *s, size_t n, const char *path)
{
	struct scan c = { .s = s, .n = n, .line = 1 };

	if (n >= 3 && memcmp(s, "\xef\xbb\xbf", 3) == 0)
		c.i = 3;
	for (;;) {
		size_t len = strcspn(path, "."), at, found = 0;
		int line = 0;

		if (next(&c) != '{')
			return 0;
		for (c.i++; found == 0 && next(&c) == '"';) {
			at = c.i + 1;
			line = c.line;
			c.i = string_end(s, n, c.i) + 1;
			if (c.i - 1 - at == len &&
			    memcmp(s + at, path, len) == 0)
				found = 1;
			else
				skip(&c);
		}
		if (found == 0)
			return 0;
		if (path[len] == '\0')
			return line;
		path += len + 1;
	}
}
