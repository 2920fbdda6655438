/* The gRPC server against nghttp2 as a client, byte for byte in memory. */
#include "engine/grpc.h"

#include <nghttp2/nghttp2.h>
#include <stdlib.h>

#include "engine/pb.h"
#include "tap.h"

enum { BIG = 700000 };

/* ---- a server that answers each message with "re:" and the message ---- */

static int closed;

static void
on_begin(struct grpc_call *c, const char *method, void **data, void *ctx)
{
	const struct strvec *names = grpc_headers(c, "followpaths");

	*data = ctx;
	if (strcmp(method, "/x/Unknown") == 0)
		grpc_end(c, GRPC_UNIMPLEMENTED, "no 100% way\n");
	ok(names->n == 2 && strcmp(names->v[1], "b") == 0,
	    "a header that is repeated is a list");
}

static void
on_message(struct grpc_call *c, void *data, const void *p, size_t n)
{
	auto_buf struct buf b = { 0 };

	(void)data;
	buf_adds(&b, "re:");
	buf_add(&b, p, n);
	grpc_send(c, b.data, b.len);
}

static void
on_half(struct grpc_call *c, void *data)
{
	(void)data;
	grpc_end(c, GRPC_OK, NULL);
	grpc_send(c, "late", 4);
}

static void
on_closed(struct grpc_call *c, void *data)
{
	(void)c;
	(void)data;
	closed++;
}

static const struct grpc_ops ops = { on_begin, on_message, on_half, on_closed };

/* ---- a client ---- */

struct client {
	nghttp2_session *h2;
	struct buf out; /* what it will send, in one body */
	size_t sent;
	struct buf in;
	char status[16], said[64], type[32];
	bool end;
};

static ssize_t
client_read(nghttp2_session *h2, int32_t id, uint8_t *to, size_t max,
    uint32_t *flags, nghttp2_data_source *source, void *ctx)
{
	struct client *c = ctx;
	size_t n = c->out.len - c->sent;

	(void)h2;
	(void)id;
	(void)source;
	n = n < max ? n : max;
	if (n > 0)
		memcpy(to, c->out.data + c->sent, n);
	c->sent += n;
	if (c->sent == c->out.len)
		*flags |= NGHTTP2_DATA_FLAG_EOF;
	return (ssize_t)n;
}

static int
client_header(nghttp2_session *h2, const nghttp2_frame *f, const uint8_t *name,
    size_t name_n, const uint8_t *value, size_t value_n, uint8_t flags,
    void *ctx)
{
	struct client *c = ctx;
	static const struct {
		const char *name;
		size_t at, size;
	} rows[] = {
		{ "grpc-status", offsetof(struct client, status), 16 },
		{ "grpc-message", offsetof(struct client, said), 64 },
		{ "content-type", offsetof(struct client, type), 32 },
	};

	(void)h2;
	(void)f;
	(void)flags;
	for (size_t i = 0; i < 3; i++)
		if (name_n == strlen(rows[i].name) &&
		    memcmp(name, rows[i].name, name_n) == 0)
			(void)snprintf((char *)c + rows[i].at, rows[i].size,
			    "%.*s", (int)value_n, (const char *)value);
	return 0;
}

static int
client_chunk(nghttp2_session *h2, uint8_t flags, int32_t id, const uint8_t *p,
    size_t n, void *ctx)
{
	struct client *c = ctx;

	(void)flags;
	buf_add(&c->in, p, n);
	return nghttp2_session_consume(h2, id, n);
}

static int
client_close(nghttp2_session *h2, int32_t id, uint32_t code, void *ctx)
{
	struct client *c = ctx;

	(void)h2;
	(void)id;
	(void)code;
	c->end = true;
	return 0;
}

static void
client_open(struct client *c)
{
	nghttp2_session_callbacks *calls;

	*c = (struct client){ 0 };
	nghttp2_session_callbacks_new(&calls);
	nghttp2_session_callbacks_set_on_header_callback(calls, client_header);
	nghttp2_session_callbacks_set_on_data_chunk_recv_callback(calls,
	    client_chunk);
	nghttp2_session_callbacks_set_on_stream_close_callback(calls,
	    client_close);
	nghttp2_session_client_new(&c->h2, calls, c);
	nghttp2_session_callbacks_del(calls);
	nghttp2_submit_settings(c->h2, 0, NULL, 0);
}

static void
client_message(struct client *c, const void *p, size_t n, int flag)
{
	char head[5] = { (char)flag, (char)(n >> 24), (char)(n >> 16),
		(char)(n >> 8), (char)n };

	buf_add(&c->out, head, 5);
	buf_add(&c->out, p, n);
}

static void
client_call(struct client *c, const char *path)
{
#define NV(n, v)                                                       \
	{ (uint8_t *)(uintptr_t)n, (uint8_t *)(uintptr_t)v, strlen(n), \
		strlen(v), 0 }
	nghttp2_nv nv[] = { NV(":method", "POST"), NV(":scheme", "http"),
		NV(":path", path), NV(":authority", "localhost"),
		NV("te", "trailers"), NV("content-type", "application/grpc"),
		NV("followpaths", "a"), NV("followpaths", "b") };
	nghttp2_data_provider body = { .read_callback = client_read };

	nghttp2_submit_request(c->h2, NULL, nv, 8, &body, NULL);
}

/* Carries bytes both ways until neither side has any; step: bytes a time. */
static bool
carry(struct client *c, struct grpc *g, size_t step)
{
	struct err err = { 0 };
	const unsigned char *p;
	const uint8_t *q;
	bool moved = true;
	ssize_t n;

	while (moved) {
		moved = false;
		while ((n = nghttp2_session_mem_send(c->h2, &q)) > 0) {
			moved = true;
			for (size_t i = 0; i < (size_t)n; i += step)
				if (grpc_feed(g, q + i,
					(size_t)n - i < step ? (size_t)n - i
							     : step,
					&err) < 0)
					return false;
		}
		while ((n = grpc_pending(g, &p, &err)) > 0) {
			moved = true;
			if (nghttp2_session_mem_recv(c->h2, p, (size_t)n) != n)
				return false;
		}
	}
	return true;
}

static void
client_end(struct client *c)
{
	nghttp2_session_del(c->h2);
	buf_release(&c->in);
	buf_release(&c->out);
}

static void
test_messages(size_t step)
{
	auto_grpc struct grpc *g = grpc_new(&ops, NULL);
	auto_free char *big = mem_zalloc(1, BIG);
	struct client c;

	closed = 0;
	client_open(&c);
	client_message(&c, "one", 3, 0);
	client_message(&c, "", 0, 0);
	client_message(&c, big, BIG, 0);
	client_call(&c, "/x/Echo");
	ok(carry(&c, g, step), "carried, %zu bytes a time", step);
	tap_str(c.type, "application/grpc", "its type");
	tap_str(c.status, "0", "status in the trailers");
	ok(c.end && closed == 1, "closed on both sides");
	ok(c.in.len == 3 * 5 + 3 * 3 + 3 + BIG &&
		memcmp(c.in.data, "\0\0\0\0\6re:one\0\0\0\0\3re:", 19) == 0,
	    "each message answered, nothing after the end");
	client_end(&c);
}

static void
test_refusals(void)
{
	struct grpc *g = grpc_new(&ops, NULL);
	struct client c;
	struct err err = { 0 };

	client_open(&c);
	client_call(&c, "/x/Unknown");
	ok(carry(&c, g, 100000), "carried");
	tap_str(c.status, "12", "unimplemented");
	tap_str(c.said, "no 100%25 way%0A", "why, percent-encoded");
	client_end(&c);
	grpc_free(g);

	g = grpc_new(&ops, NULL);
	client_open(&c);
	client_message(&c, "zip", 3, 1);
	client_call(&c, "/x/Echo");
	ok(carry(&c, g, 100000), "carried");
	tap_str(c.status, "8", "a compressed message is refused");
	client_end(&c);
	grpc_free(g);

	g = grpc_new(&ops, NULL);
	closed = 0;
	client_open(&c);
	client_message(&c, "\0\0\0\0\1", 3, 0);
	client_call(&c, "/x/Echo");
	carry(&c, g, 100000);
	client_end(&c);
	grpc_free(g);
	g = grpc_new(&ops, NULL);
	ok(grpc_feed(g, "GET / HTTP/1.1\r\n\r\n------------", 30, &err) < 0 &&
		err.status == EX_PROTOCOL,
	    "no HTTP/2: %s", err.msg);
	grpc_free(g);
}

static void
test_pb(void)
{
	auto_buf struct buf b = { 0 };
	struct pb_field f;
	struct pb r;

	pb_put(&b, 1, 300);
	pb_put(&b, 2, 0);
	pb_put_text(&b, 16, "abc");
	pb_put(&b, 3, UINT64_MAX);
	ok(b.len == 3 + 6 + 11, "its size");
	r = pb_of(b.data, b.len);
	ok(pb_next(&r, &f) == 1 && f.number == 1 && f.value == 300, "a number");
	ok(pb_next(&r, &f) == 1 && f.number == 16 && pb_length(&f.bytes) == 3 &&
		memcmp(f.bytes.p, "abc", 3) == 0,
	    "text");
	ok(pb_next(&r, &f) == 1 && f.value == UINT64_MAX, "the largest");
	ok(pb_next(&r, &f) == 0, "the end");
	r = pb_of("\x0a\x05xx", 4);
	ok(pb_next(&r, &f) < 0, "a length beyond the end");
	r = pb_of("\x08\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", 12);
	ok(pb_next(&r, &f) < 0, "a number that is too long");
}

int
main(void)
{
	test_pb();
	test_messages(1);
	test_messages(7);
	test_messages(1 << 20);
	test_refusals();
	return tap_end();
}
