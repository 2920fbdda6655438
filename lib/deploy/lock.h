/*
 * lock - one pipeline at a time for a project's environment.
 * flock on RUN_DIR/lock/SLUG.ENVIRONMENT.  Who runs a whole pipeline holds it
 * and names its descriptor in $RCN_LOCK_FD; every stage inherits it.  Without
 * that variable a stage takes the lock for its own run; somebody else has it
 * for longer than a minute: EX_TEMPFAIL "locked".
 */
#ifndef DEPLOY_LOCK_H
#define DEPLOY_LOCK_H

#include <stdbool.h>
#include "base/err.h"

struct lock {
	int fd;
	bool inherited;
};

int lock_take(struct lock *, const char *key, struct err *);
/* Lets go, for everybody who inherited it too; twice is fine. */
void lock_drop(struct lock *);
/* Ends our own; one that was inherited goes on. */
void lock_close(struct lock *);
#define auto_lock AUTO(lock_close)

#endif
