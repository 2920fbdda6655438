/*
 * talk - one question, one answer: to a unix socket, or HTTP on a plain
 * connection.  For a proxy beside us only: no TLS, no redirects, no library
 * whose start would cost more than the question.
 * Nobody there, or no answer in time: EX_UNAVAILABLE "proxy-down", or
 * "probe-failed".
 */
#ifndef PROXY_TALK_H
#define PROXY_TALK_H

#include <stdint.h>
#include "base/buf.h"
#include "base/err.h"

enum { TALK_MAX = 32 << 20 };

/* Writes text and a newline, half-closes, appends all of the answer. */
int talk_unix(const char *path, const char *text, struct buf *, struct err *);
/*
 * GET; addr is HOST:PORT.  body NULL: only the status is waited for.
 */
struct talk_get {
	const char *addr, *host, *path;
	int64_t timeout_ms;
};
int talk_http(const struct talk_get *, int *status, struct buf *body,
    struct err *);
/* "HTTP/1.1 200 OK\r\n..." - the status, and the body's offset in *body (0:
 * its head has not ended).  -1: not HTTP. */
int talk_head(const char *, size_t, size_t *body);

#endif
