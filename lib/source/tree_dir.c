/* A tree over a folder: openat(2) below one descriptor, no link followed. */
#include "source/tree_ops.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/io.h"

enum { PIECE = 65536, SECOND = 1000000000 };

static int
unreadable(const char *name, struct err *err)
{
	return err_sys(err, errno == EACCES ? EX_NOPERM : EX_IOERR,
	    "file-unreadable", "%s", name);
}

static bool
gone(void)
{
	return errno == ENOENT || errno == ENOTDIR || errno == ELOOP ||
	       errno == ENAMETOOLONG;
}

static int
dir_enter(struct tree *t, union tree_at at, const char *name, union tree_at *in,
    struct err *err)
{
	(void)t;
	in->fd =
	    openat(at.fd, name, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (in->fd >= 0)
		return 1;
	return gone() ? 0 : unreadable(name, err);
}

static void
dir_leave(struct tree *t, union tree_at at)
{
	(void)t;
	(void)close(at.fd);
}

/* In nanoseconds; the years that those cannot tell are at the ends. */
static int64_t
nanoseconds(const struct timespec *t)
{
	int64_t ns;

	if (__builtin_mul_overflow(t->tv_sec, (int64_t)SECOND, &ns) ||
	    __builtin_add_overflow(ns, t->tv_nsec, &ns))
		return t->tv_sec < 0 ? INT64_MIN : INT64_MAX;
	return ns;
}

/*
 * What no change of a file leaves as it was: not its inode change time.  One
 * that has just changed may do so again within the clock's step, which is 10
 * ms at most, or 2 s where a filesystem has no parts of seconds: nobody knows.
 */
static void
add_stamp(struct tree_list *l, const struct stat *st)
{
	int64_t mtime = nanoseconds(&st->st_mtim);
	int64_t ctime = nanoseconds(&st->st_ctim), now;
	int64_t all[] = { (int64_t)st->st_ino, ctime, mtime,
		(int64_t)st->st_size };
	int64_t step = st->st_ctim.tv_nsec == 0 ? INT64_C(2) * SECOND
						: INT64_C(20) * (SECOND / 1000);
	struct timespec t = { 0 };

	(void)clock_gettime(CLOCK_REALTIME, &t);
	now = nanoseconds(&t);
	if (ctime < now && now - ctime > step)
		tree_list_stamp(l, all, sizeof(all), mtime);
	else
		l->v[l->n - 1].mtime_ns = mtime;
}

static int
add_link(int fd, const char *name, const struct stat *st, struct tree_list *l,
    struct err *err)
{
	char target[TREE_PATH_MAX + 1];
	ssize_t n = readlinkat(fd, name, target, sizeof(target));

	if (n < 0)
		return errno == ENOENT || errno == EINVAL
			   ? 0
			   : unreadable(name, err);
	if ((size_t)n == sizeof(target))
		return err_set(err, EX_DATAERR, "tree-too-large",
		    "%s: a link of more than 4096 bytes", name);
	tree_list_add(l, name, strlen(name), TREE_LINK, 0, target, (size_t)n);
	add_stamp(l, st);
	return 1;
}

static int
dir_look(struct tree *t, union tree_at at, const char *name,
    struct tree_list *l, struct err *err)
{
	struct stat st;
	size_t n = strlen(name);

	(void)t;
	if (fstatat(at.fd, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return gone() ? 0 : unreadable(name, err);
	if (S_ISLNK(st.st_mode))
		return add_link(at.fd, name, &st, l, err);
	if (S_ISDIR(st.st_mode))
		tree_list_add(l, name, n, TREE_DIR, 0, NULL, 0);
	else if (S_ISREG(st.st_mode))
		tree_list_add(l, name, n,
		    st.st_mode & S_IXUSR ? TREE_EXEC : TREE_FILE,
		    (uint64_t)st.st_size, NULL, 0);
	else
		return 0;
	if (!S_ISDIR(st.st_mode))
		add_stamp(l, &st);
	return 1;
}

static int
dir_list(struct tree *t, union tree_at at, struct tree_list *l, struct err *err)
{
	int fd = openat(at.fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *d = fd >= 0 ? fdopendir(fd) : NULL;
	const struct dirent *e;
	int rc = 0;

	if (d == NULL) {
		const char *name = t->level[t->depth].name;

		unreadable(name != NULL ? name : ".", err);
		if (fd >= 0)
			(void)close(fd);
		return -1;
	}
	while (rc >= 0 && (errno = 0, e = readdir(d)) != NULL) {
		if (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0)
			continue;
		if (e->d_type == DT_DIR)
			tree_list_add(l, e->d_name, strlen(e->d_name), TREE_DIR,
			    0, NULL, 0);
		else
			rc = dir_look(t, at, e->d_name, l, err);
		if (l->n > TREE_ENTRIES_MAX)
			break; /* tree.c says so */
	}
	if (rc >= 0 && e == NULL && errno != 0)
		rc = unreadable(".", err);
	(void)closedir(d);
	return rc < 0 ? -1 : 0;
}

static int
dir_pipe(struct tree *t, union tree_at at, const char *name, tree_sink *sink,
    void *ctx, struct err *err)
{
	/* O_NONBLOCK: a pipe put in a file's place must not hold us up. */
	auto_fd int fd = openat(at.fd, name,
	    O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	auto_free char *piece = NULL;
	struct stat st;
	ssize_t n;

	(void)t;
	if (fd < 0 && gone())
		return err_sys(err, EX_NOINPUT, "file-missing", "%s", name);
	if (fd < 0 || fstat(fd, &st) < 0)
		return unreadable(name, err);
	if (!S_ISREG(st.st_mode))
		return err_set(err, EX_NOINPUT, "file-missing",
		    "%s: not a file", name);
	piece = mem_alloc(PIECE);
	while ((n = io_read(fd, piece, PIECE)) > 0)
		if (sink(piece, (size_t)n, ctx, err) < 0)
			return -1;
	return n < 0 ? unreadable(name, err) : 0;
}

static void
dir_close(struct tree *t)
{
	free(t);
}

static const struct tree_ops dir_ops = {
	.name = "dir",
	.enter = dir_enter,
	.leave = dir_leave,
	.list = dir_list,
	.look = dir_look,
	.pipe = dir_pipe,
	.close = dir_close,
};

int
tree_open_dir(struct tree **out, const char *path, struct err *err)
{
	int fd = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	struct tree *t;

	if (fd < 0)
		return err_sys(err, errno == EACCES ? EX_NOPERM : EX_NOINPUT,
		    "source-missing", "%s", path);
	t = mem_zalloc(1, sizeof(*t));
	t->ops = &dir_ops;
	t->level[0].at.fd = fd;
	*out = t;
	return 0;
}
