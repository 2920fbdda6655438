#include "engine/manifest.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/crypto.h"
#include "base/io.h"
#include "base/text.h"

static const char magic[] = "rcn-context 1\n";

enum {
	MAGIC = sizeof(magic) - 1,
	ENTRIES_MAX = 1000000,
	PATH_MAX_BYTES = 4096,
	BLOCK = 65536,
};

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
	bool end;
	struct head head;
	char *path; /* of the row at hand */
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

static void
step(struct reader *r)
{
	size_t n;

	free(r->path);
	r->path = NULL;
	if (r->end || r->fd < 0 || !fill(r, sizeof(r->head))) {
		r->end = true;
		return;
	}
	memcpy(&r->head, r->block.data + r->at, sizeof(r->head));
	n = sizeof(r->head) + r->head.path + r->head.target;
	if (!fill(r, n)) {
		r->end = true;
		return;
	}
	r->path =
	    mem_strndup(r->block.data + r->at + sizeof(r->head), r->head.path);
	r->at += n;
}

/* The key of an old file that is one of ours; false: there is none. */
static bool
reader_open(struct reader *r, const char *path, char key[MANIFEST_KEY])
{
	char head[MAGIC + MANIFEST_KEY];

	r->fd =
	    path != NULL ? open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW) : -1;
	if (r->fd >= 0 &&
	    io_read(r->fd, head, sizeof(head)) == (ssize_t)sizeof(head) &&
	    memcmp(head, magic, MAGIC) == 0) {
		memcpy(key, head + MAGIC, MANIFEST_KEY - 1);
		key[MANIFEST_KEY - 1] = '\0';
		step(r);
		return strspn(key, "0123456789abcdef") == MANIFEST_KEY - 1;
	}
	return false;
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
	       !(n == 2 && memcmp(s, "..", 2) == 0) &&
	       !(n == 4 && strncasecmp(s, ".git", 4) == 0);
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
	if (!fine)
		return err_set(err, EX_DATAERR, "path-unsafe",
		    "%.300s: no name that an engine may be told", e->path);
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

/* A file beside path, or one without a name. */
static int
make(const char *path, char *name, size_t size, struct err *err)
{
	const char *dir = getenv("TMPDIR");
	int fd;

	if (path == NULL) {
		if (dir == NULL || *dir != '/')
			dir = "/var/tmp";
		fd = open(dir, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
		return fd >= 0 ? fd
			       : err_sys(err, EX_CANTCREAT, "cannot-create",
				     "a file in %s", dir);
	}
	(void)snprintf(name, size, "%s.XXXXXX", path);
	fd = mkostemp(name, O_CLOEXEC);
	return fd >= 0
		   ? fd
		   : err_sys(err, EX_CANTCREAT, "cannot-create", "%s", path);
}

static int
write_rows(struct manifest *m, const char *path, const struct engine_context *c,
    struct err *err)
{
	struct writer w = { .m = m };
	unsigned char random[(MANIFEST_KEY - 1) / 2];
	int rc = 0;

	if (!reader_open(&w.old, path, m->key)) {
		random_bytes(random, sizeof(random));
		hex_encode(random, sizeof(random), m->key);
	}
	buf_add(&w.block, magic, MAGIC);
	buf_addf(&w.block, "%s\n", m->key);
	if (c->walk(c->ctx, add, &w, err) < 0 || flush(&w, err) < 0)
		rc = -1;
	reader_close(&w.old);
	buf_release(&w.block);
	free(w.last);
	return rc;
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
	char name[PATH_MAX_BYTES + 16] = "";
	int rc;

	*m = (struct manifest){ .fd = -1, .lock = -1 };
	if (path != NULL && !hold(m, path))
		path = NULL;
	m->fd = make(path, name, sizeof(name), err);
	if (m->fd < 0)
		return -1;
	rc = write_rows(m, path, c, err);
	if (rc == 0 && path != NULL && rename(name, path) < 0)
		rc = err_sys(err, EX_IOERR, "write-failed", "%s", path);
	if (rc < 0 && name[0] != '\0')
		(void)unlink(name);
	return rc;
}

void
manifest_close(struct manifest *m)
{
	if (m->fd >= 0)
		close(m->fd);
	if (m->lock >= 0)
		close(m->lock);
	free(m->at);
	buf_release(&m->row);
	*m = (struct manifest){ .fd = -1, .lock = -1 };
}

/* ---- reading rows ---- */

static int
take(const struct manifest *m, uint64_t at, void *to, size_t n, struct err *err)
{
	for (size_t have = 0; have < n;) {
		ssize_t got = pread(m->fd, (char *)to + have, n - have,
		    (off_t)(at + have));

		if (got < 0 && errno == EINTR)
			continue;
		if (got <= 0)
			return err_sys(err, EX_IOERR, "read-failed",
			    "the context's manifest");
		have += (size_t)got;
	}
	return 0;
}

int
manifest_row(struct manifest *m, size_t i, struct manifest_row *out,
    struct err *err)
{
	struct head h;

	if (take(m, m->at[i], &h, sizeof(h), err) < 0)
		return -1;
	buf_clear(&m->row);
	buf_grow(&m->row, (size_t)h.path + h.target + 2);
	if (take(m, m->at[i] + sizeof(h), m->row.data, h.path, err) < 0 ||
	    take(m, m->at[i] + sizeof(h) + h.path, m->row.data + h.path + 1,
		h.target, err) < 0)
		return -1;
	m->row.data[h.path] = '\0';
	m->row.data[h.path + 1 + h.target] = '\0';
	*out = (struct manifest_row){ .path = m->row.data,
		.target = m->row.data + h.path + 1,
		.type = (enum build_type)h.type,
		.size = h.size,
		.time_ns = h.time_ns };
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
