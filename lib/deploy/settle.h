/*
 * settle - what rcn-retire does: what no longer serves is ended, what serves
 * is left alone.  What serves is the proxy's word, never a guess.
 *
 * settle_run() with one document:
 *   a proven route    the instances of this project and environment that the
 *                     document does not name are marked old under the lock,
 *                     the lock is let go, then they are drained and ended
 *   route and error   a later stage failed: nothing is ended, a warning
 *   error             what this deployment started, up to this attempt, goes,
 *                     unless the proxy serves it
 *   error, no service nothing was started: the engine is not even asked
 *
 * settle_repair() has no document: of a project's environments (or one) all
 * goes that the proxy does not serve, made-only and half-made ones too, and
 * the route file comes to say what the proxy serves.  May be run at any time.
 */
#ifndef DEPLOY_SETTLE_H
#define DEPLOY_SETTLE_H

#include <jansson.h>
#include "base/err.h"

/* The `retired` section; a new reference. */
json_t *settle_run(const json_t *doc, struct err *);
/* {environment: section}; environment NULL: all that are found. */
json_t *settle_repair(const char *slug, const char *environment, struct err *);

#endif
