/* deno - deno.json: the start task, Fresh, or a main module. */
#include "detect/scan.h"

#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/text.h"
#include "parse/jsonc.h"

struct deno {
	struct scan *app;
	const char *file; /* deno.json or deno.jsonc, else NULL */
	struct buf text;
	json_t *config;
};

static const char *
task(const struct deno *d, const char *name, int *line)
{
	auto_buf struct buf path = { 0 };
	const json_t *v;

	buf_addf(&path, "tasks.%s", name);
	*line = jsonc_line(buf_str(&d->text), d->text.len, path.data);
	v = json_at(d->config, path.data);
	return json_is_string(v) ? json_string_value(v)
				 : json_str(v, "command", NULL);
}

/* The line of what some import is mapped to; 0: none. */
static int
imports(const struct deno *d, const char *package)
{
	const char *name;
	json_t *v;

	json_object_foreach(json_object_get(d->config, "imports"), name, v) {
		const char *s = json_is_string(v) ? json_string_value(v) : "";
		const char *at = strstr(buf_str(&d->text), name);

		if (strstr(name, package) != NULL || strstr(s, package) != NULL)
			return at != NULL ? line_at(d->text.data, at) : 1;
	}
	return 0;
}

static void
find_framework(struct deno *d)
{
	static const struct {
		const char *package, *name;
	} known[] = { { "$fresh/", "fresh" }, { "@fresh/core", "fresh" },
		{ "@hono/hono", "hono" }, { "npm:hono", "hono" },
		{ "@oak/oak", "oak" }, { "x/oak", "oak" }, { "lume/", "lume" },
		{ "npm:astro", "astro" } };

	for (size_t i = 0; i < sizeof(known) / sizeof(*known); i++) {
		int line = imports(d, known[i].package);

		if (line == 0)
			continue;
		plan_set(&d->app->plan->framework, known[i].name);
		scan_why(d->app, "framework", known[i].name, d->file, line);
		return;
	}
}

static bool
is_framework(const struct deno *d, const char *name)
{
	return d->app->plan->framework != NULL &&
	       strcmp(d->app->plan->framework, name) == 0;
}

static void
choose_version(struct deno *d)
{
	auto_claims struct claims c = { 0 };

	claims_file(&c, d->app, ".deno-version");
	claims_file(&c, d->app, ".dvmrc");
	claims_tool(&c, d->app, "deno");
	version_choose(d->app, "deno", &c);
}

static void
plan_install(struct deno *d)
{
	static const char *const files[] = { "deno.json", "deno.jsonc",
		"deno.lock", "package.json" };
	struct plan *plan = d->app->plan;
	bool locked = scan_has(d->app, "deno.lock");
	const char *text = locked ? "deno install --frozen" : "deno install";

	plan_set(&plan->package_manager, "deno");
	scan_why(d->app, "package_manager", "deno",
	    locked ? "deno.lock" : d->file, 0);
	if (plan->version != NULL && *plan->version == '1' &&
	    plan->version[1] == '.')
		return; /* it had no such command */
	command_shell(commands_add(&plan->install), text);
	scan_why(d->app, "install", text, locked ? "deno.lock" : d->file, 0);
	if (json_object_get(d->config, "workspace") != NULL)
		return;
	for (size_t i = 0; i < sizeof(files) / sizeof(*files); i++)
		if (scan_has(d->app, files[i]))
			strvec_add(&plan->manifests, files[i]);
}

static void
add_build(struct deno *d, const char *text, int line)
{
	command_shell(commands_add(&d->app->plan->build), text);
	scan_why(d->app, "build", text, d->file, line);
}

/* The main module, and the command that serves it. */
static const char *
main_module(struct deno *d)
{
	static const char *const names[] = { "main.ts", "main.js", "main.tsx",
		"server.ts", "server.js", "index.ts", "index.js", "app.ts",
		"app.js", "mod.ts", "src/main.ts", "src/server.ts",
		"src/index.ts", "src/app.ts", "src/main.js", "main.mjs", NULL };

	return scan_first(d->app, names);
}

static bool
module_start(struct deno *d, const char *path)
{
	auto_buf struct buf text = { 0 }, source = { 0 };
	bool serves;

	(void)scan_peek(d->app, path, &source);
	serves = strstr(buf_str(&source), "export default") != NULL &&
		 strstr(source.data, "fetch") != NULL;
	buf_addf(&text, "deno %s --allow-all %s", serves ? "serve" : "run",
	    path);
	return start_believe(d->app, text.data, path, 0);
}

/* tasks.start, unless it serves development. */
static bool
task_start(struct deno *d)
{
	auto_buf struct buf instead = { 0 };
	int line;
	const char *text = task(d, "start", &line), *dev;

	if (text != NULL && text_starts(text, "deno task "))
		text = task(d, text + 10, &line);
	if (text == NULL)
		return false;
	dev = start_dev(text, &instead);
	if (dev != NULL)
		plan_warn(d->app->plan,
		    "%s:%d: '%s' is a development server and is not run%s%s",
		    d->file, line, dev, instead.len > 0 ? "; instead: " : "",
		    buf_str(&instead));
	if (dev != NULL && instead.len == 0)
		return false;
	return start_believe(d->app, dev != NULL ? instead.data : text, d->file,
	    line);
}

static bool
plan_start(struct deno *d)
{
	struct scan *app = d->app;
	const char *path = main_module(d);

	if (start_given(app))
		return true;
	if (is_framework(d, "fresh") && imports(d, "@fresh/core") > 0)
		return start_believe(app,
		    "deno serve --allow-all _fresh/server.js", d->file, 0);
	if (is_framework(d, "fresh") && scan_has(app, "main.ts"))
		return start_believe(app, "deno run --allow-all main.ts",
		    "main.ts", 0);
	if (task_start(d))
		return true;
	return path != NULL && module_start(d, path);
}

static bool
plan_site(struct deno *d)
{
	struct plan *plan = d->app->plan;
	const char *root = is_framework(d, "lume") ? "_site" : NULL;

	if (root == NULL)
		return false;
	plan_set(&plan->output, "static");
	plan_set(&plan->static_root, root);
	scan_why(d->app, "static_root", root, plan->framework, 0);
	(void)plan_add_process(plan, "web");
	return true;
}

static int
deno_fill(struct deno *d)
{
	struct plan *plan = d->app->plan;
	const char *path = main_module(d);
	auto_buf struct buf cache = { 0 };
	int line;

	plan_set(&plan->runtime, "deno");
	plan_set(&plan->output, "server");
	scan_why(d->app, "runtime", "deno", d->file, 0);
	choose_version(d);
	find_framework(d);
	plan_install(d);
	if (path != NULL) {
		buf_addf(&cache, "deno cache %s", path);
		add_build(d, cache.data, 0);
	}
	if (task(d, "build", &line) != NULL)
		add_build(d, "deno task build", line);
	scan_override(d->app);
	if (plan_site(d) || plan_start(d))
		return 1;
	scan_miss(d->app, "%s: no start task, no main.ts", d->file);
	return 0;
}

static int
deno_plan(struct scan *app, struct err *err)
{
	static const char *const files[] = { "deno.json", "deno.jsonc", NULL };
	struct deno d = { .app = app, .file = scan_first(app, files) };
	int got = 0;

	if (d.file != NULL)
		got = scan_read(app, d.file, SCAN_FILE_MAX, &d.text, err);
	else if (scan_has(app, "deno.lock") && !scan_has(app, "package.json"))
		d.file = "deno.lock";
	if (got == 1) {
		d.config = jsonc_parse(buf_str(&d.text), d.text.len,
		    JSONC_COMMENTS, d.file, err);
		got = d.config != NULL ? 1 : -1;
	}
	if (got >= 0 && d.file != NULL)
		got = deno_fill(&d);
	json_decref(d.config);
	buf_release(&d.text);
	return got;
}

const struct runtime runtime_deno = { "deno", "deno.json", deno_plan };
