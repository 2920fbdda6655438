#include "registry/challenge.h"

#include <ctype.h>
#include <string.h>

#include "base/text.h"

void
challenge_release(struct challenge *c)
{
	free(c->realm);
	free(c->service);
	free(c->scope);
	*c = (struct challenge){ 0 };
}

/* The length of a token (RFC 9110, 5.6.2) at p. */
static size_t
token(const char *p)
{
	size_t n = 0;

	while (isalnum((unsigned char)p[n]) ||
	       (p[n] != '\0' && strchr("!#$%&'*+-.^_`|~", p[n]) != NULL))
		n++;
	return n;
}

static const char *
blanks(const char *p)
{
	return p + strspn(p, " \t");
}

/* A token or "quoted \"string\""; the end of it, NULL if it is neither. */
static const char *
value(const char *p, struct buf *out)
{
	size_t n = token(p);

	if (*p != '"') {
		buf_add(out, p, n);
		return n > 0 ? p + n : NULL;
	}
	for (p++; *p != '"'; p++) {
		if (*p == '\\' && p[1] != '\0')
			p++;
		if (*p == '\0')
			return NULL;
		buf_addc(out, *p);
	}
	return p + 1;
}

static void
set(struct challenge *c, const char *name, size_t n, struct buf *text)
{
	static const char *const names[] = { "realm", "service", "scope" };
	char **const to[] = { &c->realm, &c->service, &c->scope };

	for (size_t i = 0; i < 3; i++) {
		if (strlen(names[i]) != n ||
		    strncasecmp(name, names[i], n) != 0 || *to[i] != NULL)
			continue;
		*to[i] = mem_strdup(buf_str(text));
	}
}

/* NAME = VALUE, ... into c; where the next challenge begins. */
static const char *
params(const char *p, struct challenge *c)
{
	for (;;) {
		auto_buf struct buf text = { 0 };
		const char *name = p + strspn(p, " \t,"), *eq;
		size_t n = token(name);

		eq = blanks(name + n);
		if (n == 0 || *eq != '=')
			return name;
		p = value(blanks(eq + 1), &text);
		if (p == NULL)
			return "";
		set(c, name, n, &text);
	}
}

static enum challenge_kind
kind_of(const char *scheme, size_t n)
{
	if (n == 6 && strncasecmp(scheme, "Bearer", n) == 0)
		return CHALLENGE_BEARER;
	if (n == 5 && strncasecmp(scheme, "Basic", n) == 0)
		return CHALLENGE_BASIC;
	return CHALLENGE_NONE;
}

void
challenge_add(struct challenge *best, const char *header)
{
	for (;;) {
		auto_challenge struct challenge c = { 0 };
		struct challenge worse;
		const char *scheme = header + strspn(header, " \t,");
		size_t n = token(scheme);

		if (n == 0)
			return;
		c.kind = kind_of(scheme, n);
		header = params(scheme + n, &c);
		if (c.kind <= best->kind ||
		    (c.kind == CHALLENGE_BEARER && c.realm == NULL))
			continue;
		worse = *best;
		*best = c;
		c = worse;
	}
}
