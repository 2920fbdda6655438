/* http: one process that answers badly, one that asks. */
#include "http/http.h"

#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/io.h"
#include "base/log.h"
#include "base/stop.h"
#include "http/hijack.h"
#include "listener.h"
#include "tap.h"

static void
say(int fd, const char *text)
{
	(void)io_write_all(fd, text, strlen(text));
}

/* What each path gets; other is a server on another port. */
static void
answer(int fd, const char *head, int other)
{
	char text[256];

	if (strstr(head, " /up ") != NULL) {
		ssize_t n;

		/* What follows the head is of the other protocol already. */
		say(fd, "HTTP/1.1 101 UPGRADED\r\nUpgrade: x\r\n\r\nfirst");
		while ((n = read(fd, text, sizeof(text))) > 0)
			(void)io_write_all(fd, text, (size_t)n);
	} else if (strstr(head, " /slow ") != NULL) {
		(void)usleep(100000);
		say(fd, "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nslow");
	} else if (strstr(head, " /hang ") != NULL) {
		pause();
	} else if (strstr(head, " /half ") != NULL) {
		say(fd, "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc");
	} else if (strstr(head, " /big ") != NULL) {
		say(fd, "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n"
			"123456789");
	} else if (strstr(head, " /there ") != NULL) {
		(void)snprintf(text, sizeof(text),
		    "HTTP/1.1 302 Found\r\nContent-Length: 0\r\n"
		    "Location: http://127.0.0.1:%d/echo\r\n\r\n",
		    other);
		say(fd, text);
	} else if (strstr(head, " /early ") != NULL) {
		say(fd, "HTTP/1.1 500 No\r\nContent-Length: 2\r\n"
			"Connection: close\r\n\r\nno");
	} else {
		(void)snprintf(text, sizeof(text),
		    "HTTP/1.1 200 OK\r\nContent-Length: %zu\r\n"
		    "X-One: 1\r\nX-Two:   2\r\n\r\n",
		    strlen(head));
		say(fd, text);
		say(fd, head);
	}
}

/* A process for each: reads the head, and a body that comes in chunks. */
static void
serve(int listening, int other)
{
	for (;;) {
		int fd = accept(listening, NULL, NULL);
		struct buf head = { 0 };
		char part[4096];
		ssize_t n;

		if (fork() != 0) {
			(void)close(fd);
			continue;
		}
		while ((n = read(fd, part, sizeof(part))) > 0) {
			buf_add(&head, part, (size_t)n);
			if (strstr(head.data, "\r\n\r\n") != NULL &&
			    (strstr(head.data, "chunked") == NULL ||
				strstr(head.data, " /early ") != NULL ||
				strstr(head.data, "\r\n0\r\n\r\n") != NULL))
				break;
		}
		if (head.len > 0)
			answer(fd, head.data, other);
		_exit(0);
	}
}

static pid_t
start(int fd, int other)
{
	pid_t pid = fork();

	if (pid == 0) {
		(void)setpgid(0, 0);
		(void)signal(SIGCHLD, SIG_IGN);
		serve(fd, other);
	}
	(void)setpgid(pid, pid);
	return pid;
}

static char base[64];

static int
ask(const char *path, struct http_request q, struct http_answer *a,
    struct err *err)
{
	auto_http struct http *h = http_new();
	auto_free char *url = mem_printf("%s%s", base, path);

	*err = (struct err){ 0 };
	q.url = url;
	if (q.method == NULL)
		q.method = "GET";
	return http_run(h, &q, a, err);
}

/* Reads so many bytes, waiting for them. */
static bool
hear(struct hijack *h, char *to, size_t n)
{
	struct err err = { 0 };

	for (size_t at = 0; at < n;) {
		ssize_t got = hijack_read(h, to + at, n - at, &err);

		if (got == HIJACK_NONE)
			hijack_wait(h, 5000);
		else if (got <= 0)
			return false;
		else
			at += (size_t)got;
	}
	return true;
}

static void
test_hijack(void)
{
	auto_free char *url = mem_printf("%s/up", base);
	auto_free char *plain = mem_printf("%s/echo", base);
	struct http_request q = { .method = "POST", .url = url };
	auto_hijack struct hijack *h = NULL;
	auto_hijack struct hijack *no = NULL;
	struct err err = { 0 };
	char text[8] = "";
	int status = 0;

	ok(hijack_open(&h, &q, "x", &err) == 0 &&
		hijack_answer(h, &status, &err) == 0 && status == 101,
	    "another protocol: %s", err.msg);
	if (h == NULL)
		return;
	ok(hear(h, text, 5) && memcmp(text, "first", 5) == 0,
	    "what came with the answer's head is not lost");
	ok(hijack_read(h, text, 1, &err) == HIJACK_NONE,
	    "reading does not wait");
	ok(hijack_send(h, "echo", 4, &err) == 4 && hear(h, text, 4) &&
		memcmp(text, "echo", 4) == 0,
	    "both ways");
	q.url = plain;
	ok(hijack_open(&no, &q, "x", &err) == 0 &&
		hijack_answer(no, &status, &err) == 0 && status == 200,
	    "one that stays with HTTP says so");
	hijack_close(no);
	no = NULL;
	q.url = "http://127.0.0.1:1/up";
	ok(hijack_open(&no, &q, "x", &err) < 0 &&
		strcmp(err.code, "connect-failed") == 0,
	    "nobody there: %s", err.msg);
}

struct beside {
	int fd[2], seen, turns;
};

static int
serve_beside(struct http *h, void *ctx, struct err *err)
{
	struct beside *b = ctx;
	int got = 0;
	char c;

	while (got == 0) {
		short events = POLLIN;

		got = http_turn(h, b->fd[0], &events, true, err);
		b->turns++;
		if (got == 0 && (events & POLLIN) != 0 &&
		    read(b->fd[0], &c, 1) == 1)
			b->seen++;
	}
	return got < 0 ? -1 : 0;
}

static void
test_serve(void)
{
	struct beside b = { 0 };
	struct http_request q = {
		.method = "POST", .serve = serve_beside, .push_ctx = &b
	};
	auto_http_answer struct http_answer a = { 0 };
	struct err err;

	if (pipe(b.fd) < 0 || write(b.fd[1], "x", 1) != 1)
		abort();
	ok(ask("/slow", q, &a, &err) == 0 && b.seen == 1,
	    "another descriptor is served while the answer comes");
	tap_str(buf_str(&a.body), "slow", "and the answer is whole");
	ok(b.turns < 20, "without spinning");
	(void)close(b.fd[0]);
	(void)close(b.fd[1]);
}

static int
push_three(struct http *h, void *ctx, struct err *err)
{
	(void)ctx;
	return http_push(h, "one ", 4, err) < 0 ||
		       http_push(h, "two ", 4, err) < 0 ||
		       http_push(h, "three", 5, err) < 0
		   ? -1
		   : 0;
}

static int
push_fails(struct http *h, void *ctx, struct err *err)
{
	(void)ctx;
	(void)http_push(h, "one", 3, err);
	return err_set(err, EX_IOERR, "read-failed", "mine");
}

static int
push_much(struct http *h, void *ctx, struct err *err)
{
	static char data[65536];
	int *said = ctx;

	for (int i = 0; i < 4000; i++)
		if (http_push(h, data, sizeof(data), err) < 0) {
			*said = i;
			return -1;
		}
	*said = 4000;
	return 0;
}

static int
refuse(const void *p, size_t n, void *ctx, struct err *err)
{
	(void)p;
	(void)n;
	(void)ctx;
	return err_set(err, EX_DATAERR, "mine", "enough");
}

static void
test_answers(void)
{
	auto_http_answer struct http_answer a = { 0 };
	struct err err = { 0 };
	int said = 0;

	ok(ask("/echo", (struct http_request){ 0 }, &a, &err) == 0 &&
		a.status == 200,
	    "an answer");
	ok(strstr(a.body.data, "Expect") == NULL, "no Expect");
	tap_str(http_header(&a, "x-two"), "2", "a header, in any case");
	ok(http_header(&a, "x-t") == NULL, "not by its beginning");
	ok(ask("/echo",
	       (struct http_request){ .method = "POST", .push = push_three },
	       &a, &err) == 0 &&
		strstr(a.body.data, "4\r\none ") != NULL &&
		strstr(a.body.data, "5\r\nthree\r\n0\r\n") != NULL,
	    "a pushed body arrives whole");
	ok(ask("/echo",
	       (struct http_request){ .method = "POST", .push = push_fails },
	       &a, &err) < 0 &&
		strcmp(err.msg, "mine") == 0,
	    "one who cannot go on says why");
	ok(ask("/early",
	       (struct http_request){
		   .method = "POST", .push = push_much, .push_ctx = &said },
	       &a, &err) == 0 &&
		a.status == 500 && said < 4000,
	    "a peer that answers early is believed");
	tap_str(buf_str(&a.body), "no", "with its words");
	ok(ask("/big", (struct http_request){ .body_max = 8 }, &a, &err) < 0 &&
		err.status == EX_DATAERR,
	    "more than was asked for");
	ok(ask("/big", (struct http_request){ .write = refuse }, &a, &err) <
		    0 &&
		strcmp(err.msg, "enough") == 0,
	    "a reader that has enough");
}

static void
test_redirect(void)
{
	static const char *const header = "Authorization: Bearer x";
	auto_http_answer struct http_answer a = { 0 };
	auto_strvec struct strvec headers = { 0 };
	struct http_request q = { .headers = &headers };
	struct err err = { 0 };

	strvec_add(&headers, header);
	ok(ask("/there", q, &a, &err) == 0 && a.status == 302,
	    "a redirect is an answer");
	q.follow = true;
	ok(ask("/there", q, &a, &err) == 0 && a.status == 200,
	    "followed where asked");
	ok(strstr(a.body.data, "Bearer") == NULL,
	    "without what was meant for the first host");
	ok(ask("/echo", q, &a, &err) == 0 &&
		strstr(a.body.data, "Bearer x") != NULL,
	    "which gets it");
}

static void
test_failures(void)
{
	auto_http_answer struct http_answer a = { 0 };
	struct err err = { 0 };
	int64_t began = clock_ms();

	ok(ask("/half", (struct http_request){ 0 }, &a, &err) < 0,
	    "half an answer");
	tap_str(err.code, "connection-lost", "is no answer");
	ok(ask("/hang", (struct http_request){ .idle_ms = 200 }, &a, &err) <
		    0 &&
		err.status == EX_UNAVAILABLE,
	    "nothing moves");
	tap_str(err.code, "timeout", "for too long");
	ok(ask("/hang", (struct http_request){ .total_ms = 200 }, &a, &err) <
		    0 &&
		strcmp(err.code, "timeout") == 0,
	    "not done in time");
	ok(clock_ms() - began < 5000, "both were noticed soon");
	(void)snprintf(base, sizeof(base), "http://127.0.0.1:9");
	ok(ask("/", (struct http_request){ 0 }, &a, &err) < 0, "nobody there");
	tap_str(err.code, "connect-failed", "is told apart");
	(void)snprintf(base, sizeof(base), "ftp://127.0.0.1:9");
	ok(ask("/", (struct http_request){ 0 }, &a, &err) < 0 &&
		err.status == EX_CONFIG,
	    "another protocol is refused");
}

static void
test_stop(int port)
{
	auto_http_answer struct http_answer a = { 0 };
	struct err err = { 0 };

	(void)snprintf(base, sizeof(base), "http://127.0.0.1:%d", port);
	stop_init();
	(void)raise(SIGTERM);
	ok(ask("/hang", (struct http_request){ 0 }, &a, &err) < 0 &&
		err.status == EX_TEMPFAIL,
	    "a stop signal ends it");
	tap_str(err.code, "cancelled", "and is what it says");
}

int
main(void)
{
	int port, other, one = listener(&port), two = listener(&other);
	pid_t servers[] = { start(one, other), start(two, port) };
	struct buf b = { 0 };

	log_init("http");
	(void)snprintf(base, sizeof(base), "http://127.0.0.1:%d", port);
	test_answers();
	test_redirect();
	test_hijack();
	test_serve();
	test_failures();
	test_stop(port);
	http_quote(&b, "a/b:c d~é");
	tap_str(buf_str(&b), "a%2Fb%3Ac%20d~%C3%A9", "quotes a part of a path");
	buf_release(&b);
	for (int i = 0; i < 2; i++) {
		(void)kill(-servers[i], SIGKILL);
		(void)waitpid(servers[i], NULL, 0);
	}
	return tap_end();
}
