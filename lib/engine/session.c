#include "engine/session.h"

#include <poll.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/crypto.h"
#include "base/io.h"
#include "base/log.h"
#include "engine/pb.h"
#include "http/hijack.h"

enum {
	ANSWER_MS = 10000, /* of POST /session */
	BATCH = 256 << 10, /* bytes of one write */
	ROOM = 256 << 10, /* queued bytes at which files go on */
	GRACE_MS = 15000, /* for the build's own end after a failure of ours */
};

/* A call that is open, and what it is about. */
struct ask {
	struct session *s;
	const struct method *method;
	struct copy *copy;
	bool gone;
	struct ask *next;
};

struct session {
	const struct session_what *what;
	struct hijack *line;
	struct grpc *grpc;
	struct ask *asks;
	struct http *http; /* while it serves */
	struct buf out;
	size_t at; /* of out, sent already */
	uint64_t sent;
	bool lost;
	int done; /* of the build: 1 it has answered, -1 its end is not ours */
	struct err end; /* that of -1 */
	struct err first; /* what went wrong here first */
	int64_t first_at;
	char id[33];
};

struct method {
	const char *path;
	void (*begin)(struct ask *, struct grpc_call *);
	void (*message)(struct ask *, struct grpc_call *, const void *, size_t);
	bool one; /* message, then its answer is whole */
};

static void
blame(struct session *s, const struct err *err)
{
	if (s->first.status != 0)
		return;
	s->first = *err;
	s->first_at = clock_ms();
}

/* ---- what is asked for ---- */

/* Field 1 of a request as text. */
static char *
text_of(const void *p, size_t n)
{
	struct pb r = pb_of(p, n);
	struct pb_field f;

	while (pb_next(&r, &f) == 1)
		if (f.number == 1)
			return mem_strndup((const char *)f.bytes.p,
			    pb_length(&f.bytes));
	return mem_strdup("");
}

static void
refuse(struct ask *a, struct grpc_call *c, const struct err *err)
{
	blame(a->s, err);
	grpc_end(c, GRPC_INTERNAL, err->msg);
}

static void
on_health(struct ask *a, struct grpc_call *c, const void *p, size_t n)
{
	(void)a;
	(void)p;
	(void)n;
	grpc_send(c, "\x08\x01", 2); /* status: SERVING */
}

static void
on_credentials(struct ask *a, struct grpc_call *c, const void *p, size_t n)
{
	const struct session_what *w = a->s->what;
	auto_free char *host = text_of(p, n);
	AUTO(buf_wipe) struct buf user = { 0 };
	AUTO(buf_wipe) struct buf secret = { 0 };
	AUTO(buf_wipe) struct buf out = { 0 };
	struct err err = { 0 };

	if (w->credentials(w->ctx, host, &user, &secret, &err) < 0) {
		refuse(a, c, &err);
		return;
	}
	pb_put_bytes(&out, 1, buf_str(&user), user.len);
	pb_put_bytes(&out, 2, buf_str(&secret), secret.len);
	grpc_send(c, buf_str(&out), out.len);
}

/* One that is not there is our error and not "not found", which a mount that
 * is not `required` would take for an empty place, silently. */
static void
on_secret(struct ask *a, struct grpc_call *c, const void *p, size_t n)
{
	const struct session_what *w = a->s->what;
	auto_free char *name = text_of(p, n);
	AUTO(buf_wipe) struct buf value = { 0 };
	AUTO(buf_wipe) struct buf out = { 0 };
	struct err err = { 0 };
	int got = w->secret(w->ctx, name, &value, &err);

	if (got == 0) {
		err_set(&err, EX_CONFIG, "build-secret",
		    "secret %.200s: the build asks for it, and there is none",
		    name);
		err_hint(&err, "set it as a variable of phase build, or give "
			       "it by rcn-build --env-file");
	}
	if (got <= 0) {
		refuse(a, c, &err);
		return;
	}
	pb_put_bytes(&out, 1, buf_str(&value), value.len);
	grpc_send(c, buf_str(&out), out.len);
}

/* Newer engines quote a list that is not ASCII, as in a URL's query. */
static void
paths_of(struct grpc_call *c, struct strvec *out)
{
	const struct strvec *raw = grpc_headers(c, "followpaths");
	bool quoted = grpc_headers(c, "followpaths-encoded")->n > 0;

	for (size_t i = 0; i < raw->n; i++) {
		auto_buf struct buf plain = { 0 };

		if (quoted)
			http_unquote(&plain, raw->v[i]);
		strvec_add(out, quoted ? buf_str(&plain) : raw->v[i]);
	}
}

static void
on_files(struct ask *a, struct grpc_call *c)
{
	const struct session_what *w = a->s->what;
	const struct strvec *dir = grpc_headers(c, "dir-name");
	auto_strvec struct strvec only = { 0 };
	struct copy_source from = { .only = &only };

	paths_of(c, &only);

	if (dir->n == 1 && strcmp(dir->v[0], "context") == 0) {
		from.rows = w->context;
		from.context = w->source;
	} else if (dir->n == 1 && strcmp(dir->v[0], "dockerfile") == 0) {
		from.name = "Dockerfile";
		from.text = w->dockerfile;
	} else {
		grpc_end(c, GRPC_NOT_FOUND, "no such folder");
		return;
	}
	a->copy = copy_new(c, &from);
}

static void
on_packet(struct ask *a, struct grpc_call *c, const void *p, size_t n)
{
	(void)c;
	if (a->copy != NULL)
		copy_message(a->copy, p, n);
}

static const struct method methods[] = {
	{ "/grpc.health.v1.Health/Check", NULL, on_health, true },
	{ "/moby.filesync.v1.FileSync/DiffCopy", on_files, on_packet, false },
	{ "/moby.filesync.v1.Auth/Credentials", NULL, on_credentials, true },
	{ "/moby.buildkit.secrets.v1.Secrets/GetSecret", NULL, on_secret,
	    true },
};

static void
on_begin(struct grpc_call *c, const char *path, void **data, void *ctx)
{
	struct ask *a = mem_zalloc(1, sizeof(*a));

	a->s = ctx;
	a->next = a->s->asks;
	a->s->asks = a;
	*data = a;
	for (size_t i = 0; i < sizeof(methods) / sizeof(*methods); i++)
		if (strcasecmp(methods[i].path, path) == 0)
			a->method = &methods[i];
	if (a->method == NULL)
		grpc_end(c, GRPC_UNIMPLEMENTED, "no such method");
	else if (a->method->begin != NULL)
		a->method->begin(a, c);
}

static void
on_message(struct grpc_call *c, void *data, const void *p, size_t n)
{
	struct ask *a = data;

	if (a->method == NULL)
		return;
	a->method->message(a, c, p, n);
	if (a->method->one)
		grpc_end(c, GRPC_OK, NULL);
}

static void
on_half(struct grpc_call *c, void *data)
{
	(void)c;
	(void)data;
}

/* It may be at work just now: it is let go after that. */
static void
on_closed(struct grpc_call *c, void *data)
{
	struct ask *a = data;

	(void)c;
	a->gone = true;
	if (a->copy != NULL)
		copy_closed(a->copy);
}

static void
drop_gone(struct session *s, bool all)
{
	struct ask **at = &s->asks;

	while (*at != NULL) {
		struct ask *a = *at;

		if (!a->gone && !all) {
			at = &a->next;
			continue;
		}
		*at = a->next;
		copy_free(a->copy);
		free(a);
	}
}

/* ---- the line ---- */

static void
lose(struct session *s, const struct err *why)
{
	struct err err = { 0 };

	if (s->lost)
		return;
	s->lost = true;
	err_set(&err, EX_UNAVAILABLE, "session-lost",
	    "engine: it let go of the build's session%s%s",
	    why->status != 0 ? ": " : "", why->status != 0 ? why->msg : "");
	blame(s, &err);
}

static void
hear(struct session *s)
{
	static char piece[65536];
	struct err err = { 0 };
	ssize_t n;

	while (!s->lost && (n = hijack_read(s->line, piece, sizeof(piece),
				&err)) != HIJACK_NONE) {
		if (n <= 0 || grpc_feed(s->grpc, piece, (size_t)n, &err) < 0)
			lose(s, &err);
	}
}

/* Frames are many and small: they go out in batches. */
static void
gather(struct session *s, struct err *err)
{
	const unsigned char *p;
	ssize_t n;

	if (s->at > 0 && s->at == s->out.len) {
		buf_clear(&s->out);
		s->at = 0;
	}
	while (s->out.len - s->at < BATCH &&
	       (n = grpc_pending(s->grpc, &p, err)) > 0)
		buf_add(&s->out, p, (size_t)n);
}

static void
say(struct session *s)
{
	struct err err = { 0 };
	ssize_t n = 1;

	while (!s->lost && n > 0) {
		gather(s, &err);
		n = 0;
		if (err.status == 0 && s->at < s->out.len)
			n = hijack_send(s->line, s->out.data + s->at,
			    s->out.len - s->at, &err);
		if (err.status != 0)
			lose(s, &err);
		if (n > 0) {
			s->at += (size_t)n;
			s->sent += (uint64_t)n;
		}
	}
	if (!s->lost && s->at == s->out.len && grpc_over(s->grpc))
		lose(s, &err);
}

/* One turn of both connections; s->done says whether it was the last. */
static void
turn(struct session *s, bool wait)
{
	short events = POLLIN;

	say(s);
	if (s->at < s->out.len)
		events |= POLLOUT;
	s->done = http_turn(s->http, s->lost ? -1 : hijack_fd(s->line), &events,
	    wait, &s->end);
	if (s->done != 0)
		return;
	hear(s);
	say(s);
	if (s->first.status != 0 && clock_ms() - s->first_at > GRACE_MS) {
		s->end = s->first;
		s->done = -1;
	}
}

static int
make_room(struct copy *c, void *ctx, struct err *err)
{
	struct session *s = ctx;

	while (s->done == 0 && !s->lost && copy_queued(c) > ROOM)
		turn(s, true);
	if (s->done == 0 && !s->lost)
		return 0;
	return err_set(err, EX_UNAVAILABLE, "connection-lost",
	    "engine: it ended the build meanwhile");
}

/* Whoever has let go of a call does not wonder that it failed: what the build
 * says is the cause then. */
static bool
work_one(struct session *s, struct ask *a)
{
	struct err own = { 0 };
	int got;

	if (a->copy == NULL || a->gone)
		return false;
	got = copy_work(a->copy, make_room, s, &own);
	if (got < 0 && !a->gone && !s->lost && s->done == 0)
		blame(s, &own);
	return got != 0;
}

/* A piece of work of each call; false: nothing is to do. */
static bool
work(struct session *s)
{
	bool did = false;

	for (struct ask *a = s->asks; a != NULL; a = a->next)
		did = work_one(s, a) || did;
	drop_gone(s, false);
	return did;
}

int
session_serve(struct session *s, struct http *http, struct err *err)
{
	s->http = http;
	while (s->done == 0) {
		bool did = !s->lost && work(s);

		if (s->done == 0)
			turn(s, !did);
	}
	s->http = NULL;
	if (s->done < 0)
		*err = s->end;
	return s->done < 0 ? -1 : 0;
}

/* ---- opening ---- */

static int
ask_for_it(struct session *s, struct engine *e, struct err *err)
{
	auto_strvec struct strvec headers = { 0 };
	int status = 0, ready;

	strvec_addf(&headers, "X-Docker-Expose-Session-Uuid: %s", s->id);
	strvec_add(&headers, "X-Docker-Expose-Session-Name: rcn");
	strvec_addf(&headers, "X-Docker-Expose-Session-Sharedkey: %s",
	    s->what->context->key);
	for (size_t i = 0; i < sizeof(methods) / sizeof(*methods); i++)
		strvec_addf(&headers, "X-Docker-Expose-Session-Grpc-Method: %s",
		    methods[i].path);
	if (engine_hijack(e, "POST", "/session", &headers, NULL, "h2c",
		&s->line, err) < 0)
		return -1;
	ready = io_wait(hijack_fd(s->line), POLLIN, ANSWER_MS, err);
	if (ready == 0)
		return err_set(err, EX_UNAVAILABLE, "session-lost",
		    "engine: no answer to POST /session in %d s",
		    ANSWER_MS / 1000);
	if (ready < 0)
		return -1;
	if (hijack_answer(s->line, &status, err) < 0)
		return err_wrap(err, "engine: POST /session");
	if (status == 101)
		return 1;
	log_info("engine: POST /session: %d", status);
	return 0;
}

int
session_open(struct session **out, struct engine *e,
    const struct session_what *what, struct err *err)
{
	static const struct grpc_ops ops = { on_begin, on_message, on_half,
		on_closed };
	struct session *s = mem_zalloc(1, sizeof(*s));
	unsigned char random[16];
	int got;

	s->what = what;
	random_bytes(random, sizeof(random));
	hex_encode(random, sizeof(random), s->id);
	got = ask_for_it(s, e, err);
	if (got <= 0) {
		session_close(s);
		return got;
	}
	s->grpc = grpc_new(&ops, s);
	say(s);
	*out = s;
	return 1;
}

const char *
session_id(const struct session *s)
{
	return s->id;
}

const struct err *
session_err(const struct session *s)
{
	return s->first.status != 0 ? &s->first : NULL;
}

uint64_t
session_sent(const struct session *s)
{
	return s->sent;
}

void
session_close(struct session *s)
{
	if (s == NULL)
		return;
	grpc_free(s->grpc);
	drop_gone(s, true);
	hijack_close(s->line);
	buf_wipe(&s->out);
	free(s);
}
