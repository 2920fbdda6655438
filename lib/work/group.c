#include "work/group.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/io.h"
#include "base/text.h"

enum { ENVIRON_MAX = 4 << 20, NAP_MS = 10 };

/* ---- the cgroup ---- */

/* Where cgroup v2 is mounted, "" if nowhere. */
static void
find_mount(struct buf *path)
{
	auto_buf struct buf text = { 0 };
	struct err err = { 0 };
	char *next;

	if (io_read_file("/proc/self/mountinfo", 1 << 20, &text, &err) < 0)
		return;
	for (char *line = text.data; line != NULL && *line != '\0';
	     line = next) {
		char *type, *at = line;

		next = line + strcspn(line, "\n");
		if (*next != '\0')
			*next++ = '\0';
		type = strstr(line, " - cgroup2 ");
		for (int i = 0; i < 4 && at != NULL; i++)
			at = (at = strchr(at, ' ')) != NULL ? at + 1 : NULL;
		if (type == NULL || at == NULL)
			continue;
		buf_add(path, at, strcspn(at, " "));
		return;
	}
}

/* The folder of a job's cgroup, below our own; "" where there is none. */
static void
cgroup_path(struct buf *path, const char *job)
{
	auto_buf struct buf text = { 0 };
	struct err err = { 0 };
	const char *own;

	find_mount(path);
	if (path->len == 0 ||
	    io_read_file("/proc/self/cgroup", 1 << 16, &text, &err) < 0)
		return;
	own = text_starts(buf_str(&text), "0::/")
		  ? text.data
		  : strstr(buf_str(&text), "\n0::/");
	if (own == NULL) {
		buf_clear(path);
		return;
	}
	own = strstr(own, "0::/") + strlen("0::");
	buf_add(path, own, strcspn(own, "\n"));
	buf_addf(path, "%srcn-job-%s",
	    path->data[path->len - 1] == '/' ? "" : "/", job);
}

void
group_make(struct group *g, const char *job)
{
	auto_buf struct buf path = { 0 };

	*g = (struct group)GROUP_NONE;
	cgroup_path(&path, job);
	if (path.len == 0 || (mkdir(path.data, 0755) < 0 && errno != EEXIST))
		return;
	g->cgroup = open(path.data, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
}

static int
cgroup_write(int dir, const char *file, const char *text)
{
	int fd = openat(dir, file, O_WRONLY | O_CLOEXEC);
	ssize_t n;

	if (fd < 0)
		return -1;
	n = write(fd, text, strlen(text));
	(void)close(fd);
	return n < 0 ? -1 : 0;
}

void
group_enter(const struct group *g)
{
	(void)setpgid(0, 0);
	if (g->cgroup >= 0)
		(void)cgroup_write(g->cgroup, "cgroup.procs", "0");
}

void
group_started(struct group *g, pid_t pid)
{
	(void)setpgid(pid, pid); /* whoever of the two is first */
	g->id = pid;
}

void
group_signal(const struct group *g, int sig)
{
	if (g->id > 0)
		(void)kill(-g->id, sig);
	if (sig == SIGKILL && g->cgroup >= 0)
		(void)cgroup_write(g->cgroup, "cgroup.kill", "1");
}

void
group_close(struct group *g, const char *job)
{
	auto_buf struct buf path = { 0 };

	if (g->cgroup < 0)
		return;
	(void)close(g->cgroup);
	g->cgroup = -1;
	cgroup_path(&path, job);
	if (path.len > 0)
		(void)rmdir(path.data);
}

void
group_sweep(bool (*is_over)(const char *job, void *ctx), void *ctx)
{
	static const char prefix[] = "rcn-job-";
	auto_buf struct buf path = { 0 };
	struct dirent *e;
	DIR *d;

	cgroup_path(&path, "");
	if (path.len == 0)
		return;
	buf_cut(&path, path.len - strlen(prefix));
	d = opendir(path.data);
	while (d != NULL && (e = readdir(d)) != NULL)
		if (text_starts(e->d_name, prefix) &&
		    is_over(e->d_name + strlen(prefix), ctx))
			(void)unlinkat(dirfd(d), e->d_name, AT_REMOVEDIR);
	if (d != NULL)
		(void)closedir(d);
}

/* ---- what is left of a job ---- */

/* proc(5)'s numbers of fields of /proc/PID/stat. */
enum { STATE = 3, PGRP = 5, STARTTIME = 22 };

/* Field n, from the end of the name in parentheses, which is the second. */
static const char *
field(const char *at, int n)
{
	for (int i = 2; i < n && *at != '\0'; i++) {
		at += strcspn(at, " ");
		at += strspn(at, " ");
	}
	return at;
}

/* State, process group and start time of /proc/PID/stat. */
static int
read_stat(pid_t pid, char *state, pid_t *group, unsigned long long *start)
{
	auto_buf struct buf text = { 0 };
	struct err err = { 0 };
	char path[64];
	const char *at;

	(void)snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
	if (io_read_maybe(path, 8192, &text, &err) != 1)
		return -1;
	/* The name in parentheses may hold anything. */
	at = strrchr(buf_str(&text), ')');
	if (at == NULL || *field(at, STARTTIME) == '\0')
		return -1;
	*state = *field(at, STATE);
	*group = (pid_t)strtol(field(at, PGRP), NULL, 10);
	*start = strtoull(field(at, STARTTIME), NULL, 10);
	return 0;
}

/* 1 it has RCN_JOB=job, 0 it has not, -1 nobody may look. */
static int
has_job(pid_t pid, const char *job)
{
	auto_buf struct buf text = { 0 };
	auto_free char *want = mem_printf("RCN_JOB=%s", job);
	struct err err = { 0 };
	char path[64];

	(void)snprintf(path, sizeof(path), "/proc/%d/environ", (int)pid);
	if (io_read_maybe(path, ENVIRON_MAX, &text, &err) < 0)
		return -1;
	for (size_t at = 0; at < text.len; at += strlen(text.data + at) + 1)
		if (strcmp(text.data + at, want) == 0)
			return 1;
	return 0;
}

static bool
is_of(pid_t pid, const char *job, pid_t recorded)
{
	unsigned long long start;
	pid_t group;
	char state;
	int has;

	if (read_stat(pid, &state, &group, &start) < 0 || state == 'Z' ||
	    state == 'X')
		return false;
	has = has_job(pid, job);
	/* One that holds secrets lets nobody look, but is ours to end. */
	return has > 0 || (has < 0 && recorded > 0 && group == recorded &&
			      kill(pid, 0) == 0);
}

static int
open_pid(pid_t pid)
{
	return (int)syscall(SYS_pidfd_open, pid, 0);
}

/* The descriptor first, the look second: what is killed is what was seen. */
static void
kill_one(pid_t pid, const char *job, pid_t recorded)
{
	auto_fd int fd = open_pid(pid);

	if (fd >= 0 && is_of(pid, job, recorded))
		(void)syscall(SYS_pidfd_send_signal, fd, SIGKILL, NULL, 0);
	else if (fd < 0 && errno == ENOSYS && is_of(pid, job, recorded))
		(void)kill(pid, SIGKILL);
}

static int
scan(const char *job, pid_t recorded, bool kill_them)
{
	DIR *proc = opendir("/proc");
	struct dirent *e;
	int n = 0;

	while (proc != NULL && (e = readdir(proc)) != NULL) {
		long pid = strtol(e->d_name, NULL, 10);

		if (!isdigit((unsigned char)e->d_name[0]) || pid <= 1 ||
		    pid == getpid() || !is_of((pid_t)pid, job, recorded))
			continue;
		n++;
		if (kill_them)
			kill_one((pid_t)pid, job, recorded);
	}
	if (proc != NULL)
		(void)closedir(proc);
	return n;
}

int
group_count(const char *job, pid_t recorded)
{
	return scan(job, recorded, false);
}

int
group_end(const char *job, pid_t recorded, int64_t wait_ms, struct err *err)
{
	auto_buf struct buf path = { 0 };
	int64_t end = clock_ms() + wait_ms;
	auto_fd int dir = -1;
	int n;

	cgroup_path(&path, job);
	if (path.len > 0)
		dir = open(path.data, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (dir >= 0)
		(void)cgroup_write(dir, "cgroup.kill", "1");
	while ((n = scan(job, recorded, true)) > 0) {
		if (clock_ms() >= end)
			return err_set(err, EX_TEMPFAIL, "still-running",
			    "%d processes of job %s do not end", n, job);
		(void)poll(NULL, 0, NAP_MS);
	}
	if (path.len > 0)
		(void)rmdir(path.data);
	return 0;
}

/* ---- a process by name ---- */

void
group_name(char name[128])
{
	unsigned long long start = 0;
	char host[65] = "localhost", state;
	pid_t group;

	(void)gethostname(host, sizeof(host) - 1);
	(void)read_stat(getpid(), &state, &group, &start);
	(void)snprintf(name, 128, "%s:%d:%llu", host, (int)getpid(), start);
}

void
group_end_named(const char *name)
{
	unsigned long long start, now;
	const char *at = strchr(name, ':');
	char host[65] = "localhost", state, *end;
	auto_fd int fd = -1;
	pid_t group, pid;

	(void)gethostname(host, sizeof(host) - 1);
	if (at == NULL || strncmp(name, host, (size_t)(at - name)) != 0 ||
	    host[at - name] != '\0')
		return;
	pid = (pid_t)strtol(at + 1, &end, 10);
	if (pid <= 0 || *end != ':' || pid == getpid() ||
	    (fd = open_pid(pid)) < 0)
		return;
	start = strtoull(end + 1, NULL, 10);
	if (read_stat(pid, &state, &group, &now) < 0 || now != start)
		return;
	(void)syscall(SYS_pidfd_send_signal, fd, SIGKILL, NULL, 0);
	(void)poll(&(struct pollfd){ .fd = fd, .events = POLLIN }, 1, 1000);
}
