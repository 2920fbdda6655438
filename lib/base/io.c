#include "base/io.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/stop.h"

int
io_write_all(int fd, const void *data, size_t n)
{
	const char *p = data;

	while (n > 0) {
		ssize_t k = write(fd, p, n);

		if (k < 0 && errno == EINTR)
			continue;
		if (k < 0 && errno == EAGAIN) {
			struct pollfd pfd = { .fd = fd, .events = POLLOUT };

			(void)poll(&pfd, 1, -1);
			continue;
		}
		if (k < 0)
			return -1;
		p += k;
		n -= (size_t)k;
	}
	return 0;
}

ssize_t
io_read(int fd, void *data, size_t n)
{
	ssize_t k;

	do
		k = read(fd, data, n);
	while (k < 0 && errno == EINTR);
	return k;
}

int
io_read_fd(int fd, size_t max, struct buf *b, const char *what, struct err *err)
{
	size_t start = b->len;

	for (;;) {
		ssize_t k;

		buf_grow(b, 16384);
		k = io_read(fd, b->data + b->len, 16384);
		if (k < 0)
			return err_sys(err, EX_IOERR, "read-failed", "%s",
			    what);
		if (k == 0)
			break;
		b->len += (size_t)k;
		if (b->len - start > max)
			return err_set(err, EX_DATAERR, "too-large",
			    "%s: more than %zu bytes", what, max);
	}
	b->data[b->len] = '\0';
	return 0;
}

int
io_read_maybe(const char *path, size_t max, struct buf *b, struct err *err)
{
	auto_fd int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);

	if (fd < 0 && (errno == ENOENT || errno == ENOTDIR))
		return 0;
	if (fd < 0)
		return err_sys(err, errno == EACCES ? EX_NOPERM : EX_NOINPUT,
		    "file-unreadable", "%s", path);
	return io_read_fd(fd, max, b, path, err) < 0 ? -1 : 1;
}

int
io_read_file(const char *path, size_t max, struct buf *b, struct err *err)
{
	int there = io_read_maybe(path, max, b, err);

	if (there == 0)
		return err_set(err, EX_NOINPUT, "file-missing",
		    "%s: no such file", path);
	return there < 0 ? -1 : 0;
}

static void
dir_of(const char *path, char *dir, size_t n)
{
	const char *slash = strrchr(path, '/');

	if (slash == NULL)
		(void)snprintf(dir, n, ".");
	else if (slash == path)
		(void)snprintf(dir, n, "/");
	else
		(void)snprintf(dir, n, "%.*s", (int)(slash - path), path);
}

int
io_fsync_dir(const char *path, struct err *err)
{
	auto_fd int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (fd < 0 || fsync(fd) < 0)
		return err_sys(err, EX_IOERR, "write-failed", "%s", path);
	return 0;
}

#define TMP ".rcn-"

static int
fill(int fd, mode_t mode, const void *data, size_t n)
{
	int bad = fchmod(fd, mode) < 0 || io_write_all(fd, data, n) < 0 ||
		  fsync(fd) < 0;
	int saved = errno;

	if (close(fd) < 0 && !bad)
		return -1;
	errno = saved;
	return bad ? -1 : 0;
}

int
io_cannot_create(struct err *err, const char *path)
{
	int why = errno;

	(void)err_sys(err, EX_CANTCREAT, "cannot-create", "%s", path);
	if (why == EACCES || why == EPERM || why == EROFS)
		return err_hint(err,
		    "run as who may write there, or name another folder: "
		    "RCN_STATE_DIR, RCN_RUN_DIR, TMPDIR");
	if (why == ENOSPC || why == EDQUOT)
		return err_hint(err, "make room on that disk");
	return -1;
}

int
io_replace(const char *path, mode_t mode, const void *data, size_t n,
    struct err *err)
{
	char dir[PATH_MAX], tmp[PATH_MAX];
	int fd;

	dir_of(path, dir, sizeof(dir));
	if ((size_t)snprintf(tmp, sizeof(tmp), "%s/" TMP "%d-XXXXXX", dir,
		(int)getpid()) >= sizeof(tmp))
		return err_set(err, EX_CANTCREAT, "cannot-create",
		    "%s: path too long", path);
	fd = mkostemp(tmp, O_CLOEXEC);
	if (fd < 0)
		return io_cannot_create(err, path);
	if (fill(fd, mode, data, n) < 0 || rename(tmp, path) < 0) {
		err_sys(err, EX_IOERR, "write-failed", "%s", path);
		(void)unlink(tmp);
		return -1;
	}
	return io_fsync_dir(dir, err);
}

/* ".rcn-PID-XXXXXX" of a process that is no more. */
static bool
is_orphan(const char *name)
{
	char *end;
	long pid;

	if (strncmp(name, TMP, strlen(TMP)) != 0)
		return false;
	pid = strtol(name + strlen(TMP), &end, 10);
	return *end == '-' && strlen(end) == 7 && pid > 0 && pid <= INT_MAX &&
	       kill((pid_t)pid, 0) < 0 && errno == ESRCH;
}

void
io_sweep(const char *dir)
{
	DIR *d = opendir(dir);
	struct dirent *e;

	if (d == NULL)
		return;
	while ((e = readdir(d)) != NULL)
		if (is_orphan(e->d_name))
			(void)unlinkat(dirfd(d), e->d_name, 0);
	(void)closedir(d);
}

int
io_mkdirs(const char *path, mode_t mode, struct err *err)
{
	char part[PATH_MAX];
	size_t n = strlen(path);

	if (n == 0 || n >= sizeof(part))
		return err_set(err, EX_CANTCREAT, "cannot-create",
		    "%s: bad path", path);
	for (size_t i = 1; i <= n; i++) {
		if (path[i] != '/' && path[i] != '\0')
			continue;
		memcpy(part, path, i);
		part[i] = '\0';
		if (mkdir(part, mode) < 0 && errno != EEXIST)
			return io_cannot_create(err, part);
	}
	return 0;
}

int
io_remove(const char *path, struct err *err)
{
	if (unlink(path) < 0 && errno != ENOENT)
		return err_sys(err, EX_IOERR, "remove-failed", "%s", path);
	return 0;
}

int
io_wait(int fd, short events, int64_t timeout_ms, struct err *err)
{
	int64_t end = timeout_ms < 0 ? INT64_MAX : clock_ms() + timeout_ms;

	for (;;) {
		struct pollfd p[2] = {
			{ .fd = fd, .events = events },
			{ .fd = stop_fd(), .events = POLLIN },
		};
		int64_t left = end == INT64_MAX ? -1 : end - clock_ms();

		if (end != INT64_MAX && left < 0)
			left = 0;
		if (left > INT_MAX)
			left = INT_MAX;
		if (poll(p, 2, (int)left) < 0 && errno != EINTR)
			return err_sys(err, EX_OSERR, "poll-failed", "poll");
		if (stop_asked())
			return stop_err(err);
		if (p[0].revents != 0)
			return 1;
		if (end != INT64_MAX && clock_ms() >= end)
			return 0;
	}
}

int
io_lock(const char *path, int64_t wait_ms, int *out, struct err *err)
{
	int64_t end = clock_ms() + wait_ms;
	auto_fd int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);

	if (fd < 0)
		return io_cannot_create(err, path);
	while (flock(fd, LOCK_EX | LOCK_NB) < 0) {
		if (errno != EWOULDBLOCK && errno != EINTR)
			return err_sys(err, EX_OSERR, "lock-failed", "%s",
			    path);
		if (wait_ms >= 0 && clock_ms() >= end)
			return err_set(err, EX_TEMPFAIL, "locked",
			    "%s: another deployment holds the lock", path);
		if (clock_sleep_ms(25, err) < 0)
			return -1;
	}
	*out = fd_steal(&fd);
	return 0;
}
