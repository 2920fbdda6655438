#include "engine/diffcopy.h"

#include <fnmatch.h>
#include <stdlib.h>
#include <string.h>

#include "base/crypto.h"
#include "engine/pb.h"

enum {
	STAT = 0, /* types of a packet */
	REQ = 1,
	DATA = 2,
	FIN = 3,
	ERR = 4,
	QUEUE_MAX = 1 << 20, /* bytes that wait before we pause */
	PIECE = 256 << 10,
	LINKS_MAX = 40,
	WANTED_MAX = 1000000,
};
#define GO_DIR 0x80000000U
#define GO_LINK 0x08000000U

struct copy {
	struct grpc_call *call; /* NULL: it is gone */
	struct copy_source from;
	struct strvec only; /* as the engine wrote them */
	struct copy_filter filter;
	bool begun, told, end;
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
}

static bool
is_below(const char *path, const char *folder)
{
	size_t n = strlen(folder);

	return n == 0 || (strncmp(path, folder, n) == 0 &&
			     (path[n] == '\0' || path[n] == '/'));
}

bool
copy_filter_has(const struct copy_filter *f, const char *path)
{
	for (size_t i = 0; i < f->paths.n; i++)
		if (is_below(path, f->paths.v[i]) ||
		    is_below(f->paths.v[i], path))
			return true;
	return f->paths.n == 0;
}

static int follow(struct copy_filter *, struct manifest *, const char *path,
    int depth, struct err *);

/* target of the link at `at`, and what is behind it in a path. */
static int
follow_link(struct copy_filter *f, struct manifest *m, const char *at,
    const char *target, const char *rest, int depth, struct err *err)
{
	auto_buf struct buf path = { 0 };
	const char *slash = strrchr(at, '/');

	if (*target != '/' && slash != NULL)
		buf_add(&path, at, (size_t)(slash - at + 1));
	buf_addf(&path, "%s%s", target, rest);
	return follow(f, m, path.data, depth + 1, err);
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

/* What a pattern matches in one folder, and the rest of the path in each. */
static int
follow_pattern(struct copy_filter *f, struct manifest *m, const char *folder,
    const char *pattern, const char *rest, int depth, struct err *err)
{
	struct manifest_row row;
	size_t i = 0, n = strlen(folder);

	if (n > 0 && manifest_find(m, folder, &i, err) < 0)
		return -1;
	for (; i < m->n; i++) {
		const char *name;

		if (manifest_row(m, i, &row, err) < 0)
			return -1;
		if (!is_below(row.path, folder))
			break;
		name = row.path + n + (n > 0 && row.path[n] == '/');
		if (strchr(name, '/') != NULL || fnmatch(pattern, name, 0) != 0)
			continue;
		auto_free char *path = mem_printf("%s%s", row.path, rest);

		if (follow(f, m, path, depth + 1, err) < 0)
			return -1;
	}
	return 0;
}

static int
follow(struct copy_filter *f, struct manifest *m, const char *wanted, int depth,
    struct err *err)
{
	auto_buf struct buf path = { 0 }, at = { 0 };
	struct manifest_row row;
	size_t i;
	int got;

	if (depth > LINKS_MAX)
		return 0; /* the engine will say that it is not there */
	clean(&path, wanted);
	for (const char *p = buf_str(&path); *p != '\0';) {
		size_t n = strcspn(p, "/");
		auto_free char *part = mem_strndup(p, n);

		p += n;
		if (strpbrk(part, "*?[\\") != NULL)
			return follow_pattern(f, m, buf_str(&at), part, p,
			    depth, err);
		buf_addf(&at, "%s%s", at.len > 0 ? "/" : "", part);
		got = manifest_find(m, at.data, &i, err);
		if (got < 0 || (got == 1 && manifest_row(m, i, &row, err) < 0))
			return -1;
		if (got == 1 && row.type == BUILD_LINK) {
			auto_free char *target = mem_strdup(row.target);

			strvec_add(&f->paths, at.data);
			return follow_link(f, m, at.data, target, p, depth,
			    err);
		}
		p += *p == '/';
	}
	strvec_add(&f->paths, buf_str(&at));
	return 0;
}

int
copy_filter_make(struct copy_filter *f, struct manifest *m,
    const struct strvec *only, struct err *err)
{
	for (size_t i = 0; i < only->n; i++)
		if (follow(f, m, only->v[i], 0, err) < 0)
			return -1;
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

/* Of its text, so that another text is another file. */
static int64_t
time_of_text(const char *text)
{
	char hex[SHA256_HEX];

	sha256_hex(text, strlen(text), hex);
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
			    .time_ns = time_of_text(c->from.text) });
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

static int
work(struct copy *c, copy_room_fn *room, void *ctx, struct err *err)
{
	if (!c->begun && c->from.rows != NULL &&
	    copy_filter_make(&c->filter, c->from.rows, &c->only, err) < 0)
		return -1;
	c->begun = true;
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
	return 1;
}

int
copy_work(struct copy *c, copy_room_fn *room, void *ctx, struct err *err)
{
	int did;

	if (c->call == NULL)
		return 0;
	did = work(c, room, ctx, err);
	if (did < 0 && c->call != NULL) {
		packet(c, ERR, 0, NULL, err->msg, strlen(err->msg));
		grpc_end(c->call, GRPC_INTERNAL, err->msg);
	}
	return did;
}
