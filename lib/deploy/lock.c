#include "deploy/lock.h"

#include <limits.h>
#include <sys/file.h>
#include <unistd.h>

#include "base/text.h"
#include "proxy/routes.h"

enum { WAIT_MS = 60000 };

int
lock_take(struct lock *l, const char *key, struct err *err)
{
	struct err bad = { 0 };
	const char *text = getenv("RCN_LOCK_FD");
	uint64_t fd;

	*l = (struct lock){ .fd = -1, .inherited = -1 };
	if (route_lock(key, WAIT_MS, &l->fd, err) < 0)
		return -1;
	if (l->fd < 0 && text != NULL &&
	    parse_u64(text, 3, INT_MAX, &fd, &bad) == 0)
		l->inherited = (int)fd;
	return 0;
}

void
lock_drop(struct lock *l)
{
	if (l->inherited >= 0)
		(void)flock(l->inherited, LOCK_UN);
	lock_close(l);
}

void
lock_close(struct lock *l)
{
	if (l->fd >= 0)
		close(l->fd);
	*l = (struct lock){ .fd = -1, .inherited = -1 };
}
