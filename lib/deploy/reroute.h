/*
 * reroute - what rcn-route does: the project's hosts go to its new instances,
 * under the lock, and requests through the proxy prove it (proof.h).  What
 * is not proven is put back.  A project without an instance that has a port
 * has no route: what served before serves no more.
 * hosts: what the command line adds to those of the document.
 */
#ifndef DEPLOY_REROUTE_H
#define DEPLOY_REROUTE_H

#include <jansson.h>
#include "base/buf.h"
#include "base/err.h"

/* As struct stage asks: all that the section depends on; is it so still? */
int reroute_key(json_t *doc, const struct strvec *hosts, char hex[65],
    struct err *);
int reroute_current(json_t *doc, const struct strvec *hosts, struct err *);
/* The `route` section; a new reference. */
json_t *reroute_run(json_t *doc, const struct strvec *hosts, struct err *);
/* The route goes; where no proxy runs, its files are enough. */
int reroute_withdraw(const char *slug, const char *environment, struct err *);

#endif
