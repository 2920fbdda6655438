/* What a server is made of, without a request: answers, bodies, sockets. */
#include "tap.h"

#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/io.h"
#include "serve/door.h"
#include "serve/message.h"
#include "serve/spill.h"

static struct err err;

static void
answers(void)
{
	struct request q = { .header = { { "A", "1" }, { "b", "2" },
				 { "a", "3" } },
		.headers = 3 };
	struct response a = { 0 };
	const char *v;

	ok(request_header(&q, "B", &v) == 1 && strcmp(v, "2") == 0, "one");
	ok(request_header(&q, "a", &v) == -1, "twice");
	ok(request_header(&q, "c", &v) == 0 && v == NULL, "none");
	response_error(&a, 400, "x", "bad \"\xff\"");
	tap_str(a.body.data,
	    "{\"error\":{\"code\":\"x\",\"message\":\"bad "
	    "\\\"\xef\xbf\xbd\\\"\""
	    "}}\n",
	    "an error");
	response_log(&a, "k", "plain");
	response_log(&a, "k", "two words \"\\\n");
	response_log(&a, "k", "");
	tap_str(a.log.data, " k=plain k=\"two words \\\"\\\\ \" k=\"\"",
	    "words of the log");
	err = (struct err){ .status = EX_IOERR, .code = "disk-full" };
	a.hold = true;
	response_failed(&a, &err);
	ok(a.status == 503 && a.retry_after > 0 && !a.hold, "a full disk");
	err = (struct err){ .status = EX_DATAERR, .code = "bad-json" };
	response_failed(&a, &err);
	ok(a.status == 400, "bad data");
	err = (struct err){ .status = EX_SOFTWARE, .code = "x" };
	response_failed(&a, &err);
	ok(a.status == 500, "a bug");
	tap_str(status_text(a.status), "Internal Server Error", "its name");
	response_release(&a);
}

static void
bodies(void)
{
	struct spill s = SPILL_NONE;

	err = (struct err){ 0 };
	ok(spill_open(&s, "nowhere", &err) < 0, "no folder");
	tap_str(err.code, "cannot-create", "says so");
	ok(spill_open(&s, ".", &err) == 0 && spill_map(&s, &err) == 0 &&
		*s.map == '\0',
	    "nothing is nothing");
	spill_close(&s);
	ok(spill_open(&s, ".", &err) == 0 &&
		spill_add(&s, "ab", 2, &err) == 0 &&
		spill_add(&s, "c", 1, &err) == 0 && spill_map(&s, &err) == 0 &&
		s.size == 3 && memcmp(s.map, "abc", 3) == 0,
	    "in pieces");
	spill_close(&s);
	spill_close(&s);
	ok(s.fd == -1, "closed");
}

static void
addresses(void)
{
	static const struct {
		const char *where, *code; /* NULL: listens */
	} rows[] = {
		{ "127.0.0.1:0", NULL },
		{ "*:0", NULL },
		{ "unix:door", NULL },
		{ "127.0.0.1", "bad-address" },
		{ "127.0.0.1:", "bad-address" },
		{ ":80", "bad-address" },
		{ "localhost:80", "bad-address" },
		{ "127.0.0.1:http", "bad-address" },
		{ "127.0.0.1:99999", "bad-address" },
		{ "unix:", "bad-address" },
		{ "unix:nowhere/door", "cannot-listen" },
		{ "192.0.2.1:80", "cannot-listen" },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		struct doors d;
		int rc;

		err = (struct err){ 0 };
		rc = doors_open(&d, rows[i].where, &err);
		if (rows[i].code == NULL)
			ok(rc == 0 && d.n == 1, "%s listens", rows[i].where);
		else
			tap_str(err.code, rows[i].code, rows[i].where);
		if (rc == 0)
			doors_close(&d);
	}
}

static void
socket_file(void)
{
	struct doors one, two;
	struct stat st;

	err = (struct err){ 0 };
	ok(doors_open(&one, "unix:door", &err) == 0,
	    "one that nobody listens on is replaced");
	ok(stat("door", &st) == 0 && (st.st_mode & 0777) == 0660, "its mode");
	ok(doors_open(&two, "unix:door", &err) < 0, "one in use is not");
	doors_close(&one);
	(void)unlink("door");
}

static void
passed(void)
{
	struct doors d, own;
	char pid[16];

	unsetenv("LISTEN_PID");
	ok(doors_passed(&d, &err) == 0 && d.n == 0, "nothing was passed");
	(void)snprintf(pid, sizeof(pid), "%d", (int)getpid());
	setenv("LISTEN_PID", "1", 1);
	setenv("LISTEN_FDS", "1", 1);
	ok(doors_passed(&d, &err) == 0 && d.n == 0, "to somebody else");
	setenv("LISTEN_PID", pid, 1);
	setenv("LISTEN_FDS", "x", 1);
	ok(doors_passed(&d, &err) < 0, "no number");
	setenv("LISTEN_FDS", "1", 1);
	err = (struct err){ 0 };
	ok(doors_open(&own, "unix:door", &err) == 0 && dup2(own.fd[0], 3) == 3,
	    "a socket at 3");
	ok(doors_passed(&d, &err) == 0 && d.n == 1 && d.fd[0] == 3,
	    "is taken: %s", err.msg);
	ok(getenv("LISTEN_FDS") == NULL, "and not passed on");
	doors_close(&d);
	setenv("LISTEN_PID", pid, 1);
	setenv("LISTEN_FDS", "1", 1);
	ok(dup2(1, 3) == 3 && doors_passed(&d, &err) < 0, "what listens not");
	tap_str(err.code, "bad-address", "is refused");
	if (own.fd[0] != 3)
		doors_close(&own);
	close(3);
	(void)unlink("door");
}

int
main(void)
{
	char dir[] = "/tmp/rcn-unit-serve-XXXXXX";

	if (mkdtemp(dir) == NULL || chdir(dir) < 0)
		return EX_OSERR;
	answers();
	bodies();
	addresses();
	socket_file();
	passed();
	ok(chdir("/") == 0 && rmdir(dir) == 0, "nothing was left");
	return tap_end();
}
