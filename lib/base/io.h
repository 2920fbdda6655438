/*
 * io - descriptors and files: EINTR and short counts are handled here only.
 */
#ifndef BASE_IO_H
#define BASE_IO_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include "base/buf.h"
#include "base/err.h"

int io_write_all(int fd, const void *, size_t); /* 0, or -1 and errno */
ssize_t io_read(int fd, void *, size_t); /* read(2) without EINTR */

/* Appends to end of file; more than max bytes: EX_DATAERR "too-large". */
int io_read_fd(int fd, size_t max, struct buf *, const char *what,
    struct err *);
/* The same of a file; missing: EX_NOINPUT "file-missing". */
int io_read_file(const char *path, size_t max, struct buf *, struct err *);
/* 1 read, 0 no such file, -1 failed. */
int io_read_maybe(const char *path, size_t max, struct buf *, struct err *);

/*
 * Replace a file as a whole: mkostemp beside it, fchmod, write, fsync, close,
 * rename, fsync of the folder.  On failure the old one stands, no temporary
 * is left.  EX_CANTCREAT "cannot-create", EX_IOERR "write-failed".
 */
int io_replace(const char *path, mode_t, const void *, size_t, struct err *);
/*
 * What io_replace() in a process that was killed has left in this folder:
 * its name holds the process's id, and that has ended.  As far as it goes.
 */
void io_sweep(const char *dir);
/* EX_CANTCREAT "cannot-create" by errno, with a hint where one is known. */
int io_cannot_create(struct err *, const char *path);
int io_mkdirs(const char *path, mode_t, struct err *); /* as mkdir -p */
int io_remove(const char *path, struct err *); /* missing is fine */
int io_fsync_dir(const char *path, struct err *);

/*
 * Wait until fd is ready for events (POLLIN, POLLOUT), or a stop signal came
 * (stop.h), or the time is over.  1 ready, 0 time over, -1 stopped: EX_TEMPFAIL
 * "cancelled".  timeout_ms < 0: for ever.
 */
int io_wait(int fd, short events, int64_t timeout_ms, struct err *);

/*
 * The lock file's descriptor, locked (flock), CLOEXEC clear if inherit.
 * wait_ms 0: at once or EX_TEMPFAIL "locked"; < 0: wait for ever.
 */
int io_lock(const char *path, int64_t wait_ms, int *fd, struct err *);

#endif
