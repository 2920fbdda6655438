#include "parse/dotenv.h"

#include <ctype.h>
#include <stdbool.h>
#include <string.h>

#include "base/buf.h"
#include "base/json.h"
#include "base/text.h"

struct scan {
	const char *p, *end, *what;
	size_t line;
};

static int
bad(const struct scan *s, struct err *err, const char *why)
{
	return err_set(err, EX_DATAERR, "bad-env-file", "%s:%zu: %s", s->what,
	    s->line, why);
}

static void
skip_blanks(struct scan *s)
{
	while (s->p < s->end && (*s->p == ' ' || *s->p == '\t'))
		s->p++;
}

static void
skip_line(struct scan *s)
{
	while (s->p < s->end && *s->p != '\n')
		s->p++;
}

static size_t
key_len(const struct scan *s)
{
	size_t n = 0;

	while (s->p + n < s->end &&
	       (s->p[n] == '_' || isalnum((unsigned char)s->p[n])))
		n++;
	return n > 0 && isdigit((unsigned char)s->p[0]) ? 0 : n;
}

static int
escaped(int c)
{
	switch (c) {
	case 'n':
		return '\n';
	case 'r':
		return '\r';
	case 't':
		return '\t';
	default:
		return c;
	}
}

static int
quoted(struct scan *s, struct buf *out, struct err *err)
{
	char quote = *s->p++;

	while (s->p < s->end && *s->p != quote) {
		if (*s->p == '\n')
			s->line++;
		if (quote == '"' && *s->p == '\\' && s->p + 1 < s->end &&
		    strchr("nrt\"\\$", s->p[1]) != NULL) {
			buf_addc(out, escaped(s->p[1]));
			s->p += 2;
			continue;
		}
		buf_addc(out, *s->p++);
	}
	if (s->p >= s->end)
		return bad(s, err, "a quote that is not closed");
	s->p++;
	skip_blanks(s);
	if (s->p < s->end && *s->p != '\n' && *s->p != '\r' && *s->p != '#')
		return bad(s, err, "text after the closing quote");
	return 0;
}

static void
bare(struct scan *s, struct buf *out)
{
	const char *start = s->p;

	while (s->p < s->end && *s->p != '\n' &&
	       !(*s->p == '#' &&
		   (s->p == start || s->p[-1] == ' ' || s->p[-1] == '\t')))
		buf_addc(out, *s->p++);
	while (out->len > 0 && isspace((unsigned char)out->data[out->len - 1]))
		buf_cut(out, out->len - 1);
}

static int
one_line(struct scan *s, json_t *vars, struct err *err)
{
	auto_buf struct buf value = { 0 };
	auto_free char *key = NULL;
	size_t n;

	skip_blanks(s);
	if (s->p >= s->end || strchr("#\r\n", *s->p) != NULL)
		return 0;
	if (s->end - s->p > 7 && memcmp(s->p, "export ", 7) == 0) {
		s->p += 7;
		skip_blanks(s);
	}
	if ((n = key_len(s)) == 0)
		return bad(s, err, "not KEY=value");
	key = mem_strndup(s->p, n);
	s->p += n;
	skip_blanks(s);
	if (s->p >= s->end || *s->p != '=')
		return bad(s, err, "not KEY=value");
	s->p++;
	skip_blanks(s);
	if (s->p < s->end && (*s->p == '"' || *s->p == '\'')) {
		if (quoted(s, &value, err) < 0)
			return -1;
	} else {
		bare(s, &value);
	}
	if (value.len != 0 && memchr(value.data, '\0', value.len) != NULL)
		return bad(s, err, "a NUL byte");
	if (!text_is_utf8(buf_str(&value), value.len))
		return bad(s, err, "a value that is not UTF-8");
	json_object_set_new(vars, key, json_textn(buf_str(&value), value.len));
	if (value.data != NULL)
		explicit_bzero(value.data, value.cap);
	return 0;
}

json_t *
dotenv_parse(const char *text, size_t n, const char *what, struct err *err)
{
	struct scan s = { text, text + n, what, 1 };
	json_t *vars = json_object();

	if (n >= 3 && memcmp(text, "\xef\xbb\xbf", 3) == 0)
		s.p += 3;
	while (s.p < s.end) {
		if (one_line(&s, vars, err) < 0) {
			json_decref(vars);
			return NULL;
		}
		skip_line(&s);
		s.p++;
		s.line++;
	}
	return vars;
}
