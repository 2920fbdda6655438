#include "serve/serve.h"

#include <errno.h>
#include <stdio.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/socket.h>

#include "base/clock.h"
#include "base/io.h"
#include "base/log.h"
#include "base/stop.h"
#include "serve/mhd.h"
#include "serve/peer.h"
#include "serve/table.h"

enum {
	EVENTS = 64,
	ACCEPTS = 64, /* in a row */
	SPARE_FDS = 64,
	SMALL_WAIT = 32 * 1024, /* a body up to this is awaited in the socket */
	LINGER_MS = 2000,
	LINGER_BYTES = 4 << 20,
	TICK_MS = 250,
};

/* What epoll says of an event; rows of the table come after. */
enum { EVENT_STOP, EVENT_HTTP, EVENT_DOOR, EVENT_ROW = EVENT_DOOR + DOORS };

struct serve {
	struct serve_conf conf;
	struct doors doors;
	struct table t;
	struct mhd *http;
	int epoll;
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
	char from[PEER_TEXT], more[128];
	struct serve_line l = {
		.from = from,
		.method = "-",
		.path = "-",
		.status = status,
		.ms = s->now - c->since,
		.more = more,
	};

	peer_name(c->fd, from);
	(void)snprintf(more, sizeof(more), " reason=\"%s\"", why);
	peer_answer(c->fd, status, code, why);
	if (s->conf.log != NULL)
		s->conf.log(&l, s->conf.ctx);
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
	struct conn *c = row(s, i);
	int64_t since = c->since;

	if (mhd_add(s->http, c->fd, since, s->now, &c->work) < 0) {
		refuse(s, i, 503, "busy", "no descriptor is free");
		return;
	}
	(void)epoll_ctl(s->epoll, EPOLL_CTL_DEL, c->fd, NULL);
	table_move(&s->t, i, CONN_WORK, since);
}

/* Is a place free for this kind, or can one be made? */
static bool
place(struct serve *s, size_t limit)
{
	if (table_count(&s->t, CONN_WORK) < limit)
		return true;
	if (!mhd_drop_slow(s->http, s->now))
		return false;
	mhd_run(s->http, s->now);
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
	mhd_expire(s->http, s->now, s->stopping);
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
	if (table_count(&s->t, CONN_WORK) > 0 && mhd_ready(s->http))
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
		mhd_run(s->http, s->now);
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
	table_init(&s->t, table_size(s->conf.table));
	s->epoll = epoll_create1(EPOLL_CLOEXEC);
	if (s->epoll < 0)
		rc = err_sys(err, EX_OSERR, "os-error", "epoll");
	for (size_t i = 0; rc == 0 && i < s->doors.n; i++)
		rc = watch(s, s->doors.fd[i], EVENT_DOOR + i, err);
	if (rc == 0 && stop_fd() >= 0)
		rc = watch(s, stop_fd(), EVENT_STOP, err);
	if (rc == 0)
		rc = mhd_open(&s->http, &s->conf, err);
	if (rc == 0)
		rc = watch(s, mhd_fd(s->http), EVENT_HTTP, err);
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
	mhd_close(s->http);
	doors_close(&s->doors);
	table_release(&s->t);
	if (s->epoll >= 0)
		close(s->epoll);
	free(s);
}
