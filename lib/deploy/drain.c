#include "deploy/drain.h"

#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/conf.h"
#include "base/io.h"
#include "base/json.h"
#include "base/log.h"
#include "base/text.h"
#include "deploy/instance.h"
#include "deploy/listen.h"
#include "document/document.h"
#include "engine/container.h"

enum {
	POLL_FIRST_MS = 2,
	POLL_LAST_MS = 50,
	QUIET_MS = 50, /* a connection may be on its way at the switch */
	KILL_MS = 10000, /* the engine is to end a killed one within it */
	LOG_LINES = 10000,
	LOG_BYTES = 8 << 20,
	KEEP_LOGS = 10, /* last logs of one environment: so many, */
	KEEP_BYTES = 10 << 20, /* and so much, RCN_LOG_BUDGET */
};

enum phase { DRAINING, STOPPING, KILLING, DONE };

struct leaving {
	const char *id, *name; /* borrowed from the engine's list */
	char address[64]; /* "172.30.128.1:3000", "" serves nothing */
	int port, pid;
	bool tty, stuck;
	char signal[16];
	char deployment[65];
	enum phase phase;
	int64_t began, signalled, ended, killed;
	int64_t quiet; /* since when there is no connection, or 0 */
	const char *drained_by;
	struct container_state state;
};

/* The address that the engine's list and labels give; a later look at the
 * process may show another port than the label's. */
static void
open_one(const struct drain *d, struct leaving *l, const json_t *c)
{
	struct listeners ports;
	struct err err = { 0 };
	json_auto_t *full = NULL;
	const char *ip = container_label(c, "rcn.address");
	uint64_t port = 0;

	*l = (struct leaving){ .id = json_str(c, "Id", ""),
		.name = instance_name(c),
		.began = clock_ms() };
	(void)snprintf(l->deployment, sizeof(l->deployment), "%s",
	    container_label(c, "rcn.deployment"));
	full = container_inspect(d->e, l->id, &err);
	container_state_read(full, &l->state);
	l->pid = l->state.pid;
	l->tty = json_bool(full, "Config.Tty", false);
	(void)snprintf(l->signal, sizeof(l->signal), "%s",
	    json_str(full, "Config.StopSignal", "SIGTERM"));
	(void)parse_u64(container_label(c, "rcn.port"), 0, 65535, &port, &err);
	l->port = (int)port;
	if (l->port > 0 && listen_of(l->pid, &ports) == 0)
		l->port = listen_choose(&ports, l->port);
	if (l->port > 0 && *ip != '\0')
		(void)snprintf(l->address, sizeof(l->address), "%s:%d", ip,
		    l->port);
}

/* Requests in flight; -1: the proxy cannot tell. */
static int64_t
busy(const struct drain *d, const struct leaving *l)
{
	struct err err = { 0 };
	int64_t n = -1;

	if (d->proxy == NULL || l->address[0] == '\0' ||
	    proxy_busy(d->proxy, l->address, &n, &err) < 0)
		return -1;
	return n;
}

/* No connection from outside for a while. */
static bool
is_quiet(struct leaving *l)
{
	if (listen_connections(l->pid, l->port) != 0)
		l->quiet = 0;
	else if (l->quiet == 0)
		l->quiet = clock_ms();
	return l->quiet != 0 && clock_ms() - l->quiet >= QUIET_MS;
}

/* Why it may be told to end now, or NULL. */
static const char *
drained(const struct drain *d, struct leaving *l)
{
	int64_t n;

	if (!l->state.running || l->address[0] == '\0')
		return "nothing";
	n = busy(d, l);
	if (n == 0)
		return "proxy";
	if (n < 0 && is_quiet(l))
		return "connections";
	if (clock_ms() - l->began >= d->drain_ms)
		return "limit";
	return NULL;
}

static void
note(json_t *section, const struct leaving *l, const struct err *err)
{
	doc_warn(section, "%s: %s", l->name, err->msg);
}

/* No restart by the engine, then the signal; it is not waited for here. */
static void
tell(const struct drain *d, struct leaving *l, json_t *section)
{
	struct err err = { 0 };

	l->phase = STOPPING;
	l->signalled = clock_ms();
	if (!l->state.running)
		return;
	if (container_restart_policy(d->e, l->id, "no", &err) < 0 ||
	    container_kill(d->e, l->id, l->signal, &err) < 0)
		note(section, l, &err);
}

static void
look(const struct drain *d, struct leaving *l, json_t *section)
{
	struct err err = { 0 };
	int64_t now = clock_ms();

	if (container_state(d->e, l->id, &l->state, &err) < 0) {
		if (strcmp(err.code, "container-gone") != 0)
			note(section, l, &err);
		l->phase = DONE;
		l->ended = now;
		return;
	}
	if (!l->state.running) {
		l->phase = DONE;
		l->ended = now;
	} else if (l->phase == STOPPING &&
		   now - l->signalled >= (int64_t)d->stop_s * 1000) {
		l->phase = KILLING;
		l->killed = now;
		if (container_kill(d->e, l->id, "SIGKILL", &err) < 0)
			note(section, l, &err);
	} else if (l->phase == KILLING && now - l->killed >= KILL_MS) {
		doc_warn(section, "%s: does not end", l->name);
		l->stuck = true;
		l->phase = DONE;
		l->ended = now;
	}
}

/* True if anything changed. */
static bool
step(const struct drain *d, struct leaving *l, json_t *section)
{
	enum phase before = l->phase;

	if (l->phase == DONE)
		return false;
	if (l->phase != DRAINING) {
		look(d, l, section);
		return l->phase != before;
	}
	l->drained_by = drained(d, l);
	if (l->drained_by != NULL)
		tell(d, l, section);
	return l->phase != before;
}

static void
wait_all(const struct drain *d, struct leaving *v, size_t n, json_t *section)
{
	int64_t pause = POLL_FIRST_MS;
	struct err err = { 0 };
	bool more = true, moved;

	while (more) {
		more = moved = false;
		for (size_t i = 0; i < n; i++) {
			moved |= step(d, &v[i], section);
			more |= v[i].phase != DONE;
		}
		if (moved)
			pause = POLL_FIRST_MS;
		if (more)
			(void)clock_sleep_ms(pause, &err);
		pause = pause * 2 < POLL_LAST_MS ? pause * 2 : POLL_LAST_MS;
	}
}

/* ---- what is left of it ---- */

static void
keep_line(int stream, const char *line, size_t n, void *ctx)
{
	struct buf *b = ctx;

	(void)stream;
	if (b->len + n + 1 > LOG_BYTES)
		return;
	buf_add(b, line, n);
	buf_addc(b, '\n');
}

struct saved {
	char name[NAME_MAX + 1];
	struct timespec when;
	off_t size;
};

static int
newest_first(const void *a, const void *b)
{
	const struct saved *x = a, *y = b;

	if (x->when.tv_sec != y->when.tv_sec)
		return x->when.tv_sec < y->when.tv_sec ? 1 : -1;
	if (x->when.tv_nsec != y->when.tv_nsec)
		return x->when.tv_nsec < y->when.tv_nsec ? 1 : -1;
	return strcmp(y->name, x->name);
}

static void
forget(int dir, const char *log)
{
	auto_free char *json =
	    mem_printf("%.*s.json", (int)strlen(log) - 4, log);

	(void)unlinkat(dir, log, 0);
	(void)unlinkat(dir, json, 0);
}

/* The newest stay: the last one always, up to a number and a size. */
static void
prune(const char *path, off_t budget)
{
	DIR *d = opendir(path);
	struct saved *v = NULL;
	struct dirent *e;
	off_t sum = 0;
	size_t n = 0;

	while (d != NULL && (e = readdir(d)) != NULL) {
		struct stat st;

		if (!text_ends(e->d_name, ".log") ||
		    fstatat(dirfd(d), e->d_name, &st, AT_SYMLINK_NOFOLLOW) < 0)
			continue;
		v = mem_realloc(v, n + 1, sizeof(*v));
		v[n] = (struct saved){ .when = st.st_mtim, .size = st.st_size };
		(void)snprintf(v[n++].name, sizeof(v->name), "%s", e->d_name);
	}
	if (n > 1)
		qsort(v, n, sizeof(*v), newest_first);
	for (size_t i = 0; i < n; i++) {
		sum += v[i].size;
		if (i > 0 && (i >= KEEP_LOGS || sum > budget))
			forget(dirfd(d), v[i].name);
	}
	if (d != NULL)
		(void)closedir(d);
	free(v);
}

/* STATE_DIR/logs/KEY/NAME.log and .json; the path of the log, or NULL. */
static char *
save(const struct drain *d, const struct leaving *l, const json_t *row,
    struct err *err)
{
	auto_buf struct buf dir = { 0 };
	auto_buf struct buf text = { 0 };
	auto_buf struct buf json = { 0 };
	auto_buf struct buf file = { 0 };
	auto_free char *sub = mem_printf("logs/%s", d->key);
	auto_free char *name = mem_strndup(l->name,
	    strlen(l->name) - (text_ends(l->name, ".old") ? 4 : 0));

	const struct container_logs all = {
		.tty = l->tty, .times = true, .tail = LOG_LINES
	};
	uint64_t budget;

	if (conf_u64("LOG_BUDGET", KEEP_BYTES, 0, INT64_MAX, &budget, err) <
		0 ||
	    conf_state_path(&dir, sub, err) < 0 ||
	    container_logs(d->e, l->id, &all, keep_line, &text, err) < 0)
		return NULL;
	buf_addf(&file, "%s/%s.json", dir.data, name);
	json_write(&json, row, JSON_INDENT(2));
	buf_addc(&json, '\n');
	if (io_replace(file.data, 0600, json.data, json.len, err) < 0)
		return NULL;
	buf_cut(&file, file.len - 4);
	buf_adds(&file, "log");
	if (io_replace(file.data, 0600, buf_str(&text), text.len, err) < 0)
		return NULL;
	prune(dir.data, (off_t)budget);
	return buf_steal(&file);
}

static json_t *
row_of(const struct leaving *l)
{
	return json_pack("{s:s, s:s, s:s, s:s, s:I, s:I, s:b, s:i, s:b}", "id",
	    l->id, "name", l->name, "deployment", l->deployment, "drained_by",
	    l->drained_by != NULL ? l->drained_by : "nothing", "drain_ms",
	    (json_int_t)(l->signalled - l->began), "stop_ms",
	    (json_int_t)(l->ended - l->signalled), "forced", l->killed != 0,
	    "exit_code", l->state.exit_code, "oom", l->state.oom);
}

static void
finish(const struct drain *d, const struct leaving *l, json_t *section)
{
	json_t *row = row_of(l);
	struct err err = { 0 };
	auto_free char *log = NULL;

	json_array_append_new(json_object_get(section, "instances"), row);
	log = save(d, l, row, &err);
	if (log != NULL)
		json_object_set_new(row, "log", json_text(log));
	else
		note(section, l, &err);
	err = (struct err){ 0 };
	if (!l->stuck && container_remove(d->e, l->id, &err) < 0)
		note(section, l, &err);
}

/* Of all: the weakest reason and the longest time. */
static void
sum_up(const struct leaving *v, size_t n, json_t *section)
{
	static const char *const rank[] = { "nothing", "proxy", "connections",
		"limit" };
	size_t worst = 0;
	int64_t ms = 0;
	bool forced = false;

	for (size_t i = 0; i < n; i++) {
		for (size_t k = worst; k < 4; k++)
			if (v[i].drained_by != NULL &&
			    strcmp(v[i].drained_by, rank[k]) == 0)
				worst = k;
		if (v[i].signalled - v[i].began > ms)
			ms = v[i].signalled - v[i].began;
		forced |= v[i].killed != 0;
	}
	json_object_set_new(section, "drained_by", json_string(rank[worst]));
	json_object_set_new(section, "drain_ms", json_integer(ms));
	json_object_set_new(section, "forced", json_boolean(forced));
}

void
drain_all(const struct drain *d, const json_t *containers, json_t *section,
    int64_t *in_flight)
{
	size_t n = json_array_size(containers);
	struct leaving *v = mem_zalloc(n + 1, sizeof(*v));

	*in_flight = n == 0 ? 0 : -1;
	for (size_t i = 0; i < n; i++) {
		int64_t now;

		open_one(d, &v[i], json_array_get(containers, i));
		now = busy(d, &v[i]);
		if (now >= 0)
			*in_flight = now + (*in_flight > 0 ? *in_flight : 0);
	}
	wait_all(d, v, n, section);
	for (size_t i = 0; i < n; i++)
		finish(d, &v[i], section);
	sum_up(v, n, section);
	free(v);
}
