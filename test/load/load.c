/*
 * load - requests through a proxy while something happens behind it.
 *
 *	load --target IP:PORT --host HOST [--rate N] [--kept N] [--kept-rate N]
 *	    [--slow PATH] [--websocket HOST] [--expect BODY]... [--seconds N]
 *
 * Open loop: N requests/s (--rate, 200) start on fresh connections whatever
 * becomes of those before; --kept clients (20) keep theirs and ask --kept-rate
 * times a second (20); --slow asks for PATH again and again, one request at a
 * time; --websocket echoes a message every 100 ms over one connection to HOST.
 * Each answer must be a 200 with one of the bodies expected (all, if none is
 * given).  Ends after --seconds, or at SIGTERM: what runs then is waited for.
 *
 * A kept connection that is closed before it answers, after it has answered
 * before, is `stale`: asked again on a new one, as clients do.  All else is a
 * failure.  Prints one JSON object; status 0 whatever was counted:
 *	{"fresh": {requests, failed, p50_us, p99_us, max_us},
 *	 "kept": {the same, stale, closed}, "slow": {the same},
 *	 "websocket": {messages, failed},
 *	 "bodies": {BODY: {count, first_ms, last_ms}}, "failures": [TEXT]}
 * closed: kept connections that ended between two requests.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/json.h"
#include "base/log.h"
#include "base/text.h"

enum {
	LIMIT_US = 40 * 1000000, /* for one answer */
	WS_PERIOD_US = 100000,
	FAILURES_MAX = 20,
	IN_MAX = 16384,
};

enum kind { FRESH, KEPT, SLOW, WEBSOCKET, KINDS };
enum state { CLOSED, CONNECTING, ASKED, IDLE };

struct conn {
	enum kind kind;
	enum state state;
	int fd;
	bool reused; /* has answered before */
	bool again; /* asks again what was lost by a stale connection */
	bool upgraded; /* WEBSOCKET: messages from here on */
	int64_t began, due; /* us */
	size_t len;
	char in[IN_MAX + 1];
	struct conn *next; /* of the fresh ones */
};

struct tally {
	int64_t requests, failed, stale, closed;
	uint32_t *us;
	size_t n, cap;
};

static struct {
	struct sockaddr_in target;
	const char *host, *slow, *websocket;
	struct strvec expect;
	uint64_t rate, kept, kept_rate, seconds;
} opt = { .rate = 200, .kept = 20, .kept_rate = 20, .seconds = 3600 };

static struct tally tally[KINDS];
static json_t *bodies, *failures;
static struct conn *fresh; /* running, in a list */
static size_t running; /* requests without an answer */
static int64_t start_us;
static int ep;
static volatile sig_atomic_t stop;

static void
on_signal(int sig)
{
	(void)sig;
	stop = 1;
}

static void
fail(struct conn *c, const char *why)
{
	static const char *const names[] = { "fresh", "kept", "slow",
		"websocket" };
	auto_free char *text = mem_printf("%s at %lld ms: %s", names[c->kind],
	    (long long)(clock_us() - start_us) / 1000, why);

	tally[c->kind].failed++;
	if (json_array_size(failures) < FAILURES_MAX)
		json_array_append_new(failures, json_text(text));
}

static void
hang_up(struct conn *c)
{
	if (c->fd >= 0)
		(void)close(c->fd);
	c->fd = -1;
	if (c->state == CONNECTING || c->state == ASKED)
		running--;
	c->state = CLOSED;
	c->reused = false;
	c->upgraded = false;
	c->len = 0;
}

static void
watch(struct conn *c, uint32_t events, int op)
{
	struct epoll_event ev = { .events = events, .data.ptr = c };

	if (epoll_ctl(ep, op, c->fd, &ev) < 0)
		abort();
}

static void
dial(struct conn *c)
{
	int one = 1;

	c->fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (c->fd < 0)
		abort();
	(void)setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	c->state = CONNECTING;
	running++;
	if (connect(c->fd, (const struct sockaddr *)&opt.target,
		sizeof(opt.target)) < 0 &&
	    errno != EINPROGRESS) {
		fail(c, strerror(errno));
		hang_up(c);
		return;
	}
	watch(c, EPOLLOUT, EPOLL_CTL_ADD);
}

/* Small: it fits into an empty socket buffer, or something is wrong. */
static void
put(struct conn *c, const void *data, size_t n)
{
	if (send(c->fd, data, n, MSG_NOSIGNAL) != (ssize_t)n)
		log_debug("send: %s", strerror(errno));
}

static void
ask(struct conn *c)
{
	auto_buf struct buf b = { 0 };

	buf_addf(&b, "GET %s HTTP/1.1\r\nHost: %s\r\n",
	    c->kind == SLOW ? opt.slow : (c->kind == WEBSOCKET ? "/ws" : "/"),
	    c->kind == WEBSOCKET ? opt.websocket : opt.host);
	if (c->kind == WEBSOCKET)
		buf_adds(&b,
		    "Connection: Upgrade\r\nUpgrade: websocket\r\n"
		    "Sec-WebSocket-Version: 13\r\n"
		    "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n");
	else
		buf_addf(&b, "Connection: %s\r\n\r\n",
		    c->kind == KEPT ? "keep-alive" : "close");
	c->state = ASKED;
	c->len = 0;
	put(c, b.data, b.len);
	watch(c, EPOLLIN, EPOLL_CTL_MOD);
}

/* Starts a request: on the connection it has, else on a new one. */
static void
begin(struct conn *c, int64_t now)
{
	if (!c->again) {
		tally[c->kind].requests++;
		c->began = now;
	}
	if (c->state == IDLE) {
		running++;
		ask(c);
	} else {
		dial(c);
	}
}

static void
note_time(struct tally *t, int64_t us)
{
	if (t->n == t->cap) {
		t->cap = t->cap == 0 ? 4096 : t->cap * 2;
		t->us = mem_realloc(t->us, t->cap, sizeof(*t->us));
	}
	t->us[t->n++] = (uint32_t)us;
}

static void
note_body(const char *body)
{
	json_int_t ms = (clock_us() - start_us) / 1000;
	json_t *o = json_object_get(bodies, body);

	if (o == NULL) {
		o = json_pack("{s:i, s:I}", "count", 0, "first_ms", ms);
		json_object_set_new(bodies, body, o);
	}
	json_object_set_new(o, "count",
	    json_integer(json_int(o, "count", 0) + 1));
	json_object_set_new(o, "last_ms", json_integer(ms));
}

static void
check_answer(struct conn *c, int status, char *body, size_t n)
{
	auto_buf struct buf clean = { 0 };

	while (n > 0 && (body[n - 1] == '\n' || body[n - 1] == '\r'))
		n--;
	text_printable(&clean, body, n);
	if (status != 200) {
		auto_free char *why =
		    mem_printf("status %d: %s", status, buf_str(&clean));
		fail(c, why);
		return;
	}
	if (opt.expect.n > 0 && !strvec_has(&opt.expect, buf_str(&clean))) {
		auto_free char *why = mem_printf("body: %s", buf_str(&clean));
		fail(c, why);
		return;
	}
	note_body(buf_str(&clean));
	note_time(&tally[c->kind], clock_us() - c->began);
}

/* The value of a header in the head at s, or NULL. */
static const char *
header(const char *s, const char *name)
{
	size_t n = strlen(name);

	while ((s = strstr(s, "\r\n")) != NULL) {
		s += 2;
		if (strncasecmp(s, name, n) == 0 && s[n] == ':')
			return s + n + 1 + strspn(s + n + 1, " ");
	}
	return NULL;
}

/* 1 a whole answer has come and been counted, 0 not yet. */
static int
take_answer(struct conn *c)
{
	char *end = strstr(c->in, "\r\n\r\n");
	const char *length, *connection;
	size_t head, body;

	if (end == NULL)
		return 0;
	*end = '\0';
	head = (size_t)(end - c->in) + 4;
	length = header(c->in, "Content-Length");
	connection = header(c->in, "Connection");
	body = length != NULL ? strtoul(length, NULL, 10) : 0;
	if (c->len < head + body) {
		*end = '\r';
		return 0;
	}
	check_answer(c, (int)strtol(c->in + 9, NULL, 10), c->in + head, body);
	c->again = false;
	if (c->kind == KEPT &&
	    (connection == NULL || strncasecmp(connection, "close", 5) != 0)) {
		running--;
		c->state = IDLE;
		c->reused = true;
		c->len = 0;
	} else {
		hang_up(c);
	}
	return 1;
}

/* ---- the WebSocket: one small text frame there and back ---- */

static const char message[] = "rcn over the switch";

static void
ws_send(struct conn *c)
{
	unsigned char frame[6 + sizeof(message)] = { 0x81,
		0x80 | (sizeof(message) - 1), 1, 2, 3, 4 };

	for (size_t i = 0; i + 1 < sizeof(message); i++)
		frame[6 + i] =
		    (unsigned char)(message[i] ^ (char)frame[2 + i % 4]);
	tally[WEBSOCKET].requests++;
	c->began = clock_us();
	c->state = ASKED;
	running++;
	put(c, frame, 6 + sizeof(message) - 1);
}

static void
ws_take(struct conn *c)
{
	size_t n = 2 + sizeof(message) - 1;

	if (!c->upgraded) {
		if (strstr(c->in, "\r\n\r\n") == NULL)
			return;
		if (strncmp(c->in, "HTTP/1.1 101", 12) != 0) {
			fail(c, "not upgraded");
			hang_up(c);
			return;
		}
		c->upgraded = true;
	} else {
		if (c->len < n)
			return;
		if (c->len != n || memcmp(c->in + 2, message, n - 2) != 0)
			fail(c, "another message came back");
	}
	c->len = 0;
	c->state = IDLE;
	running--;
	c->due = clock_us() + WS_PERIOD_US;
}

/* ---- events ---- */

static void
lost(struct conn *c, const char *why)
{
	bool stale = c->kind == KEPT && c->reused && c->len == 0;

	if (c->state == IDLE && c->kind == KEPT) {
		tally[KEPT].closed++;
		hang_up(c);
		return;
	}
	hang_up(c);
	if (!stale || c->again) {
		c->again = false;
		fail(c, why);
		return;
	}
	tally[KEPT].stale++;
	c->again = true;
	begin(c, c->began);
}

static void
readable(struct conn *c)
{
	ssize_t n = recv(c->fd, c->in + c->len, IN_MAX - c->len, 0);

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n < 0) {
		lost(c, strerror(errno));
		return;
	}
	if (n == 0) {
		lost(c, c->len == 0 ? "closed without an answer"
				    : "closed within the answer");
		return;
	}
	c->len += (size_t)n;
	c->in[c->len] = '\0';
	if (c->kind == WEBSOCKET)
		ws_take(c);
	else
		(void)take_answer(c);
}

static void
happened(struct conn *c)
{
	int sys = 0;
	socklen_t n = sizeof(sys);

	if (c->state != CONNECTING) {
		readable(c);
		return;
	}
	(void)getsockopt(c->fd, SOL_SOCKET, SO_ERROR, &sys, &n);
	if (sys == 0) {
		ask(c);
		return;
	}
	hang_up(c);
	c->again = false;
	fail(c, strerror(sys));
}

/* Fresh connections that have ended leave the list; so do late ones. */
static void
sweep(int64_t now)
{
	for (struct conn **at = &fresh; *at != NULL;) {
		struct conn *c = *at;

		if (c->state != CLOSED && now - c->began > LIMIT_US) {
			hang_up(c);
			fail(c, "no answer in time");
		}
		if (c->state == CLOSED) {
			*at = c->next;
			free(c);
		} else {
			at = &c->next;
		}
	}
}

static struct conn *
new_conn(enum kind kind, int64_t due)
{
	struct conn *c = mem_zalloc(1, sizeof(*c));

	c->kind = kind;
	c->fd = -1;
	c->due = due;
	return c;
}

static void
start_fresh(int64_t now, int64_t *due)
{
	while (*due <= now) {
		struct conn *c = new_conn(FRESH, 0);

		c->next = fresh;
		fresh = c;
		begin(c, now);
		*due += 1000000 / (int64_t)opt.rate;
	}
}

/* One of the lasting ones, if it is its time. */
static void
start_kept(struct conn *c, int64_t now)
{
	bool waits = c->state == CONNECTING || c->state == ASKED;

	if (waits && now - c->began > LIMIT_US) {
		hang_up(c);
		fail(c, "no answer in time");
	}
	if (now < c->due || waits)
		return;
	if (c->kind == WEBSOCKET && c->state == IDLE) {
		ws_send(c);
		return;
	}
	if (c->kind == WEBSOCKET) {
		c->began = now;
		dial(c);
	} else {
		begin(c, now);
	}
	c->due += c->kind == KEPT ? 1000000 / (int64_t)opt.kept_rate : 0;
	if (c->due < now)
		c->due = now;
}

static void
poll_once(int timeout)
{
	struct epoll_event ev[256];
	int n = epoll_wait(ep, ev, 256, timeout);

	for (int i = 0; i < n; i++)
		happened(ev[i].data.ptr);
}

static void
loop(struct conn **kept, size_t n)
{
	int64_t end = start_us + (int64_t)opt.seconds * 1000000;
	int64_t due = start_us, now;

	while ((now = clock_us()) < end && !stop) {
		if (opt.rate > 0)
			start_fresh(now, &due);
		for (size_t i = 0; i < n; i++)
			start_kept(kept[i], now);
		poll_once(1);
		sweep(clock_us());
	}
	end = clock_us() + LIMIT_US;
	while (running > 0 && clock_us() < end) {
		poll_once(50);
		sweep(clock_us());
	}
}

/* ---- the report ---- */

static int
by_size(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return (x > y) - (x < y);
}

static json_t *
report(struct tally *t)
{
	if (t->n > 0)
		qsort(t->us, t->n, sizeof(*t->us), by_size);
	return json_pack("{s:I, s:I, s:i, s:i, s:i}", "requests", t->requests,
	    "failed", t->failed, "p50_us", t->n > 0 ? (int)t->us[t->n / 2] : 0,
	    "p99_us", t->n > 0 ? (int)t->us[t->n * 99 / 100] : 0, "max_us",
	    t->n > 0 ? (int)t->us[t->n - 1] : 0);
}

static void
print_report(void)
{
	auto_buf struct buf b = { 0 };
	json_t *kept = report(&tally[KEPT]);
	json_auto_t *o = NULL;

	json_object_set_new(kept, "stale", json_integer(tally[KEPT].stale));
	json_object_set_new(kept, "closed", json_integer(tally[KEPT].closed));
	o = json_pack("{s:o, s:o, s:o, s:{s:I, s:I}, s:o, s:o}", "fresh",
	    report(&tally[FRESH]), "kept", kept, "slow", report(&tally[SLOW]),
	    "websocket", "messages", tally[WEBSOCKET].requests, "failed",
	    tally[WEBSOCKET].failed, "bodies", bodies, "failures", failures);
	json_write(&b, o, JSON_COMPACT);
	(void)printf("%s\n", b.data);
}

/* ---- options ---- */

static uint64_t
number(const char *text)
{
	struct err err = { 0 };
	uint64_t n;

	if (parse_u64(text, 0, 100000, &n, &err) == 0)
		return n;
	err_print(&err);
	exit(err.status);
}

static int
usage(void)
{
	(void)fputs("usage: load --target IP:PORT --host HOST [--rate N]\n"
		    "    [--kept N] [--kept-rate N] [--slow PATH]\n"
		    "    [--websocket HOST] [--expect BODY]... [--seconds N]\n",
	    stderr);
	return EX_USAGE;
}

static int
set_target(char *text)
{
	char *colon = strrchr(text, ':');

	if (colon == NULL)
		return -1;
	*colon = '\0';
	opt.target.sin_family = AF_INET;
	opt.target.sin_port = htons((uint16_t)number(colon + 1));
	return inet_pton(AF_INET, text, &opt.target.sin_addr) == 1 ? 0 : -1;
}

static int
read_options(int argc, char **argv)
{
	static const struct option longopts[] = {
		{ "expect", required_argument, NULL, 'e' },
		{ "host", required_argument, NULL, 'h' },
		{ "kept", required_argument, NULL, 'k' },
		{ "kept-rate", required_argument, NULL, 'K' },
		{ "rate", required_argument, NULL, 'r' },
		{ "seconds", required_argument, NULL, 's' },
		{ "slow", required_argument, NULL, 'l' },
		{ "target", required_argument, NULL, 't' },
		{ "websocket", required_argument, NULL, 'w' },
		{ NULL, 0, NULL, 0 },
	};
	int c;

	while ((c = getopt_long(argc, argv, "", longopts, NULL)) != -1)
		switch (c) {
		case 'e':
			strvec_add(&opt.expect, optarg);
			break;
		case 'h':
			opt.host = optarg;
			break;
		case 'k':
			opt.kept = number(optarg);
			break;
		case 'K':
			opt.kept_rate = number(optarg);
			break;
		case 'l':
			opt.slow = optarg;
			break;
		case 'r':
			opt.rate = number(optarg);
			break;
		case 's':
			opt.seconds = number(optarg);
			break;
		case 't':
			if (set_target(optarg) < 0)
				return -1;
			break;
		case 'w':
			opt.websocket = optarg;
			break;
		default:
			return -1;
		}
	return opt.host == NULL || opt.target.sin_family == 0 ||
		       opt.kept_rate == 0
		   ? -1
		   : 0;
}

int
main(int argc, char **argv)
{
	struct sigaction act = { .sa_handler = on_signal };
	struct conn **kept;
	size_t n = 0;

	log_init("load");
	json_init();
	if (read_options(argc, argv) < 0)
		return usage();
	(void)sigaction(SIGTERM, &act, NULL);
	(void)sigaction(SIGINT, &act, NULL);
	ep = epoll_create1(EPOLL_CLOEXEC);
	bodies = json_object();
	failures = json_array();
	kept = mem_zalloc(opt.kept + 2, sizeof(struct conn *));
	start_us = clock_us();
	for (; n < opt.kept; n++)
		kept[n] = new_conn(KEPT,
		    start_us +
			(int64_t)(n * 1000000 / (opt.kept_rate * opt.kept)));
	if (opt.slow != NULL)
		kept[n++] = new_conn(SLOW, start_us);
	if (opt.websocket != NULL)
		kept[n++] = new_conn(WEBSOCKET, start_us);
	loop(kept, n);
	print_report();
	for (size_t i = 0; i < n; i++) {
		hang_up(kept[i]);
		free(kept[i]);
	}
	free(kept);
	strvec_release(&opt.expect);
	for (int i = 0; i < KINDS; i++)
		free(tally[i].us);
	return fclose(stdout) == 0 ? 0 : EX_IOERR;
}
