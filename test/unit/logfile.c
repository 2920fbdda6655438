/* The log of a deployment: lines, parts, what is taken out, the cap. */
#include "work/logfile.h"

#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/io.h"
#include "base/log.h"
#include "tap.h"

static char dir[] = "/tmp/rcn-log.XXXXXX";
static int made;

static void
begin(struct logfile *l, int64_t max)
{
	char name[32];
	struct err err = { 0 };

	snprintf(name, sizeof(name), "d%d", ++made);
	ok(logfile_open(l, name, max, &err) == 0, "opened %s", err.msg);
}

/* The file without its times. */
static char *
text(void)
{
	auto_buf struct buf raw = { 0 }, path = { 0 }, out = { 0 };
	struct err err = { 0 };

	buf_addf(&path, "%s/logs/d%d.log", dir, made);
	if (io_read_file(path.data, 1 << 20, &raw, &err) < 0)
		return mem_strdup(err.msg);
	for (char *p = raw.data, *end; p != NULL && *p != '\0'; p = end + 1) {
		end = strchr(p, '\n');
		if (end == NULL) {
			buf_adds(&out, "(cut)");
			break;
		}
		if (end - p >= CLOCK_TEXT && p[CLOCK_TEXT - 2] == 'Z')
			p += CLOCK_TEXT;
		buf_add(&out, p, (size_t)(end - p));
		buf_addc(&out, '|');
	}
	return buf_steal(&out);
}

static void
is(const char *want, const char *what)
{
	auto_free char *got = text();

	tap_str(got, want, what);
}

static void
bytes(struct logfile *l, const char *stage, const char *s)
{
	logfile_bytes(l, stage, s, strlen(s));
}

static void
test_lines(void)
{
	auto_logfile struct logfile l = LOGFILE_NONE;

	begin(&l, 1 << 20);
	bytes(&l, "rcn-build", "one\n\ntw");
	is("rcn-build F one|rcn-build F |", "whole lines are there at once");
	bytes(&l, "rcn-build", "o\nrcn-fetch: warning: x\nrest");
	bytes(&l, "rcn-push", "three\n");
	logfile_say(&l, "end: %s", "live\nx");
	is("rcn-build F one|rcn-build F |rcn-build F two|rcn-fetch F "
	   "warning: x|rcn-build F rest|rcn-push F three|rcn-worker F end: "
	   "live x|",
	    "who says his name has it in the line's stage");
}

static void
test_clean(void)
{
	auto_logfile struct logfile l = LOGFILE_NONE;

	begin(&l, 1 << 20);
	bytes(&l, "s", "\33[1;31mred\33[0m\r\n");
	bytes(&l, "s", " 10%\r 50%\r100%\n");
	bytes(&l, "s", "a\33]0;title\ab\33(Bc\33]8;;x\33\\d\n");
	bytes(&l, "s", "tab\tbell\a\1 bad\xff\n");
	bytes(&l, "s", "torn \33[");
	bytes(&l, "s", "2Jescape\n");
	bytes(&l, "s", "\33]never ends\nnext\n");
	is("s F red|s F 100%|s F abcd|s F tab\tbell bad\xef\xbf\xbd|s F torn "
	   "escape|s F |s F next|",
	    "colours, progress, titles, control bytes");
}

static void
test_parts(void)
{
	auto_logfile struct logfile l = LOGFILE_NONE;
	auto_free char *got = NULL;
	char big[LOGFILE_PIECE * 2 + 10];

	begin(&l, 1 << 20);
	bytes(&l, "s", "Password: ");
	logfile_flush(&l, false);
	bytes(&l, "s", "rcn-x: more\n");
	is("s P Password: |s F rcn-x: more|", "a part, and its end");
	bytes(&l, "s", "half");
	logfile_flush(&l, false);
	logfile_flush(&l, true);
	is("s P Password: |s F rcn-x: more|s P half|s F |",
	    "a part is always ended");
	logfile_close(&l);
	begin(&l, 1 << 20);
	memset(big, 'x', sizeof(big));
	logfile_bytes(&l, "s", big, sizeof(big));
	logfile_flush(&l, true);
	got = text();
	ok(strstr(got, "s P xxx") == got && strstr(got, "|s F xxx") != NULL &&
		strlen(got) == sizeof(big) + 3 * strlen("s P |"),
	    "a long line is cut into parts");
}

static void
test_cap(void)
{
	auto_logfile struct logfile l = LOGFILE_NONE;

	begin(&l, 100);
	for (int i = 0; i < 100; i++)
		bytes(&l, "s", "twenty bytes of text\n");
	logfile_say(&l, "end: live");
	is("s F twenty bytes of text|s F twenty bytes of text|rcn-worker F "
	   "log: more than 100 bytes; the rest is left out|rcn-worker F end: "
	   "live|",
	    "the cap is said once, the end all the same");
}

static void
test_again(void)
{
	struct logfile l = LOGFILE_NONE;
	struct err err = { 0 };
	char name[32];

	begin(&l, 1 << 20);
	bytes(&l, "s", "first\n");
	ok(write(l.fd, "half", 4) == 4, "killed in the middle");
	logfile_close(&l);
	snprintf(name, sizeof(name), "d%d", made);
	ok(logfile_open(&l, name, 1 << 20, &err) == 0, "again");
	bytes(&l, "s", "second\n");
	logfile_close(&l);
	is("s F first|half|s F second|", "what was cut is ended, not mended");
}

static void
test_full_disk(void)
{
	struct logfile l = { .fd = open("/dev/full", O_WRONLY), .max = 1000 };

	bytes(&l, "s", "x\n");
	ok(l.failed, "a full disk fails no deployment");
	logfile_close(&l);
}

int
main(void)
{
	char command[64];

	log_init("log");
	log_verbose(-1);
	if (mkdtemp(dir) == NULL)
		return 1;
	setenv("RCN_STATE_DIR", dir, 1);
	test_lines();
	test_clean();
	test_parts();
	test_cap();
	test_again();
	test_full_disk();
	for (int i = 1; i <= made; i++) {
		snprintf(command, sizeof(command), "%s/logs/d%d.log", dir, i);
		unlink(command);
	}
	snprintf(command, sizeof(command), "%s/logs", dir);
	rmdir(command);
	rmdir(dir);
	return tap_end();
}
