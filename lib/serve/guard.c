#include "serve/guard.h"

#include <string.h>
#include <strings.h>

struct seen {
	bool host, length, coding;
};

static int
refuse(struct guard *g, int status, const char *why)
{
	g->status = status;
	g->why = why;
	return -1;
}

int
guard_find(const char *p, size_t n, size_t from, struct guard *g)
{
	for (size_t i = from; i < n; i++) {
		if (p[i] == '\0')
			return refuse(g, 400, "a NUL byte");
		if (p[i] == '\n' && (i == 0 || p[i - 1] != '\r'))
			return refuse(g, 400, "a line that ends without CR");
		if (i > 0 && p[i - 1] == '\r' && p[i] != '\n')
			return refuse(g, 400, "CR within a line");
		if (i >= 3 && p[i] == '\n' && p[i - 2] == '\n') {
			g->head = i + 1;
			return 1;
		}
	}
	if (n >= GUARD_HEAD)
		return refuse(g, 431, "the head is too large");
	return 0;
}

static bool
is_token(int c)
{
	return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') ||
	       (c >= 'a' && c <= 'z') ||
	       (c != '\0' && strchr("!#$%&'*+-.^_`|~", c) != NULL);
}

/* METHOD SP TARGET SP HTTP/1.x, n bytes of it. */
static int
request_line(const char *p, size_t n, bool *old, struct guard *g)
{
	const char *end = p + n, *target;
	size_t m = 0;

	while (m < n && p[m] >= 'A' && p[m] <= 'Z')
		m++;
	if (m == 0 || m > 16 || m == n || p[m] != ' ')
		return refuse(g, 400, "no method");
	target = p += m + 1;
	while (p<end && * p> ' ' && *p < 127)
		p++;
	if (p == target || *target != '/' ||
	    memchr(target, '#', (size_t)(p - target)) != NULL)
		return refuse(g, 400, "no path");
	if (p - target > GUARD_TARGET)
		return refuse(g, 414, "the path is too long");
	if (end - p != 9 || memcmp(p, " HTTP/", 6) != 0)
		return refuse(g, 400, "no version of HTTP");
	if (memcmp(p + 6, "1.", 2) != 0 || (p[8] != '0' && p[8] != '1'))
		return refuse(g, 505, "another version of HTTP");
	*old = p[8] == '0';
	return 0;
}

static int
host(const char *v, size_t n, struct seen *seen, struct guard *g)
{
	if (seen->host)
		return refuse(g, 400, "two Host headers");
	seen->host = true;
	for (size_t i = 0; i < n; i++)
		if (!is_token(v[i]) && strchr(":[]", v[i]) == NULL)
			return refuse(g, 400, "a Host that is none");
	return n > 0 ? 0 : refuse(g, 400, "an empty Host");
}

static int
length(const char *v, size_t n, struct seen *seen, struct guard *g)
{
	if (seen->length)
		return refuse(g, 400, "two Content-Length headers");
	seen->length = true;
	if (n == 0 || n > 15)
		return refuse(g, 400, "a Content-Length that is no length");
	for (size_t i = 0; i < n; i++) {
		if (v[i] < '0' || v[i] > '9')
			return refuse(g, 400,
			    "a Content-Length that is no length");
		g->length = g->length * 10 + (uint64_t)(v[i] - '0');
	}
	return 0;
}

static bool
is(const char *p, size_t n, const char *word)
{
	return n == strlen(word) && strncasecmp(p, word, n) == 0;
}

/* One line without its end. */
static int
header(const char *p, size_t n, struct seen *seen, struct guard *g)
{
	size_t m = 0, v;

	if (*p == ' ' || *p == '\t')
		return refuse(g, 400, "a folded header");
	while (m < n && is_token(p[m]))
		m++;
	if (m == 0 || m == n || p[m] != ':')
		return refuse(g, 400, "a header without a proper name");
	for (v = m + 1; v < n; v++)
		if (((unsigned char)p[v] < ' ' && p[v] != '\t') || p[v] == 127)
			return refuse(g, 400, "a control byte in a header");
	for (v = m + 1; v < n && (p[v] == ' ' || p[v] == '\t'); v++)
		continue;
	while (n > v && (p[n - 1] == ' ' || p[n - 1] == '\t'))
		n--;
	if (is(p, m, "Host"))
		return host(p + v, n - v, seen, g);
	if (is(p, m, "Content-Length"))
		return length(p + v, n - v, seen, g);
	if (is(p, m, "Transfer-Encoding"))
		seen->coding = true;
	if (is(p, m, "Expect")) {
		if (!is(p + v, n - v, "100-continue"))
			return refuse(g, 417, "an expectation not known");
		g->expect = true;
	}
	return 0;
}

int
guard_check(const char *p, struct guard *g)
{
	const char *last = p + g->head - 2; /* the empty line */
	struct seen seen = { 0 };
	size_t lines = 0;
	bool old = false;

	g->length = 0;
	g->expect = false;
	while (p < last) {
		const char *end = memchr(p, '\r', (size_t)(last - p));
		size_t n = (size_t)((end != NULL ? end : last) - p);
		int rc = lines == 0 ? request_line(p, n, &old, g)
				    : header(p, n, &seen, g);

		if (rc < 0)
			return -1;
		if (lines++ > GUARD_HEADERS)
			return refuse(g, 431, "too many headers");
		p += n + 2;
	}
	if (lines == 0)
		return refuse(g, 400, "no request");
	if (seen.coding && seen.length)
		return refuse(g, 400, "Transfer-Encoding and Content-Length");
	if (seen.coding)
		return refuse(g, 411, "a body without Content-Length");
	if (!seen.host && !old)
		return refuse(g, 400, "no Host");
	return 0;
}
