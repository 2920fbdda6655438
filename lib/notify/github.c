#include "notify/github.h"

#include <string.h>

#include "base/json.h"
#include "base/text.h"

enum { TIMEOUT_MS = 30000, PAGE = 100, PAGES = 10 };

void
github_release(struct github *g)
{
	http_free(g->http);
	g->http = NULL;
}

/* GitHub's own word: {"message": "Bad credentials", ...} */
static void
message(const struct http_answer *a, struct buf *out)
{
	struct err bad = { 0 };
	json_auto_t *body =
	    json_parse(buf_str(&a->body), a->body.len, "answer", &bad);

	text_printable(out, json_str(body, "message", ""),
	    strlen(json_str(body, "message", "")));
}

/* 403 is a missing right, or a limit: then a header says when to come back. */
static bool
limited(const struct http_answer *a)
{
	const char *left = http_header(a, "x-ratelimit-remaining");

	return a->status == 429 ||
	       (a->status == 403 &&
		   (http_header(a, "retry-after") != NULL ||
		       (left != NULL && strcmp(left, "0") == 0)));
}

static int
refused(const struct github *g, const char *what, const struct http_answer *a,
    struct err *err)
{
	auto_buf struct buf said = { 0 };

	message(a, &said);
	if (limited(a))
		return err_set(err, EX_TEMPFAIL, "notify-later",
		    "%s: %s: too many requests for now: %.200s", g->api, what,
		    buf_str(&said));
	if (a->status == 401 || a->status == 403) {
		err_set(err, EX_NOPERM, "notify-denied", "%s: %s: %d %.200s",
		    g->api, what, a->status, buf_str(&said));
		return err_hint(err,
		    "the token needs write access to %s: "
		    "commit statuses, and pull requests",
		    g->repository);
	}
	if (a->status == 404) {
		err_set(err, EX_NOINPUT, "notify-missing", "%s: %s: 404 %.200s",
		    g->api, what, buf_str(&said));
		return err_hint(err, "may the token see %s?", g->repository);
	}
	if (a->status >= 500)
		return err_set(err, EX_UNAVAILABLE, "notify-down", "%s: %s: %d",
		    g->api, what, a->status);
	return err_set(err, EX_DATAERR, "notify-refused", "%s: %s: %d %.200s",
	    g->api, what, a->status, buf_str(&said));
}

/* *out may be NULL; else the answer as JSON, a new reference. */
static int
call(struct github *g, const char *method, const char *path, const json_t *body,
    json_t **out, struct err *err)
{
	auto_http_answer struct http_answer a = { 0 };
	auto_strvec struct strvec headers = { 0 };
	auto_free char *url =
	    mem_printf("%s/repos/%s/%s", g->api, g->repository, path);
	auto_buf struct buf text = { 0 };
	struct http_request q = { .method = method,
		.url = url,
		.headers = &headers,
		.total_ms = TIMEOUT_MS };

	if (g->http == NULL)
		g->http = http_new();
	strvec_addf(&headers, "Authorization: Bearer %s", g->token);
	strvec_add(&headers, "Accept: application/vnd.github+json");
	strvec_add(&headers, "X-GitHub-Api-Version: 2022-11-28");
	strvec_add(&headers, "User-Agent: rcnbuild");
	if (body != NULL) {
		strvec_add(&headers, "Content-Type: application/json");
		json_write(&text, body, JSON_COMPACT);
		q.body = text.data;
		q.body_len = text.len;
	}
	if (http_run(g->http, &q, &a, err) < 0)
		return err_wrap(err, "%s", g->api);
	if (a.status < 200 || a.status > 299)
		return refused(g, path, &a, err);
	if (out == NULL)
		return 0;
	*out = json_parse(buf_str(&a.body), a.body.len, g->api, err);
	return *out != NULL ? 0 : -1;
}

/* At most so many characters, with an ellipsis where some are gone. */
static char *
cut(const char *s, size_t max)
{
	auto_buf struct buf clean = { 0 };
	size_t at = 0, room = 0;

	text_printable(&clean, s, strlen(s));
	for (size_t n = 0; at < clean.len; at++) {
		if ((clean.data[at] & 0xc0) == 0x80)
			continue;
		if (++n == max)
			room = at; /* the last that may stand if more follow */
		if (n > max)
			return mem_printf("%.*s\xe2\x80\xa6", (int)room,
			    clean.data);
	}
	return buf_steal(&clean);
}

int
github_status(struct github *g, const char *commit,
    const struct github_status *s, struct err *err)
{
	auto_free char *path = mem_printf("statuses/%s", commit);
	auto_free char *said = cut(s->description, GITHUB_DESCRIPTION_MAX);
	json_auto_t *body = json_pack("{s:s, s:o, s:o}", "state", s->state,
	    "context", json_text(s->context), "description",
	    json_text(said != NULL ? said : ""));

	if (s->url != NULL)
		json_object_set_new(body, "target_url", json_text(s->url));
	return call(g, "POST", path, body, NULL, err);
}

/* The comment's id, 0 where there is none. */
static int
find(struct github *g, int64_t pull_request, const char *marker, int64_t *id,
    struct err *err)
{
	*id = 0;
	for (int page = 1; page <= PAGES && *id == 0; page++) {
		auto_free char *path =
		    mem_printf("issues/%lld/comments?per_page=%d&page=%d",
			(long long)pull_request, PAGE, page);
		json_auto_t *list = NULL;
		const json_t *c;
		size_t i;

		if (call(g, "GET", path, NULL, &list, err) < 0)
			return -1;
		json_array_foreach(list, i, c)
			if (strstr(json_str(c, "body", ""), marker) != NULL)
				*id = json_int(c, "id", 0);
		if (json_array_size(list) < PAGE)
			break;
	}
	return 0;
}

int
github_comment(struct github *g, int64_t pull_request, const char *marker,
    const char *text, struct err *err)
{
	auto_free char *whole = mem_printf("%s\n%s", marker, text);
	json_auto_t *body = json_pack("{s:o}", "body", json_text(whole));
	auto_free char *path = NULL;
	int64_t id;

	if (find(g, pull_request, marker, &id, err) < 0)
		return -1;
	path = id != 0 ? mem_printf("issues/comments/%lld", (long long)id)
		       : mem_printf("issues/%lld/comments",
			     (long long)pull_request);
	return call(g, id != 0 ? "PATCH" : "POST", path, body, NULL, err);
}
