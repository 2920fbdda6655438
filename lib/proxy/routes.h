/*
 * routes - the route files, STATE_DIR/routes/PROJECT.ENV.json: what each
 * project's environment serves, the same for every proxy, the truth.
 * share/schema/route.json is their form.  Written whole and fsynced.
 */
#ifndef PROXY_ROUTES_H
#define PROXY_ROUTES_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>
#include "base/buf.h"
#include "base/err.h"

enum { ROUTE_HOSTS_MAX = 128, ROUTE_ADDRS_MAX = 100 };

struct route { /* all owned */
	char *key; /* "PROJECT.ENV": route_key() */
	char *deployment; /* id, kept in the proxy; "" for none */
	struct strvec hosts, addrs; /* "app.example", "172.18.0.5:3000" */
};

#define auto_route AUTO(route_release)
void route_set(struct route *, const char *key, const char *deployment);
void route_copy(struct route *to, const struct route *from);
void route_release(struct route *);
bool route_equal(const struct route *, const struct route *);
char *route_key(const char *project, const char *environment); /* new */

/*
 * The hosts that a document's project is to have: given (--host), else
 * project.hosts, else SLUG.localhost, outside of production with
 * "ENVIRONMENT." before it.  In lower case, each once; at least one.
 * route_valid() judges them.
 */
void route_hosts(struct strvec *, const json_t *doc,
    const struct strvec *given);

/*
 * The project's lock, lock/KEY in the run-time folder: RCN_LOCK_FD has it
 * already, or waits for it at most wait_ms.  *fd is the caller's to close, -1
 * if it is inherited.
 */
int route_lock(const char *key, int64_t wait_ms, int *fd, struct err *);

/*
 * Names and addresses are what they should be, so nothing else can enter a
 * proxy's files: hosts are DNS names in lower case, each once; addresses are
 * IPv4:PORT; key and deployment are [A-Za-z0-9._-].  EX_DATAERR "bad-host",
 * "bad-route".
 */
int route_valid(const struct route *, struct err *);

/*
 * All that can be read, by key; and the others: one project's bad file is not
 * to block another project.  Of a bad one key and addrs are set, any address
 * that its text holds.
 */
struct routes {
	struct route *v;
	size_t n, cap;
	struct route *bad;
	struct strvec why; /* of each bad one, naming its file */
};

#define auto_routes AUTO(routes_release)
void routes_release(struct routes *);
int routes_load(struct routes *, struct err *);
/* A warning for each bad file: which, why, and what mends it. */
void routes_warn(const struct routes *);
/* EX_DATAERR "bad-route-file" if this key's file is bad. */
int routes_good(const struct routes *, const char *key, struct err *);
const struct route *routes_find(const struct routes *, const char *key);
/* Whose host it is, or NULL. */
const struct route *routes_owner(const struct routes *, const char *host);
/* Replace or add in memory; a route without hosts is taken out. */
void routes_set(struct routes *, const struct route *);

/* 1 read, 0 there is none, -1 failed: a bad one is "bad-route-file". */
int routes_read(const char *key, struct route *, struct err *);
/* Written, or removed if it has no hosts. */
int routes_write(const struct route *, struct err *);

#endif
