#include "http/dial.h"

#include <poll.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/io.h"
#include "http/curl.h"

enum { HEAD_MAX = 16384, ANSWER_MS = 30000 };

struct dial {
	CURL *easy;
	curl_socket_t fd;
	struct buf rest; /* came with the head, and is the caller's */
	char *where;
	char text[CURL_ERROR_SIZE];
};

void
dial_close(struct dial *d)
{
	if (d == NULL)
		return;
	curl_easy_cleanup(d->easy);
	buf_release(&d->rest);
	free(d->where);
	free(d);
}

int
dial_fd(const struct dial *d)
{
	return d->fd;
}

static int
lost(const struct dial *d, const char *why, struct err *err)
{
	return err_set(err, EX_UNAVAILABLE, "connection-lost", "%s: %s",
	    d->where, why);
}

ssize_t
dial_read(struct dial *d, void *p, size_t n, struct err *err)
{
	size_t got = 0;
	CURLcode code;

	if (d->rest.len > 0) {
		n = n < d->rest.len ? n : d->rest.len;
		memcpy(p, d->rest.data, n);
		buf_eat(&d->rest, n);
		return (ssize_t)n;
	}
	code = curl_easy_recv(d->easy, p, n, &got);
	if (code == CURLE_AGAIN)
		return 0;
	if (code != CURLE_OK)
		return lost(d, curl_easy_strerror(code), err);
	return got > 0 ? (ssize_t)got : lost(d, "closed by the peer", err);
}

ssize_t
dial_write(struct dial *d, const void *p, size_t n, struct err *err)
{
	size_t took = 0;
	CURLcode code = curl_easy_send(d->easy, p, n, &took);

	if (code == CURLE_OK || code == CURLE_AGAIN)
		return (ssize_t)took;
	return lost(d, curl_easy_strerror(code), err);
}

static int
write_all(struct dial *d, const struct buf *b, struct err *err)
{
	for (size_t at = 0; at < b->len;) {
		ssize_t n = dial_write(d, b->data + at, b->len - at, err);

		if (n < 0)
			return -1;
		if (n == 0 && io_wait(d->fd, POLLOUT, ANSWER_MS, err) <= 0)
			return err->status != 0 ? -1
						: lost(d, "takes nothing", err);
		at += (size_t)n;
	}
	return 0;
}

/* The path of an address, after its host. */
static const char *
path_of(const char *url)
{
	const char *host = strstr(url, "://");

	host = host != NULL ? host + 3 : url;
	return host + strcspn(host, "/");
}

static int
ask(struct dial *d, const struct http_request *q, struct err *err)
{
	auto_buf struct buf head = { 0 };
	const char *host = strstr(q->url, "://");

	host = host != NULL ? host + 3 : q->url;
	buf_addf(&head, "%s %s HTTP/1.1\r\nHost: %.*s\r\n", q->method,
	    path_of(q->url), (int)strcspn(host, "/"), host);
	for (size_t i = 0; q->headers != NULL && i < q->headers->n; i++)
		buf_addf(&head, "%s\r\n", q->headers->v[i]);
	buf_addf(&head, "Content-Length: %zu\r\n\r\n", q->body_len);
	if (q->body_len > 0)
		buf_add(&head, q->body, q->body_len);
	return write_all(d, &head, err);
}

/* What follows the blank line stays in d->rest. */
static int
hear(struct dial *d, int *status, struct err *err)
{
	int64_t until = clock_ms() + ANSWER_MS;
	auto_buf struct buf head = { 0 };
	const char *end = NULL;
	char piece[4096];
	ssize_t n;

	while (end == NULL && head.len < HEAD_MAX) {
		n = dial_read(d, piece, sizeof(piece), err);
		if (n < 0)
			return -1;
		if (n == 0 &&
		    io_wait(d->fd, POLLIN, until - clock_ms(), err) <= 0)
			return err->status != 0 ? -1
						: lost(d, "no answer", err);
		buf_add(&head, piece, (size_t)n);
		end = memmem(buf_str(&head), head.len, "\r\n\r\n", 4);
	}
	if (end == NULL ||
	    sscanf(head.data, "HTTP/1.%*1[01] %3d ", status) != 1)
		return err_set(err, EX_PROTOCOL, "bad-answer",
		    "%s: no answer of HTTP/1.1", d->where);
	end += 4;
	buf_add(&d->rest, end, head.len - (size_t)(end - head.data));
	return 0;
}

int
dial_open(struct dial **out, const struct http_request *q, int *status,
    struct err *err)
{
	struct http *ready = http_new(); /* libcurl is set up by it */
	auto_dial struct dial *d = mem_zalloc(1, sizeof(*d));
	CURLcode code;

	http_free(ready);
	d->easy = curl_easy_init();
	if (d->easy == NULL)
		mem_out();
	d->where = mem_strdup(q->unix_socket != NULL ? q->unix_socket : q->url);
	http_aim(d->easy, q);
	(void)curl_easy_setopt(d->easy, CURLOPT_ERRORBUFFER, d->text);
	(void)curl_easy_setopt(d->easy, CURLOPT_CONNECT_ONLY, 1L);
	code = curl_easy_perform(d->easy);
	if (code != CURLE_OK)
		return http_explain(d->easy, q, code, d->text, err);
	(void)curl_easy_getinfo(d->easy, CURLINFO_ACTIVESOCKET, &d->fd);
	if (ask(d, q, err) < 0 || hear(d, status, err) < 0)
		return -1;
	*out = ptr_steal(&d);
	return 0;
}
