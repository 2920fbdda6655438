#include "serve/door.h"

#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/cleanup.h"
#include "base/text.h"

enum { FIRST_FD = 3 };

static int
take(struct doors *d, int fd, struct err *err)
{
	int listening = 0, flags = fcntl(fd, F_GETFL);
	socklen_t n = sizeof(listening);

	if (flags < 0 ||
	    getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listening, &n) < 0)
		return err_sys(err, EX_CONFIG, "bad-address",
		    "descriptor %d of LISTEN_FDS", fd);
	if (listening == 0)
		return err_set(err, EX_CONFIG, "bad-address",
		    "descriptor %d of LISTEN_FDS does not listen", fd);
	if (fcntl(fd, F_SETFL, flags | O_NONBLOCK) < 0 ||
	    fcntl(fd, F_SETFD, FD_CLOEXEC) < 0)
		return err_sys(err, EX_OSERR, "bad-address", "descriptor %d",
		    fd);
	d->fd[d->n++] = fd;
	return 0;
}

int
doors_passed(struct doors *d, struct err *err)
{
	const char *pid = getenv("LISTEN_PID"), *fds = getenv("LISTEN_FDS");
	uint64_t want, n;

	*d = (struct doors){ 0 };
	if (pid == NULL || fds == NULL)
		return 0;
	if (parse_u64(pid, 1, INT32_MAX, &want, err) < 0 ||
	    parse_u64(fds, 0, DOORS, &n, err) < 0) {
		err->status = EX_CONFIG;
		err->code = "bad-address";
		return err_wrap(err, "LISTEN_PID, LISTEN_FDS");
	}
	if (want != (uint64_t)getpid())
		return 0;
	for (int i = 0; i < (int)n; i++)
		if (take(d, FIRST_FD + i, err) < 0)
			return -1;
	unsetenv("LISTEN_PID");
	unsetenv("LISTEN_FDS");
	unsetenv("LISTEN_FDNAMES");
	return 0;
}

static int
cannot(const char *where, struct err *err)
{
	return err_sys(err, EX_CANTCREAT, "cannot-listen", "%s", where);
}

static int
listen_on(struct doors *d, int *fd, const char *where, struct err *err)
{
	if (listen(*fd, SOMAXCONN) < 0)
		return cannot(where, err);
	d->fd[d->n++] = fd_steal(fd);
	return 0;
}

/* A socket file whose owner has gone refuses connections. */
static void
sweep(const struct sockaddr_un *a)
{
	auto_fd int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	struct stat st;

	if (fd >= 0 && lstat(a->sun_path, &st) == 0 && S_ISSOCK(st.st_mode) &&
	    connect(fd, (const struct sockaddr *)a, sizeof(*a)) < 0 &&
	    errno == ECONNREFUSED)
		(void)unlink(a->sun_path);
}

static int
open_unix(struct doors *d, const char *path, struct err *err)
{
	struct sockaddr_un a = { .sun_family = AF_UNIX };
	auto_fd int fd = -1;
	mode_t mask;
	int rc;

	if (*path == '\0' || strlen(path) >= sizeof(a.sun_path))
		return err_set(err, EX_USAGE, "bad-address",
		    "unix:%s: empty or too long", path);
	memcpy(a.sun_path, path, strlen(path) + 1);
	sweep(&a);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	mask = umask(0117);
	rc = fd < 0 ? -1 : bind(fd, (struct sockaddr *)&a, sizeof(a));
	umask(mask);
	return rc < 0 ? cannot(path, err) : listen_on(d, &fd, path, err);
}

static int
open_inet(struct doors *d, const struct addrinfo *ai, const char *where,
    struct err *err)
{
	auto_fd int fd = socket(ai->ai_family,
	    SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	int on = 1;

	if (fd < 0 ||
	    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) < 0 ||
	    bind(fd, ai->ai_addr, ai->ai_addrlen) < 0)
		return cannot(where, err);
	return listen_on(d, &fd, where, err);
}

static int
bad_address(const char *where, const char *why, struct err *err)
{
	err_set(err, EX_USAGE, "bad-address", "%s: %s", where, why);
	return err_hint(err, "127.0.0.1:80, [::1]:80, *:80 or unix:/path");
}

static int
open_host(struct doors *d, const char *host, const char *port,
    const char *where, struct err *err)
{
	struct addrinfo hints = {
		.ai_flags = AI_PASSIVE | AI_NUMERICHOST | AI_NUMERICSERV,
		.ai_socktype = SOCK_STREAM,
	};
	struct addrinfo *ai = NULL;
	struct err bad = { 0 };
	uint64_t n;
	int rc;

	if (parse_u64(port, 0, 65535, &n, &bad) < 0)
		return bad_address(where, "no port", err);
	rc = getaddrinfo(host, port, &hints, &ai);
	if (rc != 0)
		return bad_address(where, gai_strerror(rc), err);
	rc = open_inet(d, ai, where, err);
	freeaddrinfo(ai);
	return rc;
}

int
doors_open(struct doors *d, const char *where, struct err *err)
{
	const char *colon = strrchr(where, ':');
	struct err six = { 0 };
	auto_free char *host = NULL;
	size_t n;

	*d = (struct doors){ 0 };
	if (text_starts(where, "unix:"))
		return open_unix(d, where + 5, err);
	if (colon == NULL || colon == where || colon[1] == '\0')
		return bad_address(where, "no ADDRESS:PORT", err);
	n = (size_t)(colon - where);
	if (*where == '[' && where[n - 1] == ']')
		host = mem_strndup(where + 1, n - 2);
	else
		host = mem_strndup(where, n);
	if (strcmp(host, "*") != 0)
		return open_host(d, host, colon + 1, where, err);
	if (open_host(d, "::", colon + 1, where, &six) == 0)
		return 0;
	return open_host(d, "0.0.0.0", colon + 1, where, err);
}

void
doors_close(struct doors *d)
{
	for (size_t i = 0; i < d->n; i++)
		close(d->fd[i]);
	d->n = 0;
}
