#include "engine/tarstream.h"

#include <stdio.h>
#include <string.h>

enum { BLOCK = 512, FULL = 64 << 10 };

/* POSIX.1-1988 ustar. */
struct header {
	char name[100], mode[8], uid[8], gid[8], size[12], mtime[12];
	char sum[8], type, target[100], magic[6], version[2];
	char uname[32], gname[32], major[8], minor[8], prefix[155], end[12];
};
_Static_assert(sizeof(struct header) == BLOCK, "a tar block");

static const char zeros[2 * BLOCK];

static int
flush(struct tarstream *t, struct err *err)
{
	int bad = 0;

	if (t->block.len > 0)
		bad = t->out(t->block.data, t->block.len, t->ctx, err);
	buf_clear(&t->block);
	return bad;
}

static int
put(struct tarstream *t, const void *data, size_t n, struct err *err)
{
	const char *p = data;

	t->bytes += n;
	while (n > 0) {
		size_t k = FULL - t->block.len;

		if (k > n)
			k = n;
		if (t->block.cap == 0)
			buf_grow(&t->block, FULL);
		buf_add(&t->block, p, k);
		p += k, n -= k;
		if (t->block.len == FULL && flush(t, err) < 0)
			return -1;
	}
	return 0;
}

static size_t
padding(uint64_t size)
{
	return (size_t)(-size % BLOCK);
}

static void
octal(char *to, size_t n, uint64_t value)
{
	to[--n] = '\0';
	while (n > 0) {
		to[--n] = (char)('0' + (value & 7));
		value >>= 3;
	}
}

static void
checksum(struct header *h)
{
	const unsigned char *p = (const unsigned char *)h;
	unsigned sum = 0;

	memset(h->sum, ' ', sizeof(h->sum));
	for (size_t i = 0; i < sizeof(*h); i++)
		sum += p[i];
	octal(h->sum, 7, sum);
}

/* name and prefix of a path; false: it does not fit. */
static bool
split_name(struct header *h, const char *path)
{
	size_t n = strlen(path);

	if (n <= sizeof(h->name)) {
		memcpy(h->name, path, n);
		return true;
	}
	for (size_t i = n - 1; i > 0; i--) {
		if (path[i] != '/' || n - i - 1 > sizeof(h->name) ||
		    i > sizeof(h->prefix) || i + 1 == n)
			continue;
		memcpy(h->prefix, path, i);
		memcpy(h->name, path + i + 1, n - i - 1);
		return true;
	}
	return false;
}

/* "27 path=...\n": the length counts itself. */
static void
pax_record(struct buf *b, const char *key, const char *value)
{
	size_t rest = strlen(key) + strlen(value) + 3, n = rest + 1, digits;

	do {
		digits = n - rest;
		n = rest + (size_t)snprintf(NULL, 0, "%zu", rest + digits);
	} while (n - rest != digits);
	buf_addf(b, "%zu %s=%s\n", n, key, value);
}

static void
fill(struct header *h, const struct tarstream *t, char type, unsigned mode,
    uint64_t size)
{
	octal(h->mode, sizeof(h->mode), mode);
	octal(h->uid, sizeof(h->uid), 0);
	octal(h->gid, sizeof(h->gid), 0);
	octal(h->size, sizeof(h->size), size);
	octal(h->mtime, sizeof(h->mtime),
	    t->mtime > 0 ? (uint64_t)t->mtime : 0);
	h->type = type;
	memcpy(h->magic, "ustar", 6);
	memcpy(h->version, "00", 2);
}

static int
put_pax(struct tarstream *t, const struct buf *records, struct err *err)
{
	struct header h = { 0 };

	(void)split_name(&h, "PaxHeader");
	fill(&h, t, 'x', 0644, records->len);
	checksum(&h);
	if (put(t, &h, sizeof(h), err) < 0 ||
	    put(t, records->data, records->len, err) < 0)
		return -1;
	return put(t, zeros, padding(records->len), err);
}

static int
put_entry(struct tarstream *t, const char *path, const char *target, char type,
    unsigned mode, uint64_t size, struct err *err)
{
	static const uint64_t most = UINT64_C(077777777777);
	auto_buf struct buf pax = { 0 };
	struct header h = { 0 };
	char number[24];

	fill(&h, t, type, mode, size <= most ? size : 0);
	if (!split_name(&h, path)) {
		pax_record(&pax, "path", path);
		memcpy(h.name, path, sizeof(h.name));
	}
	if (strlen(target) > sizeof(h.target)) {
		pax_record(&pax, "linkpath", target);
		memcpy(h.target, target, sizeof(h.target));
	} else {
		memcpy(h.target, target, strlen(target));
	}
	if (size > most) {
		(void)snprintf(number, sizeof(number), "%llu",
		    (unsigned long long)size);
		pax_record(&pax, "size", number);
	}
	checksum(&h);
	if (pax.len > 0 && put_pax(t, &pax, err) < 0)
		return -1;
	return put(t, &h, sizeof(h), err);
}

int
tarstream_dir(struct tarstream *t, const char *path, struct err *err)
{
	auto_free char *name = mem_printf("%s/", *path != '\0' ? path : ".");

	return put_entry(t, name, "", '5', 0755, 0, err);
}

int
tarstream_link(struct tarstream *t, const char *path, const char *target,
    struct err *err)
{
	return put_entry(t, path, target, '2', 0777, 0, err);
}

int
tarstream_file(struct tarstream *t, const char *path, uint64_t size, bool exec,
    struct err *err)
{
	t->left = size;
	t->pad = padding(size);
	return put_entry(t, path, "", '0', exec ? 0755 : 0644, size, err);
}

static int
changed(struct err *err)
{
	return err_set(err, EX_TEMPFAIL, "source-changed",
	    "a file changed while it was read");
}

int
tarstream_data(struct tarstream *t, const void *data, size_t n, struct err *err)
{
	if (n > t->left)
		return changed(err);
	t->left -= n;
	return put(t, data, n, err);
}

int
tarstream_close(struct tarstream *t, struct err *err)
{
	if (t->left > 0)
		return changed(err);
	return put(t, zeros, t->pad, err);
}

int
tarstream_end(struct tarstream *t, struct err *err)
{
	if (put(t, zeros, sizeof(zeros), err) < 0)
		return -1;
	return flush(t, err);
}

void
tarstream_release(struct tarstream *t)
{
	buf_release(&t->block);
}
