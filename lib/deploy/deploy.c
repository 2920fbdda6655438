#include "deploy/deploy.h"

#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/conf.h"
#include "base/json.h"
#include "base/log.h"
#include "base/stop.h"
#include "base/text.h"
#include "deploy/address.h"
#include "deploy/gate.h"
#include "deploy/image.h"
#include "deploy/instance.h"
#include "deploy/lock.h"
#include "deploy/release.h"
#include "document/document.h"
#include "engine/network.h"
#include "proxy/proxy.h"

struct run {
	const struct app *app;
	image_auth_fn *auth;
	struct engine *e;
	struct network net;
	struct image image;
	struct route served; /* what the proxy serves, by its own word */
	struct spec base;
	struct instance *v;
	size_t n;
	json_t *service;
};

/* ---- what is wanted ---- */

static int
port_of(const struct run *r, const struct app_process *p)
{
	const char *said = app_variable(r->app, "PORT");
	struct err err = { 0 };
	uint64_t port;

	if (p->kind != PROCESS_WEB)
		return 0;
	if (p->port > 0)
		return p->port;
	if (said != NULL && parse_u64(said, 1, 65535, &port, &err) == 0)
		return (int)port;
	return r->image.port > 0 ? r->image.port : PORT_DEFAULT;
}

static struct spec
spec_of(const struct run *r, const struct instance *in)
{
	struct spec s = r->base;

	s.process = in->process->name;
	s.index = in->index;
	s.argv = &in->process->argv;
	s.address = in->address;
	s.port = port_of(r, in->process);
	return s;
}

static void
want(struct run *r)
{
	const struct app *app = r->app;

	for (size_t i = 0; i < app->n; i++) {
		const struct app_process *p = &app->processes[i];

		if (p->kind == PROCESS_CRON) {
			doc_warn(r->service,
			    "process %s: cron processes are "
			    "not run by rcn-deploy",
			    p->name);
			continue;
		}
		for (int k = 0; k < p->scale; k++) {
			r->v = mem_realloc(r->v, r->n + 1, sizeof(*r->v));
			r->v[r->n++] = (struct instance){
				.process = p, .index = k, .port = port_of(r, p)
			};
		}
	}
}

/* ---- what is there ---- */

static int
keep_one(struct run *r, struct instance *in, const json_t *ours,
    struct err *err)
{
	struct spec s = spec_of(r, in);
	struct instance old = *in;
	const json_t *c;
	char hex[65];
	int healthy;

	spec_hash(&s, hex);
	c = instance_find(ours, s.process, s.index, hex);
	if (c == NULL)
		return 0;
	instance_keep(&old, c);
	healthy = gate_healthy(r->e, r->app, &old, r->service, err);
	if (healthy == 1)
		*in = old;
	return healthy < 0 ? -1 : 0;
}

static size_t
count_new(const struct run *r)
{
	size_t n = 0;

	for (size_t i = 0; i < r->n; i++)
		n += r->v[i].kept ? 0 : 1;
	return n;
}

/* ---- starting ---- */

static int
start(struct run *r, struct instance *in, struct err *err)
{
	if (container_start(r->e, in->id, err) < 0)
		return err_wrap(err, "%s", in->name);
	in->started_ms = clock_ms();
	log_info("%s: started at %s", in->name, in->address);
	return 0;
}

/* An address is ours from the moment that a container names it. */
static int
create_new(struct run *r, struct err *err)
{
	struct addresses a;
	int bad = 0;

	if (addresses_open(&a, r->e, &r->net, err) < 0)
		return -1;
	for (size_t i = 0; i < r->n && bad == 0; i++) {
		struct instance *in = &r->v[i];
		struct spec s;

		if (in->kept)
			continue;
		bad = addresses_next(&a, in->address, err);
		if (bad == 0) {
			s = spec_of(r, in);
			bad = instance_create(in, r->e, &s, err);
		}
	}
	addresses_close(&a);
	return bad;
}

static int
start_kind(struct run *r, bool web, struct err *err)
{
	for (size_t i = 0; i < r->n; i++)
		if (!r->v[i].kept &&
		    (r->v[i].process->kind == PROCESS_WEB) == web &&
		    start(r, &r->v[i], err) < 0)
			return -1;
	for (size_t i = 0; i < r->n; i++) {
		struct instance *in = &r->v[i];

		if (in->kept || (in->process->kind == PROCESS_WEB) != web)
			continue;
		if (gate_pass(r->e, r->app, in, r->service, err) < 0)
			return -1;
		log_info("%s: healthy after %lld ms", in->name,
		    (long long)in->health.milliseconds);
	}
	return 0;
}

/* From here on the engine brings them back, after a reboot too. */
static int
let_restart(struct run *r, struct err *err)
{
	for (size_t i = 0; i < r->n; i++)
		if (container_restart_policy(r->e, r->v[i].id, "unless-stopped",
			err) < 0)
			return -1;
	return 0;
}

/* A second run of this very deployment, which got as far as that before. */
static bool
is_rerun(const struct run *r)
{
	for (size_t i = 0; i < r->n; i++)
		if (!r->v[i].kept ||
		    strcmp(r->v[i].deployment, r->app->deployment) != 0)
			return false;
	return r->n > 0;
}

static int
release(struct run *r, const json_t *ours, struct err *err)
{
	json_t *done;

	if (!app_releases(r->app) || is_rerun(r))
		return 0;
	done = release_run(r->e, &r->base, ours, err);
	if (done == NULL)
		return -1;
	json_object_set_new(r->service, "release", done);
	return 0;
}

/* Release containers, and what an earlier run left half made. */
static int
sweep(struct run *r, struct err *err)
{
	auto_strvec struct strvec keep = { 0 };

	for (size_t i = 0; i < r->n; i++)
		strvec_add(&keep, r->v[i].id);
	return instance_undo(r->e, r->app, &r->served, &keep, NULL, err);
}

static int
work(struct run *r, const json_t *ours, struct err *err)
{
	for (size_t i = 0; i < r->n; i++)
		if (keep_one(r, &r->v[i], ours, err) < 0)
			return -1;
	if (release(r, ours, err) < 0)
		return -1;
	if (count_new(r) > 0 && create_new(r, err) < 0)
		return -1;
	if (start_kind(r, true, err) < 0 || start_kind(r, false, err) < 0 ||
	    let_restart(r, err) < 0)
		return -1;
	return sweep(r, err);
}

/* What it made goes; what serves stays.  Found by label, not by memory. */
static void
undo(struct run *r)
{
	const struct strvec none = { 0 };
	struct err err = { 0 };

	stop_hold(true);
	if (instance_undo(r->e, r->app, &r->served, &none, NULL, &err) < 0) {
		log_warn("cleaning up: %s", err.msg);
		log_warn("rcn-retire --slug %s cleans up later", r->app->slug);
	}
	stop_hold(false);
}

/* ---- the whole ---- */

/* Without an instance that takes requests there is no route. */
static bool
serves(const struct app *app)
{
	for (size_t i = 0; i < app->n; i++)
		if (app->processes[i].kind == PROCESS_WEB &&
		    app->processes[i].scale > 0)
			return true;
	return false;
}

/*
 * Who serves now, by the proxy's own word, and would it take the route?
 * Nothing has been done yet.
 */
static int
ask_proxy(struct run *r, struct err *err)
{
	auto_proxy struct proxy *p = NULL;
	auto_route struct route file = { 0 }, want = { 0 };

	if (routes_read(r->app->key, &file, err) < 0)
		return -1;
	if (r->app->n == 0 || r->app->processes[0].kind != PROCESS_WEB) {
		route_set(&r->served, r->app->key, "");
		return 0;
	}
	route_set(&want, r->app->key, r->app->deployment);
	for (size_t i = 0; serves(r->app) && i < r->app->hosts.n; i++)
		strvec_add(&want.hosts, r->app->hosts.v[i]);
	return proxy_open(&p, err) < 0 || proxy_check(p, &want, err) < 0 ||
		       proxy_get(p, r->app->key, &r->served, err) < 0
		   ? -1
		   : 0;
}

static int
prepare(struct run *r, const json_t *doc, struct err *err)
{
	const char *installation = conf_installation(err);
	const char *network = conf_get("NETWORK", "rcn");

	if (installation == NULL || ask_proxy(r, err) < 0 ||
	    engine_open(&r->e, NULL, err) < 0 ||
	    image_ensure(r->e, doc, r->auth, &r->image, err) < 0 ||
	    network_ensure(r->e, network, conf_get("SUBNET", "172.30.0.0/16"),
		&r->net, err) < 0)
		return -1;
	r->base = (struct spec){
		.app = r->app,
		.image = r->image.ref,
		.image_id = r->image.id,
		.installation = installation,
		.network = r->net.name,
		.address = "",
	};
	return 0;
}

static json_t *
section(struct run *r)
{
	json_t *rows = json_array(), *s = json_incref(r->service);

	for (size_t i = 0; i < r->n; i++)
		json_array_append_new(rows, instance_json(&r->v[i]));
	json_object_set_new(s, "engine",
	    json_pack("{s:s, s:s}", "name", engine_name(r->e), "api",
		engine_api(r->e)));
	json_object_set_new(s, "network", json_text(r->net.name));
	json_object_set_new(s, "strategy", json_string("rolling"));
	json_object_set_new(s, "serving", json_text(r->served.deployment));
	json_object_set_new(s, "image", json_text(r->image.ref));
	json_object_set_new(s, "env_version", json_text(r->app->env_version));
	json_object_set_new(s, "instances", rows);
	return s;
}

static json_t *
run(struct run *r, const json_t *doc, struct err *err)
{
	auto_free char *label = mem_printf("rcn.project=%s", r->app->slug);
	json_auto_t *list = NULL;
	json_auto_t *ours = NULL;

	if (prepare(r, doc, err) < 0 ||
	    (list = container_list(r->e, label, err)) == NULL)
		return NULL;
	ours = instance_ours(list, r->app->environment);
	want(r);
	if (work(r, ours, err) == 0)
		return section(r);
	undo(r);
	return NULL;
}

json_t *
deploy_run(const json_t *doc, const struct deploy *d, struct err *err)
{
	auto_app struct app app = { 0 };
	auto_lock struct lock lock = LOCK_NONE;
	struct run r = { .app = &app, .auth = d->auth };
	json_t *service = NULL;

	if (image_named(doc, err) < 0 ||
	    app_read(&app, doc, d->env, d->own_env, err) < 0 ||
	    lock_take(&lock, app.key, err) < 0)
		return NULL;
	app_hosts(&app, doc, &d->hosts);
	r.service = json_object();
	service = run(&r, doc, err);
	json_decref(r.service);
	route_release(&r.served);
	image_release(&r.image);
	engine_close(r.e);
	free(r.v);
	return service;
}

/* All that decides what runs.  Two runs of one deployment have one key. */
int
deploy_key(const json_t *doc, const struct deploy *d, char hex[65],
    struct err *err)
{
	static const char *const sections[] = { "project", "plan" };
	auto_app struct app app = { 0 };
	json_auto_t *all = json_object();

	if (app_read(&app, doc, d->env, d->own_env, err) < 0)
		return -1;
	json_object_set_new(all, "deployment", json_text(app.deployment));
	json_object_set_new(all, "env_version", json_text(app.env_version));
	json_object_set_new(all, "image",
	    json_text(json_str(doc, "image.ref", "")));
	json_object_set_new(all, "push",
	    json_text(json_str(doc, "push.ref", "")));
	for (size_t i = 0; i < sizeof(sections) / sizeof(*sections); i++)
		json_object_set(all, sections[i],
		    json_object_get(doc, sections[i]));
	json_hash(all, hex);
	return 0;
}

int
deploy_current(const json_t *doc, struct err *err)
{
	const json_t *rows = json_at(doc, "service.instances");
	auto_engine struct engine *e = NULL;
	json_t *row;
	size_t i;

	if (json_array_size(rows) == 0 || engine_open(&e, NULL, err) < 0)
		return json_array_size(rows) == 0 ? 0 : -1;
	json_array_foreach(rows, i, row) {
		json_auto_t *c = NULL;
		struct container_state s;
		struct err why = { 0 };

		c = container_inspect(e, json_str(row, "id", "?"), &why);
		if (c == NULL)
			return 0;
		container_state_read(c, &s);
		if (!s.running || instance_is_old(c) ||
		    strcmp(container_label(c, "rcn.spec"),
			json_str(row, "spec", "")) != 0)
			return 0;
	}
	return 1;
}
