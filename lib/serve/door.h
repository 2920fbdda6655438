/*
 * door - the sockets that a daemon listens on: passed by who has started it
 * (LISTEN_FDS, sd_listen_fds(3)), or opened here.
 */
#ifndef SERVE_DOOR_H
#define SERVE_DOOR_H

#include <stddef.h>
#include "base/err.h"

enum { DOORS = 8 };

struct doors {
	int fd[DOORS]; /* non-blocking */
	size_t n;
};

/* What was passed; n is 0 where nothing was.  EX_CONFIG "bad-address". */
int doors_passed(struct doors *, struct err *);
/*
 * "ADDRESS:PORT" ("127.0.0.1:80", "[::1]:80", "*:80"), "unix:PATH".
 * EX_USAGE "bad-address", EX_CANTCREAT "cannot-listen".  A socket file that
 * nobody listens on any more is replaced; a new one is of mode 0660.
 */
int doors_open(struct doors *, const char *where, struct err *);
void doors_close(struct doors *);

#endif
