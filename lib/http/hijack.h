/*
 * hijack - a connection that stops to be HTTP after its first answer: an
 * engine's attach and exec, a BuildKit session; both sides then send bytes as
 * they like.
 *	auto_hijack struct hijack *h = NULL;
 *	if (hijack_open(&h, &request, "tcp", err) < 0 ||	sends it
 *	    hijack_answer(h, &status, err) < 0)		reads the head
 *		return -1;
 *	n = hijack_read(h, piece, sizeof(piece), err);
 * hijack_answer() may come much later: a call whose answer is waited for
 * while another connection is at work.  What it leaves is read by
 * hijack_read(), which does not block; poll hijack_fd() for it first.
 *
 * Errors: those of http.h; EX_PROTOCOL "bad-answer".
 */
#ifndef HTTP_HIJACK_H
#define HTTP_HIJACK_H

#include <stddef.h>
#include <sys/types.h>
#include "base/err.h"
#include "http/http.h"

struct hijack;

/* Of the request: method, url, unix_socket, headers, body, TLS, connect_ms;
 * upgrade: the protocol to ask for, or NULL. */
int hijack_open(struct hijack **, const struct http_request *,
    const char *upgrade, struct err *);
int hijack_answer(struct hijack *, int *status, struct err *);
int hijack_fd(const struct hijack *);
/* Bytes, 0 at the end, HIJACK_NONE for none yet, or -1. */
enum { HIJACK_NONE = -2 };
ssize_t hijack_read(struct hijack *, void *, size_t, struct err *);
void hijack_wait(struct hijack *, int ms); /* for bytes to read */
/* How many bytes it took, perhaps none; or -1. */
ssize_t hijack_send(struct hijack *, const void *, size_t, struct err *);
int hijack_write(struct hijack *, const void *, size_t, struct err *);
/* No more will be written; a connection with TLS cannot say so. */
void hijack_shut(struct hijack *);
void hijack_close(struct hijack *);

static inline void
hijack_cleanup(struct hijack **h)
{
	hijack_close(*h);
}

#define auto_hijack AUTO(hijack_cleanup)

#endif
