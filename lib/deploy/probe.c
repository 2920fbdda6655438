#include "deploy/probe.h"

#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/io.h"
#include "base/stop.h"

/* SYNs may be lost while a bridge port comes up: ask again soon. */
enum { CONNECT_MS = 250, STATUS_LINE = 12 };

const char *
probe_text(int result)
{
	switch ((enum probe_result)result) {
	case PROBE_REFUSED:
		return "connection refused";
	case PROBE_SILENT:
		return "accepts connections and does not answer";
	case PROBE_CLOSED:
		return "closes the connection without an answer";
	case PROBE_NOT_HTTP:
		return "does not answer in HTTP";
	case PROBE_ANSWERED:
		return "answers";
	case PROBE_ENDED:
		return "has ended";
	}
	return "?";
}

int
probe_pidfd(int pid)
{
	return pid > 0 ? (int)syscall(SYS_pidfd_open, pid, 0) : -1;
}

/* 1 fd is ready, 0 time over, 2 the process ended, -1 cancelled. */
static int
wait_for(int fd, short events, int pidfd, int64_t end, struct err *err)
{
	struct pollfd p[3] = { { .fd = fd, .events = events },
		{ .fd = pidfd, .events = POLLIN },
		{ .fd = stop_fd(), .events = POLLIN } };
	int64_t left;
	int n;

	for (;;) {
		left = end - clock_ms();
		n = poll(p, 3, left > 0 ? (int)left : 0);
		if (stop_asked())
			return stop_err(err);
		if (n > 0 && p[0].revents != 0)
			return 1;
		if (n > 0 && p[1].revents != 0)
			return 2;
		if (n == 0 && clock_ms() >= end)
			return 0;
	}
}

int
probe_wait(int pidfd, int64_t ms, struct err *err)
{
	int r = wait_for(-1, 0, pidfd, clock_ms() + ms, err);

	return r == 2 ? 1 : r;
}

/* PROBE_ANSWERED stands for "connected"; *out is the socket. */
static int
connect_to(const struct probe *p, int64_t end, int *out, struct err *err)
{
	struct sockaddr_in to = { .sin_family = AF_INET,
		.sin_port = htons((uint16_t)p->port) };
	int64_t until = clock_ms() + CONNECT_MS;
	auto_fd int fd =
	    socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	socklen_t n = sizeof(int);
	int r, why = 0;

	if (fd < 0)
		return err_sys(err, EX_OSERR, "socket-failed", "socket");
	if (inet_pton(AF_INET, p->address, &to.sin_addr) != 1)
		return PROBE_REFUSED;
	if (connect(fd, (struct sockaddr *)&to, sizeof(to)) < 0) {
		if (errno != EINPROGRESS)
			return PROBE_REFUSED;
		r = wait_for(fd, POLLOUT, p->pidfd, until < end ? until : end,
		    err);
		if (r != 1)
			return r < 0    ? -1
			       : r == 2 ? PROBE_ENDED
					: PROBE_REFUSED;
		if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &why, &n) < 0 ||
		    why != 0)
			return PROBE_REFUSED;
	}
	*out = fd_steal(&fd);
	return PROBE_ANSWERED;
}

/* Reads until the status line's end. */
static int
read_status(const struct probe *p, int fd, int64_t end, int *status,
    struct err *err)
{
	char line[STATUS_LINE + 1] = "";
	size_t have = 0;
	ssize_t n;
	int r;

	while (have < STATUS_LINE) {
		r = wait_for(fd, POLLIN, p->pidfd, end, err);
		if (r != 1)
			return r < 0 ? -1 : r == 2 ? PROBE_ENDED : PROBE_SILENT;
		n = recv(fd, line + have, STATUS_LINE - have, 0);
		if (n < 0 && (errno == EAGAIN || errno == EINTR))
			continue;
		if (n <= 0)
			return have > 0 ? PROBE_NOT_HTTP : PROBE_CLOSED;
		have += (size_t)n;
	}
	line[have] = '\0';
	/* "HTTP/1.1 200" */
	if (memcmp(line, "HTTP/1.", 7) != 0 || line[8] != ' ' ||
	    strspn(line + 9, "0123456789") != 3)
		return PROBE_NOT_HTTP;
	*status = (int)strtol(line + 9, NULL, 10);
	return *status >= 100 ? PROBE_ANSWERED : PROBE_NOT_HTTP;
}

int
probe_http(const struct probe *p, int *status, struct err *err)
{
	int64_t end = clock_ms() + p->timeout_ms;
	auto_buf struct buf head = { 0 };
	auto_fd int fd = -1;
	int r = connect_to(p, end, &fd, err);

	*status = 0;
	if (r != PROBE_ANSWERED)
		return r;
	buf_addf(&head,
	    "GET %s HTTP/1.1\r\nHost: %s\r\nUser-Agent: rcn-deploy\r\n"
	    "X-Forwarded-Proto: https\r\nX-Forwarded-For: 127.0.0.1\r\n"
	    "Accept: */*\r\nConnection: close\r\n\r\n",
	    p->path, p->host);
	if (send(fd, head.data, head.len, MSG_NOSIGNAL) != (ssize_t)head.len)
		return PROBE_CLOSED;
	return read_status(p, fd, end, status, err);
}
