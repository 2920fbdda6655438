#include "hook/hook.h"

#include <string.h>
#include <strings.h>

#include "base/crypto.h"
#include "base/json.h"
#include "base/log.h"
#include "base/text.h"
#include "hook/event.h"
#include "hook/names.h"
#include "serve/spill.h"

struct head {
	const char *provider, *event, *id;
	unsigned char mac[SHA256_BYTES];
	bool form;
};

/* Answers of the head. */

static int
answer(struct response *a, int status, const char *code, const char *message)
{
	response_error(a, status, code, message);
	response_log(a, "error", code);
	return 1;
}

static bool
hex_decode(const char *s, unsigned char out[SHA256_BYTES])
{
	static const char digits[] = "0123456789abcdef";

	if (strlen(s) != (size_t)2 * SHA256_BYTES ||
	    s[strspn(s, digits)] != '\0')
		return false;
	for (size_t i = 0; i < SHA256_BYTES; i++)
		out[i] =
		    (unsigned char)((strchr(digits, s[2 * i]) - digits) << 4 |
				    (strchr(digits, s[2 * i + 1]) - digits));
	return true;
}

/* 0 there, 1 answered. */
static int
signature(const struct request *q, struct response *a, struct head *h)
{
	const char *v, *old;
	int there = request_header(q, "X-Hub-Signature-256", &v);

	if (there > 0 && text_starts(v, "sha256="))
		v += strlen("sha256=");
	if (there == 0 &&
	    (there = request_header(q, "X-Forgejo-Signature", &v)) == 0)
		there = request_header(q, "X-Gitea-Signature", &v);
	if (there == 1 && hex_decode(v, h->mac))
		return 0;
	if (there != 0)
		return answer(a, 401, "bad-signature",
		    "the signature is not one of SHA-256");
	if (request_header(q, "X-Hub-Signature", &old) != 0)
		return answer(a, 401, "no-signature",
		    "SHA-1 alone is no signature: X-Hub-Signature-256");
	return answer(a, 401, "no-signature",
	    "no X-Hub-Signature-256: does the webhook have its secret?");
}

static int
content_type(const struct request *q, struct response *a, struct head *h)
{
	const char *v;
	size_t n;

	if (request_header(q, "Content-Type", &v) == 1) {
		n = strcspn(v, "; \t");
		h->form =
		    n == strlen("application/x-www-form-urlencoded") &&
		    strncasecmp(v, "application/x-www-form-urlencoded", n) == 0;
		if (h->form || (n == strlen("application/json") &&
				   strncasecmp(v, "application/json", n) == 0))
			return 0;
	}
	return answer(a, 415, "bad-type",
	    "application/json, or a form with payload=");
}

static bool
is_word(const char *s, const char *set)
{
	size_t n = strspn(s, set);

	return n > 0 && n <= 64 && s[n] == '\0';
}

/* Gitea sends GitHub's headers too, Forgejo also Gitea's. */
static int
event_headers(const struct request *q, struct response *a, struct head *h)
{
	static const struct {
		const char *provider, *event, *id;
	} all[] = {
		{ "forgejo", "X-Forgejo-Event", "X-Forgejo-Delivery" },
		{ "gitea", "X-Gitea-Event", "X-Gitea-Delivery" },
		{ "github", "X-GitHub-Event", "X-GitHub-Delivery" },
	};

	for (size_t i = 0; i < sizeof(all) / sizeof(*all); i++) {
		int rc = request_header(q, all[i].event, &h->event);

		if (rc == 0)
			continue;
		h->provider = all[i].provider;
		if (rc == 1 && request_header(q, all[i].id, &h->id) == 1 &&
		    is_word(h->event,
			"0123456789abcdefghijklmnopqrstuvwxyz_") &&
		    is_word(h->id, "0123456789abcdefghijklmnopqrstuvwxyz"
				   "ABCDEFGHIJKLMNOPQRSTUVWXYZ-"))
			return 0;
		break;
	}
	return answer(a, 400, "bad-delivery",
	    "no proper X-GitHub-Event and X-GitHub-Delivery");
}

static int
read_head(const struct request *q, struct response *a, struct head *h)
{
	*h = (struct head){ 0 };
	if (signature(q, a, h) != 0 || content_type(q, a, h) != 0 ||
	    event_headers(q, a, h) != 0)
		return 1;
	if (q->length == 0)
		return answer(a, 400, "bad-delivery", "an empty body");
	return 0;
}

int
hook_judge(const struct request *q, struct response *a, void *ctx,
    struct err *err)
{
	struct head h;

	(void)ctx;
	(void)err;
	if (strcmp(q->path, "/healthz") == 0) {
		if (strcmp(q->method, "GET") == 0 ||
		    strcmp(q->method, "HEAD") == 0) {
			response_json(a, 200,
			    json_pack("{s:s}", "status", "ok"));
			return 1;
		}
		a->allow = "GET, HEAD";
		return answer(a, 405, "bad-method", "GET it is");
	}
	if (strcmp(q->path, HOOK_PATH) != 0)
		return answer(a, 404, "not-found", "nothing is here");
	if (strcmp(q->method, "POST") != 0) {
		a->allow = "POST";
		return answer(a, 405, "bad-method", "POST it is");
	}
	return read_head(q, a, &h);
}

/* Of a form the value of payload, decoded into a file. */

static int
hex(int c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c |= 0x20;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static int
decode(const char *p, const char *end, struct spill *out, struct err *err)
{
	char piece[4096];
	size_t n = 0;

	while (p < end) {
		int c = (unsigned char)*p++;

		if (c == '+')
			c = ' ';
		if (c == '%') {
			if (end - p < 2 || hex(p[0]) < 0 || hex(p[1]) < 0)
				return err_set(err, EX_DATAERR, "bad-delivery",
				    "payload: not form-encoded");
			c = hex(p[0]) << 4 | hex(p[1]);
			p += 2;
		}
		piece[n++] = (char)c;
		if (n == sizeof(piece) || p == end) {
			if (spill_add(out, piece, n, err) < 0)
				return -1;
			n = 0;
		}
	}
	return 0;
}

static int
payload(const struct hook *hook, const struct request *q, struct spill *out,
    struct err *err)
{
	static const char name[] = "payload=";
	const char *p = q->body, *end = q->body + q->size, *stop;

	while (p < end) {
		stop = memchr(p, '&', (size_t)(end - p));
		if (stop == NULL)
			stop = end;
		if ((size_t)(stop - p) >= strlen(name) &&
		    memcmp(p, name, strlen(name)) == 0) {
			if (spill_open(out, hook->tmp, err) < 0 ||
			    decode(p + strlen(name), stop, out, err) < 0)
				return -1;
			return spill_map(out, err);
		}
		p = stop < end ? stop + 1 : end;
	}
	return err_set(err, EX_DATAERR, "bad-delivery", "no payload= in it");
}

/* A signed delivery. */

static int
record(struct hook *hook, const struct request *q, const struct head *h,
    struct event *e, struct response *a, struct err *err)
{
	enum spool_answer how;
	char digest[SHA256_HEX];

	sha256_hex(q->body, q->size, digest);
	if (!hook->open && spool_begin(hook->spool, err) < 0)
		return -1;
	hook->open = true;
	a->hold = true;
	if (spool_add(hook->spool, h->id, digest, e->delivery, &how, err) < 0) {
		hook->broken = *err;
		return -1;
	}
	if (how == SPOOL_ADDED) {
		response_log(a, "note", "recorded");
		return response_json(a, 202,
		    json_pack("{s:s, s:s}", "status", "recorded", "delivery",
			h->id));
	}
	response_log(a, "note", how == SPOOL_SAME_ID ? "duplicate" : "replay");
	return response_json(a, 200,
	    json_pack("{s:s, s:s, s:s}", "status", "duplicate", "delivery",
		h->id, "reason",
		how == SPOOL_SAME_ID ? "this delivery was recorded before"
				     : "these bytes were recorded before, "
				       "under another id"));
}

/*
 * Who has signed may speak of his own repository only: of the names that the
 * body gives itself those stay that his secret is for.
 */
static bool
own(struct event *e, const struct strvec *signers)
{
	struct strvec kept = { 0 };

	if (strvec_has(signers, "*"))
		return true;
	for (size_t i = 0; i < e->keys.n; i++)
		if (strvec_has(signers, e->keys.v[i]))
			strvec_add(&kept, e->keys.v[i]);
	strvec_release(&e->keys);
	e->keys = kept;
	return kept.n > 0;
}

static int
unknown(struct response *a)
{
	(void)answer(a, 401, "bad-signature",
	    "no secret of ours has signed this for its repository");
	return 0;
}

static int
settle(struct hook *hook, const struct request *q, const struct head *h,
    struct event *e, struct response *a, struct err *err)
{
	if (e->keys.n > 0)
		response_log(a, "repository", e->keys.v[0]);
	switch (e->kind) {
	case EVENT_PING:
		response_log(a, "note", "ping");
		return response_json(a, 200,
		    json_pack("{s:s}", "status", "pong"));
	case EVENT_IGNORE:
		response_log(a, "note", "ignored");
		response_log(a, "reason", e->reason);
		return response_json(a, 200,
		    json_pack("{s:s, s:s}", "status", "ignored", "reason",
			e->reason));
	case EVENT_RECORD:
		break;
	}
	if (e->keys.n == 0)
		return err_set(err, EX_DATAERR, "bad-delivery",
		    "repository: no address in it");
	json_object_set_new(json_object_get(e->delivery, "repository"), "keys",
	    json_strvec(&e->keys));
	return record(hook, q, h, e, a, err);
}

int
hook_handle(const struct request *q, struct response *a, void *ctx,
    struct err *err)
{
	struct hook *hook = ctx;
	auto_strvec struct strvec names = { 0 }, signers = { 0 };
	auto_spill struct spill form = SPILL_NONE;
	auto_event struct event e = { 0 };
	const char *json = q->body;
	size_t size = q->size;
	struct err old = { 0 };
	struct head h;

	if (read_head(q, a, &h) != 0)
		return 0;
	response_log(a, "event", h.event);
	response_log(a, "delivery", h.id);
	if (secrets_refresh(hook->secrets, &old) < 0)
		log_warn("%s; going on with the secrets as they were", old.msg);
	names_scan(q->body, q->size, &names);
	secrets_match(hook->secrets, &names, q->body, q->size, h.mac, &signers);
	if (signers.n == 0)
		return unknown(a);
	if (h.form) {
		if (payload(hook, q, &form, err) < 0)
			return -1;
		json = form.map;
		size = form.size;
	}
	if (event_read(&e, h.provider, h.event, h.id, json, size, err) < 0)
		return -1;
	if (!own(&e, &signers))
		return unknown(a);
	return settle(hook, q, &h, &e, a, err);
}

int
hook_flush(void *ctx, struct err *err)
{
	struct hook *hook = ctx;

	if (!hook->open)
		return 0;
	hook->open = false;
	if (hook->broken.status == 0)
		return spool_commit(hook->spool, err);
	spool_rollback(hook->spool);
	*err = hook->broken;
	hook->broken = (struct err){ 0 };
	return -1;
}
