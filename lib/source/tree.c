#include "source/tree.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/crypto.h"
#include "base/text.h"
#include "source/tree_ops.h"

static int
unsafe(const char *path, const char *why, struct err *err)
{
	return err_set(err, EX_DATAERR, "path-unsafe", "%s: %s", path, why);
}

static int
too_large(const char *path, const char *why, struct err *err)
{
	return err_set(err, EX_DATAERR, "tree-too-large", "%s: %s", path, why);
}

static int
not_here(const char *path, const char *code, const char *why, struct err *err)
{
	return err_set(err, EX_NOINPUT, code, "%s: %s", path, why);
}

/* ---- lists of entries ---- */

void
tree_list_add(struct tree_list *l, const char *name, size_t n,
    enum tree_type type, uint64_t size, const char *target, size_t target_n)
{
	struct tree_item *i;

	if (l->n == l->cap) {
		l->cap = l->cap != 0 ? l->cap * 2 : 16;
		l->v = mem_realloc(l->v, l->cap, sizeof(*l->v));
	}
	i = &l->v[l->n++];
	*i = (struct tree_item){
		.name = mem_strndup(name, n), .type = type, .size = size
	};
	if (target != NULL)
		i->target = mem_strndup(target, target_n);
}

void
tree_list_stamp(struct tree_list *l, const void *stamp, size_t n,
    int64_t mtime_ns)
{
	struct tree_item *i = &l->v[l->n - 1];

	memcpy(i->stamp, stamp, n < TREE_STAMP ? n : TREE_STAMP);
	i->stamped = true;
	i->mtime_ns = mtime_ns;
}

static void
list_release(struct tree_list *l)
{
	for (size_t i = 0; i < l->n; i++) {
		free(l->v[i].name);
		free(l->v[i].target);
	}
	free(l->v);
	*l = (struct tree_list){ 0 };
}

#define auto_list AUTO(list_release)

static int
by_name(const void *a, const void *b)
{
	return strcmp(((const struct tree_item *)a)->name,
	    ((const struct tree_item *)b)->name);
}

/* Sorted, and every name one that may be. */
static int
list_check(struct tree_list *l, const char *dir, struct err *err)
{
	const char *slash = *dir != '\0' ? "/" : "", *why = NULL;

	if (l->n > 1)
		qsort(l->v, l->n, sizeof(*l->v), by_name);
	for (size_t i = 0; i < l->n; i++) {
		const char *name = l->v[i].name;

		if (*name == '\0')
			why = "an entry without a name";
		else if (strcmp(name, ".") == 0 || strcmp(name, "..") == 0 ||
			 strchr(name, '/') != NULL)
			why = "not a name that an entry may have";
		else if (i > 0 && strcmp(name, l->v[i - 1].name) == 0)
			why = "there twice";
		if (why != NULL)
			return err_set(err, EX_DATAERR, "path-unsafe",
			    "%s%s%s: %s", dir, slash, name, why);
	}
	return 0;
}

/* ---- paths ---- */

static int
check_path(const char *path, struct err *err)
{
	size_t depth = 0, n;

	if (strlen(path) > TREE_PATH_MAX)
		return too_large(path, "a path of more than 4096 bytes", err);
	if (*path == '/')
		return unsafe(path, "an absolute path", err);
	for (const char *p = path; *path != '\0'; p += n + 1) {
		n = strcspn(p, "/");
		if (n == 0 || (n == 1 && p[0] == '.') ||
		    (n == 2 && p[0] == '.' && p[1] == '.'))
			return unsafe(path,
			    "an empty part, \".\" or \"..\" in a path", err);
		if (++depth > TREE_DEPTH_MAX)
			return too_large(path, "more than 128 folders deep",
			    err);
		if (p[n] == '\0')
			break;
	}
	return 0;
}

static void
leave_to(struct tree *t, size_t depth)
{
	for (; t->depth > depth; t->depth--) {
		t->ops->leave(t, t->level[t->depth].at);
		free(t->level[t->depth].name);
	}
}

/* Makes the folder the deepest open one: 1, 0 no such folder, -1. */
static int
go(struct tree *t, const char *dir, struct err *err)
{
	size_t depth = 0, n;

	for (const char *p = dir; *p != '\0'; p += n + (p[n] == '/')) {
		struct tree_level *next = &t->level[depth + 1];
		auto_free char *name = NULL;
		int got;

		n = strcspn(p, "/");
		depth++;
		if (depth <= t->depth && strncmp(next->name, p, n) == 0 &&
		    next->name[n] == '\0')
			continue;
		leave_to(t, depth - 1);
		name = mem_strndup(p, n);
		got = t->ops->enter(t, next[-1].at, name, &next->at, err);
		if (got != 1)
			return got;
		next->name = name;
		name = NULL;
		t->depth = depth;
	}
	leave_to(t, depth);
	return 1;
}

/* A folder and a plain name: 1 and the folder is open, 0, -1. */
static int
go_beside(struct tree *t, const char *path, const char **name, struct err *err)
{
	const char *slash = strrchr(path, '/');
	auto_free char *dir =
	    mem_strndup(path, slash != NULL ? (size_t)(slash - path) : 0);

	*name = slash != NULL ? slash + 1 : path;
	return go(t, dir, err);
}

void
tree_close(struct tree *t)
{
	if (t == NULL)
		return;
	leave_to(t, 0);
	t->ops->leave(t, t->level[0].at);
	buf_release(&t->path);
	buf_release(&t->target);
	t->ops->close(t);
}

int
tree_root(struct tree *t, const char *path, struct err *err)
{
	union tree_at at;
	int got = check_path(path, err) < 0 ? -1 : go(t, path, err);

	if (got < 0)
		return -1;
	if (got == 0)
		return not_here(path, "root-missing",
		    "no such folder in the source", err);
	if (t->depth == 0)
		return 0;
	at = t->level[t->depth].at;
	free(t->level[t->depth].name);
	t->depth--;
	leave_to(t, 0);
	t->ops->leave(t, t->level[0].at);
	t->level[0].at = at;
	return 0;
}

void
tree_filter(struct tree *t, const struct ignore *ignore)
{
	t->ignore = ignore;
}

uint64_t
tree_left_out(const struct tree *t)
{
	return t->left_out;
}

/* ---- one entry ---- */

static bool
hidden(const struct tree *t, const char *path)
{
	return t->ignore != NULL &&
	       ignore_hides(t->ignore, ignore_decides(t->ignore, path));
}

/* What is at a path that was checked. */
static int
look(struct tree *t, const char *path, struct tree_list *l, struct err *err)
{
	const char *name;
	int got;

	if (*path == '\0') {
		tree_list_add(l, "", 0, TREE_DIR, 0, NULL, 0);
		return 1;
	}
	if (hidden(t, path))
		return 0;
	got = go_beside(t, path, &name, err);
	return got == 1 ? t->ops->look(t, t->level[t->depth].at, name, l, err)
			: got;
}

static int
tell(struct tree *t, const char *path, const struct tree_item *i,
    struct tree_entry *e)
{
	buf_clear(&t->path);
	buf_adds(&t->path, path);
	buf_clear(&t->target);
	if (i->target != NULL)
		buf_adds(&t->target, i->target);
	*e = (struct tree_entry){ .path = t->path.data,
		.target = i->target != NULL ? t->target.data : NULL,
		.type = i->type,
		.size = i->size };
	return 1;
}

int
tree_stat(struct tree *t, const char *path, struct tree_entry *e,
    struct err *err)
{
	auto_list struct tree_list l = { 0 };
	int got;

	if (check_path(path, err) < 0)
		return -1;
	got = look(t, path, &l, err);
	return got == 1 ? tell(t, path, &l.v[0], e) : got;
}

/* The next part of rest goes to the end of done; ".." takes one away. */
static int
take_part(struct buf *done, struct buf *rest, const char *path, struct err *err)
{
	size_t n = strcspn(rest->data, "/");
	const char *part = rest->data;
	char *slash;

	if (n == 2 && memcmp(part, "..", 2) == 0) {
		if (done->len == 0)
			return err_set(err, EX_DATAERR, "link-leaves-tree",
			    "%s: a link that leaves the source tree", path);
		slash = strrchr(done->data, '/');
		buf_cut(done, slash != NULL ? (size_t)(slash - done->data) : 0);
	} else if (n > 1 || (n == 1 && *part != '.')) {
		if (done->len > 0)
			buf_addc(done, '/');
		buf_add(done, part, n);
	}
	buf_eat(rest, n + (rest->data[n] == '/'));
	return 0;
}

/* done is a link: what it points at goes in front of rest. */
static int
take_link(struct buf *done, struct buf *rest, const char *target,
    const char *path, struct err *err)
{
	char *slash = strrchr(done->data, '/');
	auto_buf struct buf b = { 0 };

	if (*target == '/')
		return err_set(err, EX_DATAERR, "link-leaves-tree",
		    "%s: a link to the absolute path %s", path, target);
	buf_cut(done, slash != NULL ? (size_t)(slash - done->data) : 0);
	buf_addf(&b, "%s%s%s", target, rest->len > 0 ? "/" : "", buf_str(rest));
	if (b.len > TREE_PATH_MAX)
		return too_large(path, "a link of more than 4096 bytes", err);
	buf_clear(rest);
	buf_add(rest, b.data, b.len);
	return 0;
}

/* l holds the entry at the end; done is where it is. */
static int
follow(struct tree *t, const char *path, struct buf *done, struct tree_list *l,
    struct err *err)
{
	auto_buf struct buf rest = { 0 };
	int links = 0, got;

	buf_add(done, "", 0);
	buf_adds(&rest, path);
	while (rest.len > 0) {
		if (take_part(done, &rest, path, err) < 0)
			return -1;
		list_release(l);
		if (check_path(done->data, err) < 0)
			return -1;
		got = look(t, done->data, l, err);
		if (got != 1)
			return got;
		if (l->v[0].type != TREE_LINK)
			continue;
		if (++links > TREE_LINKS_MAX)
			return err_set(err, EX_DATAERR, "link-loop",
			    "%s: more than %d links", path, TREE_LINKS_MAX);
		if (take_link(done, &rest, l->v[0].target, path, err) < 0)
			return -1;
	}
	if (l->n == 0)
		return look(t, done->data, l, err);
	return 1;
}

int
tree_find(struct tree *t, const char *path, struct buf *where,
    struct tree_entry *e, struct err *err)
{
	auto_list struct tree_list l = { 0 };
	auto_buf struct buf done = { 0 };
	int got;

	if (check_path(path, err) < 0)
		return -1;
	got = follow(t, path, &done, &l, err);
	if (got != 1)
		return got;
	buf_add(where, done.data, done.len);
	return tell(t, done.data, &l.v[0], e);
}

static bool
is_file(enum tree_type type)
{
	return type == TREE_FILE || type == TREE_EXEC;
}

struct into {
	struct buf *b;
	size_t left;
	const char *path;
};

static int
append(const void *data, size_t n, void *ctx, struct err *err)
{
	struct into *in = ctx;

	if (n > in->left)
		return err_set(err, EX_DATAERR, "too-large",
		    "%s: larger than expected", in->path);
	buf_add(in->b, data, n);
	in->left -= n;
	return 0;
}

int
tree_read(struct tree *t, const char *path, size_t max, struct buf *b,
    struct err *err)
{
	struct into in = { .b = b, .left = max, .path = path };
	auto_buf struct buf where = { 0 };
	struct tree_entry e;
	int got = tree_find(t, path, &where, &e, err);

	if (got != 1 || !is_file(e.type))
		return got < 0 ? -1 : 0;
	if (e.size > max)
		return err_set(err, EX_DATAERR, "too-large",
		    "%s: %" PRIu64 " bytes, more than %zu", path, e.size, max);
	buf_add(b, "", 0);
	return tree_pipe(t, where.data, append, &in, err) < 0 ? -1 : 1;
}

int
tree_pipe(struct tree *t, const char *path, tree_sink *sink, void *ctx,
    struct err *err)
{
	const char *name;
	int got;

	if (check_path(path, err) < 0)
		return -1;
	got = *path == '\0' || hidden(t, path) ? 0
					       : go_beside(t, path, &name, err);
	if (got < 0)
		return -1;
	if (got == 0)
		return not_here(path, "file-missing", "no such file", err);
	return t->ops->pipe(t, t->level[t->depth].at, name, sink, ctx, err);
}

/* ---- walks ---- */

struct walk {
	struct tree *t;
	tree_fn *fn;
	void *ctx;
	uint64_t count, bytes;
	struct buf path; /* of the entry at hand */
};

/*
 * A folder on the way down.  One that the rules leave out, but that may hold
 * something they bring back, is told only before the first such thing.
 */
struct place {
	struct place *up;
	size_t len; /* of its path */
	size_t depth;
	int rule;
	bool told, skip;
};

static int
tell_folders(struct walk *w, struct place *p, struct err *err)
{
	struct tree_entry e = { .type = TREE_DIR };
	auto_free char *path = NULL;
	int got;

	if (p->told)
		return 0;
	if (tell_folders(w, p->up, err) < 0)
		return -1;
	p->told = true;
	path = mem_strndup(w->path.data, p->len);
	e.path = path;
	got = p->up->skip ? 1 : w->fn(&e, w->ctx, err);
	p->skip = got == 1;
	return got < 0 ? -1 : 0;
}

static int visit(struct walk *, struct place *, struct err *);

/* The entry at w->path. */
static int
walk_entry(struct walk *w, struct place *up, const struct tree_item *i,
    struct err *err)
{
	const struct ignore *g = w->t->ignore;
	struct place p = { .up = up,
		.len = w->path.len,
		.depth = up->depth + 1,
		.rule = IGNORE_NONE };
	struct tree_entry e = { w->path.data, i->target, i->type, i->size,
		i->stamped ? i->stamp : NULL, i->mtime_ns };
	int got;

	if (g != NULL)
		p.rule = ignore_rule(g, w->path.data, up->rule);
	if (g != NULL && ignore_hides(g, p.rule)) {
		if (i->type == TREE_DIR &&
		    ignore_reaches(g, p.rule, w->path.data))
			return visit(w, &p, err);
		w->t->left_out++;
		return 0;
	}
	if (__builtin_add_overflow(w->bytes, i->size, &w->bytes) ||
	    w->bytes > TREE_BYTES_MAX)
		return too_large(w->path.data,
		    "more than 64 GiB in one source tree", err);
	if (tell_folders(w, up, err) < 0)
		return -1;
	if (up->skip)
		return 0;
	p.told = true;
	got = w->fn(&e, w->ctx, err);
	if (got != 0 || i->type != TREE_DIR)
		return got < 0 ? -1 : 0;
	return visit(w, &p, err);
}

/* What is in the folder at w->path. */
static int
visit(struct walk *w, struct place *p, struct err *err)
{
	auto_list struct tree_list l = { 0 };
	int got = go(w->t, w->path.data, err);

	if (got == 0)
		return err_set(err, EX_TEMPFAIL, "source-changed",
		    "%s: no longer there", w->path.data);
	if (got < 0)
		return -1;
	if (w->t->ops->list(w->t, w->t->level[w->t->depth].at, &l, err) < 0)
		return p->len > 0 ? err_wrap(err, "%s", w->path.data) : -1;
	if (list_check(&l, w->path.data, err) < 0)
		return -1;
	w->count += l.n;
	if (w->count > TREE_ENTRIES_MAX)
		return too_large(w->path.data,
		    "more than 1,000,000 entries in one source tree", err);
	for (size_t i = 0; i < l.n && !p->skip; i++) {
		buf_cut(&w->path, p->len);
		if (p->len > 0)
			buf_addc(&w->path, '/');
		buf_adds(&w->path, l.v[i].name);
		if (w->path.len > TREE_PATH_MAX)
			return too_large(w->path.data,
			    "a path of more than 4096 bytes", err);
		if (p->depth >= TREE_DEPTH_MAX)
			return too_large(w->path.data,
			    "more than 128 folders deep", err);
		if (walk_entry(w, p, &l.v[i], err) < 0)
			return -1;
	}
	buf_cut(&w->path, p->len);
	return 0;
}

int
tree_walk(struct tree *t, const char *root, tree_fn *fn, void *ctx,
    struct err *err)
{
	struct place top = { .rule = IGNORE_NONE, .told = true };
	struct walk w = { .t = t, .fn = fn, .ctx = ctx };
	int got = check_path(root, err) < 0 ? -1 : go(t, root, err);

	if (got < 0)
		return -1;
	if (t->ignore != NULL && *root != '\0')
		top.rule = ignore_decides(t->ignore, root);
	if (got == 0 || (t->ignore != NULL && hidden(t, root)))
		return not_here(root, "file-missing", "no such folder", err);
	t->left_out = 0;
	buf_adds(&w.path, root);
	top.len = w.path.len;
	for (const char *p = root; *p != '\0'; p++)
		top.depth += p == root || *p == '/';
	got = visit(&w, &top, err);
	buf_release(&w.path);
	return got;
}

/* ---- identity ---- */

struct digest {
	struct tree *t;
	struct sha256 sha;
	uint64_t left;
};

static int
add_bytes(const void *data, size_t n, void *ctx, struct err *err)
{
	struct digest *d = ctx;

	if (n > d->left)
		return err_set(err, EX_TEMPFAIL, "source-changed",
		    "a file grew while it was read");
	d->left -= n;
	sha256_add(&d->sha, data, n);
	return 0;
}

static int
add_entry(const struct tree_entry *e, void *ctx, struct err *err)
{
	static const char types[] = { [TREE_FILE] = 'f',
		[TREE_EXEC] = 'x',
		[TREE_DIR] = 'd',
		[TREE_LINK] = 'l',
		[TREE_MODULE] = 'd' };
	struct digest *d = ctx;
	uint64_t size = e->size;

	sha256_text(&d->sha, e->path);
	sha256_field(&d->sha, &types[e->type], 1);
	if (e->type == TREE_LINK)
		sha256_text(&d->sha, e->target);
	if (!is_file(e->type))
		return 0;
	sha256_field(&d->sha, &size, sizeof(size));
	d->left = size;
	if (tree_pipe(d->t, e->path, add_bytes, d, err) < 0)
		return err_wrap(err, "%s", e->path);
	if (d->left > 0)
		return err_set(err, EX_TEMPFAIL, "source-changed",
		    "%s: a file shrank while it was read", e->path);
	return 0;
}

int
tree_id(struct tree *t, char hex[65], struct err *err)
{
	struct digest d = { .t = t };

	sha256_begin(&d.sha);
	if (tree_walk(t, "", add_entry, &d, err) < 0)
		return -1;
	sha256_end_hex(&d.sha, hex);
	return 0;
}

int
tree_name(struct tree *t, struct buf *b, struct err *err)
{
	char hex[65];

	leave_to(t, 0);
	if (t->ops->id != NULL) {
		buf_addf(b, "%s:", t->ops->name);
		return t->ops->id(t, t->level[0].at, b, err);
	}
	if (tree_id(t, hex, err) < 0)
		return -1;
	buf_addf(b, "sha256:%s", hex);
	return 0;
}

static int
nothing(const struct tree_entry *e, void *ctx, struct err *err)
{
	(void)e;
	(void)ctx;
	(void)err;
	return 0;
}

int
tree_check(struct tree *t, struct err *err)
{
	return tree_walk(t, "", nothing, NULL, err);
}
