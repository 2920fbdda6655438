#include "base/log.h"

#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/io.h"
#include "base/mask.h"
#include "base/text.h"

static const char *name = "rcn";
static int level;

/*
 * A closed standard descriptor is opened in the wrong direction, so that no
 * later file lands there and using it still fails.
 */
void
log_init(const char *prog)
{
	static const int modes[3] = { O_WRONLY, O_RDONLY, O_RDONLY };

	for (int fd = 0; fd < 3; fd++)
		if (fcntl(fd, F_GETFD) < 0 &&
		    open("/dev/null", modes[fd]) != fd)
			_exit(71);
	(void)signal(SIGPIPE, SIG_IGN);
	name = prog;
}

const char *
log_name(void)
{
	return name;
}

void
log_verbose(int delta)
{
	level += delta;
}

int
log_level(void)
{
	return level;
}

static void
log_out(struct buf *b)
{
	auto_buf struct buf clean = { 0 };

	mask_text(b);
	text_printable(&clean, buf_str(b), b->len);
	(void)io_write_all(2, clean.data, clean.len);
}

static void
log_say(const char *word, const char *fmt, va_list ap)
{
	auto_buf struct buf b = { 0 };

	buf_addf(&b, "%s: %s", name, word);
	buf_vaddf(&b, fmt, ap);
	buf_addc(&b, '\n');
	log_out(&b);
}

#define LOG_BODY(least, word)   \
	va_list ap;             \
                                \
	if (level < (least))    \
		return;         \
	va_start(ap, fmt);      \
	log_say(word, fmt, ap); \
	va_end(ap)

void
log_warn(const char *fmt, ...)
{
	LOG_BODY(-2, "warning: ");
}

void
log_note(const char *fmt, ...)
{
	LOG_BODY(0, "");
}

void
log_info(const char *fmt, ...)
{
	LOG_BODY(1, "info: ");
}

void
log_debug(const char *fmt, ...)
{
	LOG_BODY(2, "debug: ");
}

void
log_raw(const char *fmt, ...)
{
	auto_buf struct buf b = { 0 };
	va_list ap;

	va_start(ap, fmt);
	buf_vaddf(&b, fmt, ap);
	va_end(ap);
	log_out(&b);
}
