/*
 * proxy - switch traffic and prove it: HAProxy, Traefik.
 * A route is all that one project's environment serves.  It is put whole,
 * replaces what was there, and may be put twice.  Route files (routes.h) are
 * the truth; the proxy's own files are made from them.  What a 0 proves:
 *   check   the proxy runs, from our files, and would take the route beside
 *           all others; nothing has changed
 *   put     the route file is on disk, the proxy's files for its next start
 *           too, and the running proxy says that it serves the route; only
 *           if it served `was` or route->deployment itself, else EX_TEMPFAIL
 *           "route-moved": a later deploy has won
 *   get     what the running proxy serves, by its own word, not our files
 *   busy    requests in flight on an address; *n is -1: it cannot tell
 *   counts  what the proxy has counted for the route since it began
 *   settle  the route file says what the proxy serves, and nothing drained
 *           is left in the proxy: the repair after a crash
 *   sync    all files made anew from the route files; the running proxy,
 *           if one runs, serves exactly them.  A route file that is bad is
 *           written anew from what the proxy serves, or left out
 * A put that failed has put back what was, if it still could; only get knows
 * which side serves.  Another project's bad route file blocks nobody.
 * Callers hold the project's lock; put, settle and sync take the lock of all
 * routes besides:
 *	proxy_open(&p, err), proxy_check(p, &r, err),
 *	proxy_put(p, &r, was, err),
 *	proxy_probe(host, "/", 10000, &status, err)
 *
 * A route with hosts and no address answers 503 with Retry-After; one
 * without hosts is none: putting it withdraws.  An unknown host gets 404.
 * A new proxy is one file with a proxy_ops and one line in proxy.c.
 */
#ifndef PROXY_PROXY_H
#define PROXY_PROXY_H

#include <stdbool.h>
#include <stdint.h>
#include "base/buf.h"
#include "base/err.h"
#include "proxy/routes.h"

struct proxy;

struct proxy_counts {
	int64_t requests; /* -1: it cannot tell */
	int64_t errors; /* requests that the proxy itself could not serve */
};

/* A row of the table in rcn-route(1). */
struct proxy_can {
	const char *least_version;
	bool tls_given; /* serves certificates from files */
	bool survives_restart; /* starts again with the last routes */
	bool keeps_websockets; /* of other projects, over a switch */
	bool counts_in_flight;
	bool counts_requests;
};

/* By the settings RCN_PROXY and RCN_PROXY_URL; opens nothing. */
int proxy_open(struct proxy **, struct err *);
void proxy_close(struct proxy *); /* NULL is fine */
const char *proxy_name(const struct proxy *); /* "haproxy" */
const struct proxy_can *proxy_can(const struct proxy *);
/* Shell words that start it from its files in the foreground. */
void proxy_command(struct proxy *, struct buf *);
/* A word quoted for the shell, and a blank before it unless it is first. */
void proxy_word(struct buf *, const char *);

/* route NULL: that it runs from our files. */
int proxy_check(struct proxy *, const struct route *, struct err *);
int proxy_put(struct proxy *, const struct route *, const char *was,
    struct err *);
/* route is released first; no such route: deployment "", no hosts. */
int proxy_get(struct proxy *, const char *key, struct route *, struct err *);
int proxy_busy(struct proxy *, const char *addr, int64_t *n, struct err *);
int proxy_counts(struct proxy *, const char *key, struct proxy_counts *,
    struct err *);
int proxy_settle(struct proxy *, const char *key, struct err *);
/* 1: the running proxy agrees; 0: none runs, the files are ready; -1. */
int proxy_sync(struct proxy *, struct err *);

/* Where it listens (RCN_HTTP), as something one can connect to. */
void proxy_http(struct buf *);
/* A certificate of RCN_TLS_DIR is for this host. */
bool proxy_tls(const char *host);
/*
 * GET path with this Host at RCN_HTTP: the answer's status in *status.  No
 * answer before timeout_ms: EX_UNAVAILABLE "probe-failed".
 */
int proxy_probe(const char *host, const char *path, int64_t timeout_ms,
    int *status, struct err *);

#define auto_proxy AUTO(proxy_cleanup)
static inline void
proxy_cleanup(struct proxy **p)
{
	proxy_close(*p);
}

#endif
