/*
 * proof - that a route serves: requests through the proxy, the last look
 * after a switch.
 *	struct proof proof = proof_of(doc, &route);
 *	proxy_counts(p, route.key, &before, err);
 *	... switch ...
 *	if (proof_run(p, &route, &proof, &before, &status, err) < 0)
 * First the health path at the first host, as at the gate.  Then every other
 * host: the gate has not asked for these, so whatever the app says to them
 * will do, a way to another one or a refusal, if it is not that it cannot
 * serve.
 */
#ifndef DEPLOY_PROOF_H
#define DEPLOY_PROOF_H

#include <jansson.h>
#include <stdbool.h>
#include "proxy/proxy.h"

struct proof { /* all borrowed: of the document and the route */
	const char *host, *path;
	const json_t *expect; /* statuses, or NULL */
	bool strict; /* a health path was asked for: 2xx or 3xx */
};

/* The route has a host. */
struct proof proof_of(const json_t *doc, const struct route *);
/* status: what the first host answered.  EX_UNAVAILABLE "route-unproven". */
int proof_run(struct proxy *, const struct route *, const struct proof *,
    const struct proxy_counts *before, int *status, struct err *);

#endif
