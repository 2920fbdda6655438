/*
 * pb - protobuf as it is on the wire: varints, fixed sizes, and what has a
 * length, which is bytes, text or a message.
 * Reading never copies: a field's bytes point into the message.
 *	struct pb r = pb_of(data, size);
 *	struct pb_field f;
 *	while ((got = pb_next(&r, &f)) == 1)
 *		if (f.number == 1)
 *			use(f.bytes);
 *	got < 0: these bytes are no message
 * Writing appends to a buf; a value of 0 and empty bytes are left out, as
 * proto3 has it.
 * Source: protobuf.dev, "Encoding".
 */
#ifndef ENGINE_PB_H
#define ENGINE_PB_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/buf.h"

struct pb {
	const unsigned char *p, *end;
};

struct pb_field {
	unsigned number;
	uint64_t value; /* of a varint */
	struct pb bytes; /* of what has a length; else empty */
};

static inline struct pb
pb_of(const void *p, size_t n)
{
	return (struct pb){ p, (const unsigned char *)p + n };
}

size_t pb_length(const struct pb *);
int pb_next(struct pb *, struct pb_field *); /* 1, 0 the end, -1 no message */

void pb_put(struct buf *, unsigned number, uint64_t);
void pb_put_bytes(struct buf *, unsigned number, const void *, size_t);
void pb_put_text(struct buf *, unsigned number, const char *);

#endif
