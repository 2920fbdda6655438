/*
 * container - containers of an engine: make, start, end, look at, read.
 * What is gone already counts as removed and what has ended as stopped, so
 * that each call may be made twice.  Asking for one that is not there:
 * EX_NOINPUT "container-gone".
 *	char id[CONTAINER_ID];
 *	if (container_create(e, "app.production.web.0", spec, id, err) < 0 ||
 *	    container_start(e, id, err) < 0)
 */
#ifndef ENGINE_CONTAINER_H
#define ENGINE_CONTAINER_H

#include <jansson.h>
#include <stdbool.h>
#include "base/err.h"
#include "engine/engine.h"

enum { CONTAINER_ID = 72 };

struct container_state {
	bool running, oom, created; /* created: never started */
	int pid; /* on the engine's host; 0: none */
	int exit_code;
	char error[160]; /* why the engine could not start it, or "" */
};

/* The engine's own array (GET /containers/json, stopped ones too); label
 * NULL: all, else "name" or "name=value". */
json_t *container_list(struct engine *, const char *label, struct err *);
/* EX_NOINPUT "image-gone": the image is not there; EX_TEMPFAIL "name-taken":
 * a container of that name is. */
int container_create(struct engine *, const char *name, const json_t *spec,
    char id[CONTAINER_ID], struct err *);
int container_start(struct engine *, const char *id, struct err *);
/* SIGTERM (or the image's own), after seconds SIGKILL; returns when ended. */
int container_stop(struct engine *, const char *id, int seconds, struct err *);
/* A signal by name, "SIGKILL"; one that has ended is fine. */
int container_kill(struct engine *, const char *id, const char *signal,
    struct err *);
int container_rename(struct engine *, const char *id, const char *name,
    struct err *);
int container_remove(struct engine *, const char *id, struct err *);
/* "no", "unless-stopped": whether the engine starts it again. */
int container_restart_policy(struct engine *, const char *id, const char *,
    struct err *);
json_t *container_inspect(struct engine *, const char *id, struct err *);
int container_state(struct engine *, const char *id, struct container_state *,
    struct err *);
void container_state_read(const json_t *inspected, struct container_state *);
/* The member of Config.Labels (inspect) or Labels (list); "" for none. */
const char *container_label(const json_t *, const char *name);

/* A line without its end; stream is 1 stdout or 2 stderr. */
typedef void container_line_fn(int stream, const char *, size_t, void *ctx);
/* The last `tail` lines (< 0: all); tty is Config.Tty: how they are framed. */
int container_log(struct engine *e, const char *id, bool tty, int tail,
    container_line_fn *fn, void *ctx, struct err *err);

/* More of it: what to ask for. */
struct container_logs {
	bool tty, times; /* times: "2026-11-24T10:00:00.123456789Z " in front */
	bool follow; /* until it ends */
	int tail; /* < 0: all */
	const char *since; /* seconds since 1970, "12.000000345"; NULL: all */
};
int container_logs(struct engine *, const char *id,
    const struct container_logs *, container_line_fn *fn, void *ctx,
    struct err *);

/* What container_log() uses, for who has bytes of their own. */
struct log_frames {
	bool tty;
	unsigned char head[8];
	size_t have, left; /* bytes of head; bytes of payload to come */
	int stream;
	struct buf line[3];
	container_line_fn *fn;
	void *ctx;
};
void log_frames_add(struct log_frames *, const void *, size_t);
void log_frames_end(struct log_frames *); /* the last lines; releases */

#endif
