#include "serve/mhd.h"

#include <fcntl.h>
#include <microhttpd.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "base/clock.h"
#include "base/io.h"
#include "serve/peer.h"
#include "serve/spill.h"

enum {
	STALL_MS = 1000,
	SLOW_RATE = 16, /* bytes in a ms; slower ones make room */
	POOL = 16 * 1024, /* the library's memory of a connection */
	SPARE = 8, /* connections that it has not put away yet */
	BUSY_SECONDS = 5,
};

/* Versions of the library that know threads keep a connection that was added
 * for their next turn, unless told that there are none. */
#if MHD_VERSION >= 0x00097707
#define AT_ONCE MHD_USE_NO_THREAD_SAFETY
#else
#define AT_ONCE 0
#endif

struct work {
	struct mhd *m;
	void **slot; /* in the table's row */
	int fd; /* the table's */
	struct MHD_Connection *http;
	struct request q;
	struct response a;
	struct spill body;
	struct err broken; /* the body cannot be stored */
	bool begun, whole, answered, large;
	int64_t since, began, moved; /* ms; moved: when it last sent */
	char from[PEER_TEXT];
};

struct mhd {
	const struct serve_conf *conf;
	struct MHD_Daemon *http;
	int epoll;
	struct work *adding; /* for on_connection() */
	struct work **at; /* oldest first */
	struct work **held; /* answers that wait for flush() */
	size_t n, nheld, large;
	int64_t now;
};

static void
say(struct work *w, int status)
{
	struct serve_line l = {
		.from = w->from,
		.method = w->q.method != NULL ? w->q.method : "-",
		.path = w->q.path != NULL ? w->q.path : "-",
		.status = status,
		.size = w->body.size,
		.ms = clock_ms() - w->since,
		.more = buf_str(&w->a.log),
	};

	if (w->m->conf->log != NULL)
		w->m->conf->log(&l, w->m->conf->ctx);
}

/* The end of a request. */

static int
queue_answer(struct work *w)
{
	struct response *a = &w->a;
	struct MHD_Response *m;
	char seconds[16];
	enum MHD_Result rc;

	m = MHD_create_response_from_buffer(a->body.len, a->body.data,
	    MHD_RESPMEM_MUST_COPY);
	if (m == NULL)
		return MHD_NO;
	MHD_add_response_header(m, "Content-Type", "application/json");
	MHD_add_response_header(m, "Connection", "close");
	if (a->allow != NULL)
		MHD_add_response_header(m, "Allow", a->allow);
	(void)snprintf(seconds, sizeof(seconds), "%d", a->retry_after);
	if (a->retry_after > 0)
		MHD_add_response_header(m, "Retry-After", seconds);
	rc = MHD_queue_response(w->http, (unsigned)a->status, m);
	MHD_destroy_response(m);
	w->answered = rc == MHD_YES;
	return (int)rc;
}

static void
failed(struct work *w, const struct err *err)
{
	response_failed(&w->a, err);
}

/* The client has gone, or will not come on: the library is told by EOF. */
static void
drop(struct work *w, const char *why)
{
	if (!w->answered) {
		peer_answer(w->fd, 408, "timeout", why);
		response_log(&w->a, "reason", why);
		w->a.status = 408;
		w->answered = true;
	}
	shutdown(w->fd, SHUT_RDWR);
	w->moved = INT64_MAX;
}

/* Slower than what a body may be, after its first second. */
static bool
is_slow(const struct work *w)
{
	int64_t ms = w->m->now - w->began;

	return !w->whole && w->moved != INT64_MAX && ms >= STALL_MS &&
	       (w->m->now - w->moved >= STALL_MS ||
		   (int64_t)w->body.size < ms * SLOW_RATE);
}

static bool
drop_slow(struct mhd *m, bool large)
{
	struct work *worst = NULL;

	for (size_t i = 0; i < m->n; i++) {
		struct work *w = m->at[i];

		if (is_slow(w) && (!large || w->large) &&
		    (worst == NULL || w->moved < worst->moved))
			worst = w;
	}
	if (worst == NULL)
		return false;
	drop(worst, "too slow, and others wait");
	return true;
}

bool
mhd_drop_slow(struct mhd *m, int64_t now)
{
	m->now = now;
	return drop_slow(m, false);
}

void
mhd_expire(struct mhd *m, int64_t now, bool stopping)
{
	m->now = now;
	for (size_t i = 0; i < m->n; i++) {
		struct work *w = m->at[i];

		if (w->moved == INT64_MAX)
			continue;
		if (now - w->since > m->conf->total_ms)
			drop(w, "not whole in time");
		else if (stopping && !w->whole && now - w->moved > STALL_MS)
			drop(w, "the daemon ends");
	}
}

static void
work_free(struct work *w)
{
	if (w->large)
		w->m->large--;
	spill_close(&w->body);
	response_release(&w->a);
	free(w);
}

/* Its request has ended, or never began. */
static void
forget(struct work *w)
{
	struct mhd *m = w->m;
	size_t i = 0;

	while (m->at[i] != w)
		i++;
	m->n--;
	memmove(&m->at[i], &m->at[i + 1], (m->n - i) * sizeof(*m->at));
	*w->slot = NULL;
	work_free(w);
}

/* The library's callbacks. */

static enum MHD_Result
take_header(void *ctx, enum MHD_ValueKind kind, const char *name,
    const char *value)
{
	struct request *q = ctx;

	(void)kind;
	if (q->headers == GUARD_HEADERS)
		return MHD_NO;
	q->header[q->headers].name = name;
	q->header[q->headers++].value = value != NULL ? value : "";
	return MHD_YES;
}

/* Large bodies are few at a time, so that what is in flight is bounded. */
static int
admit(struct work *w)
{
	struct mhd *m = w->m;

	if (w->q.length > m->conf->body) {
		response_error(&w->a, 413, "too-large",
		    "the body is too large");
		return 1;
	}
	if (w->q.length <= m->conf->small)
		return 0;
	if (m->large >= m->conf->large && !drop_slow(m, true)) {
		w->a.retry_after = BUSY_SECONDS;
		response_error(&w->a, 429, "busy", "too many large bodies");
		return 1;
	}
	w->large = true;
	m->large++;
	return 0;
}

static enum MHD_Result
begin(struct work *w, const char *path, const char *method)
{
	const struct serve_conf *conf = w->m->conf;
	struct err err = { 0 };
	const char *length;
	int rc;

	w->q.method = method;
	w->q.path = path;
	w->q.from = w->from;
	MHD_get_connection_values(w->http, MHD_HEADER_KIND, take_header, &w->q);
	if (request_header(&w->q, "Content-Length", &length) == 1)
		w->q.length = strtoull(length, NULL, 10); /* digits: guard.c */
	rc = conf->judge(&w->q, &w->a, conf->ctx, &err);
	if (rc < 0)
		failed(w, &err);
	if (rc == 0)
		rc = admit(w);
	if (rc == 0 && w->q.length > 0 &&
	    spill_open(&w->body, conf->tmp, &err) < 0) {
		failed(w, &err);
		rc = 1;
	}
	return rc == 0 ? MHD_YES : (enum MHD_Result)queue_answer(w);
}

static void
feed(struct work *w, const char *data, size_t n)
{
	w->moved = clock_ms();
	if (w->broken.status == 0)
		(void)spill_add(&w->body, data, n, &w->broken);
}

static enum MHD_Result
finish(struct work *w)
{
	struct mhd *m = w->m;
	struct err err = { 0 };

	w->whole = true;
	if (w->broken.status != 0) {
		failed(w, &w->broken);
		return (enum MHD_Result)queue_answer(w);
	}
	if (spill_map(&w->body, &err) < 0) {
		failed(w, &err);
		return (enum MHD_Result)queue_answer(w);
	}
	w->q.body = w->body.map;
	w->q.size = w->body.size;
	if (m->conf->handle(&w->q, &w->a, m->conf->ctx, &err) < 0)
		failed(w, &err);
	if (!w->a.hold)
		return (enum MHD_Result)queue_answer(w);
	MHD_suspend_connection(w->http);
	m->held[m->nheld++] = w;
	return MHD_YES;
}

static enum MHD_Result
on_request(void *ctx, struct MHD_Connection *http, const char *path,
    const char *method, const char *version, const char *data, size_t *n,
    void **seen)
{
	const union MHD_ConnectionInfo *info =
	    MHD_get_connection_info(http, MHD_CONNECTION_INFO_SOCKET_CONTEXT);
	struct work *w = info->socket_context;

	(void)ctx;
	(void)version;
	if (*seen == NULL) {
		if (w->begun)
			return MHD_NO;
		w->begun = true;
		w->http = http;
		*seen = w;
		return begin(w, path, method);
	}
	if (*n > 0) {
		feed(w, data, *n);
		*n = 0;
		return MHD_YES;
	}
	if (w->answered)
		return MHD_NO;
	return w->whole ? (enum MHD_Result)queue_answer(w) : finish(w);
}

/* The strings of a request live until here. */
static void
on_completed(void *ctx, struct MHD_Connection *http, void **seen,
    enum MHD_RequestTerminationCode how)
{
	struct work *w = *seen;

	(void)ctx;
	(void)http;
	(void)how;
	if (w == NULL)
		return;
	say(w, w->answered ? w->a.status : 0);
	w->q.method = w->q.path = NULL;
}

static void
on_connection(void *ctx, struct MHD_Connection *http, void **context,
    enum MHD_ConnectionNotificationCode what)
{
	struct mhd *m = ctx;

	(void)http;
	if (what == MHD_CONNECTION_NOTIFY_STARTED)
		*context = ptr_steal(&m->adding);
	else
		forget(*context);
}

int
mhd_add(struct mhd *m, int fd, int64_t since, int64_t now, void **slot)
{
	struct sockaddr_in none = { .sin_family = AF_INET };
	int copy = fcntl(fd, F_DUPFD_CLOEXEC, 0);
	struct work *w;

	if (copy < 0)
		return -1;
	w = mem_zalloc(1, sizeof(*w));
	w->m = m;
	w->slot = slot;
	w->fd = fd;
	w->body = SPILL_NONE;
	w->since = since;
	w->began = w->moved = m->now = now;
	peer_name(fd, w->from);
	*slot = m->adding = m->at[m->n++] = w;
	if (MHD_add_connection(m->http, copy, (struct sockaddr *)&none,
		sizeof(none)) != MHD_YES) {
		m->adding = NULL;
		forget(w);
	}
	return 0;
}

/* What they speak of is made durable for all at once. */
static void
answer_held(struct mhd *m)
{
	struct err err = { 0 };
	int flushed = 0;

	if (m->conf->flush != NULL)
		flushed = m->conf->flush(m->conf->ctx, &err);
	for (size_t i = 0; i < m->nheld; i++) {
		if (flushed < 0)
			failed(m->held[i], &err);
		MHD_resume_connection(m->held[i]->http);
	}
	m->nheld = 0;
	MHD_run(m->http);
	MHD_run(m->http);
}

bool
mhd_ready(const struct mhd *m)
{
	MHD_UNSIGNED_LONG_LONG ms;

	return MHD_get_timeout(m->http, &ms) == MHD_YES && ms == 0;
}

void
mhd_run(struct mhd *m, int64_t now)
{
	m->now = now;
	for (int i = 0; i < 8; i++) {
		MHD_run(m->http);
		if (!mhd_ready(m))
			break;
	}
	if (m->nheld > 0)
		answer_held(m);
}

int
mhd_fd(const struct mhd *m)
{
	return m->epoll;
}

static void
silent(void *ctx, const char *fmt, va_list ap)
{
	(void)ctx;
	(void)fmt;
	(void)ap;
}

static int
start(struct mhd *m, struct err *err)
{
	const union MHD_DaemonInfo *info;

	m->http = MHD_start_daemon(MHD_USE_EPOLL | MHD_USE_NO_LISTEN_SOCKET |
				       MHD_ALLOW_SUSPEND_RESUME |
				       MHD_USE_ERROR_LOG | AT_ONCE,
	    0, NULL, NULL, on_request, m, MHD_OPTION_EXTERNAL_LOGGER, silent,
	    NULL, MHD_OPTION_STRICT_FOR_CLIENT, 1,
	    MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)POOL,
	    MHD_OPTION_CONNECTION_LIMIT, (unsigned)m->conf->work + SPARE,
	    MHD_OPTION_NOTIFY_COMPLETED, on_completed, m,
	    MHD_OPTION_NOTIFY_CONNECTION, on_connection, m, MHD_OPTION_END);
	if (m->http == NULL)
		return err_sys(err, EX_OSERR, "os-error", "libmicrohttpd");
	info = MHD_get_daemon_info(m->http, MHD_DAEMON_INFO_EPOLL_FD);
	if (info == NULL || info->epoll_fd < 0)
		return err_set(err, EX_SOFTWARE, "os-error",
		    "libmicrohttpd has no epoll");
	m->epoll = info->epoll_fd;
	return 0;
}

int
mhd_open(struct mhd **out, const struct serve_conf *conf, struct err *err)
{
	struct mhd *m = mem_zalloc(1, sizeof(*m));

	m->conf = conf;
	m->at = mem_zalloc(conf->work + SPARE, sizeof(*m->at));
	m->held = mem_zalloc(conf->work + SPARE, sizeof(*m->held));
	if (start(m, err) < 0) {
		mhd_close(m);
		return -1;
	}
	*out = m;
	return 0;
}

void
mhd_close(struct mhd *m)
{
	if (m == NULL)
		return;
	if (m->http != NULL)
		MHD_stop_daemon(m->http);
	free(m->at);
	free(m->held);
	free(m);
}
