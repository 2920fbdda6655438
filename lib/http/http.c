#include "http/http.h"

#include <ctype.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/clock.h"
#include "base/conf.h"
#include "base/stop.h"
#include "http/curl.h"

enum { BODY_MAX = 8 << 20, HEADERS_MAX = 256, CONNECT_MS = 10000 };

struct run;

struct http {
	struct run *run; /* while a request is on its way */
	CURL *easy;
	CURLM *multi;
	char text[CURL_ERROR_SIZE];
};

/* One run: what the callbacks share. */
struct run {
	const struct http_request *q;
	struct http_answer *a;
	CURL *easy;
	struct err *err; /* set by a callback that failed */
	int64_t moved; /* clock_ms() of the last byte either way */
	const char *at; /* pushed, and not taken by libcurl: left bytes */
	size_t left;
	bool whole; /* nothing more will be pushed */
	bool done; /* with code */
	int code;
};

struct http *
http_new(void)
{
	static bool ready;
	struct http *h = mem_zalloc(1, sizeof(*h));

	if (!ready && curl_global_init(CURL_GLOBAL_DEFAULT) != 0)
		mem_out();
	ready = true;
	h->easy = curl_easy_init();
	h->multi = curl_multi_init();
	if (h->easy == NULL || h->multi == NULL)
		mem_out();
	return h;
}

void
http_free(struct http *h)
{
	if (h == NULL)
		return;
	curl_easy_cleanup(h->easy);
	(void)curl_multi_cleanup(h->multi);
	free(h);
}

void
http_answer_release(struct http_answer *a)
{
	strvec_release(&a->headers);
	buf_release(&a->body);
}

const char *
http_header(const struct http_answer *a, const char *name)
{
	size_t n = strlen(name);

	for (size_t i = 0; i < a->headers.n; i++) {
		const char *h = a->headers.v[i];

		if (strncasecmp(h, name, n) != 0 || h[n] != ':')
			continue;
		h += n + 1;
		return h + strspn(h, " \t");
	}
	return NULL;
}

void
http_quote(struct buf *b, const char *s)
{
	for (; *s != '\0'; s++) {
		unsigned char c = (unsigned char)*s;

		if (c < 0x80 && (isalnum(c) || strchr("-._~", c) != NULL))
			buf_addc(b, c);
		else
			buf_addf(b, "%%%02X", c);
	}
}

void
http_unquote(struct buf *b, const char *s)
{
	for (; *s != '\0'; s++) {
		char hex[3] = { 0 };

		if (*s == '%' && isxdigit((unsigned char)s[1]) &&
		    isxdigit((unsigned char)s[2])) {
			memcpy(hex, s + 1, 2);
			buf_addc(b, (int)strtol(hex, NULL, 16));
			s += 2;
		} else {
			buf_addc(b, *s == '+' ? ' ' : *s);
		}
	}
}

static size_t
on_header(char *p, size_t size, size_t n, void *ctx)
{
	struct run *r = ctx;

	n *= size;
	r->moved = clock_ms();
	if (n > 5 && memcmp(p, "HTTP/", 5) == 0)
		strvec_clear(&r->a->headers);
	else if (r->a->headers.n < HEADERS_MAX && n > 2)
		strvec_addn(&r->a->headers, p, n - (p[n - 2] == '\r' ? 2 : 1));
	return n;
}

static size_t
on_body(char *p, size_t size, size_t n, void *ctx)
{
	struct run *r = ctx;
	size_t max = r->q->body_max != 0 ? r->q->body_max : BODY_MAX;
	long status = 0;

	n *= size;
	r->moved = clock_ms();
	(void)curl_easy_getinfo(r->easy, CURLINFO_RESPONSE_CODE, &status);
	if (r->q->write != NULL && status >= 200 && status < 300)
		return r->q->write(p, n, r->q->write_ctx, r->err) == 0 ? n : 0;
	if (r->a->body.len + n > max) {
		err_set(r->err, EX_DATAERR, "too-large",
		    "%s: an answer of more than %zu bytes", r->q->url, max);
		return 0;
	}
	buf_add(&r->a->body, p, n);
	return n;
}

static size_t
on_read(char *p, size_t size, size_t n, void *ctx)
{
	struct run *r = ctx;

	n *= size;
	r->moved = clock_ms();
	if (r->left == 0)
		return r->whole ? 0 : CURL_READFUNC_PAUSE;
	if (n > r->left)
		n = r->left;
	memcpy(p, r->at, n);
	r->at += n;
	r->left -= n;
	return n;
}

#define SET(opt, value) (void)curl_easy_setopt(h->easy, opt, value)

void
http_aim(CURL *easy, const struct http_request *q)
{
	const char *ca =
	    q->ca_file != NULL ? q->ca_file : conf_get("CA_BUNDLE", NULL);

#define AIM(opt, value) (void)curl_easy_setopt(easy, opt, value)
	AIM(CURLOPT_URL, q->url);
	AIM(CURLOPT_NOSIGNAL, 1L);
	AIM(CURLOPT_PROTOCOLS_STR, "http,https");
	AIM(CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
	AIM(CURLOPT_CONNECTTIMEOUT_MS,
	    (long)(q->connect_ms != 0 ? q->connect_ms : CONNECT_MS));
	if (q->unix_socket != NULL) {
		AIM(CURLOPT_UNIX_SOCKET_PATH, q->unix_socket);
		AIM(CURLOPT_NOPROXY, "*");
	}
	if (ca != NULL)
		AIM(CURLOPT_CAINFO, ca);
	if (q->cert_file != NULL)
		AIM(CURLOPT_SSLCERT, q->cert_file);
	if (q->key_file != NULL)
		AIM(CURLOPT_SSLKEY, q->key_file);
#undef AIM
}

static struct curl_slist *
set_headers(struct http *h, const struct http_request *q)
{
	struct curl_slist *list = curl_slist_append(NULL, "Expect:");

	for (size_t i = 0; q->headers != NULL && i < q->headers->n; i++)
		list = curl_slist_append(list, q->headers->v[i]);
	if (list == NULL)
		mem_out();
	SET(CURLOPT_HTTPHEADER, list);
	return list;
}

static void
set_body(struct http *h, const struct http_request *q)
{
	if (q->push != NULL) {
		SET(CURLOPT_UPLOAD, 1L);
		SET(CURLOPT_READFUNCTION, on_read);
	} else if (q->body != NULL || strcmp(q->method, "POST") == 0 ||
		   strcmp(q->method, "PUT") == 0) {
		SET(CURLOPT_POST, 1L);
		SET(CURLOPT_POSTFIELDS, q->body != NULL ? q->body : "");
		SET(CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)q->body_len);
	} else if (strcmp(q->method, "HEAD") == 0) {
		SET(CURLOPT_NOBODY, 1L);
	}
	SET(CURLOPT_CUSTOMREQUEST, q->method);
}

static void
prepare(struct http *h, struct run *r)
{
	const struct http_request *q = r->q;

	curl_easy_reset(h->easy);
	h->text[0] = '\0';
	http_aim(h->easy, q);
	SET(CURLOPT_ERRORBUFFER, h->text);
	SET(CURLOPT_TIMEOUT_MS, (long)q->total_ms);
	if (q->user != NULL) {
		SET(CURLOPT_USERNAME, q->user);
		SET(CURLOPT_PASSWORD, q->password);
	}
	if (q->follow) {
		SET(CURLOPT_FOLLOWLOCATION, 1L);
		SET(CURLOPT_MAXREDIRS, 5L);
		SET(CURLOPT_REDIR_PROTOCOLS_STR, "http,https");
	}
	set_body(h, q);
	SET(CURLOPT_HEADERFUNCTION, on_header);
	SET(CURLOPT_WRITEFUNCTION, on_body);
	SET(CURLOPT_HEADERDATA, r);
	SET(CURLOPT_WRITEDATA, r);
	SET(CURLOPT_READDATA, r);
}

/* -1: a limit or a stop signal. */
static int
limits(struct run *r, int64_t *nap)
{
	*nap = 1000;
	if (stop_asked())
		return stop_err(r->err);
	if (r->q->idle_ms != 0 && r->moved + r->q->idle_ms - clock_ms() < *nap)
		*nap = r->moved + r->q->idle_ms - clock_ms();
	if (*nap > 0)
		return 0;
	return err_set(r->err, EX_UNAVAILABLE, "timeout",
	    "%s: nothing moved for %lld s", r->q->url,
	    (long long)r->q->idle_ms / 1000);
}

/* One turn of libcurl, after waiting for something to do, or looking whether
 * there is; for a descriptor of somebody else's too. */
enum turn { TURN_GO, TURN_LOOK, TURN_WAIT };

static int
turn(struct http *h, struct run *r, enum turn how, struct curl_waitfd *also)
{
	struct curl_waitfd fds[2] = { { .fd = stop_fd(),
	    .events = CURL_WAIT_POLLIN } };
	unsigned n = fds[0].fd >= 0 ? 1 : 0;
	int running = 1, left = 0;
	int64_t nap;
	CURLMsg *msg;

	if (limits(r, &nap) < 0)
		return -1;
	if (r->q->tick != NULL)
		r->q->tick(r->q->push_ctx);
	if (also != NULL)
		fds[n++] = *also;
	if (how != TURN_GO)
		(void)curl_multi_poll(h->multi, fds, n,
		    how == TURN_WAIT ? (int)nap : 0, NULL);
	if (also != NULL)
		also->revents = fds[n - 1].revents;
	if (curl_multi_perform(h->multi, &running) != CURLM_OK)
		mem_out();
	msg = curl_multi_info_read(h->multi, &left);
	if (msg != NULL && msg->msg == CURLMSG_DONE) {
		r->done = true;
		r->code = (int)msg->data.result;
	}
	return 0;
}

int
http_push(struct http *h, const void *data, size_t n, struct err *err)
{
	struct run *r = h->run;
	enum turn how = TURN_GO;

	r->at = data;
	r->left = n;
	(void)curl_easy_pause(h->easy, CURLPAUSE_CONT);
	while (r->left > 0 && !r->done) {
		if (turn(h, r, how, NULL) < 0) {
			*err = *r->err;
			return -1;
		}
		how = TURN_WAIT;
	}
	if (r->left == 0)
		return 0;
	r->left = 0;
	return err_set(err, EX_PROTOCOL, "answered-early",
	    "%s: answered before it took the whole body", r->q->url);
}

int
http_turn(struct http *h, int fd, short *events, bool wait, struct err *err)
{
	struct run *r = h->run;
	struct curl_waitfd also = { .fd = fd, .events = *events };

	if (r->done)
		return 1;
	if (turn(h, r, wait ? TURN_WAIT : TURN_LOOK, &also) < 0) {
		*err = *r->err;
		return -1;
	}
	*events = also.revents;
	return r->done ? 1 : 0;
}

/* 0 with r->done, or -1 with *r->err set. */
static int
transfer(struct http *h, struct run *r)
{
	struct err why = { 0 };

	if (turn(h, r, TURN_GO, NULL) < 0)
		return -1;
	if (r->q->push != NULL && !r->done) {
		if (r->q->push(h, r->q->push_ctx, &why) < 0 && !r->done) {
			*r->err = why;
			return -1;
		}
		r->whole = true;
		(void)curl_easy_pause(h->easy, CURLPAUSE_CONT);
	}
	if (r->q->serve != NULL && !r->done &&
	    r->q->serve(h, r->q->push_ctx, &why) < 0 && !r->done) {
		*r->err = why;
		return -1;
	}
	while (!r->done)
		if (turn(h, r, TURN_WAIT, NULL) < 0)
			return -1;
	return 0;
}

int
http_explain(CURL *easy, const struct http_request *q, CURLcode code,
    const char *text, struct err *err)
{
	const char *where = q->unix_socket != NULL ? q->unix_socket : q->url;
	const char *why = *text != '\0' ? text : curl_easy_strerror(code);
	long sys = 0;

	(void)curl_easy_getinfo(easy, CURLINFO_OS_ERRNO, &sys);
	switch (code) {
	case CURLE_COULDNT_CONNECT:
	case CURLE_COULDNT_RESOLVE_HOST:
	case CURLE_COULDNT_RESOLVE_PROXY:
		err_set(err, EX_UNAVAILABLE, "connect-failed", "%s: %s", where,
		    sys != 0 ? strerror((int)sys) : why);
		break;
	case CURLE_OPERATION_TIMEDOUT:
		err_set(err, EX_UNAVAILABLE, "timeout", "%s: %s", where, why);
		break;
	case CURLE_PEER_FAILED_VERIFICATION:
	case CURLE_SSL_CONNECT_ERROR:
	case CURLE_SSL_CACERT_BADFILE:
	case CURLE_SSL_CERTPROBLEM:
		err_set(err, EX_PROTOCOL, "tls-failed", "%s: %s", where, why);
		err_hint(err, "RCN_CA_BUNDLE names a file of further CAs");
		break;
	case CURLE_URL_MALFORMAT:
	case CURLE_UNSUPPORTED_PROTOCOL:
		err_set(err, EX_CONFIG, "bad-url", "%s: %s", where, why);
		break;
	case CURLE_GOT_NOTHING:
	case CURLE_PARTIAL_FILE:
	case CURLE_RECV_ERROR:
	case CURLE_SEND_ERROR:
		err_set(err, EX_UNAVAILABLE, "connection-lost", "%s: %s", where,
		    why);
		break;
	default:
		err_set(err, EX_PROTOCOL, "bad-answer", "%s: %s", where, why);
		break;
	}
	err->sys = (int)sys;
	return -1;
}

int
http_run(struct http *h, const struct http_request *q, struct http_answer *a,
    struct err *err)
{
	struct err own = { 0 };
	struct run r = { .q = q,
		.a = a,
		.easy = h->easy,
		.err = &own,
		.moved = clock_ms() };
	struct curl_slist *list;
	long status = 0;

	strvec_clear(&a->headers);
	buf_clear(&a->body);
	prepare(h, &r);
	list = set_headers(h, q);
	if (curl_multi_add_handle(h->multi, h->easy) != CURLM_OK)
		mem_out();
	h->run = &r;
	(void)transfer(h, &r);
	h->run = NULL;
	(void)curl_easy_getinfo(h->easy, CURLINFO_RESPONSE_CODE, &status);
	a->status = (int)status;
	if (own.status != 0)
		*err = own;
	else if (r.code != CURLE_OK)
		(void)http_explain(h->easy, q, (CURLcode)r.code, h->text, err);
	(void)curl_multi_remove_handle(h->multi, h->easy);
	curl_slist_free_all(list);
	return r.code == CURLE_OK && own.status == 0 ? 0 : -1;
}
