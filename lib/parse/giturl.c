#include "parse/giturl.h"

#include <string.h>

#include "base/text.h"

struct part {
	const char *p;
	size_t n;
};

/* Other doors of the same house. */
static const struct {
	const char *host, *key;
} aliases[] = {
	{ "altssh.bitbucket.org", "bitbucket.org" },
	{ "altssh.gitlab.com", "gitlab.com" },
	{ "ssh.github.com", "github.com" },
	{ "www.github.com", "github.com" },
};

static int
bad(const char *url, const char *why, struct err *err)
{
	return err_set(err, EX_USAGE, "bad-url", "%s: %s", url, why);
}

static int
lower(int c)
{
	return c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c;
}

static void
add_lower(struct buf *b, struct part s)
{
	for (size_t i = 0; i < s.n; i++)
		buf_addc(b, lower(s.p[i]));
}

/* Past the scheme, or NULL: not a form with one. */
static const char *
after_scheme(const char *url)
{
	static const char *const schemes[] = { "http://", "https://", "ssh://",
		"git://", "git+ssh://", "ssh+git://", "git+https://" };

	for (size_t i = 0; i < sizeof(schemes) / sizeof(*schemes); i++)
		if (strncasecmp(url, schemes[i], strlen(schemes[i])) == 0)
			return url + strlen(schemes[i]);
	return NULL;
}

/* s is user@host:port: only host is left of it. */
static void
only_host(struct part *s, bool port)
{
	const char *at = memrchr(s->p, '@', s->n), *colon, *close;

	if (at != NULL) {
		s->n -= (size_t)(at + 1 - s->p);
		s->p = at + 1;
	}
	close = memchr(s->p, ']', s->n);
	if (close == NULL)
		close = s->p;
	colon = memchr(close, ':', s->n - (size_t)(close - s->p));
	if (port && colon != NULL)
		s->n = (size_t)(colon - s->p);
	while (s->n > 0 && s->p[s->n - 1] == '.')
		s->n--;
}

static void
add_host(struct buf *key, struct part host)
{
	for (size_t i = 0; i < sizeof(aliases) / sizeof(*aliases); i++)
		if (strlen(aliases[i].host) == host.n &&
		    strncasecmp(aliases[i].host, host.p, host.n) == 0) {
			buf_adds(key, aliases[i].key);
			return;
		}
	add_lower(key, host);
}

/* Its parts, one "/" before each; false: none, or one that climbs. */
static bool
add_path(struct buf *key, const char *path)
{
	size_t n = strlen(path), parts = 0;

	while (n > 0 && path[n - 1] == '/')
		n--;
	if (n > 4 && strncasecmp(path + n - 4, ".git", 4) == 0 &&
	    path[n - 5] != '/')
		n -= 4;
	for (size_t i = 0; i < n;) {
		struct part s = { path + i, 0 };

		while (i + s.n < n && s.p[s.n] != '/')
			s.n++;
		i += s.n + 1;
		if (s.n == 0)
			continue;
		if (*s.p == '.' && (s.n == 1 || (s.n == 2 && s.p[1] == '.')))
			return false;
		buf_addc(key, '/');
		add_lower(key, s);
		parts++;
	}
	return parts > 0;
}

static int
remote(const char *url, struct part host, const char *path, bool port,
    struct buf *key, struct err *err)
{
	size_t was = key->len;

	only_host(&host, port);
	if (host.n == 0 || *host.p == '-')
		return bad(url, "no host", err);
	add_host(key, host);
	if (add_path(key, path))
		return 0;
	buf_cut(key, was);
	return bad(url, "no path of a repository", err);
}

static int
local(const char *path, struct buf *key)
{
	size_t n = strlen(path);

	while (n > 1 && path[n - 1] == '/')
		n--;
	buf_add(key, path, n);
	return 0;
}

bool
giturl_has_secret(const char *url)
{
	const char *p = after_scheme(url), *at;

	if (p == NULL)
		return false;
	at = memrchr(p, '@', strcspn(p, "/"));
	if (at == NULL)
		return false;
	return memchr(p, ':', (size_t)(at - p)) != NULL ||
	       strncasecmp(url, "http", 4) == 0 ||
	       strncasecmp(url, "git+http", 8) == 0;
}

int
giturl_key(const char *url, struct buf *key, struct err *err)
{
	const char *p;

	if (*url == '\0' || *url == '-' || strlen(url) > GITURL_MAX)
		return bad("address", "empty, too long, or begins with -", err);
	for (p = url; *p != '\0'; p++)
		if ((unsigned char)*p <= ' ' || *p == 127 || *p == '\\')
			return bad(url, "a blank or control byte", err);
	if (*url == '/')
		return local(url, key);
	if (strncasecmp(url, "file:///", 8) == 0)
		return local(url + 7, key);
	if ((p = after_scheme(url)) != NULL) {
		if (strpbrk(p, "?#") != NULL)
			return bad(url, "a query is no part of it", err);
		return remote(url, (struct part){ p, strcspn(p, "/") },
		    p + strcspn(p, "/"), true, key, err);
	}
	if (strstr(url, "://") != NULL)
		return bad(url, "a transport that is not used", err);
	p = url + strcspn(url, ":/[");
	if (*p == '[' && (p = strstr(p, "]:")) != NULL)
		p++;
	if (p == NULL || *p != ':' || p[1] == ':')
		return bad(url, "neither an address nor an absolute path", err);
	return remote(url, (struct part){ url, (size_t)(p - url) }, p + 1,
	    false, key, err);
}
