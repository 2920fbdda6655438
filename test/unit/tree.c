/* Trees over folders; order, limits, links, rules, identity. */
#include "tap.h"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/io.h"
#include "source/tree.h"

static char root[] = "/tmp/rcn-tree-XXXXXX";

static void
put(const char *path, const char *text)
{
	auto_free char *full = mem_printf("%s/%s", root, path);
	auto_free char *dir = mem_strdup(full);
	struct err err = { 0 };

	*strrchr(dir, '/') = '\0';
	(void)io_mkdirs(dir, 0755, &err);
	(void)io_replace(full, 0644, text, strlen(text), &err);
	if (err.status != 0)
		err_print(&err);
}

static void
ln(const char *target, const char *path)
{
	auto_free char *full = mem_printf("%s/%s", root, path);

	if (symlink(target, full) < 0)
		perror(full);
}

static int
dump(const struct tree_entry *e, void *ctx, struct err *err)
{
	struct buf *b = ctx;

	(void)err;
	buf_addf(b, "%c %s", "fxdlm"[e->type], e -> path);
	if (e->type == TREE_LINK)
		buf_addf(b, " -> %s", e->target);
	if (e->size > 0)
		buf_addf(b, " %llu", (unsigned long long)e->size);
	buf_addc(b, '\n');
	return e->type == TREE_DIR && strcmp(e->path, "skipped") == 0;
}

static struct tree *
open_dir(const char *sub)
{
	auto_free char *path = mem_printf("%s/%s", root, sub);
	struct tree *t = NULL;
	struct err err = { 0 };

	if (tree_open_dir(&t, path, &err) < 0)
		err_print(&err);
	return t;
}

static void
test_walk(void)
{
	auto_buf struct buf b = { 0 };
	struct err err = { 0 };
	struct tree *t;

	put("walk/foo.c", "12");
	put("walk/foo/bar", "");
	put("walk/foo0", "");
	put("walk/foo-", "");
	put("walk/skipped/not", "");
	put("walk/\xff\n", "");
	ln("foo", "walk/l");
	auto_free char *exec = mem_printf("%s/walk/foo0", root);
	(void)chmod(exec, 0755);
	auto_free char *pipe = mem_printf("%s/walk/pipe", root);
	(void)mkfifo(pipe, 0600);
	t = open_dir("walk");
	ok(tree_walk(t, "", dump, &b, &err) == 0, "walk");
	tap_str(buf_str(&b),
	    "d foo\nf foo/bar\nf foo-\nf foo.c 2\nx foo0\nl l -> foo\n"
	    "d skipped\nf \xff\n\n",
	    "folders before what is in them, plain names in order");
	buf_clear(&b);
	ok(tree_walk(t, "foo", dump, &b, &err) == 0 &&
		strcmp(b.data, "f foo/bar\n") == 0,
	    "walk from a folder");
	ok(tree_walk(t, "none", dump, &b, &err) < 0 && err.status == EX_NOINPUT,
	    "walk of a missing folder");
	err = (struct err){ 0 };
	ok(tree_root(t, "foo", &err) == 0 &&
		tree_read(t, "bar", 10, &b, &err) == 1 &&
		tree_read(t, "foo.c", 10, &b, &err) == 0,
	    "a root folder is all there is");
	ok(tree_root(t, "none", &err) < 0 &&
		strcmp(err.code, "root-missing") == 0,
	    "no such root folder");
	tree_close(t);
}

static void
check_fails(struct tree *t, const char *path, const char *code)
{
	auto_buf struct buf b = { 0 };
	struct err err = { 0 };

	ok(tree_read(t, path, 100, &b, &err) < 0 && strcmp(err.code, code) == 0,
	    "%s: %s", path, code);
}

static void
test_links(void)
{
	auto_buf struct buf b = { 0 }, where = { 0 };
	struct tree_entry e;
	struct err err = { 0 };
	struct tree *t;

	put("links/a/b/c", "deep");
	put("links/top", "top");
	put("outside", "secret");
	ln("a/b", "links/ab");
	ln("../top", "links/a/up");
	ln("../../outside", "links/a/out");
	ln("/etc/passwd", "links/abs");
	ln("loop2", "links/loop1");
	ln("loop1", "links/loop2");
	ln("nothing", "links/broken");
	ln("..", "links/dots");
	ln(".", "links/self");
	for (int i = 0; i < 9; i++) {
		char from[16], to[16];

		(void)snprintf(from, sizeof(from), "links/n%d", i);
		(void)snprintf(to, sizeof(to), i == 0 ? "top" : "n%d", i - 1);
		ln(to, from);
	}
	t = open_dir("links");
	ok(tree_read(t, "ab/c", 100, &b, &err) == 1 &&
		tree_read(t, "a/up", 100, &b, &err) == 1 &&
		tree_read(t, "self/self/top", 100, &b, &err) == 1 &&
		tree_read(t, "n7", 100, &b, &err) == 1,
	    "links inside the tree are followed");
	tap_str(b.data, "deeptoptoptop", "and read");
	ok(tree_find(t, "ab/../a/up", &where, &e, &err) < 0,
	    "but a path has no ..");
	err = (struct err){ 0 };
	ok(tree_find(t, "ab/c", &where, &e, &err) == 1 && e.size == 4 &&
		strcmp(where.data, "a/b/c") == 0,
	    "find says where");
	ok(tree_stat(t, "ab/c", &e, &err) == 0, "stat does not follow");
	ok(tree_stat(t, "ab", &e, &err) == 1 && e.type == TREE_LINK &&
		strcmp(e.target, "a/b") == 0,
	    "stat tells a link");
	ok(tree_read(t, "broken", 9, &b, &err) == 0 &&
		tree_read(t, "top/x", 9, &b, &err) == 0 &&
		tree_read(t, "a", 9, &b, &err) == 0 &&
		tree_read(t, "ab", 9, &b, &err) == 0,
	    "a link to nothing, a file as a folder, folders: no file");
	check_fails(t, "a/out", "link-leaves-tree");
	check_fails(t, "dots", "link-leaves-tree");
	check_fails(t, "abs", "link-leaves-tree");
	check_fails(t, "loop1", "link-loop");
	check_fails(t, "n8", "link-loop");
	check_fails(t, "../outside", "path-unsafe");
	check_fails(t, "/etc/passwd", "path-unsafe");
	check_fails(t, "a//b", "path-unsafe");
	check_fails(t, "a/", "path-unsafe");
	check_fails(t, "./a", "path-unsafe");
	tree_close(t);
}

static void
test_limits(void)
{
	auto_buf struct buf b = { 0 }, path = { 0 };
	struct err err = { 0 };
	struct tree *t;

	put("limits/x", "123456");
	for (int i = 0; i < TREE_DEPTH_MAX; i++)
		buf_adds(&path, i == 0 ? "d" : "/d");
	auto_free char *deep = mem_printf("%s/limits/%s", root, path.data);
	(void)io_mkdirs(deep, 0755, &err);
	t = open_dir("limits");
	ok(tree_walk(t, "", dump, &b, &err) == 0, "128 folders deep");
	buf_adds(&path, "/y");
	auto_free char *deeper = mem_printf("limits/%s", path.data);
	put(deeper, "");
	ok(tree_walk(t, "", dump, &b, &err) < 0 &&
		strcmp(err.code, "tree-too-large") == 0,
	    "one more is refused");
	check_fails(t, path.data, "tree-too-large");
	err = (struct err){ 0 };
	ok(tree_read(t, "x", 6, &b, &err) == 1, "at the limit");
	ok(tree_read(t, "x", 5, &b, &err) < 0 &&
		strcmp(err.code, "too-large") == 0,
	    "above it");
	tree_close(t);
	err = (struct err){ 0 };
	ok(tree_open_dir(&t, "/nowhere/at/all", &err) < 0 &&
		err.status == EX_NOINPUT,
	    "no such folder");
}

static void
test_rules(void)
{
	static const char rules[] = "out\n!out/in/kept\nvendor\n*.log\n";
	auto_ignore struct ignore g = { 0 };
	auto_buf struct buf b = { 0 };
	struct tree_entry e;
	struct err err = { 0 };
	char one[65], two[65];
	struct tree *t;

	put("rules/a.log", "");
	put("rules/b", "b");
	put("rules/out/in/kept/x", "x");
	put("rules/out/in/lost", "");
	put("rules/out/z", "");
	put("rules/vendor/big/1", "");
	put("rules/w", "");
	ignore_defaults(&g);
	(void)ignore_text(&g, rules, strlen(rules), "f", &err);
	t = open_dir("rules");
	tree_filter(t, &g);
	ok(tree_walk(t, "", dump, &b, &err) == 0, "walk under rules");
	tap_str(b.data,
	    "f b 1\nd out\nd out/in\nd out/in/kept\nf out/in/kept/x 1\nf w\n",
	    "what is brought back comes with its folders");
	ok(tree_left_out(t) == 4, "four left out");
	ok(tree_stat(t, "a.log", &e, &err) == 0 &&
		tree_stat(t, "vendor/big", &e, &err) == 0 &&
		tree_stat(t, "out/in/kept/x", &e, &err) == 1 &&
		tree_read(t, "out/z", 9, &b, &err) == 0,
	    "what is left out is not there");
	ok(tree_id(t, one, &err) == 0, "id");
	put("rules/vendor/big/2", "");
	ok(tree_id(t, two, &err) == 0 && strcmp(one, two) == 0,
	    "the id does not see what is left out");
	put("rules/b", "B");
	ok(tree_id(t, two, &err) == 0 && strcmp(one, two) != 0,
	    "it sees content");
	tree_filter(t, NULL);
	ok(tree_stat(t, "a.log", &e, &err) == 1, "until the rules are gone");
	tree_close(t);
}

int
main(void)
{
	if (mkdtemp(root) == NULL)
		return 1;
	test_walk();
	test_links();
	test_limits();
	test_rules();
	auto_free char *cmd = mem_printf("%s", root);
	if (fork() == 0)
		execlp("rm", "rm", "-rf", cmd, (char *)NULL);
	return tap_end();
}
