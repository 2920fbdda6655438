/*
 * serve - an HTTP/1 server of one thread, small under attack.
 * A connection costs a row in a table until the head of its request is there
 * and has passed guard.h, and a small body too; only then does libmicrohttpd
 * get it.  One request per connection: nothing can hide behind the first.
 *	struct serve_conf conf = { .judge = judge, .handle = handle, ... };
 *	doors_open(&doors, "127.0.0.1:80", err);
 *	serve_open(&s, &doors, &conf, err);
 *	sandbox_enter(...);
 *	serve_run(s, err);	until SIGTERM; answers in flight go out
 *	serve_close(s);
 *
 * When the table is full the oldest connection whose request is not whole is
 * closed; when too many are at work, one whose body comes too slowly.
 * A body goes to a file without a name in conf.tmp, not onto the heap.
 * Answers that are held (message.h) are sent together after one flush().
 */
#ifndef SERVE_SERVE_H
#define SERVE_SERVE_H

#include <stdint.h>
#include "serve/door.h"
#include "serve/message.h"

/* The head alone: 1 it is answered, and no body is read; 0 go on; -1. */
typedef int serve_judge(const struct request *, struct response *, void *ctx,
    struct err *);
typedef int serve_handle(const struct request *, struct response *, void *ctx,
    struct err *);

struct serve_line { /* of the log; text is a stranger's */
	const char *from, *method, *path;
	int status; /* 0: it went away without an answer */
	uint64_t size; /* bytes of its body */
	int64_t ms;
	const char *more; /* response.log */
};

struct serve_conf {
	serve_judge *judge;
	serve_handle *handle;
	/* Makes durable what held answers speak of; -1: they become 503. */
	int (*flush)(void *ctx, struct err *);
	void (*log)(const struct serve_line *, void *ctx);
	void *ctx;
	const char *tmp; /* folder for bodies */
	/* 0: the default */
	size_t table; /* connections: 10240, and what RLIMIT_NOFILE allows */
	size_t work; /* of them at work: 48 */
	uint64_t body; /* bytes of a body: 25 MiB, else 413 */
	uint64_t small; /* above it a body is a large one: 1 MiB */
	size_t large; /* large bodies at a time: 4, else 429 */
	int64_t head_ms; /* for a head to be there: 15 s */
	int64_t total_ms; /* for a request, from its head: 30 s */
};

struct serve;
/* Takes over the doors.  Raises RLIMIT_NOFILE to its hard limit. */
int serve_open(struct serve **, struct doors *, const struct serve_conf *,
    struct err *);
int serve_run(struct serve *, struct err *); /* stop_init() before */
void serve_close(struct serve *);

#endif
