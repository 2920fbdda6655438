/* Heads of requests: the plain form, and all that is refused. */
#include "tap.h"

#include "base/buf.h"
#include "serve/guard.h"

#define GET "GET / HTTP/1.1\r\n"
#define POST "POST /a?b=c HTTP/1.1\r\nHost: x\r\n"

static const struct {
	const char *head;
	int status; /* 0: taken */
} rows[] = {
	{ GET "Host: x\r\n\r\n", 0 },
	{ GET "host:x:80\r\nX-A: \t b c \r\nEmpty:\r\n\r\n", 0 },
	{ GET "Host: [::1]:80\r\nX: \xe9\r\n\r\n", 0 },
	{ "GET / HTTP/1.0\r\n\r\n", 0 },
	{ POST "Content-Length: 12\r\n\r\n", 0 },
	{ POST "content-length:0\r\nExpect: 100-Continue\r\n\r\n", 0 },
	{ "\r\n\r\n", 400 },
	{ "\r\n" GET "Host: x\r\n\r\n", 400 },
	{ GET "\r\n", 400 },
	{ GET "Host:\r\n\r\n", 400 },
	{ GET "Host: x\r\nHost: x\r\n\r\n", 400 },
	{ GET "Host: a b\r\n\r\n", 400 },
	{ GET "Host: x/y\r\n\r\n", 400 },
	{ GET "Host: u@x\r\n\r\n", 400 },
	{ "get / HTTP/1.1\r\nHost: x\r\n\r\n", 400 },
	{ "GET  / HTTP/1.1\r\nHost: x\r\n\r\n", 400 },
	{ " GET / HTTP/1.1\r\nHost: x\r\n\r\n", 400 },
	{ "GET / HTTP/1.1 \r\nHost: x\r\n\r\n", 400 },
	{ "GET\t/ HTTP/1.1\r\nHost: x\r\n\r\n", 400 },
	{ "GET /\r\nHost: x\r\n\r\n", 400 },
	{ "GET http://x/ HTTP/1.1\r\nHost: x\r\n\r\n", 400 },
	{ "OPTIONS * HTTP/1.1\r\nHost: x\r\n\r\n", 400 },
	{ "GET /#a HTTP/1.1\r\nHost: x\r\n\r\n", 400 },
	{ "GET /\xc3\xa9 HTTP/1.1\r\nHost: x\r\n\r\n", 400 },
	{ "GET / HTTP/2.0\r\nHost: x\r\n\r\n", 505 },
	{ "GET / HTTP/1.2\r\nHost: x\r\n\r\n", 505 },
	{ "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 400 },
	{ GET "Host: x\nX: y\r\n\r\n", 400 },
	{ GET "Host: x\n\n", 400 },
	{ GET "Host: x\r\nX: a\rb\r\n\r\n", 400 },
	{ GET "Host: x\r\nX: a\r\n b\r\n\r\n", 400 },
	{ GET " Host: x\r\n\r\n", 400 },
	{ GET "Host : x\r\n\r\n", 400 },
	{ GET "Host: x\r\nX\r\n\r\n", 400 },
	{ GET "Host: x\r\n: y\r\n\r\n", 400 },
	{ GET "Host: x\r\nA(b): y\r\n\r\n", 400 },
	{ GET "Host: x\r\nX: \x01\r\n\r\n", 400 },
	{ GET "Host: x\r\nX: \x7f\r\n\r\n", 400 },
	{ POST "Content-Length: 1\r\nContent-Length: 1\r\n\r\n", 400 },
	{ POST "Content-Length: 1\r\nContent-Length: 2\r\n\r\n", 400 },
	{ POST "Content-Length: 1, 1\r\n\r\n", 400 },
	{ POST "Content-Length: +4\r\n\r\n", 400 },
	{ POST "Content-Length: -4\r\n\r\n", 400 },
	{ POST "Content-Length: 0x4\r\n\r\n", 400 },
	{ POST "Content-Length: 4 4\r\n\r\n", 400 },
	{ POST "Content-Length:\r\n\r\n", 400 },
	{ POST "Content-Length: 9999999999999999\r\n\r\n", 400 },
	{ POST "Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n", 400 },
	{ POST "Transfer-Encoding: chunked\r\nContent-Length: 4\r\n\r\n", 400 },
	{ POST "Transfer-Encoding: chunked\r\n\r\n", 411 },
	{ POST "Transfer-Encoding: xchunked\r\n\r\n", 411 },
	{ POST "Transfer-Encoding : chunked\r\n\r\n", 400 },
	{ POST "Expect: magic\r\n\r\n", 417 },
};

/* At once, and byte by byte, which must not make a difference. */
static int
status_of(const char *head, size_t n, size_t step)
{
	struct guard g = { 0 };
	size_t from = 0;

	for (size_t have = step; from < n; have += step) {
		int rc = guard_find(head, have < n ? have : n, from, &g);

		if (rc < 0)
			return g.status;
		if (rc > 0)
			return guard_check(head, &g) < 0 ? g.status : 0;
		from = have;
	}
	return -1;
}

static void
limits(void)
{
	auto_buf struct buf b = { 0 };
	struct guard g = { 0 };

	buf_adds(&b, GET "Host: x\r\n");
	for (int i = 1; i < GUARD_HEADERS; i++)
		buf_adds(&b, "X: y\r\n");
	buf_adds(&b, "\r\n");
	ok(status_of(b.data, b.len, b.len) == 0, "as many headers as may be");
	b.len -= 2;
	buf_adds(&b, "X: y\r\n\r\n");
	ok(status_of(b.data, b.len, b.len) == 431, "one more");
	buf_clear(&b);
	buf_adds(&b, "GET /");
	for (int i = 1; i < GUARD_TARGET; i++)
		buf_addc(&b, 'a');
	buf_adds(&b, " HTTP/1.0\r\n\r\n");
	ok(status_of(b.data, b.len, 7) == 0, "as long a path as may be");
	buf_clear(&b);
	buf_adds(&b, "GET /a");
	for (int i = 1; i < GUARD_TARGET; i++)
		buf_addc(&b, 'a');
	buf_adds(&b, " HTTP/1.0\r\n\r\n");
	ok(status_of(b.data, b.len, 7) == 414, "one byte more");
	buf_clear(&b);
	buf_adds(&b, GET "X: ");
	while (b.len < GUARD_HEAD)
		buf_addc(&b, 'a');
	ok(status_of(b.data, b.len, 4096) == 431, "a head without end");
	ok(guard_find("GET / HT", 8, 0, &g) == 0, "half of a head");
	ok(guard_find("GET /\0 ", 7, 0, &g) < 0 && g.status == 400, "a NUL");
}

int
main(void)
{
	struct guard g = { 0 };
	const char *two = POST "Content-Length: 12\r\n\r\nhello";

	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		size_t n = strlen(rows[i].head);

		ok(status_of(rows[i].head, n, n) == rows[i].status,
		    "row %zu: %d", i, rows[i].status);
		ok(status_of(rows[i].head, n, 1) == rows[i].status,
		    "row %zu, byte by byte", i);
	}
	ok(guard_find(two, strlen(two), 0, &g) == 1 &&
		guard_check(two, &g) == 0 && g.length == 12 && !g.expect &&
		g.head == strlen(two) - 5,
	    "where the head ends, and the body's length");
	limits();
	return tap_end();
}
