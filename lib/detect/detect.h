/*
 * detect - what is this app, how is it built, what does it run?
 * Each runtime is asked in order (the table in detect.c); the first that
 * finds how the app is served gets it.  Settings of the project, then of
 * rcn.json in the tree, come before anything that is found.  Each decision
 * leaves a `why` in the plan with the file and line that it came from.
 *
 * Nothing outside the tree is read but share/versions.json (detect_open(),
 * before a sandbox is entered).  A new runtime is one file with a struct
 * runtime and one line in detect.c.
 */
#ifndef DETECT_DETECT_H
#define DETECT_DETECT_H

#include <jansson.h>
#include "base/err.h"
#include "plan/plan.h"
#include "source/tree.h"

/* The table of known versions: a new reference; EX_CONFIG "bad-share". */
json_t *detect_open(struct err *);

/*
 * rules are what the tree is filtered by: what they leave out is in no image
 * and therefore no part of the app, save for the files that only tell how to
 * build it (Dockerfile, Procfile, rcn.json).  project is borrowed, may be NULL.
 * EX_DATAERR "no-runtime": nothing was recognised; "bad-rcn-json", "bad-json",
 * "bad-toml", "bad-procfile": a file of the app is wrong, named with its line.
 */
int detect_plan(struct tree *, const struct ignore *rules,
    const json_t *project, const json_t *versions, struct plan *, struct err *);

#endif
