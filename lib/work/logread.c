#include "work/logread.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/inotify.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/io.h"

enum { PIECE = 16384, NET_MS = 5000, GRACE_MS = 2000 };

#define END "end: "

struct follow {
	struct logread *r;
	struct buf text; /* read, and not yet a whole line */
	int fd; /* the log, -1 until it is there */
	int watch; /* inotify, -1 without */
	bool ended;
};

static void
follow_release(struct follow *f)
{
	buf_release(&f->text);
	cleanup_fd(&f->fd);
	cleanup_fd(&f->watch);
}

/* A word, and the blank after it, off the front. */
static bool
word(const char **p, size_t *left, const char **w, size_t *n)
{
	const char *blank = memchr(*p, ' ', *left);

	if (blank == NULL || blank == *p)
		return false;
	*w = *p;
	*n = (size_t)(blank - *p);
	*p += *n + 1;
	*left -= *n + 1;
	return true;
}

bool
logline_parse(struct logline *l, const char *line, size_t n)
{
	const char *time, *kind;
	size_t time_len, kind_len;

	if (!word(&line, &n, &time, &time_len) || time_len < 20 ||
	    time[time_len - 1] != 'Z' ||
	    !word(&line, &n, &l->stage, &l->stage_len))
		return false;
	if (!word(&line, &n, &kind, &kind_len)) {
		kind = line; /* an empty text may have lost its blank */
		kind_len = n;
		line += n;
		n = 0;
	}
	if (kind_len != 1 || (*kind != 'F' && *kind != 'P'))
		return false;
	l->cut = *kind == 'P';
	l->text = line;
	l->text_len = n;
	return true;
}

static void
look_for_end(struct follow *f, const char *line, size_t n)
{
	struct logread *r = f->r;
	size_t skip = strlen(END), len = 0;
	struct logline l;

	/* A retry has appended: what ended before was not the end. */
	f->ended = false;
	r->end[0] = '\0';
	if (!logline_parse(&l, line, n) || l.stage_len != 10 || l.cut ||
	    memcmp(l.stage, "rcn-worker", 10) != 0 || l.text_len <= skip ||
	    memcmp(l.text, END, skip) != 0)
		return;
	while (skip + len < l.text_len && len + 1 < sizeof(r->end) &&
	       l.text[skip + len] >= 'a' && l.text[skip + len] <= 'z') {
		r->end[len] = l.text[skip + len];
		len++;
	}
	r->end[len] = '\0';
	f->ended = len > 0;
}

static void
hand_over(struct follow *f)
{
	size_t at = 0;
	const char *end;

	while ((end = memchr(f->text.data + at, '\n', f->text.len - at)) !=
	       NULL) {
		size_t n = (size_t)(end - f->text.data) - at;

		look_for_end(f, f->text.data + at, n);
		f->r->line(f->text.data + at, n, f->r->ctx);
		at += n + 1;
	}
	buf_eat(&f->text, at);
}

static int
open_log(struct follow *f, struct err *err)
{
	const struct logread *r = f->r;

	f->fd = open(r->path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	if (f->fd < 0 && errno == ENOENT && r->follow)
		return 0;
	if (f->fd < 0)
		return err_sys(err, errno == EACCES ? EX_NOPERM : EX_NOINPUT,
		    "log-missing", "%s", r->path);
	if (lseek(f->fd, (off_t)r->from, SEEK_SET) < 0)
		return err_sys(err, EX_IOERR, "read-failed", "%s", r->path);
	return 0;
}

/* All that is there now. */
static int
drink(struct follow *f, struct err *err)
{
	char piece[PIECE];
	ssize_t n;

	if (f->fd < 0 && open_log(f, err) < 0)
		return -1;
	while (f->fd >= 0) {
		n = io_read(f->fd, piece, sizeof(piece));
		if (n < 0)
			return err_sys(err, EX_IOERR, "read-failed", "%s",
			    f->r->path);
		if (n == 0)
			break;
		buf_add(&f->text, piece, (size_t)n);
		hand_over(f);
	}
	return 0;
}

/* The file, once it is there; until then the folder that it will be in. */
static void
watch(struct follow *f)
{
	const uint32_t mask = IN_MODIFY | IN_CREATE | IN_MOVED_TO;
	const char *slash = strrchr(f->r->path, '/');
	auto_free char *dir = slash != NULL ? mem_strndup(f->r->path,
						  (size_t)(slash - f->r->path))
					    : mem_strdup(".");

	if (f->watch < 0)
		f->watch = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
	if (f->watch < 0)
		return;
	(void)inotify_add_watch(f->watch, f->fd >= 0 ? f->r->path : dir, mask);
	if (f->r->wake != NULL)
		(void)inotify_add_watch(f->watch, f->r->wake, mask);
}

static int
doze(struct follow *f, int64_t ms, struct err *err)
{
	char events[4096];
	int ready;

	ready = io_wait(f->watch, POLLIN, ms, err);
	if (ready > 0)
		while (io_read(f->watch, events, sizeof(events)) > 0)
			continue;
	return ready < 0 ? -1 : 0;
}

static int
run(struct follow *f, struct err *err)
{
	struct logread *r = f->r;
	int64_t grace = 0;
	int over;

	for (;;) {
		watch(f);
		/* Asked first: what was written before its end is read. */
		over = r->follow && r->over != NULL ? r->over(r->ctx, err) : 0;
		if (over < 0 || drink(f, err) < 0)
			return -1;
		if (!r->follow || f->ended || (over > 0 && f->fd < 0))
			return 0;
		/* The last line comes after the row. */
		if (over > 0 && grace == 0)
			grace = clock_ms() + GRACE_MS;
		if (over > 0 && clock_ms() >= grace)
			return 0;
		if (doze(f, over > 0 ? GRACE_MS : NET_MS, err) < 0)
			return -1;
	}
}

int
logread_run(struct logread *r, struct err *err)
{
	AUTO(follow_release)
	struct follow f = { .r = r, .fd = -1, .watch = -1 };
	int ok = run(&f, err);

	if (f.text.len > 0)
		r->line(f.text.data, f.text.len, r->ctx);
	return ok;
}
