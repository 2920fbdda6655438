/*
 * Trees over commits, against what git itself checks out: the same entries,
 * the same order, the same id; and trees that git would not make.
 */
#include "tap.h"

#include "base/io.h"
#include "shell.h"

static struct tree *
open_git(const char *repo, const char *rev, struct err *err)
{
	auto_text char *path = mem_printf("%s/%s", root, repo);
	struct tree *t = NULL;

	(void)tree_open_git(&t, path, rev, err);
	return t;
}

/* The walk and the id of a commit are those of its checkout. */
static void
same(const char *rev, const char *what)
{
	auto_text char *folder = mem_printf("%s/out", root);
	auto_text char *made =
	    sh("rm -rf out && git -C r worktree prune && "
	       "git -C r worktree add -q -f --detach ../out %s && "
	       "rm out/.git",
		rev);
	auto_buf struct buf git = { 0 }, dir = { 0 };
	char git_id[65] = "1", dir_id[65] = "2";
	struct tree *t, *d = NULL;
	struct err err = { 0 };

	t = open_git("r", rev, &err);
	if (t == NULL || tree_open_dir(&d, folder, &err) < 0 ||
	    tree_walk(t, "", dump, &git, &err) < 0 ||
	    tree_walk(d, "", dump, &dir, &err) < 0 ||
	    tree_id(t, git_id, &err) < 0 || tree_id(d, dir_id, &err) < 0)
		err_print(&err);
	tap_str(buf_str(&git), buf_str(&dir), what);
	ok(git.len > 0 && strcmp(git_id, dir_id) == 0, "%s: one id", what);
	tree_close(t);
	tree_close(d);
}

static void
test_checkout(void)
{
	auto_text char *a =
	    sh("git init -q -b main r && cd r && "
	       "mkdir foo empty && touch foo/bar foo.c foo- foo0 && "
	       "printf hello >hi && ln -s hi link && ln -s ../x up && "
	       "printf x >run && chmod 755 run && "
	       "touch \"$(printf 'n\\377\\nl')\" '*?[' ' ' && "
	       "git add -A && git commit -qm one");
	auto_text char *b =
	    sh("git init -q sub && cd sub && touch s && "
	       "git add s && git commit -qm s && cd ../r && "
	       "git -c protocol.file.allow=always submodule --quiet "
	       "add ../sub mod && git commit -qm two");
	auto_text char *c = sh("cd r && git rm -rqf foo hi && printf f >foo && "
			       "mkdir -p hi/there && printf g >hi/there/x && "
			       "git add -A && git commit -qm three");
	struct err err = { 0 };
	struct tree *t;

	same("HEAD~2", "names that sort badly, links, modes");
	same("HEAD~1", "a submodule is an empty folder");
	same("HEAD", "a folder became a file, a file a folder");
	auto_text char *packed = sh("cd r && git gc -q && git count-objects");
	tap_str(packed, "0 objects, 0 kilobytes", "all is packed");
	same("HEAD", "packed");
	auto_text char *oid = sh("git -C r rev-parse HEAD:hi");
	auto_text char *want = mem_printf("git:%s", oid);
	auto_buf struct buf name = { 0 };
	t = open_git("r", "main", &err);
	ok(tree_root(t, "hi", &err) == 0 && tree_name(t, &name, &err) == 0,
	    "a root folder in a commit");
	tap_str(buf_str(&name), want, "is named by its object");
	tree_close(t);
	ok(open_git("r", "nope", &err) == NULL &&
		strcmp(err.code, "no-such-commit") == 0,
	    "no such commit");
	err = (struct err){ 0 };
	ok(open_git("sub/s", "HEAD", &err) == NULL && err.status == EX_NOINPUT,
	    "no repository");
}

/* Commits made at random, each against its checkout. */
static void
test_random(void)
{
	static const char *const part[] = { "a", "a.b", "a-", "b", "a0" };

	srandom(7);
	for (int round = 0; round < 12; round++) {
		auto_buf struct buf s = { 0 };

		buf_adds(&s,
		    "cd r; put() { mkdir -p \"${1%/*}\" || return 0; "
		    "rm -rf \"$1\"; case $2 in l) ln -s x$3 \"$1\";; "
		    "*) printf $3 >\"$1\"; chmod $2 \"$1\";; esac; };");
		for (int i = 0; i < 40; i++) {
			static const char *const kind[] = { "l", "755", "644" };

			buf_adds(&s, "put .");
			for (long k = random() % 4; k >= 0; k--)
				buf_addf(&s, "/%s", part[random() % 5]);
			buf_addf(&s, " %s %d 2>/dev/null;", kind[random() % 3],
			    i);
		}
		buf_addf(&s, "git add -A; git commit -qm %d", round);
		auto_text char *made = sh("%s", s.data);
		same("HEAD", "a random tree");
	}
}

static void
refused(const char *tree, const char *what, const char *code)
{
	auto_buf struct buf b = { 0 };
	struct err err = { 0 };
	struct tree *t = open_git("r", tree, &err);

	ok(t != NULL && tree_walk(t, "", dump, &b, &err) < 0 &&
		strcmp(err.code, code) == 0,
	    "%s: %s", what, err.msg);
	tree_close(t);
}

/* The bytes of a tree object, "@" for the id of a blob that is there. */
static void
hostile(const char *entries, size_t n, const char *what, const char *code)
{
	static const char blob[] = "\x58\x7b\xe6\xb4\xc3\xf9\x3f\x93\xc4\x89"
				   "\xc0\x11\x1b\xba\x55\x96\x14\x7a\x26\xcb";
	auto_text char *made =
	    sh("cd r && echo x | git hash-object -w --stdin");
	auto_text char *file = mem_printf("%s/tree", root);
	auto_buf struct buf b = { 0 };
	struct err err = { 0 };

	for (size_t i = 0; i < n; i++)
		if (entries[i] == '@')
			buf_add(&b, blob, 20);
		else
			buf_addc(&b, entries[i]);
	(void)io_replace(file, 0600, b.data, b.len, &err);
	auto_text char *tree =
	    sh("cd r && git hash-object -w -t tree --literally ../tree");
	refused(tree, what, code);
}

#define HOSTILE(e, ...) hostile(e, sizeof(e) - 1, __VA_ARGS__)

static void
test_hostile(void)
{
	HOSTILE("100644 ..\0@", "..", "path-unsafe");
	HOSTILE("100644 .\0@", ".", "path-unsafe");
	HOSTILE("40000 .git\0@", ".git", "path-unsafe");
	HOSTILE("100644 .GiT\0@", ".GiT", "path-unsafe");
	HOSTILE("100644 a/b\0@", "a slash", "path-unsafe");
	HOSTILE("100644 /etc\0@", "absolute", "path-unsafe");
	HOSTILE("100644 a\0@100755 a\0@", "twice", "path-unsafe");
	HOSTILE("100644 a\0@100644 b\0@100755 a\0@", "twice, apart",
	    "path-unsafe");
	HOSTILE("100644 a\0abcdefghijklmnopqrst", "no such blob", "git-broken");
	HOSTILE("40000 a\0@", "a blob as a folder", "git-broken");
	auto_text char *deep =
	    sh("cd r && t=$(git hash-object -w -t tree /dev/null); "
	       "i=0; while [ $i -lt 130 ]; do "
	       "t=$(printf '040000 tree %%s\\td\\n' $t | "
	       "git mktree); i=$((i+1)); done; echo $t");
	refused(deep, "130 folders deep", "tree-too-large");
	auto_text char *bomb =
	    sh("cd r && b=$(git hash-object -w --stdin </dev/null); "
	       "t=$(for n in 0 1 2 3 4 5 6 7 8 9; do "
	       "printf '100644 blob %%s\\t%%s\\n' $b $n; done | git mktree); "
	       "i=0; while [ $i -lt 8 ]; do t=$(for n in 0 1 2 3 4 5 6 7 8 9; "
	       "do "
	       "printf '040000 tree %%s\\t%%s\\n' $t $n; done | git mktree); "
	       "i=$((i+1)); done; echo $t");
	refused(bomb, "ten to the ninth", "tree-too-large");
}

int
main(void)
{
	shell_begin("tree_git");
	test_checkout();
	test_random();
	test_hostile();
	shell_end();
	return tap_end();
}
