/*
 * grpc - a gRPC server over bytes: HTTP/2 by nghttp2, no socket of its own.
 * BuildKit is the client of the calls that a build needs, on a connection
 * that we have opened.  The owner feeds what arrives and sends what waits:
 *	grpc_feed(g, data, size, err);
 *	while ((n = grpc_pending(g, &data, err)) > 0)
 *		send(data, n)			all of it, then ask again
 * Callbacks run inside grpc_feed() and only take notes: nothing is fed or
 * asked for pending from within one; grpc_send() and grpc_end() may be called
 * there.  A message is at most 1 MiB, either way.
 *
 * Sources: grpc/grpc doc/PROTOCOL-HTTP2.md; RFC 9113.
 * Errors: EX_PROTOCOL "bad-answer": the peer does not speak HTTP/2 or gRPC.
 */
#ifndef ENGINE_GRPC_H
#define ENGINE_GRPC_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>
#include "base/buf.h"
#include "base/err.h"

enum { GRPC_MESSAGE_MAX = 1 << 20 };
enum grpc_status { /* those that are used */
	GRPC_OK = 0,
	GRPC_NOT_FOUND = 5,
	GRPC_EXHAUSTED = 8,
	GRPC_UNIMPLEMENTED = 12,
	GRPC_INTERNAL = 13,
};

struct grpc;
struct grpc_call;

struct grpc_ops {
	/* All headers are here.  Never NULL; may set *data for the others. */
	void (*begin)(struct grpc_call *, const char *method, void **data,
	    void *ctx);
	void (*message)(struct grpc_call *, void *data, const void *, size_t);
	void (*half)(struct grpc_call *, void *data); /* no more messages */
	void (*closed)(struct grpc_call *, void *data); /* call is gone after */
};

struct grpc *grpc_new(const struct grpc_ops *, void *ctx);
void grpc_free(struct grpc *); /* calls `closed` of what is open */
static inline void
grpc_cleanup(struct grpc **g)
{
	grpc_free(*g);
}
#define auto_grpc AUTO(grpc_cleanup)

int grpc_feed(struct grpc *, const void *, size_t, struct err *);
/* Bytes to send, borrowed until the next call; 0: none for now. */
ssize_t grpc_pending(struct grpc *, const unsigned char **, struct err *);
/* Either side has said good-bye, and nothing is open or waits. */
bool grpc_over(const struct grpc *);

/* All values of a header of the call, in order; borrowed. */
const struct strvec *grpc_headers(const struct grpc_call *, const char *name);
/* Queues a message. */
void grpc_send(struct grpc_call *, const void *, size_t);
/* After what is queued; then nothing more may be sent. */
void grpc_end(struct grpc_call *, enum grpc_status, const char *message);
size_t grpc_queued(const struct grpc_call *); /* bytes not yet handed out */

#endif
