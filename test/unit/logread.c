/* A deployment's log, read at once, from an offset, and while it is written. */
#include "tap.h"

#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/io.h"
#include "work/logread.h"

#define AT "2026-11-24T10:00:00.123Z "

static void
collect(const char *line, size_t n, void *ctx)
{
	buf_add(ctx, line, n);
	buf_addc(ctx, '|');
}

static void
put(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_APPEND, 0600);

	if (fd < 0 || io_write_all(fd, text, strlen(text)) < 0)
		abort();
	(void)close(fd);
}

static void
test_lines(void)
{
	struct logline l;

	ok(logline_parse(&l, AT "rcn-build F #5 x", 41) && !l.cut &&
		l.stage_len == 9 && l.text_len == 4,
	    "a line");
	ok(logline_parse(&l, AT "rcn-build P ", 37) && l.cut && l.text_len == 0,
	    "a cut one without text");
	ok(logline_parse(&l, AT "rcn-build F", 36) && l.text_len == 0,
	    "one that has lost its blank");
	ok(!logline_parse(&l, AT "rcn-build X a", 38), "neither F nor P");
	ok(!logline_parse(&l, "hello", 5), "not a line");
	ok(!logline_parse(&l, "", 0), "nothing");
}

static void
test_once(const char *path)
{
	auto_buf struct buf b = { 0 };
	struct logread r = { .path = path, .line = collect, .ctx = &b };
	struct err err = { 0 };

	ok(logread_run(&r, &err) < 0 && err.status == EX_NOINPUT,
	    "a log that is not there");
	err = (struct err){ 0 };
	put(path, "one\ntwo\nhal");
	ok(logread_run(&r, &err) == 0 && *r.end == '\0', "no end yet");
	tap_str(buf_str(&b), "one|two|hal|", "all lines");
	buf_clear(&b);
	r.from = 4;
	ok(logread_run(&r, &err) == 0, "from a byte on");
	tap_str(buf_str(&b), "two|hal|", "the rest");
}

/* What a worker does, slowly. */
static void
write_slowly(const char *path)
{
	struct err err = { 0 };

	(void)clock_sleep_ms(100, &err);
	put(path, AT "rcn-worker F end: failed: x\n" AT
		     "rcn-worker F again\n" AT "rcn-bu");
	(void)clock_sleep_ms(100, &err);
	put(path, "ild F text end: live\n" AT "rcn-build F end: live\n");
	(void)clock_sleep_ms(100, &err);
	put(path, AT "rcn-worker F end: live\n");
	_exit(0);
}

static void
test_follow(const char *path)
{
	auto_buf struct buf b = { 0 };
	struct logread r = {
		.path = path, .follow = true, .line = collect, .ctx = &b
	};
	struct err err = { 0 };
	int64_t began = clock_ms();
	pid_t pid = fork();

	if (pid == 0)
		write_slowly(path);
	ok(logread_run(&r, &err) == 0, "follows a log that is not there yet");
	tap_str(r.end, "live", "to the end of its last try");
	tap_str(buf_str(&b),
	    AT "rcn-worker F end: failed: x|" AT "rcn-worker F again|" AT
	       "rcn-build F text end: live|" AT "rcn-build F end: live|" AT
	       "rcn-worker F end: live|",
	    "every line once");
	ok(clock_ms() - began < 3000, "is woken, does not wait for the net");
	(void)waitpid(pid, NULL, 0);
}

static int
is_over(void *ctx, struct err *err)
{
	(void)ctx;
	(void)err;
	return 1;
}

static void
test_over(const char *path)
{
	auto_buf struct buf b = { 0 };
	struct logread r = { .path = path,
		.follow = true,
		.over = is_over,
		.line = collect,
		.ctx = &b };
	struct err err = { 0 };
	int64_t began = clock_ms();

	ok(logread_run(&r, &err) == 0 && b.len == 0 &&
		clock_ms() - began < 1000,
	    "ended without ever running: no log, at once");
}

int
main(void)
{
	char dir[] = "/tmp/logread.XXXXXX";
	auto_free char *once = NULL, *later = NULL, *never = NULL;

	if (mkdtemp(dir) == NULL)
		return 1;
	once = mem_printf("%s/once", dir);
	later = mem_printf("%s/later", dir);
	never = mem_printf("%s/never", dir);
	test_lines();
	test_once(once);
	test_follow(later);
	test_over(never);
	(void)unlink(once);
	(void)unlink(later);
	(void)rmdir(dir);
	return tap_end();
}
