#include "deploy/applog.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/conf.h"
#include "base/io.h"
#include "base/json.h"
#include "base/log.h"
#include "base/text.h"
#include "deploy/instance.h"
#include "engine/container.h"

enum {
	TIME_MIN = 20, /* "2026-11-24T10:00:00Z" */
	TIME_TEXT = 48,
	SAVED_MAX = 16 << 20,
	PACKET_MAX = 32768,
	NAME_TEXT = 256,
};

/* An instance that an engine has, or had. */
struct source {
	char id[CONTAINER_ID];
	char name[NAME_TEXT];
	char last[TIME_TEXT]; /* of its last line: what to go on from */
	bool tty, running;
	pid_t reader; /* 0: nobody reads it */
	bool again; /* started once more while it was read */
};

struct row {
	char time[TIME_TEXT];
	size_t at, len; /* in tail.text */
	size_t seq; /* keeps the order of equal times */
	size_t source;
	enum applog_kind kind;
};

struct tail {
	const struct applog *a;
	struct engine *e;
	struct source *sources;
	size_t n;
	struct row *rows;
	size_t rows_n;
	struct buf text;
	size_t now; /* the source that is read */
	bool known; /* a trace of the app was found */
};

static void
tail_release(struct tail *t)
{
	engine_close(t->e);
	free(t->sources);
	free(t->rows);
	buf_release(&t->text);
}

/* ---- times ---- */

/* Length of the time in front of a line, its blank not counted; or 0. */
static size_t
time_of(const char *s, size_t n)
{
	const char *blank = memchr(s, ' ', n < TIME_TEXT ? n : TIME_TEXT);
	size_t len = blank != NULL ? (size_t)(blank - s) : 0;

	if (len < TIME_MIN || len >= TIME_TEXT || s[4] != '-' || s[10] != 'T' ||
	    s[13] != ':')
		return 0;
	return len;
}

/* "+HH:MM" or "-HH:MM" in seconds, 0 of anything else. */
static int64_t
zone(const char *s)
{
	char *rest;
	unsigned long hours, minutes;

	if (s == NULL || !isdigit((unsigned char)s[1]))
		return 0;
	hours = strtoul(s + 1, &rest, 10);
	if (*rest != ':' || !isdigit((unsigned char)rest[1]))
		return 0;
	minutes = strtoul(rest + 1, NULL, 10);
	if (hours > 24 || minutes > 59)
		return 0;
	return (*s == '-' ? 1 : -1) * (int64_t)(hours * 3600 + minutes * 60);
}

int64_t
applog_seconds(const char *time)
{
	struct tm tm = { 0 };
	const char *rest = strptime(time, "%Y-%m-%dT%H:%M:%S", &tm);
	int64_t at = rest != NULL ? timegm(&tm) : 0;

	return rest != NULL ? at + zone(strpbrk(rest, "+-")) : 0;
}

/* ---- what there is to read ---- */

static struct source *
add_source(struct tail *t, const char *id, const char *name)
{
	struct source *s;

	t->sources = mem_realloc(t->sources, t->n + 1, sizeof(*s));
	s = &t->sources[t->n++];
	*s = (struct source){ 0 };
	(void)snprintf(s->id, sizeof(s->id), "%s", id);
	(void)snprintf(s->name, sizeof(s->name), "%s", name);
	return s;
}

static bool
wanted(const char *want, const char *have)
{
	return want == NULL || strcmp(want, have) == 0;
}

/* Another installation may use the same engine. */
static bool
is_ours(const json_t *c)
{
	static char ours[17];

	if (ours[0] == '\0') {
		auto_buf struct buf b = { 0 };
		struct err ignored = { 0 };
		auto_free char *path =
		    mem_printf("%s/installation", conf_state_dir());

		if (io_read_maybe(path, 64, &b, &ignored) == 1)
			(void)snprintf(ours, sizeof(ours), "%s", buf_str(&b));
	}
	return ours[0] == '\0' ||
	       strcmp(container_label(c, "rcn.installation"), ours) == 0;
}

static bool
is_wanted(const struct applog *a, const json_t *c)
{
	return is_ours(c) &&
	       wanted(a->environment, container_label(c, "rcn.environment")) &&
	       wanted(a->process, container_label(c, "rcn.process"));
}

/* ---- rows ---- */

static void
add_row(struct tail *t, enum applog_kind kind, const char *time, size_t time_n,
    const char *text, size_t n)
{
	struct row *r;

	if ((t->rows_n & (t->rows_n - 1)) == 0)
		t->rows = mem_realloc(t->rows,
		    t->rows_n == 0 ? 1 : t->rows_n * 2, sizeof(*r));
	r = &t->rows[t->rows_n];
	*r = (struct row){ .at = t->text.len,
		.len = n,
		.seq = t->rows_n++,
		.source = t->now,
		.kind = kind };
	memcpy(r->time, time, time_n);
	buf_add(&t->text, text, n);
}

/* A line with its time in front; without, it goes on from the one before. */
static void
add_timed(int stream, const char *line, size_t n, void *ctx)
{
	struct tail *t = ctx;
	struct source *s = &t->sources[t->now];
	size_t time = time_of(line, n);

	if (time > 0) {
		memcpy(s->last, line, time);
		s->last[time] = '\0';
		line += time + 1;
		n -= time + 1;
	}
	if (t->a->since != 0 && applog_seconds(s->last) < t->a->since)
		return;
	add_row(t,
	    stream == 0   ? APPLOG_SAVED
	    : stream == 2 ? APPLOG_ERR
			  : APPLOG_OUT,
	    s->last, strlen(s->last), line, n);
}

static void
end_text(struct buf *b, bool oom, int code)
{
	buf_addf(b, "ended: %s%d", oom ? "out of memory, " : "exit code ",
	    code);
}

static void
read_one(struct tail *t, const json_t *full)
{
	struct source *s = &t->sources[t->now];
	auto_buf struct buf since = { 0 }, text = { 0 };
	struct container_logs q = {
		.tty = s->tty, .times = true, .tail = t->a->tail
	};
	struct container_state state;
	struct err err = { 0 };
	const char *ended = json_str(full, "State.FinishedAt", "");

	container_state_read(full, &state);
	s->running = state.running;
	if (state.created)
		return;
	if (t->a->since != 0) {
		buf_addf(&since, "%lld", (long long)t->a->since);
		q.since = since.data;
	}
	if (container_logs(t->e, s->id, &q, add_timed, t, &err) < 0)
		log_warn("%s: %s", s->name, err.msg);
	if (state.running || strlen(ended) >= TIME_TEXT ||
	    (t->a->since != 0 && applog_seconds(ended) < t->a->since))
		return;
	end_text(&text, state.oom, state.exit_code);
	add_row(t, APPLOG_END, ended, strlen(ended), text.data, text.len);
}

static int
read_running(struct tail *t, struct err *err)
{
	auto_free char *label = mem_printf("rcn.project=%s", t->a->slug);
	json_auto_t *list = NULL;
	json_t *c;
	size_t i;

	if (engine_open(&t->e, NULL, err) < 0 ||
	    (list = container_list(t->e, label, err)) == NULL)
		return -1;
	json_array_foreach(list, i, c) {
		struct err gone = { 0 };
		json_auto_t *full = NULL;

		t->known |= is_ours(c);
		if (!is_wanted(t->a, c))
			continue;
		full = container_inspect(t->e, json_str(c, "Id", ""), &gone);
		if (full == NULL)
			continue;
		t->now = t->n;
		add_source(t, json_str(c, "Id", ""), instance_name(c))->tty =
		    json_bool(full, "Config.Tty", false);
		read_one(t, full);
	}
	return 0;
}

/* ---- those that are gone ---- */

static void
add_saved_end(struct tail *t, int dir, const char *name)
{
	auto_buf struct buf text = { 0 };
	auto_free char *file = mem_printf("%s.json", name);
	auto_fd int fd = openat(dir, file, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	auto_buf struct buf json = { 0 };
	struct err err = { 0 };
	json_auto_t *row = NULL;
	char at[CLOCK_TEXT];
	struct stat st;

	if (fd < 0 || fstat(fd, &st) < 0 ||
	    (t->a->since != 0 && st.st_mtime < t->a->since) ||
	    io_read_fd(fd, SAVED_MAX, &json, file, &err) < 0)
		return;
	row = json_parse(buf_str(&json), json.len, file, &err);
	if (row == NULL)
		return;
	clock_text((int64_t)st.st_mtime * 1000, at);
	end_text(&text, json_bool(row, "oom", false),
	    (int)json_int(row, "exit_code", -1));
	add_row(t, APPLOG_END, at, strlen(at), text.data, text.len);
}

static void
read_saved(struct tail *t, int dir, const char *name)
{
	auto_free char *file = mem_printf("%s.log", name);
	auto_fd int fd = openat(dir, file, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	auto_buf struct buf b = { 0 };
	struct err err = { 0 };

	t->now = t->n;
	(void)add_source(t, "", name);
	if (fd < 0 || io_read_fd(fd, SAVED_MAX, &b, file, &err) < 0)
		return;
	for (char *p = b.data, *end; p < b.data + b.len; p = end + 1) {
		end = memchr(p, '\n', b.len - (size_t)(p - b.data));
		if (end == NULL)
			end = b.data + b.len;
		add_timed(0, p, (size_t)(end - p), t);
	}
	add_saved_end(t, dir, name);
}

/* NAME of NAME.log, "SLUG.ENVIRONMENT.PROCESS.INDEX...", of that process. */
static bool
is_process(const char *name, const char *key, const char *process)
{
	size_t n = strlen(key), p = process != NULL ? strlen(process) : 0;

	if (process == NULL)
		return true;
	return strncmp(name, key, n) == 0 && name[n] == '.' &&
	       strncmp(name + n + 1, process, p) == 0 && name[n + 1 + p] == '.';
}

static bool
is_held(const struct tail *t, const char *name)
{
	for (size_t i = 0; i < t->n; i++)
		if (strcmp(t->sources[i].name, name) == 0)
			return true;
	return false;
}

static void
read_folder(struct tail *t, const char *key)
{
	auto_free char *path = mem_printf("%s/logs/%s", conf_state_dir(), key);
	DIR *d = opendir(path);
	struct dirent *e;

	while (d != NULL && (e = readdir(d)) != NULL) {
		auto_free char *name = mem_strdup(e->d_name);

		if (!text_ends(name, ".log"))
			continue;
		t->known = true;
		name[strlen(name) - 4] = '\0';
		/* Saved, and not yet removed. */
		if (is_process(name, key, t->a->process) && !is_held(t, name))
			read_saved(t, dirfd(d), name);
	}
	if (d != NULL)
		(void)closedir(d);
}

static void
read_gone(struct tail *t)
{
	auto_free char *path = mem_printf("%s/logs", conf_state_dir());
	auto_free char *prefix = mem_printf("%s.", t->a->slug);
	DIR *d = opendir(path);
	struct dirent *e;

	while (d != NULL && (e = readdir(d)) != NULL)
		if (text_starts(e->d_name, prefix) &&
		    wanted(t->a->environment, e->d_name + strlen(prefix)))
			read_folder(t, e->d_name);
	if (d != NULL)
		(void)closedir(d);
}

/* ---- what was said until now ---- */

static int
by_time(const void *a, const void *b)
{
	const struct row *x = a, *y = b;
	/* "...00Z" comes before "...00.5Z"; digits decide. */
	int c = strcmp(x->time, y->time);

	if (c != 0)
		return c;
	return x->seq < y->seq ? -1 : 1;
}

static void
show(const struct tail *t)
{
	size_t first = 0;

	if (t->rows_n > 1)
		qsort(t->rows, t->rows_n, sizeof(*t->rows), by_time);
	if (t->a->tail >= 0 && t->rows_n > (size_t)t->a->tail)
		first = t->rows_n - (size_t)t->a->tail;
	for (size_t i = first; i < t->rows_n; i++) {
		const struct row *r = &t->rows[i];
		const struct applog_line l = { r->time,
			t->sources[r->source].name, r->kind,
			t->text.data + r->at, r->len };

		t->a->line(&l, t->a->ctx);
	}
}

/* ---- what is said from now on: a process for each instance ---- */

/*
 * What readers send, each a packet: kind, index of the source, and a line
 * with its time in front; or EV_START, and the id and name of a container.
 */
enum { EV_START = 100, EV_END };

struct packet {
	int kind;
	size_t source;
	char text[PACKET_MAX];
};

struct reader {
	int fd;
	size_t source;
	const struct tail *t;
	bool skip; /* lines that were shown before */
	struct packet p;
};

static void
send_packet(struct reader *r, int kind, const char *text, size_t n)
{
	r->p.kind = kind;
	r->p.source = r->source;
	if (n > sizeof(r->p.text))
		n = sizeof(r->p.text);
	memcpy(r->p.text, text, n);
	if (send(r->fd, &r->p, offsetof(struct packet, text) + n,
		MSG_NOSIGNAL) < 0)
		_exit(0); /* nobody listens any more */
}

static void
on_line(int stream, const char *line, size_t n, void *ctx)
{
	struct reader *r = ctx;
	const char *last = r->t->sources[r->source].last;
	size_t time = time_of(line, n);
	char at[TIME_TEXT] = "";

	if (time > 0)
		memcpy(at, line, time);
	if (r->skip && time > 0 && strcmp(at, last) <= 0)
		return;
	r->skip = false;
	send_packet(r, stream == 2 ? APPLOG_ERR : APPLOG_OUT, line, n);
}

/* In a process of its own: all that one container says until it ends. */
static int
read_container(struct reader *r, struct err *err)
{
	const struct source *s = &r->t->sources[r->source];
	auto_buf struct buf since = { 0 }, text = { 0 };
	auto_engine struct engine *e = NULL;
	struct container_logs q = {
		.tty = s->tty, .times = true, .follow = true, .tail = -1
	};
	struct container_state state;
	char now[CLOCK_TEXT];

	if (engine_open(&e, NULL, err) < 0 ||
	    container_state(e, s->id, &state, err) < 0)
		return -1;
	if (!state.running && s->last[0] != '\0')
		return 0; /* its end was shown */
	if (s->last[0] != '\0') {
		buf_addf(&since, "%lld", (long long)applog_seconds(s->last));
		q.since = since.data;
		r->skip = true;
	}
	if (container_logs(e, s->id, &q, on_line, r, err) < 0)
		return -1;
	clock_now_text(now);
	buf_addf(&text, "%s ", now);
	if (container_state(e, s->id, &state, err) < 0)
		buf_adds(&text, "ended");
	else if (state.running)
		buf_adds(&text, "ended, and was started again");
	else
		end_text(&text, state.oom, state.exit_code);
	send_packet(r, APPLOG_END, text.data, text.len);
	return 0;
}

static int
on_event(json_t *event, void *ctx, struct err *err)
{
	struct reader *r = ctx;
	const json_t *labels = json_at(event, "Actor.Attributes");
	json_auto_t *c = json_pack("{s:O?}", "Labels", labels);
	auto_buf struct buf b = { 0 };

	(void)err;
	if (!is_wanted(r->t->a, c))
		return 0;
	buf_addf(&b, "%s %s", json_str(event, "Actor.ID", ""),
	    json_str(labels, "name", ""));
	send_packet(r, EV_START, b.data, b.len);
	return 0;
}

/* In a process of its own: tells of each container that is started. */
static int
read_events(struct reader *r, int64_t since, struct err *err)
{
	auto_engine struct engine *e = NULL;
	auto_buf struct buf path = { 0 }, text = { 0 };
	json_auto_t *filters = json_pack("{s:[s], s:[s], s:[o]}", "type",
	    "container", "event", "start", "label",
	    json_sprintf("rcn.project=%s", r->t->a->slug));

	json_write(&text, filters, JSON_COMPACT);
	buf_addf(&path, "/events?since=%lld&filters=", (long long)since);
	http_quote(&path, text.data);
	if (engine_open(&e, NULL, err) < 0)
		return -1;
	return engine_stream(e, "GET", path.data, NULL, on_event, r, err);
}

#define EVENTS SIZE_MAX /* not a container's reader */

/* since: of a reader of events; others go on from their last line. */
static pid_t
fork_reader(const struct tail *t, size_t source, int64_t since, int fd,
    struct err *err)
{
	struct reader r = { .fd = fd, .source = source, .t = t };
	struct err own = { 0 };
	pid_t pid, parent = getpid();

	pid = fork();
	if (pid < 0)
		err_sys(err, EX_OSERR, "fork-failed", "fork");
	if (pid != 0)
		return pid;
	(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != parent)
		_exit(0);
	if (source == EVENTS)
		(void)read_events(&r, since, &own);
	else
		(void)read_container(&r, &own);
	if (own.code != NULL && strcmp(own.code, "container-gone") == 0)
		own.msg[0] = '\0';
	send_packet(&r, EV_END, own.msg, strlen(own.msg));
	_exit(0);
}

struct follow {
	struct tail *t;
	int fds[2]; /* [0] read here, [1] written by readers */
};

static int
start_reader(struct follow *f, size_t source, struct err *err)
{
	struct source *s = &f->t->sources[source];

	if (s->reader > 0) {
		s->again = true;
		return 0;
	}
	s->again = false;
	s->reader = fork_reader(f->t, source, 0, f->fds[1], err);
	return s->reader < 0 ? -1 : 0;
}

static int
on_start(struct follow *f, const char *text, size_t n, struct err *err)
{
	auto_free char *id = mem_strndup(text, n);
	char *name = strchr(id, ' ');

	if (name == NULL)
		return 0;
	*name++ = '\0';
	for (size_t i = 0; i < f->t->n; i++)
		if (strcmp(f->t->sources[i].id, id) == 0)
			return start_reader(f, i, err);
	(void)add_source(f->t, id, name);
	return start_reader(f, f->t->n - 1, err);
}

static void
on_text(struct follow *f, const struct packet *p, size_t n)
{
	struct source *s = &f->t->sources[p->source];
	size_t time = time_of(p->text, n);
	struct applog_line l = { s->last, s->name, (enum applog_kind)p->kind,
		p->text, n };

	if (time > 0) {
		memcpy(s->last, p->text, time);
		s->last[time] = '\0';
		l.text += time + 1;
		l.len -= time + 1;
	}
	f->t->a->line(&l, f->t->a->ctx);
}

static int
on_end(struct follow *f, const struct packet *p, size_t n, struct err *err)
{
	struct source *s;
	auto_free char *why = mem_strndup(p->text, n);

	if (p->source == EVENTS)
		return err_set(err, EX_UNAVAILABLE, "engine-down", "%s",
		    n > 0 ? why : "engine: the stream of events has ended");
	s = &f->t->sources[p->source];
	(void)waitpid(s->reader, NULL, 0);
	s->reader = 0;
	if (n > 0)
		log_warn("%s: %s", s->name, why);
	return s->again ? start_reader(f, p->source, err) : 0;
}

static int
listen_to_all(struct follow *f, struct err *err)
{
	struct packet p;
	ssize_t n;
	int ok = 0;

	while (ok == 0) {
		n = io_read(f->fds[0], &p, sizeof(p));
		if (n < (ssize_t)offsetof(struct packet, text))
			return err_sys(err, EX_IOERR, "read-failed", "readers");
		n -= (ssize_t)offsetof(struct packet, text);
		if (p.kind == EV_START)
			ok = on_start(f, p.text, (size_t)n, err);
		else if (p.kind == EV_END)
			ok = on_end(f, &p, (size_t)n, err);
		else
			on_text(f, &p, (size_t)n);
	}
	return -1;
}

static int
follow(struct tail *t, int64_t since, struct err *err)
{
	struct follow f = { .t = t };

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, f.fds) < 0)
		return err_sys(err, EX_OSERR, "pipe-failed", "socketpair");
	if (fork_reader(t, EVENTS, since, f.fds[1], err) < 0)
		return -1;
	for (size_t i = 0; i < t->n; i++)
		if (t->sources[i].running && start_reader(&f, i, err) < 0)
			return -1;
	return listen_to_all(&f, err);
}

int
applog_run(const struct applog *a, struct err *err)
{
	AUTO(tail_release) struct tail t = { .a = a };
	int64_t began = clock_wall_ms() / 1000 - 1;
	int ok = read_running(&t, err);

	read_gone(&t);
	show(&t);
	if (ok < 0)
		return -1;
	if (a->follow)
		return follow(&t, began, err);
	if (!t.known)
		return err_set(err, EX_NOINPUT, "app-missing",
		    "%s: nothing runs or has run under this name", a->slug);
	return 0;
}
