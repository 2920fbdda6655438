/* manifest and diffcopy's filter: what an engine is told of a context. */
#include "engine/manifest.h"

#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "engine/diffcopy.h"
#include "tap.h"

/* ---- a context that is a table ---- */

struct file {
	const char *path, *target;
	enum build_type type;
	int content; /* 0: nobody knows its stamp */
	int64_t time;
};

struct table {
	const struct file *v;
	size_t n;
};

static int
table_walk(void *ctx, build_entry_fn *fn, void *fn_ctx, struct err *err)
{
	const struct table *t = ctx;

	for (size_t i = 0; i < t->n; i++) {
		unsigned char stamp[BUILD_STAMP] = { 0 };
		struct build_entry e = { .path = t->v[i].path,
			.target = t->v[i].target,
			.type = t->v[i].type,
			.size = 7,
			.time_ns = t->v[i].time };

		memcpy(stamp, &t->v[i].content, sizeof(t->v[i].content));
		e.stamp = t->v[i].content != 0 ? stamp : NULL;
		if (fn(&e, fn_ctx, err) < 0)
			return -1;
	}
	return 0;
}

static int
open_table(struct manifest *m, const char *path, const struct file *v, size_t n,
    struct err *err)
{
	struct table t = { v, n };
	struct engine_context c = { .walk = table_walk, .ctx = &t };

	return manifest_open(m, path, &c, err);
}

/* ---- from build to build ---- */

static char place[64];

/* A build of one file "f"; its time, and the key in key. */
static int64_t
one_build(int content, int64_t time, bool asked, bool in_order,
    char key[MANIFEST_KEY])
{
	const struct file f = { "f", NULL, BUILD_FILE, content, time };
	struct manifest_row row = { 0 };
	struct manifest m;
	struct err err = { 0 };

	if (open_table(&m, place, &f, 1, &err) < 0 ||
	    manifest_row(&m, 0, &row, &err) < 0 ||
	    (asked && manifest_begin(&m, &err) < 0))
		ok(false, "a build: %s", err.msg);
	memcpy(key, m.key, MANIFEST_KEY);
	if (asked)
		manifest_end(&m);
	manifest_close(&m, in_order);
	return row.time_ns;
}

static void
test_times(void)
{
	char first[MANIFEST_KEY], key[MANIFEST_KEY];

	ok(one_build(1, 100, true, true, first) == 100, "a new file: its time");
	ok(one_build(1, 300, true, true, key) == 100 && strcmp(first, key) == 0,
	    "as it was: the time that was told, and the same key");
	ok(one_build(2, 100, true, true, key) == 101,
	    "changed within its time: a nanosecond more");
	ok(one_build(3, 100, true, true, key) == 100, "and again");
	ok(one_build(0, 100, true, true, key) == 101 &&
		one_build(0, 100, true, true, key) == 100 &&
		strcmp(first, key) == 0,
	    "what nobody knows is told as changed each time");
}

static void
test_doubt(void)
{
	char first[MANIFEST_KEY], key[MANIFEST_KEY];

	(void)one_build(1, 500, true, true, first);
	ok(one_build(2, 500, false, true, key) == 501 &&
		strcmp(first, key) == 0,
	    "a build that never asked");
	ok(one_build(3, 500, true, true, key) == 501 && strcmp(first, key) == 0,
	    "leaves the table as it was: the engine still has the first");
	(void)one_build(4, 100, true, false, key);
	ok(strcmp(first, key) == 0, "a build that is broken off");
	(void)one_build(4, 100, true, true, key);
	ok(strcmp(first, key) != 0, "makes a new key");
}

static void
damage(const char *how)
{
	FILE *f = fopen(place, how[0] == 'c' ? "r+" : "w");

	if (how[0] == 'c') {
		(void)fseek(f, -3, SEEK_END);
		if (ftruncate(fileno(f), ftell(f)) < 0)
			ok(false, "truncate");
	} else {
		(void)fputs(how, f);
	}
	(void)fclose(f);
}

static void
test_lost(void)
{
	static const char *const how[] = { "cut", "", "rcn-context 9\n" };
	char first[MANIFEST_KEY], key[MANIFEST_KEY];

	for (size_t i = 0; i < 3; i++) {
		(void)one_build(1, 100, true, true, first);
		damage(how[i]);
		(void)one_build(1, 100, true, true, key);
		ok(strlen(key) == 32 && strcmp(first, key) != 0,
		    "a file that is damaged, in way %zu: a new key", i);
	}
	(void)unlink(place);
	(void)one_build(1, 100, true, true, first);
	ok(strcmp(first, key) != 0, "and so for one that is lost");
}

static void
test_two(void)
{
	const struct file f = { "f", NULL, BUILD_FILE, 5, 100 };
	struct manifest a, b;
	struct err err = { 0 };
	char key[MANIFEST_KEY];
	struct stat st;

	ok(open_table(&a, place, &f, 1, &err) == 0 &&
		open_table(&b, place, &f, 1, &err) == 0 &&
		strcmp(a.key, b.key) != 0,
	    "two at once: the later one has a key of its own");
	ok(manifest_begin(&a, &err) == 0 && manifest_begin(&b, &err) == 0,
	    "both are told");
	memcpy(key, b.key, sizeof(key));
	manifest_end(&a);
	manifest_end(&b);
	manifest_close(&b, true);
	manifest_close(&a, true);
	(void)one_build(5, 100, true, true, key);
	ok(strcmp(key, b.key) != 0, "whose table is not kept");
	ok(stat(place, &st) == 0 && (st.st_mode & 0777) == 0600,
	    "it is nobody else's to read");
}

/* ---- names ---- */

static void
refuses(const struct file *v, size_t n, const char *code, const char *what)
{
	struct manifest m;
	struct err err = { 0 };
	int rc = open_table(&m, NULL, v, n, &err);

	ok(rc < 0 && err.status == EX_DATAERR && strcmp(err.code, code) == 0,
	    "%s", what);
	manifest_close(&m, true);
}

static void
test_names(void)
{
	static const char *const bad[] = { "", ".", "..", "a/../b", "a//b",
		"/a", "a/", "a/.", "caf\xe9", "\xff" };
	const struct file twice[] = { { "a", NULL, BUILD_FILE, 1, 1 },
		{ "a", NULL, BUILD_FILE, 1, 1 } };
	const struct file back[] = { { "a.c", NULL, BUILD_FILE, 1, 1 },
		{ "a/b", NULL, BUILD_FILE, 1, 1 } };
	const struct file link[] = { { "a", "\xff", BUILD_LINK, 1, 1 } };
	char longest[4200];

	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		const struct file f = { bad[i], NULL, BUILD_FILE, 1, 1 };

		refuses(&f, 1, "path-unsafe", "a name that is none is refused");
	}
	memset(longest, 'x', sizeof(longest) - 1);
	longest[sizeof(longest) - 1] = '\0';
	const struct file f = { longest, NULL, BUILD_FILE, 1, 1 };

	refuses(&f, 1, "path-unsafe", "a path of more than 4096 bytes");
	refuses(twice, 2, "path-unsafe", "a path that is there twice");
	refuses(back, 2, "path-unsafe", "not in order");
	refuses(link, 1, "path-unsafe", "a link to what is no text");
}

static int
many_walk(void *ctx, build_entry_fn *fn, void *fn_ctx, struct err *err)
{
	(void)ctx;
	for (int i = 0; i < 1000001; i++) {
		char path[16];

		(void)snprintf(path, sizeof(path), "%07d", i);
		if (fn(&(struct build_entry){ .path = path }, fn_ctx, err) < 0)
			return -1;
	}
	return 0;
}

static void
test_many(void)
{
	struct engine_context c = { .walk = many_walk };
	struct manifest m;
	struct err err = { 0 };

	ok(manifest_open(&m, NULL, &c, &err) < 0 &&
		strcmp(err.code, "tree-too-large") == 0 && m.n == 1000000,
	    "more than a million entries are refused");
	manifest_close(&m, true);
}

/* ---- rows, and order ---- */

static const struct file tree[] = {
	{ ".dockerignore", NULL, BUILD_FILE, 1, 1 },
	{ "a", NULL, BUILD_DIR, 0, 1 },
	{ "a/b", NULL, BUILD_DIR, 0, 1 },
	{ "a/b/c", NULL, BUILD_EXEC, 2, 1 },
	{ "a/up", "../x", BUILD_LINK, 3, 1 },
	{ "a.c", NULL, BUILD_FILE, 4, 1 },
	{ "abs", "/a/b", BUILD_LINK, 5, 1 },
	{ "loop", "pool", BUILD_LINK, 6, 1 },
	{ "pages", NULL, BUILD_DIR, 0, 1 },
	{ "pages/[id].js", NULL, BUILD_FILE, 7, 1 },
	{ "pages/caf\303\251.js", NULL, BUILD_FILE, 8, 1 },
	{ "pages/i.css", NULL, BUILD_FILE, 9, 1 },
	{ "pool", "loop", BUILD_LINK, 10, 1 },
	{ "self", ".", BUILD_LINK, 11, 1 },
	{ "star", "pages/[id].js", BUILD_LINK, 12, 1 },
	{ "x", NULL, BUILD_DIR, 0, 1 },
	{ "x/y", NULL, BUILD_FILE, 13, 1 },
};
enum { TREE = sizeof(tree) / sizeof(*tree) };

static void
test_rows(struct manifest *m)
{
	struct manifest_row row;
	struct err err = { 0 };
	size_t i, good = 0;

	for (size_t n = 0; n < TREE; n++)
		good += manifest_find(m, tree[n].path, &i, &err) == 1 &&
			i == n && manifest_row(m, n, &row, &err) == 0 &&
			strcmp(row.path, tree[n].path) == 0 &&
			row.type == tree[n].type && row.size == 7 &&
			strcmp(row.target,
			    tree[n].target != NULL ? tree[n].target : "") == 0;
	ok(good == TREE, "each row is found where it was told");
	ok(manifest_find(m, "a/b/d", &i, &err) == 0 && i == 4 &&
		manifest_find(m, "a/b.", &i, &err) == 0 && i == 4 &&
		manifest_find(m, "zz", &i, &err) == 0 && i == TREE,
	    "what is not there would come here");
}

/* The paths that are told for `wanted`, with a blank behind each. */
static void
follows(struct manifest *m, const char *wanted, const char *want)
{
	auto_strvec struct strvec only = { 0 };
	auto_buf struct buf got = { 0 };
	struct copy_filter f = { 0 };
	struct err err = { 0 };

	strvec_add(&only, wanted);
	ok(copy_filter_make(&f, m, &only, &err) == 0, "following %s", wanted);
	for (size_t i = 0; i < TREE; i++)
		if (copy_filter_has(&f, tree[i].path))
			buf_addf(&got, "%s ", tree[i].path);
	tap_str(buf_str(&got), want, wanted);
	copy_filter_release(&f);
}

static void
test_filter(struct manifest *m)
{
	auto_buf struct buf all = { 0 };

	for (size_t i = 0; i < TREE; i++)
		buf_addf(&all, "%s ", tree[i].path);
	follows(m, "a.c", "a.c ");
	follows(m, "/a/./b/../b/", "a a/b a/b/c ");
	follows(m, "../../a.c", "a.c ");
	follows(m, "nothing", "");
	follows(m, ".", all.data);
	follows(m, "/", all.data);
	follows(m, "a/up", "a a/up x x/y ");
	follows(m, "abs/c", "a a/b a/b/c abs ");
	follows(m, "a/up/y", "a a/up x x/y ");
	follows(m, "a*", "a a/b a/b/c a/up a.c abs ");
	follows(m, "a/*/c", "a a/b a/b/c a/up x ");
	follows(m, "pages/*.js", "pages pages/[id].js pages/caf\303\251.js ");
	follows(m, "pages/[[]id].js",
	    "pages pages/[id].js pages/caf\303\251.js pages/i.css ");
	follows(m, "pages/\\[id].js", "pages pages/[id].js ");
	follows(m, "pages/caf?.js", "pages pages/caf\303\251.js ");
	follows(m, "star", "pages pages/[id].js star ");
	follows(m, "self/x/y", "self x x/y ");
	follows(m, "loop", all.data);
	follows(m, "*/*/*/*/*/*/*/*/*/*/*/*/*/*/*/*/*/*/*/*/c", all.data);
}

int
main(void)
{
	struct manifest m;
	struct err err = { 0 };

	(void)snprintf(place, sizeof(place), "/tmp/rcn-context-%ld",
	    (long)getpid());
	test_times();
	test_doubt();
	test_lost();
	test_two();
	test_names();
	test_many();
	if (open_table(&m, NULL, tree, TREE, &err) < 0)
		ok(false, "the tree: %s", err.msg);
	test_rows(&m);
	test_filter(&m);
	manifest_close(&m, true);
	(void)unlink(place);
	auto_free char *lock = mem_printf("%s.lock", place);
	(void)unlink(lock);
	return tap_end();
}
