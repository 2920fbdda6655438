/*
 * lock - one pipeline at a time for a project's environment: route_lock() of
 * proxy/routes.h, and letting it go before it ends.
 * Held by somebody else for longer than a minute: EX_TEMPFAIL "locked".
 */
#ifndef DEPLOY_LOCK_H
#define DEPLOY_LOCK_H

#include "base/err.h"

struct lock {
	int fd; /* ours, or -1 */
	int inherited; /* that of $RCN_LOCK_FD, or -1 */
};

#define LOCK_NONE                         \
	{                                 \
		.fd = -1, .inherited = -1 \
	}

int lock_take(struct lock *, const char *key, struct err *);
/* Lets go, for everybody who inherited it too; twice is fine. */
void lock_drop(struct lock *);
/* Ends our own; one that was inherited goes on. */
void lock_close(struct lock *);
#define auto_lock AUTO(lock_close)

#endif
