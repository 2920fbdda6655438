/*
 * deploy - what rcn-deploy does with one document: release command, new
 * instances beside the old, a gate before each may be routed to.
 * Before any of it the proxy is asked, as it will be for the route: that it
 * runs, and that the hosts are nobody else's (EX_CONFIG "host-taken").
 * All of it happens under the lock of the project's environment.  An instance
 * that is healthy and has an equal spec is kept.  On failure, and when
 * cancelled, what it started is removed and the old is as it was.
 *
 * The variables are read by the caller (parse/envfile.h).
 */
#ifndef DEPLOY_DEPLOY_H
#define DEPLOY_DEPLOY_H

#include <jansson.h>
#include <stdbool.h>
#include "base/err.h"
#include "deploy/image.h"

struct deploy {
	const json_t *env; /* {KEY: {value, secret}}, borrowed */
	bool own_env; /* given by hand, not with the deployment */
	struct strvec hosts; /* of --host, borrowed */
	image_auth_fn *auth; /* credentials for a pull, or NULL */
};

int deploy_key(const json_t *doc, const struct deploy *, char hex[65],
    struct err *);
/* 1: the instances of doc.service run and are what the section says. */
int deploy_current(const json_t *doc, struct err *);
/* The `service` section, a new reference. */
json_t *deploy_run(const json_t *doc, const struct deploy *, struct err *);

#endif
