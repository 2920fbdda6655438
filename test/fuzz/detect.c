/*
 * A whole app, as a tree in memory: pieces that end with \1, each a letter
 * that picks the file's name and then its contents.
 * links: lib/detect/*.c lib/plan/*.c lib/parse/*.c lib/base/*.c
 * links: lib/source/tree.c lib/source/ignore.c
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "detect/detect.h"
#include "source/tree_ops.h"

int LLVMFuzzerTestOneInput(const uint8_t *, size_t);

static const char *const names[] = { "package.json", "requirements.txt",
	"pyproject.toml", "main.py", "Dockerfile", "Procfile", "rcn.json",
	".nvmrc", "next.config.js", "vite.config.js", "index.html", "manage.py",
	"Staticfile", "yarn.lock", "pnpm-lock.yaml", "server.js",
	".tool-versions", "wsgi.py", "settings.py", ".python-version", "go.mod",
	"main.go", "mise.toml", "Gemfile", "Gemfile.lock", "config.ru",
	"composer.json", "composer.lock", "index.php", "Cargo.toml",
	"Cargo.lock", "pom.xml", "build.gradle", "mix.exs", "app.csproj",
	"global.json", "deno.json", "bun.lock", "gradle.properties",
	"settings.gradle", "app.rb", "index.ts", "main.ts", "artisan" };

enum { NAMES = sizeof(names) / sizeof(*names) };

struct memory {
	struct tree tree;
	const char *text[NAMES];
	size_t len[NAMES];
};

static int
enter(struct tree *t, union tree_at at, const char *name, union tree_at *in,
    struct err *err)
{
	(void)t, (void)at, (void)name, (void)in, (void)err;
	return 0;
}

static void
leave(struct tree *t, union tree_at at)
{
	(void)t, (void)at;
}

static int
look(struct tree *t, union tree_at at, const char *name, struct tree_list *list,
    struct err *err)
{
	const struct memory *m = (const struct memory *)t;

	(void)at, (void)err;
	for (size_t i = 0; i < NAMES; i++)
		if (m->text[i] != NULL && strcmp(names[i], name) == 0) {
			tree_list_add(list, name, strlen(name), TREE_FILE,
			    m->len[i], NULL, 0);
			return 1;
		}
	return 0;
}

static int
list_all(struct tree *t, union tree_at at, struct tree_list *list,
    struct err *err)
{
	for (size_t i = 0; i < NAMES; i++)
		(void)look(t, at, names[i], list, err);
	return 0;
}

static int
pipe_file(struct tree *t, union tree_at at, const char *name, tree_sink *sink,
    void *ctx, struct err *err)
{
	const struct memory *m = (const struct memory *)t;

	(void)at;
	for (size_t i = 0; i < NAMES; i++)
		if (m->text[i] != NULL && strcmp(names[i], name) == 0)
			return sink(m->text[i], m->len[i], ctx, err);
	return -1;
}

static void
close_memory(struct tree *t)
{
	free(t);
}

static const struct tree_ops ops = { .name = "memory",
	.enter = enter,
	.leave = leave,
	.list = list_all,
	.look = look,
	.pipe = pipe_file,
	.close = close_memory };

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	static json_t *versions;
	struct err err = { 0 };
	auto_plan struct plan plan = { 0 };
	struct memory *m = mem_zalloc(1, sizeof(*m));
	struct tree *tree = &m->tree;
	const char *s = (const char *)data, *end = s + n;

	m->tree.ops = &ops;
	if (versions == NULL)
		versions = json_load_file("share/versions.json", 0, NULL);
	while (s < end) {
		const char *stop = memchr(s, 1, (size_t)(end - s));
		size_t i = (size_t)((unsigned char)*s - 'A') % NAMES;

		if (stop == NULL)
			stop = end;
		m->text[i] = s + (stop > s);
		m->len[i] = (size_t)(stop - m->text[i]);
		s = stop + 1;
	}
	if (detect_plan(tree, NULL, NULL, versions, &plan, &err) == 0)
		json_decref(plan_encode(&plan));
	else if (err.status == 0)
		abort();
	tree_close(tree);
	return 0;
}
