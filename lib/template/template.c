#include "template/template.h"

#include <ctype.h>
#include <stdbool.h>
#include <string.h>

#include "base/json.h"

enum { STACK_MAX = 64, PARTIAL_MAX = 32, DELIMITER = 16 };

struct render {
	const struct template_args *args;
	const char *what;
	struct buf *out;
	struct err *err;
	const json_t *stack[STACK_MAX];
	size_t depth;
	int partials;
};

/* A place in a text; base and limit are looked at around a tag, too. */
struct cursor {
	const char *base, *limit;
	const char *p, *end;
	char open[DELIMITER], close[DELIMITER];
};

struct tag {
	char kind; /* # ^ / ! > = & or v for a variable */
	const char *start, *end; /* with its line, if it stands alone */
	const char *name;
	size_t len;
	size_t indent; /* of a partial that stands alone */
};

static int
fail(struct render *r, const struct cursor *c, const char *at, const char *text)
{
	int line = 1;

	for (const char *s = c->base; s < at; s++)
		line += *s == '\n';
	return err_set(r->err, EX_DATAERR, "bad-template", "%s:%d: %s", r->what,
	    line, text);
}

static const char *
find(const char *s, const char *end, const char *text)
{
	return s != NULL && s < end
		   ? memmem(s, (size_t)(end - s), text, strlen(text))
		   : NULL;
}

static void
trim(struct tag *t)
{
	while (t->len > 0 && isspace((unsigned char)*t->name)) {
		t->name++;
		t->len--;
	}
	while (t->len > 0 && isspace((unsigned char)t->name[t->len - 1]))
		t->len--;
}

/* A tag that is no variable and alone on its line takes the line with it. */
static void
stand_alone(const struct cursor *c, struct tag *t)
{
	const char *from = t->start, *to = t->end;

	while (from > c->base && (from[-1] == ' ' || from[-1] == '\t'))
		from--;
	while (to < c->limit && (*to == ' ' || *to == '\t'))
		to++;
	if ((from > c->base && from[-1] != '\n') ||
	    (to < c->limit && *to != '\n' &&
		!(*to == '\r' && to + 1 < c->limit && to[1] == '\n')))
		return;
	if (to < c->limit)
		to += *to == '\r' ? 2 : 1;
	t->indent = (size_t)(t->start - from);
	t->start = from;
	t->end = to;
}

static bool
set_delimiters(struct cursor *c, const struct tag *t)
{
	const char *s = t->name, *end = t->name + t->len;
	size_t n = 0, m = 0;

	while (s + n < end && !isspace((unsigned char)s[n]))
		n++;
	while (end - m > s + n && !isspace((unsigned char)end[-1 - (int)m]))
		m++;
	if (n == 0 || m == 0 || n >= DELIMITER || m >= DELIMITER)
		return false;
	memcpy(c->open, s, n);
	c->open[n] = '\0';
	memcpy(c->close, end - m, m);
	c->close[m] = '\0';
	return true;
}

/* The next tag at or after c->p: 1, 0 there is none, -1. */
static int
next_tag(struct render *r, struct cursor *c, struct tag *t)
{
	const char *start = find(c->p, c->end, c->open), *s, *end;
	char close[DELIMITER + 2];

	if (start == NULL)
		return 0;
	s = start + strlen(c->open);
	*t = (struct tag){ .kind = 'v', .start = start, .name = s };
	(void)snprintf(close, sizeof(close), "%s", c->close);
	if (s < c->end && strchr("#^/!>=&{", *s) != NULL && *s != '\0') {
		t->kind = *s++;
		if (t->kind == '{')
			(void)snprintf(close, sizeof(close), "}%s", c->close);
		else if (t->kind == '=')
			(void)snprintf(close, sizeof(close), "=%s", c->close);
	}
	if ((end = find(s, c->end, close)) == NULL)
		return fail(r, c, start, "a tag is not closed");
	t->name = s;
	t->len = (size_t)(end - s);
	t->end = end + strlen(close);
	if (t->kind == '{')
		t->kind = '&';
	trim(t);
	if (t->kind != 'v' && t->kind != '&')
		stand_alone(c, t);
	if (t->start < c->p)
		t->start = c->p;
	if (t->kind == '=' && !set_delimiters(c, t))
		return fail(r, c, start, "these are no delimiters");
	return 1;
}

/* Over the section to its closing tag. */
static int
find_close(struct render *r, struct cursor *c, const struct tag *section,
    struct tag *close)
{
	int depth = 1, got;

	c->p = section->end;
	while ((got = next_tag(r, c, close)) == 1) {
		c->p = close->end;
		if (close->kind == '#' || close->kind == '^')
			depth++;
		if (close->kind != '/' || --depth > 0)
			continue;
		if (close->len != section->len ||
		    memcmp(close->name, section->name, close->len) != 0)
			return fail(r, c, close->start,
			    "another section is closed here");
		return 0;
	}
	return got < 0 ? -1
		       : fail(r, c, section->start, "section is not closed");
}

static json_t *
lookup(const struct render *r, const char *name, size_t len)
{
	size_t head = len, i = r->depth;
	const char *dot = len > 0 ? memchr(name, '.', len) : NULL;
	json_t *v = NULL;

	if (len == 1 && *name == '.')
		return (json_t *)(uintptr_t)r->stack[r->depth - 1];
	if (dot != NULL)
		head = (size_t)(dot - name);
	while (v == NULL && i-- > 0)
		v = json_object_getn(r->stack[i], name, head);
	while (v != NULL && head < len) {
		const char *part = name + head + 1;
		size_t rest = len - head - 1;

		dot = memchr(part, '.', rest);
		rest = dot != NULL ? (size_t)(dot - part) : rest;
		v = json_object_getn(v, part, rest);
		head += 1 + rest;
	}
	return v;
}

static bool
is_true(const json_t *v)
{
	return v != NULL && !json_is_null(v) && !json_is_false(v) &&
	       !(json_is_array(v) && json_array_size(v) == 0);
}

static int
put(struct render *r, const struct tag *t)
{
	const json_t *v = lookup(r, t->name, t->len);

	if (v == NULL || json_is_null(v) || json_is_object(v))
		return 0;
	if (t->kind == 'v')
		return r->args->escape(r->out, v, r->err);
	if (json_is_string(v))
		buf_add(r->out, json_string_value(v), json_string_length(v));
	else if (json_is_real(v))
		buf_addf(r->out, "%.15g", json_real_value(v));
	else
		json_write(r->out, v, JSON_COMPACT);
	return 0;
}

static int render_text(struct render *, struct cursor *);

static int
render_inner(struct render *r, const struct cursor *at, const json_t *v)
{
	struct cursor c = *at;

	if (r->depth >= STACK_MAX)
		return fail(r, at, at->p, "nested too deep");
	r->stack[r->depth++] = v;
	if (render_text(r, &c) < 0)
		return -1;
	r->depth--;
	return 0;
}

static int
render_section(struct render *r, struct cursor *c, const struct tag *t)
{
	const json_t *v = lookup(r, t->name, t->len);
	struct cursor inner = *c;
	struct tag close = { .name = "" };
	size_t i;
	json_t *one;

	if (find_close(r, c, t, &close) < 0)
		return -1;
	inner.p = t->end;
	inner.end = close.start > t->end ? close.start : t->end;
	if (t->kind == '^')
		return is_true(v)
			   ? 0
			   : render_inner(r, &inner, r->stack[r->depth - 1]);
	if (!is_true(v))
		return 0;
	if (!json_is_array(v))
		return render_inner(r, &inner, v);
	json_array_foreach(v, i, one)
		if (render_inner(r, &inner, one) < 0)
			return -1;
	return 0;
}

static int
render_partial(struct render *r, const struct cursor *at, const struct tag *t)
{
	auto_free char *name = mem_strndup(t->name, t->len);
	const char *text = r->args->partial != NULL
			       ? r->args->partial(name, r->args->ctx)
			       : NULL;
	auto_buf struct buf indented = { 0 };
	struct cursor c = { .open = "{{", .close = "}}" };
	int got;

	if (text == NULL)
		return 0;
	if (r->partials >= PARTIAL_MAX)
		return fail(r, at, t->start, "partials nested too deep");
	while (*text != '\0') {
		size_t n = strcspn(text, "\n");

		n += text[n] == '\n';
		buf_addf(&indented, "%*s", (int)t->indent, "");
		buf_add(&indented, text, n);
		text += n;
	}
	c.base = c.p = buf_str(&indented);
	c.limit = c.end = c.p + indented.len;
	r->partials++;
	got = render_text(r, &c);
	r->partials--;
	return got;
}

static int
render_tag(struct render *r, struct cursor *c, const struct tag *t)
{
	c->p = t->end;
	switch (t->kind) {
	case 'v':
	case '&':
		return put(r, t);
	case '#':
	case '^':
		return render_section(r, c, t);
	case '>':
		return render_partial(r, c, t);
	case '/':
		return fail(r, c, t->start, "no section is open here");
	default:
		return 0; /* a comment, new delimiters */
	}
}

static int
render_text(struct render *r, struct cursor *c)
{
	struct tag t = { .name = "" };
	int got;

	for (;;) {
		const char *from = c->p;

		if ((got = next_tag(r, c, &t)) < 0)
			return -1;
		if (got == 0)
			break;
		buf_add(r->out, from, (size_t)(t.start - from));
		if (render_tag(r, c, &t) < 0)
			return -1;
	}
	if (c->p < c->end)
		buf_add(r->out, c->p, (size_t)(c->end - c->p));
	return 0;
}

int
template_render(struct buf *out, const char *text, const char *what,
    const struct template_args *args, struct err *err)
{
	struct render r = {
		.args = args, .what = what, .out = out, .err = err
	};
	struct cursor c = {
		.base = text, .p = text, .open = "{{", .close = "}}"
	};

	c.limit = c.end = text + strlen(text);
	r.stack[r.depth++] = args->data;
	return render_text(&r, &c);
}
