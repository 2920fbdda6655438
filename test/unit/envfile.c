/* Variables from a file: both forms, and what is refused with its line. */
#include "tap.h"

#include <stdlib.h>
#include <unistd.h>

#include "base/io.h"
#include "base/json.h"
#include "base/log.h"
#include "base/mask.h"
#include "parse/dotenv.h"
#include "parse/envfile.h"

static void
test_dotenv(void)
{
	static const char text[] = "\xef\xbb\xbf# c\nA=1\nexport B = two words "
				   " # note\nC='a#b\nc'\nD=\"x\\n\\\"y\\$z\"\n"
				   "E=\nF=a#b\r\nA=2\n";
	struct err err = { 0 };
	json_auto_t *v = dotenv_parse(text, sizeof(text) - 1, "t", &err);

	tap_str(json_str(v, "A", ""), "2", "the last of a key counts");
	tap_str(json_str(v, "B", ""), "two words", "export, blanks, comment");
	tap_str(json_str(v, "C", ""), "a#b\nc", "single quotes are literal");
	tap_str(json_str(v, "D", ""), "x\n\"y$z", "double quotes escape");
	tap_str(json_str(v, "E", "?"), "", "empty");
	tap_str(json_str(v, "F", ""), "a#b", "# inside a word stays");
}

static void
test_bad(void)
{
	static const struct {
		const char *text, *where;
	} rows[] = {
		{ "A=1\nnonsense\n", "t:2:" },
		{ "1A=1\n", "t:1:" },
		{ "A='x\n\n", "t:3:" },
		{ "A=\"x\" y\n", "t:1:" },
		{ "A=1\nB=\xff\n", "t:2:" },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		struct err err = { 0 };

		ok(dotenv_parse(rows[i].text, strlen(rows[i].text), "t",
		       &err) == NULL &&
			strncmp(err.msg, rows[i].where, 4) == 0,
		    "refused at %s", rows[i].where);
	}
}

static void
phases(int fd, const char *path)
{
	static const char text[] =
	    "{\"R\":{\"value\":\"r\",\"phase\":\"run\"},"
	    "\"B\":{\"value\":\"b\",\"phase\":\"build\"},"
	    "\"X\":{\"value\":\"x\",\"phase\":\"both\"},"
	    "\"N\":{\"value\":\"n\"}}";
	struct err err = { 0 };
	json_auto_t *run = NULL;
	json_auto_t *build = NULL;

	ok(ftruncate(fd, 0) == 0 && pwrite(fd, text, sizeof(text) - 1, 0) > 0,
	    "phases");
	run = envfile_load(path, "run", &err);
	build = envfile_load(path, "build", &err);
	ok(json_object_size(run) == 3 && json_object_get(run, "B") == NULL,
	    "the app gets what is not the build's alone");
	ok(json_object_size(build) == 3 && json_object_get(build, "R") == NULL,
	    "and the other way round");
}

static void
test_file(void)
{
	char path[] = "/tmp/rcn-env-XXXXXX";
	static const char text[] = "{\"K\":{\"value\":\"not-hidden\","
				   "\"secret\":false},\"S\":\"hidden-value\"}";
	auto_buf struct buf b = { 0 };
	struct err err = { 0 };
	int fd = mkstemp(path);
	json_auto_t *v = NULL;

	ok(io_write_all(fd, text, sizeof(text) - 1) == 0, "a file");
	v = envfile_load(path, "run", &err);
	ok(!json_bool(v, "K.secret", true) && json_bool(v, "S.secret", false),
	    "a value is secret unless it says not");
	buf_adds(&b, "not-hidden hidden-value");
	mask_text(&b);
	tap_str(b.data, "not-hidden ***", "secret values are masked");
	phases(fd, path);
	ok(ftruncate(fd, 0) == 0 && pwrite(fd, "{\"a b\":\"x\"}", 11, 0) == 11,
	    "a bad key");
	ok(envfile_load(path, "run", &err) == NULL && err.status == EX_DATAERR,
	    "is refused");
	ok(ftruncate(fd, 0) == 0 &&
		pwrite(fd, "{\"A\":\n sesame-open}", 20, 0) == 20,
	    "a value without its quotes");
	ok(envfile_load(path, "run", &err) == NULL &&
		strstr(err.msg, ":2:") != NULL &&
		strstr(err.msg, "sesame") == NULL,
	    "the line is named, the value is not");
	(void)unlink(path);
	(void)close(fd);
	ok(envfile_load(path, "run", &err) == NULL && err.status == EX_NOINPUT,
	    "a missing file is 66");
}

int
main(void)
{
	log_init("envfile");
	json_init();
	test_dotenv();
	test_bad();
	test_file();
	return tap_end();
}
