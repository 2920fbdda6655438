/*
 * engine - the HTTP API of Docker Engine and of Podman's compatible one.
 * The engine is where DOCKER_HOST says (unix://, tcp://, with DOCKER_CERT_PATH
 * TLS), else /var/run/docker.sock.  engine_open() asks an unversioned /_ping
 * and uses the lower of the engine's version and 1.44; the pair 1.41 / 1.44
 * covers Engine 20.10 to 29.  Paths below have no version in front.
 *
 * Differences between engines are met here or in the module of the call:
 * absent = null = empty, success of a stream is the absence of `errorDetail`
 * plus the final fact that was expected, ids are never compared across
 * engines.  Sources: the API's swagger file, moby's changelog.
 *
 * Errors: EX_UNAVAILABLE "engine-down", EX_NOPERM "engine-denied",
 * EX_PROTOCOL "engine-refused" (any status but 2xx, with its message),
 * EX_IOERR "disk-full" (its disk),
 * EX_CONFIG "bad-setting" (DOCKER_HOST).
 */
#ifndef ENGINE_ENGINE_H
#define ENGINE_ENGINE_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>
#include "base/err.h"
#include "http/hijack.h"
#include "http/http.h"
#include "http/jsonstream.h"

struct engine;

int engine_open(struct engine **, const char *host, struct err *);
void engine_close(struct engine *);
const char *engine_api(const struct engine *); /* "1.41", negotiated */
const char *engine_address(const struct engine *); /* socket, or http://... */
const char *engine_name(const struct engine *); /* "docker" or "podman" */
const char *engine_version(struct engine *, struct err *); /* "20.10.24" */
/*
 * A connection of its own on which a call was sent; the caller reads its
 * answer.  upgrade: the protocol that both sides then speak, or NULL.
 */
int engine_hijack(struct engine *, const char *method, const char *path,
    const struct strvec *headers, const json_t *body, const char *upgrade,
    struct hijack **, struct err *);
/* The containerd image store (the default of a fresh Engine 29): 1, 0, -1. */
int engine_containerd_store(struct engine *, struct err *);

/*
 * One call, JSON both ways.  status NULL: any but 2xx is an error with the
 * engine's own message; else it is given and only a lost engine is an error.
 * *out: a new reference, NULL where the body is no JSON; out NULL: dropped.
 */
int engine_call(struct engine *, const char *method, const char *path,
    const json_t *body, int *status, json_t **out, struct err *);

/*
 * GET path, a list; path ends in its query ("/images/json?all=0").  label
 * NULL: all, else only those with "name" or "name=value".  New reference.
 */
json_t *engine_list(struct engine *, const char *path, const char *label,
    struct err *);

/* What goes up with engine_stream(): all members may be 0. */
struct engine_send {
	const struct strvec *headers; /* "X-Registry-Auth: ..." */
	http_push_fn *push; /* the body, in pieces; NULL: none */
	http_serve_fn *serve; /* meanwhile; not with push */
	void (*tick)(void *ctx); /* at least once a second; or NULL */
	void *ctx; /* of push, serve and tick */
	int64_t total_ms; /* deadline; 0: none */
	int64_t idle_ms;
};

/* POST or GET whose answer is JSON objects back to back. */
int engine_stream(struct engine *, const char *method, const char *path,
    const struct engine_send *, jsonstream_fn *each, void *ctx, struct err *);
/* GET whose answer is bytes: logs, a saved image. */
int engine_raw(struct engine *, const char *path, http_write_fn *each,
    void *ctx, struct err *);

/* Does the engine say that its disk is full?  Then EX_IOERR "disk-full". */
bool engine_is_full(const char *message);
int engine_full(const char *what, const char *message, struct err *);
/* The message of an object with `errorDetail` or `error`, or NULL. */
const char *engine_stream_error(const json_t *);

static inline void
engine_cleanup(struct engine **e)
{
	engine_close(*e);
}

#define auto_engine AUTO(engine_cleanup)

#endif
