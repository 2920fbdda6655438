/*
 * A tree over a tar file: one pass makes an index, sorted as walks go; a file
 * is read by starting libarchive again at its own header, so pax names, GNU
 * long names and sparse files are libarchive's business here too.  What is
 * compressed is unpacked first, into a file that has no name.
 */
#include "source/tree_ops.h"

#include <archive.h>
#include <archive_entry.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/io.h"
#include "base/text.h"

enum { PIECE = 65536 };
static const int64_t UNPACKED_MAX = INT64_C(16) << 30;

struct node {
	char *path, *target; /* owned; target also of a hard link */
	enum tree_type type;
	bool hard; /* until resolved */
	uint64_t size;
	int64_t pos; /* of the header */
	size_t end; /* past what is in it */
};

struct tar {
	struct tree tree;
	int fd; /* the caller's, or unpacked */
	int unpacked; /* ours, or -1 */
	struct node *v; /* v[0] is the root */
	size_t n, cap;
};

/* ---- reading ---- */

static void
reader_free(struct archive **a)
{
	if (*a != NULL)
		(void)archive_read_free(*a);
}

#define auto_reader AUTO(reader_free)

static int
bad_tar(struct archive *a, struct err *err)
{
	const char *why = archive_error_string(a);

	if (archive_errno(a) == ENOSPC || archive_errno(a) == EIO)
		return err_set(err, EX_IOERR, "read-failed", "tar: %s",
		    why != NULL ? why : "cannot read");
	return err_set(err, EX_DATAERR, "bad-tar", "tar: %s",
	    why != NULL ? why : "not a tar file");
}

/* At the header that begins at pos. */
static struct archive *
reader(int fd, int64_t pos, bool packed, struct err *err)
{
	struct archive *a = archive_read_new();

	if (a == NULL)
		mem_out();
	(void)archive_read_support_format_tar(a);
	if (packed) {
		(void)archive_read_support_filter_gzip(a);
		(void)archive_read_support_filter_bzip2(a);
		(void)archive_read_support_filter_xz(a);
		(void)archive_read_support_filter_zstd(a);
	}
	if (lseek(fd, pos, SEEK_SET) < 0) {
		err_sys(err, EX_NOINPUT, "source-missing",
		    "tar: not a regular file");
	} else if (archive_read_open_fd(a, fd, PIECE) != ARCHIVE_OK) {
		bad_tar(a, err);
	} else {
		return a;
	}
	(void)archive_read_free(a);
	return NULL;
}

/* ---- the index ---- */

/* Bytewise, "/" before all others: a folder, what is in it, then the rest. */
static int
by_path(const void *x, const void *y)
{
	const unsigned char *a = (const void *)((const struct node *)x)->path;
	const unsigned char *b = (const void *)((const struct node *)y)->path;
	int ca, cb;

	while (*a == *b && *a != '\0') {
		a++;
		b++;
	}
	ca = *a == '\0' ? -1 : *a == '/' ? 0 : *a;
	cb = *b == '\0' ? -1 : *b == '/' ? 0 : *b;
	return ca - cb;
}

static struct node *
add_node(struct tar *t, const char *path, size_t n, enum tree_type type)
{
	struct node *node;

	if (t->n == t->cap) {
		t->cap = t->cap != 0 ? t->cap * 2 : 256;
		t->v = mem_realloc(t->v, t->cap, sizeof(*t->v));
	}
	node = &t->v[t->n++];
	*node = (struct node){ .path = mem_strndup(path, n), .type = type };
	return node;
}

/* "./" in front and "/" at the end say nothing; the rest must be a path. */
static int
clean_path(const char *raw, const char **path, size_t *len, struct err *err)
{
	size_t n, depth = 0;

	while (raw[0] == '.' && (raw[1] == '/' || raw[1] == '\0'))
		for (raw++; *raw == '/'; raw++)
			;
	n = strlen(raw);
	while (n > 1 && raw[n - 1] == '/')
		n--;
	*path = raw;
	*len = n;
	if (n > TREE_PATH_MAX)
		return err_set(err, EX_DATAERR, "tree-too-large",
		    "%.60s...: a path of more than 4096 bytes", raw);
	for (size_t at = 0, k; at < n; at += k + 1) {
		for (k = 0; at + k < n && raw[at + k] != '/'; k++)
			;
		if (k == 0 || (k == 1 && raw[at] == '.') ||
		    (k == 2 && raw[at] == '.' && raw[at + 1] == '.'))
			return err_set(err, EX_DATAERR, "path-unsafe",
			    "%s: an absolute path, or an empty part, \".\" or "
			    "\"..\" in a path",
			    raw);
		if (++depth > TREE_DEPTH_MAX)
			return err_set(err, EX_DATAERR, "tree-too-large",
			    "%s: more than 128 folders deep", raw);
	}
	return 0;
}

static int
add_linked(struct node *node, const char *target, struct err *err)
{
	size_t n = strlen(target);

	if (n == 0 || n > TREE_PATH_MAX)
		return err_set(err, EX_DATAERR, "path-unsafe",
		    "%s: a link to nothing that has a name", node->path);
	node->target = mem_strndup(target, n);
	return 0;
}

static int
add_entry(struct tar *t, struct archive *a, struct archive_entry *e,
    struct err *err)
{
	const char *raw = archive_entry_pathname(e), *path;
	const char *hard = archive_entry_hardlink(e);
	int64_t size = archive_entry_size(e);
	mode_t type = archive_entry_filetype(e);
	struct node *node;
	size_t n;

	if (raw == NULL)
		return err_set(err, EX_DATAERR, "path-unsafe",
		    "tar: an entry without a name");
	if (clean_path(raw, &path, &n, err) < 0)
		return -1;
	if (n == 0 || (hard == NULL && type != AE_IFREG && type != AE_IFDIR &&
			  type != AE_IFLNK))
		return 0;
	if (t->n > TREE_ENTRIES_MAX)
		return err_set(err, EX_DATAERR, "tree-too-large",
		    "%s: more than 1,000,000 entries in one source tree", path);
	node = add_node(t, path, n,
	    hard == NULL && type == AE_IFDIR   ? TREE_DIR
	    : hard == NULL && type == AE_IFLNK ? TREE_LINK
	    : archive_entry_perm(e) & 0100     ? TREE_EXEC
					       : TREE_FILE);
	node->hard = hard != NULL;
	node->pos = archive_read_header_position(a);
	if (hard != NULL)
		return add_linked(node, hard, err);
	if (type == AE_IFLNK)
		return add_linked(node,
		    archive_entry_symlink(e) != NULL ? archive_entry_symlink(e)
						     : "",
		    err);
	if (size < 0)
		return err_set(err, EX_DATAERR, "bad-tar",
		    "%s: a negative size", node->path);
	node->size = type == AE_IFREG ? (uint64_t)size : 0;
	return 0;
}

static int
read_index(struct tar *t, struct err *err)
{
	auto_reader struct archive *a = reader(t->fd, 0, false, err);
	struct archive_entry *e;
	int rc;

	if (a == NULL)
		return -1;
	(void)add_node(t, "", 0, TREE_DIR);
	while ((rc = archive_read_next_header(a, &e)) != ARCHIVE_EOF) {
		if (rc < ARCHIVE_WARN)
			return bad_tar(a, err);
		if (add_entry(t, a, e, err) < 0)
			return -1;
	}
	return 0;
}

/* Folders that the tar does not tell, only what is in them. */
static void
add_folders(struct tar *t)
{
	size_t told = t->n;

	for (size_t i = 1; i < told; i++) {
		const char *before = t->v[i - 1].path, *path = t->v[i].path;

		for (size_t k = 0; path[k] != '\0'; k++)
			if (path[k] == '/' &&
			    (strncmp(before, path, k) != 0 ||
				(before[k] != '/' && before[k] != '\0')))
				(void)add_node(t, t->v[i].path, k, TREE_DIR);
	}
	if (t->n > told)
		qsort(t->v, t->n, sizeof(*t->v), by_path);
}

static void
free_node(struct node *node)
{
	free(node->path);
	free(node->target);
}

/* A folder may be told twice; nothing else may. */
static int
drop_doubles(struct tar *t, struct err *err)
{
	size_t n = 1;

	for (size_t i = 1; i < t->n; i++) {
		struct node *node = &t->v[i];

		if (strcmp(node->path, t->v[n - 1].path) != 0) {
			t->v[n++] = *node;
			continue;
		}
		if (node->type != TREE_DIR || t->v[n - 1].type != TREE_DIR) {
			err_set(err, EX_DATAERR, "path-unsafe",
			    "%s: there twice", node->path);
			memmove(&t->v[n], node,
			    (t->n - i) * sizeof(*t->v)); /* none freed twice */
			t->n = n + t->n - i;
			return -1;
		}
		free_node(node);
	}
	t->n = n;
	return 0;
}

static bool
inside(const char *path, const char *folder)
{
	size_t n = strlen(folder);

	return n == 0 || (strncmp(path, folder, n) == 0 && path[n] == '/');
}

/* Where each folder ends; nothing may be in what is no folder. */
static int
find_ends(struct tar *t, struct err *err)
{
	size_t open[TREE_DEPTH_MAX + 1] = { 0 }, depth = 0;

	for (size_t i = 1; i < t->n; i++) {
		struct node *node = &t->v[i];

		while (!inside(node->path, t->v[open[depth]].path))
			t->v[open[depth--]].end = i;
		node->end = i + 1;
		if (i > 1 && t->v[i - 1].type != TREE_DIR &&
		    inside(node->path, t->v[i - 1].path))
			return err_set(err, EX_DATAERR, "path-unsafe",
			    "%s: is no folder, and something is in it",
			    t->v[i - 1].path);
		if (node->type == TREE_DIR)
			open[++depth] = i;
	}
	for (;; depth--) {
		t->v[open[depth]].end = t->n;
		if (depth == 0)
			return 0;
	}
}

static struct node *
find(const struct tar *t, const char *path)
{
	struct node key = { .path = (char *)(uintptr_t)path };

	return bsearch(&key, t->v, t->n, sizeof(*t->v), by_path);
}

/* A hard link is what it names, which must be a file of its own. */
static int
resolve(struct tar *t, struct node *node, struct err *err)
{
	const struct node *to;
	const char *path;
	auto_free char *name = NULL;
	size_t n;

	if (clean_path(node->target, &path, &n, err) < 0)
		return err_wrap(err, "%s", node->path);
	name = mem_strndup(path, n);
	to = find(t, name);
	if (to == NULL || to->hard || to->type == TREE_DIR)
		return err_set(err, EX_DATAERR, "path-unsafe",
		    "%s: a hard link to %s, which is no file in this tar",
		    node->path, name);
	free(node->target);
	node->target = to->target != NULL ? mem_strdup(to->target) : NULL;
	node->type = to->type;
	node->size = to->size;
	node->pos = to->pos;
	return 0;
}

static int
make_index(struct tar *t, struct err *err)
{
	if (read_index(t, err) < 0)
		return -1;
	qsort(t->v, t->n, sizeof(*t->v), by_path);
	add_folders(t);
	if (drop_doubles(t, err) < 0 || find_ends(t, err) < 0)
		return -1;
	for (size_t i = 0; i < t->n; i++)
		if (t->v[i].hard && resolve(t, &t->v[i], err) < 0)
			return -1;
	for (size_t i = 0; i < t->n; i++)
		t->v[i].hard = false;
	return 0;
}

/* ---- compressed ---- */

static int
no_name(int *fd, struct err *err)
{
	const char *dir = getenv("TMPDIR");

	if (dir == NULL || *dir == '\0')
		dir = "/var/tmp";
	*fd = open(dir, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
	if (*fd >= 0)
		return 0;
	(void)io_cannot_create(err, dir);
	return err_wrap(err, "a file to unpack the tar into");
}

static int
copy_out(struct archive *a, int fd, struct err *err)
{
	auto_free char *piece = mem_alloc(PIECE);
	int64_t total = 0;
	ssize_t n;

	while ((n = archive_read_data(a, piece, PIECE)) > 0) {
		total += n;
		if (total > UNPACKED_MAX)
			return err_set(err, EX_DATAERR, "tree-too-large",
			    "tar: more than 16 GiB when unpacked");
		if (io_write_all(fd, piece, (size_t)n) < 0)
			return err_sys(err, EX_IOERR, "write-failed",
			    "unpacking the tar");
	}
	return n < 0 ? bad_tar(a, err) : 0;
}

static int
unpack(struct tar *t, int fd, struct err *err)
{
	auto_reader struct archive *a = archive_read_new();
	struct archive_entry *e;

	if (a == NULL)
		mem_out();
	(void)archive_read_support_format_raw(a);
	(void)archive_read_support_filter_gzip(a);
	(void)archive_read_support_filter_bzip2(a);
	(void)archive_read_support_filter_xz(a);
	(void)archive_read_support_filter_zstd(a);
	if (lseek(fd, 0, SEEK_SET) < 0 ||
	    archive_read_open_fd(a, fd, PIECE) != ARCHIVE_OK ||
	    archive_read_next_header(a, &e) != ARCHIVE_OK)
		return bad_tar(a, err);
	if (no_name(&t->unpacked, err) < 0)
		return -1;
	t->fd = t->unpacked;
	return copy_out(a, t->unpacked, err);
}

/* 1 compressed, 0 plain, -1 neither a tar. */
static int
is_packed(int fd, struct err *err)
{
	auto_reader struct archive *a = reader(fd, 0, true, err);
	struct archive_entry *e;
	int rc;

	if (a == NULL)
		return -1;
	rc = archive_read_next_header(a, &e);
	if (rc != ARCHIVE_EOF && rc < ARCHIVE_WARN)
		return bad_tar(a, err);
	return archive_filter_code(a, 0) != ARCHIVE_FILTER_NONE;
}

/* ---- a tree ---- */

static const struct node *
child(const struct tar *t, union tree_at at, const char *name)
{
	const char *dir = t->v[at.node].path;
	auto_free char *path =
	    mem_printf("%s%s%s", dir, *dir != '\0' ? "/" : "", name);

	return find(t, path);
}

static void
add_item(const struct node *node, struct tree_list *l)
{
	const char *slash = strrchr(node->path, '/');
	const char *name = slash != NULL ? slash + 1 : node->path;

	tree_list_add(l, name, strlen(name), node->type, node->size,
	    node->target, node->target != NULL ? strlen(node->target) : 0);
}

static int
tar_enter(struct tree *t, union tree_at at, const char *name, union tree_at *in,
    struct err *err)
{
	struct tar *tar = (struct tar *)t;
	const struct node *node = child(tar, at, name);

	(void)err;
	if (node == NULL || node->type != TREE_DIR)
		return 0;
	in->node = (size_t)(node - tar->v);
	return 1;
}

static void
tar_leave(struct tree *t, union tree_at at)
{
	(void)t;
	(void)at;
}

static int
tar_list(struct tree *t, union tree_at at, struct tree_list *l, struct err *err)
{
	const struct tar *tar = (struct tar *)t;
	size_t end = tar->v[at.node].end;

	(void)err;
	for (size_t i = at.node + 1; i < end; i = tar->v[i].end)
		add_item(&tar->v[i], l);
	return 0;
}

static int
tar_look(struct tree *t, union tree_at at, const char *name,
    struct tree_list *l, struct err *err)
{
	const struct node *node = child((struct tar *)t, at, name);

	(void)err;
	if (node == NULL)
		return 0;
	add_item(node, l);
	return 1;
}

static int
give_zeros(uint64_t n, tree_sink *sink, void *ctx, struct err *err)
{
	static const char zeros[PIECE];

	for (; n > 0; n -= n < PIECE ? n : PIECE)
		if (sink(zeros, n < PIECE ? (size_t)n : PIECE, ctx, err) < 0)
			return -1;
	return 0;
}

/* The blocks of a file; what lies between them, and behind, is zeros. */
static int
give_blocks(struct archive *a, const struct node *node, tree_sink *sink,
    void *ctx, struct err *err)
{
	uint64_t done = 0;
	const void *block;
	int64_t at;
	size_t n;
	int rc;

	while ((rc = archive_read_data_block(a, &block, &n, &at)) >=
	       ARCHIVE_WARN) {
		if (rc == ARCHIVE_EOF)
			return give_zeros(node->size - done, sink, ctx, err);
		if (at < 0 || (uint64_t)at < done ||
		    (uint64_t)at > node->size || n > node->size - (uint64_t)at)
			return err_set(err, EX_DATAERR, "bad-tar",
			    "%s: a block outside of the file", node->path);
		if (give_zeros((uint64_t)at - done, sink, ctx, err) < 0 ||
		    (n > 0 && sink(block, n, ctx, err) < 0))
			return -1;
		done = (uint64_t)at + n;
	}
	return bad_tar(a, err);
}

static int
tar_pipe(struct tree *t, union tree_at at, const char *name, tree_sink *sink,
    void *ctx, struct err *err)
{
	struct tar *tar = (struct tar *)t;
	const struct node *node = child(tar, at, name);
	auto_reader struct archive *a = NULL;
	struct archive_entry *e;

	if (node == NULL ||
	    (node->type != TREE_FILE && node->type != TREE_EXEC))
		return err_set(err, EX_NOINPUT, "file-missing",
		    "%s: no such file", name);
	if (node->size == 0)
		return 0;
	a = reader(tar->fd, node->pos, false, err);
	if (a == NULL)
		return -1;
	if (archive_read_next_header(a, &e) < ARCHIVE_WARN)
		return bad_tar(a, err);
	return give_blocks(a, node, sink, ctx, err);
}

static void
tar_close(struct tree *t)
{
	struct tar *tar = (struct tar *)t;

	for (size_t i = 0; i < tar->n; i++)
		free_node(&tar->v[i]);
	free(tar->v);
	if (tar->unpacked >= 0)
		(void)close(tar->unpacked);
	free(tar);
}

static const struct tree_ops tar_ops = {
	.name = "tar",
	.enter = tar_enter,
	.leave = tar_leave,
	.list = tar_list,
	.look = tar_look,
	.pipe = tar_pipe,
	.close = tar_close,
};

int
tree_open_tar(struct tree **out, int fd, struct err *err)
{
	struct tar *t;
	struct stat st;
	int packed;

	if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode))
		return err_set(err, EX_NOINPUT, "source-missing",
		    "tar: not a regular file");
	packed = is_packed(fd, err);
	if (packed < 0)
		return -1;
	t = mem_zalloc(1, sizeof(*t));
	t->tree.ops = &tar_ops;
	t->fd = fd;
	t->unpacked = -1;
	if ((packed == 1 && unpack(t, fd, err) < 0) || make_index(t, err) < 0) {
		tar_close(&t->tree);
		return -1;
	}
	*out = &t->tree;
	return 0;
}
