/*
 * http - one request at a time over a kept connection, on libcurl.
 * Unix sockets and TCP, TLS with the system's and one more CA file, bodies
 * streamed both ways at once, deadlines, and an end when a stop signal comes
 * (stop.h: EX_TEMPFAIL "cancelled").  No `Expect:` is ever sent: engines that
 * answer before they have read the body would cost a second each.
 *	struct http *h = http_new();
 *	struct http_request q = { .method = "GET", .url = "http://x/_ping",
 *		.unix_socket = "/run/docker.sock" };
 *	struct http_answer a = { 0 };
 *	if (http_run(h, &q, &a, err) < 0) ...	a.status is any HTTP status
 *	http_answer_release(&a);
 *	http_free(h);
 * libcurl is initialised by the first http_new().
 *
 * Errors: EX_UNAVAILABLE "connect-failed" (err->sys: errno of connect),
 * "connection-lost", "timeout"; EX_PROTOCOL "tls-failed", "bad-answer";
 * EX_DATAERR "too-large"; else what a callback set.
 */
#ifndef HTTP_HTTP_H
#define HTTP_HTTP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/buf.h"
#include "base/err.h"

/*
 * Pushes a body that is not at hand, by http_push() as often as it likes, once
 * the transfer has begun; the answer is delivered meanwhile.  -1 closes the
 * connection.  A peer that has answered for good before it took all makes
 * http_push() fail; http_run() then forgets that failure: the answer counts.
 */
struct http;
typedef int http_push_fn(struct http *, void *ctx, struct err *);
/*
 * Does something else that the request needs while its answer comes: a second
 * connection.  It calls http_turn() until that says 1, or ends with -1.
 */
typedef int http_serve_fn(struct http *, void *ctx, struct err *);
/* A piece of the answer's body, 2xx only: 0, or -1 to end with err set. */
typedef int http_write_fn(const void *, size_t, void *ctx, struct err *);

struct http_request {
	const char *method, *url;
	const char *unix_socket; /* NULL: TCP */
	const struct strvec *headers; /* "Name: value", or NULL */
	const void *body; /* sent whole, with Content-Length */
	size_t body_len;
	http_push_fn *push; /* sent in pieces, chunked; body is not used */
	http_serve_fn *serve; /* after the request; not with push */
	void (*tick)(void *ctx); /* at least once a second; or NULL */
	void *push_ctx; /* of push, serve and tick */
	http_write_fn *write; /* NULL: collected in answer.body */
	void *write_ctx;
	size_t body_max; /* of answer.body; 0: 8 MiB */
	int64_t connect_ms; /* 0: 10 s */
	int64_t idle_ms; /* nothing moves for so long; 0: no limit */
	int64_t total_ms; /* 0: no limit */
	const char *ca_file; /* beside the system's; NULL: RCN_CA_BUNDLE */
	const char *cert_file, *key_file; /* of ours, or NULL */
	const char *user, *password; /* Basic, or NULL */
	bool follow; /* redirects, 5; Authorization stays with its host */
};

struct http_answer {
	int status;
	struct strvec headers; /* of the last answer, "name: value" */
	struct buf body;
};

struct http *http_new(void);
void http_free(struct http *);
int http_run(struct http *, const struct http_request *, struct http_answer *,
    struct err *);
int http_push(struct http *, const void *, size_t, struct err *);
/*
 * Within serve: waits for the transfer or for fd, at most a second, or only
 * looks where there is other work.  events: POLLIN, POLLOUT that are waited
 * for, then those that came; fd -1: there is none.  1 the answer is whole, 0
 * go on, -1 the transfer, a limit or a stop signal has ended it.
 */
int http_turn(struct http *, int fd, short *events, bool wait, struct err *);
/* Value of the first header of that name, any case; NULL if there is none. */
const char *http_header(const struct http_answer *, const char *name);
void http_answer_release(struct http_answer *);
void http_quote(struct buf *, const char *); /* percent-encodes a part */
/* A part of a query as it was; what is no quoted byte stays. */
void http_unquote(struct buf *, const char *);

static inline void
http_cleanup(struct http **h)
{
	http_free(*h);
}

#define auto_http AUTO(http_cleanup)
#define auto_http_answer AUTO(http_answer_release)

#endif
