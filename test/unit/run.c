/* One pipeline, watched: shells stand for it. */
#include "work/run.h"

#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/io.h"
#include "base/log.h"
#include "base/stop.h"
#include "tap.h"

static char dir[] = "/tmp/rcn-run.XXXXXX";
static const char job[] = "test-run";

static const struct run_stage stages[] = {
	{ "one", 0 },
	{ "two", 300 },
	{ "one", 0 },
	{ 0 },
};

struct told {
	enum run_wish wish;
	int after, beats;
	bool stopped, late;
	char stages[200];
};

static enum run_wish
beat(void *ctx, const char *stage, bool late)
{
	struct told *t = ctx;
	size_t n = strlen(t->stages);

	snprintf(t->stages + n, sizeof(t->stages) - n, "%s ", stage);
	t->stopped |= stop_asked();
	t->late |= late;
	return ++t->beats > t->after ? t->wish : RUN_ON;
}

struct test {
	struct run run;
	struct run_end end;
	struct group group;
	struct logfile log;
	struct told told;
	struct err err;
	int64_t ms;
	int rc;
};

static int made;

static void
run(struct test *t, const char *script)
{
	char sh[] = "sh", c[] = "-c", var[] = "RCN_JOB=test-run", name[32];
	auto_free char *text = mem_strdup(script);
	char *argv[] = { sh, c, text, NULL };
	char *env[] = { var, NULL };

	snprintf(name, sizeof(name), "d%d", ++made);
	logfile_open(&t->log, name, 1 << 20, &t->err);
	t->run.argv = argv;
	t->run.env = env;
	if (t->run.in == NULL)
		t->run.in = "";
	if (t->run.lock == 0)
		t->run.lock = -1;
	t->run.log = &t->log;
	t->run.stages = stages;
	t->run.beat = beat;
	t->run.ctx = &t->told;
	if (t->run.beat_ms == 0)
		t->run.beat_ms = 60000;
	t->run.grace_ms = 200;
	group_make(&t->group, job);
	t->ms = clock_ms();
	t->rc = run_pipeline(&t->run, &t->group, &t->end, &t->err);
	t->ms = clock_ms() - t->ms;
	group_close(&t->group, job);
}

static void
done(struct test *t)
{
	run_end_release(&t->end);
	logfile_close(&t->log);
}

/* What the log says, less its times. */
static void
log_is(const struct test *t, const char *want, const char *what)
{
	auto_buf struct buf text = { 0 }, path = { 0 }, out = { 0 };
	struct err err = { 0 };
	char name[32];

	(void)t;
	snprintf(name, sizeof(name), "d%d", made);
	logfile_path(&path, name, &err);
	io_read_file(path.data, 1 << 20, &text, &err);
	for (char *p = text.data, *end; p != NULL && *p != '\0'; p = end + 1) {
		end = strchr(p, '\n');
		buf_add(&out, p + CLOCK_TEXT, (size_t)(end - p) - CLOCK_TEXT);
		buf_addc(&out, '|');
	}
	tap_str(buf_str(&out), want, what);
}

static void
test_good(void)
{
	struct test t = { .run = { .in = "{\"a\":1}", .in_size = 7 } };

	run(&t, "exec 4>&1; echo first >&2; echo one 0 >&3; sleep 0.05;"
		"echo second >&2; echo two 0 >&3; sleep 0.05;"
		"echo third >&2; cat; printf \"$RCN_JOB ${RCN_LOCK_FD-none}\";"
		"exit 7");
	ok(t.rc == 0 && t.end.status == 7, "its status, %d %s", t.end.status,
	    t.err.msg);
	tap_str(buf_str(&t.end.out), "{\"a\":1}test-run none",
	    "its input, output, environment");
	tap_str(buf_str(&t.end.said), "first\nsecond\nthird\n", "its words");
	log_is(&t, "one F first|two F second|one F third|",
	    "stages from --progress");
	ok(!t.end.termed && !t.end.killed && t.told.beats == 0, "untouched");
	done(&t);
}

static void
test_lock(void)
{
	struct test t = { .run.lock = -1 };
	auto_free char *path = mem_printf("%s/lock", dir);
	struct err err = { 0 };
	int again = -1;

	ok(io_lock(path, 0, &t.run.lock, &err) == 0, "the lock");
	run(&t, "test \"$RCN_LOCK_FD\" = 9 && flock -n 9 && flock -u 9 &&"
		" flock -n \"$0\" true; echo $?");
	ok(t.run.lock == -1, "our own copy is closed");
	ok(io_lock(path, 0, &again, &err) == 0, "and nobody has it now");
	close(again);
	unlink(path);
	done(&t);
}

static void
test_big(void)
{
	struct test t = { 0 };
	char *big = mem_alloc(3 << 20);

	memset(big, 'x', 3 << 20);
	t.run.in = big;
	t.run.in_size = 3 << 20;
	run(&t, "tee /dev/stderr");
	ok(t.end.out.len == 3 << 20 && t.log.full,
	    "megabytes both ways, and into the log");
	done(&t);
	t = (struct test){ .run = { .in = big, .in_size = 3 << 20 } };
	run(&t, "exit 3");
	ok(t.end.status == 3, "who does not read its input");
	done(&t);
	free(big);
}

static void
test_missing(void)
{
	struct test t = { 0 };
	char name[] = "no-such-program";
	char *argv[] = { name, NULL };

	t.run = (struct run){ .argv = argv,
		.in = "",
		.lock = -1,
		.log = &t.log,
		.stages = stages,
		.beat = beat,
		.beat_ms = 1000 };
	t.log.fd = -1;
	t.group.cgroup = -1;
	t.rc = run_pipeline(&t.run, &t.group, &t.end, &t.err);
	ok(t.rc < 0 && strcmp(t.err.code, "program-missing") == 0, "%s",
	    t.err.msg);
	done(&t);
}

static void
test_ended(void)
{
	struct test t = { .run.beat_ms = 50,
		.told = { .wish = RUN_TERM, .after = 1 } };

	run(&t, "trap 'echo bye >&2; exit 75' TERM; sleep 60 & wait");
	ok(t.end.status == 75 && t.end.termed && !t.end.killed && t.ms < 5000,
	    "asked to end, it ended");
	tap_str(t.end.stage, "one", "in its first stage");
	log_is(&t, "one F bye|", "with its last word");
	done(&t);
	t = (struct test){ .run.beat_ms = 50, .told.wish = RUN_TERM };
	run(&t, "trap '' TERM; sleep 60; sleep 60");
	ok(t.end.status == 137 && t.end.killed && t.ms < 5000,
	    "deaf: killed after the grace");
	ok(group_count(job, 0) == 0, "nobody is left");
	done(&t);
	t = (struct test){ .run.beat_ms = 50, .told.wish = RUN_KILL };
	run(&t, "trap 'echo no >&2' TERM; sleep 60");
	ok(t.end.status == 137 && !t.end.termed, "lost: killed at once");
	log_is(&t, "", "and nothing written");
	done(&t);
}

static void
test_late(void)
{
	struct test t = { 0 };

	run(&t, "echo one 0 >&3; sleep 60");
	ok(t.end.late && t.told.late && t.end.termed && t.ms < 5000,
	    "a stage's deadline");
	tap_str(t.end.stage, "two", "whose");
	done(&t);
	t = (struct test){ 0 };
	run(&t, "echo one 0 >&3; echo two 0 >&3; sleep 0.5; echo ok");
	ok(!t.end.late && t.end.status == 0, "is over with that stage");
	done(&t);
	t = (struct test){ 0 };
	run(&t, "echo two 66 >&3; sleep 0.05; echo x >&2; echo one 0 >&3;"
		"sleep 0.05; echo y >&2");
	log_is(&t, "one F x|one F y|", "one that waited was killed: passed by");
	done(&t);
}

static void
test_prompt(void)
{
	struct test t = { 0 };

	run(&t, "printf half >&2; sleep 0.8; echo ' whole' >&2");
	log_is(&t, "one P half|one F  whole|", "half a line is shown in time");
	done(&t);
}

/* Who stays behind with its pipes neither holds it up nor lives on. */
static void
test_left_behind(void)
{
	struct test t = { 0 };

	run(&t, "sleep 60 & exit 0");
	ok(t.ms < 10000 && t.end.status == 0, "not waited for: %lld ms",
	    (long long)t.ms);
	for (int i = 0; i < 100 && group_count(job, 0) > 0; i++)
		(void)usleep(10000);
	ok(group_count(job, 0) == 0, "ended");
	done(&t);
}

static void
test_stop(void)
{
	struct test t = { .told.wish = RUN_TERM };

	run(&t, "kill -TERM $PPID; sleep 60");
	ok(t.told.stopped && t.told.beats == 1 && t.end.termed && t.ms < 5000,
	    "asked at once when we are to end");
	done(&t);
}

int
main(void)
{
	char path[64];

	log_init("run");
	stop_init();
	if (mkdtemp(dir) == NULL)
		return 1;
	setenv("RCN_STATE_DIR", dir, 1);
	test_good();
	test_lock();
	test_big();
	test_missing();
	test_ended();
	test_late();
	test_prompt();
	test_left_behind();
	test_stop();
	for (int i = 1; i <= made; i++) {
		snprintf(path, sizeof(path), "%s/logs/d%d.log", dir, i);
		unlink(path);
	}
	snprintf(path, sizeof(path), "%s/logs", dir);
	rmdir(path);
	rmdir(dir);
	return tap_end();
}
