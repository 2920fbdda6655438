#include "deploy/proof.h"

#include <string.h>

#include "base/clock.h"
#include "base/json.h"

enum {
	PROBE_MS = 30000, /* for an answer */
	REPEAT_MS = 3000, /* for a good one */
};

/* The health path at the first host, as at the gate. */
struct proof
proof_of(const json_t *doc, const struct route *r)
{
	const char *path = json_str(doc, "project.health.path", NULL);
	struct proof pr = { .host = r->hosts.v[0] };

	if (path == NULL)
		path = json_str(doc, "plan.health_path", NULL);
	pr.strict = path != NULL && path[0] == '/' &&
		    path[strcspn(path, " \t\r\n")] == '\0';
	pr.path = pr.strict ? path : "/";
	pr.expect = json_at(doc, "project.health.expect");
	return pr;
}

static bool
expected(const struct proof *pr, int status)
{
	const json_t *one;
	size_t i;

	if (json_array_size(pr->expect) == 0)
		return status < (pr->strict ? 400 : 500);
	json_array_foreach(pr->expect, i, one)
		if (json_integer_value(one) == status)
			return true;
	return false;
}

/* A 404 may be the proxy's own: then it has not counted the request. */
static bool
reached(struct proxy *p, const struct route *r, int status,
    const struct proxy_counts *before)
{
	struct proxy_counts now;
	struct err err = { 0 };

	if (status != 404)
		return true;
	if (proxy_counts(p, r->key, &now, &err) < 0)
		return false;
	return now.requests < 0 || now.requests > before->requests;
}

static int
probe_host(struct proxy *p, const struct route *r, const struct proof *pr,
    const struct proxy_counts *before, int *status, struct err *err)
{
	int64_t end = clock_ms() + REPEAT_MS;

	for (;;) {
		if (proxy_probe(pr->host, pr->path, PROBE_MS, status, err) < 0)
			return -1;
		if (expected(pr, *status) && reached(p, r, *status, before))
			return 0;
		if (clock_ms() >= end)
			break;
		if (clock_sleep_ms(100, err) < 0)
			return -1;
	}
	err_set(err, EX_UNAVAILABLE, "route-unproven",
	    "http://%s%s: answers %d through the proxy", pr->host, pr->path,
	    *status);
	return err_hint(err,
	    "the instances passed their gate: is RCN_HTTP where %s listens?",
	    proxy_name(p));
}

/* Then every other host. */
int
proof_run(struct proxy *p, const struct route *r, const struct proof *first,
    const struct proxy_counts *before, int *status, struct err *err)
{
	struct proof pr = { .path = "/" };

	if (probe_host(p, r, first, before, status, err) < 0)
		return -1;
	for (size_t i = 1; i < r->hosts.n; i++) {
		struct proxy_counts now;
		int other;

		pr.host = r->hosts.v[i];
		if (proxy_counts(p, r->key, &now, err) < 0 ||
		    probe_host(p, r, &pr, &now, &other, err) < 0)
			return -1;
	}
	return 0;
}
