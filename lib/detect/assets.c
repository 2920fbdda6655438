/* assets - what of the tree a compiled program reads when it runs. */
#include "detect/scan.h"

#include <stdlib.h>
#include <string.h>

#include "base/text.h"

enum { ASSETS_MAX = 24, FOLDERS_MAX = 400 };

static const char *
base_name(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash != NULL ? slash + 1 : path;
}

static bool
is_one_of(const char *name, const char *const *list)
{
	for (; *list != NULL; list++)
		if (strcmp(name, *list) == 0)
			return true;
	return false;
}

/* Hidden, or in a folder that is for people and tests. */
static bool
is_aside(const char *path)
{
	static const char *const dirs[] = { "testdata", "tests", "test", "docs",
		"doc", "examples", "example", "benches", "bin", "target", "k8s",
		"helm", "charts", "terraform", "deploy", NULL };

	for (const char *s = path; s != NULL;) {
		size_t n = strcspn(s, "/");
		auto_free char *part = mem_strndup(s, n);

		if (*part == '.' || (s[n] == '/' && is_one_of(part, dirs)))
			return true;
		s = s[n] == '/' ? s + n + 1 : NULL;
	}
	return false;
}

/* Told by its name to be read by a program, not by its author's tools. */
static bool
is_data(const char *path)
{
	static const char *const ends[] = { ".html", ".htm", ".tmpl", ".gohtml",
		".gotmpl", ".tpl", ".tera", ".hbs", ".j2", ".sql", ".yaml",
		".yml", ".toml", ".json", ".ini", ".conf", ".cfg", ".txt",
		".csv", ".xml", ".graphql", ".css", ".js", ".svg", ".png",
		".jpg", ".ico", ".woff2", ".webp", ".db", ".sqlite", ".mmdb",
		".ftl", ".po", ".mo", ".pem", ".wasm", ".proto", ".lua",
		".properties" };
	static const char *const tools[] = { "package.json",
		"package-lock.json", "docker-compose.yml",
		"docker-compose.yaml", "compose.yml", "compose.yaml",
		"Cargo.toml", "rustfmt.toml", "clippy.toml", "deny.toml",
		"rust-toolchain.toml", "Taskfile.yml", "sqlc.yaml",
		"codecov.yml", "fly.toml", "render.yaml", "app.json",
		"rcn.json", "mise.toml", "Rocket.toml.example", "robots.md",
		"pnpm-lock.yaml", "tsconfig.json", "renovate.json",
		"CMakeLists.txt", "LICENSE.txt", NULL };
	const char *name = base_name(path);

	if (is_one_of(name, tools))
		return false;
	for (size_t i = 0; i < sizeof(ends) / sizeof(*ends); i++)
		if (text_ends(name, ends[i]))
			return true;
	return false;
}

/* The folders, "" among them, that have a source in or below them. */
static void
source_folders(struct scan *app, bool (*is_source)(const char *),
    struct strvec *dirs)
{
	strvec_add(dirs, "");
	for (size_t i = 0; i < app->files.n && dirs->n < FOLDERS_MAX; i++) {
		auto_free char *dir = mem_strdup(app->files.v[i]);
		char *slash;

		if (!is_source(base_name(dir)))
			continue;
		while ((slash = strrchr(dir, '/')) != NULL) {
			*slash = '\0';
			if (strvec_has(dirs, dir))
				break;
			strvec_add(dirs, dir);
		}
	}
}

/* The first folder on the way to path that has no source, or path. */
static char *
unit(const struct strvec *dirs, const char *path)
{
	for (const char *s = strchr(path, '/'); s != NULL;
	     s = strchr(s + 1, '/')) {
		auto_free char *dir = mem_strndup(path, (size_t)(s - path));

		if (!strvec_has(dirs, dir))
			return mem_printf("%s/", dir);
	}
	return mem_strdup(path);
}

void
scan_assets(struct scan *app, bool (*is_source)(const char *))
{
	struct strvec *list = &app->plan->assets;
	auto_strvec struct strvec dirs = { 0 };

	source_folders(app, is_source, &dirs);
	for (size_t i = 0; i < app->files.n; i++) {
		const char *path = app->files.v[i];
		auto_free char *one = NULL;

		if (is_aside(path) || is_source(base_name(path)) ||
		    !is_data(path))
			continue;
		one = unit(&dirs, path);
		if (strvec_has(list, one))
			continue;
		strvec_add(list, one);
		if (!scan_is_plain(one) || list->n > ASSETS_MAX) {
			strvec_clear(list);
			strvec_add(list, ".");
			return;
		}
	}
}
