/* The gate's one look: what it asks, and what it makes of answers. */
#include "deploy/probe.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/log.h"
#include "tap.h"

static char asked[4096]; /* what the last request was */

/* Answers one connection with text; NULL: never. */
static int
look(const char *text, int *status)
{
	struct sockaddr_in a = { .sin_family = AF_INET,
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t n = sizeof(a);
	int fd = socket(AF_INET, SOCK_STREAM, 0), report[2], result;
	struct probe p = { .address = "127.0.0.1",
		.host = "app.example",
		.path = "/health?a=b",
		.timeout_ms = text == NULL ? 200 : 5000,
		.pidfd = -1 };
	struct err err = { 0 };
	ssize_t got;
	pid_t pid;

	if (fd < 0 || bind(fd, (struct sockaddr *)&a, n) < 0 ||
	    listen(fd, 1) < 0 || pipe(report) < 0 ||
	    getsockname(fd, (struct sockaddr *)&a, &n) < 0)
		return -2;
	p.port = ntohs(a.sin_port);
	if ((pid = fork()) == 0) {
		int c = accept(fd, NULL, NULL);
		char in[4096];

		got = recv(c, in, sizeof(in), 0);
		if (got > 0 && write(report[1], in, (size_t)got) == got &&
		    text == NULL)
			(void)recv(c, in, sizeof(in), 0);
		else if (text != NULL)
			(void)send(c, text, strlen(text), MSG_NOSIGNAL);
		_exit(0);
	}
	close(fd);
	close(report[1]);
	result = probe_http(&p, status, &err);
	got = read(report[0], asked, sizeof(asked) - 1);
	asked[got > 0 ? got : 0] = '\0';
	close(report[0]);
	(void)waitpid(pid, NULL, 0);
	return result;
}

static void
test_request(void)
{
	int status;

	ok(look("HTTP/1.1 204 No Content\r\n\r\n", &status) == PROBE_ANSWERED &&
		status == 204,
	    "an answer");
	ok(strncmp(asked, "GET /health?a=b HTTP/1.1\r\n", 26) == 0,
	    "GET, not HEAD, with the whole path");
	ok(strstr(asked, "\r\nHost: app.example\r\n") != NULL,
	    "as the first host");
	ok(strstr(asked, "\r\nX-Forwarded-Proto: https\r\n") != NULL,
	    "as if over https");
	ok(strstr(asked, "\r\nConnection: close\r\n") != NULL,
	    "on a connection of its own");
}

static void
test_answers(void)
{
	static const struct {
		const char *text;
		int result, status;
	} rows[] = {
		{ "HTTP/1.0 200 OK\r\n\r\n", PROBE_ANSWERED, 200 },
		{ "HTTP/1.1 301 Moved\r\nLocation: http://127.0.0.1:1/\r\n\r\n",
		    PROBE_ANSWERED, 301 },
		{ "HTTP/1.1 503 No\r\n\r\n", PROBE_ANSWERED, 503 },
		{ "HTTP/1.1 200", PROBE_ANSWERED, 200 },
		{ "", PROBE_CLOSED, 0 },
		{ "HTTP/1.1 20", PROBE_NOT_HTTP, 0 },
		{ "HTTP/1.1 099 \r\n", PROBE_NOT_HTTP, 99 },
		{ "HTTP/1.1 -12 \r\n", PROBE_NOT_HTTP, 0 },
		{ "SSH-2.0-OpenSSH_9.2\r\n", PROBE_NOT_HTTP, 0 },
		{ NULL, PROBE_SILENT, 0 },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		int status, result = look(rows[i].text, &status);

		ok(result == rows[i].result && status == rows[i].status,
		    "answer %zu: %s, %d", i, probe_text(result), status);
	}
}

int
main(void)
{
	log_init("probe");
	test_request();
	test_answers();
	return tap_end();
}
