#include "work/logfile.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <string.h>
#include <sys/stat.h>

#include "base/clock.h"
#include "base/conf.h"
#include "base/io.h"
#include "base/log.h"
#include "base/text.h"

enum { TEXT, ESC, CSI, STRING, STRING_ESC };

int
logfile_path(struct buf *path, const char *deployment, struct err *err)
{
	if (conf_state_path(path, "logs", err) < 0)
		return -1;
	buf_addf(path, "/%s.log", deployment);
	return 0;
}

static void
put(struct logfile *l, const void *data, size_t n)
{
	if (l->fd < 0 || n == 0)
		return;
	if (io_write_all(l->fd, data, n) == 0) {
		l->size += (int64_t)n;
		return;
	}
	if (!l->failed)
		log_warn("the log of this deployment cannot be written: %s",
		    strerror(errno));
	l->failed = true;
}

/* A writer that was killed, or a full disk, has left half of a line. */
static void
mend_end(struct logfile *l)
{
	char last = '\n';

	if (l->size > 0 && pread(l->fd, &last, 1, l->size - 1) == 1 &&
	    last != '\n')
		put(l, "\n", 1);
}

int
logfile_open(struct logfile *l, const char *deployment, int64_t max,
    struct err *err)
{
	auto_buf struct buf path = { 0 };
	struct stat sb;

	*l = (struct logfile)LOGFILE_NONE;
	l->max = max;
	if (logfile_path(&path, deployment, err) < 0)
		return -1;
	l->fd = open(path.data,
	    O_RDWR | O_APPEND | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (l->fd < 0 || fstat(l->fd, &sb) < 0)
		return err_sys(err, EX_CANTCREAT, "cannot-create", "%s",
		    path.data);
	l->size = sb.st_size;
	l->full = l->size >= max;
	mend_end(l);
	return 0;
}

void
logfile_close(struct logfile *l)
{
	if (l->fd >= 0)
		close(l->fd);
	l->fd = -1;
	buf_release(&l->text);
}

static void
add_line(struct buf *out, const char *stage, char flag, const char *s, size_t n)
{
	char now[CLOCK_TEXT];

	clock_now_text(now);
	buf_addf(out, "%s %s %c ", now, stage, flag);
	text_printable(out, s, n);
	buf_addc(out, '\n');
}

/* A program of ours says its own name: how long "rcn-NAME: " is, or 0. */
static size_t
own_name(const char *s, size_t max)
{
	size_t n = strlen("rcn-");

	if (strncmp(s, "rcn-", n) != 0)
		return 0;
	n += strspn(s + n, "abcdefghijklmnopqrstuvwxyz-");
	return n < max && s[n] == ':' && s[n + 1] == ' ' ? n + 2 : 0;
}

/* The line at hand goes to out, or nowhere once the cap is reached. */
static void
take_line(struct logfile *l, char flag, struct buf *out)
{
	const char *text = buf_str(&l->text);
	size_t name = l->part ? 0 : own_name(text, sizeof(l->whose));

	if (!l->part)
		(void)snprintf(l->whose, sizeof(l->whose), "%.*s",
		    name > 0 ? (int)name - 2 : (int)strlen(l->stage),
		    name > 0 ? text : l->stage);
	l->part = flag == 'P';
	if (!l->full) {
		add_line(out, l->whose, flag, text + name, l->text.len - name);
		if (l->size + (int64_t)out->len >= l->max) {
			auto_free char *why =
			    mem_printf("log: more than %lld bytes; the rest is "
				       "left out",
				(long long)l->max);

			l->full = true;
			add_line(out, "rcn-worker", 'F', why, strlen(why));
		}
	}
	buf_clear(&l->text);
}

/* Whether this byte belongs to an escape sequence, which is dropped. */
static bool
in_escape(struct logfile *l, unsigned char c)
{
	switch (l->escape) {
	case TEXT:
		l->escape = c == 0x1b ? ESC : TEXT;
		return c == 0x1b;
	case ESC:
		l->escape = c == '['                               ? CSI
			    : c != 0 && strchr("]PX^_", c) != NULL ? STRING
			    : c >= 0x20 && c < 0x30                ? ESC
								   : TEXT;
		return c != '\n';
	case CSI:
		if ((c >= 0x40 && c < 0x7f) || c == '\n')
			l->escape = TEXT;
		return c != '\n';
	case STRING:
		l->escape = c == 0x1b                ? STRING_ESC
			    : c == '\a' || c == '\n' ? TEXT
						     : STRING;
		return c != '\n';
	default: /* STRING_ESC */
		l->escape = c == '\\' || c == '\n' ? TEXT : STRING;
		return c != '\n';
	}
}

static void
take_byte(struct logfile *l, unsigned char c, struct buf *out)
{
	if (in_escape(l, c))
		return;
	if (c == '\n') {
		take_line(l, 'F', out);
	} else if (c == '\r') {
		l->cr = true;
		return;
	} else if (c >= 0x20 || c == '\t') {
		if (l->cr)
			buf_clear(&l->text);
		/* Not inside a character. */
		if (l->text.len >= LOGFILE_PIECE && (c & 0xc0) != 0x80)
			take_line(l, 'P', out);
		buf_addc(&l->text, c);
	}
	l->cr = false;
}

void
logfile_bytes(struct logfile *l, const char *stage, const char *s, size_t n)
{
	auto_buf struct buf out = { 0 };

	if (strcmp(stage, l->stage) != 0) {
		logfile_flush(l, true);
		(void)snprintf(l->stage, sizeof(l->stage), "%s", stage);
	}
	for (size_t i = 0; i < n; i++)
		take_byte(l, (unsigned char)s[i], &out);
	put(l, out.data, out.len);
}

void
logfile_flush(struct logfile *l, bool end)
{
	auto_buf struct buf out = { 0 };

	if (l->text.len > 0 || (end && l->part))
		take_line(l, end ? 'F' : 'P', &out);
	put(l, out.data, out.len);
	if (end)
		l->escape = TEXT;
}

void
logfile_say(struct logfile *l, const char *fmt, ...)
{
	auto_buf struct buf out = { 0 }, text = { 0 };
	va_list ap;

	logfile_flush(l, true);
	va_start(ap, fmt);
	buf_vaddf(&text, fmt, ap);
	va_end(ap);
	for (size_t i = 0; i < text.len; i++)
		if (text.data[i] == '\n')
			text.data[i] = ' ';
	add_line(&out, "rcn-worker", 'F', text.data, text.len);
	put(l, out.data, out.len);
}
