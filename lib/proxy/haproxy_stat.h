/*
 * haproxy_stat - the CSV that HAProxy's `show stat` answers.
 * fn is called per row, in order; what it is given points into text, which
 * is changed, and lives as long.  Columns are found by the header's names, so
 * other versions may have others.  Not such a text: EX_PROTOCOL
 * "proxy-protocol".
 */
#ifndef PROXY_HAPROXY_STAT_H
#define PROXY_HAPROXY_STAT_H

#include <stdint.h>
#include "base/err.h"

struct haproxy_stat {
	const char *backend, *server; /* "FRONTEND", "BACKEND": the sum */
	const char *status; /* "no check", "DRAIN", "MAINT" */
	const char *addr; /* "172.18.0.5:3000" */
	int64_t scur; /* in flight */
	int64_t requests; /* answered, in any way */
	int64_t errors; /* connections refused and answers broken */
};
typedef void haproxy_stat_fn(const struct haproxy_stat *, void *);

int haproxy_stat_read(char *text, haproxy_stat_fn *, void *, struct err *);

#endif
