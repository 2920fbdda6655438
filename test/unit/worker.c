/*
 * rcn-worker --once, each way a pipeline may end.  This program is the
 * pipeline, too: PLAY says how it is to go.
 */
#include "work/worker.h"

#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/folder.h"
#include "base/io.h"
#include "base/json.h"
#include "base/log.h"
#include "base/stop.h"
#include "state/deployment.h"
#include "state/job.h"
#include "state/key.h"
#include "state/project.h"
#include "tap.h"
#include "work/group.h"

static char dir[] = "/tmp/rcn-worker.XXXXXX";
static struct state *st;
static struct err err;

/* ---- the pipeline ---- */

static volatile sig_atomic_t termed;

static void
on_term(int sig)
{
	termed = sig;
}

static void
write_out(const json_t *doc)
{
	auto_buf struct buf text = { 0 };

	json_write(&text, doc, JSON_COMPACT);
	buf_addc(&text, '\n');
	(void)io_write_all(1, text.data, text.len);
}

static void
fail(json_t *doc, const char *code, const char *message)
{
	json_object_set_new(doc, "error",
	    json_pack("{s:s, s:i, s:s, s:s, s:b}", "stage", "rcn-build",
		"status", 69, "code", code, "message", message, "retryable",
		0));
}

static void
serve(json_t *doc)
{
	json_object_set_new(doc, "image", json_pack("{s:s}", "ref", "r/a:1"));
	json_decref(deployment_advance(st, doc, "deploying", &err));
	json_object_set_new(doc, "route",
	    json_pack("{s:{s:b}}", "proven", "ok", 1));
	json_decref(deployment_advance(st, doc, "live", &err));
}

static void
wait_term(void)
{
	for (int i = 0; i < 2000 && !termed; i++)
		(void)usleep(10000);
}

/* Another worker comes, for our lease is over. */
static void
taken_over(void)
{
	json_auto_t *job = NULL;

	db_script(st->db, "UPDATE jobs SET lease_until = 0", &err);
	if (job_claim(st, "elsewhere:1:1", 60000, &job, &err) != 1)
		fprintf(stderr, "not claimed: %s\n", err.msg);
	sleep(60);
}

static int
play(const char *how)
{
	auto_buf struct buf text = { 0 };
	json_t *doc;
	bool records = true;
	const char *id;

	signal(SIGTERM, on_term);
	signal(SIGPIPE, SIG_IGN);
	io_read_fd(0, 1 << 20, &text, "stdin", &err);
	doc = json_parse(text.data, text.len, "stdin", &err);
	id = json_str(doc, "deployment.id", "");
	if (state_open(&st, "cli:0:pipeline", 0, &err) < 0)
		return 99;
	fprintf(stderr, "rcn-fetch: plays %s\n", how);
	if (strcmp(how, "die") == 0)
		raise(SIGKILL);
	if (strcmp(how, "late") == 0 || strcmp(how, "hang") == 0)
		wait_term();
	if (strcmp(how, "hang") == 0)
		sleep(60);
	if (strcmp(how, "lose") == 0)
		taken_over();
	if (strcmp(how, "cancel") == 0) {
		json_decref(deployment_cancel(st, id, "by hand", &err));
		wait_term();
	}
	if (strcmp(how, "stop") == 0) {
		kill(getppid(), SIGTERM);
		wait_term();
	}
	if (strcmp(how, "fail") == 0 || strcmp(how, "norecord") == 0)
		fail(doc, "build-failed", "npm ci: status 1");
	else if (termed)
		fail(doc, "cancelled", "cancelled by signal 15");
	else if (strcmp(how, "stop-late") == 0) {
		json_decref(deployment_advance(st, doc, "deploying", &err));
		kill(getppid(), SIGTERM);
		(void)usleep(300000);
		serve(doc);
	} else
		serve(doc);
	records = strcmp(how, "norecord") != 0;
	if (records)
		json_decref(deployment_record(st, doc, &err));
	if (err.status != 0)
		fprintf(stderr, "record: %s\n", err.msg);
	write_out(doc);
	return 0;
}

/* ---- the tests ---- */

/* rcn-worker --once as a process; its status, 1 where it did something. */
static int
once(const char *how)
{
	struct worker_settings set;
	struct err why = { 0 };
	int status;
	pid_t pid;

	setenv("PLAY", how, 1);
	fflush(stdout);
	pid = fork();
	if (pid == 0) {
		alarm(60);
		stop_init();
		if (worker_settings(&set, &why) < 0)
			_exit(98);
		status = worker_once(&set, &why);
		if (status < 0)
			fprintf(stderr, "# %s\n", why.msg);
		_exit(status < 0 ? 97 : status);
	}
	(void)waitpid(pid, &status, 0);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128;
}

static char *
add(const char *commit)
{
	json_auto_t *d = deployment_add(st,
	    &(struct deployment_new){
		.project = "app", .trigger = "push", .commit = commit },
	    &err);

	if (d == NULL)
		printf("# %s\n", err.msg);
	return mem_strdup(json_str(d, "id", ""));
}

static void
is_state(const char *id, const char *want, const char *reason)
{
	json_auto_t *d = deployment_get(st, id, &err);

	tap_str(json_str(d, "state", "?"), want, want);
	if (reason != NULL)
		ok(strstr(json_str(d, "reason", ""), reason) != NULL,
		    "because: %s", json_str(d, "reason", ""));
}

/* The log's lines of that name, without time: the last. */
static void
log_ends(const char *id, const char *want)
{
	auto_free char *path = mem_printf("%s/logs/%s.log", dir, id);
	auto_buf struct buf text = { 0 };
	char *line;

	if (io_read_file(path, 1 << 20, &text, &err) < 0 || text.len == 0) {
		ok(false, "%s", err.msg);
		return;
	}
	buf_cut(&text, text.len - 1);
	line = strrchr(text.data, '\n');
	line = line != NULL ? line + 1 : text.data;
	tap_str(line + CLOCK_TEXT, want, "the log's end");
}

static void
nothing_left(void)
{
	auto_free char *secrets = mem_printf("%s/run/secrets", dir);
	auto_free char *lock = mem_printf("%s/run/lock/app.production", dir);
	auto_folder struct folder all = { 0 };
	struct err why = { 0 };
	int fd = -1;

	folder_list(secrets, &all, &why);
	ok(all.n == 0, "no secrets are left");
	ok(io_lock(lock, 0, &fd, &why) == 0, "nobody has the lock %s", why.msg);
	close(fd);
}

/* How often a program that stands in for ours was called. */
static int
called(const char *text)
{
	auto_free char *path = mem_printf("%s/called", dir);
	auto_buf struct buf all = { 0 };
	struct err why = { 0 };
	int n = 0;

	io_read_maybe(path, 1 << 20, &all, &why);
	for (const char *at = buf_str(&all); (at = strstr(at, text)) != NULL;
	     at++)
		n++;
	return n;
}

static void
stand_in(const char *name, const char *more)
{
	auto_free char *path = mem_printf("%s/bin/%s", dir, name);
	auto_free char *text =
	    mem_printf("#!/bin/sh\necho \"%s $*\" >>'%s/called'\n%s\n", name,
		dir, more);

	io_replace(path, 0755, text, strlen(text), &err);
}

static void
test_live(void)
{
	auto_free char *id = NULL;

	ok(once("live") == 0, "nothing to do");
	id = add("1111111");
	ok(once("live") == 1, "done");
	is_state(id, "live", NULL);
	log_ends(id, "rcn-worker F end: live");
	nothing_left();
	ok(once("live") == 0, "nothing more");
}

static void
test_failed(void)
{
	auto_free char *told = add("2222222");
	auto_free char *untold = NULL;

	ok(once("fail") == 1, "done");
	is_state(told, "failed", "npm ci");
	log_ends(told, "rcn-worker F end: failed: npm ci: status 1");
	untold = add("3333333");
	ok(once("norecord") == 1, "a pipeline that does not record");
	is_state(untold, "failed", "npm ci");
	nothing_left();
}

static void
test_crashed(void)
{
	auto_free char *id = add("4444444");
	int before = called("rcn-retire");

	ok(once("die") == 1, "its pipeline is killed");
	is_state(id, "pending", "signal 9");
	ok(called("rcn-retire -q --slug app --environment production") ==
		before + 1,
	    "what it left is cleaned up");
	log_ends(id,
	    "rcn-worker F will be tried again: rcn-fetch: ended by signal 9");
	for (int i = 1; i < JOB_CRASHES; i++)
		once("die");
	is_state(id, "failed", "signal 9");
	nothing_left();
}

static void
test_cancelled(void)
{
	auto_free char *id = add("5555555");

	ok(once("cancel") == 1, "cancelled while it runs");
	is_state(id, "cancelled", "by hand");
	log_ends(id, "rcn-worker F end: cancelled: by hand");
	setenv("RCN_STAGE_MS", "200", 1);
	free(id);
	id = add("6666666");
	ok(once("late") == 1, "too late");
	is_state(id, "failed", "timeout: rcn-fetch");
	free(id);
	id = add("7777777");
	ok(once("hang") == 1, "too late, and deaf");
	is_state(id, "failed", "timeout: rcn-fetch");
	unsetenv("RCN_STAGE_MS");
	nothing_left();
}

static void
test_lost(void)
{
	auto_free char *id = add("8888888");
	json_auto_t *job = NULL;
	json_auto_t *d = NULL;

	ok(once("lose") == 1, "another worker has taken it");
	is_state(id, "building", NULL);
	log_ends(id, "rcn-fetch F plays lose");
	d = deployment_get(st, id, &err);
	ok(json_int(d, "attempt", 0) == 2, "it is at the other's attempt");
	db_script(st->db, "UPDATE jobs SET lease_until = 0", &err);
	ok(once("live") == 1, "that one ends, too");
	is_state(id, "live", NULL);
	nothing_left();
}

static void
test_stopped(void)
{
	auto_free char *id = add("9999999");
	json_auto_t *jobs = NULL;

	ok(once("stop") == 1, "the worker is to end while it builds");
	is_state(id, "pending", NULL);
	jobs = job_list(st, 10, &err);
	ok(json_int(json_array_get(jobs, 0), "attempts", 9) == 0 &&
		json_int(json_array_get(jobs, 0), "crashes", 9) == 0,
	    "handed back: no attempt, no crash");
	nothing_left();
	ok(once("stop-late") == 1, "the worker is to end while it deploys");
	is_state(id, "live", NULL);
	log_ends(id, "rcn-worker F end: live");
	nothing_left();
}

static void
test_floor(void)
{
	auto_free char *id = add("aaaaaaa");
	int64_t ms;

	setenv("RCN_MIN_FREE_DISK", "9000000000000000000", 1);
	ok(once("live") == 1, "no room");
	is_state(id, "pending", "RCN_MIN_FREE_DISK");
	ok(job_due(st, &ms, &err) == 0 && ms > 20000, "in %lld ms",
	    (long long)ms);
	unsetenv("RCN_MIN_FREE_DISK");
	db_script(st->db, "UPDATE jobs SET run_at = 0", &err);
	setenv("RCN_MIN_FREE_MEMORY", "9000000000000000000", 1);
	ok(once("live") == 1, "no memory");
	is_state(id, "pending", "RCN_MIN_FREE_MEMORY");
	unsetenv("RCN_MIN_FREE_MEMORY");
	db_script(st->db, "UPDATE jobs SET run_at = 0", &err);
	once("live");
	is_state(id, "live", NULL);
}

static void
test_no_pipeline(void)
{
	auto_free char *id = add("bbbbbbb");
	auto_free char *was = mem_strdup(getenv("RCN_PIPELINE"));

	setenv("RCN_PIPELINE", "no-such-program", 1);
	ok(once("live") == 1, "no such pipeline");
	is_state(id, "pending", "no-such-program");
	setenv("RCN_PIPELINE", was, 1);
	db_script(st->db, "UPDATE jobs SET run_at = 0", &err);
	once("live");
	is_state(id, "live", NULL);
}

static json_t *
chore(const char *kind, const json_t *project)
{
	json_auto_t *job = job_add(st,
	    &(struct job_new){ .kind = kind,
		.project = json_str(project, "id", NULL),
		.environment = json_str(json_array_get(json_object_get(project,
							   "environments"),
					    0),
		    "id", NULL) },
	    &err);

	ok(once("none") == 1, "%s: done", kind);
	return job_get(st, json_str(job, "id", ""), &err);
}

static void
test_chores(void)
{
	json_auto_t *row = NULL;
	json_auto_t *project = project_get(st, "app", &err);
	json_auto_t *list = NULL;
	int n = called("rcn-retire");
	int64_t began;

	row = chore("stop", project);
	tap_str(json_str(row, "status", "?"), "done", "stopped");
	ok(called("rcn-route -q --withdraw --slug app --environment "
		  "production") == 1 &&
		called("rcn-retire") == n + 1,
	    "the route, then the instances");
	list = deployment_list(st, "app", NULL, 0, 1, &err);
	tap_str(json_str(json_array_get(list, 0), "state", "?"), "stopped",
	    "its row");
	json_decref(row);
	row = chore("gc", NULL);
	tap_str(json_str(row, "status", "?"), "failed", "a program fails");
	ok(strstr(json_str(row, "error.message", ""), "budget is none") != NULL,
	    "why: %s", json_str(row, "error.message", ""));
	json_decref(row);
	stand_in("rcn-gc", "sleep 30");
	setenv("RCN_STAGE_MS", "200", 1);
	began = clock_ms();
	row = chore("gc", NULL);
	unsetenv("RCN_STAGE_MS");
	ok(clock_ms() - began < 20000 &&
		strcmp(json_str(row, "status", "?"), "queued") == 0,
	    "one that does not end is ended, and tried again: %s",
	    json_str(row, "status", "?"));
	db_script(st->db, "DELETE FROM jobs WHERE status = 'queued'", &err);
	json_decref(row);
	stand_in("rcn-gc", "");
	row = chore("gc", NULL);
	tap_str(json_str(row, "status", "?"), "done", "it does not");
}

int
main(int argc, char **argv)
{
	static const char *const names[] = { "HOME", "RCN_STATE_DIR" };
	auto_free char *run = NULL;
	auto_free char *path = NULL;
	auto_free char *bin = NULL;
	char self[512];
	ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 1);
	json_t *p;

	log_init("worker");
	json_init();
	if (argc > 1 && strcmp(argv[1], "--progress") == 0)
		return play(getenv("PLAY"));
	if (n < 0 || mkdtemp(dir) == NULL)
		return 1;
	self[n] = '\0';
	for (size_t i = 0; i < 2; i++)
		setenv(names[i], dir, 1);
	run = mem_printf("%s/run", dir);
	bin = mem_printf("%s/bin", dir);
	path = mem_printf("%s:/usr/bin:/bin", bin);
	mkdir(bin, 0755);
	setenv("RCN_RUN_DIR", run, 1);
	setenv("RCN_CONF", "/dev/null", 1);
	setenv("PATH", path, 1);
	setenv("RCN_PIPELINE", self, 1);
	setenv("RCN_LEASE_MS", "300", 1);
	setenv("RCN_GRACE_MS", "500", 1);
	setenv("RCN_RETRY_BASE_MS", "0", 1);
	setenv("RCN_MIN_FREE_MEMORY", "0", 1);
	setenv("DOCKER_HOST", "unix:///nowhere", 1);
	stand_in("rcn-retire", "");
	stand_in("rcn-route", "");
	stand_in("rcn-gc", "echo 'rcn-gc: budget is none' >&2; exit 78");
	log_verbose(-1);
	if (state_open(&st, "cli:0:test", DB_CREATE, &err) < 0 ||
	    key_init(st, &err) < 0)
		printf("# %s\n", err.msg);
	p = json_pack("{s:s, s:s}", "repository", "/srv/app.git", "branch",
	    "main");
	json_decref(project_add(st, "app", p, &err));
	json_decref(p);
	test_live();
	test_failed();
	test_crashed();
	test_cancelled();
	test_lost();
	test_stopped();
	test_floor();
	test_no_pipeline();
	test_chores();
	state_close(st);
	folder_remove("/tmp", strrchr(dir, '/') + 1, &err);
	return tap_end();
}
