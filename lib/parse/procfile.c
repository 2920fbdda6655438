#include "parse/procfile.h"

#include <ctype.h>
#include <stdbool.h>
#include <string.h>

#include "base/json.h"

static size_t
trim(const char **s, size_t n)
{
	while (n > 0 && isspace((unsigned char)**s)) {
		(*s)++;
		n--;
	}
	while (n > 0 && isspace((unsigned char)(*s)[n - 1]))
		n--;
	return n;
}

static bool
is_named(const json_t *list, const json_t *name)
{
	size_t i;
	json_t *one;

	json_array_foreach(list, i, one)
		if (json_equal(json_object_get(one, "name"), name))
			return true;
	return false;
}

static int
parse_line(json_t *list, const char *s, size_t n, int line)
{
	size_t name = 0;
	json_t *one;

	n = trim(&s, n);
	if (n == 0 || *s == '#')
		return 0;
	while (name < n && (isalnum((unsigned char)s[name]) || s[name] == '_' ||
			       s[name] == '-'))
		name++;
	if (name == 0 || name == n || s[name] != ':')
		return -1;
	one =
	    json_pack("{s:o, s:i}", "name", json_textn(s, name), "line", line);
	s += name + 1;
	n = trim(&s, n - name - 1);
	json_object_set_new(one, "command", json_textn(s, n));
	if (n == 0 || is_named(list, json_object_get(one, "name"))) {
		json_decref(one);
		return -1;
	}
	json_array_append_new(list, one);
	return 0;
}

json_t *
procfile_parse(const char *s, size_t n, const char *what, struct err *err)
{
	json_t *list = json_array();
	const char *end = s + n;

	for (int line = 1; s < end; line++) {
		const char *eol = memchr(s, '\n', (size_t)(end - s));
		size_t len = (size_t)((eol != NULL ? eol : end) - s);

		if (parse_line(list, s, len, line) < 0) {
			err_set(err, EX_DATAERR, "bad-procfile",
			    "%s:%d: not 'name: command' with a name of its own",
			    what, line);
			json_decref(list);
			return NULL;
		}
		s += len + 1;
	}
	return list;
}
