/* nodejs - package.json: npm, yarn or pnpm; a server, or files that a bundler
 * leaves. */
#include "detect/scan.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/text.h"
#include "parse/jsonc.h"
#include "parse/semver.h"

struct node {
	struct scan *app;
	json_t *pkg;
	struct buf text; /* of package.json */
	const char *lock; /* the lock file that is used, or NULL */
	bool berry, bun; /* bun: it is Bun that would run it */
	const struct framework *framework;
};

/* How a framework is known and what it leaves.  Order matters: the first
 * whose package is a dependency. */
struct framework {
	const char *name, *package;
	const char *build, *start; /* where no script says it */
	const char *files; /* folder of static files that the build leaves */
};

static const struct framework frameworks[] = {
	{ "next", "next", "next build", "next start", NULL },
	{ "nuxt", "nuxt", NULL, NULL, NULL },
	{ "sveltekit", "@sveltejs/kit", NULL, NULL, NULL },
	{ "astro", "astro", NULL, NULL, NULL },
	{ "remix", "@remix-run/dev", NULL, NULL, NULL },
	{ "react-router", "@react-router/dev", NULL, NULL, NULL },
	{ "tanstack-start", "@tanstack/react-start", NULL, NULL, NULL },
	{ "nest", "@nestjs/core", NULL, NULL, NULL },
	{ "vite", "vite", "vite build", NULL, "dist" },
	{ "express", "express", NULL, NULL, NULL },
	{ "fastify", "fastify", NULL, NULL, NULL },
	{ "koa", "koa", NULL, NULL, NULL },
	{ "hapi", "@hapi/hapi", NULL, NULL, NULL },
	{ "hono", "hono", NULL, NULL, NULL },
};

static const char *const configs[] = { "js", "mjs", "cjs", "ts", "mts", "cts",
	NULL };

static const char *
pkg_str(const struct node *n, const char *path)
{
	return json_str(n->pkg, path, NULL);
}

static int
pkg_line(const struct node *n, const char *path)
{
	return jsonc_line(n->text.data, n->text.len, path);
}

/* In which member a package is a dependency, or NULL. */
static const char *
dependency(const struct node *n, const char *package)
{
	static const char *const lists[] = { "dependencies", "devDependencies",
		"optionalDependencies" };

	for (size_t i = 0; i < 3; i++)
		if (json_object_get(json_object_get(n->pkg, lists[i]),
			package) != NULL)
			return lists[i];
	return NULL;
}

static int
dependency_line(const struct node *n, const char *package)
{
	const char *list = dependency(n, package);
	auto_buf struct buf b = { 0 };

	if (list == NULL)
		return 0;
	buf_addf(&b, "%s.%s", list, package);
	return pkg_line(n, b.data);
}

static void
choose_version(struct node *n)
{
	static const char *const members[] = { "volta.node",
		"devEngines.runtime.version", "engines.node" };
	auto_claims struct claims c = { 0 };

	claims_file(&c, n->app, ".nvmrc");
	claims_file(&c, n->app, ".node-version");
	claims_tool(&c, n->app, "nodejs");
	claims_tool(&c, n->app, "node");
	for (size_t i = 0; i < 3; i++)
		claims_add(&c, pkg_str(n, members[i]), "package.json",
		    pkg_line(n, members[i]));
	version_choose(n->app, "nodejs", &c);
}

static const struct {
	const char *file, *manager;
} locks[] = { { "bun.lock", "bun" }, { "bun.lockb", "bun" },
	{ "pnpm-lock.yaml", "pnpm" }, { "yarn.lock", "yarn" },
	{ "package-lock.json", "npm" }, { "npm-shrinkwrap.json", "npm" } };

/* The managers whose lock files are there; the first is the one. */
static void
find_lock(struct node *n, const char *manager)
{
	const char *other = NULL;

	for (size_t i = 0; i < sizeof(locks) / sizeof(*locks); i++) {
		if (!scan_has(n->app, locks[i].file))
			continue;
		if (n->lock == NULL &&
		    (manager == NULL || strcmp(manager, locks[i].manager) == 0))
			n->lock = locks[i].file;
		else
			other = locks[i].file;
	}
	if (other != NULL)
		plan_warn(n->app->plan, "%s is not read: %s%s", other,
		    n->lock != NULL ? "it is " : "the package manager is ",
		    n->lock != NULL ? n->lock : manager);
}

static const char *
lock_manager(const char *lock)
{
	for (size_t i = 0; i < sizeof(locks) / sizeof(*locks); i++)
		if (strcmp(locks[i].file, lock) == 0)
			return locks[i].manager;
	return "npm";
}

/* "pnpm@9.1.0+sha512.x" of packageManager. */
static bool
manager_field(struct node *n)
{
	static const char *const known[] = { "npm", "yarn", "pnpm", "bun",
		NULL };
	const char *s = pkg_str(n, "packageManager");
	struct plan *plan = n->app->plan;
	auto_free char *name = NULL, *version = NULL;
	struct semver v;

	if (s == NULL)
		return false;
	name = mem_strndup(s, strcspn(s, "@"));
	s += strlen(name);
	s += *s == '@';
	version = mem_strndup(s, strcspn(s, "+"));
	for (size_t i = 0; known[i] != NULL; i++) {
		if (strcmp(known[i], name) != 0)
			continue;
		plan_set(&plan->package_manager, name);
		if (semver_parse(&v, version))
			plan_set(&plan->package_manager_version, version);
		scan_why(n->app, "package_manager",
		    pkg_str(n, "packageManager"), "package.json",
		    pkg_line(n, "packageManager"));
		return true;
	}
	plan_warn(plan, "package.json:%d: packageManager: %s is not known here",
	    pkg_line(n, "packageManager"), name);
	return false;
}

/* What a value of a line "key: value" is in a file of such lines. */
static bool
yaml_value(struct scan *app, const char *file, const char *key, struct buf *out)
{
	auto_buf struct buf text = { 0 }, line = { 0 };
	const char *s;
	size_t k = strlen(key);

	if (!scan_peek(app, file, &text))
		return false;
	for (s = text.data; line_next(&s, &line);) {
		const char *v = buf_str(&line) + k;

		if (strncmp(buf_str(&line), key, k) != 0 || *v != ':')
			continue;
		v += 1 + strspn(v + 1, " '\"");
		buf_clear(out);
		buf_add(out, v, strcspn(v, " '\"#"));
		return true;
	}
	return false;
}

/* Where no packageManager says it: by the form of the lock file. */
static const char *
pnpm_line(struct node *n)
{
	auto_buf struct buf form = { 0 }, line = { 0 };
	bool newer;

	if (n->lock == NULL ||
	    !yaml_value(n->app, n->lock, "lockfileVersion", &form))
		return "10";
	if (text_starts(form.data, "5"))
		return strcmp(form.data, "5.4") == 0 ? "7" : "6";
	if (text_starts(form.data, "6"))
		return "8";
	newer = json_at(n->pkg, "pnpm.onlyBuiltDependencies") != NULL ||
		yaml_value(n->app, "pnpm-workspace.yaml",
		    "onlyBuiltDependencies", &line) ||
		yaml_value(n->app, "pnpm-workspace.yaml", "overrides", &line);
	return newer ? "10" : "9";
}

static void
yarn_line(struct node *n)
{
	struct plan *plan = n->app->plan;
	auto_buf struct buf v = { 0 };

	n->berry =
	    scan_has(n->app, ".yarnrc.yml") ||
	    (n->lock != NULL && yaml_value(n->app, n->lock, "__metadata", &v));
	if (plan->package_manager_version != NULL)
		n->berry = *plan->package_manager_version != '1';
	else
		plan_set(&plan->package_manager_version, n->berry ? "4" : "1");
}

static void
choose_manager(struct node *n)
{
	struct plan *plan = n->app->plan;
	bool said = scan_set_string(n->app, "package_manager",
			&plan->package_manager) != NULL ||
		    manager_field(n);

	find_lock(n, plan->package_manager);
	if (!said) {
		plan_set(&plan->package_manager,
		    n->lock != NULL ? lock_manager(n->lock) : "npm");
		scan_why(n->app, "package_manager", plan->package_manager,
		    n->lock != NULL ? n->lock : "the default", 0);
	}
	if (strcmp(plan->package_manager, "yarn") == 0)
		yarn_line(n);
	else if (strcmp(plan->package_manager, "pnpm") == 0 &&
		 plan->package_manager_version == NULL)
		plan_set(&plan->package_manager_version, pnpm_line(n));
	else if (strcmp(plan->package_manager, "bun") == 0 &&
		 plan->package_manager_version == NULL)
		plan_set(&plan->package_manager_version,
		    json_str(n->app->versions, "bun.default", "1"));
}

static bool
is_manager(const struct node *n, const char *name)
{
	return strcmp(n->app->plan->package_manager, name) == 0;
}

static void
plan_install(struct node *n)
{
	struct plan *plan = n->app->plan;
	const char *text = n->lock != NULL ? "npm ci" : "npm install";

	if (is_manager(n, "bun"))
		text = n->lock != NULL ? "bun install --frozen-lockfile"
				       : "bun install";
	else if (is_manager(n, "pnpm"))
		text = n->lock != NULL ? "pnpm install --frozen-lockfile"
				       : "pnpm install --no-frozen-lockfile";
	else if (is_manager(n, "yarn") && n->lock == NULL)
		text = "yarn install";
	else if (is_manager(n, "yarn"))
		text = n->berry ? "yarn install --immutable"
				: "yarn install --frozen-lockfile";
	start_set(commands_add(&plan->install), text);
	command_shell(&plan->install.v[0], text);
	scan_why(n->app, "install", text,
	    n->lock != NULL ? n->lock : "package.json", 0);
	if (n->lock == NULL)
		plan_warn(plan,
		    "no lock file: each build installs what is newest; commit "
		    "the one that '%s install' writes",
		    plan->package_manager);
	plan->prepare = pkg_str(n, "scripts.prepare") != NULL;
	plan->prune =
	    json_object_size(json_object_get(n->pkg, "devDependencies")) > 0 &&
	    dependency(n, "prisma") == NULL &&
	    dependency(n, "@prisma/client") == NULL &&
	    (!n->berry || *plan->package_manager_version >= '4');
}

/* Do install scripts or dependencies need more than the manifests? */
static bool
install_reads_sources(const struct node *n)
{
	static const char *const scripts[] = { "scripts.preinstall",
		"scripts.install", "scripts.postinstall", "scripts.prepare" };
	static const char *const lists[] = { "dependencies", "devDependencies",
		"optionalDependencies" };
	const char *name;
	json_t *v;

	for (size_t i = 0; i < 4; i++) {
		const char *text = pkg_str(n, scripts[i]);

		if (text != NULL && strstr(text, "husky") == NULL &&
		    strstr(text, "simple-git-hooks") == NULL &&
		    strstr(text, "lefthook") == NULL)
			return true;
	}
	if (json_object_get(n->pkg, "workspaces") != NULL)
		return true;
	for (size_t i = 0; i < 3; i++)
		json_object_foreach(json_object_get(n->pkg, lists[i]), name,
		    v) {
			const char *s = json_string_value(v);

			if (s != NULL &&
			    (text_starts(s, "file:") ||
				text_starts(s, "link:") ||
				text_starts(s, "portal:") ||
				text_starts(s, "workspace:") ||
				text_starts(s, "./") || text_starts(s, "../")))
				return true;
		}
	return false;
}

static void
list_manifests(struct node *n)
{
	static const char *const files[] = { "package.json",
		"package-lock.json", "npm-shrinkwrap.json", "yarn.lock",
		"pnpm-lock.yaml", "pnpm-workspace.yaml", ".pnpmfile.cjs",
		"bun.lock", "bun.lockb", "bunfig.toml", ".npmrc", ".yarnrc",
		".yarnrc.yml" };
	static const char *const dirs[] = { ".yarn/releases", ".yarn/plugins",
		".yarn/patches", "patches" };
	struct strvec *list = &n->app->plan->manifests;

	if (install_reads_sources(n))
		return;
	for (size_t i = 0; i < sizeof(files) / sizeof(*files); i++)
		if (scan_has(n->app, files[i]))
			strvec_add(list, files[i]);
	for (size_t i = 0; i < sizeof(dirs) / sizeof(*dirs); i++)
		if (scan_has_dir(n->app, dirs[i]))
			strvec_addf(list, "%s/", dirs[i]);
}

static void
find_framework(struct node *n)
{
	struct scan *app = n->app;

	for (size_t i = 0; i < sizeof(frameworks) / sizeof(*frameworks); i++) {
		const struct framework *f = &frameworks[i];

		if (dependency(n, f->package) == NULL)
			continue;
		n->framework = f;
		plan_set(&app->plan->framework, f->name);
		scan_why(app, "framework", f->name, "package.json",
		    dependency_line(n, f->package));
		return;
	}
}

static void
plan_build(struct node *n)
{
	struct plan *plan = n->app->plan;
	auto_buf struct buf text = { 0 };
	const char *file = "package.json";
	int line = pkg_line(n, "scripts.build");

	if (pkg_str(n, "scripts.build") != NULL) {
		buf_addf(&text, "%s run build", plan->package_manager);
	} else if (n->framework != NULL && n->framework->build != NULL) {
		buf_addf(&text, "%s", n->framework->build);
		file = n->framework->name;
		line = 0;
	} else {
		return;
	}
	command_shell(commands_add(&plan->build), text.data);
	scan_why(n->app, "build", text.data, file, line);
}

/* The configuration file of a framework, "next.config" in any language. */
static bool
config_text(struct node *n, const char *stem, struct buf *text,
    struct buf *path)
{
	for (size_t i = 0; configs[i] != NULL; i++) {
		buf_clear(path);
		buf_addf(path, "%s.%s", stem, configs[i]);
		if (scan_peek(n->app, path->data, text))
			return true;
	}
	return false;
}

/* The string that key has in a configuration's source, "output: 'export'";
 * what is in a comment line does not count. */
static bool
config_string(const char *text, const char *key, struct buf *value, int *line)
{
	size_t k = strlen(key);

	for (const char *s = text; (s = strstr(s, key)) != NULL; s += k) {
		const char *v = s + k, *start = s;

		while (start > text && start[-1] != '\n')
			start--;
		start += strspn(start, " \t");
		v += strspn(v, "\"' \t");
		if (text_starts(start, "//") || *start == '*' || *v != ':' ||
		    (s > text &&
			(isalnum((unsigned char)s[-1]) || s[-1] == '_')))
			continue;
		v += 1 + strspn(v + 1, " \t\n");
		if (*v != '"' && *v != '\'' && *v != '`')
			continue;
		buf_clear(value);
		buf_add(value, v + 1, strcspn(v + 1, "\"'`\n"));
		*line = line_at(text, s);
		return value->len > 0;
	}
	return false;
}

/* A folder of the tree, without "./" in front and "/" behind. */
static void
set_static_root(struct plan *plan, const char *dir)
{
	size_t n;

	while (text_starts(dir, "./"))
		dir += 2;
	n = strlen(dir);
	while (n > 1 && dir[n - 1] == '/')
		n--;
	free(plan->static_root);
	plan->static_root =
	    mem_strndup(*dir != '\0' ? dir : ".", *dir != '\0' ? n : 1);
}

static void
plan_files(struct node *n, const char *dir, bool spa, const char *file,
    int line)
{
	struct plan *plan = n->app->plan;
	struct setting s = scan_setting(n->app, "spa");

	plan_set(&plan->output, "static");
	set_static_root(plan, dir);
	scan_why(n->app, "static_root", plan->static_root, file, line);
	plan->spa = s.v != NULL ? json_is_true(s.v) : spa;
	scan_why(n->app, "spa", plan->spa ? "true" : "false",
	    s.v != NULL ? s.file : file, s.line);
	(void)plan_add_process(plan, "web");
}

/* The text that a script comes to, after scripts that only run another. */
static const char *
chase(const struct node *n, const char *text)
{
	static const char *const runs[] = { "npm run-script ", "npm run ",
		"yarn run ", "pnpm run ", "bun run ", "npm ", "yarn ", "pnpm ",
		"bun " };

	for (int hops = 0; hops < 5 && text != NULL; hops++) {
		const char *name = NULL;
		auto_buf struct buf b = { 0 };

		text += strspn(text, " \t");
		for (size_t i = 0; name == NULL && i < 9; i++)
			if (text_starts(text, runs[i]))
				name = text + strlen(runs[i]);
		if (name == NULL || strpbrk(name, " ;&|") != NULL)
			return text;
		name = json_string_value(json_object_get(json_object_get(n->pkg,
							     "scripts"),
		    name));
		if (name == NULL)
			return text;
		text = name;
	}
	return text;
}

/* "tsc && node dist/x.js": what builds goes to the build. */
static const char *
split_build(struct node *n, const char *text)
{
	static const char *const builders[] = { "tsc", "webpack", "vite build",
		"next build", "rollup", "esbuild", "babel", "npm run build",
		"yarn build", "yarn run build", "pnpm build", "pnpm run build",
		NULL };
	struct plan *plan = n->app->plan;
	const char *and;

	while ((and = strstr(text, "&&")) != NULL) {
		auto_free char *head = mem_strndup(text, (size_t)(and-text));
		bool builds = false;

		for (size_t k = strlen(head); k > 0 && head[k - 1] == ' ';)
			head[--k] = '\0';

		for (size_t i = 0; builders[i] != NULL; i++)
			builds = builds || text_starts(head, builders[i]);
		if (!builds)
			return text;
		if (plan->build.n == 0) {
			command_shell(commands_add(&plan->build), head);
			scan_why(n->app, "build", head, "package.json",
			    pkg_line(n, "scripts.start"));
		}
		text = and+2;
		text += strspn(text, " \t");
	}
	return chase(n, text);
}

static void
warn_dev(struct node *n, const char *dev, const char *instead)
{
	plan_warn(n->app->plan,
	    "package.json:%d: '%s' is a development server and is not run%s%s",
	    pkg_line(n, "scripts.start"), dev,
	    *instead != '\0' ? "; instead: " : "", instead);
}

/* scripts.start, unless it serves development. */
static bool
start_script(struct node *n)
{
	const char *text = chase(n, pkg_str(n, "scripts.start")), *dev;
	const char *before = chase(n, pkg_str(n, "scripts.prestart"));
	const char *build = pkg_str(n, "scripts.build");
	auto_buf struct buf instead = { 0 }, both = { 0 };

	if (text == NULL)
		return false;
	text = split_build(n, text);
	dev = start_dev(text, &instead);
	if (dev != NULL && strcmp(dev, "vite") == 0 && n->framework != NULL &&
	    n->framework->files != NULL)
		return false; /* said with the files */
	if (dev != NULL)
		warn_dev(n, dev, buf_str(&instead));
	if (dev != NULL && instead.len == 0) {
		scan_miss(n->app, "its start script, '%s', serves development",
		    dev);
		return false;
	}
	if (dev != NULL)
		text = instead.data;
	if (before != NULL && (build == NULL || strcmp(before, build) != 0)) {
		buf_addf(&both, "%s && %s", before, text);
		text = both.data;
	}
	return start_believe(n->app, text, "package.json",
	    pkg_line(n, "scripts.start"));
}

/* Does a source open a port, as far as one can read? */
static bool
listens(struct node *n, const char *path)
{
	static const char *const signs[] = { ".listen(", "createServer(",
		"serve(", "http.Server", NULL };
	auto_buf struct buf text = { 0 };

	if (!scan_peek(n->app, path, &text))
		return false;
	for (size_t i = 0; signs[i] != NULL; i++)
		if (strstr(text.data, signs[i]) != NULL)
			return true;
	return false;
}

static bool
is_library(const struct node *n)
{
	static const char *const signs[] = { "exports", "module", "types",
		"typings", "files", "peerDependencies", "bin" };

	for (size_t i = 0; i < sizeof(signs) / sizeof(*signs); i++)
		if (json_object_get(n->pkg, signs[i]) != NULL)
			return true;
	return false;
}

/* main, or a file with the name of one: first those that listen. */
static bool
start_main(struct node *n)
{
	const char *names[] = { pkg_str(n, "main"), "server.js", "index.js",
		"app.js", "main.js", "server.mjs", "index.mjs", "app.mjs",
		"src/server.js", "src/index.js", "src/app.js", "src/main.js",
		n->bun ? "index.ts" : NULL, n->bun ? "server.ts" : NULL,
		n->bun ? "src/index.ts" : NULL, n->bun ? "src/server.ts" : NULL,
		n->bun ? "app.ts" : NULL, n->bun ? "main.ts" : NULL,
		n->bun ? "src/main.ts" : NULL, n->bun ? "index.tsx" : NULL };
	const char *module = pkg_str(n, "module");
	bool lib = is_library(n);

	if (n->bun && names[0] == NULL && module != NULL)
		names[0] = module; /* as `bun init` writes it */

	for (int pass = 0; pass < 2; pass++)
		for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
			auto_buf struct buf b = { 0 };
			const char *path = names[i];

			if (path == NULL || (pass == 1 && (lib || i > 2)))
				continue;
			while (text_starts(path, "./"))
				path += 2;
			if (!scan_has(n->app, path) ||
			    (pass == 0 && !listens(n, path)))
				continue;
			buf_addf(&b, n->bun ? "bun run %s" : "node %s", path);
			return start_believe(n->app, b.data,
			    i == 0 ? "package.json" : path,
			    i == 0 ? pkg_line(n, "main") : 0);
		}
	return false;
}

static int
plan_next(struct node *n)
{
	struct plan *plan = n->app->plan;
	auto_buf struct buf text = { 0 }, path = { 0 }, mode = { 0 };
	int line = 0, where = 0;

	if (config_text(n, "next.config", &text, &path))
		(void)config_string(text.data, "output", &mode, &line);
	if (strcmp(buf_str(&mode), "export") == 0) {
		auto_buf struct buf dir = { 0 };

		if (!config_string(text.data, "distDir", &dir, &where))
			buf_adds(&dir, "out");
		plan_files(n, dir.data, false, path.data, line);
		return 1;
	}
	if (strcmp(buf_str(&mode), "standalone") != 0)
		return 0;
	plan_set(&plan->output, "standalone");
	scan_why(n->app, "output", "standalone", path.data, line);
	start_set(&plan_add_process(plan, "web")->command, "node server.js");
	scan_why(n->app, "start", "node server.js", path.data, line);
	return 1;
}

/* Files for a static server?  By the framework and how it is set. */
static bool
plan_bundle(struct node *n)
{
	auto_buf struct buf text = { 0 }, path = { 0 }, dir = { 0 };
	auto_buf struct buf kind = { 0 };
	int line = 0, where = 0;
	bool spa = true;

	if (n->framework == NULL || n->framework->files == NULL ||
	    !scan_has(n->app, "index.html"))
		return false;
	buf_adds(&dir, n->framework->files);
	if (config_text(n, "vite.config", &text, &path)) {
		if (config_string(text.data, "outDir", &kind, &line)) {
			buf_clear(&dir);
			buf_adds(&dir, kind.data);
		}
		if (config_string(text.data, "appType", &kind, &where))
			spa = strcmp(kind.data, "spa") == 0;
	}
	plan_files(n, dir.data, spa, line > 0 ? path.data : "vite", line);
	if (pkg_str(n, "scripts.start") != NULL)
		warn_dev(n, "vite", "the built files are served");
	return true;
}

/* How the app is served: the first rule that holds. */
static bool
plan_start(struct node *n)
{
	const struct framework *f = n->framework;
	struct setting root = scan_setting(n->app, "static_root");
	const char *script = chase(n, pkg_str(n, "scripts.start"));
	bool next = f != NULL && strcmp(f->name, "next") == 0;

	if (json_is_string(root.v)) {
		plan_files(n, json_string_value(root.v),
		    f != NULL && f->files != NULL,
		    root.file != NULL ? root.file : "project", root.line);
		return true;
	}
	if (start_given(n->app))
		return true;
	if (next &&
	    (script == NULL || text_starts(script, "next ") ||
		strstr(script, "standalone") != NULL) &&
	    plan_next(n) == 1)
		return true;
	if (start_script(n))
		return true;
	if (f != NULL && f->start != NULL)
		return start_believe(n->app, f->start, f->name, 0);
	return plan_bundle(n) || start_main(n);
}

/* A development dependency that what is run names: they all stay. */
static void
keep_needed(struct node *n)
{
	struct plan *plan = n->app->plan;
	auto_buf struct buf text = { 0 };
	const char *name;
	json_t *v;

	for (size_t i = 0; i < plan->n_processes; i++) {
		command_text(&plan->processes[i].command, &text);
		buf_addc(&text, '\n');
	}
	for (size_t i = 0; i < plan->release.n; i++)
		command_text(&plan->release.v[i], &text);
	json_object_foreach(json_object_get(n->pkg, "devDependencies"), name, v)
		if (strstr(buf_str(&text), name) != NULL)
			plan->prune = false;
}

/* The line of package.json that says that Bun runs it, or installs. */
static int
says_bun(const struct node *n)
{
	const char *start = pkg_str(n, "scripts.start");

	if (text_starts(json_str(n->pkg, "packageManager", ""), "bun@"))
		return pkg_line(n, "packageManager");
	if (pkg_str(n, "engines.bun") != NULL)
		return pkg_line(n, "engines.bun");
	return start != NULL && text_starts(start, "bun ")
		   ? pkg_line(n, "scripts.start")
		   : 0;
}

static bool
is_for_bun(const struct node *n)
{
	return says_bun(n) > 0 || scan_has(n->app, "bun.lock") ||
	       scan_has(n->app, "bun.lockb") || scan_has(n->app, "bunfig.toml");
}

/* Bun for what it was asked to install; Node where the start is Node's. */
static bool
bun_runs(const struct node *n)
{
	const struct process *web = plan_process(n->app->plan, "web");
	auto_buf struct buf text = { 0 };

	if (strcmp(n->app->plan->output, "server") != 0 || web == NULL)
		return false;
	command_text(&web->command, &text);
	return text_starts(buf_str(&text), "bun ") ||
	       text_starts(text.data, "bunx ") ||
	       strstr(text.data, " bun ") != NULL;
}

static void
choose_bun(struct node *n)
{
	static const char *const members[] = { "devEngines.runtime.version",
		"engines.bun" };
	auto_claims struct claims c = { 0 };
	const char *manager = pkg_str(n, "packageManager");

	claims_file(&c, n->app, ".bun-version");
	claims_tool(&c, n->app, "bun");
	if (manager != NULL && text_starts(manager, "bun@"))
		claims_add(&c, manager + 4, "package.json",
		    pkg_line(n, "packageManager"));
	for (size_t i = 0; i < 2; i++)
		claims_add(&c, pkg_str(n, members[i]), "package.json",
		    pkg_line(n, members[i]));
	version_choose(n->app, "bun", &c);
}

static int
node_plan(struct node *n)
{
	struct plan *plan = n->app->plan;
	const char *name = n->bun ? "bun" : "nodejs";

	plan_set(&plan->runtime, name);
	plan_set(&plan->output, "server");
	scan_why(n->app, "runtime", name, "package.json",
	    n->bun ? says_bun(n) : 0);
	if (n->bun)
		choose_bun(n);
	else
		choose_version(n);
	choose_manager(n);
	find_framework(n);
	plan_install(n);
	list_manifests(n);
	plan_build(n);
	scan_override(n->app);
	if (!plan_start(n)) {
		scan_miss(n->app,
		    "package.json says nothing that could be served: no start "
		    "script, no main file");
		return 0;
	}
	keep_needed(n);
	return n->bun ? bun_runs(n) : 1;
}

/* The package manager, where the image of Node has another one. */
static const char *
manager_tool(const struct node *n, struct buf *b)
{
	const char *v = n->app->plan->package_manager_version;

	if (is_manager(n, "npm") || v == NULL || strcmp(v, "1") == 0)
		return buf_str(b);
	if (is_manager(n, "yarn"))
		buf_addf(b, "npm install -g --force %s@%s && ",
		    n->berry ? "@yarnpkg/cli-dist" : "yarn", v);
	else
		buf_addf(b, "npm install -g %s@%s && ",
		    n->app->plan->package_manager, v);
	return b->data;
}

/* What was found of Node goes into the plan of another runtime. */
static void
lend(struct node *n, struct plan *to, const char *script)
{
	struct plan *from = n->app->plan;
	auto_buf struct buf tool = { 0 }, install = { 0 }, build = { 0 };

	plan_set(&to->node, from->version);
	for (size_t i = 0; i < from->n_why; i++) {
		const struct plan_why *w = &from->why[i];
		auto_free char *fact = mem_printf("node.%s", w->fact);

		if (strcmp(w->fact, "install") != 0)
			plan_add_why(to, fact, w->value, w->file, w->line,
			    w->over);
	}
	for (size_t i = 0; i < from->warnings.n; i++)
		plan_warn(to, "%s", from->warnings.v[i]);
	buf_adds(&install, manager_tool(n, &tool));
	if (n->berry)
		buf_adds(&install, "YARN_NODE_LINKER=node-modules ");
	command_text(&from->install.v[0], &install);
	command_shell(commands_add(&to->install), install.data);
	plan_add_why(to, "install", install.data,
	    n->lock != NULL ? n->lock : "package.json", 0, NULL);
	if (from->manifests.n == 0)
		strvec_clear(&to->manifests);
	else if (to->manifests.n > 0 || to->install.n == 1)
		for (size_t i = 0; i < from->manifests.n; i++)
			strvec_add(&to->manifests, from->manifests.v[i]);
	if (script == NULL)
		return;
	buf_addf(&build, "%s run %s", from->package_manager, script);
	command_shell(commands_add(&to->build), build.data);
	plan_add_why(to, "build", build.data, "package.json",
	    pkg_line(n, "scripts"), NULL);
}

/* The script that leaves what is served. */
static const char *
asset_script(const struct node *n)
{
	static const char *const names[] = { "build", "prod", "production",
		"build:prod", "build:production" };

	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++)
		if (json_is_string(json_object_get(json_object_get(n->pkg,
						       "scripts"),
			names[i])))
			return names[i];
	return NULL;
}

int
node_assets(struct scan *app, bool build, struct err *err)
{
	auto_plan struct plan own = { 0 };
	struct scan alone = *app; /* without settings: those are the other's */
	struct node n = { .app = &alone };
	int got = scan_read(app, "package.json", SCAN_FILE_MAX, &n.text, err);

	alone.plan = &own;
	alone.rcn = NULL;
	alone.project = NULL;
	if (got == 1) {
		n.pkg = jsonc_parse(buf_str(&n.text), n.text.len, JSONC_STRICT,
		    "package.json", err);
		got = n.pkg != NULL ? 1 : -1;
	}
	if (got == 1 && build && asset_script(&n) == NULL)
		got = 0;
	if (got == 1) {
		choose_version(&n);
		choose_manager(&n);
		plan_install(&n);
		list_manifests(&n);
		lend(&n, app->plan, build ? asset_script(&n) : NULL);
	}
	json_decref(n.pkg);
	buf_release(&n.text);
	return got;
}

int
node_family(struct scan *app, bool bun, struct err *err)
{
	struct node n = { .app = app, .bun = bun };
	int got = scan_read(app, "package.json", SCAN_FILE_MAX, &n.text, err);

	if (got == 1) {
		n.pkg = jsonc_parse(buf_str(&n.text), n.text.len, JSONC_STRICT,
		    "package.json", err);
		if (n.pkg == NULL)
			got = -1;
		else
			got = bun && !is_for_bun(&n) ? 0 : node_plan(&n);
	}
	json_decref(n.pkg);
	buf_release(&n.text);
	return got;
}

static int
nodejs_plan(struct scan *app, struct err *err)
{
	return node_family(app, false, err);
}

const struct runtime runtime_nodejs = { "nodejs", "package.json", nodejs_plan };
