#include "registry/registry.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/clock.h"
#include "base/conf.h"
#include "base/crypto.h"
#include "base/json.h"
#include "base/mask.h"
#include "base/text.h"
#include "http/http.h"
#include "registry/challenge.h"
#include "registry/creds.h"

enum { MANIFEST_MAX = 4 << 20, CALL_MS = 30000, TURNS = 8, TOKEN_S = 60 };

struct token {
	char *scope, *text;
	int64_t until; /* clock_ms() */
};

struct registry {
	struct http *http; /* NULL before the first request */
	char *host;
	char *base; /* "https://registry-1.docker.io" */
	bool loopback;
	bool asked; /* creds were looked up */
	bool basic; /* it wants Basic, and we have that */
	struct creds creds;
	struct token *tokens;
	size_t n;
};

/* ---- where it is ---- */

static bool
is_loopback(const char *host)
{
	auto_free char *name = mem_strndup(host, strcspn(host, ":"));
	struct in_addr a;

	if (inet_pton(AF_INET, name, &a) == 1)
		return ntohl(a.s_addr) >> 24 == 127;
	return strcasecmp(name, "localhost") == 0 || text_starts(host, "[::1]");
}

static bool
is_insecure(const char *host)
{
	const char *p = conf_get("INSECURE_REGISTRIES", "");
	size_t n;

	for (; *(p += strspn(p, " ,\t")) != '\0'; p += n) {
		n = strcspn(p, " ,\t");
		if (strlen(host) == n && strncasecmp(p, host, n) == 0)
			return true;
	}
	return false;
}

struct registry *
registry_open(const char *host)
{
	struct registry *r = mem_zalloc(1, sizeof(*r));
	bool hub = strcmp(host, "docker.io") == 0;

	r->host = mem_strdup(host);
	r->loopback = is_loopback(host);
	r->base = mem_printf("%s://%s",
	    r->loopback || is_insecure(host) ? "http" : "https",
	    hub ? "registry-1.docker.io" : host);
	return r;
}

static void
wipe(char *s)
{
	if (s != NULL)
		explicit_bzero(s, strlen(s));
	free(s);
}

void
registry_close(struct registry *r)
{
	if (r == NULL)
		return;
	for (size_t i = 0; i < r->n; i++) {
		free(r->tokens[i].scope);
		wipe(r->tokens[i].text);
	}
	free(r->tokens);
	creds_release(&r->creds);
	http_free(r->http);
	free(r->host);
	free(r->base);
	free(r);
}

void
manifest_release(struct manifest *m)
{
	free(m->type);
	m->type = NULL;
	buf_release(&m->body);
}

/* ---- what goes wrong ---- */

static int
denied(const struct registry *r, const char *what, int status, struct err *err)
{
	err_set(err, EX_NOPERM, "registry-denied",
	    "registry %s: %s: access denied (HTTP %d)", r->host, what, status);
	return err_hint(err,
	    "docker login %s; the account needs the right to "
	    "pull there",
	    r->host);
}

/* A connection that was not to be had, said of the registry. */
static int
lost(const struct registry *r, struct err *err)
{
	struct err why = *err;

	if (why.status != EX_UNAVAILABLE)
		return err_wrap(err, "registry %s", r->host);
	err_set(err, EX_UNAVAILABLE, "registry-down", "registry %s: %s",
	    r->host, why.msg);
	return err_hint(err, "is it up?  curl %s/v2/", r->base);
}

/* Any status that is no answer to the question. */
static int
unusable(const struct registry *r, const char *what,
    const struct http_answer *a, struct err *err)
{
	const char *after = http_header(a, "Retry-After");

	if (a->status == 401 || a->status == 403)
		return denied(r, what, a->status, err);
	if (a->status == 429) {
		err_set(err, EX_TEMPFAIL, "registry-limit",
		    "registry %s: %s: too many requests", r->host, what);
		return err_hint(err, "again in %.40s%s",
		    after != NULL ? after : "a minute",
		    after != NULL &&
			    strspn(after, "0123456789") == strlen(after)
			? " seconds"
			: "");
	}
	if (a->status >= 500)
		return err_set(err, EX_UNAVAILABLE, "registry-down",
		    "registry %s: %s: HTTP %d", r->host, what, a->status);
	return err_set(err, EX_PROTOCOL, "bad-answer",
	    "registry %s: %s: HTTP %d", r->host, what, a->status);
}

/* ---- tokens ---- */

static int
run(struct registry *r, const struct http_request *q, struct http_answer *a,
    struct err *err)
{
	if (r->http == NULL)
		r->http = http_new();
	return http_run(r->http, q, a, err) < 0 ? lost(r, err) : 0;
}

static const char *
token_of(const struct registry *r, const char *scope)
{
	for (size_t i = 0; i < r->n; i++)
		if (strcmp(r->tokens[i].scope, scope) == 0 &&
		    r->tokens[i].until > clock_ms())
			return r->tokens[i].text;
	return NULL;
}

static void
keep_token(struct registry *r, const char *scope, const char *text, int64_t s)
{
	struct token *t = NULL;

	for (size_t i = 0; i < r->n && t == NULL; i++)
		if (strcmp(r->tokens[i].scope, scope) == 0)
			t = &r->tokens[i];
	if (t == NULL) {
		r->tokens =
		    mem_realloc(r->tokens, r->n + 1, sizeof(*r->tokens));
		t = &r->tokens[r->n++];
		*t = (struct token){ .scope = mem_strdup(scope) };
	}
	wipe(t->text);
	mask_add(text);
	t->text = mem_strdup(text);
	t->until = clock_ms() + (s > 10 ? s - 5 : 5) * 1000;
}

/* Is the url under https, or was the registry itself on http? */
static bool
no_downgrade(const char *from, const char *to)
{
	return text_starts(to, "https://") ||
	       (text_starts(to, "http://") && text_starts(from, "http://"));
}

static int
take_token(struct registry *r, const char *scope, const struct http_answer *a,
    struct err *err)
{
	struct err quotes = { 0 }; /* of the parser: may quote the token */
	json_auto_t *v =
	    json_parse(buf_str(&a->body), a->body.len, "token", &quotes);
	const char *text = json_str(v, "token", "");
	int64_t s = json_int(v, "expires_in", TOKEN_S);

	if (*text == '\0')
		text = json_str(v, "access_token", "");
	if (*text == '\0' || strpbrk(text, "\r\n") != NULL)
		return err_set(err, EX_PROTOCOL, "bad-answer",
		    "registry %s: no token in its token server's answer",
		    r->host);
	keep_token(r, scope, text, s < 86400 ? s : 86400);
	return 0;
}

/* service=S&scope=S, and what a refresh token needs. */
static void
add_query(struct buf *b, const struct registry *r, const struct challenge *c,
    const char *scope)
{
	buf_adds(b, "service=");
	http_quote(b, c->service != NULL ? c->service : r->host);
	buf_adds(b, "&scope=");
	http_quote(b, scope);
	if (r->creds.identity == NULL)
		return;
	buf_adds(b, "&client_id=rcn&grant_type=refresh_token&refresh_token=");
	http_quote(b, r->creds.identity);
}

static int
fetch_token(struct registry *r, const struct challenge *c, const char *scope,
    struct err *err)
{
	auto_http_answer struct http_answer a = { 0 };
	AUTO(buf_wipe) struct buf query = { 0 }, url = { 0 };
	bool form = r->creds.identity != NULL;
	struct http_request q = { .method = form ? "POST" : "GET",
		.total_ms = CALL_MS,
		.body_max = 1 << 20,
		.user = r->creds.user,
		.password = r->creds.password };
	int rc;

	if (!no_downgrade(r->base, c->realm))
		return err_set(err, EX_PROTOCOL, "bad-answer",
		    "registry %s: token server %.200s is not https", r->host,
		    c->realm);
	add_query(&query, r, c, scope);
	buf_adds(&url, c->realm);
	if (form) {
		q.body = query.data;
		q.body_len = query.len;
	} else {
		buf_addc(&url, strchr(c->realm, '?') != NULL ? '&' : '?');
		buf_adds(&url, query.data);
	}
	q.url = url.data;
	if (run(r, &q, &a, err) < 0)
		return -1;
	rc = a.status == 200 ? take_token(r, scope, &a, err)
			     : unusable(r, "token", &a, err);
	buf_wipe(&a.body);
	return rc;
}

/* After a 401: what the next request may carry.  1 try again, 0 no use. */
static int
authorise(struct registry *r, const struct http_answer *a, const char *scope,
    struct err *err)
{
	auto_challenge struct challenge c = { 0 };

	for (size_t i = 0; i < a->headers.n; i++)
		if (strncasecmp(a->headers.v[i], "WWW-Authenticate:", 17) == 0)
			challenge_add(&c, a->headers.v[i] + 17);
	if (!r->asked && creds_find(r->host, &r->creds, err) < 0)
		return -1;
	r->asked = true;
	if (c.kind == CHALLENGE_BEARER)
		return fetch_token(r, &c, scope, err) < 0 ? -1 : 1;
	r->basic = c.kind == CHALLENGE_BASIC && r->creds.user != NULL;
	return r->basic;
}

/* ---- manifests ---- */

static void
set_accept(struct strvec *headers)
{
	static const char *const types[] = {
		"application/vnd.oci.image.manifest.v1+json",
		"application/vnd.oci.image.index.v1+json",
		"application/vnd.docker.distribution.manifest.v2+json",
		"application/vnd.docker.distribution.manifest.list.v2+json",
	};

	for (size_t i = 0; i < sizeof(types) / sizeof(*types); i++)
		strvec_addf(headers, "Accept: %s", types[i]);
}

/* One request; ours: the url is on the registry's own host. */
static int
request(struct registry *r, const char *method, const char *url,
    const char *scope, bool ours, struct http_answer *a, struct err *err)
{
	auto_strvec struct strvec headers = { 0 };
	const char *token = ours ? token_of(r, scope) : NULL;
	struct http_request q = { .method = method,
		.url = url,
		.headers = &headers,
		.body_max = MANIFEST_MAX,
		.total_ms = CALL_MS };
	int rc;

	set_accept(&headers);
	if (token != NULL)
		strvec_addf(&headers, "Authorization: Bearer %s", token);
	else if (ours && r->basic) {
		q.user = r->creds.user;
		q.password = r->creds.password;
	}
	rc = run(r, &q, a, err);
	if (token != NULL)
		explicit_bzero(headers.v[headers.n - 1],
		    strlen(headers.v[headers.n - 1]));
	return rc;
}

/* *url becomes where the answer points: absolute, or a path of the host. */
static int
redirect(const struct registry *r, const struct http_answer *a, char **url,
    struct err *err)
{
	const char *to = http_header(a, "Location");
	auto_free char *next = NULL;

	if (to != NULL && *to == '/' && to[1] != '/') {
		char *at = strstr(*url, "://") + 3;

		next = mem_printf("%.*s%s",
		    (int)(at - *url + (ptrdiff_t)strcspn(at, "/")), *url, to);
	} else if (to != NULL) {
		next = mem_strdup(to);
	}
	if (next == NULL || !no_downgrade(*url, next))
		return err_set(err, EX_PROTOCOL, "bad-answer",
		    "registry %s: redirected to %.200s", r->host,
		    next != NULL ? next : "nowhere");
	free(*url);
	*url = ptr_steal(&next);
	return 0;
}

static bool
is_redirect(int status)
{
	return status == 301 || status == 302 || status == 303 ||
	       status == 307 || status == 308;
}

static char *
manifest_url(const struct registry *r, const struct ref *ref)
{
	return mem_printf("%s/v2/%s/manifests/%s", r->base, ref->path,
	    ref->digest != NULL ? ref->digest : ref->tag);
}

static bool
is_ours(const struct registry *r, const char *url)
{
	size_t n = strlen(r->base);

	return strncmp(url, r->base, n) == 0 &&
	       (url[n] == '/' || url[n] == '\0');
}

/* On loopback http is a guess: servers that speak TLS answer it with 400. */
static void
use_tls(struct registry *r)
{
	r->loopback = false;
	free(r->base);
	r->base = mem_printf("https://%s", r->host);
}

/* Turns until there is an answer that is neither redirect nor challenge. */
static int
ask(struct registry *r, const char *method, const struct ref *ref,
    struct http_answer *a, struct err *err)
{
	auto_free char *url = manifest_url(r, ref);
	auto_free char *scope = mem_printf("repository:%s:pull", ref->path);
	bool tried = false;

	for (int i = 0; i < TURNS; i++) {
		bool ours = is_ours(r, url);
		int again = 0;

		if (request(r, method, url, scope, ours, a, err) < 0)
			return -1;
		if (is_redirect(a->status)) {
			if (redirect(r, a, &url, err) < 0)
				return -1;
			continue;
		}
		if (a->status == 400 && ours && r->loopback) {
			use_tls(r);
			free(url);
			url = manifest_url(r, ref);
			continue;
		}
		if (a->status == 401 && ours && !tried)
			again = authorise(r, a, scope, err);
		if (again <= 0)
			return again;
		tried = true;
	}
	return err_set(err, EX_PROTOCOL, "bad-answer",
	    "registry %s: too many redirects", r->host);
}

/* What was asked, for messages. */
static char *
name_of(const struct ref *ref)
{
	return mem_printf("%s%s%s", ref->path, ref->digest != NULL ? "@" : ":",
	    ref->digest != NULL ? ref->digest : ref->tag);
}

static int
verify(const struct registry *r, const char *name, const struct ref *ref,
    const struct http_answer *a, const char *digest, struct err *err)
{
	const char *said = http_header(a, "Docker-Content-Digest");

	if (said != NULL && text_starts(said, "sha256:") &&
	    strcmp(said, digest) != 0)
		return err_set(err, EX_PROTOCOL, "digest-mismatch",
		    "registry %s: %s: says %.72s, sent %s", r->host, name, said,
		    digest);
	if (ref->digest != NULL && strcmp(ref->digest, digest) != 0)
		return err_set(err, EX_PROTOCOL, "digest-mismatch",
		    "registry %s: %s: sent %s", r->host, name, digest);
	return 0;
}

int
registry_manifest(struct registry *r, const struct ref *ref, struct manifest *m,
    struct err *err)
{
	auto_http_answer struct http_answer a = { 0 };
	auto_free char *name = name_of(ref);
	const char *type;
	char hex[SHA256_HEX];

	if (ask(r, "GET", ref, &a, err) < 0)
		return -1;
	if (a.status == 404)
		return err_set(err, EX_NOINPUT, "manifest-unknown",
		    "registry %s: %s: not there", r->host, name);
	if (a.status != 200)
		return unusable(r, name, &a, err);
	sha256_hex(buf_str(&a.body), a.body.len, hex);
	(void)snprintf(m->digest, sizeof(m->digest), "sha256:%s", hex);
	if (verify(r, name, ref, &a, m->digest, err) < 0)
		return -1;
	type = http_header(&a, "Content-Type");
	manifest_release(m);
	m->type = mem_strdup(type != NULL ? type : "");
	m->body = a.body;
	a.body = (struct buf){ 0 };
	return 0;
}

int
registry_has(struct registry *r, const struct ref *ref, struct err *err)
{
	auto_http_answer struct http_answer a = { 0 };
	auto_free char *name = name_of(ref);

	if (ask(r, "HEAD", ref, &a, err) < 0)
		return -1;
	if (a.status == 404)
		return 0;
	return a.status == 200 ? 1 : unusable(r, name, &a, err);
}
