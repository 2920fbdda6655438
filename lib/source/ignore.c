#include "source/ignore.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"

enum { TOKENS_MAX = 1024, RULES_MAX = 10000 };

/*
 * A pattern is a row of tokens, matched as an automaton: all places where the
 * match may stand at once, so no pattern makes it slow.
 */
enum kind {
	LITERAL,
	ONE, /* ? */
	SOME, /* *: any characters but "/" */
	DIRS, /* **: nothing, or anything that ends with "/" */
	ALL, /* ** at the end */
	CLASS, /* [..] */
};

struct token {
	enum kind kind;
	uint32_t ch; /* LITERAL; CLASS: 1 if negated */
	const char *set; /* CLASS: in the pattern, after [ and ^ */
	size_t len;
};

struct ignore_rule {
	char *pattern, *file; /* owned; pattern without "!" */
	size_t line, head, tail; /* head, tail: literal bytes at the ends */
	bool back; /* "!" */
	struct token *v;
	size_t n;
};

/* The "!" first: a folder that is left out after them is never entered. */
static const char defaults[] = "**/.env\n**/.env.*\n"
			       "!**/.env.example\n!**/.env.sample\n"
			       "!**/.env.template\n!**/.env.dist\n"
			       "**/.git\n**/.hg\n**/.svn\n"
			       "**/.rcn\n**/.DS_Store\n**/Thumbs.db\n"
			       "**/node_modules\n**/bower_components\n"
			       "**/.next/cache\n**/.turbo\n**/.parcel-cache\n"
			       "**/__pycache__\n**/*.pyc\n**/.venv\n**/venv\n"
			       "**/.tox\n**/.mypy_cache\n**/.pytest_cache\n"
			       "**/.ruff_cache\n"
			       "**/id_rsa\n**/id_dsa\n**/id_ecdsa\n"
			       "**/id_ed25519\n"
			       "**/*.key\n**/*.ppk\n**/*.p12\n**/*.pfx\n"
			       "**/key.pem\n**/*-key.pem\n**/*_key.pem\n"
			       "**/private.pem\n**/privkey.pem\n"
			       "**/.ssh\n**/.aws\n**/.netrc\n**/.pgpass\n"
			       "**/.git-credentials\n**/.docker/config.json\n"
			       "**/.kube/config\n";

void
ignore_release(struct ignore *g)
{
	for (size_t i = 0; i < g->n; i++) {
		free(g->v[i].pattern);
		free(g->v[i].file);
		free(g->v[i].v);
	}
	free(g->v);
	*g = (struct ignore){ 0 };
}

/* The character at s and its length; a byte that is no UTF-8 is itself. */
static uint32_t
decode(const char *s, size_t n, size_t *len)
{
	const unsigned char *p = (const unsigned char *)s;
	uint32_t c = p[0];

	*len = c >= 0xf0 ? 4 : c >= 0xe0 ? 3 : c >= 0xc0 ? 2 : 1;
	if (*len == 1)
		return c;
	if (*len > n || !text_is_utf8(s, *len)) {
		*len = 1;
		return 0x110000 + c;
	}
	c &= 0xffU >> (*len + 1);
	for (size_t i = 1; i < *len; i++)
		c = c << 6 | (p[i] & 0x3fU);
	return c;
}

/* ---- reading a pattern ---- */

/* One character of a class, "\" taken; -1: there is none. */
static int
class_char(const char *p, size_t n, size_t *at, uint32_t *c)
{
	size_t len;

	if (*at < n && p[*at] == '\\')
		++*at;
	else if (*at < n && (p[*at] == '-' || p[*at] == ']'))
		return -1;
	if (*at >= n)
		return -1;
	*c = decode(p + *at, n - *at, &len);
	*at += len;
	return 0;
}

/* From after "[" and "^" to "]": does it hold c?  -1: not a class. */
static int
class_holds(const char *p, size_t n, size_t *end, uint32_t c)
{
	bool holds = false;
	size_t at = 0;
	uint32_t lo, hi;

	do {
		if (class_char(p, n, &at, &lo) < 0)
			return -1;
		hi = lo;
		if (at < n && p[at] == '-') {
			at++;
			if (class_char(p, n, &at, &hi) < 0 || hi < lo)
				return -1;
		}
		holds = holds || (lo <= c && c <= hi);
	} while (at < n && p[at] != ']');
	*end = at;
	return at < n ? holds : -1;
}

static int
add_class(struct ignore_rule *r, const char *p, size_t n, size_t *at)
{
	struct token *t = &r->v[r->n++];
	size_t len;

	*t = (struct token){ .kind = CLASS };
	++*at;
	if (*at < n && p[*at] == '^') {
		t->ch = 1;
		++*at;
	}
	t->set = p + *at;
	if (class_holds(p + *at, n - *at, &len, 0) < 0)
		return -1;
	t->len = len;
	*at += len + 1;
	return 0;
}

static void
add_stars(struct ignore_rule *r, const char *p, size_t n, size_t *at)
{
	bool first = *at == 0;
	enum kind kind = SOME;

	++*at;
	if (*at < n && p[*at] == '*') {
		kind = DIRS;
		++*at;
		if (*at < n && p[*at] == '/')
			++*at;
		/* Docker: "**.txt" is any path that ends with ".txt". */
		else if (first && strcspn(p + *at, "*?[]\\") == n - *at)
			kind = ALL;
		if (*at == n)
			kind = ALL;
	}
	r->v[r->n++] = (struct token){ .kind = kind };
}

/* What a path must begin and end with: most are told apart by that. */
static void
literal_ends(struct ignore_rule *r)
{
	const char *p = r->pattern;
	size_t n = strlen(p), at = n;

	r->head = strcspn(p, "*?[\\");
	if (strpbrk(p, "[\\") != NULL)
		return;
	while (at > 0 && p[at - 1] != '*' && p[at - 1] != '?')
		at--;
	if (at > 1 && p[at] == '/' && p[at - 1] == '*' && p[at - 2] == '*')
		at++; /* the slash is part of the stars */
	r->tail = n - at;
}

static int
compile(struct ignore_rule *r)
{
	const char *p = r->pattern;
	size_t n = strlen(p), at = 0, len;

	if (n == 0 || n > TOKENS_MAX)
		return -1;
	r->v = mem_zalloc(n, sizeof(*r->v));
	while (at < n) {
		if (p[at] == '*') {
			add_stars(r, p, n, &at);
			continue;
		}
		if (p[at] == '[') {
			if (add_class(r, p, n, &at) < 0)
				return -1;
			continue;
		}
		struct token *t = &r->v[r->n++];

		t->kind = p[at] == '?' ? ONE : LITERAL;
		if (p[at] == '\\' && ++at == n)
			return -1;
		t->ch = decode(p + at, n - at, &len);
		at += len;
	}
	literal_ends(r);
	return 0;
}

/* As Go's filepath.Clean(): no empty part, no ".", ".." taken back. */
static char *
clean(const char *s, size_t n)
{
	auto_buf struct buf b = { 0 };
	size_t len;

	buf_add(&b, "", 0);
	for (size_t at = 0; at < n; at += len + 1) {
		const char *part = s + at, *slash;

		for (len = 0; at + len < n && part[len] != '/'; len++)
			;
		if (len == 0 || (len == 1 && part[0] == '.'))
			continue;
		slash = strrchr(b.data, '/');
		if (len == 2 && memcmp(part, "..", 2) == 0 && b.len > 0 &&
		    strcmp(slash != NULL ? slash + 1 : b.data, "..") != 0) {
			buf_cut(&b,
			    slash != NULL ? (size_t)(slash - b.data) : 0);
			continue;
		}
		if (b.len > 0)
			buf_addc(&b, '/');
		buf_add(&b, part, len);
	}
	if (b.len == 0 && n > 0)
		buf_addc(&b, s[0] == '/' ? '/' : '.'); /* matches nothing */
	return buf_steal(&b);
}

static bool
blank(char c)
{
	return c == ' ' || (c >= '\t' && c <= '\r');
}

static void
trim(const char **s, size_t *n)
{
	while (*n > 0 && blank(**s)) {
		++*s;
		--*n;
	}
	while (*n > 0 && blank((*s)[*n - 1]))
		--*n;
}

/* Clean, and no blanks around it, whatever cleaning has laid bare. */
static char *
tidy(const char *s, size_t n)
{
	char *cleaned = clean(s, n);

	for (;;) {
		auto_free char *old = cleaned;

		s = old;
		n = strlen(old);
		trim(&s, &n);
		cleaned = clean(s, n);
		if (strcmp(cleaned, old) == 0)
			return cleaned;
	}
}

static int
add_line(struct ignore *g, const char *s, size_t n, const char *file,
    size_t line, struct err *err)
{
	struct ignore_rule r = { .line = line };

	if (n > 0 && s[0] == '#')
		return 0;
	trim(&s, &n);
	if (n == 0)
		return 0;
	if (s[0] == '!') {
		r.back = true;
		s++;
		n--;
		trim(&s, &n);
	}
	if (memchr(s, '\0', n) != NULL || g->n >= RULES_MAX)
		return err_set(err, EX_DATAERR, "bad-ignore", "%s:%zu: %s",
		    file, line,
		    g->n >= RULES_MAX ? "too many patterns" : "a NUL byte");
	r.pattern = tidy(s, n);
	if (*r.pattern == '\0' && n > 0) {
		free(r.pattern);
		return 0;
	}
	r.file = mem_strdup(file);
	if (g->n == g->cap) {
		g->cap = g->cap != 0 ? g->cap * 2 : 64;
		g->v = mem_realloc(g->v, g->cap, sizeof(*g->v));
	}
	g->v[g->n++] = r;
	if (compile(&g->v[g->n - 1]) == 0)
		return 0;
	err_set(err, EX_DATAERR, "bad-ignore", "%s:%zu: not a pattern: %.200s",
	    file, line, r.pattern);
	return err_hint(err, "put \\ before [ and \\ that are part of a name");
}

int
ignore_text(struct ignore *g, const char *s, size_t n, const char *file,
    struct err *err)
{
	size_t line = 1;

	if (n >= 3 && memcmp(s, "\xef\xbb\xbf", 3) == 0) {
		s += 3;
		n -= 3;
	}
	while (n > 0) {
		const char *end = memchr(s, '\n', n);
		size_t len = end != NULL ? (size_t)(end - s) : n;

		if (add_line(g, s, len, file, line++, err) < 0)
			return -1;
		len += end != NULL;
		s += len;
		n -= len;
	}
	return 0;
}

void
ignore_defaults(struct ignore *g)
{
	struct err none = { 0 };

	(void)ignore_text(g, defaults, sizeof(defaults) - 1, "default list",
	    &none);
}

void
ignore_list(const struct ignore *g, struct strvec *v)
{
	for (size_t i = 0; i < g->n; i++) {
		const char *p = g->v[i].pattern;

		/* "/" says nothing, but keeps a first byte what it is. */
		strvec_addf(v, "%s%s",
		    g->v[i].back                   ? "!"
		    : strchr("!#\xef", *p) != NULL ? "/"
						   : "",
		    p);
	}
}

/* ---- matching ---- */

/* at[i]: the match may stand before token i; in[i]: inside DIRS i. */
struct places {
	unsigned char at[TOKENS_MAX + 1], in[TOKENS_MAX + 1];
	size_t n; /* how many are set */
};

static void
stand(const struct ignore_rule *r, struct places *p, size_t i)
{
	for (;; i++) {
		p->n += !p->at[i];
		p->at[i] = 1;
		if (i == r->n || r->v[i].kind < SOME || r->v[i].kind == CLASS)
			return;
		if (r->v[i].kind == DIRS) {
			p->n += !p->in[i];
			p->in[i] = 1;
		}
	}
}

static void
step(const struct ignore_rule *r, const struct places *now, struct places *next,
    size_t i, uint32_t c)
{
	const struct token *t = &r->v[i];
	size_t end;

	if (now->in[i]) {
		next->n += !next->in[i];
		next->in[i] = 1;
		if (c == '/')
			stand(r, next, i + 1);
	}
	if (!now->at[i])
		return;
	switch (t->kind) {
	case LITERAL:
		if (c == t->ch)
			stand(r, next, i + 1);
		break;
	case ONE:
		if (c != '/')
			stand(r, next, i + 1);
		break;
	case CLASS:
		if (c != '/' &&
		    class_holds(t->set, t->len + 1, &end, c) != (int)t->ch)
			stand(r, next, i + 1);
		break;
	case SOME:
		if (c != '/')
			stand(r, next, i);
		break;
	case ALL:
		stand(r, next, i);
		break;
	case DIRS:
		break; /* in[i] */
	}
}

enum result { NO, BEGINS, MATCHES };

/* BEGINS: no match, but of something that begins with s. */
static enum result
match(const struct ignore_rule *r, const char *s, size_t n)
{
	struct places a, b, *now = &a, *next = &b;
	size_t len;

	memset(now->at, 0, r->n + 1);
	memset(now->in, 0, r->n + 1);
	now->n = 0;
	stand(r, now, 0);
	for (size_t k = 0; k < n && now->n > 0; k += len) {
		uint32_t c = decode(s + k, n - k, &len);
		struct places *old = now;

		memset(next->at, 0, r->n + 1);
		memset(next->in, 0, r->n + 1);
		next->n = 0;
		for (size_t i = 0; i < r->n; i++)
			step(r, now, next, i, c);
		now = next;
		next = old;
	}
	return now->n == 0 ? NO : now->at[r->n] ? MATCHES : BEGINS;
}

static bool
matches(const struct ignore_rule *r, const char *s, size_t n)
{
	size_t len = strlen(r->pattern);

	if (n < r->head || memcmp(s, r->pattern, r->head) != 0)
		return false;
	if (r->head == len)
		return n == len;
	if (n < r->tail ||
	    memcmp(s + n - r->tail, r->pattern + len - r->tail, r->tail) != 0)
		return false;
	return match(r, s, n) == MATCHES;
}

int
ignore_rule(const struct ignore *g, const char *path, int above)
{
	size_t n = strlen(path);

	for (int i = (int)g->n - 1; i > above; i--)
		if (matches(&g->v[i], path, n))
			return i;
	return above;
}

int
ignore_decides(const struct ignore *g, const char *path)
{
	auto_free char *part = mem_strdup(path);
	int rule = IGNORE_NONE;

	for (char *slash = part; (slash = strchr(slash, '/')) != NULL;) {
		*slash = '\0';
		rule = ignore_rule(g, part, rule);
		*slash++ = '/';
	}
	return ignore_rule(g, part, rule);
}

bool
ignore_hides(const struct ignore *g, int rule)
{
	return rule != IGNORE_NONE && !g->v[rule].back;
}

bool
ignore_reaches(const struct ignore *g, int rule, const char *folder)
{
	auto_free char *inside = mem_printf("%s/", folder);
	size_t n = strlen(inside);

	for (int i = rule + 1; i < (int)g->n; i++)
		if (g->v[i].back && match(&g->v[i], inside, n) != NO)
			return true;
	return false;
}

void
ignore_why(const struct ignore *g, int rule, struct buf *b)
{
	const struct ignore_rule *r = &g->v[rule];

	buf_addf(b, "%s:%zu: %s%s", r->file, r->line, r->back ? "!" : "",
	    r->pattern);
}
