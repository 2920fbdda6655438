/*
 * wake - what a worker sleeps on: that somebody wrote to a database, that a
 * child ended, that it is to end itself.
 * A folder is watched for writes to files whose name ends in "-wal": reading
 * a database does not wake anybody.  A transaction is seen by others only some
 * time after its last write, when the disk has it: who is woken by a write is
 * woken again after WAKE_AGAIN_MS, and at the next polls.  As a net, where
 * inotify cannot be had, wake_wait() looks at size and time of those files
 * itself each poll_ms.
 *	wake_init(&w, poll_ms, err);
 *	wake_watch(&w, folder);			again where it did not exist
 *	what = wake_wait(&w, timeout_ms);	a set of WAKE_*, 0: time over
 * SIGCHLD, SIGINT, SIGTERM and SIGHUP come by descriptor and are blocked: a
 * child calls wake_child() before exec.
 */
#ifndef WORK_WAKE_H
#define WORK_WAKE_H

#include <stdbool.h>
#include <stdint.h>
#include "base/err.h"

enum { WAKE_WRITE = 1, WAKE_CHILD = 2, WAKE_STOP = 4 };
enum { WAKE_FILES = 2, WAKE_AGAIN_MS = 100, WAKE_POLLS = 3 };

struct wake_file {
	char path[4096]; /* of the -wal; "" none */
	int watch; /* inotify's number of its folder, -1 */
	uint64_t mark; /* of inode, size and time, at the last poll */
	int polls; /* so many more say that it was written to */
};

struct wake {
	int inotify, signals;
	int64_t poll_ms, polled;
	int64_t again; /* 0: not */
	struct wake_file file[WAKE_FILES];
};

int wake_init(struct wake *, int64_t poll_ms, struct err *);
/* path: a database's file. */
void wake_watch(struct wake *, const char *path);
unsigned wake_wait(struct wake *, int64_t timeout_ms);
void wake_child(void);
void wake_close(struct wake *);

#endif
