/*
 * A registry's and its token server's answers, one after another with a line
 * "." between: status, headers, an empty line, the body.  Whatever they say,
 * nothing secret goes to another host, and never from https to http.
 * links: lib/registry/ref.c lib/registry/challenge.c lib/http/http.c
 * links: lib/base/*.c
 */
#include <stdint.h>
#include <stdlib.h>

#include "base/buf.h"
#include "http/http.h"
#include "registry/creds.h"

/* Nothing is sent, and nothing is kept from one run to the next. */
#define http_new() NULL
#define http_free(h) ((void)(h))
#define http_run fuzz_http_run
#define creds_find fuzz_creds_find
#define creds_release fuzz_creds_release
#define mask_add fuzz_mask_add

static int fuzz_http_run(struct http *, const struct http_request *,
    struct http_answer *, struct err *);
static int fuzz_creds_find(const char *, struct creds *, struct err *);
static void fuzz_creds_release(struct creds *);
static void fuzz_mask_add(const char *);

#include "../../lib/registry/registry.c"

#define HOST "r.example"
#define BASE "https://" HOST "/"
#define SECRET "canary"

int LLVMFuzzerTestOneInput(const uint8_t *, size_t);

static const char *rest; /* the answers to come */
static struct strvec masked;
static bool refresh; /* is it a refresh token that we have? */

static void
fuzz_mask_add(const char *value)
{
	strvec_add(&masked, value);
}

static int
fuzz_creds_find(const char *host, struct creds *c, struct err *err)
{
	(void)err;
	if (strcmp(host, HOST) != 0)
		abort();
	if (refresh) {
		c->identity = mem_strdup(SECRET);
	} else {
		c->user = mem_strdup("user");
		c->password = mem_strdup(SECRET);
	}
	return 1;
}

static void
fuzz_creds_release(struct creds *c)
{
	free(c->user);
	free(c->password);
	free(c->identity);
}

/* What is asked is a manifest, or a token by what is not in its path. */
static void
check(const struct http_request *q)
{
	bool ours = text_starts(q->url, BASE);
	bool token = q->body_max == 1 << 20;

	if (!text_starts(q->url, "https://") ||
	    (q->password != NULL && !ours && !token) ||
	    (q->body != NULL && !token) || strstr(q->url, SECRET) != NULL)
		abort();
	for (size_t i = 0; q->headers != NULL && i < q->headers->n; i++) {
		const char *h = q->headers->v[i];

		if (strpbrk(h, "\r\n") != NULL)
			abort();
		if (!text_starts(h, "Authorization:"))
			continue;
		if (!ours || !text_starts(h, "Authorization: Bearer ") ||
		    !strvec_has(&masked, h + strlen("Authorization: Bearer ")))
			abort();
	}
}

/* A line of what is left, without its end; NULL: the answer is over. */
static char *
line(void)
{
	size_t n = strcspn(rest, "\n");
	char *s;

	if (n == 0 || strncmp(rest, ".\n", 2) == 0)
		return NULL;
	s = mem_strndup(rest, n);
	rest += n + (rest[n] == '\n');
	return s;
}

static int
fuzz_http_run(struct http *h, const struct http_request *q,
    struct http_answer *a, struct err *err)
{
	const char *end;
	char *s;

	(void)h;
	check(q);
	http_answer_release(a);
	s = line();
	if (s == NULL)
		return err_set(err, EX_UNAVAILABLE, "connect-failed", "over");
	a->status = (int)strtoul(s, NULL, 10) % 1000;
	free(s);
	while ((s = line()) != NULL) {
		strvec_add(&a->headers, s);
		free(s);
	}
	rest += *rest == '\n';
	end = strstr(rest, "\n.\n");
	if (end == NULL)
		end = rest + strlen(rest);
	buf_add(&a->body, rest, (size_t)(end - rest));
	rest = *end != '\0' ? end + 3 : end;
	return 0;
}

static void
ask_for(const char *name)
{
	auto_registry struct registry *r = registry_open(HOST);
	auto_ref struct ref ref = { 0 };
	auto_manifest struct manifest m = { 0 };
	struct err err = { 0 };
	int got;

	if (ref_parse(name, &ref, &err) < 0)
		abort();
	got = registry_manifest(r, &ref, &m, &err);
	if ((got < 0) != (err.status != 0) ||
	    (got == 0 &&
		(m.type == NULL || strlen(m.digest) != DIGEST_TEXT - 1 ||
		    (ref.digest != NULL && strcmp(ref.digest, m.digest) != 0))))
		abort();
	err = (struct err){ 0 };
	(void)registry_has(r, &ref, &err);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	auto_free char *text = mem_strndup((const char *)data, n);

	if (strstr(text, SECRET) != NULL)
		return 0;
	for (int turn = 0; turn < 2; turn++) {
		refresh = turn == 1;
		rest = text;
		ask_for(HOST "/app:1");
		strvec_release(&masked);
	}
	/* The digest of "{}". */
	rest = text;
	ask_for(HOST
	    "/app@sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e"
	    "8310c060f61caaff8a");
	strvec_release(&masked);
	return 0;
}
