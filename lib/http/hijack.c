#include "http/hijack.h"

#include <ctype.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "base/clock.h"
#include "base/io.h"
#include "base/stop.h"
#include "base/text.h"
#include "http/curl.h"

enum { HEAD_MAX = 32768, HEAD_MS = 10000, STATUS_AT = 9 };

struct hijack {
	CURL *easy;
	int fd;
	bool tls;
	struct buf left; /* read behind the head */
	char text[CURL_ERROR_SIZE];
};

void
hijack_close(struct hijack *h)
{
	if (h == NULL)
		return;
	curl_easy_cleanup(h->easy);
	buf_release(&h->left);
	free(h);
}

int
hijack_fd(const struct hijack *h)
{
	return h->fd;
}

static int
dial(struct hijack *h, const struct http_request *q, struct err *err)
{
	curl_socket_t fd = CURL_SOCKET_BAD;
	CURLcode code;

	http_aim(h->easy, q);
	(void)curl_easy_setopt(h->easy, CURLOPT_CONNECT_ONLY, 1L);
	(void)curl_easy_setopt(h->easy, CURLOPT_ERRORBUFFER, h->text);
	code = curl_easy_perform(h->easy);
	if (code != CURLE_OK)
		return http_explain(h->easy, q, code, h->text, err);
	(void)curl_easy_getinfo(h->easy, CURLINFO_ACTIVESOCKET, &fd);
	h->fd = fd;
	h->tls = text_starts(q->url, "https:");
	return 0;
}

/* "http://host:1/path?q" into "host:1" and "/path?q". */
static void
head_of(struct buf *b, const struct http_request *q, const char *upgrade)
{
	const char *host = strstr(q->url, "://");
	const char *path;

	host = host != NULL ? host + 3 : q->url;
	path = strchr(host, '/');
	buf_addf(b, "%s %s HTTP/1.1\r\nHost: %.*s\r\n", q->method,
	    path != NULL ? path : "/",
	    path != NULL ? (int)(path - host) : (int)strlen(host), host);
	if (upgrade != NULL)
		buf_addf(b, "Connection: Upgrade\r\nUpgrade: %s\r\n", upgrade);
	else
		buf_adds(b, "Connection: close\r\n");
	for (size_t i = 0; q->headers != NULL && i < q->headers->n; i++)
		buf_addf(b, "%s\r\n", q->headers->v[i]);
	buf_addf(b, "Content-Length: %zu\r\n\r\n", q->body_len);
}

int
hijack_open(struct hijack **out, const struct http_request *q,
    const char *upgrade, struct err *err)
{
	auto_hijack struct hijack *h = mem_zalloc(1, sizeof(*h));
	AUTO(buf_wipe) struct buf text = { 0 };

	h->easy = curl_easy_init();
	if (h->easy == NULL)
		mem_out();
	head_of(&text, q, upgrade);
	if (q->body_len > 0)
		buf_add(&text, q->body, q->body_len);
	if (dial(h, q, err) < 0 ||
	    hijack_write(h, text.data, text.len, err) < 0)
		return -1;
	*out = ptr_steal(&h);
	return 0;
}

static int
lost(struct hijack *h, CURLcode code, struct err *err)
{
	return err_set(err, EX_UNAVAILABLE, "connection-lost", "%s",
	    h->text[0] != '\0' ? h->text : curl_easy_strerror(code));
}

ssize_t
hijack_read(struct hijack *h, void *p, size_t n, struct err *err)
{
	size_t got = 0;
	CURLcode code;

	if (h->left.len > 0) {
		got = n < h->left.len ? n : h->left.len;
		memcpy(p, h->left.data, got);
		buf_eat(&h->left, got);
		return (ssize_t)got;
	}
	code = curl_easy_recv(h->easy, p, n, &got);
	if (code == CURLE_OK)
		return (ssize_t)got;
	if (code == CURLE_AGAIN)
		return HIJACK_NONE;
	return lost(h, code, err);
}

void
hijack_wait(struct hijack *h, int ms)
{
	struct pollfd in = { .fd = h->fd, .events = POLLIN };

	if (h->left.len == 0)
		(void)poll(&in, 1, ms);
}

ssize_t
hijack_send(struct hijack *h, const void *p, size_t n, struct err *err)
{
	size_t sent = 0;
	CURLcode code = curl_easy_send(h->easy, p, n, &sent);

	if (code != CURLE_OK && code != CURLE_AGAIN)
		return lost(h, code, err);
	return (ssize_t)sent;
}

int
hijack_write(struct hijack *h, const void *data, size_t n, struct err *err)
{
	const char *p = data;

	while (n > 0) {
		struct pollfd out = { .fd = h->fd, .events = POLLOUT };
		ssize_t sent = hijack_send(h, p, n, err);

		if (sent < 0)
			return -1;
		p += sent;
		n -= (size_t)sent;
		if (sent == 0)
			(void)poll(&out, 1, 1000);
	}
	return 0;
}

void
hijack_shut(struct hijack *h)
{
	if (!h->tls)
		(void)shutdown(h->fd, SHUT_WR);
}

static int
read_head(struct hijack *h, struct buf *head, struct err *err)
{
	char piece[4096];
	const char *end = NULL;
	int64_t late = INT64_MAX; /* once it has begun it is not long */
	size_t n;

	while (end == NULL) {
		ssize_t got = hijack_read(h, piece, sizeof(piece), err);

		if (head->len == 0 && got > 0)
			late = clock_ms() + HEAD_MS;
		if (stop_asked())
			return stop_err(err);
		if (clock_ms() > late)
			return err_set(err, EX_UNAVAILABLE, "timeout",
			    "half an answer, and no more for %d s",
			    HEAD_MS / 1000);
		if (got == HIJACK_NONE)
			hijack_wait(h, 1000);
		else if (got < 0)
			return -1;
		else if (got == 0 || head->len > HEAD_MAX)
			return err_set(err, EX_PROTOCOL, "bad-answer",
			    "the connection ended before an answer");
		else
			buf_add(head, piece, (size_t)got);
		end = head->len > 0 ? strstr(head->data, "\r\n\r\n") : NULL;
	}
	n = (size_t)(end - head->data) + 4;
	buf_add(&h->left, head->data + n, head->len - n);
	buf_cut(head, n);
	return 0;
}

int
hijack_answer(struct hijack *h, int *status, struct err *err)
{
	auto_buf struct buf head = { 0 };

	if (read_head(h, &head, err) < 0)
		return -1;
	if (head.len > STATUS_AT &&
	    (text_starts(head.data, "HTTP/1.0 ") ||
		text_starts(head.data, "HTTP/1.1 ")) &&
	    isdigit((unsigned char)head.data[STATUS_AT])) {
		*status = (int)strtol(head.data + STATUS_AT, NULL, 10);
		return 0;
	}
	return err_set(err, EX_PROTOCOL, "bad-answer", "not HTTP: %.60s",
	    head.data);
}
