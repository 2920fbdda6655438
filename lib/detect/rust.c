/* rust - Cargo.toml: the binary of a package or of a workspace's member. */
#include "detect/scan.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/text.h"
#include "parse/toml.h"

enum { BINS_MAX = 64, MEMBERS_MAX = 64 };

struct bin {
	char *name, *package, *file;
	bool listens, is_default;
};

struct rust {
	struct scan *app;
	json_t *cargo; /* the root's Cargo.toml */
	struct buf text, lock;
	bool has_lock, nightly;
	struct bin v[BINS_MAX];
	size_t n;
};

static const struct {
	const char *crate, *name;
} frameworks[] = { { "rocket", "rocket" }, { "loco-rs", "loco" },
	{ "leptos", "leptos" }, { "actix-web", "actix-web" },
	{ "axum", "axum" }, { "warp", "warp" }, { "poem", "poem" },
	{ "salvo", "salvo" }, { "tide", "tide" }, { "tonic", "tonic" },
	{ "hyper", "hyper" } };

/* Crates that are compiled with a library of the system. */
static const struct {
	const char *crate, *build, *run;
} native[] = { { "openssl-sys", "libssl-dev", "libssl3" },
	{ "pq-sys", "libpq-dev", "libpq5" },
	{ "mysqlclient-sys", "default-libmysqlclient-dev", "libmariadb3" },
	{ "libsqlite3-sys", "libsqlite3-dev", "libsqlite3-0" },
	{ "protobuf-src", "cmake", NULL },
	{ "prost-build", "protobuf-compiler", NULL },
	{ "bindgen", "libclang-dev", NULL }, { "cmake", "cmake", NULL },
	{ "magick_rust", "libmagickwand-dev", "imagemagick" },
	{ "ffmpeg-sys-next", "libavformat-dev", "ffmpeg" } };

static bool
is_source(const char *name)
{
	return text_ends(name, ".rs") || text_starts(name, "Cargo.") ||
	       text_ends(name, ".ts") || text_ends(name, ".tsx") ||
	       strcmp(name, "package.json") == 0 ||
	       strcmp(name, "build.rs") == 0;
}

/* "name = \"x\"" of a [[package]] in Cargo.lock, as its line. */
static int
locked(const struct rust *r, const char *crate)
{
	auto_free char *row = mem_printf("\nname = \"%s\"\n", crate);
	const char *at = strstr(buf_str(&r->lock), row);

	return at != NULL ? line_at(r->lock.data, at + 1) : 0;
}

static void
claim_channel(struct rust *r, struct claims *c, const char *v, const char *file,
    int line)
{
	if (v == NULL || strcmp(v, "stable") == 0)
		return;
	if (text_starts(v, "nightly") || text_starts(v, "beta")) {
		r->nightly = true;
		plan_warn(r->app->plan,
		    "%s:%d: '%s' is taken as the newest stable release with "
		    "the features of nightly allowed",
		    file, line, v);
		return;
	}
	claims_add(c, v, file, line);
}

static void
claim_file(struct rust *r, struct claims *c, const char *file)
{
	auto_buf struct buf text = { 0 };
	json_auto_t *toml = NULL;
	struct err err = { 0 };
	const char *v;

	if (!scan_peek(r->app, file, &text))
		return;
	toml = toml_parse(text.data, text.len, TOML_PLAIN, file, &err);
	v = json_str(toml, "toolchain.channel", NULL);
	if (v == NULL && strchr(text.data, '[') == NULL) {
		auto_free char *word =
		    mem_strndup(text.data, strcspn(text.data, " \r\n"));

		claim_channel(r, c, word, file, 1);
		return;
	}
	claim_channel(r, c, v, file, line_of(text.data, "channel"));
}

/* rust-version, and what an edition needs, are the least that will do. */
static void
choose_version(struct rust *r)
{
	static const struct {
		const char *edition, *least;
	} editions[] = { { "2024", ">=1.85" }, { "2021", ">=1.56" } };
	static const char *const least[] = { "package.rust-version",
		"workspace.package.rust-version" };
	static const char *const names[] = { "package.edition",
		"workspace.package.edition" };
	auto_claims struct claims c = { 0 };
	const char *text = buf_str(&r->text);

	claim_file(r, &c, "rust-toolchain.toml");
	claim_file(r, &c, "rust-toolchain");
	claims_tool(&c, r->app, "rust");
	for (size_t i = 0; i < 2; i++) {
		const char *v = json_str(r->cargo, least[i], NULL);
		auto_free char *range = mem_printf(">=%s", v ? v : "");

		if (v != NULL)
			claims_add(&c, range, "Cargo.toml",
			    line_of(text, "rust-version"));
	}
	for (size_t i = 0; i < 4; i++) {
		const char *v = json_str(r->cargo, names[i / 2], "");

		if (strcmp(v, editions[i % 2].edition) == 0)
			claims_add(&c, editions[i % 2].least, "Cargo.toml",
			    line_of(text, "edition"));
	}
	version_choose(r->app, "rust", &c);
}

static bool
opens_port(struct rust *r, const char *path)
{
	static const char *const signs[] = { "TcpListener", "HttpServer",
		"rocket", "axum::serve", "warp::serve", "Server::bind",
		"Server::new", ".listen(", ".serve(", "\"PORT\"" };
	auto_buf struct buf text = { 0 };

	if (!scan_peek(r->app, path, &text))
		return false;
	for (size_t i = 0; i < sizeof(signs) / sizeof(*signs); i++)
		if (strstr(text.data, signs[i]) != NULL)
			return true;
	return false;
}

static void
add_bin(struct rust *r, const char *package, const char *name, const char *path,
    const char *def)
{
	if (r->n == BINS_MAX || !scan_is_plain(name) ||
	    !scan_is_plain(package) || !scan_has(r->app, path))
		return;
	for (size_t i = 0; i < r->n; i++)
		if (strcmp(r->v[i].file, path) == 0)
			return;
	r->v[r->n++] = (struct bin){ mem_strdup(name), mem_strdup(package),
		mem_strdup(path), opens_port(r, path),
		def != NULL && strcmp(def, name) == 0 };
}

/* src/bin/NAME.rs and src/bin/NAME/main.rs */
static void
add_folder(struct rust *r, const char *package, const char *dir,
    const char *def)
{
	auto_free char *start = mem_printf("%ssrc/bin/", dir);

	for (size_t i = 0; i < r->app->files.n; i++) {
		const char *path = r->app->files.v[i], *rest;
		auto_free char *name = NULL;

		if (!text_starts(path, start))
			continue;
		rest = path + strlen(start);
		if (strchr(rest, '/') == NULL && text_ends(rest, ".rs"))
			name = mem_strndup(rest, strlen(rest) - 3);
		else if (text_ends(rest, "/main.rs"))
			name = mem_strndup(rest, strlen(rest) - 8);
		if (name != NULL && strchr(name, '/') == NULL)
			add_bin(r, package, name, path, def);
	}
}

/* The binaries of one package; dir is "" or ends with "/". */
static void
add_package(struct rust *r, const json_t *cargo, const char *dir)
{
	const char *package = json_str(cargo, "package.name", NULL);
	const char *def = json_str(cargo, "package.default-run", NULL);
	auto_free char *main_file = mem_printf("%ssrc/main.rs", dir);
	size_t i;
	json_t *one;

	if (package == NULL)
		return;
	json_array_foreach(json_object_get(cargo, "bin"), i, one) {
		const char *name = json_str(one, "name", "");
		const char *path = json_str(one, "path", NULL);
		auto_free char *said =
		    mem_printf("%s%s", dir, path ? path : "");

		if (path != NULL) {
			add_bin(r, package, name, said, def);
		} else {
			auto_free char *other =
			    mem_printf("%ssrc/bin/%s.rs", dir, name);

			add_bin(r, package, name,
			    scan_has(r->app, other) ? other : main_file, def);
		}
	}
	add_bin(r, package, package, main_file, def);
	add_folder(r, package, dir, def);
}

static bool
is_member(const char *pattern, const char *dir)
{
	size_t n = strcspn(pattern, "*");

	if (text_starts(pattern, "./"))
		return is_member(pattern + 2, dir);
	if (pattern[n] == '\0') {
		size_t k = strlen(pattern);

		while (k > 0 && pattern[k - 1] == '/')
			k--;
		return strncmp(pattern, dir, k) == 0 && dir[k] == '\0';
	}
	return strncmp(pattern, dir, n) == 0 && strchr(dir + n, '/') == NULL;
}

static void
add_members(struct rust *r)
{
	json_t *list = json_at(r->cargo, "workspace.members"), *one;
	size_t k;

	for (size_t i = 0; i < r->app->files.n; i++) {
		const char *path = r->app->files.v[i];
		auto_free char *dir = NULL, *in = NULL;
		auto_buf struct buf text = { 0 };
		json_auto_t *cargo = NULL;
		struct err err = { 0 };

		if (!text_ends(path, "/Cargo.toml"))
			continue;
		dir = mem_strndup(path, strlen(path) - 11);
		json_array_foreach(list, k, one)
			if (json_is_string(one) &&
			    is_member(json_string_value(one), dir) &&
			    cargo == NULL && scan_peek(r->app, path, &text))
				cargo = toml_parse(text.data, text.len,
				    TOML_PLAIN, path, &err);
		in = mem_printf("%s/", dir);
		add_package(r, cargo, in);
	}
}

static void
find_framework(struct rust *r)
{
	struct plan *plan = r->app->plan;

	for (size_t i = 0; i < sizeof(frameworks) / sizeof(*frameworks); i++) {
		auto_free char *at =
		    mem_printf("dependencies.%s", frameworks[i].crate);
		auto_free char *shared = mem_printf("workspace.%s", at);
		int line = locked(r, frameworks[i].crate);

		if (json_at(r->cargo, at) == NULL &&
		    json_at(r->cargo, shared) == NULL &&
		    (line == 0 || json_object_get(r->cargo, "package") != NULL))
			continue;
		plan_set(&plan->framework, frameworks[i].name);
		scan_why(r->app, "framework", frameworks[i].name, "Cargo.toml",
		    line_of(buf_str(&r->text), frameworks[i].crate));
		return;
	}
}

static void
add_native(struct rust *r)
{
	struct plan *plan = r->app->plan;
	bool any = false;

	for (size_t i = 0; i < sizeof(native) / sizeof(*native); i++) {
		int line = locked(r, native[i].crate);

		if (line == 0)
			continue;
		strvec_add(&plan->build_packages, native[i].build);
		if (native[i].run != NULL)
			strvec_add(&plan->packages, native[i].run);
		scan_why(r->app, "packages", native[i].build, "Cargo.lock",
		    line);
		any = true;
	}
	if (any)
		strvec_add(&plan->build_packages, "pkg-config");
}

static int
rank(const struct rust *r, const struct bin *b)
{
	static const char *const names[] = { "server", "web", "api", "app",
		"backend", "main", "service" };
	const char *root = json_str(r->cargo, "package.name", "");

	if (b->is_default)
		return 0;
	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++)
		if (strcmp(b->name, names[i]) == 0)
			return 2 + (int)i + (b->listens ? 0 : 100);
	return (strcmp(b->name, root) == 0 ? 1 : 20) + (b->listens ? 0 : 100);
}

static const struct bin *
best_bin(const struct rust *r)
{
	const struct bin *best = &r->v[0];

	for (size_t i = 1; i < r->n; i++)
		if (rank(r, &r->v[i]) < rank(r, best))
			best = &r->v[i];
	return best;
}

static void
say_others(struct rust *r, const struct bin *best)
{
	auto_buf struct buf b = { 0 };

	for (size_t i = 0; i < r->n; i++)
		if (&r->v[i] != best && r->v[i].listens)
			buf_addf(&b, "%s%s", b.len > 0 ? ", " : "",
			    r->v[i].name);
	if (b.len > 0 && !best->is_default)
		plan_warn(r->app->plan,
		    "%s is served; %s could be, too: a Procfile with 'web: "
		    "target/release/NAME' says which",
		    best->name, b.data);
}

/* Is target/release/NAME what somebody starts? */
static bool
is_started(const struct rust *r, const struct bin *b)
{
	auto_free char *path = mem_printf("target/release/%s", b->name);
	size_t i;
	json_t *one;

	json_array_foreach(r->app->procfile, i, one) {
		const char *at = strstr(json_str(one, "command", ""), path);

		if (at != NULL && !isalnum((unsigned char)at[strlen(path)]))
			return true;
	}
	return false;
}

static void
plan_build(struct rust *r, const struct bin *best)
{
	struct plan *plan = r->app->plan;
	auto_buf struct buf text = { 0 };
	bool workspace = json_object_get(r->cargo, "workspace") != NULL;

	buf_addf(&text, "%scargo build --release%s",
	    r->nightly ? "RUSTC_BOOTSTRAP=1 " : "",
	    r->has_lock ? " --locked" : "");
	for (size_t i = 0; i < r->n; i++) {
		const struct bin *b = &r->v[i];

		if (b != best && !is_started(r, b))
			continue;
		if (workspace)
			buf_addf(&text, " -p %s", b->package);
		buf_addf(&text, " --bin %s", b->name);
		strvec_addf(&plan->artifacts, "target/release/%s", b->name);
	}
	command_shell(commands_add(&plan->build), text.data);
	scan_why(r->app, "build", text.data,
	    r->has_lock ? "Cargo.lock" : "Cargo.toml", 0);
	if (!r->has_lock)
		plan_warn(plan,
		    "no lock file: each build takes what is newest; "
		    "commit the Cargo.lock that 'cargo build' "
		    "writes");
}

static bool
plan_start(struct rust *r, const struct bin *best)
{
	auto_buf struct buf text = { 0 };

	if (start_given(r->app))
		return true;
	if (best == NULL)
		return false;
	say_others(r, best);
	buf_addf(&text, "target/release/%s", best->name);
	return start_believe(r->app, text.data, best->file, 0);
}

static int
rust_fill(struct rust *r)
{
	struct plan *plan = r->app->plan;
	const struct bin *best;

	plan_set(&plan->runtime, "rust");
	plan_set(&plan->output, "server");
	scan_why(r->app, "runtime", "rust", "Cargo.toml", 0);
	choose_version(r);
	plan_set(&plan->package_manager, "cargo");
	scan_why(r->app, "package_manager", "cargo",
	    r->has_lock ? "Cargo.lock" : "Cargo.toml", 0);
	find_framework(r);
	add_native(r);
	add_package(r, r->cargo, "");
	add_members(r);
	best = r->n > 0 ? best_bin(r) : NULL;
	if (best != NULL)
		plan_build(r, best);
	scan_assets(r->app, is_source);
	scan_override(r->app);
	if (plan_start(r, best))
		return 1;
	scan_miss(r->app, "Cargo.toml has no binary: a library");
	return 0;
}

static int
rust_plan(struct scan *app, struct err *err)
{
	struct rust r = { .app = app };
	int got = scan_read(app, "Cargo.toml", SCAN_FILE_MAX, &r.text, err);
	int lock;

	if (got == 1) {
		r.cargo = toml_parse(buf_str(&r.text), r.text.len, TOML_PLAIN,
		    "Cargo.toml", err);
		lock =
		    scan_read(app, "Cargo.lock", SCAN_FILE_MAX, &r.lock, err);
		r.has_lock = lock == 1;
		got = r.cargo != NULL && lock >= 0 ? rust_fill(&r) : -1;
	}
	json_decref(r.cargo);
	buf_release(&r.text);
	buf_release(&r.lock);
	for (size_t i = 0; i < r.n; i++) {
		free(r.v[i].name);
		free(r.v[i].package);
		free(r.v[i].file);
	}
	return got;
}

const struct runtime runtime_rust = { "rust", "Cargo.toml", rust_plan };
