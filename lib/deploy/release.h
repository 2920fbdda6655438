/*
 * release - the release commands (migrations), once, in the new image, before
 * anything else of a deployment starts.  Each runs in a container of its own,
 * one after the other; what they say goes to stderr.  Those of a deployment
 * that have succeeded are not run again, and one that still runs (its
 * rcn-deploy was killed) is waited for.  Failure: EX_DATAERR "release-failed",
 * "release-timeout".
 */
#ifndef DEPLOY_RELEASE_H
#define DEPLOY_RELEASE_H

#include "deploy/instance.h"

/* base: the spec of an instance without process, index, command, address. */
json_t *release_run(struct engine *, const struct spec *base,
    const json_t *ours, struct err *);

#endif
