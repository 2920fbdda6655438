/*
 * The session's server: any bytes after HTTP/2's preface, in pieces; what it
 * sends is dropped, or not asked for.
 * links: lib/engine/grpc.c lib/engine/pb.c lib/base/*.c
 */
#include "engine/grpc.h"

#include <stdint.h>
#include <string.h>

#include "engine/pb.h"

int LLVMFuzzerTestOneInput(const uint8_t *, size_t);

static void
on_begin(struct grpc_call *c, const char *method, void **data, void *ctx)
{
	*data = ctx;
	if (strchr(method, '!') != NULL)
		grpc_end(c, GRPC_UNIMPLEMENTED, method);
	(void)grpc_headers(c, "dir-name");
}

static void
on_message(struct grpc_call *c, void *data, const void *p, size_t n)
{
	struct pb r = pb_of(p, n);
	struct pb_field f;

	(void)data;
	while (pb_next(&r, &f) == 1)
		grpc_send(c, f.bytes.p != NULL ? (const void *)f.bytes.p : "",
		    pb_length(&f.bytes));
}

static void
on_half(struct grpc_call *c, void *data)
{
	(void)data;
	grpc_end(c, GRPC_OK, NULL);
}

static void
on_closed(struct grpc_call *c, void *data)
{
	(void)c;
	(void)data;
}

int
LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	static const struct grpc_ops ops = { on_begin, on_message, on_half,
		on_closed };
	static const char preface[] = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
				      "\0\0\0\4\0\0\0\0\0";
	struct grpc *g = grpc_new(&ops, NULL);
	struct err err = { 0 };
	const unsigned char *out;
	size_t half = n > 0 ? p[0] % (n + 1) : 0;

	if (grpc_feed(g, preface, sizeof(preface) - 1, &err) == 0 &&
	    grpc_feed(g, p, half, &err) == 0) {
		if (n % 2 == 0)
			while (grpc_pending(g, &out, &err) > 0)
				continue;
		(void)grpc_feed(g, p + half, n - half, &err);
		while (grpc_pending(g, &out, &err) > 0)
			continue;
	}
	grpc_free(g);
	return 0;
}
