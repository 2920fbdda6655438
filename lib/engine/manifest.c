#include "engine/manifest.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/crypto.h"
#include "base/io.h"
#include "base/text.h"

enum {
	ENTRIES_MAX = 1000000,
	PATH_MAX_BYTES = 4096,
	BLOCK = 65536,
	WINDOW = 32768, /* more than a row */
};

/* Before the rows. */
struct top {
	char magic[16], key[MANIFEST_KEY - 1];
	uint64_t rows, settled;
};

static const char magic[16] = "rcn-context 2\n";

/* A row of the file; path and target follow, without NULs. */
struct head {
	int64_t time_ns;
	uint64_t size;
	unsigned char stamp[BUILD_STAMP];
	uint16_t path, target, type, stamped;
};

/* ---- reading a manifest in its order ---- */

struct reader {
	int fd; /* -1: there is none */
	struct buf block;
	size_t at;
	bool end, damaged;
	uint64_t rows; /* that are still to come */
	struct head head;
	char *path; /* of the row at hand; NULL: there is none */
};

static bool
fill(struct reader *r, size_t n)
{
	char piece[BLOCK];
	ssize_t got;

	while (r->block.len - r->at < n) {
		buf_eat(&r->block, r->at);
		r->at = 0;
		got = io_read(r->fd, piece, sizeof(piece));
		if (got <= 0)
			return false;
		buf_add(&r->block, piece, (size_t)got);
	}
	return true;
}

/* A file that does not say what it should is noticed, and is no file. */
static void
step(struct reader *r)
{
	auto_free char *last = ptr_steal(&r->path);
	size_t n;

	if (r->end || (r->end = r->rows == 0))
		return;
	r->rows--;
	r->end = r->damaged = true;
	if (!fill(r, sizeof(r->head)))
		return;
	memcpy(&r->head, r->block.data + r->at, sizeof(r->head));
	n = sizeof(r->head) + r->head.path + r->head.target;
	if (!fill(r, n))
		return;
	r->path =
	    mem_strndup(r->block.data + r->at + sizeof(r->head), r->head.path);
	r->at += n;
	r->damaged = last != NULL && manifest_compare(last, r->path) >= 0;
	r->end = r->damaged;
}

/* The key of an old file that is one of ours and that the engine is at, and
 * its first row; else there is none. */
static bool
reader_open(struct reader *r, const char *path, char key[MANIFEST_KEY])
{
	struct top top;

	r->fd =
	    path != NULL ? open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW) : -1;
	r->end = true;
	if (r->fd < 0 ||
	    io_read(r->fd, &top, sizeof(top)) != (ssize_t)sizeof(top) ||
	    memcmp(top.magic, magic, sizeof(magic)) != 0 || top.settled != 1)
		return false;
	(void)snprintf(key, MANIFEST_KEY, "%.*s", (int)sizeof(top.key),
	    top.key);
	if (strspn(key, "0123456789abcdef") != sizeof(top.key))
		return false;
	r->rows = top.rows;
	r->end = false;
	step(r);
	return true;
}

static void
reader_close(struct reader *r)
{
	if (r->fd >= 0)
		close(r->fd);
	free(r->path);
	buf_release(&r->block);
}

/* ---- writing ---- */

struct writer {
	struct manifest *m;
	struct reader old;
	struct buf block;
	uint64_t offset; /* of the block in the file */
	char *last; /* path before */
};

static int
flush(struct writer *w, struct err *err)
{
	if (io_write_all(w->m->fd, w->block.data, w->block.len) < 0)
		return err_sys(err, EX_IOERR, "write-failed",
		    "the context's manifest");
	w->offset += w->block.len;
	buf_clear(&w->block);
	return 0;
}

int
manifest_compare(const char *a, const char *b)
{
	unsigned x, y;

	while (*a != '\0' && *a == *b)
		a++, b++;
	x = *a == '/' ? 1 : *a == '\0' ? 0 : (unsigned char)*a + 1U;
	y = *b == '/' ? 1 : *b == '\0' ? 0 : (unsigned char)*b + 1U;
	return (x > y) - (x < y);
}

static bool
part_is_fine(const char *s, size_t n)
{
	return n > 0 && !(n == 1 && s[0] == '.') &&
	       !(n == 2 && memcmp(s, "..", 2) == 0);
}

/* Names of a hostile tree end here, whoever has read it. */
static int
check(const struct writer *w, const struct build_entry *e, struct err *err)
{
	size_t n = strlen(e->path);
	bool fine = n <= PATH_MAX_BYTES && text_is_utf8(e->path, n);

	for (const char *p = e->path; fine; p++) {
		size_t part = strcspn(p, "/");

		fine = part_is_fine(p, part);
		p += part;
		if (*p == '\0')
			break;
	}
	if (fine && e->target != NULL)
		fine = strlen(e->target) <= PATH_MAX_BYTES &&
		       text_is_utf8(e->target, strlen(e->target));
	if (fine && w->last != NULL)
		fine = manifest_compare(w->last, e->path) < 0;
	if (!fine) {
		err_set(err, EX_DATAERR, "path-unsafe",
		    "%.300s: not a name that an engine may be told", e->path);
		return err_hint(err,
		    "names of files are UTF-8 for an engine: rename it, leave "
		    "it out by .dockerignore, or build with --no-session");
	}
	if (w->m->n >= ENTRIES_MAX)
		return err_set(err, EX_DATAERR, "tree-too-large",
		    "the context has more than %d entries", ENTRIES_MAX);
	return 0;
}

/* What the row before said of this path decides. */
static int64_t
time_of(struct writer *w, const struct build_entry *e)
{
	struct reader *old = &w->old;

	while (!old->end && old->path != NULL &&
	       manifest_compare(old->path, e->path) < 0)
		step(old);
	if (old->path == NULL || strcmp(old->path, e->path) != 0)
		return e->time_ns;
	if (old->head.stamped && e->stamp != NULL &&
	    memcmp(old->head.stamp, e->stamp, BUILD_STAMP) == 0)
		return old->head.time_ns;
	return old->head.time_ns == e->time_ns ? e->time_ns + 1 : e->time_ns;
}

static int
add(const struct build_entry *e, void *ctx, struct err *err)
{
	struct writer *w = ctx;
	struct manifest *m = w->m;
	const char *target = e->type == BUILD_LINK ? e->target : "";
	struct head h = { .size = e->size,
		.path = (uint16_t)strlen(e->path),
		.target = (uint16_t)strlen(target),
		.type = (uint16_t)e->type,
		.stamped = e->stamp != NULL };

	if (check(w, e, err) < 0)
		return -1;
	free(w->last);
	w->last = mem_strdup(e->path);
	h.time_ns = time_of(w, e);
	if (e->stamp != NULL)
		memcpy(h.stamp, e->stamp, BUILD_STAMP);
	if (m->n == m->cap) {
		m->cap = m->cap * 2 + 256;
		m->at = mem_realloc(m->at, m->cap, sizeof(*m->at));
	}
	m->at[m->n++] = w->offset + w->block.len;
	buf_add(&w->block, &h, sizeof(h));
	buf_add(&w->block, e->path, h.path);
	buf_add(&w->block, target, h.target);
	return w->block.len >= BLOCK ? flush(w, err) : 0;
}

/* A file without a name where there is no path. */
static int
make(const char *path, struct err *err)
{
	const char *dir = getenv("TMPDIR");
	int fd;

	if (dir == NULL || *dir != '/')
		dir = "/var/tmp";
	if (path == NULL)
		fd = open(dir, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
	else
		fd = open(path,
		    O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
	return fd >= 0 ? fd
		       : err_sys(err, EX_CANTCREAT, "cannot-create", "%s%s",
			     path != NULL ? "" : "a file in ",
			     path != NULL ? path : dir);
}

static int
write_top(struct manifest *m, bool settled, struct err *err)
{
	struct top top = { .rows = m->n, .settled = settled };

	memcpy(top.magic, magic, sizeof(magic));
	memcpy(top.key, m->key, sizeof(top.key));
	if (pwrite(m->fd, &top, sizeof(top), 0) == (ssize_t)sizeof(top))
		return 0;
	return err_sys(err, EX_IOERR, "write-failed", "the context's manifest");
}

static void
new_key(struct manifest *m)
{
	unsigned char random[(MANIFEST_KEY - 1) / 2];

	random_bytes(random, sizeof(random));
	hex_encode(random, sizeof(random), m->key);
}

static int
write_rows(struct manifest *m, const struct engine_context *c, struct err *err)
{
	struct writer w = { .m = m };
	struct top none = { 0 };
	int rc = 0;

	if (!reader_open(&w.old, m->path, m->key))
		new_key(m);
	buf_add(&w.block, &none, sizeof(none));
	if (c->walk(c->ctx, add, &w, err) < 0 || flush(&w, err) < 0)
		rc = -1;
	while (rc == 0 && !w.old.end)
		step(&w.old);
	if (w.old.damaged)
		new_key(m);
	reader_close(&w.old);
	buf_release(&w.block);
	free(w.last);
	return rc < 0 ? -1 : write_top(m, false, err);
}

/* One build at a time may use a key: false, another does. */
static bool
hold(struct manifest *m, const char *path)
{
	auto_free char *lock = mem_printf("%s.lock", path);

	m->lock = open(lock, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	return m->lock >= 0 && flock(m->lock, LOCK_EX | LOCK_NB) == 0;
}

int
manifest_open(struct manifest *m, const char *path,
    const struct engine_context *c, struct err *err)
{
	*m = (struct manifest){ .fd = -1, .lock = -1 };
	if (path != NULL && hold(m, path)) {
		m->path = mem_strdup(path);
		m->aside = mem_printf("%s.new", path);
	}
	m->fd = make(m->aside, err);
	if (m->fd < 0)
		return -1;
	return write_rows(m, c, err);
}

int
manifest_begin(struct manifest *m, struct err *err)
{
	m->open++;
	if (m->aside == NULL)
		return 0;
	if (rename(m->aside, m->path) < 0)
		return err_sys(err, EX_IOERR, "write-failed", "%s", m->path);
	free(m->aside);
	m->aside = NULL;
	m->told = true;
	return 0;
}

void
manifest_end(struct manifest *m)
{
	m->open--;
}

void
manifest_close(struct manifest *m, bool in_order)
{
	struct err ignored = { 0 };

	if (m->told && m->open == 0 && in_order)
		(void)write_top(m, true, &ignored);
	if (m->aside != NULL)
		(void)unlink(m->aside);
	if (m->fd >= 0)
		close(m->fd);
	if (m->lock >= 0)
		close(m->lock);
	free(m->path);
	free(m->aside);
	free(m->at);
	buf_release(&m->row);
	free(m->window);
	*m = (struct manifest){ .fd = -1, .lock = -1 };
}

/* ---- reading rows ---- */

/* Rows are mostly read one after another: a window of the file is kept. */
static int
look(struct manifest *m, uint64_t at, size_t n, const char **p, struct err *err)
{
	if (m->window == NULL)
		m->window = mem_alloc(WINDOW);
	if (at < m->from || at + n > m->from + m->have) {
		ssize_t got;

		do
			got = pread(m->fd, m->window, WINDOW, (off_t)at);
		while (got < 0 && errno == EINTR);
		m->from = at;
		m->have = got > 0 ? (size_t)got : 0;
		if (m->have < n)
			return err_sys(err, EX_IOERR, "read-failed",
			    "the context's manifest");
	}
	*p = m->window + (at - m->from);
	return 0;
}

int
manifest_row(struct manifest *m, size_t i, struct manifest_row *out,
    struct err *err)
{
	struct head h;
	const char *p;

	if (look(m, m->at[i], sizeof(h), &p, err) < 0)
		return -1;
	memcpy(&h, p, sizeof(h));
	if (look(m, m->at[i] + sizeof(h), (size_t)h.path + h.target, &p, err) <
	    0)
		return -1;
	buf_clear(&m->row);
	buf_add(&m->row, p, h.path);
	buf_addc(&m->row, '\0');
	buf_add(&m->row, p + h.path, h.target);
	memcpy(m->stamp, h.stamp, sizeof(h.stamp));
	*out = (struct manifest_row){ .path = m->row.data,
		.target = m->row.data + h.path + 1,
		.type = (enum build_type)h.type,
		.size = h.size,
		.time_ns = h.time_ns,
		.stamp = h.stamped ? m->stamp : NULL };
	return 0;
}

int
manifest_find(struct manifest *m, const char *path, size_t *at, struct err *err)
{
	size_t low = 0, high = m->n;
	struct manifest_row row;

	while (low < high) {
		size_t middle = low + (high - low) / 2;
		int order;

		if (manifest_row(m, middle, &row, err) < 0)
			return -1;
		order = manifest_compare(row.path, path);
		if (order == 0) {
			*at = middle;
			return 1;
		}
		if (order < 0)
			low = middle + 1;
		else
			high = middle;
	}
	*at = low;
	return 0;
}
