#include "engine/diffcopy.h"

#include <fnmatch.h>
#include <stdlib.h>
#include <string.h>

#include "base/crypto.h"
#include "base/text.h"
#include "engine/pb.h"

enum {
	STAT = 0, /* types of a packet */
	REQ = 1,
	DATA = 2,
	FIN = 3,
	ERR = 4,
	QUEUE_MAX = 1 << 20, /* bytes that wait before we pause */
	PIECE = 256 << 10,
	DEPTH_MAX = 40, /* of links and patterns in one path */
	STEPS_MAX = 1000000, /* of following paths */
	PATHS_MAX = 20000, /* that are told by name */
	WANTED_MAX = 1000000,
};
#define SPECIAL "*?[\\"
#define DOCKERIGNORE ".dockerignore"
#define GO_DIR 0x80000000U
#define GO_LINK 0x08000000U

struct copy {
	struct grpc_call *call; /* NULL: it is gone */
	struct copy_source from;
	struct strvec only; /* as the engine wrote them */
	struct copy_filter filter;
	bool begun, told, end, failed;
	bool aside; /* .dockerignore alone, which is a copy of its own */
	size_t next; /* row to tell */
	uint32_t *rows; /* of each number that was told, where filtered */
	size_t n, cap;
	uint32_t *wanted; /* numbers asked for: from at up to have */
	size_t at, have, room;
	struct buf out;
};

/* ---- which rows ---- */

void
copy_filter_release(struct copy_filter *f)
{
	strvec_release(&f->paths);
	*f = (struct copy_filter){ 0 };
}

static bool
is_below(const char *path, const char *folder)
{
	size_t n = strlen(folder);

	return n == 0 || (strncmp(path, folder, n) == 0 &&
			     (path[n] == '\0' || path[n] == '/'));
}

/* The first of the paths that is not before this one. */
static size_t
first_from(const struct strvec *paths, const char *path)
{
	size_t low = 0, high = paths->n;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (manifest_compare(paths->v[middle], path) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

bool
copy_filter_has(const struct copy_filter *f, const char *path)
{
	size_t i = first_from(&f->paths, path);

	if (f->paths.n == 0 ||
	    (i < f->paths.n && is_below(f->paths.v[i], path)))
		return true;
	for (const char *p = path; (p = strchr(p, '/')) != NULL; p++) {
		auto_free char *above = mem_strndup(path, (size_t)(p - path));

		i = first_from(&f->paths, above);
		if (i < f->paths.n && strcmp(f->paths.v[i], above) == 0)
			return true;
	}
	return false;
}

/* Paths to follow are patterns; a name in one is quoted. */
static void
add_quoted(struct buf *b, const char *s, size_t n)
{
	for (; n > 0; s++, n--) {
		if (strchr(SPECIAL, *s) != NULL)
			buf_addc(b, '\\');
		buf_addc(b, *s);
	}
}

/* A part without its quotes; false: it is a pattern. */
static bool
plain_part(struct buf *b, const char *s, size_t n)
{
	for (; n > 0; s++, n--) {
		if (*s == '\\' && n > 1)
			s++, n--;
		else if (strchr(SPECIAL, *s) != NULL)
			return false;
		buf_addc(b, *s);
	}
	return true;
}

/*
 * Matches what the engine's pattern does, and more: of "?", "[" and "\" on all
 * counts as "*", since engines take characters of UTF-8 and classes of Go's
 * there.
 */
static bool
matches(const char *pattern, size_t n, const char *name)
{
	size_t sure = strcspn(pattern, "?[\\/");
	auto_buf struct buf loose = { 0 };

	buf_add(&loose, pattern, sure < n ? sure : n);
	if (sure < n)
		buf_addc(&loose, '*');
	return fnmatch(loose.data, name, 0) == 0;
}

/* "/a/./b/../c" as "a/c"; what leaves the root stays at it. */
static void
clean(struct buf *out, const char *path)
{
	while (*path != '\0') {
		size_t n = strcspn(path, "/");
		const char *up;

		if (n == 2 && memcmp(path, "..", 2) == 0) {
			up = out->len > 0 ? strrchr(out->data, '/') : NULL;
			buf_cut(out, up != NULL ? (size_t)(up - out->data) : 0);
		} else if (n > 0 && !(n == 1 && *path == '.')) {
			buf_addf(out, "%s%.*s", out->len > 0 ? "/" : "", (int)n,
			    path);
		}
		path += n;
		path += *path == '/';
	}
}

/* A walk along one path.  Where that becomes too much, as a hostile tree of
 * links makes it, all is told: that is allowed. */
struct follow {
	struct copy_filter *f;
	struct manifest *m;
	size_t steps;
	bool all;
};

static int follow(struct follow *, const char *path, int depth, struct err *);

static bool
too_much(struct follow *w, int depth)
{
	if (w->steps++ > STEPS_MAX || w->f->paths.n > PATHS_MAX ||
	    depth > DEPTH_MAX)
		w->all = true;
	return w->all;
}

/* target of the link at `at`, and what is behind it in a path. */
static int
follow_link(struct follow *w, const char *at, const char *target,
    const char *rest, int depth, struct err *err)
{
	auto_buf struct buf path = { 0 };
	const char *slash = strrchr(at, '/');

	if (*target != '/' && slash != NULL)
		add_quoted(&path, at, (size_t)(slash - at + 1));
	add_quoted(&path, target, strlen(target));
	buf_adds(&path, rest);
	return follow(w, path.data, depth + 1, err);
}

/* What a pattern matches in one folder, and the rest of the path in each. */
static int
follow_pattern(struct follow *w, const char *folder, const char *pattern,
    int depth, struct err *err)
{
	size_t i = 0, n = strlen(folder), part = strcspn(pattern, "/");
	struct manifest_row row;

	if (n > 0 && manifest_find(w->m, folder, &i, err) < 0)
		return -1;
	for (i += n > 0; i < w->m->n && !too_much(w, depth);) {
		auto_buf struct buf path = { 0 }, behind = { 0 };
		const char *name;

		if (manifest_row(w->m, i, &row, err) < 0)
			return -1;
		if (!is_below(row.path, folder))
			break;
		name = row.path + n + (n > 0);
		/* No name in UTF-8 comes after this one in the folder. */
		buf_addf(&behind, "%s/\xff", row.path);
		if (matches(pattern, part, name)) {
			add_quoted(&path, row.path, strlen(row.path));
			buf_adds(&path, pattern + part);
			if (follow(w, path.data, depth + 1, err) < 0)
				return -1;
		}
		if (row.type != BUILD_DIR)
			i++;
		else if (manifest_find(w->m, behind.data, &i, err) < 0)
			return -1;
	}
	return 0;
}

static int
follow(struct follow *w, const char *wanted, int depth, struct err *err)
{
	auto_buf struct buf path = { 0 }, at = { 0 };
	struct manifest_row row;
	size_t i;
	int got;

	clean(&path, wanted);
	if (too_much(w, depth))
		return 0;
	for (const char *p = buf_str(&path); *p != '\0';) {
		size_t n = strcspn(p, "/"), here = at.len;
		auto_buf struct buf part = { 0 };

		if (!plain_part(&part, p, n))
			return follow_pattern(w, buf_str(&at), p, depth, err);
		p += n;
		buf_addf(&at, "%s%s", here > 0 ? "/" : "", part.data);
		got = manifest_find(w->m, at.data, &i, err);
		if (got < 0 ||
		    (got == 1 && manifest_row(w->m, i, &row, err) < 0))
			return -1;
		if (got == 1 && row.type == BUILD_LINK) {
			auto_free char *target = mem_strdup(row.target);

			strvec_add(&w->f->paths, at.data);
			return follow_link(w, at.data, target, p, depth, err);
		}
		p += *p == '/';
	}
	w->all = w->all || at.len == 0;
	strvec_add(&w->f->paths, buf_str(&at));
	return 0;
}

static int
by_order(const void *a, const void *b)
{
	return manifest_compare(*(char *const *)a, *(char *const *)b);
}

int
copy_filter_make(struct copy_filter *f, struct manifest *m,
    const struct strvec *only, struct err *err)
{
	struct follow w = { .f = f, .m = m };

	for (size_t i = 0; i < only->n; i++)
		if (follow(&w, only->v[i], 0, err) < 0)
			return -1;
	if (w.all)
		strvec_clear(&f->paths);
	if (f->paths.n > 1)
		qsort(f->paths.v, f->paths.n, sizeof(*f->paths.v), by_order);
	return 0;
}

/* ---- packets ---- */

static void
packet(struct copy *c, unsigned type, uint32_t id, const struct buf *stat,
    const void *data, size_t n)
{
	buf_clear(&c->out);
	pb_put(&c->out, 1, type);
	if (stat != NULL)
		pb_put_bytes(&c->out, 2, stat->data, stat->len);
	pb_put(&c->out, 3, id);
	pb_put_bytes(&c->out, 4, data, n);
	if (c->call != NULL)
		grpc_send(c->call, buf_str(&c->out), c->out.len);
}

static uint32_t
mode_of(enum build_type type)
{
	switch (type) {
	case BUILD_FILE:
		return 0644;
	case BUILD_EXEC:
		return 0755;
	case BUILD_DIR:
		return GO_DIR | 0755;
	case BUILD_LINK:
		return GO_LINK | 0777;
	}
	abort();
}

static void
tell(struct copy *c, const struct manifest_row *row)
{
	auto_buf struct buf stat = { 0 };

	pb_put_text(&stat, 1, row->path);
	pb_put(&stat, 2, mode_of(row->type));
	if (row->type == BUILD_LINK)
		pb_put(&stat, 5, strlen(row->target));
	else if (row->type != BUILD_DIR)
		pb_put(&stat, 5, row->size);
	pb_put(&stat, 6, (uint64_t)row->time_ns);
	if (row->type == BUILD_LINK)
		pb_put_text(&stat, 7, row->target);
	packet(c, STAT, 0, &stat, NULL, 0);
}

/* Of what it holds, so that another text is another file. */
static int64_t
time_of(const void *p, size_t n)
{
	char hex[SHA256_HEX];

	sha256_hex(p, n, hex);
	hex[15] = '\0';
	return (int64_t)(UINT64_C(1) << 60 | strtoull(hex, NULL, 16) >> 1);
}

static void
remember(struct copy *c, size_t row)
{
	if (c->n == c->cap) {
		c->cap = c->cap * 2 + 64;
		c->rows = mem_realloc(c->rows, c->cap, sizeof(*c->rows));
	}
	c->rows[c->n++] = (uint32_t)row;
}

static int
tell_rows(struct copy *c, struct err *err)
{
	struct manifest *m = c->from.rows;
	struct manifest_row row;

	while (c->next < m->n && c->call != NULL &&
	       grpc_queued(c->call) < QUEUE_MAX) {
		if (manifest_row(m, c->next, &row, err) < 0)
			return -1;
		if (copy_filter_has(&c->filter, row.path)) {
			if (c->filter.paths.n > 0)
				remember(c, c->next);
			if (c->aside && row.stamp != NULL)
				row.time_ns = time_of(row.stamp, BUILD_STAMP);
			tell(c, &row);
		}
		c->next++;
	}
	c->told = c->next == m->n;
	return 0;
}

static int
tell_some(struct copy *c, struct err *err)
{
	if (c->from.rows != NULL) {
		if (tell_rows(c, err) < 0)
			return -1;
	} else {
		tell(c, &(struct manifest_row){ .path = c->from.name,
			    .type = BUILD_FILE,
			    .size = strlen(c->from.text),
			    .time_ns =
				time_of(c->from.text, strlen(c->from.text)) });
		c->told = true;
	}
	if (c->told)
		packet(c, STAT, 0, NULL, NULL, 0);
	return 0;
}

/* ---- contents ---- */

struct sending {
	struct copy *c;
	uint32_t id;
	uint64_t left;
	copy_room_fn *room;
	void *ctx;
};

static int
send_piece(struct sending *s, const char *p, size_t n, struct err *err)
{
	packet(s->c, DATA, s->id, NULL, p, n);
	if (copy_queued(s->c) > QUEUE_MAX && s->room(s->c, s->ctx, err) < 0)
		return -1;
	if (s->c->call == NULL)
		return err_set(err, EX_UNAVAILABLE, "connection-lost",
		    "engine: it broke off asking for files");
	return 0;
}

static int
on_data(const void *data, size_t n, void *ctx, struct err *err)
{
	struct sending *s = ctx;
	const char *p = data;

	if (n > s->left)
		return err_set(err, EX_TEMPFAIL, "source-changed",
		    "it has grown while it was read");
	s->left -= n;
	while (n > 0) {
		size_t piece = n < PIECE ? n : PIECE;

		if (send_piece(s, p, piece, err) < 0)
			return -1;
		p += piece;
		n -= piece;
	}
	return 0;
}

static int
send_row(struct copy *c, struct sending *s, size_t row, struct err *err)
{
	struct manifest_row r;
	const struct engine_context *x = c->from.context;

	if (manifest_row(c->from.rows, row, &r, err) < 0)
		return -1;
	auto_free char *path = mem_strdup(r.path);

	if (r.type != BUILD_FILE && r.type != BUILD_EXEC)
		return err_set(err, EX_PROTOCOL, "engine-answer",
		    "engine: it asks for %s, which is no file", path);
	s->left = r.size;
	if (x->read(x->ctx, path, on_data, s, err) < 0)
		return err_wrap(err, "%s", path);
	if (s->left > 0)
		return err_set(err, EX_TEMPFAIL, "source-changed",
		    "%s: it has shrunk while it was read", path);
	return 0;
}

static int
send_file(struct copy *c, uint32_t id, copy_room_fn *room, void *ctx,
    struct err *err)
{
	struct sending s = { c, id, 0, room, ctx };
	size_t told = c->from.rows == NULL    ? 1
		      : c->filter.paths.n > 0 ? c->n
					      : c->next;
	int rc;

	if (id >= told)
		return err_set(err, EX_PROTOCOL, "engine-answer",
		    "engine: it asks for a file that it was not told of");
	if (c->from.rows != NULL) {
		rc = send_row(c, &s, c->filter.paths.n > 0 ? c->rows[id] : id,
		    err);
	} else {
		s.left = strlen(c->from.text);
		rc = on_data(c->from.text, s.left, &s, err);
	}
	if (rc == 0)
		packet(c, DATA, id, NULL, NULL, 0);
	return rc;
}

/* ---- the call ---- */

struct copy *
copy_new(struct grpc_call *call, const struct copy_source *from)
{
	struct copy *c = mem_zalloc(1, sizeof(*c));

	c->call = call;
	c->from = *from;
	for (size_t i = 0; from->only != NULL && i < from->only->n; i++)
		strvec_add(&c->only, from->only->v[i]);
	return c;
}

void
copy_closed(struct copy *c)
{
	c->call = NULL;
}

size_t
copy_queued(const struct copy *c)
{
	return c->call != NULL ? grpc_queued(c->call) : 0;
}

void
copy_free(struct copy *c)
{
	if (c == NULL)
		return;
	strvec_release(&c->only);
	copy_filter_release(&c->filter);
	free(c->rows);
	free(c->wanted);
	buf_release(&c->out);
	free(c);
}

static void
want(struct copy *c, uint64_t id)
{
	if (c->at == c->have)
		c->at = c->have = 0;
	if (id > UINT32_MAX || c->have >= WANTED_MAX) {
		grpc_end(c->call, GRPC_INTERNAL, "too many requests");
		return;
	}
	if (c->have == c->room) {
		c->room = c->room * 2 + 64;
		c->wanted = mem_realloc(c->wanted, c->room, sizeof(*c->wanted));
	}
	c->wanted[c->have++] = (uint32_t)id;
}

void
copy_message(struct copy *c, const void *p, size_t n)
{
	struct pb r = pb_of(p, n);
	struct pb_field f;
	uint64_t type = 0, id = 0;

	while (pb_next(&r, &f) == 1) {
		if (f.number == 1)
			type = f.value;
		else if (f.number == 3)
			id = f.value;
	}
	if (type == REQ)
		want(c, id);
	else if (type == FIN)
		c->end = true;
}

/* Before a build asks for the context it asks for .dockerignore, into a copy
 * of its own: that is not what the manifest tells of. */
static int
begin(struct copy *c, struct err *err)
{
	c->begun = true;
	if (c->from.rows == NULL)
		return 0;
	c->aside = c->only.n == 1 && text_ends(c->only.v[0], DOCKERIGNORE);
	if (!c->aside && manifest_begin(c->from.rows, err) < 0)
		return -1;
	return copy_filter_make(&c->filter, c->from.rows, &c->only, err);
}

static int
work(struct copy *c, copy_room_fn *room, void *ctx, struct err *err)
{
	if (!c->begun && begin(c, err) < 0)
		return -1;
	if (!c->told) {
		if (grpc_queued(c->call) >= QUEUE_MAX)
			return 0;
		return tell_some(c, err) < 0 ? -1 : 1;
	}
	if (c->at < c->have)
		return send_file(c, c->wanted[c->at++], room, ctx, err) < 0 ? -1
									    : 1;
	if (!c->end)
		return 0;
	packet(c, FIN, 0, NULL, NULL, 0);
	grpc_end(c->call, GRPC_OK, NULL);
	c->end = false;
	if (c->from.rows != NULL && !c->aside)
		manifest_end(c->from.rows);
	return 1;
}

int
copy_work(struct copy *c, copy_room_fn *room, void *ctx, struct err *err)
{
	int did;

	if (c->call == NULL || c->failed)
		return 0;
	did = work(c, room, ctx, err);
	c->failed = did < 0;
	if (did < 0 && c->call != NULL) {
		packet(c, ERR, 0, NULL, err->msg, strlen(err->msg));
		grpc_end(c->call, GRPC_INTERNAL, err->msg);
	}
	return did;
}
