/*
 * build - an image from a tree and a Dockerfile: POST /build, by BuildKit
 * where the engine has it (version=2), by Podman's Buildah else.
 * The context comes out of callbacks that the caller fills in over whatever
 * holds the tree; no copy is made.  With a session only what has changed is
 * sent.  Without one it is streamed as a tar: no secret mounts, and bases from
 * registries that want a login must be there (image.h).  ssh mounts: never.
 *
 * Errors: EX_DATAERR "build-failed" (a step; its last lines were told),
 * EX_DATAERR "bad-dockerfile", EX_NOINPUT "image-missing", EX_NOPERM
 * "registry-denied", EX_UNAVAILABLE "registry-down" (a base), EX_IOERR
 * "disk-full", EX_TEMPFAIL "timeout", "cancelled", "source-changed", those of
 * engine.h, and those of the callbacks.  Whatever goes wrong, the engine is
 * told to stop.
 */
#ifndef ENGINE_BUILD_H
#define ENGINE_BUILD_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>
#include "base/err.h"
#include "engine/engine.h"
#include "engine/tarstream.h"

enum { BUILD_STAMP = 32 };
enum build_type { BUILD_FILE, BUILD_EXEC, BUILD_DIR, BUILD_LINK };

struct build_entry { /* borrowed, until the next call */
	const char *path; /* relative, no "." or ".." part */
	const char *target; /* BUILD_LINK */
	enum build_type type;
	uint64_t size; /* BUILD_FILE, BUILD_EXEC */
	/* For a session (manifest.h): BUILD_STAMP bytes that are others
	 * whenever the entry may be; NULL: nobody knows.  And its time. */
	const unsigned char *stamp;
	int64_t time_ns;
};

typedef int build_entry_fn(const struct build_entry *, void *, struct err *);

struct engine_context {
	/* A folder before what is in it; no path twice. */
	int (*walk)(void *ctx, build_entry_fn *, void *fn_ctx, struct err *);
	/* The bytes of a file, in pieces. */
	int (*read)(void *ctx, const char *path, tarstream_fn *, void *fn_ctx,
	    struct err *);
	void *ctx;
	int64_t mtime; /* of every entry, seconds since 1970 */
};

/*
 * How the context is sent where the engine has sessions (session.h): only
 * what has changed, and with credentials and secrets.  Where it has none a tar
 * is sent, and built.session is false.
 */
struct build_session {
	const char *manifest; /* kept from build to build; NULL: none */
	bool required; /* there are secrets: by tar is no way */
	int (*credentials)(void *ctx, const char *host, struct buf *user,
	    struct buf *secret, struct err *);
	int (*secret)(void *ctx, const char *name, struct buf *value,
	    struct err *);
	void *ctx;
};

struct build {
	const struct engine_context *context;
	const char *path; /* Dockerfile in the tree; NULL: text is sent too */
	const char *text; /* of the Dockerfile, to tell lines; not NULL */
	const char *target; /* stage, or NULL */
	const char *ref; /* name:tag of the image */
	const json_t *args, *labels; /* {NAME: "value"}, or NULL */
	bool rebuild; /* without the engine's cache */
	const struct build_session *session; /* NULL: by tar */
	int64_t timeout_ms; /* 0: none */
};

struct built {
	char *id; /* of the image, by the engine's word */
	json_t *steps; /* [{name, milliseconds, cached}] */
	struct strvec warnings; /* BuildKit's */
	uint64_t context_bytes; /* sent */
	bool session;
};

/* Where a Dockerfile that is not in the tree is put; what the tree itself has
 * in that folder is not sent. */
#define BUILD_FOLDER ".rcn"

int build_run(struct engine *, const struct build *, struct built *,
    struct err *);
void built_release(struct built *);

/* The line on which an instruction begins, by the name of its step
 * ("[2/4] RUN npm ci"), or 0. */
int build_line(const char *dockerfile, const char *step);

#endif
