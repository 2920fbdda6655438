/*
 * A tree over a commit: libgit2 reads the object store, nothing is written
 * and no configuration but the repository's own is read.  Big blobs of packs,
 * which libgit2 cannot stream, come from a git that reads none.
 */
#include "source/tree_ops.h"

#include <fcntl.h>
#include <git2.h>
#include <iconv.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/folder.h"
#include "base/io.h"
#include "base/proc.h"

#define PLAIN_NAME                   \
	"ABCDEFGHIJKLMNOPQRSTUVWXYZ" \
	"abcdefghijklmnopqrstuvwxyz" \
	"0123456789-_"

enum { STREAM_MIN = 4 << 20, PIECE = 64 << 10 };

struct git {
	struct tree tree;
	git_repository *repo;
	git_odb *odb;
	git_commit *commit; /* or NULL */
	char *aside; /* a folder for the child, or NULL */
};

/* What libgit2 says, at the border. */
static int
broken(const char *what, struct err *err)
{
	const git_error *e = git_error_last();

	return err_set(err, EX_DATAERR, "git-broken", "%s: %s", what,
	    e != NULL ? e->message : "libgit2 failed");
}

static int
git_enter(struct tree *t, union tree_at at, const char *name, union tree_at *in,
    struct err *err)
{
	struct git *g = (struct git *)t;
	const git_tree_entry *e = git_tree_entry_byname(at.obj, name);
	git_tree *dir = NULL;

	if (e == NULL || git_tree_entry_filemode(e) != GIT_FILEMODE_TREE)
		return 0;
	if (git_tree_lookup(&dir, g->repo, git_tree_entry_id(e)) < 0)
		return broken(name, err);
	in->obj = dir;
	return 1;
}

static void
git_leave(struct tree *t, union tree_at at)
{
	(void)t;
	git_tree_free(at.obj);
}

static int
add_link(struct git *g, const git_tree_entry *e, uint64_t size,
    struct tree_list *l, struct err *err)
{
	const char *name = git_tree_entry_name(e), *target;
	git_blob *blob = NULL;
	int rc = 0;

	if (size > TREE_PATH_MAX)
		return err_set(err, EX_DATAERR, "tree-too-large",
		    "%s: a link of more than 4096 bytes", name);
	if (git_blob_lookup(&blob, g->repo, git_tree_entry_id(e)) < 0)
		return broken(name, err);
	target = git_blob_rawcontent(blob);
	if (size == 0 || memchr(target, '\0', (size_t)size) != NULL)
		rc = err_set(err, EX_DATAERR, "path-unsafe",
		    "%s: a link to nothing that has a name", name);
	else
		tree_list_add(l, name, strlen(name), TREE_LINK, 0, target,
		    (size_t)size);
	if (rc == 0)
		tree_list_stamp(l, git_tree_entry_id(e)->id, GIT_OID_RAWSZ, 0);
	git_blob_free(blob);
	return rc;
}

static int
add_entry(struct git *g, const git_tree_entry *e, struct tree_list *l,
    struct err *err)
{
	const char *name = git_tree_entry_name(e);
	git_filemode_t mode = git_tree_entry_filemode(e);
	enum tree_type type = mode == GIT_FILEMODE_TREE     ? TREE_DIR
			      : mode == GIT_FILEMODE_COMMIT ? TREE_MODULE
			      : mode == GIT_FILEMODE_BLOB_EXECUTABLE
				  ? TREE_EXEC
				  : TREE_FILE;
	git_object_t kind;
	size_t size = 0;

	if (strcasecmp(name, ".git") == 0)
		return err_set(err, EX_DATAERR, "path-unsafe",
		    "%s: a name that git refuses", name);
	if (type == TREE_DIR || type == TREE_MODULE) {
		tree_list_add(l, name, strlen(name), type, 0, NULL, 0);
		return 0;
	}
	if (git_odb_read_header(&size, &kind, g->odb, git_tree_entry_id(e)) < 0)
		return broken(name, err);
	if (mode == GIT_FILEMODE_LINK)
		return add_link(g, e, size, l, err);
	tree_list_add(l, name, strlen(name), type, size, NULL, 0);
	tree_list_stamp(l, git_tree_entry_id(e)->id, GIT_OID_RAWSZ, 0);
	return 0;
}

static int
git_list(struct tree *t, union tree_at at, struct tree_list *l, struct err *err)
{
	struct git *g = (struct git *)t;
	size_t n = git_tree_entrycount(at.obj);

	for (size_t i = 0; i < n && l->n <= TREE_ENTRIES_MAX; i++)
		if (add_entry(g, git_tree_entry_byindex(at.obj, i), l, err) < 0)
			return -1;
	return 0;
}

static int
git_look(struct tree *t, union tree_at at, const char *name,
    struct tree_list *l, struct err *err)
{
	const git_tree_entry *e = git_tree_entry_byname(at.obj, name);

	if (e == NULL)
		return 0;
	return add_entry((struct git *)t, e, l, err) < 0 ? -1 : 1;
}

/*
 * A big loose blob in pieces: read whole, its compressed bytes would lie in
 * memory beside it.  1 done, 0 small, or not loose, -1.
 */
static int
pipe_loose(struct git *g, const git_oid *id, tree_sink *sink, void *ctx,
    struct err *err)
{
	git_odb_stream *stream = NULL;
	git_object_t type;
	size_t left;
	char *piece;
	int rc = 1;

	if (git_odb_read_header(&left, &type, g->odb, id) < 0 ||
	    left < STREAM_MIN ||
	    git_odb_open_rstream(&stream, &left, &type, g->odb, id) < 0)
		return 0;
	piece = mem_alloc(PIECE);
	while (rc == 1 && left > 0) {
		int n = git_odb_stream_read(stream, piece,
		    left < PIECE ? left : PIECE);

		if (n <= 0)
			rc = broken("blob", err);
		else if (sink(piece, (size_t)n, ctx, err) < 0)
			rc = -1;
		else
			left -= (size_t)n;
	}
	free(piece);
	git_odb_stream_free(stream);
	return rc;
}

/*
 * The child's repository is a folder of our own that has nothing but the
 * objects of the real one: so it runs as we do, and what a stranger has put
 * into a configuration, or into hooks, is not read.
 */
static int
make_aside(struct git *g, struct err *err)
{
	static const char config[] = "[core]\n\trepositoryformatversion = 0\n"
				     "\tbare = true\n";
	const char *dir = getenv("TMPDIR");
	auto_free char *path = mem_printf("%s/rcn-git.XXXXXX",
	    dir != NULL && *dir == '/' ? dir : "/var/tmp");

	if (g->aside != NULL)
		return 0;
	if (mkdtemp(path) == NULL)
		return io_cannot_create(err, path);
	auto_free char *head = mem_printf("%s/HEAD", path);
	auto_free char *conf = mem_printf("%s/config", path);
	auto_free char *refs = mem_printf("%s/refs", path);

	g->aside = ptr_steal(&path);
	if (mkdir(refs, 0700) < 0)
		return io_cannot_create(err, refs);
	if (io_replace(head, 0600, "ref: refs/heads/x\n", 18, err) < 0)
		return -1;
	return io_replace(conf, 0600, config, sizeof(config) - 1, err);
}

static void
drop_aside(struct git *g)
{
	char *slash = g->aside != NULL ? strrchr(g->aside, '/') : NULL;
	struct err ignored = { 0 };

	if (slash == NULL)
		return;
	*slash = '\0';
	(void)folder_remove(g->aside, slash + 1, &ignored);
	free(g->aside);
}

struct packed {
	tree_sink *sink;
	void *ctx;
	uint64_t sent;
	struct buf said;
};

static int
packed_out(const void *p, size_t n, void *ctx, struct err *err)
{
	struct packed *k = ctx;

	k->sent += n;
	return k->sink(p, n, k->ctx, err);
}

static void
packed_said(const char *line, size_t n, void *ctx)
{
	struct packed *k = ctx;

	if (k->said.len == 0)
		buf_add(&k->said, line, n);
}

/* 0: git did not begin. */
static int
run_git(struct git *g, const char *hex, uint64_t size, struct packed *k,
    struct err *err)
{
	const char *path = getenv("PATH");
	auto_free char *dir = mem_printf("GIT_DIR=%s", g->aside);
	auto_free char *objects = mem_printf("GIT_OBJECT_DIRECTORY=%sobjects",
	    git_repository_commondir(g->repo));
	auto_free char *where =
	    mem_printf("PATH=%s", path != NULL ? path : "/usr/bin:/bin");
	const char *argv[] = { "git", "-c", "core.bigFileThreshold=1m", "-c",
		"core.deltaBaseCacheLimit=1m", "cat-file", "blob", hex, NULL };
	const char *envp[] = { dir, objects, where, "HOME=/nonexistent",
		"LC_ALL=C", "GIT_CONFIG_NOSYSTEM=1",
		"GIT_CONFIG_GLOBAL=/dev/null", "GIT_NO_REPLACE_OBJECTS=1",
		"GIT_NO_LAZY_FETCH=1", NULL };
	struct proc p = { .argv = (char *const *)(uintptr_t)argv,
		.envp = (char *const *)(uintptr_t)envp,
		.sink = packed_out,
		.line = packed_said,
		.ctx = k };
	int status = 0;

	if (proc_run(&p, &status, err) < 0)
		return k->sent == 0 && strcmp(err->code, "program-missing") == 0
			   ? 0
			   : -1;
	if (status == 0 && k->sent == size)
		return 1;
	return err_set(err, EX_DATAERR, "git-broken", "git cat-file %s: %s",
	    hex, k->said.len > 0 ? k->said.data : "not all of it");
}

/* 1 done, 0 too small for it or no git is here, -1. */
static int
pipe_packed(struct git *g, const git_oid *id, tree_sink *sink, void *ctx,
    struct err *err)
{
	char hex[GIT_OID_HEXSZ + 1];
	struct packed k = { .sink = sink, .ctx = ctx };
	git_object_t type;
	size_t size;
	int rc;

	if (git_odb_read_header(&size, &type, g->odb, id) < 0 ||
	    size < STREAM_MIN)
		return 0;
	if (make_aside(g, err) < 0)
		return -1;
	(void)git_oid_tostr(hex, sizeof(hex), id);
	rc = run_git(g, hex, size, &k, err);
	buf_release(&k.said);
	return rc;
}

static int
git_pipe(struct tree *t, union tree_at at, const char *name, tree_sink *sink,
    void *ctx, struct err *err)
{
	struct git *g = (struct git *)t;
	const git_tree_entry *e = git_tree_entry_byname(at.obj, name);
	git_blob *blob = NULL;
	size_t n;
	int rc = 0;

	if (e == NULL || git_tree_entry_type(e) != GIT_OBJECT_BLOB ||
	    git_tree_entry_filemode(e) == GIT_FILEMODE_LINK)
		return err_set(err, EX_NOINPUT, "file-missing",
		    "%s: no such file", name);
	rc = pipe_loose(g, git_tree_entry_id(e), sink, ctx, err);
	if (rc == 0)
		rc = pipe_packed(g, git_tree_entry_id(e), sink, ctx, err);
	if (rc != 0)
		return rc < 0 ? -1 : 0;
	if (git_blob_lookup(&blob, g->repo, git_tree_entry_id(e)) < 0)
		return broken(name, err);
	n = (size_t)git_blob_rawsize(blob);
	if (n > 0)
		rc = sink(git_blob_rawcontent(blob), n, ctx, err);
	git_blob_free(blob);
	return rc;
}

static int
git_id(struct tree *t, union tree_at at, struct buf *b, struct err *err)
{
	char hex[GIT_OID_HEXSZ + 1];

	(void)t;
	(void)err;
	buf_adds(b, git_oid_tostr(hex, sizeof(hex), git_tree_id(at.obj)));
	return 0;
}

static void
git_close(struct tree *t)
{
	struct git *g = (struct git *)t;

	drop_aside(g);
	git_commit_free(g->commit);
	git_odb_free(g->odb);
	git_repository_free(g->repo);
	(void)git_libgit2_shutdown();
	free(g);
}

static const struct tree_ops git_ops = {
	.name = "git",
	.enter = git_enter,
	.leave = git_leave,
	.list = git_list,
	.look = git_look,
	.pipe = git_pipe,
	.id = git_id,
	.close = git_close,
};

/*
 * Nobody's configuration; no cache of objects, since each is read once; small
 * windows into the packs.
 */
static int
set_up(struct err *err)
{
	if (git_libgit2_init() < 0)
		return broken("libgit2", err);
	for (int level = GIT_CONFIG_LEVEL_SYSTEM;
	     level <= GIT_CONFIG_LEVEL_GLOBAL; level++)
		(void)git_libgit2_opts(GIT_OPT_SET_SEARCH_PATH, level, "");
	(void)git_libgit2_opts(GIT_OPT_ENABLE_CACHING, 0);
	(void)git_libgit2_opts(GIT_OPT_SET_MWINDOW_SIZE, (size_t)16 << 20);
	(void)git_libgit2_opts(GIT_OPT_SET_MWINDOW_MAPPED_LIMIT,
	    (size_t)64 << 20);
	return 0;
}

/* Bare, since it does not matter who owns a repository that is only read. */
static int
open_repo(git_repository **repo, const char *path, struct err *err)
{
	auto_free char *inner = mem_printf("%s/.git", path);

	if (git_repository_open_bare(repo, path) == 0 ||
	    git_repository_open_bare(repo, inner) == 0)
		return 0;
	return err_set(err, EX_NOINPUT, "source-missing",
	    "%s: not a git repository", path);
}

static int
find_tree(struct git *g, const char *path, const char *rev, struct err *err)
{
	git_object *found = NULL, *commit = NULL, *top = NULL;
	int rc = git_revparse_single(&found, g->repo, rev);

	if (rc == 0)
		rc = git_object_peel(&top, found, GIT_OBJECT_TREE);
	if (rc == 0 && git_object_peel(&commit, found, GIT_OBJECT_COMMIT) == 0)
		g->commit = (git_commit *)commit;
	git_object_free(found);
	g->tree.level[0].at.obj = top;
	if (rc == 0)
		return 0;
	return err_set(err, EX_NOINPUT, "no-such-commit",
	    "%s: no commit %s there", path, rev);
}

int
tree_open_git(struct tree **out, const char *path, const char *rev,
    struct err *err)
{
	struct git *g;

	if (set_up(err) < 0)
		return -1;
	g = mem_zalloc(1, sizeof(*g));
	g->tree.ops = &git_ops;
	if (open_repo(&g->repo, path, err) == 0 &&
	    find_tree(g, path, rev, err) == 0 &&
	    (git_repository_odb(&g->odb, g->repo) == 0 ||
		broken(path, err) == 0)) {
		*out = &g->tree;
		return 0;
	}
	tree_close(&g->tree);
	return -1;
}

/* ---- the commit ---- */

/*
 * From what the commit says it is written in, to UTF-8.  The name is a
 * stranger's: only plain names reach iconv, and none of its stateful codecs.
 */
static iconv_t
codec(const char *encoding)
{
	if (encoding == NULL || strlen(encoding) >= 32 ||
	    strncasecmp(encoding, "ISO-2022", 8) == 0 ||
	    strspn(encoding, PLAIN_NAME) != strlen(encoding))
		return (iconv_t)-1;
	return iconv_open("UTF-8", encoding);
}

static void
add_text(struct buf *b, const char *s, size_t n, const char *encoding)
{
	char piece[512], *in = (char *)(uintptr_t)s;
	iconv_t cd = codec(encoding);

	for (size_t last = n + 1; cd != (iconv_t)-1 && n > 0 && n < last;) {
		char *to = piece;
		size_t room = sizeof(piece);

		last = n;
		(void)iconv(cd, &in, &n, &to, &room);
		buf_add(b, piece, (size_t)(to - piece));
	}
	(void)iconv_close(cd); /* no codec: EBADF */
	buf_add(b, in, n); /* all, or what is no such text */
}

int
tree_git_commit(struct tree *t, struct tree_commit *c, struct err *err)
{
	const git_commit *commit = ((struct git *)t)->commit;
	const git_signature *who;
	const char *encoding, *text;

	(void)err;
	if (commit == NULL)
		return 0;
	encoding = git_commit_message_encoding(commit);
	(void)git_oid_tostr(c->id, sizeof(c->id), git_commit_id(commit));
	c->time = git_commit_time(commit);
	who = git_commit_author(commit);
	if (who != NULL) {
		add_text(&c->author, who->name, strlen(who->name), encoding);
		buf_adds(&c->author, " <");
		add_text(&c->author, who->email, strlen(who->email), encoding);
		buf_addc(&c->author, '>');
	}
	text = git_commit_message(commit);
	if (text != NULL)
		add_text(&c->message, text, strcspn(text, "\n"), encoding);
	return 1;
}

void
tree_commit_release(struct tree_commit *c)
{
	buf_release(&c->author);
	buf_release(&c->message);
}
