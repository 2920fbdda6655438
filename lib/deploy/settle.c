#include "deploy/settle.h"

#include <string.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/conf.h"
#include "base/io.h"
#include "base/json.h"
#include "base/log.h"
#include "deploy/app.h"
#include "deploy/drain.h"
#include "deploy/instance.h"
#include "deploy/lock.h"
#include "document/document.h"
#include "engine/container.h"
#include "proxy/proxy.h"

enum { DRAIN_MS = 30000, STOP_S = 10 };

struct settle {
	struct app app;
	struct lock lock;
	struct engine *e;
	struct proxy *proxy;
	struct route route; /* what the proxy serves */
	json_t *section;
};

static void
settle_release(struct settle *s)
{
	app_release(&s->app);
	lock_close(&s->lock);
	engine_close(s->e);
	proxy_close(s->proxy);
	route_release(&s->route);
	json_decref(s->section);
}
#define auto_settle AUTO(settle_release)

static json_t *
new_section(const char *settled)
{
	return json_pack("{s:[], s:s}", "instances", "settled", settled);
}

static json_t *
list_ours(struct settle *s, const char *slug, const char *environment,
    struct err *err)
{
	auto_free char *label = mem_printf("rcn.project=%s", slug);
	json_auto_t *list = container_list(s->e, label, err);

	return list != NULL ? instance_ours(list, environment) : NULL;
}

static int
open_both(struct settle *s, const char *key, struct err *err)
{
	return proxy_open(&s->proxy, err) < 0 ||
		       proxy_get(s->proxy, key, &s->route, err) < 0 ||
		       (s->e == NULL && engine_open(&s->e, NULL, err) < 0)
		   ? -1
		   : 0;
}

/* ---- a proven route: the old goes ---- */

static bool
is_named(const json_t *instances, const char *id)
{
	json_t *row;
	size_t i;

	json_array_foreach(instances, i, row) {
		if (strcmp(json_str(row, "id", ""), id) == 0)
			return true;
	}
	return false;
}

static bool
serves_this(const struct settle *s)
{
	return s->route.deployment != NULL &&
	       strcmp(s->route.deployment, s->app.deployment) == 0;
}

/* Ids are UUIDv7, in the order of time: it came after this deployment, and
 * is not what this one took over from. */
static bool
is_newer(const struct settle *s, const char *was, const json_t *c)
{
	const char *deployment = container_label(c, "rcn.deployment");

	if (serves_this(s) && strcmp(deployment, was) == 0)
		return false;
	return strcmp(deployment, s->app.deployment) > 0;
}

/* Those that the document does not name; marked, so that a deployment that
 * comes while they are drained does not keep one of them. */
static json_t *
mark_old(struct settle *s, const json_t *ours, const json_t *doc)
{
	const json_t *named = json_at(doc, "service.instances");
	const char *was = json_str(doc, "route.was", "");
	json_t *old = json_array(), *c;
	size_t i;

	json_array_foreach(ours, i, c) {
		const char *id = json_str(c, "Id", "");
		struct err err = { 0 };

		if (is_named(named, id) || is_newer(s, was, c))
			continue;
		if (instance_serves(c, &s->route)) {
			doc_warn(s->section,
			    "%s: left alone: the proxy serves it",
			    instance_name(c));
			continue;
		}
		if (instance_mark_old(s->e, id, instance_name(c), &err) < 0)
			doc_warn(s->section, "%s: %s", instance_name(c),
			    err.msg);
		json_array_append(old, c);
	}
	return old;
}

/* What the proxy counted since rcn-route looked, before the switch. */
static void
count(struct settle *s, const json_t *before, int64_t in_flight)
{
	struct proxy_counts now = { .requests = -1, .errors = -1 };
	int64_t requests = json_int(before, "requests", -1);
	int64_t errors = json_int(before, "errors", -1);
	struct err err = { 0 };
	json_t *counts = json_object();
	char at[CLOCK_TEXT];

	if (proxy_counts(s->proxy, s->app.key, &now, &err) < 0)
		doc_warn(s->section, "the proxy's counters: %s", err.msg);
	if (requests >= 0 && now.requests >= requests)
		json_object_set_new(counts, "requests",
		    json_integer(now.requests - requests));
	if (errors >= 0 && now.errors >= errors)
		json_object_set_new(counts, "errors",
		    json_integer(now.errors - errors));
	json_object_set_new(counts, "in_flight",
	    in_flight >= 0 ? json_integer(in_flight) : json_null());
	clock_now_text(at);
	json_object_set_new(counts, "at", json_string(at));
	json_object_set_new(s->section, "counts", counts);
}

static void
end(struct settle *s, const json_t *old, const json_t *before)
{
	struct drain d = { .e = s->e,
		.proxy = s->proxy,
		.key = s->app.key,
		.drain_ms = s->app.drain_ms,
		.stop_s = s->app.stop_s };
	struct err err = { 0 };
	int64_t in_flight;

	drain_all(&d, old, s->section, &in_flight);
	count(s, before, in_flight);
	if (proxy_settle(s->proxy, s->app.key, &err) < 0)
		doc_warn(s->section, "the proxy: %s", err.msg);
}

static json_t *
retire(struct settle *s, const json_t *doc, struct err *err)
{
	json_auto_t *ours = NULL;
	json_auto_t *old = NULL;

	if (doc_need(doc, "service", err) == NULL ||
	    doc_need(doc, "route", err) == NULL ||
	    lock_take(&s->lock, s->app.key, err) < 0 ||
	    open_both(s, s->app.key, err) < 0)
		return NULL;
	ours = list_ours(s, s->app.slug, s->app.environment, err);
	if (ours == NULL)
		return NULL;
	s->section = new_section("live");
	old = mark_old(s, ours, doc);
	/* a drain is not to hold up the next deployment */
	lock_drop(&s->lock);
	end(s, old, json_at(doc, "route.counts"));
	return json_incref(s->section);
}

/* ---- error: what was started for it goes ---- */

static json_t *
withdraw(struct settle *s, const json_t *doc, struct err *err)
{
	const struct strvec none = { 0 };
	const char *stage = json_str(doc, "error.stage", "a stage");

	s->section = new_section("failed");
	if (json_object_get(doc, "route") != NULL) {
		doc_warn(s->section,
		    "%s failed after the route was proven: nothing is ended; "
		    "a second run, or rcn-retire --slug %s, settles it",
		    stage, s->app.slug);
		return json_incref(s->section);
	}
	if (lock_take(&s->lock, s->app.key, err) < 0 ||
	    open_both(s, s->app.key, err) < 0)
		return NULL;
	if (serves_this(s)) {
		doc_warn(s->section,
		    "%s failed, yet the proxy serves this deployment: nothing "
		    "is ended; run it again, or rcn-retire --slug %s",
		    stage, s->app.slug);
		return json_incref(s->section);
	}
	if (instance_undo(s->e, &s->app, &s->route, &none,
		json_object_get(s->section, "instances"), err) < 0)
		return NULL;
	return json_incref(s->section);
}

json_t *
settle_run(const json_t *doc, struct err *err)
{
	auto_settle struct settle s = { .lock = LOCK_NONE };
	bool failed = json_object_get(doc, "error") != NULL;

	if (failed && json_object_get(doc, "service") == NULL)
		return new_section("none");
	if (app_read(&s.app, doc, NULL, false, err) < 0)
		return NULL;
	if (failed)
		return withdraw(&s, doc, err);
	return retire(&s, doc, err);
}

/* ---- repair ---- */

/* One of the deployment that serves has the place of this one. */
static bool
is_replaced(const struct settle *s, const json_t *ours, const json_t *c)
{
	json_t *other;
	size_t i;

	json_array_foreach(ours, i, other) {
		if (instance_serves(other, &s->route) &&
		    strcmp(container_label(other, "rcn.process"),
			container_label(c, "rcn.process")) == 0 &&
		    strcmp(container_label(other, "rcn.index"),
			container_label(c, "rcn.index")) == 0)
			return true;
	}
	return false;
}

/* A worker that was kept from an earlier deployment has that one's label. */
static bool
is_kept_worker(const struct settle *s, const json_t *ours, const json_t *c)
{
	return s->route.addrs.n > 0 &&
	       strcmp(json_str(c, "State", ""), "running") == 0 &&
	       strcmp(container_label(c, "rcn.port"), "0") == 0 &&
	       strcmp(container_label(c, "rcn.process"), "release") != 0 &&
	       !instance_is_old(c) && !is_replaced(s, ours, c);
}

static json_t *
not_serving(const struct settle *s, const json_t *ours)
{
	json_t *rest = json_array(), *c;
	size_t i;

	json_array_foreach(ours, i, c) {
		if (!instance_serves(c, &s->route) &&
		    !is_kept_worker(s, ours, c))
			json_array_append(rest, c);
	}
	return rest;
}

/* Half-written files of those that were killed. */
static void
sweep(const char *key)
{
	auto_free char *logs = mem_printf("logs/%s", key);
	const char *const state[] = { "", "routes", logs };
	const char *const run[] = { "", "lock" };
	auto_buf struct buf path = { 0 };
	struct err err = { 0 };

	for (size_t i = 0; i < 3; i++, buf_clear(&path))
		if (conf_state_path(&path, state[i], &err) == 0)
			io_sweep(path.data);
	for (size_t i = 0; i < 2; i++, buf_clear(&path))
		if (conf_run_path(&path, run[i], &err) == 0)
			io_sweep(path.data);
}

static json_t *
repair_one(const char *slug, const char *environment, struct err *err)
{
	auto_settle struct settle s = { .lock = LOCK_NONE };
	auto_free char *key = route_key(slug, environment);
	struct drain d = { .key = key, .drain_ms = DRAIN_MS, .stop_s = STOP_S };
	json_auto_t *ours = NULL;
	json_auto_t *rest = NULL;
	int64_t in_flight;

	if (lock_take(&s.lock, key, err) < 0 || open_both(&s, key, err) < 0 ||
	    proxy_settle(s.proxy, key, err) < 0)
		return NULL;
	ours = list_ours(&s, slug, environment, err);
	if (ours == NULL)
		return NULL;
	s.section = new_section("repaired");
	rest = not_serving(&s, ours);
	d.e = s.e;
	d.proxy = s.proxy;
	drain_all(&d, rest, s.section, &in_flight);
	sweep(key);
	return json_incref(s.section);
}

/* Environments that have a container or a route. */
static int
environments(const char *slug, struct strvec *out, struct err *err)
{
	auto_settle struct settle s = { .lock = LOCK_NONE };
	auto_routes struct routes routes = { 0 };
	json_auto_t *ours = NULL;
	size_t n = strlen(slug), i;
	json_t *c;

	if (engine_open(&s.e, NULL, err) < 0 ||
	    (ours = list_ours(&s, slug, NULL, err)) == NULL ||
	    routes_load(&routes, err) < 0)
		return -1;
	json_array_foreach(ours, i, c) {
		const char *env = container_label(c, "rcn.environment");

		if (*env != '\0' && !strvec_has(out, env))
			strvec_add(out, env);
	}
	for (i = 0; i < routes.n; i++) {
		const char *key = routes.v[i].key;

		if (strncmp(key, slug, n) == 0 && key[n] == '.' &&
		    !strvec_has(out, key + n + 1))
			strvec_add(out, key + n + 1);
	}
	strvec_sort(out);
	return 0;
}

json_t *
settle_repair(const char *slug, const char *environment, struct err *err)
{
	auto_strvec struct strvec all = { 0 };
	json_t *out = json_object(), *one;

	if (environment != NULL)
		strvec_add(&all, environment);
	else if (environments(slug, &all, err) < 0)
		goto fail;
	for (size_t i = 0; i < all.n; i++) {
		one = repair_one(slug, all.v[i], err);
		if (one == NULL) {
			err_wrap(err, "%s.%s", slug, all.v[i]);
			goto fail;
		}
		json_object_set_new(out, all.v[i], one);
	}
	return out;
fail:
	json_decref(out);
	return NULL;
}
