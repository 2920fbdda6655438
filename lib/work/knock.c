#include "work/knock.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/io.h"
#include "base/json.h"
#include "base/text.h"

enum { ANSWER_MAX = 16 << 20 };

static int
unix_socket(const char *path)
{
	struct sockaddr_un to = { .sun_family = AF_UNIX };
	auto_fd int fd =
	    socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	if (fd < 0 || strlen(path) >= sizeof(to.sun_path))
		return -1;
	memcpy(to.sun_path, path, strlen(path));
	/* EAGAIN: its queue is full, which is no answer either. */
	if (connect(fd, (struct sockaddr *)&to, sizeof(to)) < 0)
		return -1;
	return fd_steal(&fd);
}

static int
tcp_socket(const char *host)
{
	struct addrinfo hints = { .ai_socktype = SOCK_STREAM }, *all = NULL;
	const char *colon = strrchr(host, ':');
	auto_free char *name = NULL;
	auto_fd int fd = -1;

	if (colon == NULL)
		return -1;
	name = mem_strndup(host, (size_t)(colon - host));
	if (getaddrinfo(name, colon + 1, &hints, &all) != 0)
		return -1;
	fd = socket(all->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK,
	    0);
	if (fd >= 0 && connect(fd, all->ai_addr, all->ai_addrlen) < 0 &&
	    errno != EINPROGRESS) {
		(void)close(fd);
		fd = -1;
	}
	freeaddrinfo(all);
	return fd_steal(&fd);
}

static int
open_engine(void)
{
	const char *host = getenv("DOCKER_HOST");

	if (host == NULL || *host == '\0')
		host = "unix:///var/run/docker.sock";
	if (text_starts(host, "unix://"))
		return unix_socket(host + strlen("unix://"));
	if (text_starts(host, "tcp://"))
		return tcp_socket(host + strlen("tcp://"));
	if (text_starts(host, "http://"))
		return tcp_socket(host + strlen("http://"));
	return -1;
}

static bool
wait_for(int fd, short events, int64_t end)
{
	struct pollfd p = { .fd = fd, .events = events };
	int64_t left = end - clock_ms();

	return left > 0 && poll(&p, 1, (int)left) == 1;
}

/* Asks, and reads to the end of the answer; -1: none in time. */
static int
ask(const char *path, int64_t timeout_ms, pid_t *peer, struct buf *answer)
{
	auto_free char *text =
	    mem_printf("GET %s HTTP/1.0\r\nHost: engine\r\n\r\n", path);
	int64_t end = clock_ms() + timeout_ms;
	auto_fd int fd = open_engine();
	struct ucred who = { 0 };
	socklen_t size = sizeof(who);
	char chunk[8192];
	ssize_t n;

	if (fd < 0 || !wait_for(fd, POLLOUT, end) ||
	    send(fd, text, strlen(text), MSG_NOSIGNAL) != (ssize_t)strlen(text))
		return -1;
	if (peer != NULL &&
	    getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &who, &size) == 0)
		*peer = who.pid;
	for (;;) {
		if (!wait_for(fd, POLLIN, end))
			return -1;
		n = io_read(fd, chunk, sizeof(chunk));
		if (n == 0)
			return 0;
		if (n < 0 || answer->len > ANSWER_MAX)
			return -1;
		buf_add(answer, chunk, (size_t)n);
	}
}

static bool
is_good(const struct buf *answer)
{
	const char *text = buf_str(answer);

	return (text_starts(text, "HTTP/1.0 200") ||
		   text_starts(text, "HTTP/1.1 200")) &&
	       !isdigit((unsigned char)text[strlen("HTTP/1.1 200")]);
}

bool
knock(int64_t timeout_ms, pid_t *peer)
{
	auto_buf struct buf answer = { 0 };

	if (peer != NULL)
		*peer = 0;
	return ask("/_ping", timeout_ms, peer, &answer) == 0 &&
	       is_good(&answer);
}

json_t *
knock_get(const char *path, int64_t timeout_ms, struct err *err)
{
	auto_buf struct buf answer = { 0 };
	const char *body;

	if (ask(path, timeout_ms, NULL, &answer) < 0) {
		err_set(err, EX_UNAVAILABLE, "engine-down",
		    "the engine does not answer");
		return NULL;
	}
	body = strstr(buf_str(&answer), "\r\n\r\n");
	if (!is_good(&answer) || body == NULL) {
		err_set(err, EX_PROTOCOL, "engine-refused", "GET %s: %.*s",
		    path, (int)strcspn(buf_str(&answer), "\r\n"),
		    buf_str(&answer));
		return NULL;
	}
	body += strlen("\r\n\r\n");
	return json_parse(body, answer.len - (size_t)(body - answer.data), path,
	    err);
}
