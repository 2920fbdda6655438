/* The processes of a job: made, found, ended. */
#include "work/group.h"

#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/clock.h"
#include "tap.h"

static char job[64];

/* A shell with a child that has left the group. */
static pid_t
start(struct group *g)
{
	auto_free char *var = mem_printf("RCN_JOB=%s", job);
	char *const env[] = { var, mem_strdup("PATH=/bin:/usr/bin"), NULL };
	char sh[] = "sh", c[] = "-c",
	     text[] = "trap '' TERM; setsid sleep 60 & sleep 60 & wait; wait";
	char *const argv[] = { sh, c, text, NULL };
	pid_t pid;

	group_make(g, job);
	pid = fork();
	if (pid == 0) {
		group_enter(g);
		execve("/bin/sh", argv, env);
		_exit(127);
	}
	free(env[1]);
	group_started(g, pid);
	return pid;
}

static bool
grows_to(int n)
{
	int64_t end = clock_ms() + 5000;
	struct err err = { 0 };

	while (group_count(job, 0) != n && clock_ms() < end)
		clock_sleep_ms(10, &err);
	return group_count(job, 0) == n;
}

static void
test_ended(void)
{
	struct group g = GROUP_NONE;
	struct err err = { 0 };
	pid_t pid = start(&g);
	int status = 0;

	ok(getpgid(pid) == pid, "leads its own group");
	ok(grows_to(3), "found by environment, out of the group too");
	group_signal(&g, SIGTERM);
	ok(grows_to(2) || group_count(job, 0) >= 1, "asked to end");
	ok(group_end(job, g.id, 5000, &err) == 0, "ended %s", err.msg);
	ok(group_count(job, g.id) == 0, "nothing is left");
	ok(waitpid(pid, &status, 0) == pid && WIFSIGNALED(status), "killed");
	group_close(&g, job);
	ok(group_end(job, 0, 0, &err) == 0, "nothing to end is fine");
}

static void
test_cgroup(void)
{
	struct group g = GROUP_NONE;
	pid_t pid = start(&g);
	int status = 0;
	bool had = g.cgroup >= 0;

	grows_to(3);
	group_signal(&g, SIGKILL);
	ok(waitpid(pid, &status, 0) == pid, "killed as a group");
	if (had)
		ok(grows_to(0), "in a cgroup: who has left the group too");
	else
		printf("ok %d # SKIP no cgroup may be made\n", ++tap_count);
	{
		struct err err = { 0 };

		(void)group_end(job, 0, 5000, &err);
	}
	group_close(&g, job);
	group_make(&g, job);
	ok((g.cgroup >= 0) == had, "the folder is made again");
	group_close(&g, job);
}

static bool
is_it(const char *id, void *ctx)
{
	*(int *)ctx += strcmp(id, job) == 0;
	return strcmp(id, job) == 0;
}

static void
test_sweep(void)
{
	struct group g = GROUP_NONE;
	int seen = 0;

	group_make(&g, job);
	if (g.cgroup < 0) {
		printf("ok %d # SKIP no cgroup may be made\n", ++tap_count);
		return;
	}
	close(g.cgroup);
	group_sweep(is_it, &seen);
	ok(seen == 1, "the cgroup of a job is found");
	group_sweep(is_it, &seen);
	ok(seen == 1, "and gone");
}

static void
test_named(void)
{
	char name[128], wrong[160];
	pid_t pid;
	int status, ends[2];

	ok(pipe(ends) == 0, "pipe");
	pid = fork();
	if (pid == 0) {
		group_name(name);
		if (write(ends[1], name, sizeof(name)) < 0)
			_exit(1);
		pause();
		_exit(0);
	}
	ok(read(ends[0], name, sizeof(name)) == sizeof(name), "its name: %s",
	    name);
	snprintf(wrong, sizeof(wrong), "%s7", name);
	group_end_named(wrong);
	snprintf(wrong, sizeof(wrong), "x%s", name);
	group_end_named(wrong);
	group_end_named("");
	ok(waitpid(pid, &status, WNOHANG) == 0,
	    "another start, another host: left alone");
	group_end_named(name);
	ok(waitpid(pid, &status, 0) == pid && WIFSIGNALED(status), "ended");
	group_end_named(name);
	close(ends[0]);
	close(ends[1]);
}

/* The number of a group is given away again: whose it is now cannot be asked,
 * and who may not be ended is not of ours. */
static void
test_others(void)
{
	pid_t other, asks;
	int status = 0;

	if (geteuid() != 0) {
		printf("ok %d # SKIP nobody else's process\n", ++tap_count);
		return;
	}
	other = fork();
	if (other == 0) {
		(void)setpgid(0, 0);
		pause();
		_exit(0);
	}
	(void)setpgid(other, other);
	asks = fork();
	if (asks == 0)
		_exit(setuid(65534) < 0 ? 99 : group_count("none", other));
	(void)waitpid(asks, &status, 0);
	ok(WIFEXITED(status) && WEXITSTATUS(status) == 0,
	    "another user's is not counted: %x", (unsigned)status);
	kill(other, SIGKILL);
	(void)waitpid(other, &status, 0);
}

int
main(void)
{
	snprintf(job, sizeof(job), "test-%d", (int)getpid());
	test_ended();
	test_cgroup();
	test_sweep();
	test_named();
	test_others();
	return tap_end();
}
