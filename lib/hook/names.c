#include "hook/names.h"

#include <ctype.h>
#include <stdbool.h>
#include <string.h>
#include <strings.h>

/* A piece of punctuation, as it stands in JSON or in a form. */
static bool
mark(const char **p, const char *end, int c)
{
	const char *s = *p;
	char code[4] = { '%', "0123456789ABCDEF"[c >> 4],
		"0123456789ABCDEF"[c & 15] };

	if (s < end && *s == c) {
		*p = s + 1;
		return true;
	}
	if (end - s >= 3 && strncasecmp(s, code, 3) == 0) {
		*p = s + 3;
		return true;
	}
	return false;
}

static void
blanks(const char **p, const char *end)
{
	static const char set[] = " +\t\n\r";

	while (*p < end && **p != '\0') {
		if (strchr(set, **p) != NULL)
			(*p)++;
		else if (!mark(p, end, ' ') && !mark(p, end, '\n'))
			return;
	}
}

/* After "full_name": its value, if it is a string like owner/name. */
static bool
value(const char *p, const char *end, char out[NAME_BYTES])
{
	size_t n = 0;

	blanks(&p, end);
	if (!mark(&p, end, ':'))
		return false;
	blanks(&p, end);
	if (!mark(&p, end, '"'))
		return false;
	while (p < end && n < NAME_BYTES - 1) {
		if (mark(&p, end, '"')) {
			out[n] = '\0';
			return n > 0;
		}
		(void)mark(&p, end, '\\'); /* "\/" is "/" */
		if (mark(&p, end, '/')) {
			out[n++] = '/';
			continue;
		}
		if (p == end || (!isalnum((unsigned char)*p) && *p != '-' &&
				    *p != '_' && *p != '.'))
			return false;
		out[n++] = (char)tolower((unsigned char)*p++);
	}
	return false;
}

void
names_scan(const char *s, size_t size, struct strvec *names)
{
	static const char word[] = "full_name";
	const char *end = s + size, *p = s, *at;
	char name[NAME_BYTES];
	size_t n = sizeof(word) - 1;

	for (int seen = 0; seen < NAMES_SEEN && names->n < NAMES_MAX;) {
		at = memmem(p, (size_t)(end - p), word, n);
		if (at == NULL)
			return;
		p = at + n;
		if (!(at - s >= 1 && at[-1] == '"') &&
		    !(at - s >= 3 && memcmp(at - 3, "%22", 3) == 0))
			continue;
		if (!mark(&p, end, '"'))
			continue;
		seen++;
		if (value(p, end, name) && !strvec_has(names, name))
			strvec_add(names, name);
	}
}
