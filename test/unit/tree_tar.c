/*
 * Trees over tar files: the same entries and id as the folder that was packed,
 * whichever way tar writes it; and tars that nobody should unpack.
 */
#include "tap.h"

#include <fcntl.h>

#include "base/io.h"
#include "shell.h"

static struct tree *
open_tar(const char *name, int *fd, struct err *err)
{
	auto_text char *path = mem_printf("%s/%s", root, name);
	struct tree *t = NULL;

	*fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	(void)tree_open_tar(&t, *fd, err);
	return t;
}

/* out.tar, made by the command, is the folder d. */
static void
same(const char *how)
{
	auto_text char *made = sh("rm -f out.tar; %s", how);
	auto_text char *folder = mem_printf("%s/d", root);
	auto_buf struct buf tar = { 0 }, dir = { 0 };
	char tar_id[65] = "1", dir_id[65] = "2";
	struct tree *t, *d = NULL;
	struct err err = { 0 };
	auto_fd int fd = -1;

	t = open_tar("out.tar", &fd, &err);
	if (t == NULL || tree_open_dir(&d, folder, &err) < 0 ||
	    tree_walk(t, "", dump, &tar, &err) < 0 ||
	    tree_walk(d, "", dump, &dir, &err) < 0 ||
	    tree_id(t, tar_id, &err) < 0 || tree_id(d, dir_id, &err) < 0)
		err_print(&err);
	tap_str(buf_str(&tar), buf_str(&dir), how);
	ok(tar.len > 0 && strcmp(tar_id, dir_id) == 0, "one id");
	tree_close(t);
	tree_close(d);
}

static void
test_same(void)
{
	static const char *const hows[] = {
		"tar cf out.tar -C d .",
		"cd d && tar cf ../out.tar *",
		"tar cf out.tar --format=gnu -C d .",
		"tar cf out.tar --format=pax -C d .",
		"tar czf out.tar -C d .",
		"tar cjf out.tar -C d .",
		"tar cJf out.tar -C d .",
		"tar cf out.tar --sort=name --no-recursion -C d $(cd d && "
		"find * -type f -o -type l)",
		"tar cf out.tar -S -C d .",
	};
	auto_text char *made = sh(
	    "mkdir -p d/foo d/b/c && cd d && touch foo.c foo- foo/bar && "
	    "printf hello >hi && ln -s hi l && chmod 755 foo- && ln hi hard && "
	    "printf x >\"$(printf 'n\\303\\251')\" && "
	    "printf y >\"$(printf 'z\\377')\" && "
	    "truncate -s 300000 hole && printf end >>hole && "
	    "seq 50000 >big && touch b/c/x && "
	    "d=$(printf '%%090d' 7) && mkdir -p $d/$d && printf z >$d/$d/$d && "
	    "ln -s $d/$d/$d long-link && "
	    "mv $d long-$d");

	(void)made;
	for (size_t i = 0; i < sizeof(hows) / sizeof(*hows); i++)
		same(hows[i]);
	auto_text char *lean = sh("rm -rf d/long*");
	same("tar cf out.tar --format=ustar -C d .");
	same("tar cf out.tar --format=v7 -C d .");
	same("cd d && git init -q && git add . && git commit -qm x && "
	     "git archive -o ../out.tar HEAD && rm -rf .git");
	same("tar cf out.tar -C d . && tar rf out.tar --no-recursion -C d "
	     "./foo");
}

static void
test_read(void)
{
	auto_buf struct buf b = { 0 };
	struct err err = { 0 };
	auto_fd int fd = -1;
	auto_text char *made = sh("tar cf out.tar -C d .");
	struct tree *t = open_tar("out.tar", &fd, &err);

	ok(tree_read(t, "l", 10, &b, &err) == 1 && strcmp(b.data, "hello") == 0,
	    "a link is followed");
	buf_clear(&b);
	ok(tree_read(t, "hard", 10, &b, &err) == 1 &&
		tree_read(t, "hi", 10, &b, &err) == 1 &&
		strcmp(b.data, "hellohello") == 0,
	    "both names of a hard link");
	ok(tree_root(t, "foo", &err) == 0 &&
		tree_read(t, "bar", 1, &b, &err) == 1 &&
		tree_read(t, "hi", 10, &b, &err) == 0,
	    "a root folder");
	ok(tree_read(t, "none/x", 1, &b, &err) == 0, "not there");
	tree_close(t);
}

/* The tar that the command makes is refused. */
static void
refused(const char *how, const char *code)
{
	auto_text char *made = sh("rm -rf out.tar h; mkdir h; cd h; %s", how);
	auto_buf struct buf b = { 0 };
	struct err err = { 0 };
	auto_fd int fd = -1;
	struct tree *t = open_tar("out.tar", &fd, &err);
	char id[65];
	bool bad = t == NULL || tree_walk(t, "", dump, &b, &err) < 0 ||
		   tree_id(t, id, &err) < 0;

	ok(bad && strcmp(err.code, code) == 0, "%s: %.200s", code, err.msg);
	if (err.code == NULL)
		printf("# taken: %s\n", how);
	tree_close(t);
}

static void
test_hostile(void)
{
	refused("touch x; tar cf ../out.tar --transform 's,x,a/../x,' x",
	    "path-unsafe");
	refused("touch x; tar cPf ../out.tar --transform 's,x,../x,' x",
	    "path-unsafe");
	refused("touch x; tar cPf ../out.tar $PWD/x", "path-unsafe");
	refused("touch x y; tar cf ../out.tar --transform 's,y,x,' x y",
	    "path-unsafe");
	refused("touch x; mkdir y; touch y/z; "
		"tar cf ../out.tar --transform 's,^y,x,' x y",
	    "path-unsafe");
	refused("ln -s /tmp x; mkdir y; touch y/z; "
		"tar cf ../out.tar --transform 's,y/z,x/z,' x y/z",
	    "path-unsafe");
	refused("touch x; ln x y; tar cf ../out.tar x y; "
		"tar --delete -f ../out.tar x",
	    "path-unsafe");
	refused("i=0; d=x; while [ $i -lt 130 ]; do d=d/$d; i=$((i+1)); done; "
		"touch x; tar cf ../out.tar --transform \"s,x,$d,\" x",
	    "tree-too-large");
	refused("d=$(printf '/%0200d' 1 2 3 4 5 6 7 8 9 1 2 3 4 5 6 7 8 9 1 2 "
		"3); touch x; tar cf ../out.tar --transform \"s,x,x$d,\" x",
	    "tree-too-large");
	refused("truncate -s 100G x; tar cSf ../out.tar x", "tree-too-large");
	refused("printf 'not a tar, not at all' >../out.tar", "bad-tar");
	refused(": >../out.tar", "bad-tar");
	refused("printf 'not a tar' | gzip >../out.tar", "bad-tar");
	refused("seq 90000 >x; tar cf ../out.tar x; truncate -s 9000 "
		"../out.tar",
	    "bad-tar");
	refused("seq 90000 >x; tar czf ../out.tar x; truncate -s 9000 "
		"../out.tar",
	    "bad-tar");
	refused("mkfifo ../out.tar; exec 3<>../out.tar", "source-missing");
	refused("rm -f ../out.tar", "source-missing");
}

static void
test_special(void)
{
	auto_text char *made = sh("rm -rf out.tar h; mkdir h; mkfifo h/p; "
				  "touch h/x; tar cf out.tar -C h .");
	auto_buf struct buf b = { 0 };
	struct err err = { 0 };
	auto_fd int fd = -1;
	struct tree *t = open_tar("out.tar", &fd, &err);

	ok(t != NULL && tree_walk(t, "", dump, &b, &err) == 0, "with a pipe");
	tap_str(buf_str(&b), "f x  0\n", "which is no part of it");
	tree_close(t);
	auto_text char *empty = sh("tar cf out.tar -T /dev/null");
	auto_fd int other = -1;
	buf_clear(&b);
	t = open_tar("out.tar", &other, &err);
	ok(t != NULL && tree_walk(t, "", dump, &b, &err) == 0 && b.len == 0,
	    "a tar of nothing is an empty tree");
	tree_close(t);
}

int
main(void)
{
	shell_begin("tree_tar");
	test_same();
	test_read();
	test_hostile();
	test_special();
	shell_end();
	return tap_end();
}
