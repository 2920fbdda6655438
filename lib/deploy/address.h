/*
 * address - fixed addresses for new instances, one at a time on this host.
 * addresses_open() takes a lock in the run-time folder and looks who has
 * what: any container on the network, stopped ones too, any container of ours
 * by its label, any route file, a bad one too.  None of these is given out. The
 * search goes on from the last one given, so that an address rests before it
 * comes again. Create the container before addresses_close(): from then on it
 * is seen.
 */
#ifndef DEPLOY_ADDRESS_H
#define DEPLOY_ADDRESS_H

#include <jansson.h>
#include "base/buf.h"
#include "base/err.h"
#include "engine/network.h"
#include "proxy/routes.h"

struct addresses {
	int lock; /* -1: not open */
	char *path; /* the last one given */
	uint32_t first, last, next;
	uint32_t *used;
	size_t n, cap;
};

int addresses_open(struct addresses *, struct engine *, const struct network *,
    struct err *);
/* EX_UNAVAILABLE "no-address" when all are taken. */
int addresses_next(struct addresses *, char out[ADDRESS_TEXT], struct err *);
void addresses_close(struct addresses *);

/* What addresses_open() looks at; for tests. */
void addresses_used(struct addresses *, const json_t *containers,
    const char *network, const struct routes *);

#endif
