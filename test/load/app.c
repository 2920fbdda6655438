/*
 * app - a web app that behaves as told; tests and loads deploy it.
 * One static binary, so that an image of it needs nothing else.
 *
 *	app [--body TEXT] [--delay MS] [--status N] [--port N] [--loopback]
 *	    [--term exit|drain|ignore] [--wait MS] [--silent] [--print TEXT]
 *	    [--eat] [--exit N] [--exit-after MS] [--want TEXT]...
 *
 * It listens on 0.0.0.0:$PORT (10000) and answers every GET and POST with
 * --body (else $VERSION, else "app") and a newline, kept alive as HTTP/1.1 has
 * it.  Special paths:
 *	/slow?ms=N	the same answer after N ms, whatever --delay says
 *	/env?KEY	the value of an environment variable, or 404
 *	/status?N	an answer with that status
 *	/ws		a WebSocket that echoes text and binary messages
 *	/inflight	the number of requests being answered, this one not
 *
 * --delay	each answer takes so long	--status   answer with it
 * --port	listen there, not at $PORT	--loopback 127.0.0.1 only
 * --term	on SIGTERM: exit at once (default); drain: stop listening,
 *		finish what is being answered, exit 0; ignore
 * --wait	begin to listen only after so long	--silent   never listen
 * --print	a line to stdout first			--eat	   all memory
 * --exit	end with this status: at once, or after --exit-after ms
 * --want	500 for a request without a header line that begins with
 *		TEXT
 * Other options that are given twice: the last counts.
 * $APP_ARGS, split at spaces, is read before the arguments.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <getopt.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

enum { HEAD_MAX = 16384, STACK = 65536, ARGS_MAX = 64, WANT_MAX = 4 };

static struct {
	const char *body, *term, *print;
	long delay, status, port, wait, exit, exit_after;
	bool loopback, silent, eat;
	const char *want[WANT_MAX + 1];
} opt = { .status = 200, .exit = -1, .term = "exit" };
static atomic_int inflight;
static atomic_bool draining;

/* A connection and what was read of it but not used. */
struct conn {
	int fd;
	size_t len;
	char in[HEAD_MAX + 1];
};

struct request {
	char method[16], path[1024];
	size_t body;
	bool keep, websocket, wanted;
	char key[64];
};

static void
nap(long ms)
{
	poll(NULL, 0, (int)ms);
}

static bool
send_all(int fd, const void *data, size_t n)
{
	const char *p = data;

	while (n > 0) {
		ssize_t w = send(fd, p, n, MSG_NOSIGNAL);

		if (w < 0 && errno == EINTR)
			continue;
		if (w <= 0)
			return false;
		p += w;
		n -= (size_t)w;
	}
	return true;
}

static bool
fill(struct conn *c)
{
	ssize_t r;

	do
		r = recv(c->fd, c->in + c->len, HEAD_MAX - c->len, 0);
	while (r < 0 && errno == EINTR);
	if (r <= 0)
		return false;
	c->len += (size_t)r;
	c->in[c->len] = '\0';
	return true;
}

static void
eat(struct conn *c, size_t n)
{
	memmove(c->in, c->in + n, c->len - n);
	c->len -= n;
	c->in[c->len] = '\0';
}

static void
header(struct request *q, const char *line)
{
	if (strncasecmp(line, "content-length:", 15) == 0)
		q->body = (size_t)strtoul(line + 15, NULL, 10);
	else if (strncasecmp(line, "connection:", 11) == 0 &&
		 strcasestr(line, "close") != NULL)
		q->keep = false;
	else if (strncasecmp(line, "upgrade:", 8) == 0 &&
		 strcasestr(line, "websocket") != NULL)
		q->websocket = true;
	else if (strncasecmp(line, "sec-websocket-key:", 18) == 0)
		sscanf(line + 18, " %63s", q->key);
}

static bool
is_wanted(const char *head)
{
	char line[256];

	for (int i = 0; opt.want[i] != NULL; i++) {
		snprintf(line, sizeof(line), "\r\n%s", opt.want[i]);
		if (strcasestr(head, line) == NULL)
			return false;
	}
	return true;
}

/* Reads one request's head; false at the connection's end or nonsense. */
static bool
read_head(struct conn *c, struct request *q)
{
	char *end, *line, *next;

	c->in[c->len] = '\0';
	while ((end = strstr(c->in, "\r\n\r\n")) == NULL)
		if (c->len == HEAD_MAX || !fill(c))
			return false;
	end[2] = '\0';
	if (sscanf(c->in, "%15s %1023s", q->method, q->path) != 2)
		return false;
	q->keep = strstr(c->in, " HTTP/1.1\r\n") != NULL;
	q->wanted = is_wanted(c->in);
	for (line = strstr(c->in, "\r\n") + 2; *line != '\0'; line = next) {
		next = strstr(line, "\r\n");
		*next = '\0';
		next += 2;
		header(q, line);
	}
	eat(c, (size_t)(end + 4 - c->in));
	return true;
}

static bool
skip_body(struct conn *c, size_t n)
{
	while (n > 0) {
		size_t part = c->len < n ? c->len : n;

		eat(c, part);
		n -= part;
		if (n > 0 && !fill(c))
			return false;
	}
	return true;
}

static uint32_t
rol(uint32_t x, int n)
{
	return x << n | x >> (32 - n);
}

static void
sha1_block(uint32_t h[5], const unsigned char *p)
{
	uint32_t w[80], a = h[0], b = h[1], c = h[2], d = h[3], e = h[4], f, t;

	for (int i = 0; i < 16; i++, p += 4)
		w[i] = (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 |
		       (uint32_t)p[2] << 8 | p[3];
	for (int i = 16; i < 80; i++)
		w[i] = rol(w[i - 3] ^ w[i - 8] ^ w[i - 14] ^ w[i - 16], 1);
	for (int i = 0; i < 80; i++) {
		if (i < 20)
			f = ((b & c) | (~b & d)) + 0x5a827999;
		else if (i < 40)
			f = (b ^ c ^ d) + 0x6ed9eba1;
		else if (i < 60)
			f = ((b & c) | (b & d) | (c & d)) + 0x8f1bbcdc;
		else
			f = (b ^ c ^ d) + 0xca62c1d6;
		t = rol(a, 5) + f + e + w[i];
		e = d;
		d = c;
		c = rol(b, 30);
		b = a;
		a = t;
	}
	h[0] += a;
	h[1] += b;
	h[2] += c;
	h[3] += d;
	h[4] += e;
}

/* RFC 6455: base64 of SHA-1 of the key and a fixed text; under 119 bytes. */
static void
accept_key(const char *key, char out[29])
{
	static const char b64[] =
	    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	uint32_t h[5] = { 0x67452301, 0xefcdab89, 0x98badcfe, 0x10325476,
		0xc3d2e1f0 };
	unsigned char m[128] = { 0 }, d[21] = { 0 };
	int n = snprintf((char *)m, 119,
	    "%s258EAFA5-E914-47DA-95CA-C5AB0DC85B11", key);
	int blocks = n + 9 > 64 ? 2 : 1;

	m[n] = 0x80;
	m[blocks * 64 - 2] = (unsigned char)(n * 8 >> 8);
	m[blocks * 64 - 1] = (unsigned char)(n * 8);
	for (int i = 0; i < blocks; i++)
		sha1_block(h, m + i * 64);
	for (int i = 0; i < 20; i++)
		d[i] = (unsigned char)(h[i / 4] >> (24 - i % 4 * 8));
	for (int i = 0; i < 7; i++) {
		uint32_t v = (uint32_t)d[i * 3] << 16 |
			     (uint32_t)d[i * 3 + 1] << 8 | d[i * 3 + 2];

		for (int k = 0; k < 4; k++)
			out[i * 4 + k] = b64[v >> (18 - 6 * k) & 63];
	}
	out[27] = '=';
	out[28] = '\0';
}

static bool
need(struct conn *c, size_t n)
{
	while (c->len < n)
		if (c->len == HEAD_MAX || !fill(c))
			return false;
	return true;
}

/* Echoes frames of up to 8 KiB until a close frame or the end. */
static void
websocket(struct conn *c, const char *key)
{
	char answer[256], sum[29];

	accept_key(key, sum);
	snprintf(answer, sizeof(answer),
	    "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n"
	    "Connection: Upgrade\r\nSec-WebSocket-Accept: %s\r\n\r\n",
	    sum);
	if (!send_all(c->fd, answer, strlen(answer)))
		return;
	for (;;) {
		unsigned char out[4 + 8192];
		unsigned char *in = (unsigned char *)c->in;
		size_t head = 6, n;

		if (!need(c, 2))
			return;
		n = in[1] & 127;
		if (n == 126)
			head = 8;
		if (n == 127 || (in[1] & 128) == 0 || !need(c, head))
			return;
		if (n == 126)
			n = (size_t)in[2] << 8 | in[3];
		if (n > 8192 || !need(c, head + n))
			return;
		out[0] = in[0] == 0x89 ? 0x8a : in[0];
		out[1] = (unsigned char)(n < 126 ? n : 126);
		out[2] = (unsigned char)(n >> 8);
		out[3] = (unsigned char)n;
		for (size_t i = 0; i < n; i++)
			out[(n < 126 ? 2 : 4) + i] =
			    in[head + i] ^ in[head - 4 + i % 4];
		if (!send_all(c->fd, out, (n < 126 ? 2 : 4) + n) ||
		    (in[0] & 15) == 8)
			return;
		eat(c, head + n);
	}
}

static bool
answer(struct conn *c, const struct request *q)
{
	const char *body = opt.body, *arg = strchr(q->path, '?');
	char head[256], count[16];
	long status = opt.status, delay = opt.delay;

	if (strncmp(q->path, "/slow?ms=", 9) == 0)
		delay = strtol(q->path + 9, NULL, 10);
	else if (strncmp(q->path, "/status?", 8) == 0)
		status = strtol(q->path + 8, NULL, 10);
	else if (strncmp(q->path, "/env?", 5) == 0) {
		body = getenv(arg + 1);
		status = body == NULL ? 404 : 200;
	} else if (strcmp(q->path, "/inflight") == 0) {
		snprintf(count, sizeof(count), "%d", inflight - 1);
		body = count;
	}
	if (body == NULL)
		body = "";
	if (!q->wanted)
		status = 500;
	if (delay > 0)
		nap(delay);
	bool keep = q->keep && !draining;
	snprintf(head, sizeof(head),
	    "HTTP/1.1 %ld %s\r\nContent-Type: text/plain\r\n"
	    "Content-Length: %zu\r\n%s\r\n",
	    status, status < 400 ? "OK" : "Error", strlen(body) + 1,
	    keep ? "" : "Connection: close\r\n");
	size_t hn = strlen(head), bn = strlen(body);
	char *all = malloc(hn + bn + 1);

	if (all == NULL)
		return false;
	memcpy(all, head, hn);
	memcpy(all + hn, body, bn);
	all[hn + bn] = '\n';
	bool only_head = strcmp(q->method, "HEAD") == 0;
	bool ok = send_all(c->fd, all, only_head ? hn : hn + bn + 1);

	free(all);
	return ok && keep;
}

static void *
serve(void *p)
{
	struct conn *c = p;
	bool more = true;

	while (more) {
		struct request q = { 0 };
		struct pollfd pfd = { .fd = c->fd, .events = POLLIN };

		if (c->len == 0)
			poll(&pfd, 1, -1);
		inflight++;
		more = read_head(c, &q) && skip_body(c, q.body);
		if (more && q.websocket && strncmp(q.path, "/ws", 3) == 0) {
			inflight--;
			websocket(c, q.key);
			break;
		}
		more = more && answer(c, &q);
		inflight--;
	}
	shutdown(c->fd, SHUT_WR);
	close(c->fd);
	free(c);
	return NULL;
}

static int
listen_on(long port)
{
	struct sockaddr_in a = { .sin_family = AF_INET,
		.sin_port = htons((uint16_t)port),
		.sin_addr.s_addr =
		    htonl(opt.loopback ? INADDR_LOOPBACK : INADDR_ANY) };
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), one = 1;

	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	if (fd < 0 || bind(fd, (struct sockaddr *)&a, sizeof(a)) < 0 ||
	    listen(fd, 1024) < 0) {
		perror("app: listen");
		exit(1);
	}
	printf("app: %s: listening on %s:%ld\n", opt.body,
	    opt.loopback ? "127.0.0.1" : "0.0.0.0", port);
	return fd;
}

static void *
accept_loop(void *p)
{
	int lfd = *(int *)p, one = 1;
	pthread_attr_t attr;

	pthread_attr_init(&attr);
	pthread_attr_setstacksize(&attr, STACK);
	pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
	while (!draining) {
		int fd = accept4(lfd, NULL, NULL, SOCK_CLOEXEC);
		struct conn *c;
		pthread_t t;

		if (fd < 0) {
			if (errno == EMFILE || errno == ENFILE)
				nap(10);
			continue;
		}
		setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
		c = malloc(sizeof(*c));
		if (c == NULL) {
			close(fd);
			continue;
		}
		c->fd = fd;
		c->len = 0;
		if (pthread_create(&t, &attr, serve, c) != 0) {
			close(fd);
			free(c);
		}
	}
	return NULL;
}

static void
take_want(const char *text)
{
	int n = 0;

	while (opt.want[n] != NULL)
		n++;
	if (n == WANT_MAX)
		exit(64);
	opt.want[n] = text;
}

static void
take_options(int argc, char **argv)
{
	static const struct option table[] = {
		{ "body", required_argument, NULL, 'b' },
		{ "delay", required_argument, NULL, 'd' },
		{ "eat", no_argument, NULL, 'e' },
		{ "exit", required_argument, NULL, 'x' },
		{ "exit-after", required_argument, NULL, 'a' },
		{ "loopback", no_argument, NULL, 'l' },
		{ "port", required_argument, NULL, 'p' },
		{ "print", required_argument, NULL, 'P' },
		{ "silent", no_argument, NULL, 's' },
		{ "status", required_argument, NULL, 'S' },
		{ "term", required_argument, NULL, 't' },
		{ "wait", required_argument, NULL, 'w' },
		{ "want", required_argument, NULL, 'W' },
		{ 0 },
	};
	long *number[128] = { ['d'] = &opt.delay,
		['x'] = &opt.exit,
		['a'] = &opt.exit_after,
		['p'] = &opt.port,
		['S'] = &opt.status,
		['w'] = &opt.wait };
	const char **text[128] = {
		['b'] = &opt.body, ['P'] = &opt.print, ['t'] = &opt.term
	};
	bool *flag[128] = {
		['e'] = &opt.eat, ['l'] = &opt.loopback, ['s'] = &opt.silent
	};
	int c;

	optind = 0;
	while ((c = getopt_long(argc, argv, "", table, NULL)) != -1) {
		if (c == '?')
			exit(64);
		if (c == 'W')
			take_want(optarg);
		else if (number[c] != NULL)
			*number[c] = strtol(optarg, NULL, 10);
		else if (text[c] != NULL)
			*text[c] = optarg;
		else
			*flag[c] = true;
	}
}

static void
take_env(char *name)
{
	char *argv[ARGS_MAX + 2] = { name }, *save = NULL;
	char *args = strdup(getenv("APP_ARGS") ? getenv("APP_ARGS") : "");
	int argc = 1;

	for (char *w = strtok_r(args, " ", &save); w != NULL && argc < ARGS_MAX;
	     w = strtok_r(NULL, " ", &save))
		argv[argc++] = w;
	take_options(argc, argv);
}

static void
eat_memory(void)
{
	for (;;) {
		void *p = mmap(NULL, 1 << 20, PROT_READ | PROT_WRITE,
		    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

		if (p == MAP_FAILED)
			_exit(1);
		memset(p, 1, 1 << 20);
	}
}

/* Waits for SIGTERM and does what --term says. */
static void
end_by_signal(int lfd)
{
	sigset_t set;
	int sig;

	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	do
		sigwait(&set, &sig);
	while (strcmp(opt.term, "ignore") == 0);
	if (strcmp(opt.term, "drain") != 0 || lfd < 0)
		_exit(0);
	draining = true;
	shutdown(lfd, SHUT_RDWR);
	close(lfd);
	do
		nap(20);
	while (inflight > 0);
	_exit(0);
}

static void *
exit_later(void *p)
{
	(void)p;
	nap(opt.exit_after);
	_exit((int)opt.exit);
}

int
main(int argc, char **argv)
{
	pthread_t t;
	sigset_t set;
	int lfd = -1;

	setvbuf(stdout, NULL, _IOLBF, 0);
	opt.body = getenv("VERSION") ? getenv("VERSION") : "app";
	opt.port = getenv("PORT") ? strtol(getenv("PORT"), NULL, 10) : 10000;
	take_env(argv[0]);
	take_options(argc, argv);
	if (opt.print != NULL)
		puts(opt.print);
	if (opt.eat)
		eat_memory();
	if (opt.exit >= 0 && opt.exit_after == 0)
		return (int)opt.exit;
	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	pthread_sigmask(SIG_BLOCK, &set, NULL);
	if (opt.exit >= 0)
		pthread_create(&t, NULL, exit_later, NULL);
	nap(opt.wait);
	if (!opt.silent) {
		lfd = listen_on(opt.port);
		pthread_create(&t, NULL, accept_loop, &lfd);
	}
	end_by_signal(lfd);
	return 0;
}
