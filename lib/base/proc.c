#include "base/proc.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/io.h"
#include "base/stop.h"

enum { OUT_MAX = 1 << 20, LINE_MAX_BYTES = 65536, GRACE_MS = 5000 };

extern char **environ;

/* What the child could not do, sent through a CLOEXEC pipe. */
struct child_err {
	char step[16];
	int sys;
};

struct running {
	pid_t pid;
	int out, lines; /* our ends; -1 when not asked for or at end */
	struct buf partial;
};

/* Between fork and exec: async-signal-safe calls only. */
static void
child_fail(int fd, const char *step)
{
	struct child_err why = { .sys = errno };

	memcpy(why.step, step, strnlen(step, sizeof(why.step) - 1));
	(void)!write(fd, &why, sizeof(why));
	_exit(127);
}

static void
child(const struct proc *p, int in, int out, int lines, int report)
{
	sigset_t none;

	(void)setpgid(0, 0);
	for (int sig = 1; sig < 32; sig++)
		(void)signal(sig, SIG_DFL);
	(void)sigemptyset(&none);
	(void)sigprocmask(SIG_SETMASK, &none, NULL);
	if (dup2(in, 0) < 0 || dup2(out, 1) < 0 || dup2(lines, 2) < 0)
		child_fail(report, "dup2");
	if (p->cwd != NULL && chdir(p->cwd) < 0)
		child_fail(report, "chdir");
	if (p->uid != 0 &&
	    (setgroups(0, NULL) < 0 || setresgid(p->gid, p->gid, p->gid) < 0 ||
		setresuid(p->uid, p->uid, p->uid) < 0))
		child_fail(report, "setuid");
	environ = p->envp != NULL ? (char **)(uintptr_t)p->envp : environ;
	execvp(p->argv[0], p->argv);
	child_fail(report, "exec");
}

static int
make_pipe(int fds[2], struct err *err)
{
	if (pipe2(fds, O_CLOEXEC) < 0)
		return err_sys(err, EX_OSERR, "pipe-failed", "pipe");
	return 0;
}

/* Reads the child's report: nothing means that exec worked. */
static int
started(const struct proc *p, pid_t pid, int report, struct err *err)
{
	struct child_err why = { 0 };

	if (io_read(report, &why, sizeof(why)) != (ssize_t)sizeof(why))
		return 0;
	(void)waitpid(pid, NULL, 0);
	errno = why.sys;
	if (strcmp(why.step, "exec") == 0) {
		err_sys(err, EX_UNAVAILABLE, "program-missing", "%s",
		    p->argv[0]);
		return err_hint(err, "install %s", p->argv[0]);
	}
	return err_sys(err, EX_OSERR, "spawn-failed", "%s: %s", p->argv[0],
	    why.step);
}

static int
start(const struct proc *p, struct running *r, struct err *err)
{
	int out[2] = { -1, -1 }, lines[2] = { -1, -1 }, report[2];
	auto_fd int null = open("/dev/null", O_RDWR | O_CLOEXEC);
	int rc;

	if (make_pipe(report, err) < 0)
		return -1;
	if (((p->out != NULL || p->sink != NULL) && make_pipe(out, err) < 0) ||
	    (p->line != NULL && make_pipe(lines, err) < 0))
		return -1;
	r->pid = fork();
	if (r->pid == 0)
		child(p, p->in != 0 ? p->in : null, out[1] >= 0 ? out[1] : 2,
		    lines[1] >= 0 ? lines[1] : 2, report[1]);
	(void)close(report[1]);
	if (out[1] >= 0)
		(void)close(out[1]);
	if (lines[1] >= 0)
		(void)close(lines[1]);
	r->out = out[0];
	r->lines = lines[0];
	if (r->pid < 0)
		rc = err_sys(err, EX_OSERR, "spawn-failed", "fork");
	else
		rc = started(p, r->pid, report[0], err);
	(void)close(report[0]);
	return rc;
}

static void
give_lines(const struct proc *p, struct running *r, bool end)
{
	struct buf *b = &r->partial;
	size_t at = 0;

	for (size_t i = 0; i < b->len; i++) {
		if (b->data[i] != '\n' && b->data[i] != '\r')
			continue;
		if (i > at)
			p->line(b->data + at, i - at, p->ctx);
		at = i + 1;
	}
	buf_eat(b, at);
	if (b->len > 0 && (end || b->len > LINE_MAX_BYTES)) {
		p->line(b->data, b->len, p->ctx);
		buf_clear(b);
	}
}

static void
read_lines(const struct proc *p, struct running *r)
{
	char chunk[8192];
	ssize_t n = io_read(r->lines, chunk, sizeof(chunk));

	if (n > 0)
		buf_add(&r->partial, chunk, (size_t)n);
	give_lines(p, r, n <= 0);
	if (n <= 0) {
		(void)close(r->lines);
		r->lines = -1;
	}
}

static int
read_out(const struct proc *p, struct running *r, struct err *err)
{
	size_t max = p->out_max != 0 ? p->out_max : OUT_MAX;
	char chunk[16384];
	ssize_t n = io_read(r->out, chunk, sizeof(chunk));

	if (n > 0 && p->sink != NULL)
		return p->sink(chunk, (size_t)n, p->ctx, err);
	if (n > 0) {
		buf_add(p->out, chunk, (size_t)n);
		if (p->out->len > max)
			return err_set(err, EX_DATAERR, "too-large",
			    "%s: more than %zu bytes of output", p->argv[0],
			    max);
		return 0;
	}
	(void)close(r->out);
	r->out = -1;
	return 0;
}

/* Until both pipes are at their end; -1: stopped, too much, or too late. */
static int
pump(const struct proc *p, struct running *r, int64_t end, struct err *err)
{
	while (r->out >= 0 || r->lines >= 0) {
		struct pollfd fds[3] = {
			{ .fd = r->out, .events = POLLIN },
			{ .fd = r->lines, .events = POLLIN },
			{ .fd = stop_fd(), .events = POLLIN },
		};
		int64_t left = end == 0 ? 1000 : end - clock_ms();

		if (left <= 0)
			return err_set(err, EX_TEMPFAIL, "timeout",
			    "%s: took longer than %lld s", p->argv[0],
			    (long long)(p->timeout_ms / 1000));
		(void)poll(fds, 3, left > 1000 ? 1000 : (int)left);
		if (stop_asked())
			return stop_err(err);
		if (fds[0].revents != 0 && read_out(p, r, err) < 0)
			return -1;
		if (fds[1].revents != 0)
			read_lines(p, r);
	}
	return 0;
}

/* 1 reaped, 0 still running at the end of the time, -1 stopped. */
static int
reap(const struct proc *p, pid_t pid, int *status, int64_t end, struct err *err)
{
	for (int64_t nap = 1;; nap = nap < 20 ? nap * 2 : 20) {
		pid_t got = waitpid(pid, status, WNOHANG);

		if (got == pid)
			return 1;
		if (end != 0 && clock_ms() >= end) {
			err_set(err, EX_TEMPFAIL, "timeout",
			    "%s: took longer than %lld s", p->argv[0],
			    (long long)(p->timeout_ms / 1000));
			return 0;
		}
		if (clock_sleep_ms(nap, err) < 0)
			return -1;
	}
}

static void
put_down(pid_t pid, int *status)
{
	int64_t end = clock_ms() + GRACE_MS;

	(void)kill(-pid, SIGTERM);
	while (waitpid(pid, status, WNOHANG) != pid) {
		if (clock_ms() >= end) {
			(void)kill(-pid, SIGKILL);
			(void)waitpid(pid, status, 0);
			return;
		}
		(void)poll(NULL, 0, 10);
	}
	(void)kill(-pid, SIGKILL);
}

int
proc_run(const struct proc *p, int *status, struct err *err)
{
	struct running r = { .pid = -1, .out = -1, .lines = -1 };
	int64_t end = p->timeout_ms != 0 ? clock_ms() + p->timeout_ms : 0;
	int raw = 0, rc;

	rc = start(p, &r, err);
	if (rc == 0) {
		rc = pump(p, &r, end, err);
		if (rc == 0 && reap(p, r.pid, &raw, end, err) != 1)
			rc = -1;
		if (rc < 0)
			put_down(r.pid, &raw);
	}
	if (r.out >= 0)
		(void)close(r.out);
	if (r.lines >= 0)
		(void)close(r.lines);
	buf_release(&r.partial);
	if (rc == 0)
		*status = WIFSIGNALED(raw)         ? 128 + WTERMSIG(raw)
			  : WEXITSTATUS(raw) < 128 ? WEXITSTATUS(raw)
						   : 128;
	return rc;
}
