/*
 * Any bytes as a tree object of git: only names that are safe come out.
 * links: lib/source/tree.c lib/source/ignore.c lib/base/*.c
 */
#include "../../lib/source/tree_git.c"

#include <git2/sys/mempack.h>

int LLVMFuzzerTestOneInput(const uint8_t *, size_t);

static int
see(const struct tree_entry *e, void *ctx, struct err *err)
{
	const char *name = strrchr(e->path, '/');

	(void)ctx;
	(void)err;
	name = name != NULL ? name + 1 : e->path;
	if (*name == '\0' || *e->path == '/' || strcmp(name, ".") == 0 ||
	    strcmp(name, "..") == 0 || strcasecmp(name, ".git") == 0)
		abort();
	return 0;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	static git_odb_backend *memory;
	static git_repository *repo;
	static git_odb *odb;
	struct git *g;
	struct err err = { 0 };
	git_oid oid, blob;
	git_object *top;

	if (repo == NULL) {
		(void)set_up(&err);
		if (git_mempack_new(&memory) < 0 || git_odb_new(&odb) < 0 ||
		    git_odb_add_backend(odb, memory, 1) < 0 ||
		    git_repository_wrap_odb(&repo, odb) < 0)
			abort();
	}
	/* Entries of the corpus name the empty blob and the empty tree. */
	(void)git_odb_write(&blob, odb, "", 0, GIT_OBJECT_BLOB);
	(void)git_odb_write(&blob, odb, "", 0, GIT_OBJECT_TREE);
	if (git_odb_write(&oid, odb, data, n, GIT_OBJECT_TREE) == 0 &&
	    git_object_lookup(&top, repo, &oid, GIT_OBJECT_TREE) == 0) {
		g = mem_zalloc(1, sizeof(*g));
		g->tree.ops = &git_ops;
		g->tree.level[0].at.obj = top;
		g->repo = repo;
		g->odb = odb;
		(void)tree_walk(&g->tree, "", see, NULL, &err);
		g->repo = NULL; /* ours, kept */
		g->odb = NULL;
		(void)git_libgit2_init();
		tree_close(&g->tree);
	}
	(void)git_mempack_reset(memory);
	return 0;
}
