#include "detect/detect.h"

#include <stdlib.h>
#include <string.h>

#include "base/conf.h"
#include "base/json.h"
#include "base/text.h"
#include "detect/scan.h"
#include "parse/procfile.h"

/* Asked in this order: who says most about itself first; those that may have
 * a package.json for their assets before what is Node's own. */
static const struct runtime *const runtimes[] = { &runtime_dockerfile,
	&runtime_php, &runtime_ruby, &runtime_elixir, &runtime_go,
	&runtime_rust, &runtime_java, &runtime_dotnet, &runtime_python,
	&runtime_deno, &runtime_bun, &runtime_nodejs, &runtime_static };

enum { N_RUNTIMES = sizeof(runtimes) / sizeof(runtimes[0]) };

json_t *
detect_open(struct err *err)
{
	auto_buf struct buf path = { 0 };
	json_t *v;

	buf_addf(&path, "%s/versions.json", conf_share_dir());
	v = json_parse_file(path.data, 1 << 20, err);
	if (v == NULL) {
		err->status = EX_CONFIG;
		err->code = "bad-share";
		err_hint(err, "RCN_SHARE_DIR names the folder share/ of rcn");
	}
	return v;
}

/* What others made, or what is not the app's own. */
static bool
is_foreign(const char *name)
{
	static const char *const names[] = { ".git", ".venv", "__pycache__",
		"bower_components", "node_modules", "site-packages", "vendor",
		"venv", ".next", ".tox" };

	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++)
		if (strcmp(names[i], name) == 0)
			return true;
	return false;
}

static int
see(const struct tree_entry *e, void *ctx, struct err *err)
{
	struct scan *app = ctx;
	const char *name = strrchr(e->path, '/');
	int depth = 1;

	(void)err;
	name = name != NULL ? name + 1 : e->path;
	for (const char *s = e->path; *s != '\0'; s++)
		depth += *s == '/';
	if (e->type == TREE_DIR)
		return depth >= SCAN_DEPTH || is_foreign(name);
	if (app->files.n < SCAN_FILES)
		strvec_add(&app->files, e->path);
	return 0;
}

static int
load_procfile(struct scan *app, struct err *err)
{
	auto_buf struct buf text = { 0 };
	int got;

	scan_unfilter(app, true);
	got = scan_read(app, "Procfile", SCAN_FILE_MAX, &text, err);
	scan_unfilter(app, false);

	if (got <= 0)
		return got;
	app->procfile =
	    procfile_parse(buf_str(&text), text.len, "Procfile", err);
	return app->procfile != NULL ? 0 : -1;
}

void
scan_override(struct scan *app)
{
	static const char *const lists[] = { "packages", "build_packages",
		"build_env", "artifacts", "assets", "extensions" };
	struct plan *plan = app->plan;
	struct strvec *to[] = { &plan->packages, &plan->build_packages,
		&plan->build_env, &plan->artifacts, &plan->assets,
		&plan->extensions };
	bool own;

	own = scan_set_commands(app, "install", &plan->install);
	if (own) {
		plan->prune = false;
		strvec_clear(&plan->manifests);
	}
	if (scan_set_commands(app, "build", &plan->build))
		strvec_clear(&plan->artifacts); /* where it is left is unknown
						 */
	(void)scan_set_commands(app, "release", &plan->release);
	(void)scan_set_string(app, "health.path", &plan->health_path);
	(void)scan_set_string(app, "framework", &plan->framework);
	for (size_t i = 0; i < sizeof(lists) / sizeof(*lists); i++) {
		struct setting s = scan_setting(app, lists[i]);
		size_t k;
		json_t *one;

		json_array_foreach(s.v, k, one)
			strvec_add(to[i], json_string_value(one));
	}
}

/* The Procfile's processes beside web; release is no process. */
static void
add_procfile(struct scan *app)
{
	size_t i;
	json_t *one;

	json_array_foreach(app->procfile, i, one) {
		const char *name = json_str(one, "name", "");
		const char *text = json_str(one, "command", "");
		int line = (int)json_int(one, "line", 0);
		auto_buf struct buf slug = { 0 };

		if (strcmp(name, "web") == 0)
			continue;
		if (strcmp(name, "release") == 0) {
			if (scan_setting(app, "release").v != NULL)
				continue;
			start_set(commands_add(&app->plan->release), text);
			scan_why(app, "release", text, "Procfile", line);
			continue;
		}
		text_slug(&slug, name);
		if (plan_process(app->plan, slug.data) != NULL)
			continue;
		start_set(&plan_add_process(app->plan, slug.data)->command,
		    text);
		scan_why(app, slug.data, text, "Procfile", line);
	}
}

static int
set_process(struct scan *app, const char *name, const json_t *v,
    const char *file, const char *code, struct err *err)
{
	auto_free char *what = mem_printf("%s: processes.%s", file, name);
	struct process *one = plan_add_process(app->plan, name);
	const json_t *command = json_object_get(v, "command");
	const char *schedule;
	struct err why = { 0 };

	if (process_setting(v, code, what, &one->kind, &schedule, err) < 0)
		return -1;
	if (json_int(v, "port", 0) > 0 && json_int(v, "port", 0) < 65536)
		one->port = (int)json_int(v, "port", 0);
	if (schedule != NULL)
		plan_set(&one->schedule, schedule);
	if (command == NULL || strcmp(name, "web") == 0)
		return 0; /* web's: start_given() */
	command_release(&one->command);
	if (json_is_string(command))
		start_set(&one->command, json_string_value(command));
	else if (command_decode(&one->command, command, name, &why) < 0)
		plan_warn(app->plan, "%s: %s", file, why.msg);
	scan_why(app, name, "see `processes`", file, 0);
	return 0;
}

static int
add_settings(struct scan *app, struct err *err)
{
	const json_t *from[] = { app->rcn, app->project };
	static const char *const files[] = { "rcn.json", "project" };
	static const char *const codes[] = { "bad-rcn-json", "bad-project" };
	const char *name;
	json_t *v;

	for (int i = 0; i < 2; i++)
		json_object_foreach(json_object_get(from[i], "processes"), name,
		    v) {
			if (!text_is_slug(name))
				return err_set(err, EX_DATAERR, codes[i],
				    "%s: processes.%s: not a name", files[i],
				    name);
			if (set_process(app, name, v, files[i], codes[i], err) <
			    0)
				return -1;
		}
	return 0;
}

/* Apps in folders below, by the files that make one. */
static void
find_candidates(struct scan *app)
{
	static const struct {
		const char *file, *runtime;
	} signs[] = { { "Dockerfile", "dockerfile" },
		{ "composer.json", "php" }, { "Gemfile", "ruby" },
		{ "mix.exs", "elixir" }, { "go.mod", "go" },
		{ "Cargo.toml", "rust" }, { "pom.xml", "java" },
		{ "build.gradle", "java" }, { "build.gradle.kts", "java" },
		{ "*.csproj", "dotnet" }, { "*.fsproj", "dotnet" },
		{ "requirements.txt", "python" },
		{ "pyproject.toml", "python" }, { "deno.json", "deno" },
		{ "bun.lock", "bun" }, { "package.json", "nodejs" },
		{ "index.html", "static" } };
	struct plan *plan = app->plan;
	auto_strvec struct strvec seen = { 0 };

	for (size_t k = 0; k < sizeof(signs) / sizeof(*signs); k++)
		for (size_t i = 0; i < app->files.n; i++) {
			const char *path = app->files.v[i];
			const char *name = strrchr(path, '/');
			auto_free char *dir = NULL;
			struct plan_candidate *c;

			if (name == NULL || plan->n_candidates >= 64 ||
			    (*signs[k].file == '*'
				    ? !text_ends(name, signs[k].file + 1)
				    : strcmp(name + 1, signs[k].file) != 0))
				continue;
			dir = mem_strndup(path, (size_t)(name - path));
			if (strvec_has(&seen, dir))
				continue;
			strvec_add(&seen, dir);
			plan->candidates = mem_realloc(plan->candidates,
			    plan->n_candidates + 1, sizeof(*c));
			c = &plan->candidates[plan->n_candidates++];
			*c = (struct plan_candidate){ mem_strdup(dir),
				mem_strdup(signs[k].runtime),
				mem_strdup(name + 1) };
		}
}

/* Names that people type for the ones that are read. */
static void
near_misses(struct scan *app)
{
	static const struct {
		const char *name, *meant;
	} slips[] = { { "requirement.txt", "requirements.txt" },
		{ "requirments.txt", "requirements.txt" },
		{ "requirements.text", "requirements.txt" },
		{ "packages.json", "package.json" },
		{ "dockerfile", "Dockerfile" }, { "DockerFile", "Dockerfile" },
		{ "procfile", "Procfile" },
		{ "pyproject.yml", "pyproject.toml" } };

	for (size_t i = 0; i < sizeof(slips) / sizeof(*slips); i++)
		if (strvec_has(&app->files, slips[i].name))
			scan_miss(app, "%s is there: is it meant to be %s?",
			    slips[i].name, slips[i].meant);
}

/* What could be built, but says nothing that could be started. */
static int
no_start(struct scan *app, const char *runtime, struct err *err)
{
	auto_buf struct buf below = { 0 };

	find_candidates(app);
	for (size_t i = 0; i < app->plan->n_candidates && i < 8; i++)
		buf_addf(&below, "%s%s (%s)", i > 0 ? ", " : "",
		    app->plan->candidates[i].path,
		    app->plan->candidates[i].runtime);
	err_set(err, EX_DATAERR, "no-start",
	    "this is %s, but nothing here is an app that could be started: %s",
	    runtime, buf_str(&app->misses));
	if (below.len > 0)
		return err_hint(err, "apps below, for --root: %s", below.data);
	return err_hint(err,
	    "if it is one, say how it starts: \"start\" in rcn.json");
}

static int
no_runtime(struct scan *app, struct err *err)
{
	auto_buf struct buf looked = { 0 };

	for (size_t i = 0; i < N_RUNTIMES; i++)
		buf_addf(&looked, "%s%s", i > 0 ? ", " : "",
		    runtimes[i]->looks_for);
	near_misses(app);
	find_candidates(app);
	err_set(err, EX_DATAERR, "no-runtime",
	    "no app is recognised here: looked for %s%s%s", looked.data,
	    app->misses.len > 0 ? "; " : "", buf_str(&app->misses));
	if (app->plan->n_candidates > 0)
		return err_hint(err, "there is one below: --root %s (%s)",
		    app->plan->candidates[0].path,
		    app->plan->candidates[0].runtime);
	return err_hint(err,
	    "say how it starts: \"start\" in rcn.json, or add a Dockerfile");
}

static int
ask(struct scan *app, struct err *err)
{
	struct setting forced = scan_setting(app, "runtime");
	const char *name = json_string_value(forced.v);
	const char *recognised = NULL;
	bool known = name == NULL;

	for (size_t i = 0; i < N_RUNTIMES; i++) {
		int got;

		if (name != NULL && strcmp(name, runtimes[i]->name) != 0)
			continue;
		known = true;
		plan_release(app->plan);
		got = runtimes[i]->plan(app, err);
		if (got != 0)
			return got;
		if (recognised == NULL && app->plan->runtime != NULL)
			recognised = runtimes[i]->name;
	}
	if (!known) {
		auto_buf struct buf names = { 0 };

		for (size_t i = 0; i < N_RUNTIMES; i++)
			buf_addf(&names, "%s%s", i > 0 ? ", " : "",
			    runtimes[i]->name);
		err_set(err, EX_DATAERR, "no-runtime",
		    "%s:%d: runtime: '%s' is not known",
		    forced.file != NULL ? forced.file : "project", forced.line,
		    name);
		return err_hint(err, "one of %s", names.data);
	}
	plan_release(app->plan);
	return recognised != NULL ? no_start(app, recognised, err)
				  : no_runtime(app, err);
}

static bool
is_workspace_root(struct scan *app)
{
	auto_buf struct buf text = { 0 };

	return scan_has(app, "pnpm-workspace.yaml") ||
	       (scan_peek(app, "package.json", &text) &&
		   strstr(text.data, "\"workspaces\"") != NULL);
}

static int
fill(struct scan *app, struct err *err)
{
	if (tree_walk(app->tree, "", see, app, err) < 0 ||
	    scan_load_settings(app, err) < 0 || load_procfile(app, err) < 0 ||
	    ask(app, err) < 0)
		return -1;
	add_procfile(app);
	if (is_workspace_root(app))
		find_candidates(app);
	return add_settings(app, err);
}

int
detect_plan(struct tree *tree, const struct ignore *rules,
    const json_t *project, const json_t *versions, struct plan *plan,
    struct err *err)
{
	struct scan app = { .tree = tree,
		.rules = rules,
		.project = project,
		.versions = versions,
		.plan = plan };
	int got = fill(&app, err);

	json_decref(app.rcn);
	json_decref(app.procfile);
	buf_release(&app.rcn_text);
	buf_release(&app.misses);
	strvec_release(&app.files);
	return got;
}
