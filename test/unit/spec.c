/* What decides whether an instance is another one, and what is not put in. */
#include "tap.h"

#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "deploy/app.h"
#include "deploy/address.h"
#include "deploy/instance.h"
#include "deploy/spec.h"

static const char document[] =
    "{\"project\": {\"slug\": \"app\", \"limits\": {\"memory\": 67108864}},"
    " \"deployment\": {\"id\": \"01a20000-0000-7000-8000-00000000000a\","
    " \"environment\": \"production\", \"trigger\": \"cli\","
    " \"attempt\": 2, \"env_version\": \"v1\"}}";

static json_t *
doc_with(const char *more)
{
	struct err err = { 0 };
	json_t *d = json_parse(document, strlen(document), "test", &err);
	json_auto_t *m = json_parse(more, strlen(more), "more", &err);
	const char *key;
	json_t *v;

	json_object_foreach(m, key, v) {
		json_object_update(json_object_get(d, key), v);
	}
	return d;
}

static int
try_read(const char *more, struct app *app, json_t **doc, struct err *err)
{
	json_t *env = json_object();
	int r;

	*doc = doc_with(more);
	*app = (struct app){ 0 };
	r = app_read(app, *doc, env, false, err);
	json_decref(env);
	app->env = NULL;
	return r;
}

static void
hash_of(const char *more, const char *image, const char *arg, char hex[65])
{
	auto_strvec struct strvec argv = { 0 };
	struct err err = { 0 };
	struct app app;
	json_t *doc;

	if (try_read(more, &app, &doc, &err) < 0)
		printf("# %s\n", err.msg);
	if (arg != NULL)
		strvec_add(&argv, arg);
	spec_hash(&(struct spec){ .app = &app,
		      .process = "web",
		      .argv = &argv,
		      .image = "x",
		      .image_id = image,
		      .installation = "i",
		      .network = "rcn",
		      .address = "10.0.0.1",
		      .port = 10000 },
	    hex);
	app_release(&app);
	json_decref(doc);
}

static void
differs(const char *more, const char *image, const char *arg, bool want,
    const char *what)
{
	char base[65], other[65];

	hash_of("{}", "sha256:1", NULL, base);
	hash_of(more, image, arg, other);
	ok((strcmp(base, other) != 0) == want, "%s", what);
}

static void
hashes(void)
{
	differs("{}", "sha256:1", NULL, false, "the same is the same");
	differs("{}", "sha256:2", NULL, true, "another image");
	differs("{}", "sha256:1", "x", true, "another command");
	differs("{\"deployment\": {\"env_version\": \"v2\"}}", "sha256:1", NULL,
	    true, "another version of the variables");
	differs("{\"project\": {\"limits\": {\"memory\": 67108865}}}",
	    "sha256:1", NULL, true, "another limit");
	differs("{\"project\": {\"mounts\": [{\"source\": \"/a\", "
		"\"target\": \"/b\"}]}}",
	    "sha256:1", NULL, true, "a mount");
	differs("{\"project\": {\"networks\": [\"x\"]}}", "sha256:1", NULL,
	    true, "another network too");
	differs("{\"project\": {\"stop_timeout\": 3}}", "sha256:1", NULL, true,
	    "another stop timeout");
	differs("{\"deployment\": {\"id\": \"b\", \"attempt\": 3}}", "sha256:1",
	    NULL, false, "another deployment of the same");
	differs("{\"project\": {\"hosts\": [\"x.example\"]}}", "sha256:1", NULL,
	    false, "another host");
	differs("{\"deployment\": {\"trigger\": \"restart\"}}", "sha256:1",
	    NULL, true, "a restart");
	differs("{\"deployment\": {\"restart\": \"b\"}}", "sha256:1", NULL,
	    true, "one after a restart");
	differs("{\"deployment\": {\"trigger\": \"restart\", \"restart\":"
		" \"01a20000-0000-7000-8000-00000000000b\"}}",
	    "sha256:1", NULL, true, "a restart that is named");
}

static void
refusals(void)
{
	static const char *const bad[] = {
		"{\"project\": {\"slug\": \"../x\"}}",
		"{\"project\": {\"slug\": \"\"}}",
		"{\"deployment\": {\"environment\": \"a/b\"}}",
		"{\"deployment\": {\"id\": \"a b\"}}",
		"{\"deployment\": {\"id\": \"\"}}",
		"{\"project\": {\"limits\": {\"memory\": -1}}}",
		"{\"project\": {\"limits\": {\"memory\": \"1g\"}}}",
		"{\"project\": {\"limits\": {\"pids\": 0}}}",
		"{\"project\": {\"health\": {\"timeout\": 1000000}}}",
		"{\"project\": {\"health\": {\"port\": 65536}}}",
		"{\"project\": {\"health\": {\"path\": \"/a\\nb\"}}}",
		"{\"project\": {\"health\": {\"path\": \"\"}}}",
		"{\"project\": {\"processes\": {\"web\": {\"scale\": 101}}}}",
		"{\"project\": {\"processes\": {\"web\": {\"port\": 0}}}}",
		"{\"project\": {\"processes\": {\"..\": {}}}}",
		"{\"project\": {\"processes\": {\"web\": {\"command\": 5}}}}",
		"{\"project\": {\"processes\": {\"web\": []}}}",
		"{\"project\": {\"processes\": {\"web\": {\"kind\": 5}}}}",
		"{\"project\": {\"processes\": {\"q\": {\"kind\": \"job\"}}}}",
		"{\"project\": {\"processes\": {\"q\": {\"schedule\": "
		"\"daily\"}}}}",
		"{\"project\": {\"processes\": {\"q\": {\"kind\": \"worker\", "
		"\"schedule\": \"* * * * *\"}}}}",
		"{\"project\": {\"strategy\": \"recreate\"}}",
		"{\"project\": {\"release\": 5}}",
	};

	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		struct err err = { 0 };
		struct app app;
		json_t *doc;

		ok(try_read(bad[i], &app, &doc, &err) < 0 && err.status != 0,
		    "refused: %s", bad[i]);
		app_release(&app);
		json_decref(doc);
	}
}

/* The variable is named, its value is not. */
static void
bad_port(void)
{
	static const char *const bad[] = { "12x", "", "0", "65536", " 80" };
	json_t *doc = doc_with("{}");

	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		json_t *env = json_pack("{s:{s:s, s:b}}", "PORT", "value",
		    bad[i], "secret", 1);
		struct err err = { 0 };
		struct app app = { 0 };

		ok(app_read(&app, doc, env, false, &err) < 0 &&
			strcmp(err.code, "bad-env-file") == 0 &&
			strstr(err.msg, "PORT") != NULL &&
			strstr(err.msg, "12x") == NULL,
		    "PORT=%s: %s", bad[i], err.msg);
		app_release(&app);
		json_decref(env);
	}
	json_decref(doc);
}

static void
reading(void)
{
	struct err err = { 0 };
	struct app app;
	json_t *doc;

	ok(try_read("{\"project\": {\"hosts\": [\"a.example\"], \"processes\": "
		    "{\"queue\": {\"scale\": 2}, \"web\": {\"port\": 80}}, "
		    "\"health\": {\"path\": \"/up\", \"timeout\": 3}}}",
	       &app, &doc, &err) == 0,
	    "a project is read");
	tap_str(app.key, "app.production", "its key");
	tap_str(app.hosts.v[0], "a.example", "the gate's host");
	ok(app.n == 2 && strcmp(app.processes[0].name, "web") == 0 &&
		app.processes[0].port == 80 && app.processes[1].scale == 2 &&
		app.processes[1].kind == PROCESS_WORKER,
	    "web first, the rest workers");
	ok(app.gate_ms == 3000 && app.memory == 67108864 && app.pids > 0,
	    "limits and defaults");
	app_release(&app);
	json_decref(doc);
	ok(try_read("{}", &app, &doc, &err) == 0 &&
		strcmp(app.hosts.v[0], "app.localhost") == 0 && app.n == 1,
	    "defaults");
	app_release(&app);
	json_decref(doc);
}

static void
addresses(void)
{
	static const char text[] =
	    "[{\"Labels\": {\"rcn.address\": \"10.0.0.128\"}},"
	    " {\"Labels\": {}, \"NetworkSettings\": {\"Networks\": {\"rcn\": "
	    "{\"IPAddress\": \"10.0.0.129\"}}}},"
	    " {\"NetworkSettings\": {\"Networks\": {\"rcn\": {\"IPAMConfig\": "
	    "{\"IPv4Address\": \"10.0.0.130\"}}}}},"
	    " {\"NetworkSettings\": {\"Networks\": {\"other\": {\"IPAddress\": "
	    "\"10.0.0.132\"}}}}, {}]";
	struct err err = { 0 };
	json_auto_t *list = json_parse(text, strlen(text), "test", &err);
	char dir[] = "/tmp/rcn-unit-XXXXXX", got[ADDRESS_TEXT];
	struct addresses a = { .lock = -1 };
	struct routes routes = { 0 };
	struct route r = { 0 };

	ok(mkdtemp(dir) != NULL, "a folder");
	(void)address_parse("10.0.0.128", &a.first);
	(void)address_parse("10.0.0.133", &a.last);
	a.next = a.first;
	a.path = mem_printf("%s/last", dir);
	route_set(&r, "x.production", "d");
	strvec_add(&r.hosts, "x.example");
	strvec_add(&r.addrs, "10.0.0.131:80");
	routes_set(&routes, &r);
	addresses_used(&a, list, "rcn", &routes);
	ok(addresses_next(&a, got, &err) == 0, "one is free");
	tap_str(got, "10.0.0.132", "not a label's, a container's, a route's");
	ok(addresses_next(&a, got, &err) == 0, "another");
	tap_str(got, "10.0.0.133", "the next");
	ok(addresses_next(&a, got, &err) < 0 &&
		strcmp(err.code, "no-address") == 0,
	    "none is left");
	(void)remove(a.path);
	(void)remove(dir);
	addresses_close(&a);
	routes_release(&routes);
	route_release(&r);
}

static void
serving(void)
{
	static const char text[] =
	    "[{\"Labels\": {\"rcn.address\": \"10.0.0.1\", \"rcn.port\": "
	    "\"80\","
	    " \"rcn.process\": \"web\", \"rcn.deployment\": \"a\"}},"
	    " {\"Labels\": {\"rcn.address\": \"10.0.0.11\", \"rcn.port\": "
	    "\"80\", \"rcn.process\": \"web\", \"rcn.deployment\": \"b\"}},"
	    " {\"Labels\": {\"rcn.address\": \"10.0.0.2\", \"rcn.port\": \"0\","
	    " \"rcn.process\": \"queue\", \"rcn.deployment\": \"b\"}},"
	    " {\"Labels\": {\"rcn.port\": \"0\", \"rcn.process\": \"release\","
	    " \"rcn.deployment\": \"b\"}}, {}]";
	static const bool want[] = { true, false, true, false, false };
	struct err err = { 0 };
	json_auto_t *list = json_parse(text, strlen(text), "test", &err);
	struct route r = { 0 };

	route_set(&r, "x.production", "b");
	strvec_add(&r.addrs, "10.0.0.1:80");
	for (size_t i = 0; i < 5; i++)
		ok(instance_serves(json_array_get(list, i), &r) == want[i],
		    "container %zu %s", i, want[i] ? "serves" : "does not");
	route_release(&r);
}

int
main(void)
{
	json_init();
	hashes();
	refusals();
	bad_port();
	reading();
	addresses();
	serving();
	return tap_end();
}
