#include "deploy/reroute.h"

#include <string.h>

#include "base/clock.h"
#include "base/conf.h"
#include "base/crypto.h"
#include "base/json.h"
#include "base/log.h"
#include "base/stop.h"
#include "deploy/lock.h"
#include "deploy/proof.h"
#include "document/document.h"
#include "proxy/proxy.h"

/* What the document asks for. */

/* Instances with a port serve; without any there is no route. */
static int
wanted(json_t *doc, const struct strvec *hosts, struct route *r,
    struct err *err)
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
		route_hosts(&r->hosts, doc, hosts);
	return route_valid(r, err);
}

int
reroute_key(json_t *doc, const struct strvec *hosts, char hex[65],
    struct err *err)
{
	auto_route struct route r = { 0 };
	auto_buf struct buf http = { 0 };
	struct sha256 sha;

	if (wanted(doc, hosts, &r, err) < 0)
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
int
reroute_current(json_t *doc, const struct strvec *hosts, struct err *err)
{
	auto_route struct route r = { 0 }, now = { 0 };
	auto_proxy struct proxy *p = NULL;
	struct err down = { 0 };

	if (wanted(doc, hosts, &r, err) < 0)
		return -1;
	if (r.hosts.n == 0)
		return 0;
	return proxy_open(&p, &down) == 0 &&
	       proxy_get(p, r.key, &now, &down) == 0 && route_equal(&now, &r);
}

/* The switch. */

struct change {
	struct proxy *p;
	struct route want, before;
	struct proxy_counts counts; /* before */
	int64_t us; /* what the switch took */
	int64_t in_flight; /* on what is to be drained; -1 unknown */
	int status; /* of the proof */
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
perform(struct change *c, const json_t *doc, const struct proof *pr,
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
	if (proof_run(c->p, &c->want, pr, &c->counts, &c->status, err) < 0) {
		put_back(c);
		return -1;
	}
	clock_now_text(c->proven_at);
	log_info("%s serves %s after %lld.%03lld ms", proxy_name(c->p),
	    c->want.key, (long long)(c->us / 1000), (long long)(c->us % 1000));
	return 0;
}

/* The section. */

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
section(const struct change *c, const json_t *doc, const struct proof *pr)
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

json_t *
reroute_run(json_t *doc, const struct strvec *hosts, struct err *err)
{
	__attribute__((cleanup(change_release))) struct change c = { 0 };
	auto_lock struct lock lock = { .fd = -1, .inherited = -1 };
	struct proof pr;

	if (wanted(doc, hosts, &c.want, err) < 0 ||
	    lock_take(&lock, c.want.key, err) < 0 || proxy_open(&c.p, err) < 0)
		return NULL;
	if (c.want.hosts.n == 0)
		return no_route(&c, doc, err);
	pr = proof_of(doc, &c.want);
	return perform(&c, doc, &pr, err) == 0 ? section(&c, doc, &pr) : NULL;
}

/* Away with it. */

static int
withdraw_running(struct proxy *p, const struct route *none, struct err *err)
{
	auto_route struct route now = { 0 };

	if (proxy_get(p, none->key, &now, err) < 0 ||
	    proxy_put(p, none, now.deployment, err) < 0)
		return -1;
	return proxy_settle(p, none->key, err);
}

int
reroute_withdraw(const char *slug, const char *environment, struct err *err)
{
	auto_free char *key = route_key(slug, environment);
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
