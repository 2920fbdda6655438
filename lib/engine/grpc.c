#include "engine/grpc.h"

#include <ctype.h>
#include <nghttp2/nghttp2.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"

enum {
	CALLS_MAX = 100,
	WINDOW = 1 << 20,
	CONNECTION_WINDOW = 4 << 20,
	HEADER_BYTES_MAX = 1 << 20,
	CONTINUATIONS_MAX = 64,
	HEAD = 5, /* of a message: a flag and its length */
};

struct header {
	char *name;
	struct strvec values;
};

struct grpc_call {
	struct grpc *g;
	int32_t id;
	void *data; /* the owner's */
	bool begun, ended;
	struct header *headers;
	size_t n, header_bytes;
	struct buf in; /* of a message that is not whole */
	struct buf out;
	size_t sent; /* of out */
	enum grpc_status status;
	char *said;
	struct grpc_call *next;
};

struct grpc {
	nghttp2_session *h2;
	const struct grpc_ops *ops;
	void *ctx;
	struct grpc_call *calls;
};

static struct grpc_call *
call_of(struct grpc *g, int32_t id)
{
	return nghttp2_session_get_stream_user_data(g->h2, id);
}

static void
call_free(struct grpc_call *c)
{
	for (size_t i = 0; i < c->n; i++) {
		free(c->headers[i].name);
		strvec_release(&c->headers[i].values);
	}
	free(c->headers);
	buf_release(&c->in);
	buf_wipe(&c->out);
	free(c->said);
	free(c);
}

/* Takes it out of the list, tells its owner. */
static void
call_close(struct grpc_call *c)
{
	struct grpc_call **at = &c->g->calls;

	while (*at != c)
		at = &(*at)->next;
	*at = c->next;
	if (c->begun)
		c->g->ops->closed(c, c->data);
	call_free(c);
}

const struct strvec *
grpc_headers(const struct grpc_call *c, const char *name)
{
	static const struct strvec none = { 0 };

	for (size_t i = 0; i < c->n; i++)
		if (strcmp(c->headers[i].name, name) == 0)
			return &c->headers[i].values;
	return &none;
}

static const char *
header(const struct grpc_call *c, const char *name)
{
	const struct strvec *v = grpc_headers(c, name);

	return v->n > 0 ? v->v[0] : "";
}

/*
 * What we send
 */

/* grpc-message is percent-encoded: printable ASCII stays. */
static void
encode(struct buf *b, const char *s)
{
	for (; *s != '\0'; s++)
		if (*s >= ' ' && *s <= '~' && *s != '%')
			buf_addc(b, *s);
		else
			buf_addf(b, "%%%02X", (unsigned char)*s);
}

static nghttp2_nv
pair(const char *name, const char *value)
{
	/* nghttp2 copies both; its type is not const. */
	return (nghttp2_nv){
		.name = (uint8_t *)(uintptr_t)name,
		.value = (uint8_t *)(uintptr_t)value,
		.namelen = strlen(name),
		.valuelen = strlen(value),
	};
}

static int
trailers(struct grpc_call *c)
{
	auto_buf struct buf said = { 0 };
	char status[12];
	nghttp2_nv nv[2];

	(void)snprintf(status, sizeof(status), "%d", (int)c->status);
	encode(&said, c->said != NULL ? c->said : "");
	nv[0] = pair("grpc-status", status);
	nv[1] = pair("grpc-message", buf_str(&said));
	return nghttp2_submit_trailer(c->g->h2, c->id, nv,
	    said.len > 0 ? 2 : 1);
}

static ssize_t
on_read(nghttp2_session *h2, int32_t id, uint8_t *to, size_t max,
    uint32_t *flags, nghttp2_data_source *source, void *ctx)
{
	struct grpc_call *c = source->ptr;
	size_t n = c->out.len - c->sent;

	(void)h2;
	(void)id;
	(void)ctx;
	if (n == 0 && !c->ended)
		return NGHTTP2_ERR_DEFERRED;
	n = n < max ? n : max;
	if (n > 0)
		memcpy(to, c->out.data + c->sent, n);
	c->sent += n;
	if (c->sent == c->out.len) {
		buf_clear(&c->out);
		c->sent = 0;
		if (c->ended) {
			*flags |= NGHTTP2_DATA_FLAG_EOF |
				  NGHTTP2_DATA_FLAG_NO_END_STREAM;
			if (trailers(c) != 0)
				return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
		}
	}
	return (ssize_t)n;
}

/* Where a good part has gone, the rest moves to the front. */
static void
compact(struct grpc_call *c)
{
	if (c->sent > c->out.len / 2) {
		buf_eat(&c->out, c->sent);
		c->sent = 0;
	}
}

void
grpc_send(struct grpc_call *c, const void *p, size_t n)
{
	unsigned char head[HEAD] = { 0, (unsigned char)(n >> 24),
		(unsigned char)(n >> 16), (unsigned char)(n >> 8),
		(unsigned char)n };

	if (c->ended)
		return;
	compact(c);
	buf_add(&c->out, head, sizeof(head));
	buf_add(&c->out, p, n);
	(void)nghttp2_session_resume_data(c->g->h2, c->id);
}

void
grpc_end(struct grpc_call *c, enum grpc_status status, const char *message)
{
	if (c->ended)
		return;
	c->ended = true;
	c->status = status;
	c->said = message != NULL ? mem_strdup(message) : NULL;
	(void)nghttp2_session_resume_data(c->g->h2, c->id);
}

size_t
grpc_queued(const struct grpc_call *c)
{
	return c->out.len - c->sent;
}

ssize_t
grpc_pending(struct grpc *g, const unsigned char **p, struct err *err)
{
	ssize_t n = nghttp2_session_mem_send(g->h2, p);

	if (n >= 0)
		return n;
	return err_set(err, EX_PROTOCOL, "bad-answer", "engine: session: %s",
	    nghttp2_strerror((int)n));
}

bool
grpc_over(const struct grpc *g)
{
	return nghttp2_session_want_read(g->h2) == 0 &&
	       nghttp2_session_want_write(g->h2) == 0;
}

/*
 * What arrives
 */

static int
on_begin(nghttp2_session *h2, const nghttp2_frame *f, void *ctx)
{
	struct grpc *g = ctx;
	struct grpc_call *c;

	if (f->hd.type != NGHTTP2_HEADERS ||
	    f->headers.cat != NGHTTP2_HCAT_REQUEST)
		return 0;
	c = mem_zalloc(1, sizeof(*c));
	c->g = g;
	c->id = f->hd.stream_id;
	c->next = g->calls;
	g->calls = c;
	return nghttp2_session_set_stream_user_data(h2, c->id, c);
}

static int
on_header(nghttp2_session *h2, const nghttp2_frame *f, const uint8_t *name,
    size_t name_n, const uint8_t *value, size_t value_n, uint8_t flags,
    void *ctx)
{
	struct grpc_call *c = call_of(ctx, f->hd.stream_id);
	size_t i = 0;

	(void)h2;
	(void)flags;
	if (c == NULL || c->begun)
		return 0;
	c->header_bytes += name_n + value_n + 32;
	if (c->header_bytes > HEADER_BYTES_MAX)
		return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
	while (i < c->n && (strlen(c->headers[i].name) != name_n ||
			       memcmp(c->headers[i].name, name, name_n) != 0))
		i++;
	if (i == c->n) {
		c->headers =
		    mem_realloc(c->headers, c->n + 1, sizeof(*c->headers));
		c->headers[c->n++] = (struct header){
			.name = mem_strndup((const char *)name, name_n)
		};
	}
	strvec_addn(&c->headers[i].values, (const char *)value, value_n);
	return 0;
}

static int
begin(struct grpc_call *c)
{
	nghttp2_data_provider body = { .source.ptr = c,
		.read_callback = on_read };
	nghttp2_nv nv[2];

	nv[0] = pair(":status", "200");
	nv[1] = pair("content-type", "application/grpc");
	if (nghttp2_submit_response(c->g->h2, c->id, nv, 2, &body) != 0)
		return NGHTTP2_ERR_CALLBACK_FAILURE;
	c->begun = true;
	c->g->ops->begin(c, header(c, ":path"), &c->data, c->g->ctx);
	return 0;
}

static int
on_frame(nghttp2_session *h2, const nghttp2_frame *f, void *ctx)
{
	struct grpc_call *c = call_of(ctx, f->hd.stream_id);

	(void)h2;
	if (c == NULL)
		return 0;
	if (f->hd.type == NGHTTP2_HEADERS && !c->begun && begin(c) != 0)
		return NGHTTP2_ERR_CALLBACK_FAILURE;
	if ((f->hd.flags & NGHTTP2_FLAG_END_STREAM) != 0 && c->begun)
		c->g->ops->half(c, c->data);
	return 0;
}

static uint32_t
length_of(const char *head)
{
	const unsigned char *u = (const unsigned char *)head;

	return (uint32_t)u[1] << 24 | (uint32_t)u[2] << 16 |
	       (uint32_t)u[3] << 8 | u[4];
}

/* Whole messages are handed over; false: none that we take. */
static bool
messages(struct grpc_call *c)
{
	size_t at = 0;
	uint32_t n;

	while (c->in.len - at >= HEAD) {
		n = length_of(c->in.data + at);
		if (c->in.data[at] != 0 || n > GRPC_MESSAGE_MAX)
			return false;
		if (c->in.len - at - HEAD < n)
			break;
		c->g->ops->message(c, c->data, c->in.data + at + HEAD, n);
		at += HEAD + n;
	}
	buf_eat(&c->in, at);
	return true;
}

static int
on_chunk(nghttp2_session *h2, uint8_t flags, int32_t id, const uint8_t *p,
    size_t n, void *ctx)
{
	struct grpc_call *c = call_of(ctx, id);

	(void)h2;
	(void)flags;
	if (c == NULL || !c->begun || c->ended)
		return 0;
	buf_add(&c->in, p, n);
	if (!messages(c)) {
		buf_clear(&c->in);
		grpc_end(c, GRPC_EXHAUSTED,
		    "a message that is compressed or too large");
	}
	return 0;
}

static int
on_close(nghttp2_session *h2, int32_t id, uint32_t code, void *ctx)
{
	struct grpc_call *c = call_of(ctx, id);

	(void)code;
	if (c == NULL)
		return 0;
	(void)nghttp2_session_set_stream_user_data(h2, id, NULL);
	call_close(c);
	return 0;
}

int
grpc_feed(struct grpc *g, const void *p, size_t n, struct err *err)
{
	ssize_t took = nghttp2_session_mem_recv(g->h2, p, n);

	if (took == (ssize_t)n)
		return 0;
	return err_set(err, EX_PROTOCOL, "bad-answer",
	    "engine: session: no HTTP/2: %s",
	    took < 0 ? nghttp2_strerror((int)took) : "it ends in the middle");
}

static nghttp2_session *
open_h2(struct grpc *g)
{
	static const nghttp2_settings_entry settings[] = {
		{ NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS, CALLS_MAX },
		{ NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, WINDOW },
	};
	nghttp2_session_callbacks *calls;
	nghttp2_session *h2;
	nghttp2_option *option;

	if (nghttp2_session_callbacks_new(&calls) != 0 ||
	    nghttp2_option_new(&option) != 0)
		mem_out();
	nghttp2_session_callbacks_set_on_begin_headers_callback(calls,
	    on_begin);
	nghttp2_session_callbacks_set_on_header_callback(calls, on_header);
	nghttp2_session_callbacks_set_on_frame_recv_callback(calls, on_frame);
	nghttp2_session_callbacks_set_on_data_chunk_recv_callback(calls,
	    on_chunk);
	nghttp2_session_callbacks_set_on_stream_close_callback(calls, on_close);
	/* Long lists of patterns come as headers. */
	nghttp2_option_set_max_continuations(option, CONTINUATIONS_MAX);
	if (nghttp2_session_server_new2(&h2, calls, g, option) != 0)
		mem_out();
	nghttp2_option_del(option);
	nghttp2_session_callbacks_del(calls);
	if (nghttp2_submit_settings(h2, NGHTTP2_FLAG_NONE, settings,
		sizeof(settings) / sizeof(*settings)) != 0 ||
	    nghttp2_session_set_local_window_size(h2, NGHTTP2_FLAG_NONE, 0,
		CONNECTION_WINDOW) != 0)
		mem_out();
	return h2;
}

struct grpc *
grpc_new(const struct grpc_ops *ops, void *ctx)
{
	struct grpc *g = mem_zalloc(1, sizeof(*g));

	g->ops = ops;
	g->ctx = ctx;
	g->h2 = open_h2(g);
	return g;
}

void
grpc_free(struct grpc *g)
{
	if (g == NULL)
		return;
	while (g->calls != NULL)
		call_close(g->calls);
	nghttp2_session_del(g->h2);
	free(g);
}
