#include "proxy/talk.h"

#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/io.h"

enum { UNIX_MS = 10000 };

/* Appends what comes until the end, `enough`, or the deadline. */
static int
take(int fd, int64_t end, struct buf *b, int (*enough)(const struct buf *),
    const char *who, struct err *err)
{
	char part[16384];
	size_t start = b->len;

	for (;;) {
		int64_t left = end - clock_ms();
		int ready = io_wait(fd, POLLIN, left < 0 ? 0 : left, err);
		ssize_t n;

		if (ready < 0)
			return -1;
		if (ready == 0)
			return err_set(err, EX_UNAVAILABLE, "proxy-down",
			    "%s: no answer in time", who);
		n = io_read(fd, part, sizeof(part));
		if (n < 0)
			return err_sys(err, EX_UNAVAILABLE, "proxy-down", "%s",
			    who);
		if (n == 0)
			return 0;
		buf_add(b, part, (size_t)n);
		if (b->len - start > TALK_MAX)
			return err_set(err, EX_DATAERR, "too-large",
			    "%s: an answer of more than %d bytes", who,
			    TALK_MAX);
		if (enough != NULL && enough(b))
			return 0;
	}
}

static int
send_all(int fd, const void *data, size_t n, const char *who, struct err *err)
{
	if (io_write_all(fd, data, n) == 0)
		return 0;
	return err_sys(err, EX_UNAVAILABLE, "proxy-down", "%s", who);
}

int
talk_unix(const char *path, const char *text, struct buf *out, struct err *err)
{
	struct sockaddr_un sun = { .sun_family = AF_UNIX };
	auto_buf struct buf line = { 0 };
	auto_fd int fd = -1;

	if (strlen(path) >= sizeof(sun.sun_path))
		return err_set(err, EX_CONFIG, "bad-setting",
		    "%s: too long for a socket's path", path);
	memcpy(sun.sun_path, path, strlen(path) + 1);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return err_sys(err, EX_OSERR, "socket-failed", "socket");
	if (connect(fd, (const struct sockaddr *)&sun, sizeof(sun)) < 0)
		return err_sys(err, EX_UNAVAILABLE, "proxy-down", "%s", path);
	buf_addf(&line, "%s\n", text);
	if (send_all(fd, line.data, line.len, path, err) < 0)
		return -1;
	(void)shutdown(fd, SHUT_WR);
	return take(fd, clock_ms() + UNIX_MS, out, NULL, path, err);
}

/* A descriptor in connection, or -1. */
static int
start(const char *addr, struct err *err)
{
	struct addrinfo hint = { .ai_socktype = SOCK_STREAM }, *list = NULL;
	const char *colon = strrchr(addr, ':');
	auto_free char *host = NULL;
	int fd, bad;

	if (colon == NULL)
		return err_set(err, EX_CONFIG, "bad-setting",
		    "%s: not HOST:PORT", addr);
	host = mem_strndup(addr, (size_t)(colon - addr));
	bad = getaddrinfo(host, colon + 1, &hint, &list);
	if (bad != 0)
		return err_set(err, EX_CONFIG, "bad-setting", "%s: %s", addr,
		    gai_strerror(bad));
	fd = socket(list->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK,
	    0);
	if (fd < 0)
		err_sys(err, EX_OSERR, "socket-failed", "socket");
	else if (connect(fd, list->ai_addr, list->ai_addrlen) < 0 &&
		 errno != EINPROGRESS) {
		err_sys(err, EX_UNAVAILABLE, "proxy-down", "%s", addr);
		(void)close(fd);
		fd = -1;
	}
	freeaddrinfo(list);
	return fd;
}

static int
established(int fd, int64_t end, const char *addr, struct err *err)
{
	int64_t left = end - clock_ms();
	int ready = io_wait(fd, POLLOUT, left < 0 ? 0 : left, err);
	int sys = 0;
	socklen_t n = sizeof(sys);

	if (ready < 0)
		return -1;
	if (ready == 0)
		return err_set(err, EX_UNAVAILABLE, "proxy-down",
		    "%s: no answer in time", addr);
	(void)getsockopt(fd, SOL_SOCKET, SO_ERROR, &sys, &n);
	errno = sys;
	return sys == 0
		   ? 0
		   : err_sys(err, EX_UNAVAILABLE, "proxy-down", "%s", addr);
}

int
talk_head(const char *s, size_t n, size_t *body)
{
	const char *end = memmem(s, n, "\r\n\r\n", 4);
	int status = 0;

	*body = end != NULL ? (size_t)(end - s) + 4 : 0;
	if (n < 12 || memcmp(s, "HTTP/1.", 7) != 0 || s[8] != ' ')
		return -1;
	for (size_t i = 9; i < 12; i++) {
		if (s[i] < '0' || s[i] > '9')
			return -1;
		status = status * 10 + (s[i] - '0');
	}
	return status >= 100 ? status : -1;
}

static int
has_status(const struct buf *b)
{
	return b->len >= 12;
}

/* HTTP/1.0 where a body is wanted: it comes in one piece, to the end. */
int
talk_http(const struct talk_get *get, int *status, struct buf *body,
    struct err *err)
{
	int64_t end = clock_ms() + get->timeout_ms;
	auto_buf struct buf req = { 0 }, answer = { 0 };
	auto_fd int fd = start(get->addr, err);
	size_t at;

	if (fd < 0 || established(fd, end, get->addr, err) < 0)
		return -1;
	buf_addf(&req,
	    "GET %s HTTP/1.%d\r\nHost: %s\r\nConnection: close\r\n"
	    "Accept: */*\r\nUser-Agent: rcn\r\n\r\n",
	    get->path, body == NULL, get->host);
	if (send_all(fd, req.data, req.len, get->addr, err) < 0 ||
	    take(fd, end, &answer, body == NULL ? has_status : NULL, get->addr,
		err) < 0)
		return -1;
	*status = talk_head(buf_str(&answer), answer.len, &at);
	if (*status < 0 || (body != NULL && at == 0))
		return err_set(err, EX_PROTOCOL, "proxy-protocol",
		    "%s: the answer is not HTTP", get->addr);
	if (body != NULL)
		buf_add(body, answer.data + at, answer.len - at);
	return 0;
}
