#include "parse/jsonpick.h"

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "base/text.h"

struct pick {
	const char *start, *p, *end;
	const char *const *paths;
	struct buf *out;
	size_t max, was;
	int depth;
	struct err *err;
};

static int
bad(struct pick *s, const char *why)
{
	return err_set(s->err, EX_DATAERR, "bad-json", "byte %zu: %s",
	    (size_t)(s->p - s->start), why);
}

static void
blanks(struct pick *s)
{
	while (s->p < s->end && *s->p != '\0' && strchr(" \t\r\n", *s->p))
		s->p++;
}

static bool
take(struct pick *s, int c)
{
	if (s->p == s->end || *s->p != c)
		return false;
	s->p++;
	return true;
}

static bool
hex4(const char *p)
{
	for (int i = 0; i < 4; i++)
		if (p[i] == '\0' || !strchr("0123456789abcdefABCDEF", p[i]))
			return false;
	return true;
}

/* On the opening quote; past the closing one after it. */
static int
string(struct pick *s)
{
	if (!take(s, '"'))
		return bad(s, "a string was expected");
	while (s->p < s->end && *s->p != '"') {
		if ((unsigned char)*s->p < ' ')
			return bad(s, "a control byte in a string");
		if (*s->p++ != '\\')
			continue;
		if (s->p == s->end || *s->p == '\0' ||
		    strchr("\"\\/bfnrtu", *s->p) == NULL)
			return bad(s, "no such escape");
		if (*s->p++ != 'u')
			continue;
		if (s->end - s->p < 4 || !hex4(s->p))
			return bad(s, "four hexadecimal digits follow \\u");
		s->p += 4;
	}
	return take(s, '"') ? 0 : bad(s, "a string without end");
}

static bool
digits(struct pick *s)
{
	const char *from = s->p;

	while (s->p < s->end && *s->p >= '0' && *s->p <= '9')
		s->p++;
	return s->p > from;
}

static int
number(struct pick *s)
{
	bool zero;

	(void)take(s, '-');
	zero = s->p < s->end && *s->p == '0';
	if (zero ? (s->p++, false) : !digits(s))
		return bad(s, "a value was expected");
	if (take(s, '.') && !digits(s))
		return bad(s, "a digit was expected");
	if (take(s, 'e') || take(s, 'E')) {
		if (!take(s, '-'))
			(void)take(s, '+');
		if (!digits(s))
			return bad(s, "a digit was expected");
	}
	return 0;
}

static int
scalar(struct pick *s)
{
	static const char *const words[] = { "true", "false", "null" };

	if (s->p < s->end && *s->p == '"')
		return string(s);
	for (size_t i = 0; i < sizeof(words) / sizeof(*words); i++) {
		size_t n = strlen(words[i]);

		if ((size_t)(s->end - s->p) >= n &&
		    memcmp(s->p, words[i], n) == 0) {
			s->p += n;
			return 0;
		}
	}
	return number(s);
}

/* Of the paths in set, all alike before at, those that go on with key. */
static uint64_t
narrow(const struct pick *s, uint64_t set, size_t at, const char *key, size_t n,
    bool *leaf)
{
	uint64_t left = 0;

	if (memchr(key, '.', n) != NULL)
		return 0;
	for (size_t i = 0; set != 0 && s->paths[i] != NULL; i++) {
		const char *rest = s->paths[i] + at;

		if ((set >> i & 1) == 0 || strncmp(rest, key, n) != 0 ||
		    (rest[n] != '.' && rest[n] != '\0'))
			continue;
		*leaf = rest[n] == '\0';
		left |= (uint64_t)1 << i;
	}
	return left;
}

static int
emit(struct pick *s, const char *p, size_t n)
{
	if (s->out->len - s->was + n > s->max)
		return err_set(s->err, EX_DATAERR, "too-large",
		    "byte %zu: the members that matter have more than %zu "
		    "bytes",
		    (size_t)(s->p - s->start), s->max);
	buf_add(s->out, p, n);
	return 0;
}

static int value(struct pick *, uint64_t set, size_t at);

/* name is in quotes; the value is next, and wanted or a way to what is. */
static int
wanted(struct pick *s, uint64_t set, size_t at, bool leaf, const char *name,
    size_t n)
{
	bool deep = s->p < s->end && (*s->p == '{' || *s->p == '[');
	const char *from = s->p;

	if (leaf == deep || (deep && *s->p == '['))
		return value(s, 0, 0);
	if (s->out->data[s->out->len - 1] != '{' && emit(s, ",", 1) < 0)
		return -1;
	if (emit(s, name, n) < 0 || emit(s, ":", 1) < 0)
		return -1;
	if (deep)
		return value(s, set, at + n - 1);
	if (scalar(s) < 0)
		return -1;
	return emit(s, from, (size_t)(s->p - from));
}

static int
member(struct pick *s, uint64_t set, size_t at)
{
	const char *name = s->p;
	bool leaf = false;
	size_t n;

	if (string(s) < 0)
		return -1;
	n = (size_t)(s->p - name);
	set = narrow(s, set, at, name + 1, n - 2, &leaf);
	blanks(s);
	if (!take(s, ':'))
		return bad(s, "':' was expected");
	blanks(s);
	return set != 0 ? wanted(s, set, at, leaf, name, n) : value(s, 0, 0);
}

static int
object(struct pick *s, uint64_t set, size_t at)
{
	s->p++;
	if (set != 0 && emit(s, "{", 1) < 0)
		return -1;
	blanks(s);
	while (s->p < s->end && *s->p != '}') {
		if (member(s, set, at) < 0)
			return -1;
		blanks(s);
		if (!take(s, ','))
			break;
		blanks(s);
		if (s->p < s->end && *s->p == '}')
			return bad(s, "a comma too many");
	}
	if (!take(s, '}'))
		return bad(s, "',' or '}' was expected");
	return set != 0 ? emit(s, "}", 1) : 0;
}

static int
array(struct pick *s)
{
	s->p++;
	blanks(s);
	while (s->p < s->end && *s->p != ']') {
		if (value(s, 0, 0) < 0)
			return -1;
		blanks(s);
		if (!take(s, ','))
			break;
		blanks(s);
		if (s->p < s->end && *s->p == ']')
			return bad(s, "a comma too many");
	}
	return take(s, ']') ? 0 : bad(s, "',' or ']' was expected");
}

static int
value(struct pick *s, uint64_t set, size_t at)
{
	int rc;

	if (s->p == s->end || (*s->p != '{' && *s->p != '['))
		return scalar(s);
	if (s->depth == JSON_PICK_DEPTH)
		return bad(s, "too deep");
	s->depth++;
	rc = *s->p == '{' ? object(s, set, at) : array(s);
	s->depth--;
	return rc;
}

int
json_pick(const char *text, size_t n, const char *const paths[], size_t max,
    struct buf *out, struct err *err)
{
	struct pick s = {
		.start = text,
		.p = text,
		.end = text + n,
		.paths = paths,
		.out = out,
		.max = max,
		.was = out->len,
		.err = err,
	};

	if (!text_is_utf8(text, n))
		return err_set(err, EX_DATAERR, "bad-json", "not UTF-8");
	blanks(&s);
	if (s.p == s.end || *s.p != '{')
		return bad(&s, "an object was expected");
	if (value(&s, UINT64_MAX, 0) < 0)
		return -1;
	blanks(&s);
	return s.p == s.end ? 0 : bad(&s, "more after the object");
}
