/*
 * ops - what a proxy's file fills in for proxy.c.
 * Callers hold the lock of all routes; route files are written already; `all`
 * is what they say.  route has passed route_valid().
 */
#ifndef PROXY_OPS_H
#define PROXY_OPS_H

#include "proxy/proxy.h"

struct proxy_ops {
	const char *name;
	const char *url; /* default, or NULL: made by open */
	struct proxy_can can;
	/* It runs, from our files, else EX_UNAVAILABLE "proxy-down". */
	int (*check)(struct proxy *, struct err *);
	/* Its files say `all`; the running one is told about this route. */
	int (*put)(struct proxy *, const struct routes *all,
	    const struct route *, struct err *);
	int (*get)(struct proxy *, const char *key, struct route *,
	    struct err *);
	int (*busy)(struct proxy *, const char *addr, int64_t *n, struct err *);
	int (*counts)(struct proxy *, const char *key, struct proxy_counts *,
	    struct err *);
	/* What is drained and idle goes, and what the killed left aside. */
	int (*clean)(struct proxy *, const char *key, struct err *);
	/* 1 runs and agrees, 0 does not run, -1. */
	int (*sync)(struct proxy *, const struct routes *all, struct err *);
	void (*command)(struct proxy *, struct buf *);
};

struct proxy {
	const struct proxy_ops *ops;
	char *url; /* RCN_PROXY_URL */
	char *dir; /* RCN_PROXY_DIR, made */
};

extern const struct proxy_ops haproxy_ops, traefik_ops;

/* Replaces dir/name unless it says so already; fsynced. */
int proxy_file(struct proxy *, const char *name, const struct buf *,
    struct err *);
/* Settings that shape a proxy's files. */
const char *proxy_listen(void); /* RCN_HTTP */
const char *proxy_listen_tls(void); /* RCN_HTTPS, NULL without RCN_TLS_DIR */
const char *proxy_tls_dir(void); /* RCN_TLS_DIR or NULL */
/* The .pem files of RCN_TLS_DIR, sorted, as paths. */
int proxy_certificates(struct strvec *, struct err *);

#endif
