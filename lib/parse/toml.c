#include "parse/toml.h"

#include <errno.h>
#include <math.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/text.h"

enum { DEPTH_MAX = 64 };

/*
 * How a table or an array came to be decides who may add to it:
 *	IMPLICIT	a header named something below it
 *	EXPLICIT	its own header
 *	DOTTED		a dotted key; only such keys add to it directly
 *	TABLES		an array made by [[headers]]
 * What has no mark is an inline value: complete as written.
 */
enum mark { NO_MARK, IMPLICIT, EXPLICIT, DOTTED, TABLES };

struct toml {
	const char *p, *end, *what;
	int line;
	bool typed;
	struct {
		const json_t *v;
		enum mark mark;
	} * marks; /* open addressing, size a power of two */
	size_t n_marks, size;
	struct err *err;
};

static json_t *parse_value(struct toml *, int depth);

__attribute__((format(printf, 2, 3))) static int
fail(struct toml *t, const char *fmt, ...)
{
	auto_buf struct buf b = { 0 };
	va_list ap;

	va_start(ap, fmt);
	buf_vaddf(&b, fmt, ap);
	va_end(ap);
	return err_set(t->err, EX_DATAERR, "bad-toml", "%s:%d: %s", t->what,
	    t->line, buf_str(&b));
}

static size_t
mark_slot(const struct toml *t, const json_t *v)
{
	size_t i = (size_t)(((uintptr_t)v >> 4) * 0x9e3779b97f4a7c15U >> 20);

	for (i &= t->size - 1; t->marks[i].v != NULL && t->marks[i].v != v;)
		i = (i + 1) & (t->size - 1);
	return i;
}

static enum mark
mark_of(const struct toml *t, const json_t *v)
{
	return t->size == 0 ? NO_MARK : t->marks[mark_slot(t, v)].mark;
}

static void
mark_grow(struct toml *t)
{
	struct toml old = *t;

	t->size = old.size != 0 ? old.size * 2 : 64;
	t->marks = mem_zalloc(t->size, sizeof(*t->marks));
	for (size_t i = 0; i < old.size; i++)
		if (old.marks[i].v != NULL)
			t->marks[mark_slot(t, old.marks[i].v)] = old.marks[i];
	free(old.marks);
}

static json_t *
mark(struct toml *t, json_t *v, enum mark how)
{
	size_t i;

	if ((t->n_marks + 1) * 2 > t->size)
		mark_grow(t);
	i = mark_slot(t, v);
	if (t->marks[i].v == NULL)
		t->n_marks++;
	t->marks[i].v = v;
	t->marks[i].mark = how;
	return v;
}

static bool
at(const struct toml *t, const char *s)
{
	size_t n = strlen(s);

	return (size_t)(t->end - t->p) >= n && memcmp(t->p, s, n) == 0;
}

static bool
take(struct toml *t, const char *s)
{
	if (!at(t, s))
		return false;
	t->p += strlen(s);
	return true;
}

static bool
take_newline(struct toml *t)
{
	if (!take(t, "\n") && !take(t, "\r\n"))
		return false;
	t->line++;
	return true;
}

static void
skip_blanks(struct toml *t)
{
	while (t->p < t->end && (*t->p == ' ' || *t->p == '\t'))
		t->p++;
}

/* A byte that text may not hold; tab is fine. */
static bool
is_control(int c)
{
	return (c >= 0 && c < 0x20 && c != '\t') || c == 0x7f;
}

static int
skip_comment(struct toml *t)
{
	if (!at(t, "#"))
		return 0;
	while (t->p < t->end && !at(t, "\n") && !at(t, "\r\n")) {
		if (is_control((unsigned char)*t->p))
			return fail(t, "control character in a comment");
		t->p++;
	}
	return 0;
}

/* Blanks, comments and line ends, as arrays may have between items. */
static int
skip_lines(struct toml *t)
{
	do {
		skip_blanks(t);
		if (skip_comment(t) < 0)
			return -1;
	} while (take_newline(t));
	return 0;
}

static int
hex_digits(struct toml *t, int n, uint32_t *cp)
{
	*cp = 0;
	for (int i = 0; i < n; i++, t->p++) {
		int c = t->p < t->end ? *t->p : 0;

		if (c >= '0' && c <= '9')
			c -= '0';
		else if ((c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F'))
			c = (c | 32) - 'a' + 10;
		else
			return fail(t, "escape needs %d hexadecimal digits", n);
		*cp = *cp << 4 | (uint32_t)c;
	}
	return 0;
}

static int
add_code_point(struct toml *t, struct buf *b, uint32_t cp)
{
	if (cp > 0x10ffff || (cp >= 0xd800 && cp <= 0xdfff))
		return fail(t, "escape is not a Unicode character");
	if (cp < 0x80) {
		buf_addc(b, (int)cp);
		return 0;
	}
	if (cp >= 0x10000) {
		buf_addc(b, (int)(0xf0 | cp >> 18));
		buf_addc(b, (int)(0x80 | (cp >> 12 & 0x3f)));
	} else if (cp >= 0x800) {
		buf_addc(b, (int)(0xe0 | cp >> 12));
	}
	if (cp >= 0x800)
		buf_addc(b, (int)(0x80 | (cp >> 6 & 0x3f)));
	else
		buf_addc(b, (int)(0xc0 | cp >> 6));
	buf_addc(b, (int)(0x80 | (cp & 0x3f)));
	return 0;
}

/* After the backslash. */
static int
parse_escape(struct toml *t, struct buf *b)
{
	static const char from[] = "btnfr\"\\", to[] = "\b\t\n\f\r\"\\";
	int c = t->p < t->end ? *t->p : 0;
	const char *known = c != 0 ? strchr(from, c) : NULL;
	uint32_t cp;

	if (known != NULL) {
		buf_addc(b, to[known - from]);
		t->p++;
		return 0;
	}
	if (c != 'u' && c != 'U')
		return fail(t, "unknown escape");
	t->p++;
	if (hex_digits(t, c == 'u' ? 4 : 8, &cp) < 0)
		return -1;
	return add_code_point(t, b, cp);
}

/* A backslash at the end of a line eats all blank space after it. */
static bool
skip_folded(struct toml *t)
{
	const char *save = t->p;

	skip_blanks(t);
	if (!take_newline(t)) {
		t->p = save;
		return false;
	}
	do
		skip_blanks(t);
	while (take_newline(t));
	return true;
}

/* Quotes that end a multi-line string may be preceded by one or two more. */
static bool
close_multi(struct toml *t, struct buf *b, const char *quote)
{
	char three[4] = { *quote, *quote, *quote, '\0' };

	if (!take(t, three))
		return false;
	for (int i = 0; i < 2 && take(t, quote); i++)
		buf_adds(b, quote);
	return true;
}

static int
parse_char(struct toml *t, struct buf *b, bool literal, bool multi)
{
	if (t->p >= t->end)
		return fail(t, "string is not closed");
	if (!literal && *t->p == '\\') {
		t->p++;
		if (multi && skip_folded(t))
			return 0;
		return parse_escape(t, b);
	}
	if (multi && take_newline(t)) {
		buf_addc(b, '\n');
		return 0;
	}
	if (is_control((unsigned char)*t->p))
		return fail(t, *t->p == '\n' ? "string is not closed"
					     : "control character in a string");
	buf_addc(b, *t->p++);
	return 0;
}

static int
parse_string(struct toml *t, struct buf *b, bool multi_allowed)
{
	bool literal = *t->p == '\'', multi;
	const char *quote = literal ? "'" : "\"";

	multi = multi_allowed && take(t, literal ? "'''" : "\"\"\"");
	if (!multi) {
		take(t, quote);
		while (!take(t, quote))
			if (parse_char(t, b, literal, false) < 0)
				return -1;
		return 0;
	}
	(void)take_newline(t);
	while (!close_multi(t, b, quote))
		if (parse_char(t, b, literal, true) < 0)
			return -1;
	return 0;
}

static bool
is_bare(int c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
	       (c >= '0' && c <= '9') || c == '_' || c == '-';
}

/* One part of a key. */
static int
parse_key(struct toml *t, struct buf *b)
{
	buf_clear(b);
	buf_add(b, "", 0);
	if (at(t, "\"") || at(t, "'"))
		return parse_string(t, b, false);
	while (t->p < t->end && is_bare(*t->p))
		buf_addc(b, *t->p++);
	return b->len > 0 ? 0 : fail(t, "a key is missing");
}

static json_t *
get(const json_t *o, const struct buf *key)
{
	return json_object_getn(o, key->data, key->len);
}

static json_t *
put(struct toml *t, json_t *o, const struct buf *key, json_t *v, enum mark how)
{
	json_object_setn_new(o, key->data, key->len, v);
	return how != NO_MARK ? mark(t, v, how) : v;
}

static json_t *
scalar(const struct toml *t, const char *type, const char *text, json_t *plain)
{
	if (!t->typed)
		return plain;
	json_decref(plain);
	return json_pack("{s:s, s:s}", "type", type, "value", text);
}

static json_t *
string_value(struct toml *t)
{
	auto_buf struct buf b = { 0 };
	json_t *v;

	buf_add(&b, "", 0);
	if (parse_string(t, &b, true) < 0)
		return NULL;
	v = json_stringn(b.data, b.len);
	return t->typed ? json_pack("{s:s, s:o}", "type", "string", "value", v)
			: v;
}

/* Digits of a base, "_" only between two of them. */
static bool
digits(const char **p, const char *set, struct buf *out)
{
	size_t n;

	do {
		n = strspn(*p, set);
		if (n == 0)
			return false;
		buf_add(out, *p, n);
		*p += n;
	} while (**p == '_' && (*p)++);
	return true;
}

static json_t *
integer_value(struct toml *t, const char *text, int base)
{
	char canon[24];
	long long v;

	errno = 0;
	v = strtoll(text, NULL, base);
	if (errno != 0) {
		fail(t, "integer does not fit 64 bits");
		return NULL;
	}
	(void)snprintf(canon, sizeof(canon), "%lld", v);
	return scalar(t, "integer", canon, json_integer(v));
}

static json_t *
float_value(struct toml *t, const char *text)
{
	double v = strtod(text, NULL);

	return scalar(t, "float", text,
	    isfinite(v) ? json_real(v) : json_string(text));
}

static json_t *
based_value(struct toml *t, const char *s)
{
	static const char hex[] = "0123456789abcdefABCDEF";
	auto_buf struct buf b = { 0 };
	int base = s[1] == 'x' ? 16 : s[1] == 'o' ? 8 : 2;
	const char *p = s + 2;

	if (!digits(&p,
		base == 16  ? hex
		: base == 8 ? "01234567"
			    : "01",
		&b) ||
	    *p != '\0') {
		fail(t, "not a number: %s", s);
		return NULL;
	}
	return integer_value(t, b.data, base);
}

/* sign? digits (. digits)? (e sign? digits)? without leading zeros */
static json_t *
number_value(struct toml *t, const char *s)
{
	static const char dec[] = "0123456789";
	auto_buf struct buf b = { 0 };
	const char *p = s;
	bool real = false, good;

	if (*p == '+' || *p == '-')
		buf_addc(&b, *p++);
	if (strcmp(p, "inf") == 0 || strcmp(p, "nan") == 0)
		return float_value(t, s);
	good = !(p[0] == '0' && p[1] >= '0' && p[1] <= '9') &&
	       !(p[0] == '0' && p[1] == '_') && digits(&p, dec, &b);
	if (good && *p == '.') {
		real = true;
		buf_addc(&b, *p++);
		good = digits(&p, dec, &b);
	}
	if (good && (*p == 'e' || *p == 'E')) {
		real = true;
		buf_addc(&b, *p++);
		if (*p == '+' || *p == '-')
			buf_addc(&b, *p++);
		good = digits(&p, dec, &b);
	}
	if (!good || *p != '\0') {
		fail(t, "not a value: %s", *s != '\0' ? s : "nothing there");
		return NULL;
	}
	return real ? float_value(t, b.data) : integer_value(t, b.data, 10);
}

/* "dddd-dd" by a pattern of d; the rest of s, or NULL. */
static const char *
shape(const char *s, const char *pattern)
{
	for (; *pattern != '\0'; pattern++, s++)
		if (*pattern == 'd' ? *s < '0' || *s > '9' : *s != *pattern)
			return NULL;
	return s;
}

static int
two(const char *s)
{
	return (s[0] - '0') * 10 + (s[1] - '0');
}

static bool
date_ok(const char *s)
{
	static const int days[] = { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30,
		31 };
	int year = two(s) * 100 + two(s + 2), month = two(s + 5);
	int day = two(s + 8);
	bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;

	return month >= 1 && month <= 12 && day >= 1 &&
	       day <= days[month - 1] + (month == 2 && leap);
}

/* After "hh:mm:ss": the fraction and, with a date, the offset. */
static bool
time_ok(const char *s, bool with_date, bool *offset)
{
	const char *p = shape(s, "dd:dd:dd");

	*offset = false;
	if (p == NULL || two(s) > 23 || two(s + 3) > 59 || two(s + 6) > 60)
		return false;
	if (*p == '.') {
		size_t n = strspn(p + 1, "0123456789");

		if (n == 0)
			return false;
		p += n + 1;
	}
	if (*p == '\0' || !with_date)
		return *p == '\0';
	*offset = true;
	if (strcmp(p, "Z") == 0)
		return true;
	return (*p == '+' || *p == '-') && shape(p + 1, "dd:dd") != NULL &&
	       p[6] == '\0' && two(p + 1) <= 23 && two(p + 4) <= 59;
}

static json_t *
moment_value(struct toml *t, struct buf *b)
{
	const char *s = b->data, *type = NULL;
	bool offset;

	for (char *c = b->data; *c != '\0'; c++)
		if (*c == 't' || *c == ' ')
			*c = 'T';
		else if (*c == 'z')
			*c = 'Z';
	if (s[2] == ':') {
		if (time_ok(s, false, &offset))
			type = "time-local";
	} else if (shape(s, "dddd-dd-dd") != NULL && date_ok(s)) {
		if (s[10] == '\0')
			type = "date-local";
		else if (s[10] == 'T' && time_ok(s + 11, true, &offset))
			type = offset ? "datetime" : "datetime-local";
	}
	if (type == NULL) {
		fail(t, "not a date or time: %s", s);
		return NULL;
	}
	return scalar(t, type, s, json_string(s));
}

static json_t *
bare_value(struct toml *t)
{
	auto_buf struct buf b = { 0 };
	bool moment;

	buf_add(&b, "", 0);
	while (t->p < t->end && b.len < 1024 &&
	       (is_bare(*t->p) || strchr("+.:", *t->p) != NULL) &&
	       *t->p != '\0')
		buf_addc(&b, *t->p++);
	moment = shape(b.data, "dddd-") != NULL || shape(b.data, "dd:") != NULL;
	if (b.len == 10 && moment && t->end - t->p > 3 && *t->p == ' ' &&
	    shape(t->p + 1, "dd") != NULL) { /* "1979-05-27 07:32:00" */
		buf_addc(&b, *t->p++);
		while (t->p < t->end && *t->p != '\0' &&
		       (is_bare(*t->p) || strchr("+.:", *t->p) != NULL) &&
		       b.len < 64)
			buf_addc(&b, *t->p++);
	}
	if (moment)
		return moment_value(t, &b);
	if (strcmp(b.data, "true") == 0 || strcmp(b.data, "false") == 0)
		return scalar(t, "bool", b.data, json_boolean(*b.data == 't'));
	if (b.data[0] == '0' && b.data[1] != '\0' &&
	    strchr("xob", b.data[1]) != NULL)
		return based_value(t, b.data);
	return number_value(t, b.data);
}

static json_t *
array_value(struct toml *t, int depth)
{
	json_auto_t *list = json_array();

	take(t, "[");
	for (;;) {
		json_t *v;

		if (skip_lines(t) < 0)
			return NULL;
		if (take(t, "]"))
			return json_incref(list);
		if ((v = parse_value(t, depth)) == NULL)
			return NULL;
		json_array_append_new(list, v);
		if (skip_lines(t) < 0)
			return NULL;
		if (!take(t, ",") && !at(t, "]")) {
			fail(t, "array: ',' or ']' is missing");
			return NULL;
		}
	}
}

/* key = value into table: parents made by dots are marked so. */
static int
parse_pair(struct toml *t, json_t *table, int depth)
{
	auto_buf struct buf key = { 0 };
	json_t *v;

	for (;; depth++) {
		if (depth > DEPTH_MAX)
			return fail(t, "nested too deep");
		if (parse_key(t, &key) < 0)
			return -1;
		skip_blanks(t);
		if (!take(t, "."))
			break;
		skip_blanks(t);
		v = get(table, &key);
		if (v == NULL)
			v = put(t, table, &key, json_object(), DOTTED);
		else if (mark_of(t, v) != DOTTED)
			return fail(t, "%s: is defined already", key.data);
		table = v;
	}
	if (!take(t, "="))
		return fail(t, "%s: '=' is missing", key.data);
	if (get(table, &key) != NULL)
		return fail(t, "%s: is defined already", key.data);
	skip_blanks(t);
	if ((v = parse_value(t, depth)) == NULL)
		return -1;
	put(t, table, &key, v, NO_MARK);
	return 0;
}

static json_t *
inline_table(struct toml *t, int depth)
{
	json_auto_t *table = json_object();

	take(t, "{");
	skip_blanks(t);
	if (take(t, "}"))
		return json_incref(table);
	for (;;) {
		skip_blanks(t);
		if (parse_pair(t, table, depth) < 0)
			return NULL;
		skip_blanks(t);
		if (take(t, "}"))
			return json_incref(table);
		if (!take(t, ",")) {
			fail(t, "inline table: ',' or '}' is missing");
			return NULL;
		}
	}
}

static json_t *
parse_value(struct toml *t, int depth)
{
	if (depth >= DEPTH_MAX) {
		fail(t, "nested too deep");
		return NULL;
	}
	if (at(t, "\"") || at(t, "'"))
		return string_value(t);
	if (at(t, "["))
		return array_value(t, depth + 1);
	if (at(t, "{"))
		return inline_table(t, depth + 1);
	return bare_value(t);
}

/* The table that one more part of a header leads to, or NULL. */
static json_t *
descend(struct toml *t, json_t *table, const struct buf *key)
{
	json_t *v = get(table, key);

	if (v == NULL)
		return put(t, table, key, json_object(), IMPLICIT);
	if (mark_of(t, v) == TABLES)
		return json_array_get(v, json_array_size(v) - 1);
	return mark_of(t, v) != NO_MARK ? v : NULL;
}

static json_t *
open_table(struct toml *t, json_t *table, const struct buf *key, bool array)
{
	json_t *v = get(table, key);

	if (array) {
		if (v == NULL)
			v = put(t, table, key, json_array(), TABLES);
		else if (mark_of(t, v) != TABLES)
			return NULL;
		table = json_object();
		json_array_append_new(v, table);
		return mark(t, table, EXPLICIT);
	}
	if (v == NULL)
		return put(t, table, key, json_object(), EXPLICIT);
	return mark_of(t, v) == IMPLICIT ? mark(t, v, EXPLICIT) : NULL;
}

static int
parse_header(struct toml *t, json_t **table)
{
	auto_buf struct buf key = { 0 };
	bool array = take(t, "[[");

	if (!array)
		take(t, "[");
	for (int depth = 0;; depth++) {
		if (depth >= DEPTH_MAX)
			return fail(t, "nested too deep");
		skip_blanks(t);
		if (parse_key(t, &key) < 0)
			return -1;
		skip_blanks(t);
		if (!take(t, "."))
			break;
		*table = descend(t, *table, &key);
		if (*table == NULL)
			return fail(t, "%s: is not a table", key.data);
	}
	if (!take(t, array ? "]]" : "]"))
		return fail(t, "header is not closed");
	*table = open_table(t, *table, &key, array);
	if (*table == NULL)
		return fail(t, "%s: is defined already", key.data);
	return 0;
}

static int
parse_line(struct toml *t, json_t *root, json_t **table)
{
	skip_blanks(t);
	if (at(t, "[")) {
		*table = root;
		if (parse_header(t, table) < 0)
			return -1;
	} else if (t->p < t->end && !at(t, "#") && !at(t, "\n") &&
		   !at(t, "\r\n")) {
		if (parse_pair(t, *table, 0) < 0)
			return -1;
	}
	skip_blanks(t);
	if (skip_comment(t) < 0)
		return -1;
	if (t->p < t->end && !take_newline(t))
		return fail(t, "the line goes on after a value");
	return 0;
}

json_t *
toml_parse(const char *s, size_t n, enum toml_flags flags, const char *what,
    struct err *err)
{
	struct toml t = { .p = s,
		.end = s + n,
		.what = what,
		.line = 1,
		.typed = flags & TOML_TYPED,
		.err = err };
	json_t *root = json_object(), *table = root;

	(void)take(&t, "\xef\xbb\xbf");
	if (!text_is_utf8(t.p, (size_t)(t.end - t.p))) {
		fail(&t, "not UTF-8");
		json_decref(root);
		return NULL;
	}
	while (root != NULL && t.p < t.end)
		if (parse_line(&t, root, &table) < 0) {
			json_decref(root);
			root = NULL;
		}
	free(t.marks);
	return root;
}
