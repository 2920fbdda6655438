/*
 * document - the loop every filter runs; rcn-document(5) is the format.
 * doc_filter() reads objects from fd 0 (or -d FILE) to the end and, for each,
 *   1. passes it on if it has `error`, unless the stage settles;
 *   2. looks whether anyone still reads fd 1; if not, dies of SIGPIPE;
 *   3. passes it on if its section is there with `key` equal to key()
 *      and current() says that what it names still stands;
 *   4. calls run(), the first moment at which a stage may open anything;
 *   5. sets its section, or `error`; adds a row to `timings`; writes a line.
 * Returns the status of the first document in error, else 0.  No object, or
 * half of one, is EX_NOINPUT: upstream died, silence is not success.
 * SIGINT, SIGTERM and SIGHUP do not end the wait for input; they make
 * stop_fd() readable: run() undoes what it began, fails with "cancelled".
 * A stage that settles is called whatever was asked, its waits go on: what
 * it does must be done.  Its own failure never replaces an `error` that the
 * document brought.
 */
#ifndef DOCUMENT_DOCUMENT_H
#define DOCUMENT_DOCUMENT_H

#include <jansson.h>
#include <stdbool.h>
#include "base/err.h"
#include "base/json.h"

enum { DOC_VERSION = 1, DOC_MAX = 4 << 20 };

struct stage {
	const char *name; /* "rcn-build" */
	const char *section; /* the one member it owns: "image" */
	bool builds; /* passes on what doc_without_build() says */
	bool settles; /* is given documents with `error` too */
	bool amends; /* adds to its section: it stays when run() fails */
	bool finishes; /* a stop signal does not keep run() from its work */
	/* NULL: no resume.  The hash of all that the section depends on. */
	int (*key)(json_t *doc, void *ctx, char hex[65], struct err *);
	/* NULL: an equal key is enough.  1 yes, 0 no, -1 failed. */
	int (*current)(json_t *doc, void *ctx, struct err *);
	/*
	 * doc is borrowed, read only.  A new reference: the section; an array:
	 * one document each, of `{section: ..., and other members to set}`.
	 */
	json_t *(*run)(json_t *doc, void *ctx, struct err *);
};

int doc_filter(const struct stage *, void *ctx);
/*
 * For a sink, which writes no documents: each one that is read, with `error`
 * or without, is handed over, and what comes back is its exit status.
 */
typedef int doc_fn(json_t *doc, void *ctx);
int doc_each(doc_fn *each, void *ctx);
/* The first program: one document, seed (stolen), no fd 0. */
int doc_first(const struct stage *, json_t *seed, void *ctx);
/* main's way out when the options were fine and the seed could not be made:
 * prints err and returns its status. */
int doc_fail(const struct err *);
/* -d FILE: doc_filter() reads it instead of fd 0. */
void doc_from_file(const char *path);
const char *doc_file(void); /* NULL: fd 0 */

/*
 * The seed of a first program: `rcn`, `project`, `deployment`.  base is what
 * names the project when neither slug nor the file does: a folder, a
 * repository or an image; its base name, made a DNS label.
 */
struct doc_origin {
	const char *project_file, *slug, *environment; /* NULL: not given */
	const char *base;
};
json_t *doc_seed(const struct doc_origin *, struct err *);

/* Borrowed member that must be an object; else EX_DATAERR "section-missing"
 * with a hint that names the program which writes it. */
json_t *doc_need(const json_t *doc, const char *section, struct err *);

/* What every stage asks: "" never, the defaults are filled in. */
const char *doc_slug(const json_t *doc); /* project.slug */
const char *doc_environment(const json_t *doc); /* "production" */
const char *doc_deployment(const json_t *doc); /* deployment.id */
int doc_attempt(const json_t *doc);
/* A rerun of an image: no stage before rcn-deploy works (section 2). */
bool doc_without_build(const json_t *doc);
/* Adds to section.warnings[] and says it on stderr. */
void doc_warn(json_t *section, const char *, ...)
    __attribute__((format(printf, 2, 3)));

/* $RCN_SECRETS/name, or NULL where the variable is not set; new string. */
char *doc_secret_path(const char *name);

#endif
