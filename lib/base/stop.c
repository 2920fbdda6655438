#include "base/stop.h"

#include <errno.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <unistd.h>

static volatile sig_atomic_t asked;
static volatile sig_atomic_t event = -1;
static bool started, held;

/* Async-signal-safe calls only; the second signal is fatal. */
static void
on_signal(int sig)
{
	int saved = errno;
	eventfd_t one = 1;

	if (asked) {
		(void)signal(sig, SIG_DFL);
		(void)raise(sig);
	}
	asked = sig;
	if (event >= 0)
		(void)!write(event, &one, sizeof(one));
	errno = saved;
}

void
stop_init(void)
{
	struct sigaction sa = { .sa_handler = on_signal,
		.sa_flags = SA_RESTART };
	static const int sigs[] = { SIGINT, SIGTERM, SIGHUP };

	started = true;
	(void)sigemptyset(&sa.sa_mask);
	for (size_t i = 0; i < sizeof(sigs) / sizeof(sigs[0]); i++)
		(void)sigaction(sigs[i], &sa, NULL);
}

int
stop_fd(void)
{
	if (!started || held)
		return -1;
	if (event < 0) {
		event = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
		if (asked && event >= 0)
			(void)eventfd_write(event, 1);
	}
	return event;
}

bool
stop_asked(void)
{
	return asked && !held;
}

void
stop_hold(bool on)
{
	held = on;
}

int
stop_err(struct err *err)
{
	return err_set(err, EX_TEMPFAIL, "cancelled", "cancelled by signal %d",
	    (int)asked);
}

void
stop_by_pipe(void)
{
	(void)signal(SIGPIPE, SIG_DFL);
	(void)raise(SIGPIPE);
	_exit(128 + SIGPIPE);
}
