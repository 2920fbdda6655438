/* go - go.mod, go.work or a main.go: the package that serves, compiled. */
#include "detect/scan.h"

#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/text.h"
#include "parse/gomod.h"

enum { MAINS_MAX = 64, SOURCES_MAX = 200 };

/* A package main: its folder and what its sources say. */
struct program {
	char *dir, *name, *file; /* "" is the root; "server"; "main.go" */
	int line; /* of func main */
	bool listens;
};

struct go {
	struct scan *app;
	json_t *mod; /* of go.mod or go.work; empty where neither is */
	const char *file; /* "go.mod", "go.work" or NULL */
	struct program v[MAINS_MAX];
	size_t n;
	bool cgo, executes; /* some source needs C, or runs programs */
};

static const struct {
	const char *module, *name;
} frameworks[] = { { "github.com/gin-gonic/gin", "gin" },
	{ "github.com/labstack/echo", "echo" },
	{ "github.com/gofiber/fiber", "fiber" },
	{ "github.com/go-chi/chi", "chi" },
	{ "github.com/beego/beego", "beego" },
	{ "github.com/gobuffalo/buffalo", "buffalo" },
	{ "github.com/gorilla/mux", "gorilla" },
	{ "github.com/pocketbase/pocketbase", "pocketbase" } };

/* Modules that are compiled with a C compiler, and the package of Debian
 * that they are linked against, if it is not part of the module. */
static const struct {
	const char *module, *build, *run;
} native[] = { { "github.com/mattn/go-sqlite3", NULL, NULL },
	{ "github.com/marcboeker/go-duckdb", NULL, NULL },
	{ "github.com/duckdb/duckdb-go", NULL, NULL },
	{ "github.com/chai2010/webp", NULL, NULL },
	{ "github.com/kolesa-team/go-webp", "libwebp-dev", "libwebp7" },
	{ "github.com/h2non/bimg", "libvips-dev", "libvips" },
	{ "github.com/davidbyttow/govips", "libvips-dev", "libvips" },
	{ "github.com/confluentinc/confluent-kafka-go", NULL, NULL },
	{ "github.com/otiai10/gosseract", "libtesseract-dev", "tesseract-ocr" },
	{ "gopkg.in/gographics/imagick", "libmagickwand-dev",
	    "libmagickwand-7.q16-10" } };

static bool
is_source(const char *name)
{
	return text_ends(name, ".go") || text_ends(name, ".templ") ||
	       text_ends(name, ".ts") || text_ends(name, ".tsx") ||
	       text_ends(name, ".jsx") || text_ends(name, ".vue") ||
	       text_ends(name, ".svelte") || text_starts(name, "go.") ||
	       strcmp(name, "package.json") == 0;
}

/* The line of "require github.com/x/y/v2"; 0: not required. */
static int
required(const struct go *g, const char *module)
{
	size_t i, n = strlen(module);
	json_t *one;

	json_array_foreach(json_object_get(g->mod, "require"), i, one) {
		const char *path = json_str(one, "path", "");

		if (strncmp(path, module, n) == 0 &&
		    (path[n] == '\0' || path[n] == '/' || path[n] == '.'))
			return (int)json_int(one, "line", 1);
	}
	return 0;
}

static void
choose_version(struct go *g)
{
	static const char *const keys[] = { "toolchain", "go" };
	static const char *const lines[] = { "toolchain_line", "go_line" };
	auto_claims struct claims c = { 0 };

	claims_file(&c, g->app, ".go-version");
	claims_tool(&c, g->app, "golang");
	claims_tool(&c, g->app, "go");
	for (size_t i = 0; i < 2; i++) {
		const char *v = json_str(g->mod, keys[i], NULL);
		auto_buf struct buf range = { 0 };

		if (v == NULL || strcmp(v, "default") == 0)
			continue;
		/* The least that will do: the newest of its line is meant. */
		buf_addf(&range, "~%s", v);
		claims_add(&c, range.data, g->file,
		    (int)json_int(g->mod, lines[i], 0));
	}
	version_choose(g->app, "go", &c);
}

/* Left out of a build by its author: "//go:build ignore". */
static bool
is_left_out(const char *text)
{
	const char *at = strstr(text, "//go:build ");
	const char *package = strstr(text, "package ");

	if (at == NULL || package == NULL || at > package)
		return false;
	at += 11;
	return text_starts(at, "ignore") || text_starts(at, "tools") ||
	       text_starts(at, "integration");
}

static bool
opens_port(const char *text)
{
	static const char *const signs[] = { "ListenAndServe", "net.Listen(",
		".Listen(", ".Run(", ".Start(", ".Serve(", "http.Server{",
		"\"PORT\"" };

	for (size_t i = 0; i < sizeof(signs) / sizeof(*signs); i++)
		if (strstr(text, signs[i]) != NULL)
			return true;
	return false;
}

/* What the binary is called: as its folder, or as the module. */
static char *
program_name(const struct go *g, const char *dir)
{
	const char *path =
	    *dir != '\0' ? dir : json_str(g->mod, "module", "app");
	const char *end, *start = strrchr(path, '/');

	if (start != NULL && start[1] == 'v' && start > path &&
	    start[2 + strspn(start + 2, "0123456789")] == '\0') {
		end = start;
		while (start > path && start[-1] != '/')
			start--;
		return mem_strndup(start, (size_t)(end - start));
	}
	start = start != NULL ? start + 1 : path;
	return mem_strdup(scan_is_plain(start) ? start : "app");
}

static struct program *
program_in(struct go *g, const char *dir)
{
	for (size_t i = 0; i < g->n; i++)
		if (strcmp(g->v[i].dir, dir) == 0)
			return &g->v[i];
	if (g->n == MAINS_MAX)
		return NULL;
	g->v[g->n] = (struct program){ .dir = mem_strdup(dir) };
	return &g->v[g->n++];
}

static void
look_into(struct go *g, const char *path)
{
	auto_buf struct buf text = { 0 };
	const char *slash = strrchr(path, '/');
	auto_free char *dir =
	    mem_strndup(path, slash != NULL ? (size_t)(slash - path) : 0);
	struct program *p;
	const char *at;

	if (!scan_peek(g->app, path, &text) || is_left_out(text.data))
		return;
	if (strstr(text.data, "import \"C\"") != NULL ||
	    strstr(text.data, "\t\"C\"\n") != NULL)
		g->cgo = true;
	if (strstr(text.data, "\"os/exec\"") != NULL)
		g->executes = true;
	if (line_of(text.data, "package main") == 0 ||
	    (p = program_in(g, dir)) == NULL)
		return;
	p->listens = p->listens || opens_port(text.data);
	at = strstr(text.data, "func main()");
	if (at == NULL || p->file != NULL)
		return;
	p->file = mem_strdup(path);
	p->line = line_at(text.data, at);
	p->name = program_name(g, dir);
}

static bool
is_example(const char *path)
{
	static const char *const dirs[] = { "example/", "examples/",
		"_examples/", "test/", "tests/", "testdata/", "tools/", "hack/",
		"scripts/", "internal/tools/" };

	for (size_t i = 0; i < sizeof(dirs) / sizeof(*dirs); i++) {
		const char *at = strstr(path, dirs[i]);

		if (at != NULL && (at == path || at[-1] == '/'))
			return true;
	}
	return false;
}

/* Where a program is kept by custom: those are looked into first. */
static bool
is_likely(const char *path)
{
	return strchr(path, '/') == NULL || text_starts(path, "cmd/") ||
	       text_ends(path, "/main.go");
}

static void
find_programs(struct go *g)
{
	size_t kept = 0, seen = 0;

	for (int pass = 0; pass < 2; pass++)
		for (size_t i = 0; i < g->app->files.n && seen < SOURCES_MAX;
		     i++) {
			const char *path = g->app->files.v[i];

			if (!text_ends(path, ".go") ||
			    text_ends(path, "_test.go") || is_example(path) ||
			    !scan_is_plain(path) ||
			    is_likely(path) != (pass == 0))
				continue;
			seen++;
			look_into(g, path);
		}
	/* What was not read may run programs: it gets a system. */
	g->executes = g->executes || seen == SOURCES_MAX;
	for (size_t i = 0; i < g->n; i++) {
		if (g->v[i].file != NULL)
			g->v[kept++] = g->v[i];
		else
			free(g->v[i].dir);
	}
	g->n = kept;
}

/* Which of several is the web's: what listens, then by place and name. */
static int
rank(const struct go *g, const struct program *p)
{
	static const char *const names[] = { "server", "web", "api", "app",
		"httpd", "serve", "main", "service", "backend" };
	auto_free char *module = program_name(g, "");
	int score = p->listens ? 0 : 100;

	if (*p->dir == '\0')
		return score;
	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++)
		if (strcmp(p->name, names[i]) == 0)
			return score + 2 + (int)i;
	if (strcmp(p->name, module) == 0)
		return score + 1;
	return score + 20;
}

static const struct program *
best_program(const struct go *g)
{
	const struct program *best = &g->v[0];

	for (size_t i = 1; i < g->n; i++)
		if (rank(g, &g->v[i]) < rank(g, best))
			best = &g->v[i];
	return best;
}

/* Is bin/NAME, or NAME in the path, what somebody starts? */
static bool
is_started(const struct go *g, const struct program *p)
{
	auto_free char *path = mem_printf("bin/%s", p->name);
	size_t i;
	json_t *one;

	json_array_foreach(g->app->procfile, i, one) {
		const char *text = json_str(one, "command", "");
		size_t n = strcspn(text, " \t");

		if (strstr(text, path) != NULL ||
		    (n == strlen(p->name) && strncmp(text, p->name, n) == 0))
			return true;
	}
	return false;
}

static void
add_build(struct go *g, const struct program *p)
{
	struct plan *plan = g->app->plan;
	auto_buf struct buf text = { 0 };

	buf_addf(&text,
	    "CGO_ENABLED=%d go build%s -trimpath -tags timetzdata "
	    "-ldflags='-s -w' -o bin/%s .%s%s",
	    g->cgo,
	    json_array_size(json_object_get(g->mod, "require")) > 0 &&
		    !scan_has(g->app, "go.sum") && !scan_has(g->app, "go.work")
		? " -mod=mod"
		: "",
	    p->name, *p->dir != '\0' ? "/" : "", p->dir);
	command_shell(commands_add(&plan->build), text.data);
	strvec_addf(&plan->artifacts, "bin/%s", p->name);
	scan_why(g->app, "build", text.data, p->file, p->line);
}

static void
plan_build(struct go *g, const struct program *best)
{
	struct plan *plan = g->app->plan;

	if (g->file == NULL) {
		command_shell(commands_add(&plan->build),
		    "go mod init app && go mod tidy");
		plan_warn(plan, "no go.mod: one is made for each build; "
				"commit what 'go mod init' and 'go mod tidy' "
				"write");
	}
	add_build(g, best);
	for (size_t i = 0; i < g->n; i++)
		if (&g->v[i] != best && is_started(g, &g->v[i]))
			add_build(g, &g->v[i]);
}

static void
plan_install(struct go *g)
{
	struct plan *plan = g->app->plan;
	bool sums = scan_has(g->app, "go.sum");

	plan_set(&plan->package_manager, "go");
	scan_why(g->app, "package_manager", "go",
	    g->file != NULL ? g->file : "main.go", 0);
	if (scan_has(g->app, "vendor/modules.txt")) {
		scan_why(g->app, "install", "nothing: vendored",
		    "vendor/modules.txt", 0);
		return;
	}
	if (json_array_size(json_object_get(g->mod, "require")) == 0)
		return;
	if (!sums && !scan_has(g->app, "go.work")) {
		plan_warn(plan, "no go.sum: nothing says that the modules are "
				"the ones you tested; commit what 'go mod "
				"tidy' writes");
		return;
	}
	command_shell(commands_add(&plan->install), "go mod download");
	scan_why(g->app, "install", "go mod download", g->file, 0);
	if (json_array_size(json_object_get(g->mod, "replace")) > 0 ||
	    !scan_has(g->app, "go.mod") || scan_has(g->app, "go.work"))
		return; /* other manifests are in the tree */
	strvec_add(&plan->manifests, "go.mod");
	strvec_add(&plan->manifests, "go.sum");
}

static void
find_framework(struct go *g)
{
	struct plan *plan = g->app->plan;

	for (size_t i = 0; i < sizeof(frameworks) / sizeof(*frameworks); i++) {
		int line = required(g, frameworks[i].module);

		if (line == 0)
			continue;
		plan_set(&plan->framework, frameworks[i].name);
		scan_why(g->app, "framework", frameworks[i].name, g->file,
		    line);
		break;
	}
	for (size_t i = 0; i < sizeof(native) / sizeof(*native); i++) {
		int line = required(g, native[i].module);

		if (line == 0)
			continue;
		g->cgo = true;
		scan_why(g->app, "cgo", native[i].module, g->file, line);
		if (native[i].build != NULL)
			strvec_add(&plan->build_packages, native[i].build);
		if (native[i].run != NULL)
			strvec_add(&plan->packages, native[i].run);
	}
}

static void
say_others(struct go *g, const struct program *best)
{
	auto_buf struct buf others = { 0 };

	for (size_t i = 0; i < g->n; i++)
		if (&g->v[i] != best && g->v[i].listens)
			buf_addf(&others, "%s%s", others.len > 0 ? ", " : "",
			    *g->v[i].dir != '\0' ? g->v[i].dir : ".");
	if (others.len > 0)
		plan_warn(g->app->plan,
		    "./%s is served; %s could be, too: a Procfile with 'web: "
		    "bin/NAME' says which",
		    best->dir, others.data);
}

static int
go_fill(struct go *g)
{
	struct scan *app = g->app;
	struct plan *plan = app->plan;
	const struct program *best;
	auto_buf struct buf start = { 0 };

	plan_set(&plan->runtime, "go");
	plan_set(&plan->output, "server");
	find_programs(g);
	scan_why(app, "runtime", "go", g->file != NULL ? g->file : "main.go",
	    0);
	choose_version(g);
	find_framework(g);
	plan_install(g);
	if (g->n == 0 && scan_setting(app, "build").v == NULL) {
		scan_miss(app, "%s has no package main: a library",
		    g->file != NULL ? g->file : "main.go");
		return 0;
	}
	best = g->n > 0 ? best_program(g) : NULL;
	if (best != NULL)
		plan_build(g, best);
	scan_assets(app, is_source);
	if (!g->cgo && !g->executes)
		plan_set(&plan->output, "binary");
	scan_override(app);
	if (start_given(app))
		return 1;
	if (best == NULL)
		return 0;
	say_others(g, best);
	buf_addf(&start, "bin/%s", best->name);
	return start_believe(app, start.data, best->file, best->line);
}

static int
read_module(struct go *g, struct err *err)
{
	static const char *const names[] = { "go.mod", "go.work", NULL };
	auto_buf struct buf text = { 0 };
	int got;

	g->file = scan_first(g->app, names);
	if (g->file == NULL) {
		g->mod = json_object();
		return scan_mentions(g->app, "main.go", "package main") > 0;
	}
	got = scan_read(g->app, g->file, SCAN_FILE_MAX, &text, err);
	if (got == 1)
		g->mod = gomod_parse(buf_str(&text), text.len);
	return got;
}

static int
go_plan(struct scan *app, struct err *err)
{
	struct go g = { .app = app };
	int got = read_module(&g, err);

	if (got == 1)
		got = go_fill(&g);
	json_decref(g.mod);
	for (size_t i = 0; i < g.n; i++) {
		free(g.v[i].dir);
		free(g.v[i].name);
		free(g.v[i].file);
	}
	return got;
}

const struct runtime runtime_go = { "go", "go.mod, go.work, main.go", go_plan };
