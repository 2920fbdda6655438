/*
 * .gitmodules and, after a NUL, what may be a Git LFS pointer, in a tree that
 * has one empty folder: what is named is in the tree or could be.
 * links: lib/source/tree.c lib/source/tree_git.c lib/source/ignore.c
 * links: lib/base/*.c
 */
#include <stdint.h>

#include "source/tree_ops.h"

#include "../../lib/source/origin.c"

int LLVMFuzzerTestOneInput(const uint8_t *, size_t);

/* ---- a tree of three files and "lib", an empty folder ---- */

enum { ROOT, LIB };

static struct {
	const char *name;
	const char *text;
	size_t n;
} files[] = {
	{ ".gitattributes", "*.bin filter=lfs", 16 },
	{ ".gitmodules", NULL, 0 },
	{ "a.bin", NULL, 0 },
};

static int
fake_enter(struct tree *t, union tree_at at, const char *name,
    union tree_at *to, struct err *err)
{
	(void)t;
	(void)err;
	to->node = LIB;
	return at.node == ROOT && strcmp(name, "lib") == 0;
}

static void
fake_leave(struct tree *t, union tree_at at)
{
	(void)t;
	(void)at;
}

static int
fake_look(struct tree *t, union tree_at at, const char *name,
    struct tree_list *l, struct err *err)
{
	size_t n = l->n;

	(void)t;
	(void)err;
	if (at.node != ROOT)
		return 0;
	if (name == NULL || strcmp(name, "lib") == 0)
		tree_list_add(l, "lib", 3, TREE_DIR, 0, NULL, 0);
	for (size_t i = 0; i < sizeof(files) / sizeof(*files); i++)
		if (name == NULL || strcmp(name, files[i].name) == 0)
			tree_list_add(l, files[i].name, strlen(files[i].name),
			    TREE_FILE, files[i].n, NULL, 0);
	return l->n > n;
}

static int
fake_list(struct tree *t, union tree_at at, struct tree_list *l,
    struct err *err)
{
	return fake_look(t, at, NULL, l, err) < 0 ? -1 : 0;
}

static int
fake_pipe(struct tree *t, union tree_at at, const char *name, tree_sink *sink,
    void *ctx, struct err *err)
{
	(void)t;
	(void)at;
	for (size_t i = 0; i < sizeof(files) / sizeof(*files); i++)
		if (strcmp(name, files[i].name) == 0)
			return sink(files[i].text, files[i].n, ctx, err);
	abort();
}

static void
fake_close(struct tree *t)
{
	free(t);
}

static const struct tree_ops fake_ops = {
	.name = "fake",
	.enter = fake_enter,
	.leave = fake_leave,
	.list = fake_list,
	.look = fake_look,
	.pipe = fake_pipe,
	.close = fake_close,
};

/* ---- what is checked ---- */

/* Relative, with no way out, and not of a file or a folder with something. */
static void
check_module(struct tree *t, const char *path)
{
	struct err err = { 0 };
	struct tree_entry e;
	int got = tree_stat(t, path, &e, &err);

	if (got < 0 || (got == 1 && e.type != TREE_DIR) || *path == '/' ||
	    strpbrk(path, "\r\n") != NULL)
		abort();
}

static size_t
is_pointer(size_t i)
{
	static const char mark[] = "version https://git-lfs.github.com/spec/";
	size_t n = strlen(mark);

	return files[i].n >= n && files[i].n < POINTER_MAX &&
	       memcmp(files[i].text, mark, n) == 0;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	const uint8_t *nul = n > 0 ? memchr(data, '\0', n) : NULL;
	auto_source struct source s = { .fd = -1 };
	auto_survey struct survey v = { 0 };
	struct err err = { 0 };

	files[1].text = (const char *)data;
	files[1].n = nul != NULL ? (size_t)(nul - data) : n;
	files[2].text = (const char *)data + files[1].n + (nul != NULL);
	files[2].n = n - files[1].n - (nul != NULL);
	s.tree = mem_zalloc(1, sizeof(*s.tree));
	s.tree->ops = &fake_ops;
	if (source_survey(&s, &v, &err) < 0)
		return files[1].n > IGNORE_MAX ? 0 : (abort(), 0);
	if (v.files != 3 || v.lfs.n != is_pointer(1) + is_pointer(2) ||
	    v.modules.n > SURVEY_MAX)
		abort();
	for (size_t i = 0; i < v.modules.n; i++)
		check_module(s.tree, v.modules.v[i]);
	return 0;
}
