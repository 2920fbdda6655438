#include "work/run.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/io.h"
#include "base/stop.h"

enum { FLUSH_MS = 500, LAST_MS = 2000, STAGES_MAX = 16 };
enum { IN, OUT, LINES, PROGRESS, CHILD, STOP, FDS };

struct running {
	struct run *r;
	struct group *group;
	struct run_end *end;
	int fd[FDS]; /* -1: at its end */
	pid_t pid;
	bool exited;
	size_t written;
	struct buf progress;
	size_t stage; /* index in stages */
	bool ended[STAGES_MAX];
	int64_t stage_end; /* deadline, 0: none */
	int64_t beat, kill_at, flush_at, last; /* times; 0: none */
};

void
run_end_release(struct run_end *e)
{
	buf_release(&e->out);
	buf_release(&e->said);
}

/* ---- start ---- */

struct pipes {
	int in[2], out[2], lines[2], progress[2], report[2];
};

static void
close_one(int *fd)
{
	if (*fd >= 0)
		(void)close(*fd);
	*fd = -1;
}

static int
make_pipes(struct pipes *p, struct err *err)
{
	int *const all[] = { p->in, p->out, p->lines, p->progress, p->report };

	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++)
		all[i][0] = all[i][1] = -1;
	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++)
		if (pipe2(all[i], O_CLOEXEC) < 0)
			return err_sys(err, EX_OSERR, "pipe-failed", "pipe");
	return 0;
}

/* Async-signal-safe from here to exec.  What is to be given on is first moved
 * out of the way of the numbers that it gets. */
static void
child(const struct run *r, const struct group *g, const struct pipes *p,
    char *const *env)
{
	int from[5] = { p->in[0], p->out[1], p->lines[1], p->progress[1],
		r->lock };
	static const int to[5] = { 0, 1, 2, RUN_PROGRESS_FD, RUN_LOCK_FD };
	int report = fcntl(p->report[1], F_DUPFD_CLOEXEC, 20), why;
	sigset_t none;

	group_enter(g);
	for (int sig = 1; sig < 32; sig++)
		(void)signal(sig, SIG_DFL);
	(void)sigemptyset(&none);
	(void)sigprocmask(SIG_SETMASK, &none, NULL);
	for (int i = 0; i < 5; i++)
		if (from[i] >= 0)
			from[i] = fcntl(from[i], F_DUPFD_CLOEXEC, 20);
	for (int i = 0; i < 5; i++)
		if (from[i] >= 0 && dup2(from[i], to[i]) < 0)
			_exit(127);
	(void)execvpe(r->argv[0], r->argv, env);
	why = errno;
	(void)!write(report, &why, sizeof(why));
	_exit(127);
}

/* Ours, less RCN_LOCK_FD and what r->env says anew. */
static void
make_environment(struct strvec *env, const struct run *r)
{
	for (char **e = environ; *e != NULL; e++) {
		size_t n = strcspn(*e, "=") + 1;
		bool anew = strncmp(*e, "RCN_LOCK_FD=", n) == 0;

		for (char *const *a = r->env; a != NULL && *a != NULL; a++)
			anew |= strncmp(*e, *a, n) == 0;
		if (!anew)
			strvec_add(env, *e);
	}
	for (char *const *a = r->env; a != NULL && *a != NULL; a++)
		strvec_add(env, *a);
	if (r->lock >= 0)
		strvec_addf(env, "RCN_LOCK_FD=%d", RUN_LOCK_FD);
}

static int
started(const struct run *r, pid_t pid, int report, struct err *err)
{
	int why = 0;

	if (io_read(report, &why, sizeof(why)) != (ssize_t)sizeof(why))
		return 0;
	(void)waitpid(pid, NULL, 0);
	errno = why;
	err_sys(err, EX_UNAVAILABLE, "program-missing", "%s", r->argv[0]);
	return err_hint(err, "install %s", r->argv[0]);
}

static int
begin(struct running *w, struct pipes *p, struct err *err)
{
	auto_strvec struct strvec env = { 0 };
	struct run *r = w->r;

	if (make_pipes(p, err) < 0)
		return -1;
	make_environment(&env, r);
	w->pid = fork();
	if (w->pid == 0)
		child(r, w->group, p, env.v);
	if (w->pid < 0)
		return err_sys(err, EX_OSERR, "spawn-failed", "fork");
	group_started(w->group, w->pid);
	close_one(&p->report[1]);
	if (started(r, w->pid, p->report[0], err) < 0)
		return -1;
	if (r->started != NULL)
		r->started(r->ctx, w->pid);
	close_one(&r->lock);
	w->fd[IN] = fd_steal(&p->in[1]);
	w->fd[OUT] = fd_steal(&p->out[0]);
	w->fd[LINES] = fd_steal(&p->lines[0]);
	w->fd[PROGRESS] = fd_steal(&p->progress[0]);
	w->fd[CHILD] = (int)syscall(SYS_pidfd_open, w->pid, 0);
	(void)fcntl(w->fd[IN], F_SETFL, O_NONBLOCK);
	return 0;
}

static void
close_pipes(struct pipes *p)
{
	int *const all[] = { p->in, p->out, p->lines, p->progress, p->report };

	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
		close_one(&all[i][0]);
		close_one(&all[i][1]);
	}
}

/* ---- stages ---- */

static const char *
at_work(const struct running *w)
{
	const char *name = w->r->stages[w->stage].name;

	return name != NULL ? name : "rcn-pipeline";
}

static void
enter_stage(struct running *w, size_t i)
{
	int64_t limit = w->r->stages[i].limit_ms;

	logfile_flush(w->r->log, true);
	w->stage = i;
	w->stage_end =
	    w->r->stages[i].name != NULL && limit > 0 ? clock_ms() + limit : 0;
}

/*
 * "rcn-fetch 0": that one has ended.  All stages start at once and wait, so at
 * work is the first that has not; one that waited may have been killed.
 */
static void
progress_line(struct running *w, const char *line)
{
	const struct run_stage *all = w->r->stages;
	size_t n = strcspn(line, " "), i;

	if (line[n] == '\0')
		return;
	for (i = 0; i < STAGES_MAX && all[i].name != NULL; i++)
		if (!w->ended[i] && strlen(all[i].name) == n &&
		    strncmp(all[i].name, line, n) == 0) {
			w->ended[i] = true;
			break;
		}
	for (i = w->stage; i < STAGES_MAX && all[i].name != NULL;)
		if (w->ended[i])
			i++;
		else
			break;
	if (i != w->stage)
		enter_stage(w, i);
}

static void
read_progress(struct running *w)
{
	char chunk[1024], *end;
	ssize_t n = io_read(w->fd[PROGRESS], chunk, sizeof(chunk));

	if (n <= 0) {
		close_one(&w->fd[PROGRESS]);
		return;
	}
	buf_add(&w->progress, chunk, (size_t)n);
	while ((end = memchr(w->progress.data, '\n', w->progress.len)) !=
	       NULL) {
		*end = '\0';
		progress_line(w, w->progress.data);
		buf_eat(&w->progress, (size_t)(end - w->progress.data) + 1);
	}
}

/* ---- its pipes ---- */

static void
write_in(struct running *w)
{
	size_t left = w->r->in_size - w->written;
	ssize_t n = write(w->fd[IN], w->r->in + w->written, left);

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n > 0)
		w->written += (size_t)n;
	if (n < 0 || w->written == w->r->in_size)
		close_one(&w->fd[IN]);
}

static void
read_out(struct running *w)
{
	char chunk[16384];
	ssize_t n = io_read(w->fd[OUT], chunk, sizeof(chunk));

	if (n > 0 && w->end->out.len + (size_t)n <= RUN_OUT_MAX)
		buf_add(&w->end->out, chunk, (size_t)n);
	else if (n <= 0)
		close_one(&w->fd[OUT]);
}

static void
read_lines(struct running *w)
{
	char chunk[16384];
	ssize_t n = io_read(w->fd[LINES], chunk, sizeof(chunk));

	if (n <= 0) {
		close_one(&w->fd[LINES]);
		return;
	}
	logfile_bytes(w->r->log, at_work(w), chunk, (size_t)n);
	buf_add(&w->end->said, chunk, (size_t)n);
	if (w->end->said.len > 2 * sizeof(chunk))
		buf_eat(&w->end->said, w->end->said.len - RUN_SAID);
	w->flush_at = w->r->log->text.len > 0 ? clock_ms() + FLUSH_MS : 0;
}

/* ---- ending it ---- */

static void
end_softly(struct running *w)
{
	if (w->kill_at != 0)
		return;
	(void)snprintf(w->end->stage, sizeof(w->end->stage), "%s", at_work(w));
	w->end->termed = true;
	w->kill_at = clock_ms() + w->r->grace_ms;
	group_signal(w->group, SIGTERM);
}

static void
end_hard(struct running *w)
{
	w->end->killed = true;
	w->kill_at = INT64_MAX;
	group_signal(w->group, SIGKILL);
}

/* What the time of day asks for. */
static void
keep_time(struct running *w)
{
	int64_t now = clock_ms();
	bool late = w->stage_end != 0 && now >= w->stage_end && w->kill_at == 0;

	if (now >= w->beat || late) {
		enum run_wish wish = w->r->beat(w->r->ctx, at_work(w), late);

		w->beat = clock_ms() + w->r->beat_ms;
		w->end->late |= late;
		if (wish == RUN_KILL)
			end_hard(w);
		else if (wish == RUN_TERM || late)
			end_softly(w);
	}
	if (w->kill_at != 0 && now >= w->kill_at)
		end_hard(w);
	if (w->flush_at != 0 && now >= w->flush_at) {
		logfile_flush(w->r->log, false);
		w->flush_at = 0;
	}
}

static int
time_left(const struct running *w)
{
	const int64_t all[] = { w->beat, w->stage_end, w->kill_at, w->flush_at,
		w->last };
	int64_t left = w->fd[CHILD] < 0 && !w->exited ? 200 : 60000;
	int64_t now = clock_ms();

	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++)
		if (all[i] != 0 && all[i] != INT64_MAX && all[i] - now < left)
			left = all[i] - now;
	return left > 0 ? (int)left : 0;
}

static void
reap(struct running *w)
{
	int raw;

	if (w->exited || waitpid(w->pid, &raw, WNOHANG) != w->pid)
		return;
	w->exited = true;
	w->end->status =
	    WIFSIGNALED(raw) ? 128 + WTERMSIG(raw) : WEXITSTATUS(raw);
	close_one(&w->fd[CHILD]);
	/* Whoever else has its pipes is not waited for much longer. */
	w->last = clock_ms() + LAST_MS;
}

static bool
over(const struct running *w)
{
	return w->exited &&
	       ((w->fd[OUT] < 0 && w->fd[LINES] < 0 && w->fd[PROGRESS] < 0) ||
		   clock_ms() >= w->last);
}

static void
watch(struct running *w)
{
	bool told = false;

	while (!over(w)) {
		struct pollfd fds[FDS];

		w->fd[STOP] = told ? -1 : stop_fd();
		for (int i = 0; i < FDS; i++)
			fds[i] = (struct pollfd){ .fd = w->fd[i],
				.events = i == IN ? POLLOUT : POLLIN };
		(void)poll(fds, FDS, time_left(w));
		if (fds[STOP].revents != 0) {
			told = true;
			w->beat = 0;
		}
		keep_time(w);
		if (fds[IN].revents != 0)
			write_in(w);
		/* Lines first: they are of the stage that ends. */
		if (fds[LINES].revents != 0)
			read_lines(w);
		if (fds[PROGRESS].revents != 0)
			read_progress(w);
		if (fds[OUT].revents != 0)
			read_out(w);
		reap(w);
	}
}

int
run_pipeline(struct run *r, struct group *g, struct run_end *end,
    struct err *err)
{
	struct running w = { .r = r, .group = g, .end = end };
	struct pipes p;
	int rc;

	*end = (struct run_end){ 0 };
	for (int i = 0; i < FDS; i++)
		w.fd[i] = -1;
	rc = begin(&w, &p, err);
	close_pipes(&p);
	if (rc == 0) {
		w.beat = clock_ms() + r->beat_ms;
		enter_stage(&w, 0);
		watch(&w);
		logfile_flush(r->log, true);
		if (end->stage[0] == '\0')
			(void)snprintf(end->stage, sizeof(end->stage), "%s",
			    at_work(&w));
		/* The leader is gone; nobody else is to go on. */
		group_signal(g, SIGKILL);
	}
	w.fd[STOP] = -1;
	for (int i = 0; i < FDS; i++)
		close_one(&w.fd[i]);
	buf_release(&w.progress);
	return rc;
}
