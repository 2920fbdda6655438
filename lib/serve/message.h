/*
 * message - a request and its answer, without a socket.
 * A handler is a function of the two:
 *	int hello(const struct request *q, struct response *a, void *ctx,
 *	    struct err *err)
 *	{
 *		return response_json(a, 200, json_pack("{s:s}", "path",
 *		    q->path));
 *	}
 * -1 and err becomes an answer too, by its status: 65 is 400, what passes
 * (69, 71, 73, 74, 75) is 503 with Retry-After, all else 500.
 */
#ifndef SERVE_MESSAGE_H
#define SERVE_MESSAGE_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>
#include "base/buf.h"
#include "base/err.h"
#include "serve/guard.h"

struct request_header {
	const char *name, *value;
};

struct request { /* all borrowed */
	const char *method;
	const char *path; /* without the query, %xx decoded */
	const char *from; /* "192.0.2.1", "::1", "unix" */
	struct request_header header[GUARD_HEADERS];
	size_t headers;
	uint64_t length; /* what the head says of the body */
	const char *body; /* read only, `size` bytes, no NUL after them */
	size_t size; /* 0 while only the head is judged */
};

/* By name in any case: 1, 0 not there, -1 there more than once. */
int request_header(const struct request *, const char *name,
    const char **value);

struct response {
	int status;
	struct buf body;
	int retry_after; /* seconds; 0: no such header */
	const char *allow; /* static, of a 405; or NULL */
	bool hold; /* not to be sent before flush() has said 0 */
	struct buf log; /* more key=value words for the log's line */
};
void response_release(struct response *);

/* Both return 0. value is owned by the call. */
int response_json(struct response *, int status, json_t *value);
/* {"error": {"code": ..., "message": ...}} */
int response_error(struct response *, int status, const char *code,
    const char *message);
/* What -1 and err of a handler stand for. */
void response_failed(struct response *, const struct err *);
/* Adds " key=value"; quoted where it has to be. */
void log_pair(struct buf *, const char *key, const char *value);
void response_log(struct response *, const char *key, const char *value);

const char *status_text(int status); /* "Not Found" */

#endif
