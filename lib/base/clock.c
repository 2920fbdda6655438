#include "base/clock.h"

#include <poll.h>
#include <time.h>

#include "base/stop.h"

static int64_t
read_us(clockid_t id)
{
	struct timespec ts = { 0 };

	(void)clock_gettime(id, &ts);
	return (int64_t)ts.tv_sec * 1000000 + ts.tv_nsec / 1000;
}

int64_t
clock_us(void)
{
	return read_us(CLOCK_MONOTONIC);
}

int64_t
clock_ms(void)
{
	return clock_us() / 1000;
}

int64_t
clock_wall_ms(void)
{
	return read_us(CLOCK_REALTIME) / 1000;
}

void
clock_text(int64_t wall_ms, char out[CLOCK_TEXT])
{
	time_t s = (time_t)(wall_ms / 1000);
	unsigned ms = (unsigned)(wall_ms % 1000) % 1000;
	struct tm tm = { 0 };

	(void)gmtime_r(&s, &tm);
	(void)strftime(out, CLOCK_TEXT, "%Y-%m-%dT%H:%M:%S.000Z", &tm);
	out[20] = (char)('0' + ms / 100);
	out[21] = (char)('0' + ms / 10 % 10);
	out[22] = (char)('0' + ms % 10);
}

void
clock_now_text(char out[CLOCK_TEXT])
{
	clock_text(clock_wall_ms(), out);
}

int
clock_sleep_ms(int64_t ms, struct err *err)
{
	int64_t end = clock_ms() + ms, left;

	while ((left = end - clock_ms()) > 0) {
		struct pollfd p = { .fd = stop_fd(), .events = POLLIN };

		(void)poll(&p, 1, left > 60000 ? 60000 : (int)left);
		if (stop_asked())
			return stop_err(err);
	}
	return 0;
}
