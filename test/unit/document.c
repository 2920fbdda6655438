/*
 * The promises of doc_filter(), with a stage of our own in a child process:
 * it adds {"n": members of x}, fails where x.fail is set, and its key is the
 * hash of x.
 */
#include "tap.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/io.h"
#include "base/json.h"
#include "base/log.h"
#include "base/mask.h"
#include "base/stop.h"
#include "document/document.h"

#define HEAD                                                     \
	"{\"rcn\":{\"version\":1},\"project\":{\"slug\":\"a\"}," \
	"\"deployment\":{\"id\":\"d\"}"

static int
stage_key(json_t *doc, void *ctx, char hex[65], struct err *err)
{
	(void)ctx;
	if (json_str(doc, "x.badkey", NULL) != NULL)
		return err_set(err, EX_CONFIG, "no-key", "no key to be had");
	json_hash(json_object_get(doc, "x"), hex);
	return 0;
}

static int
stage_current(json_t *doc, void *ctx, struct err *err)
{
	(void)ctx, (void)err;
	return !json_bool(doc, "x.gone", false);
}

static json_t *
stage_run(json_t *doc, void *ctx, struct err *err)
{
	const char *fail = json_str(doc, "x.fail", NULL);

	(void)ctx;
	if (fail != NULL) {
		mask_add("top-secret-value");
		err_set(err, EX_UNAVAILABLE, "engine-down",
		    "failed: %s\xff top-secret-value", fail);
		err_hint(err, "mend it");
		return NULL;
	}
	if (json_bool(doc, "x.wait", false) && clock_sleep_ms(10000, err) < 0)
		return NULL;
	if (json_bool(doc, "x.two", false))
		return json_pack("[{s:{s:i}, s:i}, {s:{s:i}, s:i}]", "mine",
		    "n", 1, "which", 1, "mine", "n", 2, "which", 2);
	return json_pack("{s:i}", "n",
	    (int)json_object_size(json_object_get(doc, "x")));
}

struct result {
	int status; /* as waitpid(2) has it */
	struct buf out;
};

static bool finishes, amends;

/* Starts the stage over pipes; *to is its stdin, *from its stdout. */
static pid_t
begin(bool settles, int *to, int *from)
{
	struct stage stage = { .name = "rcn-mine",
		.section = "mine",
		.settles = settles,
		.amends = amends,
		.finishes = finishes,
		.key = stage_key,
		.current = stage_current,
		.run = stage_run };
	int in[2], out[2];
	pid_t pid;

	if (pipe2(in, O_CLOEXEC) < 0 || pipe2(out, O_CLOEXEC) < 0)
		abort();
	(void)fflush(stdout);
	pid = fork();
	if (pid == 0) {
		(void)dup2(in[0], 0);
		(void)dup2(out[1], 1);
		(void)dup2(open("/dev/null", O_WRONLY | O_CLOEXEC), 2);
		(void)close(in[1]);
		(void)close(out[0]);
		stop_init();
		_exit(doc_filter(&stage, NULL));
	}
	(void)close(in[0]);
	(void)close(out[1]);
	*to = in[1];
	*from = out[0];
	return pid;
}

static struct result
end(pid_t pid, int from)
{
	struct result r = { 0 };
	struct err err = { 0 };

	(void)io_read_fd(from, 64 << 20, &r.out, "child", &err);
	(void)close(from);
	(void)waitpid(pid, &r.status, 0);
	return r;
}

static struct result
run(bool settles, const char *text, size_t n)
{
	int to, from;
	pid_t pid = begin(settles, &to, &from), writer;

	if ((writer = fork()) == 0) {
		(void)close(from);
		(void)io_write_all(to, text, n);
		_exit(0);
	}
	(void)close(to);
	struct result r = end(pid, from);
	(void)waitpid(writer, NULL, 0);
	return r;
}

static struct result
filter(const char *text)
{
	return run(false, text, strlen(text));
}

static void
exits(const char *text, int status, const char *what)
{
	struct result r = filter(text);

	ok(WIFEXITED(r.status) && WEXITSTATUS(r.status) == status, "%s: %d",
	    what, status);
	ok(r.out.len == 0, "%s: nothing written", what);
	buf_release(&r.out);
}

static json_t *
parse(const struct result *r)
{
	struct err err = { 0 };

	return json_parse(buf_str(&r->out), r->out.len, "out", &err);
}

static void
test_input(void)
{
	exits("", EX_NOINPUT, "no document");
	exits(" \n\t ", EX_NOINPUT, "white space only");
	exits(HEAD, EX_NOINPUT, "half a document");
	exits("{\"a\":}", EX_DATAERR, "bad JSON");
	exits("[1]", EX_DATAERR, "an array");
	exits("{\"a\":1,\"a\":2}", EX_DATAERR, "a key twice");

	struct result r = run(false, "{\"a\":\"x\0y\"}", 11);
	ok(WEXITSTATUS(r.status) == EX_DATAERR, "a NUL byte is refused");
	buf_release(&r.out);

	auto_buf struct buf big = { 0 };
	buf_adds(&big, HEAD ",\"pad\":\"");
	while (big.len <= DOC_MAX)
		buf_add(&big, "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx", 32);
	buf_adds(&big, "\"}");
	r = run(false, big.data, big.len);
	ok(WEXITSTATUS(r.status) == EX_DATAERR && r.out.len == 0,
	    "more than 4 MiB is refused");
	buf_release(&r.out);
}

static void
test_version(void)
{
	struct result r = filter("{\"rcn\":{\"version\":2}}");
	json_auto_t *doc = parse(&r);

	ok(WEXITSTATUS(r.status) == EX_DATAERR, "another version is refused");
	tap_str(json_str(doc, "error.code", ""), "bad-document", "and named");
	buf_release(&r.out);
}

static void
test_pass(void)
{
	struct result r = filter(HEAD
	    ",\"unknown\":{\"deep\":[1,2,{\"a\":null}]},\"x\":{\"a\":1}}");
	json_auto_t *doc = parse(&r);
	json_t *row = json_array_get(json_object_get(doc, "timings"), 0);

	ok(r.status == 0, "success");
	ok(json_int(doc, "mine.n", 0) == 1, "the section is set");
	ok(strlen(json_str(doc, "mine.key", "")) == 64, "and its key");
	ok(json_array_size(json_at(doc, "unknown.deep")) == 3,
	    "unknown members pass");
	tap_str(json_str(row, "stage", ""), "rcn-mine", "timings");
	ok(strlen(json_str(row, "started_at", "")) == 24, "started_at");
	ok(r.out.data[r.out.len - 1] == '\n' &&
		memchr(r.out.data, '\n', r.out.len) ==
		    r.out.data + r.out.len - 1,
	    "one line");

	/* resume: the same again, then with what it names gone */
	struct result again = filter(r.out.data);
	tap_str(again.out.data, r.out.data, "an equal key: passed unchanged");
	buf_release(&again.out);
	json_object_set_new(json_object_get(doc, "mine"), "n",
	    json_integer(77));
	json_object_set_new(json_object_get(doc, "x"), "b", json_true());
	auto_buf struct buf text = { 0 };
	json_write(&text, doc, 0);
	again = filter(text.data);
	json_auto_t *new = parse(&again);
	ok(json_int(new, "mine.n", 0) == 2, "another key: done again");
	buf_release(&again.out);
	buf_release(&r.out);
}

static void
test_current(void)
{
	struct result r = filter(HEAD ",\"x\":{\"gone\":true}}"), again;
	json_auto_t *doc = parse(&r);
	auto_buf struct buf text = { 0 };

	json_object_set_new(json_object_get(doc, "mine"), "n",
	    json_integer(77));
	json_write(&text, doc, 0);
	again = filter(text.data);
	json_auto_t *new = parse(&again);
	ok(json_int(new, "mine.n", 0) == 1,
	    "an equal key, but what it names is gone: done again");
	buf_release(&again.out);
	buf_release(&r.out);
}

static void
test_failure(void)
{
	struct result r =
	    filter(HEAD ",\"mine\":{\"old\":1},\"x\":{\"fail\":\"why\"}}");
	json_auto_t *doc = parse(&r);

	ok(WEXITSTATUS(r.status) == EX_UNAVAILABLE, "its own status");
	tap_str(json_str(doc, "error.stage", ""), "rcn-mine", "error.stage");
	tap_str(json_str(doc, "error.code", ""), "engine-down", "error.code");
	tap_str(json_str(doc, "error.message", ""),
	    "failed: why\xef\xbf\xbd ***", "message is clean and masked");
	tap_str(json_str(doc, "error.hint", ""), "mend it", "error.hint");
	ok(json_bool(doc, "error.retryable", false), "error.retryable");
	ok(json_object_get(doc, "mine") == NULL, "no stale section is left");

	struct result next = filter(r.out.data);
	tap_str(next.out.data, r.out.data, "the next stage passes it on");
	ok(WEXITSTATUS(next.status) == EX_UNAVAILABLE, "with its status");
	buf_release(&next.out);

	next = run(true, r.out.data, r.out.len);
	json_auto_t *settled = parse(&next);
	ok(WEXITSTATUS(next.status) == EX_UNAVAILABLE, "a settling one too");
	tap_str(json_str(settled, "error.message", ""),
	    "failed: why\xef\xbf\xbd ***", "whose own failure is not told");
	buf_release(&next.out);
	buf_release(&r.out);

	r = filter(HEAD ",\"x\":{\"badkey\":\"1\"}}");
	ok(WEXITSTATUS(r.status) == EX_CONFIG, "no key is a failure");
	buf_release(&r.out);
	r = filter("{\"error\":{\"status\":900}}");
	ok(WEXITSTATUS(r.status) == EX_SOFTWARE, "an impossible status is 70");
	buf_release(&r.out);
}

static void
test_several(void)
{
	struct result r =
	    filter(HEAD ",\"x\":{}}" HEAD ",\"x\":{\"fail\":\"1\"}}\n" HEAD
			",\"x\":{\"two\":true}}");
	size_t lines = 0;

	for (size_t i = 0; i < r.out.len; i++)
		lines += r.out.data[i] == '\n';
	ok(lines == 4, "every document is handled, an array gives several");
	ok(WEXITSTATUS(r.status) == EX_UNAVAILABLE,
	    "the status is that of the first in error");
	ok(strstr(r.out.data, "\"which\":2") != NULL, "each with its members");
	buf_release(&r.out);
}

static void
test_stream(void)
{
	static const char text[] = HEAD ",\"x\":{}}";
	int to, from;
	pid_t pid = begin(false, &to, &from);
	struct err err = { 0 };

	(void)io_write_all(to, text, sizeof(text) - 1);
	ok(io_wait(from, POLLIN, 5000, &err) == 1,
	    "a document comes out before the input ends");
	(void)close(to);
	struct result r = end(pid, from);
	ok(r.status == 0, "and the end is no error");
	buf_release(&r.out);
}

static void
test_reader_gone(void)
{
	static const char text[] = HEAD ",\"x\":{\"wait\":true}}";
	int to, from, status;
	pid_t pid = begin(false, &to, &from);

	(void)close(from);
	(void)io_write_all(to, text, sizeof(text) - 1);
	(void)close(to);
	(void)waitpid(pid, &status, 0);
	ok(WIFSIGNALED(status) && WTERMSIG(status) == SIGPIPE,
	    "nobody reads: dies of SIGPIPE before its work");
}

static void
test_cancel(void)
{
	static const char wait[] = HEAD ",\"x\":{\"wait\":true}}";
	static const char failed[] = "{\"error\":{\"status\":69}}";
	int to, from;
	pid_t pid = begin(false, &to, &from);
	struct result r;

	(void)usleep(100000);
	(void)kill(pid, SIGTERM);
	(void)usleep(50000);
	(void)io_write_all(to, failed, sizeof(failed) - 1);
	(void)close(to);
	r = end(pid, from);
	ok(WIFEXITED(r.status) && WEXITSTATUS(r.status) == 69,
	    "a waiting stage goes on waiting for its document");
	buf_release(&r.out);

	pid = begin(false, &to, &from);
	(void)io_write_all(to, wait, sizeof(wait) - 1);
	(void)usleep(100000);
	(void)kill(pid, SIGTERM);
	(void)close(to);
	r = end(pid, from);
	json_auto_t *doc = parse(&r);
	tap_str(json_str(doc, "error.code", ""), "cancelled",
	    "a stage at work stops and says cancelled");
	ok(WEXITSTATUS(r.status) == EX_TEMPFAIL &&
		!json_bool(doc, "error.retryable", true),
	    "status 75, not to be tried again");
	buf_release(&r.out);
}

static void
test_finishes(void)
{
	static const char text[] = HEAD ",\"x\":{}}";
	static const char error[] = HEAD ",\"x\":{},\"error\":{\"status\":69}}";
	int to, from;
	pid_t pid;
	struct result r;

	finishes = true;
	pid = begin(false, &to, &from);
	(void)usleep(100000);
	(void)kill(pid, SIGTERM);
	(void)usleep(50000);
	(void)io_write_all(to, text, sizeof(text) - 1);
	(void)close(to);
	r = end(pid, from);
	ok(r.status == 0 && strstr(r.out.data, "\"mine\"") != NULL,
	    "a stage that finishes does its work, whatever was asked");
	buf_release(&r.out);
	r = run(false, error, strlen(error));
	ok(WEXITSTATUS(r.status) == 69 &&
		strstr(r.out.data, "\"mine\"") == NULL,
	    "but not on what has failed before");
	buf_release(&r.out);
	finishes = false;
}

static void
test_amends(void)
{
	static const char text[] =
	    HEAD ",\"mine\":{\"a\":1},\"x\":{\"fail\":\"1\"}}";
	struct result r = run(false, text, strlen(text));
	json_auto_t *without = parse(&r);

	ok(json_at(without, "mine") == NULL, "a failed section is taken away");
	buf_release(&r.out);
	amends = true;
	r = run(false, text, strlen(text));
	json_auto_t *with = parse(&r);
	ok(json_int(with, "mine.a", 0) == 1 && json_at(with, "error") != NULL,
	    "where it was another's, it stays as it was");
	buf_release(&r.out);
	amends = false;
}

static void
test_full(void)
{
	int status, to[2];
	pid_t pid;

	if (pipe(to) < 0)
		abort();
	(void)fflush(stdout);
	if ((pid = fork()) == 0) {
		struct stage stage = {
			.name = "rcn-mine", .section = "mine", .run = stage_run
		};
		(void)dup2(to[0], 0);
		(void)close(to[1]);
		(void)dup2(open("/dev/full", O_WRONLY | O_CLOEXEC), 1);
		(void)dup2(open("/dev/null", O_WRONLY | O_CLOEXEC), 2);
		_exit(doc_filter(&stage, NULL));
	}
	(void)io_write_all(to[1], HEAD "}", strlen(HEAD "}"));
	(void)close(to[0]);
	(void)close(to[1]);
	(void)waitpid(pid, &status, 0);
	ok(WEXITSTATUS(status) == EX_IOERR, "a full disk is 74");
}

/* A project file of the text is refused, naming the setting. */
static void
refused(const char *text, const char *setting)
{
	char path[] = "/tmp/rcn-project-XXXXXX";
	struct doc_origin o = { .base = "/srv/app", .project_file = path };
	struct err err = { 0 };
	int fd = mkostemp(path, O_CLOEXEC);

	(void)io_write_all(fd, text, strlen(text));
	(void)close(fd);
	json_auto_t *doc = doc_seed(&o, &err);
	(void)unlink(path);
	ok(doc == NULL && err.status == EX_DATAERR &&
		strstr(err.msg, setting) != NULL,
	    "not taken for unset: %s", text);
}

static void
test_project(void)
{
	refused("{\"hosts\": \"app.example\"}", "hosts: not a list of strings");
	refused("{\"hosts\": [1]}", "hosts");
	refused("{\"install\": \"npm ci\"}", "install: not a list of commands");
	refused("{\"build\": null}", "build");
	refused("{\"health\": \"/up\"}", "health: not an object");
	refused("{\"health\": {\"expect\": 204}}", "health.expect");
	refused("{\"limits\": {\"memory\": \"512m\"}}", "limits.memory");
	refused("{\"mounts\": [\"/data\"]}", "mounts: not a list of objects");
	refused("{\"root\": 5}", "root: not a string");
}

static void
test_seed(void)
{
	struct doc_origin o = { .base = "/srv/My App.git/" };
	struct err err = { 0 };
	json_auto_t *doc = doc_seed(&o, &err);

	tap_str(doc_slug(doc), "my-app", "the folder names the project");
	tap_str(doc_environment(doc), "production", "production by default");
	ok(strlen(doc_deployment(doc)) == 36 && doc_attempt(doc) == 1,
	    "a deployment of its own");
	o = (struct doc_origin){ .base = "reg:5000/team/web:1.2" };
	json_auto_t *image = doc_seed(&o, &err);
	tap_str(doc_slug(image), "web", "an image names the project");
	o.slug = "Bad Slug";
	ok(doc_seed(&o, &err) == NULL && err.status == EX_USAGE,
	    "a bad slug is refused");
	ok(doc_need(doc, "image", &err) == NULL &&
		strstr(err.hint, "rcn-build") != NULL,
	    "a missing section names its program");
}

int
main(void)
{
	log_init("document");
	json_init();
	test_input();
	test_version();
	test_pass();
	test_current();
	test_failure();
	test_several();
	test_stream();
	test_reader_gone();
	test_cancel();
	test_finishes();
	test_amends();
	test_full();
	test_seed();
	test_project();
	return tap_end();
}
