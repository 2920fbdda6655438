#include "parse/xml.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/text.h"

enum { DEPTH_MAX = 64, ELEMENTS_MAX = 100000 };

struct xml {
	const char *s, *end, *what;
	const char *counted; /* up to here, lines have been counted */
	int line, elements;
	struct err *err;
};

static int
line_here(struct xml *x)
{
	for (; x->counted < x->s && x->counted < x->end; x->counted++)
		x->line += *x->counted == '\n';
	return x->line;
}

static int
bad(struct xml *x, const char *why)
{
	return err_set(x->err, EX_DATAERR, "bad-xml", "%s:%d: %s", x->what,
	    line_here(x), why);
}

static bool
at(const struct xml *x, const char *word)
{
	size_t n = strlen(word);

	return (size_t)(x->end - x->s) >= n && memcmp(x->s, word, n) == 0;
}

/* Over everything up to and with word. */
static int
skip_past(struct xml *x, const char *word, const char *what)
{
	size_t n = strlen(word);
	const char *found = memmem(x->s, (size_t)(x->end - x->s), word, n);

	if (found == NULL)
		return bad(x, what);
	x->s = found + n;
	return 0;
}

static void
blanks(struct xml *x)
{
	while (x->s < x->end && isspace((unsigned char)*x->s))
		x->s++;
}

static bool
is_name(char c)
{
	return isalnum((unsigned char)c) || (unsigned char)c >= 0x80 ||
	       (c != '\0' && strchr("_-.:", c) != NULL);
}

/* A name without its prefix; empty: there is none. */
static void
name(struct xml *x, struct buf *b)
{
	buf_clear(b);
	buf_add(b, "", 0);
	for (; x->s < x->end && is_name(*x->s); x->s++) {
		if (*x->s == ':')
			buf_clear(b);
		else
			buf_addc(b, *x->s);
	}
}

static void
put_code(struct buf *b, unsigned long c)
{
	if (c == 0 || c > 0x10ffff || (c >= 0xd800 && c < 0xe000))
		buf_adds(b, "\xef\xbf\xbd");
	else if (c < 0x80)
		buf_addc(b, (int)c);
	else if (c < 0x800) {
		buf_addc(b, (int)(0xc0 | c >> 6));
		buf_addc(b, (int)(0x80 | (c & 0x3f)));
	} else if (c < 0x10000) {
		buf_addc(b, (int)(0xe0 | c >> 12));
		buf_addc(b, (int)(0x80 | (c >> 6 & 0x3f)));
		buf_addc(b, (int)(0x80 | (c & 0x3f)));
	} else {
		buf_addc(b, (int)(0xf0 | c >> 18));
		buf_addc(b, (int)(0x80 | (c >> 12 & 0x3f)));
		buf_addc(b, (int)(0x80 | (c >> 6 & 0x3f)));
		buf_addc(b, (int)(0x80 | (c & 0x3f)));
	}
}

/* An entity at x->s, "&lt;"; what is none is text. */
static void
entity(struct xml *x, struct buf *b)
{
	static const struct {
		const char *text;
		char is;
	} known[] = { { "&lt;", '<' }, { "&gt;", '>' }, { "&amp;", '&' },
		{ "&quot;", '"' }, { "&apos;", '\'' } };
	char number[12] = "";
	const char *stop;

	for (size_t i = 0; i < sizeof(known) / sizeof(*known); i++)
		if (at(x, known[i].text)) {
			buf_addc(b, known[i].is);
			x->s += strlen(known[i].text);
			return;
		}
	stop = memchr(x->s, ';', (size_t)(x->end - x->s));
	if (at(x, "&#") && stop != NULL &&
	    (size_t)(stop - x->s - 2) < sizeof(number)) {
		bool hex = x->s[2] == 'x';
		char *rest;
		unsigned long c;

		memcpy(number, x->s + 2, (size_t)(stop - x->s - 2));
		c = strtoul(number + hex, &rest, hex ? 16 : 10);
		if (*rest == '\0' && rest > number + hex) {
			put_code(b, c);
			x->s = stop + 1;
			return;
		}
	}
	buf_addc(b, *x->s++);
}

static int
attribute(struct xml *x, json_t *o)
{
	auto_buf struct buf key = { 0 }, value = { 0 };
	json_t *attrs = json_object_get(o, "attrs");
	char quote;

	name(x, &key);
	if (key.len == 0)
		return bad(x, "not an attribute");
	blanks(x);
	if (x->s == x->end || *x->s != '=')
		return bad(x, "an attribute without a value");
	x->s++;
	blanks(x);
	if (x->s == x->end || (*x->s != '"' && *x->s != '\''))
		return bad(x, "an attribute's value without quotes");
	quote = *x->s++;
	while (x->s < x->end && *x->s != quote) {
		if (*x->s == '&')
			entity(x, &value);
		else
			buf_addc(&value, *x->s++);
	}
	if (x->s == x->end)
		return bad(x, "an attribute's value does not end");
	x->s++;
	if (attrs == NULL) {
		attrs = json_object();
		json_object_set_new(o, "attrs", attrs);
	}
	if (text_is_utf8(key.data, key.len))
		json_object_set_new(attrs, key.data,
		    json_text(buf_str(&value)));
	return 0;
}

static json_t *element(struct xml *, int depth);

/* Markup that is no element: 1 passed over, 0 none, -1 wrong. */
static int
aside(struct xml *x, struct buf *text)
{
	if (at(x, "<!--"))
		return skip_past(x, "-->", "a comment does not end") < 0 ? -1
									 : 1;
	if (at(x, "<?"))
		return skip_past(x, "?>", "an instruction does not end") < 0
			   ? -1
			   : 1;
	if (text != NULL && at(x, "<![CDATA[")) {
		const char *from = x->s + 9;

		if (skip_past(x, "]]>", "a CDATA section does not end") < 0)
			return -1;
		buf_add(text, from, (size_t)(x->s - 3 - from));
		return 1;
	}
	return 0;
}

/* What is in an element, up to its end tag. */
static int
content(struct xml *x, json_t *o, const char *tag, int depth)
{
	auto_buf struct buf text = { 0 }, end = { 0 };
	json_t *in = NULL, *one;
	const char *from, *to;

	while (x->s < x->end && !at(x, "</")) {
		int got = aside(x, &text);

		if (got < 0)
			return -1;
		if (got == 1)
			continue;
		if (*x->s == '<') {
			if ((one = element(x, depth + 1)) == NULL)
				return -1;
			if (in == NULL) {
				in = json_array();
				json_object_set_new(o, "in", in);
			}
			json_array_append_new(in, one);
		} else if (*x->s == '&') {
			entity(x, &text);
		} else {
			buf_addc(&text, *x->s++);
		}
	}
	if (x->s == x->end)
		return bad(x, "an element does not end");
	x->s += 2;
	name(x, &end);
	if (strcmp(buf_str(&end), tag) != 0)
		return bad(x, "an end tag without its start");
	blanks(x);
	if (x->s == x->end || *x->s != '>')
		return bad(x, "an end tag does not end");
	x->s++;
	from = buf_str(&text);
	to = from + text.len;
	while (from < to && isspace((unsigned char)*from))
		from++;
	while (to > from && isspace((unsigned char)to[-1]))
		to--;
	if (to > from)
		json_object_set_new(o, "text",
		    json_textn(from, (size_t)(to - from)));
	return 0;
}

static json_t *
element(struct xml *x, int depth)
{
	auto_buf struct buf tag = { 0 };
	json_auto_t *o = NULL;

	if (depth > DEPTH_MAX || ++x->elements > ELEMENTS_MAX) {
		(void)bad(x, "too deep or too many elements");
		return NULL;
	}
	o = json_pack("{s:s, s:i}", "text", "", "line", line_here(x));
	x->s++;
	name(x, &tag);
	if (tag.len == 0) {
		(void)bad(x, "not an element");
		return NULL;
	}
	json_object_set_new(o, "name", json_text(tag.data));
	for (blanks(x); x->s < x->end && *x->s != '>' && *x->s != '/';
	     blanks(x))
		if (attribute(x, o) < 0)
			return NULL;
	if (at(x, "/>")) {
		x->s += 2;
		return json_incref(o);
	}
	if (x->s == x->end || *x->s != '>') {
		(void)bad(x, "a tag does not end");
		return NULL;
	}
	x->s++;
	return content(x, o, tag.data, depth) < 0 ? NULL : json_incref(o);
}

/* <!DOCTYPE x [ ... ]>: to its end, brackets counted. */
static int
doctype(struct xml *x)
{
	int open = 0;

	for (; x->s < x->end; x->s++) {
		open += *x->s == '[' ? 1 : *x->s == ']' ? -1 : 0;
		if (*x->s == '>' && open <= 0) {
			x->s++;
			return 0;
		}
	}
	return bad(x, "a document type does not end");
}

json_t *
xml_parse(const char *text, size_t n, const char *what, struct err *err)
{
	struct xml x = { text, text + n, what, text, 1, 0, err };

	if (at(&x, "\xef\xbb\xbf"))
		x.s += 3;
	for (;;) {
		int got;

		blanks(&x);
		if ((got = aside(&x, NULL)) < 0)
			return NULL;
		if (got == 0 && at(&x, "<!DOCTYPE")) {
			if (doctype(&x) < 0)
				return NULL;
		} else if (got == 0) {
			break;
		}
	}
	if (x.s == x.end || *x.s != '<') {
		(void)bad(&x, "no element");
		return NULL;
	}
	return element(&x, 1);
}

const json_t *
xml_at(const json_t *o, const char *path)
{
	while (o != NULL && *path != '\0') {
		size_t n = strcspn(path, "."), i;
		json_t *one, *found = NULL;

		json_array_foreach(json_object_get(o, "in"), i, one) {
			const char *s = json_str(one, "name", "");

			if (strncmp(s, path, n) == 0 && s[n] == '\0') {
				found = one;
				break;
			}
		}
		o = found;
		path += n + (path[n] == '.');
	}
	return o;
}

const char *
xml_text(const json_t *o, const char *path)
{
	const char *s = json_str(xml_at(o, path), "text", "");

	return *s != '\0' ? s : NULL;
}

int
xml_line(const json_t *o)
{
	return (int)json_int(o, "line", 0);
}
