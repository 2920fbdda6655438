/*
 * dial - a connection that begins as HTTP and goes on as something else.
 * A request with `Upgrade` is sent, its answer's head is read, and from then
 * on the bytes are the caller's: a BuildKit session, a terminal.
 *	struct http_request q = { .method = "POST", .url = ..., ... };
 *	if (dial_open(&d, &q, &status, err) < 0)
 *		...
 *	if (status != 101) ...		dial_close(d)
 *	n = dial_read(d, p, size, err);		never blocks
 * Of the request method, url, unix_socket, headers, TLS and connect_ms count.
 *
 * Errors: those of http.h; a peer that has closed is EX_UNAVAILABLE
 * "connection-lost".
 */
#ifndef HTTP_DIAL_H
#define HTTP_DIAL_H

#include <sys/types.h>
#include "base/cleanup.h"
#include "http/http.h"

struct dial;

int dial_open(struct dial **, const struct http_request *, int *status,
    struct err *);
int dial_fd(const struct dial *); /* to poll */
/* Bytes moved, 0 none for now (poll), -1 closed or failed. */
ssize_t dial_read(struct dial *, void *, size_t, struct err *);
ssize_t dial_write(struct dial *, const void *, size_t, struct err *);
void dial_close(struct dial *);
static inline void
dial_cleanup(struct dial **d)
{
	dial_close(*d);
}
#define auto_dial AUTO(dial_cleanup)

#endif
