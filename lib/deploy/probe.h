/*
 * probe - one look at an instance from the host: TCP connect, then one HTTP
 * request on a connection of its own.  No tool inside the image is needed.
 * Two descriptors end a look early: the process's pidfd (readable: it has
 * ended) and stop_fd().
 */
#ifndef DEPLOY_PROBE_H
#define DEPLOY_PROBE_H

#include <stdint.h>
#include "base/err.h"

enum probe_result {
	PROBE_REFUSED, /* nobody listens, or no way there */
	PROBE_SILENT, /* connected, no answer in time */
	PROBE_CLOSED, /* connected, closed without an answer */
	PROBE_NOT_HTTP,
	PROBE_ANSWERED, /* answer->status is set */
	PROBE_ENDED, /* the process ended meanwhile */
};

struct probe {
	const char *address, *host, *path;
	int port;
	int64_t timeout_ms; /* of the whole look */
	int pidfd; /* -1: none */
};

/* An enum probe_result; -1: cancelled. */
int probe_http(const struct probe *, int *status, struct err *);
/* "connection refused", "answered 500" */
const char *probe_text(int result);
/* pidfd_open(2), or -1 */
int probe_pidfd(int pid);
/* Waits: 1 the process ended, 0 time over, -1 cancelled. */
int probe_wait(int pidfd, int64_t ms, struct err *);

#endif
