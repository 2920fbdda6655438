/*
 * session - BuildKit's session: a connection on which the engine asks us for
 * what a build needs, while POST /build runs on another.  We serve the
 * context and the Dockerfile (diffcopy.h), credentials of registries, and
 * secrets that a RUN mounts.
 *	got = session_open(&s, e, &what, err);	0: the engine has no sessions
 *	... POST /build?...&remote=client-session&session=session_id(s), with
 *	http_request.serve that calls session_serve(s, http, err)
 *	session_close(s)	after the build's answer has ended
 * What went wrong on our side first is what a build fails of, whatever the
 * engine makes of it: session_err().
 *
 * Sources: moby/buildkit session/, api/services; POST /session of the engine.
 * Errors: EX_UNAVAILABLE "session-lost": the engine let go of it; those of
 * hijack.h, grpc.h, diffcopy.h and of the callbacks.
 */
#ifndef ENGINE_SESSION_H
#define ENGINE_SESSION_H

#include "engine/diffcopy.h"
#include "engine/engine.h"

struct session;

struct session_what {
	struct manifest *context;
	const struct engine_context *source;
	const char *dockerfile; /* its text; its name is "Dockerfile" */
	/* 1 set, 0 none for this registry, -1 failed */
	int (*credentials)(void *ctx, const char *host, struct buf *user,
	    struct buf *secret, struct err *);
	/* 1 set, 0 there is none of that name, -1 failed */
	int (*secret)(void *ctx, const char *name, struct buf *value,
	    struct err *);
	void *ctx;
};

/* what must live as long as the session.  1 open, 0 no sessions, -1 */
int session_open(struct session **, struct engine *,
    const struct session_what *, struct err *);
const char *session_id(const struct session *);
int session_serve(struct session *, struct http *, struct err *);
const struct err *session_err(const struct session *); /* or NULL */
uint64_t session_sent(const struct session *); /* bytes */
void session_close(struct session *);

#endif
