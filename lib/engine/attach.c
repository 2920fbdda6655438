#include "engine/attach.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

#include "base/io.h"

enum { PIECE = 32768, HEAD = 8 };

struct joint {
	struct hijack *h;
	const struct attach *a;
	char in[PIECE]; /* of our standard input, not yet taken */
	size_t in_at, in_len;
	bool in_open;
	unsigned char head[HEAD]; /* of a frame */
	size_t have, left;
	int stream;
};

/* Signals come in through a pipe, so that poll() sees them. */
static int bell[2] = { -1, -1 };

static void
on_signal(int sig)
{
	int saved = errno;
	unsigned char n = (unsigned char)sig;

	(void)!write(bell[1], &n, 1);
	errno = saved;
}

static int
listen_to_signals(struct err *err)
{
	static const int sigs[] = { SIGHUP, SIGINT, SIGQUIT, SIGTERM,
		SIGWINCH };
	struct sigaction sa = { .sa_handler = on_signal,
		.sa_flags = SA_RESTART };

	if (pipe2(bell, O_CLOEXEC | O_NONBLOCK) < 0)
		return err_sys(err, EX_OSERR, "pipe-failed", "pipe");
	(void)sigemptyset(&sa.sa_mask);
	for (size_t i = 0; i < sizeof(sigs) / sizeof(*sigs); i++)
		(void)sigaction(sigs[i], &sa, NULL);
	return 0;
}

static void
tell_size(const struct attach *a)
{
	struct winsize w;

	if (a->tty && a->resize != NULL && ioctl(0, TIOCGWINSZ, &w) == 0 &&
	    w.ws_row > 0)
		a->resize(w.ws_row, w.ws_col, a->ctx);
}

static void
hear(const struct attach *a)
{
	unsigned char sigs[64];
	ssize_t n = io_read(bell[0], sigs, sizeof(sigs));

	for (ssize_t i = 0; i < n; i++)
		if (sigs[i] == SIGWINCH)
			tell_size(a);
		else if (a->signal != NULL)
			a->signal(sigs[i], a->ctx);
}

/* ---- their output ---- */

static int
put(int fd, const char *p, size_t n, struct err *err)
{
	if (io_write_all(fd, p, n) == 0)
		return 0;
	return err_sys(err, EX_IOERR, "write-failed", "standard %s",
	    fd == 2 ? "error" : "output");
}

/* Frames of [stream, 0, 0, 0, length] and payload. */
static int
unframe(struct joint *j, const char *p, size_t n, struct err *err)
{
	while (n > 0) {
		size_t part = n < j->left ? n : j->left;

		if (part > 0 && put(j->stream, p, part, err) < 0)
			return -1;
		p += part;
		n -= part;
		j->left -= part;
		while (n > 0 && j->left == 0 && j->have < HEAD) {
			j->head[j->have++] = (unsigned char)*p++;
			n--;
		}
		if (j->have < HEAD)
			continue;
		j->stream = j->head[0] == 2 ? 2 : 1;
		j->left = (size_t)j->head[4] << 24 | (size_t)j->head[5] << 16 |
			  (size_t)j->head[6] << 8 | j->head[7];
		j->have = 0;
	}
	return 0;
}

/* 1 there may be more, 0 the end, -1. */
static int
take_output(struct joint *j, struct err *err)
{
	char piece[PIECE];
	ssize_t n = hijack_read(j->h, piece, sizeof(piece), err);

	if (n == HIJACK_NONE)
		return 1;
	if (n <= 0)
		return (int)n;
	if ((j->a->tty ? put(1, piece, (size_t)n, err)
		       : unframe(j, piece, (size_t)n, err)) < 0)
		return -1;
	return 1;
}

/* ---- our input ---- */

static int
give_input(struct joint *j, struct err *err)
{
	ssize_t n =
	    hijack_send(j->h, j->in + j->in_at, j->in_len - j->in_at, err);

	if (n < 0)
		return -1;
	j->in_at += (size_t)n;
	return 0;
}

static void
take_input(struct joint *j)
{
	ssize_t n = io_read(0, j->in, sizeof(j->in));

	j->in_at = 0;
	j->in_len = n > 0 ? (size_t)n : 0;
	if (n > 0)
		return;
	j->in_open = false;
	hijack_shut(j->h);
}

static int
join(struct joint *j, struct err *err)
{
	int more = 1;

	while (more > 0) {
		bool waiting = j->in_at < j->in_len;
		struct pollfd p[] = {
			{ .fd = hijack_fd(j->h),
			    .events =
				(short)(POLLIN | (waiting ? POLLOUT : 0)) },
			{ .fd = bell[0], .events = POLLIN },
			{ .fd = j->in_open && !waiting ? 0 : -1,
			    .events = POLLIN },
		};

		if (poll(p, 3, 1000) < 0 && errno != EINTR)
			return err_sys(err, EX_OSERR, "poll-failed", "poll");
		if (p[1].revents != 0)
			hear(j->a);
		if (p[2].revents != 0)
			take_input(j);
		if (j->in_at < j->in_len && give_input(j, err) < 0)
			return -1;
		/* TLS may hold bytes that poll() does not see. */
		more = take_output(j, err);
	}
	return more;
}

int
attach_run(struct hijack *h, const struct attach *a, struct err *err)
{
	struct joint *j = mem_zalloc(1, sizeof(*j));
	struct termios before, raw;
	bool changed = false;
	int ok;

	*j = (struct joint){ .h = h, .a = a, .in_open = true, .stream = 1 };
	ok = listen_to_signals(err);
	if (ok == 0 && a->tty && tcgetattr(0, &before) == 0) {
		raw = before;
		cfmakeraw(&raw);
		changed = tcsetattr(0, TCSADRAIN, &raw) == 0;
	}
	if (ok == 0) {
		tell_size(a);
		ok = join(j, err);
	}
	if (changed)
		(void)tcsetattr(0, TCSADRAIN, &before);
	free(j);
	return ok;
}
