#include "engine/pb.h"

#include <string.h>

static bool
varint(struct pb *r, uint64_t *v)
{
	*v = 0;
	for (unsigned shift = 0; shift < 64 && r->p < r->end; shift += 7) {
		unsigned char c = *r->p++;

		*v |= (uint64_t)(c & 0x7f) << shift;
		if ((c & 0x80) == 0)
			return true;
	}
	return false;
}

static bool
skip(struct pb *r, size_t n)
{
	if ((size_t)(r->end - r->p) < n)
		return false;
	r->p += n;
	return true;
}

size_t
pb_length(const struct pb *r)
{
	return r->p == NULL ? 0 : (size_t)(r->end - r->p);
}

int
pb_next(struct pb *r, struct pb_field *f)
{
	uint64_t key, n;

	*f = (struct pb_field){ 0 };
	if (r->p == r->end)
		return 0;
	if (!varint(r, &key) || key >> 3 == 0 || key >> 3 > 536870911)
		return -1;
	f->number = (unsigned)(key >> 3);
	switch (key & 7) {
	case 0:
		return varint(r, &f->value) ? 1 : -1;
	case 1:
		return skip(r, 8) ? 1 : -1;
	case 2:
		if (!varint(r, &n) || n > (uint64_t)(r->end - r->p))
			return -1;
		f->bytes.p = r->p;
		r->p += n;
		f->bytes.end = r->p;
		return 1;
	case 5:
		return skip(r, 4) ? 1 : -1;
	default:
		return -1;
	}
}

static void
put_varint(struct buf *b, uint64_t v)
{
	for (; v >= 0x80; v >>= 7)
		buf_addc(b, (int)(v & 0x7f) | 0x80);
	buf_addc(b, (int)v);
}

void
pb_put(struct buf *b, unsigned number, uint64_t v)
{
	if (v == 0)
		return;
	put_varint(b, (uint64_t)number << 3);
	put_varint(b, v);
}

void
pb_put_bytes(struct buf *b, unsigned number, const void *p, size_t n)
{
	if (n == 0)
		return;
	put_varint(b, (uint64_t)number << 3 | 2);
	put_varint(b, n);
	buf_add(b, p, n);
}

void
pb_put_text(struct buf *b, unsigned number, const char *s)
{
	pb_put_bytes(b, number, s, strlen(s));
}
