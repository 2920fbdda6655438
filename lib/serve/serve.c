#include "serve/serve.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <microhttpd.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/socket.h>

#include "base/clock.h"
#include "base/io.h"
#include "base/log.h"
#include "base/stop.h"
#include "serve/spill.h"
#include "serve/table.h"

enum {
	EVENTS = 64,
	ACCEPTS = 64, /* in a row */
	SPARE_FDS = 64,
	SMALL_WAIT = 32 * 1024, /* a body up to this is awaited in the socket */
	STALL_MS = 1000,
	SLOW_RATE = 16, /* bytes in a ms; slower ones make room */
	LINGER_MS = 2000,
	LINGER_BYTES = 4 << 20,
	POOL = 16 * 1024, /* libmicrohttpd's memory of a connection */
	TICK_MS = 250,
	BUSY_SECONDS = 5,
};

/* Versions of the library that know threads keep a connection that was added
 * for their next turn, unless told that there are none. */
#if MHD_VERSION >= 0x00097707
#define AT_ONCE MHD_USE_NO_THREAD_SAFETY
#else
#define AT_ONCE 0
#endif

/* What epoll says of an event; rows of the table come after. */
enum { EVENT_STOP, EVENT_HTTP, EVENT_DOOR, EVENT_ROW = EVENT_DOOR + DOORS };

struct work {
	struct serve *s;
	int32_t row;
	struct MHD_Connection *http;
	struct request q;
	struct response a;
	struct spill body;
	struct err broken; /* the body cannot be stored */
	bool begun, whole, answered, large;
	int64_t began, moved; /* ms, when it last sent something */
	char from[INET6_ADDRSTRLEN];
};

struct serve {
	struct serve_conf conf;
	struct doors doors;
	struct table t;
	struct MHD_Daemon *http;
	int epoll;
	struct work *adding; /* for on_connection() */
	struct work **held; /* answers that wait for flush() */
	size_t nheld, large;
	bool stopping;
	uint64_t pushed_out; /* connections closed for others */
	int64_t said; /* when that was last told */
	int64_t now;
	char peek[GUARD_HEAD];
	char waste[16 * 1024];
};

static struct conn *
row(struct serve *s, int32_t i)
{
	return &s->t.row[i];
}

/* The log. */

static void
say(struct serve *s, const struct serve_line *l)
{
	if (s->conf.log != NULL)
		s->conf.log(l, s->conf.ctx);
}

static void
say_work(struct work *w, int status)
{
	struct serve_line l = {
		.from = w->from,
		.method = w->q.method != NULL ? w->q.method : "-",
		.path = w->q.path != NULL ? w->q.path : "-",
		.status = status,
		.size = w->body.size,
		.ms = clock_ms() - row(w->s, w->row)->since,
		.more = buf_str(&w->a.log),
	};

	say(w->s, &l);
}

static void
name_peer(int fd, char out[INET6_ADDRSTRLEN])
{
	union {
		struct sockaddr any;
		struct sockaddr_in in;
		struct sockaddr_in6 in6;
	} a = { 0 };
	socklen_t n = sizeof(a);

	(void)snprintf(out, INET6_ADDRSTRLEN, "unix");
	if (getpeername(fd, &a.any, &n) < 0)
		return;
	if (a.any.sa_family == AF_INET)
		inet_ntop(AF_INET, &a.in.sin_addr, out, INET6_ADDRSTRLEN);
	else if (a.any.sa_family == AF_INET6)
		inet_ntop(AF_INET6, &a.in6.sin6_addr, out, INET6_ADDRSTRLEN);
}

/* Answers without the library: to what has not passed, or has not come. */

static void
raw_answer(int fd, int status, const char *code, const char *why)
{
	char body[256], text[640];
	int n = snprintf(body, sizeof(body),
	    "{\"error\":{\"code\":\"%s\",\"message\":\"%s\"}}\n", code, why);

	n = snprintf(text, sizeof(text),
	    "HTTP/1.1 %d %s\r\nContent-Type: application/json\r\n"
	    "Content-Length: %d\r\nConnection: close\r\n%s\r\n%s",
	    status, status_text(status), n,
	    status == 503 || status == 429 ? "Retry-After: 5\r\n" : "", body);
	(void)!send(fd, text, (size_t)n, MSG_DONTWAIT | MSG_NOSIGNAL);
}

static void drain(struct serve *, int32_t);

/* Ours is said: what still comes is read away, lest a reset eat it. */
static void
linger(struct serve *s, int32_t i)
{
	struct conn *c = row(s, i);

	shutdown(c->fd, SHUT_WR);
	c->seen = 0;
	table_move(&s->t, i, CONN_LINGER, s->now);
	drain(s, i);
}

static void
refuse(struct serve *s, int32_t i, int status, const char *code,
    const char *why)
{
	struct conn *c = row(s, i);
	char from[INET6_ADDRSTRLEN], more[128];
	struct serve_line l = {
		.from = from,
		.method = "-",
		.path = "-",
		.status = status,
		.ms = s->now - c->since,
		.more = more,
	};

	name_peer(c->fd, from);
	(void)snprintf(more, sizeof(more), " reason=\"%s\"", why);
	raw_answer(c->fd, status, code, why);
	say(s, &l);
	linger(s, i);
}

static void
drain(struct serve *s, int32_t i)
{
	struct conn *c = row(s, i);
	ssize_t n;

	while ((n = recv(c->fd, s->waste, sizeof(s->waste), MSG_DONTWAIT)) >
	       0) {
		c->seen += (uint32_t)n;
		if (c->seen > LINGER_BYTES)
			break;
	}
	if (n >= 0 || errno != EAGAIN)
		table_close(&s->t, i);
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
	int fd = row(w->s, w->row)->fd;

	if (!w->answered) {
		raw_answer(fd, 408, "timeout", why);
		response_log(&w->a, "reason", why);
		w->a.status = 408;
		w->answered = true;
	}
	shutdown(fd, SHUT_RDWR);
	w->moved = INT64_MAX;
}

/* Slower than what a body may be, after its first second. */
static bool
is_slow(const struct work *w)
{
	int64_t ms = w->s->now - w->began;

	return !w->whole && w->moved != INT64_MAX && ms >= STALL_MS &&
	       (w->s->now - w->moved >= STALL_MS ||
		   (int64_t)w->body.size < ms * SLOW_RATE);
}

/* A slow one makes room: the one whose last byte is oldest. */
static bool
drop_slow(struct serve *s, bool large)
{
	struct work *worst = NULL;

	for (int32_t i = table_oldest(&s->t, CONN_WORK); i >= 0;
	     i = row(s, i)->next) {
		struct work *w = row(s, i)->work;

		if (is_slow(w) && (!large || w->large) &&
		    (worst == NULL || w->moved < worst->moved))
			worst = w;
	}
	if (worst == NULL)
		return false;
	drop(worst, "too slow, and others wait");
	return true;
}

static void
work_free(struct work *w)
{
	if (w->large)
		w->s->large--;
	spill_close(&w->body);
	response_release(&w->a);
	free(w);
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
	struct serve *s = w->s;

	if (w->q.length > s->conf.body) {
		response_error(&w->a, 413, "too-large",
		    "the body is too large");
		return 1;
	}
	if (w->q.length <= s->conf.small)
		return 0;
	if (s->large >= s->conf.large && !drop_slow(s, true)) {
		w->a.retry_after = BUSY_SECONDS;
		response_error(&w->a, 429, "busy", "too many large bodies");
		return 1;
	}
	w->large = true;
	s->large++;
	return 0;
}

static enum MHD_Result
begin(struct work *w, const char *path, const char *method)
{
	struct err err = { 0 };
	const char *length;
	int rc;

	w->q.method = method;
	w->q.path = path;
	w->q.from = w->from;
	MHD_get_connection_values(w->http, MHD_HEADER_KIND, take_header, &w->q);
	if (request_header(&w->q, "Content-Length", &length) == 1)
		w->q.length = strtoull(length, NULL, 10); /* digits: guard.c */
	rc = w->s->conf.judge(&w->q, &w->a, w->s->conf.ctx, &err);
	if (rc < 0)
		failed(w, &err);
	if (rc == 0)
		rc = admit(w);
	if (rc == 0 && w->q.length > 0 &&
	    spill_open(&w->body, w->s->conf.tmp, &err) < 0) {
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
	struct serve *s = w->s;
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
	if (s->conf.handle(&w->q, &w->a, s->conf.ctx, &err) < 0)
		failed(w, &err);
	if (!w->a.hold)
		return (enum MHD_Result)queue_answer(w);
	MHD_suspend_connection(w->http);
	s->held[s->nheld++] = w;
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
	say_work(w, w->answered ? w->a.status : 0);
	w->q.method = w->q.path = NULL;
}

static void
on_connection(void *ctx, struct MHD_Connection *http, void **context,
    enum MHD_ConnectionNotificationCode what)
{
	struct serve *s = ctx;

	(void)http;
	if (what == MHD_CONNECTION_NOTIFY_STARTED) {
		*context = ptr_steal(&s->adding);
	} else {
		struct work *w = *context;

		row(s, w->row)->work = NULL;
		work_free(w);
	}
}

/* The library has closed its copy of the descriptor; ours remains. */
static void
after_work(struct serve *s)
{
	struct epoll_event ev = { .events = EPOLLIN | EPOLLRDHUP | EPOLLET };
	int32_t next;

	for (int32_t i = table_oldest(&s->t, CONN_WORK); i >= 0; i = next) {
		struct conn *c = row(s, i);
		int left = 0;

		next = c->next;
		if (c->work != NULL)
			continue;
		ev.data.u64 =
		    (uint64_t)c->gen << 32 | (uint32_t)(i + EVENT_ROW);
		if (ioctl(c->fd, FIONREAD, &left) < 0 || left == 0 ||
		    epoll_ctl(s->epoll, EPOLL_CTL_ADD, c->fd, &ev) < 0)
			table_close(&s->t, i);
		else
			linger(s, i);
	}
}

/* To the library, on a copy of the descriptor. */
static void
hand_over(struct serve *s, int32_t i)
{
	struct sockaddr_in none = { .sin_family = AF_INET };
	struct conn *c = row(s, i);
	int64_t since = c->since;
	struct work *w;
	int fd = fcntl(c->fd, F_DUPFD_CLOEXEC, 0);

	if (fd < 0) {
		refuse(s, i, 503, "busy", "no descriptor is free");
		return;
	}
	(void)epoll_ctl(s->epoll, EPOLL_CTL_DEL, c->fd, NULL);
	w = mem_zalloc(1, sizeof(*w));
	w->s = s;
	w->row = i;
	w->body = SPILL_NONE;
	w->began = w->moved = s->now;
	name_peer(c->fd, w->from);
	table_move(&s->t, i, CONN_WORK, since);
	c->work = s->adding = w;
	if (MHD_add_connection(s->http, fd, (struct sockaddr *)&none,
		sizeof(none)) == MHD_YES)
		return;
	c->work = s->adding = NULL;
	work_free(w);
}

static void
run_http(struct serve *s)
{
	MHD_UNSIGNED_LONG_LONG ms;
	struct err err = { 0 };
	int flushed = 0;

	for (int i = 0; i < 8; i++) {
		MHD_run(s->http);
		if (MHD_get_timeout(s->http, &ms) != MHD_YES || ms != 0)
			break;
	}
	if (s->nheld == 0)
		return;
	if (s->conf.flush != NULL)
		flushed = s->conf.flush(s->conf.ctx, &err);
	for (size_t i = 0; i < s->nheld; i++) {
		if (flushed < 0)
			failed(s->held[i], &err);
		MHD_resume_connection(s->held[i]->http);
	}
	s->nheld = 0;
	MHD_run(s->http);
	MHD_run(s->http);
}

/* Is a place free for this kind, or can one be made? */
static bool
place(struct serve *s, size_t limit)
{
	if (table_count(&s->t, CONN_WORK) < limit)
		return true;
	if (!drop_slow(s, false))
		return false;
	run_http(s);
	after_work(s);
	return table_count(&s->t, CONN_WORK) < limit;
}

/*
 * What is whole goes first and keeps some places for itself, since it is
 * answered at once.  Of those whose body is still to come the newest goes
 * first: where more wait than can be served, the oldest are lost anyway.
 */
static void
hand_all(struct serve *s)
{
	int32_t i;

	while ((i = table_oldest(&s->t, CONN_READY)) >= 0 &&
	       place(s, s->conf.work))
		hand_over(s, i);
	while ((i = table_newest(&s->t, CONN_PARTLY)) >= 0 &&
	       place(s, s->conf.work - s->conf.work / 4))
		hand_over(s, i);
}

/* Connections whose request is not whole. */

static void
look_head(struct serve *s, int32_t i)
{
	struct conn *c = row(s, i);
	struct guard g = { 0 };
	ssize_t n =
	    recv(c->fd, s->peek, sizeof(s->peek), MSG_PEEK | MSG_DONTWAIT);
	int rc;

	if (n == 0 || (n < 0 && errno != EAGAIN)) {
		table_close(&s->t, i);
		return;
	}
	if (n <= (ssize_t)c->seen)
		return;
	rc = guard_find(s->peek, (size_t)n, c->seen, &g);
	c->seen = (uint32_t)n;
	if (rc > 0)
		rc = guard_check(s->peek, &g) < 0 ? -1 : 1;
	if (rc < 0)
		refuse(s, i, g.status, "bad-request", g.why);
	if (rc <= 0)
		return;
	c->need = (uint32_t)g.head;
	c->whole = g.length <= SMALL_WAIT && !g.expect;
	if (c->whole)
		c->need += (uint32_t)g.length;
}

static void
look(struct serve *s, int32_t i, bool ended)
{
	struct conn *c = row(s, i);
	uint32_t gen = c->gen;
	int have = 0;

	if (c->state == CONN_LINGER) {
		drain(s, i);
		return;
	}
	if (c->state != CONN_WAIT)
		return;
	if (c->need == 0)
		look_head(s, i);
	if (c->gen != gen || c->state != CONN_WAIT)
		return;
	if (c->need > 0 && ioctl(c->fd, FIONREAD, &have) == 0 &&
	    (uint32_t)have >= c->need)
		table_move(&s->t, i, c->whole ? CONN_READY : CONN_PARTLY,
		    s->now);
	else if (ended)
		table_close(&s->t, i);
}

/* For a newcomer, or a descriptor: who has said the least for longest. */
static bool
push_out(struct serve *s)
{
	static const enum conn_state order[] = { CONN_LINGER, CONN_WAIT,
		CONN_PARTLY, CONN_READY };

	for (size_t i = 0; i < sizeof(order) / sizeof(*order); i++) {
		int32_t who = table_oldest(&s->t, order[i]);

		if (who < 0)
			continue;
		table_close(&s->t, who);
		s->pushed_out++;
		return true;
	}
	return false;
}

static void
welcome(struct serve *s, int fd)
{
	struct epoll_event ev = { .events = EPOLLIN | EPOLLRDHUP | EPOLLET };
	int32_t i;

	if (table_full(&s->t))
		push_out(s);
	i = table_take(&s->t, fd, s->now);
	if (i < 0) {
		close(fd);
		return;
	}
	ev.data.u64 =
	    (uint64_t)row(s, i)->gen << 32 | (uint32_t)(i + EVENT_ROW);
	if (epoll_ctl(s->epoll, EPOLL_CTL_ADD, fd, &ev) < 0)
		table_close(&s->t, i);
}

static void
accept_some(struct serve *s, int door)
{
	for (int i = 0; i < ACCEPTS; i++) {
		int fd =
		    accept4(door, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);

		if (fd >= 0)
			welcome(s, fd);
		else if ((errno != EMFILE && errno != ENFILE) || !push_out(s))
			return;
	}
}

/* Deadlines. */

static void
expire_list(struct serve *s, enum conn_state state, int64_t ms)
{
	int32_t i;

	while ((i = table_oldest(&s->t, state)) >= 0 &&
	       s->now - row(s, i)->since > ms) {
		if (state == CONN_WAIT && row(s, i)->seen > 0)
			refuse(s, i, 408, "timeout",
			    "the request did not come");
		else if (state == CONN_READY || state == CONN_PARTLY)
			refuse(s, i, 503, "busy", "too many requests");
		else
			table_close(&s->t, i);
	}
}

static void
expire(struct serve *s)
{
	expire_list(s, CONN_LINGER, LINGER_MS);
	expire_list(s, CONN_WAIT, s->conf.head_ms);
	expire_list(s, CONN_READY, s->conf.total_ms);
	expire_list(s, CONN_PARTLY, s->conf.total_ms);
	for (int32_t i = table_oldest(&s->t, CONN_WORK); i >= 0;
	     i = row(s, i)->next) {
		struct work *w = row(s, i)->work;

		if (w->moved == INT64_MAX)
			continue;
		if (s->now - row(s, i)->since > s->conf.total_ms)
			drop(w, "not whole in time");
		else if (s->stopping && !w->whole &&
			 s->now - w->moved > STALL_MS)
			drop(w, "the daemon ends");
	}
	if (s->pushed_out > 0 && s->now - s->said > 10000) {
		log_warn("%llu connections closed: the table was full",
		    (unsigned long long)s->pushed_out);
		s->pushed_out = 0;
		s->said = s->now;
	}
}

/* The loop. */

static void
event(struct serve *s, const struct epoll_event *ev)
{
	uint32_t what = (uint32_t)ev->data.u64;
	int32_t i;

	if (what < EVENT_DOOR)
		return; /* looked at each time */
	if (what < EVENT_ROW) {
		accept_some(s, s->doors.fd[what - EVENT_DOOR]);
		return;
	}
	i = (int32_t)(what - EVENT_ROW);
	if (row(s, i)->fd >= 0 &&
	    row(s, i)->gen == (uint32_t)(ev->data.u64 >> 32))
		look(s, i, (ev->events & (EPOLLRDHUP | EPOLLHUP)) != 0);
}

/* No more come in; a request that is there is answered. */
static void
begin_stop(struct serve *s)
{
	int32_t next;

	s->stopping = true;
	(void)epoll_ctl(s->epoll, EPOLL_CTL_DEL, stop_fd(), NULL);
	for (size_t i = 0; i < s->doors.n; i++)
		accept_some(s, s->doors.fd[i]);
	doors_close(&s->doors);
	for (int32_t i = table_oldest(&s->t, CONN_WAIT); i >= 0; i = next) {
		next = row(s, i)->next;
		look(s, i, true);
	}
}

static int
timeout_of(const struct serve *s)
{
	MHD_UNSIGNED_LONG_LONG ms;

	if (table_count(&s->t, CONN_WORK) > 0 &&
	    MHD_get_timeout(s->http, &ms) == MHD_YES && ms == 0)
		return 0;
	return table_empty(&s->t) ? -1 : TICK_MS;
}

static bool
waiting(const struct serve *s)
{
	return table_count(&s->t, CONN_WORK) > 0 ||
	       table_count(&s->t, CONN_READY) > 0 ||
	       table_count(&s->t, CONN_PARTLY) > 0;
}

int
serve_run(struct serve *s, struct err *err)
{
	struct epoll_event ev[EVENTS];
	int n;

	while (!s->stopping || waiting(s)) {
		n = epoll_wait(s->epoll, ev, EVENTS, timeout_of(s));
		if (n < 0 && errno != EINTR)
			return err_sys(err, EX_OSERR, "os-error", "epoll");
		s->now = clock_ms();
		for (int i = 0; i < n; i++)
			event(s, &ev[i]);
		hand_all(s);
		run_http(s);
		after_work(s);
		expire(s);
		if (stop_asked() && !s->stopping)
			begin_stop(s);
	}
	return 0;
}

/* Opening. */

static int
watch(struct serve *s, int fd, uint64_t what, struct err *err)
{
	struct epoll_event ev = { .events = EPOLLIN, .data.u64 = what };

	if (epoll_ctl(s->epoll, EPOLL_CTL_ADD, fd, &ev) < 0)
		return err_sys(err, EX_OSERR, "os-error", "epoll");
	return 0;
}

static size_t
table_size(size_t want)
{
	struct rlimit r;

	if (getrlimit(RLIMIT_NOFILE, &r) < 0)
		return 256;
	r.rlim_cur = r.rlim_max;
	(void)setrlimit(RLIMIT_NOFILE, &r);
	(void)getrlimit(RLIMIT_NOFILE, &r);
	if (r.rlim_cur < (rlim_t)4 * SPARE_FDS)
		return SPARE_FDS;
	if (want > r.rlim_cur - (rlim_t)3 * SPARE_FDS)
		return r.rlim_cur - (rlim_t)3 * SPARE_FDS;
	return want;
}

static void
defaults(struct serve_conf *c)
{
	if (c->table == 0)
		c->table = 10240;
	if (c->work == 0)
		c->work = 48;
	if (c->body == 0)
		c->body = 25 << 20;
	if (c->small == 0)
		c->small = 1 << 20;
	if (c->large == 0)
		c->large = 4;
	if (c->head_ms == 0)
		c->head_ms = 15000;
	if (c->total_ms == 0)
		c->total_ms = 30000;
}

static void
silent(void *ctx, const char *fmt, va_list ap)
{
	(void)ctx;
	(void)fmt;
	(void)ap;
}

static int
start_http(struct serve *s, struct err *err)
{
	const union MHD_DaemonInfo *info;

	s->http = MHD_start_daemon(MHD_USE_EPOLL | MHD_USE_NO_LISTEN_SOCKET |
				       MHD_ALLOW_SUSPEND_RESUME |
				       MHD_USE_ERROR_LOG | AT_ONCE,
	    0, NULL, NULL, on_request, s, MHD_OPTION_EXTERNAL_LOGGER, silent,
	    NULL, MHD_OPTION_STRICT_FOR_CLIENT, 1,
	    MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)POOL,
	    MHD_OPTION_CONNECTION_LIMIT, (unsigned)s->conf.work + 8,
	    MHD_OPTION_NOTIFY_COMPLETED, on_completed, s,
	    MHD_OPTION_NOTIFY_CONNECTION, on_connection, s, MHD_OPTION_END);
	if (s->http == NULL)
		return err_sys(err, EX_OSERR, "os-error", "libmicrohttpd");
	info = MHD_get_daemon_info(s->http, MHD_DAEMON_INFO_EPOLL_FD);
	if (info == NULL || info->epoll_fd < 0)
		return err_set(err, EX_SOFTWARE, "os-error",
		    "libmicrohttpd has no epoll");
	return watch(s, info->epoll_fd, EVENT_HTTP, err);
}

int
serve_open(struct serve **out, struct doors *doors,
    const struct serve_conf *conf, struct err *err)
{
	struct serve *s = mem_zalloc(1, sizeof(*s));
	int rc = 0;

	s->conf = *conf;
	defaults(&s->conf);
	s->doors = *doors;
	doors->n = 0;
	s->now = s->said = clock_ms();
	s->held = mem_zalloc(s->conf.work + 8, sizeof(struct work *));
	table_init(&s->t, table_size(s->conf.table));
	s->epoll = epoll_create1(EPOLL_CLOEXEC);
	if (s->epoll < 0)
		rc = err_sys(err, EX_OSERR, "os-error", "epoll");
	for (size_t i = 0; rc == 0 && i < s->doors.n; i++)
		rc = watch(s, s->doors.fd[i], EVENT_DOOR + i, err);
	if (rc == 0 && stop_fd() >= 0)
		rc = watch(s, stop_fd(), EVENT_STOP, err);
	if (rc == 0)
		rc = start_http(s, err);
	if (rc < 0) {
		serve_close(s);
		return -1;
	}
	*out = s;
	return 0;
}

void
serve_close(struct serve *s)
{
	if (s == NULL)
		return;
	if (s->http != NULL)
		MHD_stop_daemon(s->http);
	doors_close(&s->doors);
	table_release(&s->t);
	if (s->epoll >= 0)
		close(s->epoll);
	free(s->held);
	free(s);
}
