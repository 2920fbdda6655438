#include "source/watch.h"

#include <git2.h>
#include <string.h>

#include "base/text.h"

struct pair {
	git_repository *repo;
	git_tree *old, *new;
};

static void
pair_release(struct pair *p)
{
	git_tree_free(p->old);
	git_tree_free(p->new);
	git_repository_free(p->repo);
	git_libgit2_shutdown();
}
#define auto_pair AUTO(pair_release)

/* 1 there, 0 no such commit, -1 */
static int
open_tree(git_repository *repo, const char *id, git_tree **tree,
    struct err *err)
{
	git_object *commit = NULL;
	git_oid oid;
	int rc;

	if (git_oid_fromstr(&oid, id) < 0)
		return 0;
	rc = git_object_lookup(&commit, repo, &oid, GIT_OBJECT_COMMIT);
	if (rc == GIT_ENOTFOUND)
		return 0;
	if (rc == 0)
		rc = git_commit_tree(tree, (git_commit *)commit);
	git_object_free(commit);
	if (rc == 0)
		return 1;
	return err_set(err, EX_DATAERR, "git-broken", "%s: %s", id,
	    git_error_last() != NULL ? git_error_last()->message : "?");
}

/* The name and kind of what is at path; "" for nothing. */
static void
name_at(git_tree *tree, const char *path, struct buf *out)
{
	git_tree_entry *e = NULL;
	char hex[GIT_OID_HEXSZ + 1];

	if (*path == '\0')
		git_oid_tostr(hex, sizeof(hex), git_tree_id(tree));
	else if (git_tree_entry_bypath(&e, tree, path) < 0)
		return;
	else
		git_oid_tostr(hex, sizeof(hex), git_tree_entry_id(e));
	buf_addf(out, "%o %s", e != NULL ? git_tree_entry_filemode(e) : 0, hex);
	git_tree_entry_free(e);
}

static bool
differs(const struct pair *p, const char *path)
{
	auto_buf struct buf old = { 0 }, new = { 0 };
	auto_free char *plain = NULL;
	size_t n;

	while (*path == '/' || text_starts(path, "./"))
		path++;
	n = strlen(path);
	while (n > 0 && path[n - 1] == '/')
		n--;
	plain = mem_strndup(path, n);
	if (strcmp(plain, ".") == 0)
		*plain = '\0';
	name_at(p->old, plain, &old);
	name_at(p->new, plain, &new);
	return strcmp(buf_str(&old), buf_str(&new)) != 0;
}

int
watch_changed(const char *repo, const char *base, const char *commit,
    const struct strvec *paths, struct err *err)
{
	auto_pair struct pair p = { 0 };
	int got;

	git_libgit2_init();
	if (git_repository_open_bare(&p.repo, repo) < 0)
		return err_set(err, EX_DATAERR, "git-broken", "%s: %s", repo,
		    git_error_last() != NULL ? git_error_last()->message : "?");
	got = open_tree(p.repo, base, &p.old, err);
	if (got == 1)
		got = open_tree(p.repo, commit, &p.new, err);
	if (got != 1)
		return got == 0 ? 1 : -1;
	for (size_t i = 0; i < paths->n; i++)
		if (differs(&p, paths->v[i]))
			return 1;
	return 0;
}
