#include "parse/semver.h"

#include <ctype.h>
#include <string.h>

enum { PART_MAX = 1000000 };

/* Parts until one is missing or x; the rest of s, or NULL. */
static const char *
parts(struct semver *v, const char *s)
{
	*v = (struct semver){ 0 };
	if (*s == 'v' || *s == 'V')
		s++;
	for (int i = 0; i < 3; i++) {
		if (*s == 'x' || *s == 'X' || *s == '*') {
			while (*s == 'x' || *s == 'X' || *s == '*' || *s == '.')
				s++;
			return s;
		}
		if (!isdigit((unsigned char)*s))
			return NULL;
		while (isdigit((unsigned char)*s)) {
			v->part[i] = v->part[i] * 10 + (unsigned)(*s++ - '0');
			if (v->part[i] > PART_MAX)
				return NULL;
		}
		v->given = i + 1;
		if (*s != '.' || i == 2)
			break;
		s++;
	}
	return s;
}

/* A label behind a version, "-rc.1+x86", "rc1": what is left after it. */
static const char *
label(const char *s)
{
	while (isalnum((unsigned char)*s) || (*s != '\0' && strchr("-+.", *s)))
		s++;
	return s;
}

bool
semver_parse(struct semver *v, const char *s)
{
	const char *end = parts(v, s);

	return end != NULL && *label(end) == '\0' && v->given > 0;
}

int
semver_compare(const struct semver *a, const struct semver *b)
{
	for (int i = 0; i < 3; i++)
		if (a->part[i] != b->part[i])
			return a->part[i] < b->part[i] ? -1 : 1;
	return 0;
}

/* Is v below what follows all versions that begin as lim's first n parts? */
static bool
within(const struct semver *v, const struct semver *lim, int n)
{
	for (int i = 0; i < n; i++)
		if (v->part[i] != lim->part[i])
			return v->part[i] < lim->part[i];
	return true;
}

static int
caret_parts(const struct semver *lim)
{
	int n = 1;

	while (n < lim->given && n < 3 && lim->part[n - 1] == 0)
		n++;
	return n;
}

enum op { GE, GT, LE, LT, EQ, NE, TILDE, CARET, COMPATIBLE };

static const struct {
	const char *text;
	enum op op;
} ops[] = { /* longest first */
	{ ">=", GE }, { "<=", LE }, { "!=", NE }, { "~=", COMPATIBLE },
	{ "~>", COMPATIBLE }, { "===", EQ }, { "==", EQ }, { ">", GT }, { "<", LT },
	{ "=", EQ }, { "~", TILDE }, { "^", CARET }
};

static bool
holds(enum op op, const struct semver *lim, const struct semver *v)
{
	bool from = semver_compare(v, lim) >= 0;
	bool inside = from && within(v, lim, lim->given);

	switch (op) {
	case GE:
		return from;
	case GT:
		return from && !inside;
	case LE:
		return within(v, lim, lim->given);
	case LT:
		return !from;
	case EQ:
		return inside;
	case NE:
		return !inside;
	case TILDE:
		return from && within(v, lim, lim->given < 2 ? lim->given : 2);
	case CARET:
		return from &&
		       within(v, lim, lim->given == 0 ? 0 : caret_parts(lim));
	case COMPATIBLE:
		return from &&
		       within(v, lim, lim->given > 1 ? lim->given - 1 : 1);
	}
	return false;
}

static const char *
blanks(const char *s)
{
	return s + strspn(s, " \t\n\r,");
}

/* One comparator, or a hyphen range; the rest, NULL if it is none. */
static const char *
comparator(const char *s, const struct semver *v, bool *good)
{
	struct semver lim, high;
	enum op op = EQ;
	const char *rest;

	for (size_t i = 0; i < sizeof(ops) / sizeof(*ops); i++) {
		size_t n = strlen(ops[i].text);

		if (strncmp(s, ops[i].text, n) == 0) {
			op = ops[i].op;
			s = blanks(s + n);
			break;
		}
	}
	if ((s = parts(&lim, s)) == NULL)
		return NULL;
	s = label(s);
	rest = blanks(s);
	if (rest[0] == '-' && strchr(" \t", rest[1]) != NULL &&
	    rest[1] != '\0') {
		if ((s = parts(&high, blanks(rest + 1))) == NULL)
			return NULL;
		s = label(s);
		*good = *good && holds(GE, &lim, v) && holds(LE, &high, v);
	} else {
		*good = *good && holds(op, &lim, v);
	}
	return *s == '\0' || strchr(" \t\n\r,|<>=~^!", *s) != NULL ? s : NULL;
}

int
semver_match(const char *range, const struct semver *v)
{
	bool any = false;

	for (const char *s = range;;) {
		bool good = true;

		for (s = blanks(s); *s != '\0' && *s != '|'; s = blanks(s))
			if ((s = comparator(s, v, &good)) == NULL)
				return -1;
		any = any || good;
		if (*s == '\0')
			return any;
		s += strspn(s, "|");
	}
}
