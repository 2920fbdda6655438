#include "plan/schedule.h"

#include <stddef.h>
#include <string.h>
#include <strings.h>

struct field {
	unsigned min, max;
	const char *names; /* three letters each, of min and so on; or "" */
};

static const struct field fields[] = {
	{ 0, 59, "" },
	{ 0, 23, "" },
	{ 1, 31, "" },
	{ 1, 12, "janfebmaraprmayjunjulaugsepoctnovdec" },
	{ 0, 7, "sunmontuewedthufrisat" },
};

/* What follows a number of at most two digits, or NULL. */
static const char *
number(const char *s, unsigned *n)
{
	size_t len = strspn(s, "0123456789");

	if (len == 0 || len > 2)
		return NULL;
	for (*n = 0; len > 0; len--)
		*n = *n * 10 + (unsigned)(*s++ - '0');
	return s;
}

static const char *
value(const char *s, const struct field *f, unsigned *n)
{
	for (size_t i = 0; f->names[i * 3] != '\0'; i++)
		if (strncasecmp(s, f->names + i * 3, 3) == 0) {
			*n = f->min + (unsigned)i;
			return s + 3;
		}
	s = number(s, n);
	return s != NULL && *n >= f->min && *n <= f->max ? s : NULL;
}

/* "*", "*" "/5", "7", "1-5", "1-5/2": what follows, or NULL. */
static const char *
item(const char *s, const struct field *f)
{
	unsigned from, to, step;
	bool many = *s == '*';

	s = many ? s + 1 : value(s, f, &from);
	if (s != NULL && !many && *s == '-') {
		many = true;
		s = value(s + 1, f, &to);
		if (s != NULL && to < from)
			return NULL;
	}
	if (s == NULL || *s != '/')
		return s;
	s = number(s + 1, &step);
	return many && s != NULL && step > 0 ? s : NULL;
}

bool
schedule_ok(const char *s)
{
	for (size_t i = 0; i < sizeof(fields) / sizeof(*fields); i++) {
		size_t blanks = strspn(s, " \t");

		if (i > 0 && blanks == 0)
			return false;
		s = item(s + blanks, &fields[i]);
		while (s != NULL && *s == ',')
			s = item(s + 1, &fields[i]);
		if (s == NULL)
			return false;
	}
	return s[strspn(s, " \t")] == '\0';
}
