/*
 * drain - end instances without losing what they still answer.
 * For each, and for all at once: wait until the proxy counts no request in
 * flight on it, or, where a proxy cannot tell, until no connection from
 * outside its container is established to its port, or until the drain limit;
 * then SIGTERM (or the image's own signal), after the stop timeout SIGKILL;
 * save its last log and how it ended; remove it.
 * Nothing here fails: what did not work is a warning, and found again by
 * rcn-retire --slug.  drain_all() ignores stop signals if the caller holds
 * them (stop_hold()).
 */
#ifndef DEPLOY_DRAIN_H
#define DEPLOY_DRAIN_H

#include <jansson.h>
#include "engine/engine.h"
#include "proxy/proxy.h"

struct drain {
	struct engine *e;
	struct proxy *proxy; /* NULL: ask nobody, only look */
	const char *key; /* "SLUG.ENVIRONMENT": where logs go */
	int64_t drain_ms;
	int stop_s;
};

/*
 * containers: as the engine lists them.  Rows of retired.instances are added
 * to section.instances; drained_by, drain_ms, forced are set; in_flight is
 * what the proxy counted at first, -1 if it cannot tell.
 */
void drain_all(const struct drain *, const json_t *containers, json_t *section,
    int64_t *in_flight);

#endif
