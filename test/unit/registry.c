/*
 * The registry client against answers that a real registry seldom gives: a
 * server in a child process, one request a connection.
 */
#include "listener.h"
#include "tap.h"

#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/crypto.h"
#include "base/io.h"
#include "base/json.h"
#include "base/log.h"
#include "base/text.h"
#include "registry/registry.h"

#define ONCE "once "
#define BODY "{\"schemaVersion\":2}"

static char body_digest[DIGEST_TEXT];
static int port, other; /* two addresses of the server */

/* ---- the server ---- */

/* What is answered to a request: its head, without the status line's end. */
struct row {
	const char *begins; /* of the request: "GET /v2/..." */
	const char *holds; /* text it must have, or NULL; "!text": not have */
	const char *answer; /* "STATUS reason\r\nheaders", "once STATUS..." */
	const char *body;
};

static const struct row rows[] = {
	{ "GET /v2/good/", "Accept: application/vnd.oci.image.index.v1+json",
	    "200 OK\r\nContent-Type: x/y\r\nDocker-Content-Digest: $D", BODY },
	{ "GET /v2/quiet/", NULL, "200 OK", BODY },
	{ "HEAD /v2/good/", NULL, "200 OK", "" },
	{ "GET /v2/liar/", NULL,
	    "200 OK\r\nDocker-Content-Digest: sha256:"
	    "0000000000000000000000000000000000000000000000000000000000000000",
	    BODY },
	{ "GET /v2/busy/", NULL, "429 Slow\r\nRetry-After: 17", "" },
	{ "GET /v2/broken/", NULL, "503 Out", "" },
	{ "GET /v2/odd/", NULL, "418 Teapot", "" },
	{ "GET /v2/forbidden/", NULL, "403 No", "" },
	/* redirects: to a path, to another host, round and round, to a file */
	{ "GET /v2/moved/", NULL, "307 Go\r\nLocation: /v2/good/manifests/1",
	    "" },
	{ "GET /v2/away/", "!Authorization",
	    "401 Who\r\nWWW-Authenticate: Basic realm=\"r\"", "" },
	{ "GET /v2/away/", "Authorization: Basic dXNlcjpwYXNzd29yZA==",
	    "302 Go\r\nLocation: http://127.0.0.1:$O/elsewhere", "" },
	{ "GET /elsewhere", "!Authorization", "200 OK", BODY },
	{ "GET /v2/loop/", NULL, "302 Go\r\nLocation: /v2/loop/x", "" },
	{ "GET /v2/file/", NULL, "302 Go\r\nLocation: file:///etc/passwd", "" },
	{ "GET /v2/nowhere/", NULL, "302 Go", "" },
	/* tokens */
	{ "GET /v2/team/app/", "Authorization: Bearer token-of-user",
	    "200 OK\r\nDocker-Content-Digest: $D", BODY },
	{ "GET /v2/team/app/", NULL,
	    "401 Who\r\nWWW-Authenticate: Bearer "
	    "realm=\"http://127.0.0.1:$O/service/token\",service=\"a b\"",
	    "" },
	{ "GET /service/token?service=a%20b&scope=repository%3Ateam%2Fapp"
	  "%3Apull ",
	    "Authorization: Basic dXNlcjpwYXNzd29yZA==", "once 200 OK",
	    "{\"access_token\":\"token-of-user\",\"expires_in\":300}" },
	{ "GET /v2/refresh/", "Authorization: Bearer refreshed-token", "200 OK",
	    BODY },
	{ "GET /v2/refresh/", "!Authorization",
	    "401 Who\r\nWWW-Authenticate: Bearer "
	    "realm=\"http://127.0.0.1:$P/oauth\",service=\"s\"",
	    "" },
	{ "POST /oauth ",
	    "service=s&scope=repository%3Arefresh%3Apull&client_id=rcn&"
	    "grant_type=refresh_token&refresh_token=the%2Ftoken",
	    "200 OK", "{\"token\":\"refreshed-token\"}" },
	{ "GET /v2/anybody/", "Authorization: Bearer anonymous-token", "200 OK",
	    BODY },
	{ "GET /v2/anybody/", "!Authorization",
	    "401 Who\r\nWWW-Authenticate: Bearer "
	    "realm=\"http://127.0.0.1:$P/anon?x=1\",service=\"s\"",
	    "" },
	{ "GET /anon?x=1&service=s&scope=", "!Authorization", "200 OK",
	    "{\"token\":\"anonymous-token\"}" },
	{ "GET /v2/less/", NULL,
	    "401 Who\r\nWWW-Authenticate: Bearer "
	    "realm=\"http://127.0.0.1:$P/anon?x=1\",service=\"s\"",
	    "" },
	{ "GET /v2/notoken/", NULL,
	    "401 Who\r\nWWW-Authenticate: Bearer "
	    "realm=\"http://127.0.0.1:$P/empty\"",
	    "" },
	{ "GET /empty?", NULL, "200 OK", "{\"tok\": \"canary-token\"" },
	{ "GET /v2/evil/", NULL,
	    "401 Who\r\nWWW-Authenticate: Bearer realm=\"file:///etc/passwd\"",
	    "" },
};

static bool
fits(const struct row *r, const char *request)
{
	if (strncmp(request, r->begins, strlen(r->begins)) != 0)
		return false;
	if (r->holds == NULL)
		return true;
	if (*r->holds == '!')
		return strstr(request, r->holds + 1) == NULL;
	return strstr(request, r->holds) != NULL;
}

static void
add_filled(struct buf *b, const char *s)
{
	for (; *s != '\0'; s++) {
		if (*s != '$')
			buf_addc(b, *s);
		else if (*++s == 'D')
			buf_adds(b, body_digest);
		else
			buf_addf(b, "%d", *s == 'O' ? other : port);
	}
}

/* The head and, for a POST, its body, which comes in one piece. */
static void
read_request(int fd, struct buf *b)
{
	char piece[4096];
	ssize_t n;
	const char *end = NULL;

	while (end == NULL || (b->data[0] == 'P' && end[4] == '\0')) {
		n = io_read(fd, piece, sizeof(piece));
		if (n <= 0)
			return;
		buf_add(b, piece, (size_t)n);
		end = strstr(b->data, "\r\n\r\n");
	}
}

static void
serve_one(int fd)
{
	static const struct row none = { "", NULL, "404 None", "" };
	static bool used[sizeof(rows) / sizeof(*rows)];
	auto_buf struct buf in = { 0 }, out = { 0 };
	const struct row *r = &none;

	read_request(fd, &in);
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++)
		if (fits(&rows[i], buf_str(&in)) && !used[i]) {
			r = &rows[i];
			used[i] = text_starts(r->answer, ONCE);
			break;
		}
	buf_adds(&out, "HTTP/1.1 ");
	add_filled(&out,
	    r->answer + (text_starts(r->answer, ONCE) ? strlen(ONCE) : 0));
	buf_addf(&out, "\r\nContent-Length: %zu\r\nConnection: close\r\n\r\n",
	    strlen(r->body));
	if (in.len > 0 && in.data[0] != 'H')
		buf_adds(&out, r->body);
	(void)io_write_all(fd, out.data, out.len);
}

static pid_t
server(int fd)
{
	pid_t pid = fork();

	if (pid != 0) {
		(void)close(fd);
		return pid;
	}
	(void)alarm(120);
	for (;;) {
		int c = accept(fd, NULL, NULL);

		if (c < 0)
			continue;
		serve_one(c);
		(void)close(c);
	}
}

/* ---- the client ---- */

static struct registry *
open_ours(void)
{
	auto_free char *host = mem_printf("127.0.0.1:%d", port);

	return registry_open(host);
}

/* The manifest of path, or the error's code. */
static void
gets(struct registry *r, const char *end, const char *want, struct err *err)
{
	auto_free char *text = mem_printf("127.0.0.1:%d/%s", port, end);
	auto_manifest struct manifest m = { 0 };
	auto_ref struct ref ref = { 0 };
	struct err own = { 0 };
	int rc;

	if (err == NULL)
		err = &own;
	*err = (struct err){ 0 };
	if (ref_parse(text, &ref, err) < 0)
		exit(1);
	rc = registry_manifest(r, &ref, &m, err);
	tap_str(rc < 0 ? err->code : m.body.data, want, end);
	if (rc == 0)
		ok(strcmp(m.digest, body_digest) == 0, "its digest is ours");
}

static void
test_plain(struct registry *r)
{
	auto_free char *asked = mem_printf("good@%s", body_digest);
	auto_ref struct ref ref = { 0 };
	auto_manifest struct manifest m = { 0 };
	struct err err = { 0 };

	gets(r, "good:1", BODY, NULL);
	gets(r, "quiet:1", BODY, NULL);
	gets(r, asked, BODY, NULL);
	gets(r, "liar:1", "digest-mismatch", NULL);
	gets(r,
	    "quiet@sha256:"
	    "1111111111111111111111111111111111111111111111111111111111111111",
	    "digest-mismatch", NULL);
	gets(r, "none:1", "manifest-unknown", &err);
	ok(err.status == EX_NOINPUT, "66");
	gets(r, "busy:1", "registry-limit", &err);
	ok(err.status == EX_TEMPFAIL && strstr(err.hint, "17 seconds") != NULL,
	    "75, and when: %s", err.hint);
	gets(r, "broken:1", "registry-down", &err);
	ok(err.status == EX_UNAVAILABLE, "69");
	gets(r, "odd:1", "bad-answer", NULL);
	gets(r, "forbidden:1", "registry-denied", &err);
	ok(err.status == EX_NOPERM, "77");
	ok(ref_parse("r/good:1", &ref, &err) == 0 &&
		registry_has(r, &ref, &err) == 0,
	    "has: not that path");
	free(ref.path);
	ref.path = mem_strdup("good");
	ok(registry_has(r, &ref, &err) == 1, "has: there");
}

static void
test_redirects(struct registry *r)
{
	gets(r, "moved:1", BODY, NULL);
	gets(r, "away:1", BODY, NULL);
	gets(r, "loop:1", "bad-answer", NULL);
	gets(r, "file:1", "bad-answer", NULL);
	gets(r, "nowhere:1", "bad-answer", NULL);
}

static void
test_tokens(struct registry *r)
{
	struct err err = { 0 };

	gets(r, "team/app:1", BODY, NULL);
	gets(r, "team/app:2", BODY, NULL);
	gets(r, "evil:1", "bad-answer", NULL);
	gets(r, "notoken:1", "bad-answer", &err);
	ok(strstr(err.msg, "canary") == NULL, "no quotation: %s", err.msg);
}

/* Credentials of this process for the server, as a config.json. */
static void
config(const char *dir, const char *entry)
{
	auto_free char *path = mem_printf("%s/config.json", dir);
	auto_free char *text =
	    mem_printf("{\"auths\":{\"127.0.0.1:%d\":%s}}", port, entry);
	struct err err = { 0 };

	if (io_replace(path, 0600, text, strlen(text), &err) < 0)
		err_print(&err);
}

static void
test_down(void)
{
	auto_free char *closed = mem_printf("127.0.0.1:1");
	auto_registry struct registry *r = registry_open(closed);
	auto_ref struct ref ref = { 0 };
	struct err err = { 0 };

	ok(ref_parse("127.0.0.1:1/a:1", &ref, &err) == 0, "a name");
	ok(registry_has(r, &ref, &err) < 0, "nobody there");
	tap_str(err.code, "registry-down", "registry-down");
	ok(strstr(err.msg, "127.0.0.1:1") && strstr(err.hint, "http://"),
	    "%s (%s)", err.msg, err.hint);
}

/* 0.0.0.0 is this machine, and no loopback to who reads the name. */
static void
test_scheme(void)
{
	auto_free char *host = mem_printf("0.0.0.0:%d", port);
	auto_free char *name = mem_printf("%s/good:1", host);
	auto_free char *list = mem_printf("r.example, %s", host);
	auto_registry struct registry *https = registry_open(host);
	auto_registry struct registry *http = NULL;
	auto_ref struct ref ref = { 0 };
	struct err err = { 0 };

	ok(ref_parse(name, &ref, &err) == 0, "%s", name);
	ok(registry_has(https, &ref, &err) < 0, "not by http");
	ok(strstr(err.hint, "https://0.0.0.0:") != NULL, "but by TLS: %s",
	    err.hint);
	setenv("RCN_INSECURE_REGISTRIES", list, 1);
	http = registry_open(host);
	ok(registry_has(http, &ref, &err) == 1, "RCN_INSECURE_REGISTRIES");
	unsetenv("RCN_INSECURE_REGISTRIES");
}

static void
run_all(const char *dir)
{
	auto_registry struct registry *user = NULL, *identity = NULL,
				      *none = NULL;

	config(dir, "{\"username\":\"user\",\"password\":\"password\"}");
	user = open_ours();
	test_plain(user);
	test_redirects(user);
	test_tokens(user);
	config(dir, "{\"identitytoken\":\"the/token\"}");
	identity = open_ours();
	gets(identity, "refresh:1", BODY, NULL);
	config(dir, "{}");
	none = open_ours();
	gets(none, "anybody:1", BODY, NULL);
	gets(none, "anybody:2", BODY, NULL);
	gets(none, "less:1", "registry-denied", NULL);
	gets(none, "away:1", "registry-denied", NULL);
	test_down();
	test_scheme();
}

int
main(void)
{
	char dir[] = "/tmp/rcn-registry-XXXXXX", hex[SHA256_HEX];
	auto_free char *path = NULL;
	pid_t pids[2];
	int a, b;

	log_init("registry");
	json_init();
	if (mkdtemp(dir) == NULL)
		return 1;
	setenv("DOCKER_CONFIG", dir, 1);
	unsetenv("RCN_SECRETS");
	sha256_hex(BODY, strlen(BODY), hex);
	(void)snprintf(body_digest, sizeof(body_digest), "sha256:%s", hex);
	a = listener(&port);
	b = listener(&other);
	pids[0] = server(a);
	pids[1] = server(b);
	run_all(dir);
	for (int i = 0; i < 2; i++) {
		(void)kill(pids[i], SIGKILL);
		(void)waitpid(pids[i], NULL, 0);
	}
	path = mem_printf("%s/config.json", dir);
	(void)unlink(path);
	ok(rmdir(dir) == 0, "nothing left behind");
	return tap_end();
}
