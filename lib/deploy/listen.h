/*
 * listen - what the processes of a container do with TCP, seen from the host:
 * /proc/PID/net/tcp and tcp6 are those of its network namespace.  The
 * engine's own resolver in there (127.0.0.11) is left out.
 */
#ifndef DEPLOY_LISTEN_H
#define DEPLOY_LISTEN_H

#include <stdbool.h>
#include <stddef.h>
#include "base/err.h"

enum { LISTEN_MAX = 16 };

struct listener {
	int port;
	bool loopback; /* reached from inside the container only */
	char address[48]; /* "127.0.0.1:3000", "[::]:80" */
};

struct listeners {
	struct listener v[LISTEN_MAX]; /* by port; no two alike */
	size_t n;
};

/* -1: the process is gone or may not be looked at. */
int listen_of(int pid, struct listeners *);
/* port if it is listened on, else the only other one that is reached from
 * outside, else port. */
int listen_choose(const struct listeners *, int port);
/* Established connections from elsewhere to this port, or -1. */
int listen_connections(int pid, int port);
/* "127.0.0.1:3000 and [::]:9090", "nothing" */
void listen_text(const struct listeners *, char *, size_t);

/* The text of one file; six: of tcp6.  Adds to the list. */
void listen_parse(const char *text, bool six, struct listeners *);
int listen_count(const char *text, bool six, int port);

#endif
