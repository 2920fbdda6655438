#include "http/jsonstream.h"

#include <string.h>

#include "base/json.h"

enum { OBJECT_MAX = 16 << 20 };

static int
give(struct jsonstream *s, struct err *err)
{
	json_error_t why;
	json_auto_t *v = json_loadb(s->object.data, s->object.len, 0, &why);

	buf_clear(&s->object);
	if (v == NULL)
		return err_set(err, EX_PROTOCOL, "bad-answer", "%s: %s",
		    s->what, why.text);
	return s->each(v, s->ctx, err);
}

/* Follows strings and depth; true when c ends an object. */
static bool
follow(struct jsonstream *s, char c)
{
	if (s->string) {
		if (s->escape)
			s->escape = false;
		else if (c == '\\')
			s->escape = true;
		else
			s->string = c != '"';
		return false;
	}
	if (c == '"')
		s->string = true;
	else if (c == '{' || c == '[')
		s->depth++;
	else if (c == '}' || c == ']')
		return --s->depth <= 0;
	return false;
}

int
jsonstream_add(struct jsonstream *s, const void *data, size_t n,
    struct err *err)
{
	const char *p = data;
	size_t from = 0;

	for (size_t i = 0; i < n; i++) {
		if (s->depth == 0 && s->object.len == 0 && from == i &&
		    strchr(" \t\r\n\x1e", p[i]) != NULL && p[i] != '\0') {
			from = i + 1;
			continue;
		}
		if (s->depth == 0 && p[i] != '{')
			return err_set(err, EX_PROTOCOL, "bad-answer",
			    "%s: not a JSON object", s->what);
		if (!follow(s, p[i]))
			continue;
		buf_add(&s->object, p + from, i + 1 - from);
		from = i + 1;
		s->depth = 0;
		if (give(s, err) < 0)
			return -1;
	}
	buf_add(&s->object, p + from, n - from);
	if (s->object.len > OBJECT_MAX)
		return err_set(err, EX_PROTOCOL, "bad-answer",
		    "%s: an object of more than %d bytes", s->what, OBJECT_MAX);
	return 0;
}

int
jsonstream_end(struct jsonstream *s, struct err *err)
{
	if (s->object.len == 0)
		return 0;
	return err_set(err, EX_UNAVAILABLE, "connection-lost",
	    "%s: the answer ends inside an object", s->what);
}

void
jsonstream_release(struct jsonstream *s)
{
	buf_release(&s->object);
}
