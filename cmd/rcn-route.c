/*
 * rcn-route - reads documents with `service`, gives the project's hosts to
 * its new instances, proves it, and writes `route`.  --withdraw takes a route
 * away; --sync makes the proxy's files anew from the route files.
 */
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/conf.h"
#include "base/crypto.h"
#include "base/json.h"
#include "base/log.h"
#include "base/stop.h"
#include "base/text.h"
#include "deploy/lock.h"
#include "document/cli.h"
#include "document/document.h"
#include "proxy/proxy.h"

static const struct cli cli = {
	"rcn-route",
	"usage: rcn-route [-hqvV] [-d FILE] [--host HOST ...]\n"
	"       rcn-route [-qv] --withdraw --slug SLUG [--environment NAME]\n"
	"       rcn-route [-qv] --check | --print | --sync\n",
};

enum {
	PROBE_MS = 30000, /* for an answer */
	REPEAT_MS = 3000, /* for a good one */
};

enum { ROUTE, CHECK, PRINT, SYNC, WITHDRAW };

struct options {
	int mode;
	struct strvec hosts;
	const char *slug, *environment;
};

/* ---- what the document asks for ---- */

/* Instances with a port serve; without any there is no route. */
static int
wanted(json_t *doc, const struct options *o, struct route *r, struct err *err)
{
	auto_free char *key = route_key(doc_slug(doc), doc_environment(doc));
	json_t *service = doc_need(doc, "service", err), *instance;
	size_t i;

	if (service == NULL)
		return -1;
	route_set(r, key, doc_deployment(doc));
	json_array_foreach(json_at(service, "instances"), i, instance) {
		const char *address = json_str(instance, "address", NULL);
		int64_t port = json_int(instance, "port", 0);

		if (address != NULL && port > 0)
			strvec_addf(&r->addrs, "%s:%lld", address,
			    (long long)port);
	}
	if (r->addrs.n > 0)
		route_hosts(&r->hosts, doc, &o->hosts);
	return route_valid(r, err);
}

static int
route_hash(json_t *doc, void *ctx, char hex[65], struct err *err)
{
	auto_route struct route r = { 0 };
	auto_buf struct buf http = { 0 };
	struct sha256 sha;

	if (wanted(doc, ctx, &r, err) < 0)
		return -1;
	proxy_http(&http);
	sha256_begin(&sha);
	sha256_text(&sha, r.key);
	sha256_text(&sha, r.deployment);
	for (size_t i = 0; i < r.hosts.n; i++)
		sha256_text(&sha, r.hosts.v[i]);
	sha256_text(&sha, "");
	for (size_t i = 0; i < r.addrs.n; i++)
		sha256_text(&sha, r.addrs.v[i]);
	sha256_text(&sha, conf_get("PROXY", "haproxy"));
	sha256_text(&sha, buf_str(&http));
	sha256_end_hex(&sha, hex);
	return 0;
}

/* The proxy serves it still.  If it cannot be asked, run() says why. */
static int
route_current(json_t *doc, void *ctx, struct err *err)
{
	auto_route struct route r = { 0 }, now = { 0 };
	auto_proxy struct proxy *p = NULL;
	struct err down = { 0 };

	if (wanted(doc, ctx, &r, err) < 0)
		return -1;
	if (r.hosts.n == 0)
		return 0;
	return proxy_open(&p, &down) == 0 &&
	       proxy_get(p, r.key, &now, &down) == 0 && route_equal(&now, &r);
}

/* ---- the probe: the last proof ---- */

struct probe {
	const char *host, *path;
	const json_t *expect; /* statuses, or NULL */
	bool strict; /* a health path was asked for: 2xx or 3xx */
};

/* The health path at the first host, as at the gate. */
static struct probe
probe_of(const json_t *doc, const struct route *r)
{
	const char *path = json_str(doc, "project.health.path", NULL);
	struct probe pr = { .host = r->hosts.v[0] };

	if (path == NULL)
		path = json_str(doc, "plan.health_path", NULL);
	pr.strict = path != NULL && path[0] == '/' &&
		    path[strcspn(path, " \t\r\n")] == '\0';
	pr.path = pr.strict ? path : "/";
	pr.expect = json_at(doc, "project.health.expect");
	return pr;
}

static bool
expected(const struct probe *pr, int status)
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
probe_host(struct proxy *p, const struct route *r, const struct probe *pr,
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

/*
 * Then every other host: the gate has not asked for these, so whatever the
 * app says to them will do, a way to another one or a refusal, if it is not
 * that it cannot serve.
 */
static int
probe(struct proxy *p, const struct route *r, const struct probe *first,
    const struct proxy_counts *before, int *status, struct err *err)
{
	struct probe pr = { .path = "/" };

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

/* ---- the switch ---- */

struct change {
	struct proxy *p;
	struct route want, before;
	struct proxy_counts counts; /* before */
	int64_t us; /* what the switch took */
	int64_t in_flight; /* on what is to be drained; -1 unknown */
	int status; /* of the probe */
	char at[CLOCK_TEXT]; /* when it was switched */
	char proven_at[CLOCK_TEXT];
};

static void
change_release(struct change *c)
{
	proxy_close(c->p);
	route_release(&c->want);
	route_release(&c->before);
}

/* What served is to serve again. */
static void
put_back(struct change *c)
{
	struct err err = { 0 };

	stop_hold(true);
	if (proxy_put(c->p, &c->before, c->want.deployment, &err) < 0)
		log_warn("route %s: not put back: %s", c->want.key, err.msg);
	stop_hold(false);
}

static int64_t
count_in_flight(const struct change *c)
{
	int64_t sum = 0, n;
	struct err err = { 0 };

	if (!proxy_can(c->p)->counts_in_flight)
		return -1;
	for (size_t i = 0; i < c->before.addrs.n; i++) {
		const char *addr = c->before.addrs.v[i];

		if (strvec_has(&c->want.addrs, addr))
			continue;
		if (proxy_busy(c->p, addr, &n, &err) < 0 || n < 0)
			return -1;
		sum += n;
	}
	return sum;
}

static int
perform(struct change *c, const json_t *doc, const struct probe *pr,
    struct err *err)
{
	int64_t began;

	if (proxy_check(c->p, &c->want, err) < 0 ||
	    proxy_get(c->p, c->want.key, &c->before, err) < 0 ||
	    proxy_counts(c->p, c->want.key, &c->counts, err) < 0)
		return -1;
	began = clock_us();
	if (proxy_put(c->p, &c->want, json_str(doc, "service.serving", ""),
		err) < 0)
		return -1;
	c->us = clock_us() - began;
	clock_now_text(c->at);
	c->in_flight = count_in_flight(c);
	if (probe(c->p, &c->want, pr, &c->counts, &c->status, err) < 0) {
		put_back(c);
		return -1;
	}
	clock_now_text(c->proven_at);
	log_info("%s serves %s after %lld.%03lld ms", proxy_name(c->p),
	    c->want.key, (long long)(c->us / 1000), (long long)(c->us % 1000));
	return 0;
}

/* ---- the section ---- */

static json_t *
targets(const struct route *r)
{
	json_t *list = json_array();

	for (size_t i = 0; i < r->addrs.n; i++)
		json_array_append_new(list,
		    json_pack("{s:s, s:s}", "address", r->addrs.v[i],
			"deployment", r->deployment));
	return list;
}

static json_t *
hosts(const struct route *r)
{
	json_t *list = json_array();

	for (size_t i = 0; i < r->hosts.n; i++)
		json_array_append_new(list,
		    json_pack("{s:s, s:s, s:s}", "host", r->hosts.v[i], "tls",
			proxy_tls(r->hosts.v[i]) ? "given" : "none", "state",
			"serving"));
	return list;
}

static json_t *
url_of(const char *host)
{
	bool tls = proxy_tls(host);
	const char *listen =
	    tls ? conf_get("HTTPS", ":443") : conf_get("HTTP", "127.0.0.1:80");
	const char *port = strrchr(listen, ':');
	auto_buf struct buf url = { 0 };

	buf_addf(&url, "%s://%s", tls ? "https" : "http", host);
	if (port != NULL && strcmp(port, tls ? ":443" : ":80") != 0)
		buf_adds(&url, port);
	return json_text(buf_str(&url));
}

/* What the proxy had counted when the switch began, for rcn-retire(1). */
static json_t *
counts(const struct change *c)
{
	json_t *o;

	if (c->counts.requests < 0 && c->before.hosts.n > 0)
		return json_null();
	o = json_pack("{s:I, s:I, s:n, s:s}", "requests",
	    (json_int_t)(c->counts.requests < 0 ? 0 : c->counts.requests),
	    "errors", (json_int_t)(c->counts.errors < 0 ? 0 : c->counts.errors),
	    "in_flight", "at", c->at);
	if (c->in_flight >= 0)
		json_object_set_new(o, "in_flight", json_integer(c->in_flight));
	return o;
}

static json_t *
section(const struct change *c, const json_t *doc, const struct probe *pr)
{
	auto_buf struct buf http = { 0 }, by = { 0 };

	proxy_http(&http);
	buf_addf(&by, "the word of %s, and GET %s with Host %s",
	    proxy_name(c->p), pr->path, pr->host);
	if (c->want.hosts.n > 1)
		buf_addf(&by, ", GET / with each other host");
	return json_pack("{s:s, s:o, s:o, s:s, s:s, s:s, s:{s:o, s:o}, "
			 "s:{s:s, s:o, s:i}, s:I, s:I, s:o}",
	    "proxy", proxy_name(c->p), "hosts", hosts(&c->want), "url",
	    url_of(pr->host), "http", buf_str(&http), "deployment",
	    c->want.deployment, "was", json_str(doc, "service.serving", ""),
	    "targets", "before", targets(&c->before), "after",
	    targets(&c->want), "proven", "at", c->proven_at, "by",
	    json_text(buf_str(&by)), "status", c->status, "switch_us",
	    (json_int_t)c->us, "switch_ms", (json_int_t)((c->us + 999) / 1000),
	    "counts", counts(c));
}

/* No web process: what served before serves no more. */
static json_t *
no_route(struct change *c, const json_t *doc, struct err *err)
{
	auto_route struct route file = { 0 };
	int there = routes_read(c->want.key, &file, err);
	char at[CLOCK_TEXT];

	if (there < 0)
		return NULL;
	route_set(&c->before, c->want.key, "");
	if (there == 1 &&
	    (proxy_get(c->p, c->want.key, &c->before, err) < 0 ||
		proxy_put(c->p, &c->want, json_str(doc, "service.serving", ""),
		    err) < 0))
		return NULL;
	clock_now_text(at);
	return json_pack("{s:s, s:[], s:s, s:s, s:{s:o, s:[]}, s:{s:s, s:s}}",
	    "proxy", proxy_name(c->p), "hosts", "url", "", "deployment",
	    c->want.deployment, "targets", "before", targets(&c->before),
	    "after", "proven", "at", at, "by",
	    "no process with a port: nothing to route");
}

static json_t *
run(json_t *doc, void *ctx, struct err *err)
{
	__attribute__((cleanup(change_release))) struct change c = { 0 };
	auto_lock struct lock lock = { .fd = -1, .inherited = -1 };
	struct probe pr;

	if (wanted(doc, ctx, &c.want, err) < 0 ||
	    lock_take(&lock, c.want.key, err) < 0 || proxy_open(&c.p, err) < 0)
		return NULL;
	if (c.want.hosts.n == 0)
		return no_route(&c, doc, err);
	pr = probe_of(doc, &c.want);
	return perform(&c, doc, &pr, err) == 0 ? section(&c, doc, &pr) : NULL;
}

/* ---- the other modes ---- */

static int
withdraw_running(struct proxy *p, const struct route *none, struct err *err)
{
	auto_route struct route now = { 0 };

	if (proxy_get(p, none->key, &now, err) < 0 ||
	    proxy_put(p, none, now.deployment, err) < 0)
		return -1;
	return proxy_settle(p, none->key, err);
}

/* Where no proxy runs, its files are enough. */
static int
withdraw(const struct options *o, struct err *err)
{
	auto_free char *key = route_key(o->slug, o->environment);
	auto_route struct route none = { 0 }, file = { 0 };
	auto_proxy struct proxy *p = NULL;
	auto_lock struct lock lock = { .fd = -1, .inherited = -1 };
	struct err down = { 0 }, bad = { 0 };

	route_set(&none, key, "");
	if (lock_take(&lock, key, err) < 0 || proxy_open(&p, err) < 0)
		return -1;
	if (routes_read(key, &file, &bad) == 0)
		log_note("%s: there is no route", key);
	if (withdraw_running(p, &none, &down) == 0)
		return 0;
	if (strcmp(down.code, "proxy-down") != 0) {
		*err = down;
		return -1;
	}
	if (routes_write(&none, err) < 0)
		return -1;
	return proxy_sync(p, err) < 0 ? -1 : 0;
}

static int
sync_files(struct err *err)
{
	auto_proxy struct proxy *p = NULL;
	int runs;

	if (proxy_open(&p, err) < 0 || (runs = proxy_sync(p, err)) < 0)
		return -1;
	if (runs == 0)
		log_note("%s does not run; its files are ready", proxy_name(p));
	return 0;
}

static int
check(struct err *err)
{
	auto_proxy struct proxy *p = NULL;

	return proxy_open(&p, err) < 0 ? -1 : proxy_check(p, NULL, err);
}

static void
print_setting(const char *name, const char *value)
{
	auto_buf struct buf word = { 0 };

	proxy_word(&word, value);
	(void)printf("%s=%s\n", name, buf_str(&word));
}

/* What sh/rcn-proxy and other scripts need, to be read by eval. */
static int
print_settings(struct err *err)
{
	auto_buf struct buf line = { 0 }, http = { 0 };
	auto_proxy struct proxy *p = NULL;

	if (proxy_open(&p, err) < 0)
		return -1;
	proxy_command(p, &line);
	proxy_http(&http);
	print_setting("proxy", proxy_name(p));
	print_setting("http", buf_str(&http));
	print_setting("run", conf_run_dir());
	print_setting("command", buf_str(&line));
	return 0;
}

static int
other(const struct options *o)
{
	struct err err = { 0 };
	int bad = 0;

	switch (o->mode) {
	case WITHDRAW:
		bad = withdraw(o, &err);
		break;
	case SYNC:
		bad = sync_files(&err);
		break;
	case CHECK:
		bad = check(&err);
		break;
	case PRINT:
		bad = print_settings(&err);
		break;
	case ROUTE:
		break;
	}
	return cli_end(bad < 0 ? doc_fail(&err) : 0);
}

static int
take(struct options *o, int argc, char **argv)
{
	const struct cli_option options[] = {
		{ "check", .choice = &o->mode, .value = CHECK },
		{ "environment", .text = &o->environment },
		{ "host", .list = &o->hosts },
		{ "print", .choice = &o->mode, .value = PRINT },
		{ "slug", .text = &o->slug },
		{ "sync", .choice = &o->mode, .value = SYNC },
		{ "withdraw", .choice = &o->mode, .value = WITHDRAW },
		{ 0 },
	};
	int status = cli_take(&cli, CLI_FILTER, options, argc, argv);

	if (status != CLI_GO)
		return status;
	if (o->mode != ROUTE && o->hosts.n > 0)
		return cli_usage(&cli, "--host is for routing");
	if ((o->mode == WITHDRAW) != (o->slug != NULL))
		return cli_usage(&cli, "--withdraw and --slug go together");
	if (!text_is_slug(o->environment) ||
	    (o->slug != NULL && !text_is_slug(o->slug)))
		return cli_usage(&cli,
		    "--slug and --environment: lower case letters, digits "
		    "and hyphens");
	return CLI_GO;
}

int
main(int argc, char **argv)
{
	static const struct stage stage = {
		.name = "rcn-route",
		.section = "route",
		.key = route_hash,
		.current = route_current,
		.run = run,
	};
	struct options o = { .environment = "production" };
	int status;

	cli_begin(&cli);
	status = take(&o, argc, argv);
	if (status == CLI_GO)
		status = o.mode != ROUTE ? other(&o) : doc_filter(&stage, &o);
	strvec_release(&o.hosts);
	return status;
}
