/*
 * push - have the engine push an image to a registry.
 * The engine gives the image the registry's name (engine_tag), then streams
 * its layers up.  It answers 200 whatever happens: success is the digest at
 * the end of the stream, in `aux` or, with the containerd store, only in the
 * text of `status`.  Messages differ by engine and version, so failures are
 * told apart by words, not by texts.
 *
 * Errors: EX_NOPERM "registry-denied", EX_UNAVAILABLE "registry-down",
 * EX_PROTOCOL "tls-failed", "push-failed"; EX_TEMPFAIL "registry-limit";
 * EX_NOINPUT "image-gone"; those of engine.h.
 */
#ifndef ENGINE_PUSH_H
#define ENGINE_PUSH_H

#include <stddef.h>
#include <stdint.h>
#include "engine/engine.h"

enum { PUSH_LAYERS_MAX = 1024, PUSH_DIGEST = 72 };

enum push_state { PUSH_SEEN, PUSH_EXISTING, PUSH_MOUNTED, PUSH_UPLOADED };

struct push_layer {
	char id[16];
	enum push_state state;
	uint64_t bytes; /* that the engine told of, at least */
};

/* = { 0 } save for note and ctx. */
struct push {
	/* After each line about a layer, or NULL. */
	void (*note)(const struct push *, const struct push_layer *, void *ctx);
	void *ctx;
	struct push_layer *layers;
	size_t n;
	char digest[PUSH_DIGEST]; /* "" before the end */
};

/* name and tag are as ref.h makes them; auth is X-Registry-Auth's value. */
int engine_push(struct engine *, const char *name, const char *tag,
    const char *auth, struct push *, struct err *);
void push_release(struct push *);
unsigned push_count(const struct push *, enum push_state);
uint64_t push_bytes(const struct push *); /* of uploaded layers */
/* The containerd store names a layer by its blob and tells few of its bytes,
 * or none when they went up at once: they are those of the manifest.  Graph
 * drivers' layers, which have other names there, stay as they are. */
void push_sizes(struct push *, const json_t *manifest);

/* One object of the stream; ctx is the struct push. */
int push_read(json_t *, void *ctx, struct err *);
/* After the last object: a push without a digest is none. */
int push_end(const struct push *, struct err *);

int engine_tag(struct engine *, const char *image, const char *name,
    const char *tag, struct err *);
/* Takes the name away; the image goes with its last name. */
int engine_untag(struct engine *, const char *image, struct err *);

#define auto_push AUTO(push_release)

#endif
