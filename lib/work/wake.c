#include "work/wake.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/text.h"

static void
our_signals(sigset_t *set)
{
	(void)sigemptyset(set);
	(void)sigaddset(set, SIGCHLD);
	(void)sigaddset(set, SIGHUP);
	(void)sigaddset(set, SIGINT);
	(void)sigaddset(set, SIGTERM);
}

int
wake_init(struct wake *w, int64_t poll_ms, struct err *err)
{
	sigset_t set;

	*w = (struct wake){ .poll_ms = poll_ms, .polled = clock_ms() };
	our_signals(&set);
	(void)sigprocmask(SIG_BLOCK, &set, NULL);
	w->signals = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	if (w->signals < 0)
		return err_sys(err, EX_OSERR, "pipe-failed", "signalfd");
	/* Without it the slow look does. */
	w->inotify = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
	return 0;
}

void
wake_child(void)
{
	sigset_t none;

	(void)sigemptyset(&none);
	(void)sigprocmask(SIG_SETMASK, &none, NULL);
}

void
wake_close(struct wake *w)
{
	(void)close(w->signals);
	if (w->inotify >= 0)
		(void)close(w->inotify);
}

static uint64_t
mark_of(const char *path)
{
	struct stat sb;

	if (stat(path, &sb) < 0)
		return 0;
	return (uint64_t)sb.st_ino * 31 + (uint64_t)sb.st_size * 7 +
	       (uint64_t)sb.st_mtim.tv_sec * 1000000007U +
	       (uint64_t)sb.st_mtim.tv_nsec;
}

static void
add_watch(struct wake *w, struct wake_file *f)
{
	auto_free char *folder = mem_strdup(f->path);
	char *slash = strrchr(folder, '/');

	if (slash == NULL || w->inotify < 0)
		return;
	*slash = '\0';
	f->watch = inotify_add_watch(w->inotify, folder, IN_MODIFY);
}

void
wake_watch(struct wake *w, const char *path)
{
	for (int i = 0; i < WAKE_FILES; i++) {
		struct wake_file *f = &w->file[i];

		if (f->path[0] != '\0')
			continue;
		(void)snprintf(f->path, sizeof(f->path), "%s-wal", path);
		f->watch = -1;
		f->mark = mark_of(f->path);
		add_watch(w, f);
		return;
	}
}

/* Whether one of our files was written to. */
static bool
read_inotify(struct wake *w)
{
	char data[4096] __attribute__((aligned(8)));
	const struct inotify_event *e;
	bool hit = false;
	ssize_t n;

	while ((n = read(w->inotify, data, sizeof(data))) > 0)
		for (char *at = data; at < data + n;
		     at += sizeof(*e) + e->len) {
			e = (const struct inotify_event *)(void *)at;
			if ((e->mask & IN_IGNORED) != 0)
				for (int i = 0; i < WAKE_FILES; i++)
					if (w->file[i].watch == e->wd)
						w->file[i].watch = -1;
			hit |= (e->mask & IN_Q_OVERFLOW) != 0 ||
			       (e->len > 0 && text_ends(e->name, "-wal"));
		}
	return hit;
}

static unsigned
read_signals(struct wake *w)
{
	struct signalfd_siginfo s;
	unsigned what = 0;

	while (read(w->signals, &s, sizeof(s)) == (ssize_t)sizeof(s))
		what |= s.ssi_signo == SIGCHLD ? WAKE_CHILD : WAKE_STOP;
	return what;
}

static bool
look(struct wake *w)
{
	bool hit = false;

	w->polled = clock_ms();
	for (int i = 0; i < WAKE_FILES; i++) {
		struct wake_file *f = &w->file[i];
		uint64_t mark;

		if (f->path[0] == '\0')
			continue;
		if (f->watch < 0)
			add_watch(w, f);
		mark = mark_of(f->path);
		if (mark != 0 && mark != f->mark)
			f->polls = WAKE_POLLS;
		f->mark = mark;
		hit |= f->polls > 0;
		f->polls -= f->polls > 0;
	}
	return hit;
}

unsigned
wake_wait(struct wake *w, int64_t timeout_ms)
{
	int64_t now = clock_ms(), end = now + timeout_ms;

	for (;;) {
		int64_t next = w->polled + w->poll_ms;
		struct pollfd fds[2] = {
			{ .fd = w->inotify, .events = POLLIN },
			{ .fd = w->signals, .events = POLLIN },
		};
		unsigned what = 0;

		if (w->again != 0 && w->again < next)
			next = w->again;
		if (timeout_ms >= 0 && end < next)
			next = end;
		(void)poll(fds, 2, next > now ? (int)(next - now) : 0);
		if (fds[1].revents != 0)
			what |= read_signals(w);
		now = clock_ms();
		if (w->again != 0 && now >= w->again) {
			what |= WAKE_WRITE;
			w->again = 0;
		}
		if (fds[0].revents != 0 && read_inotify(w)) {
			what |= WAKE_WRITE;
			w->again = now + WAKE_AGAIN_MS;
		}
		if (now - w->polled >= w->poll_ms && look(w))
			what |= WAKE_WRITE;
		if (what != 0 || (timeout_ms >= 0 && now >= end))
			return what;
	}
}
