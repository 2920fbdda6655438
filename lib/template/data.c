#include "template/data.h"

#include <string.h>

#include "base/json.h"
#include "base/text.h"
#include "template/words.h"

enum { PORT = 10000 };

/* How each package manager is had, and where it keeps what it fetched. */
static const struct manager {
	const char *name, *tool, *cache, *production;
} managers[] = {
	{ "npm", "npm install -g npm@%s", "/root/.npm", " --omit=dev" },
	{ "yarn", "npm install -g --force %s@%s",
	    "/usr/local/share/.cache/yarn,sharing=locked", " --production" },
	{ "pnpm", "npm install -g pnpm@%s", "/root/.local/share/pnpm/store",
	    " --prod" },
	{ "bun", "npm install -g bun@%s", "/root/.bun/install/cache",
	    " --production" },
	{ "pip", NULL, "/root/.cache/pip", NULL },
	{ "uv", "pip install --no-cache-dir uv", "/root/.cache/uv", NULL },
	{ "poetry", "pip install --no-cache-dir poetry",
	    "/root/.cache/pypoetry", NULL },
};

static const struct manager *
manager_of(const struct plan *plan)
{
	const char *name =
	    plan->package_manager != NULL ? plan->package_manager : "npm";

	for (size_t i = 0; i < sizeof(managers) / sizeof(*managers); i++)
		if (strcmp(managers[i].name, name) == 0)
			return &managers[i];
	return &managers[0];
}

static json_t *
run_of(const struct command *c)
{
	auto_buf struct buf text = { 0 };
	auto_strvec struct strvec argv = { 0 };

	command_text(c, &text);
	if (word_may_run(buf_str(&text)))
		return json_string(text.data);
	command_argv(c, &argv);
	return json_strvec(&argv);
}

static json_t *
runs_of(const struct commands *list)
{
	json_t *runs = json_array();

	for (size_t i = 0; i < list->n; i++)
		json_array_append_new(runs, run_of(&list->v[i]));
	return runs;
}

static int
set_words(json_t *data, const char *key, const struct strvec *list,
    struct err *err)
{
	auto_buf struct buf b = { 0 };

	for (size_t i = 0; i < list->n; i++) {
		if (word_check(key, list->v[i], err) < 0)
			return -1;
		buf_addf(&b, "%s%s", i > 0 ? " " : "", list->v[i]);
	}
	if (b.len > 0)
		json_object_set_new(data, key, json_string(b.data));
	return 0;
}

/* COPY lines for the manifests: one a folder, and one for each whole folder
 * ("patches/").  None: everything is copied. */
static int
set_copies(json_t *data, const struct strvec *list, struct err *err)
{
	json_t *copies = json_array(), *last = NULL;
	auto_buf struct buf dir = { 0 }, from = { 0 };

	json_object_set_new(data, "copies", copies);
	for (size_t i = 0; i < list->n; i++) {
		const char *path = list->v[i], *slash = strrchr(path, '/');
		size_t n = slash != NULL ? (size_t)(slash - path) + 1 : 0;
		auto_free char *to = mem_strndup(path, n);

		if (word_check("manifests", path, err) < 0)
			return -1;
		if (last == NULL || strcmp(to, buf_str(&dir)) != 0 ||
		    slash != NULL) {
			buf_clear(&from);
			buf_clear(&dir);
			buf_adds(&dir, to);
			last = json_object();
			json_array_append_new(copies, last);
		}
		buf_addf(&from, "%s%s", from.len > 0 ? " " : "", path);
		json_object_set_new(last, "from", json_string(from.data));
		json_object_set_new(last, "to",
		    json_sprintf("./%s", buf_str(&dir)));
	}
	if (list->n == 0)
		json_array_append_new(copies,
		    json_pack("{s:s, s:s}", "from", ".", "to", "."));
	return 0;
}

static bool
has_prefix(const struct strvec *list, const char *prefix)
{
	for (size_t i = 0; i < list->n; i++)
		if (text_starts(list->v[i], prefix))
			return true;
	return false;
}

/* How the package manager itself is had, if the image lacks it. */
static int
set_tool(json_t *data, const struct plan *plan, struct err *err)
{
	const struct manager *m = manager_of(plan);
	const char *version = plan->package_manager_version;
	auto_buf struct buf b = { 0 };

	if (!plan_is(plan, "nodejs") && !plan_is(plan, "python"))
		return 0;
	if (m->tool == NULL || has_prefix(&plan->manifests, ".yarn/releases"))
		return 0;
	if (strchr(m->tool, '%') == NULL) {
		json_object_set_new(data, "tool", json_string(m->tool));
		return 0;
	}
	if (version == NULL || strcmp(version, "1") == 0)
		return 0; /* the image's own */
	if (word_check("package_manager_version", version, err) < 0)
		return -1;
	if (strcmp(m->name, "yarn") == 0)
		buf_addf(&b, "npm install -g --force %s@%s",
		    *version == '1' && (version[1] == '.')
			? "yarn"
			: "@yarnpkg/cli-dist",
		    version);
	else
		buf_addf(&b, "npm install -g %s@%s", m->name, version);
	json_object_set_new(data, "tool", json_string(b.data));
	return 0;
}

/* yarn 2 and later: another cache, another way to leave things out, and
 * node_modules in place of its own resolver, which only it understands. */
static bool
is_berry(const struct plan *plan)
{
	return plan->package_manager != NULL &&
	       strcmp(plan->package_manager, "yarn") == 0 &&
	       plan->package_manager_version != NULL &&
	       *plan->package_manager_version != '1';
}

/* The stage that installs without development dependencies. */
static json_t *
production(const struct plan *plan)
{
	const struct manager *m = manager_of(plan);
	json_t *install = json_array();

	for (size_t i = 0; i < plan->install.n; i++) {
		auto_buf struct buf b = { 0 };

		if (is_berry(plan)) {
			buf_adds(&b, "yarn workspaces focus --production");
		} else {
			command_text(&plan->install.v[i], &b);
			buf_adds(&b, m->production);
		}
		json_array_append_new(install, json_string(b.data));
	}
	return json_pack("{s:o}", "install", install);
}

/* Build steps, with a cache kept between builds where a framework has one. */
static void
set_build(json_t *data, const struct plan *plan, const char *slug)
{
	json_t *build = json_array();
	bool next =
	    plan->framework != NULL && strcmp(plan->framework, "next") == 0;

	for (size_t i = 0; i < plan->build.n; i++) {
		auto_buf struct buf mount = { 0 };

		buf_add(&mount, "", 0);
		if (next)
			buf_addf(&mount,
			    "--mount=type=cache,id=%s-next,"
			    "target=/app/.next/cache ",
			    slug);
		json_array_append_new(build,
		    json_pack("{s:s, s:o}", "mount", mount.data, "run",
			run_of(&plan->build.v[i])));
	}
	json_object_set_new(data, "build", build);
}

static void
set_node(json_t *data, const struct plan *plan)
{
	bool built = plan->build.n > 0 || plan->manifests.n == 0;
	bool prune = plan->prune && plan->install.n > 0;
	json_auto_t *made = production(plan);

	json_object_set_new(data, "built", json_boolean(built));
	json_object_set_new(data, "modules",
	    json_string(prune   ? "production"
			: built ? "build"
				: "deps"));
	if (!prune)
		return;
	if (built) {
		json_object_set_new(data, "prepare",
		    json_boolean(plan->prepare));
		json_object_set_new(data, "production", json_incref(made));
		return;
	}
	/* The one stage that installs leaves them out itself. */
	json_object_set_new(data, "prepare_first", json_boolean(plan->prepare));
	json_object_set_new(data, "install",
	    json_incref(json_object_get(made, "install")));
	json_object_set_new(data, "modules", json_string("deps"));
}

static int
set_files(json_t *data, const struct plan *plan, struct err *err)
{
	const char *root = plan->static_root;
	bool made = !plan_is(plan, "static");
	auto_buf struct buf b = { 0 };

	if (root == NULL)
		return 0;
	if (word_check("static_root", root, err) < 0)
		return -1;
	buf_addf(&b, "%s%s%s", made ? "/app/" : "",
	    strcmp(root, ".") == 0 && made ? "" : root,
	    strcmp(root, ".") == 0 ? "" : "/");
	json_object_set_new(data, "files", json_string(b.data));
	json_object_set_new(data, "root",
	    json_sprintf("/app%s%s", strcmp(root, ".") == 0 ? "" : "/",
		strcmp(root, ".") == 0 ? "" : root));
	json_object_set_new(data, "spa", json_boolean(plan->spa));
	return 0;
}

/* COPY lines of what is shipped beside what the build makes. */
static int
set_assets(json_t *data, const struct strvec *list, struct err *err)
{
	json_t *assets = json_array();

	json_object_set_new(data, "assets", assets);
	for (size_t i = 0; i < list->n; i++) {
		const char *path = list->v[i], *slash = strrchr(path, '/');
		bool dir = slash != NULL && slash[1] == '\0';

		if (word_check("assets", path, err) < 0)
			return -1;
		json_array_append_new(assets,
		    json_pack("{s:s, s:o}", "from", path, "to",
			dir ? json_sprintf("./%s", path)
			    : json_sprintf("./%.*s",
				  slash != NULL ? (int)(slash - path) + 1 : 0,
				  path)));
	}
	return 0;
}

/*
 * A compiled program: steps, one RUN that is lent the sources and leaves
 * artifacts.  Without artifacts, or with a step that is not one plain line,
 * not bound: the folder is copied, built step by step, and shipped whole.
 */
static int
set_steps(json_t *data, const struct plan *plan, struct err *err)
{
	json_t *steps = json_array();
	bool bound = plan->artifacts.n > 0;

	json_object_set_new(data, "steps", steps);
	for (size_t i = 0; i < plan->build.n; i++) {
		auto_buf struct buf text = { 0 };

		command_text(&plan->build.v[i], &text);
		if (!word_may_run(buf_str(&text))) {
			bound = false;
			continue;
		}
		json_array_append_new(steps,
		    plan->build.n == 1 ? json_string(text.data)
				       : json_sprintf("(%s)", text.data));
	}
	json_object_set_new(data, "bound", json_boolean(bound));
	json_object_set_new(data, "staged",
	    json_boolean(plan->install.n > 0 || plan->build.n > 0));
	json_object_set_new(data, "installed",
	    json_boolean(plan->install.n > 0));
	return set_words(data, "artifacts", &plan->artifacts, err) < 0
		   ? -1
		   : set_assets(data, &plan->assets, err);
}

/* What a template asks by name: {{#with_gradle}}, {{#node}}. */
static int
set_tools(json_t *data, const struct plan *plan, struct err *err)
{
	const char *name = plan->package_manager;
	const char *version = plan->package_manager_version;

	json_object_set_new(data, "app_env",
	    json_string(plan->framework != NULL &&
				strcmp(plan->framework, "symfony") == 0
			    ? "prod"
			    : "production"));
	if (name != NULL) {
		auto_free char *with = mem_printf("with_%s", name);

		json_object_set_new(data, with, json_true());
	}
	if (plan->framework != NULL) {
		auto_free char *is = mem_printf("is_%s", plan->framework);

		json_object_set_new(data, is, json_true());
	}
	if (version != NULL) {
		if (word_check("package_manager_version", version, err) < 0)
			return -1;
		json_object_set_new(data, "manager_version",
		    json_string(version));
	}
	if (plan->node != NULL) {
		if (word_check("node", plan->node, err) < 0)
			return -1;
		json_object_set_new(data, "node", json_string(plan->node));
	}
	return set_words(data, "extensions", &plan->extensions, err);
}

static int
set_base(json_t *data, const struct plan *plan, struct err *err)
{
	const char *image = plan_is(plan, "python") ? "python" : "node";

	if (plan->version == NULL)
		return 0;
	if (word_check("version", plan->version, err) < 0)
		return -1;
	json_object_set_new(data, "base",
	    json_sprintf("%s:%s-slim", image, plan->version));
	json_object_set_new(data, "version", json_string(plan->version));
	return 0;
}

json_t *
data_of_plan(const struct plan *plan, const char *slug, struct err *err)
{
	const struct process *web = plan_process(plan, "web");
	auto_strvec struct strvec argv = { 0 };
	json_auto_t *data = json_object();
	int port = web != NULL && web->port != 0 ? web->port : PORT;

	if (web != NULL)
		command_argv(&web->command, &argv);
	if (argv.n > 0)
		json_object_set_new(data, "web",
		    json_pack("{s:o}", "start", json_strvec(&argv)));
	json_object_set_new(data, "slug", json_string(slug));
	json_object_set_new(data, "port", json_integer(port));
	json_object_set_new(data, "install", runs_of(&plan->install));
	json_object_set_new(data, "berry", json_boolean(is_berry(plan)));
	json_object_set_new(data, "cache",
	    json_string(is_berry(plan) ? "/root/.yarn/berry/cache"
				       : manager_of(plan)->cache));
	json_object_set_new(data, "built", json_boolean(plan->build.n > 0));
	set_build(data, plan, slug);
	if (plan_is(plan, "nodejs") || plan_is(plan, "bun"))
		set_node(data, plan);
	json_object_set_new(data, "build_env", json_strvec(&plan->build_env));
	for (size_t i = 0; i < plan->build_env.n; i++)
		if (word_check("build_env", plan->build_env.v[i], err) < 0)
			return NULL;
	if (set_base(data, plan, err) < 0 || set_tool(data, plan, err) < 0 ||
	    set_tools(data, plan, err) < 0 || set_steps(data, plan, err) < 0 ||
	    set_copies(data, &plan->manifests, err) < 0 ||
	    set_words(data, "packages", &plan->packages, err) < 0 ||
	    set_words(data, "build_packages", &plan->build_packages, err) < 0 ||
	    set_files(data, plan, err) < 0)
		return NULL;
	return json_incref(data);
}
