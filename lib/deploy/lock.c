#include "deploy/lock.h"

#include <limits.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/conf.h"
#include "base/io.h"
#include "base/text.h"

enum { WAIT_MS = 60000 };

/* 1: the descriptor is of this very file and holds the lock. */
static int
inherited(struct lock *l, const char *path, struct err *err)
{
	const char *text = getenv("RCN_LOCK_FD");
	struct stat a, b;
	uint64_t fd;

	if (text == NULL || *text == '\0')
		return 0;
	if (parse_u64(text, 3, INT_MAX, &fd, err) < 0)
		return err_wrap(err, "RCN_LOCK_FD");
	/* another environment's, say: then it says nothing about ours */
	if (fstat((int)fd, &a) < 0 || stat(path, &b) < 0 ||
	    a.st_ino != b.st_ino || a.st_dev != b.st_dev)
		return 0;
	if (flock((int)fd, LOCK_EX | LOCK_NB) < 0)
		return err_set(err, EX_TEMPFAIL, "locked",
		    "%s: RCN_LOCK_FD does not hold the lock", path);
	*l = (struct lock){ .fd = (int)fd, .inherited = true };
	return 1;
}

int
lock_take(struct lock *l, const char *key, struct err *err)
{
	auto_buf struct buf path = { 0 };
	int r;

	*l = (struct lock){ .fd = -1 };
	if (conf_run_path(&path, "lock", err) < 0)
		return -1;
	buf_addf(&path, "/%s", key);
	r = inherited(l, path.data, err);
	if (r != 0)
		return r < 0 ? -1 : 0;
	return io_lock(path.data, WAIT_MS, &l->fd, err);
}

void
lock_drop(struct lock *l)
{
	if (l->fd >= 0)
		(void)flock(l->fd, LOCK_UN);
	lock_close(l);
}

void
lock_close(struct lock *l)
{
	if (l->fd >= 0 && !l->inherited)
		close(l->fd);
	*l = (struct lock){ .fd = -1 };
}
