#include "deploy/gate.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/log.h"
#include "deploy/listen.h"
#include "deploy/probe.h"
#include "document/document.h"

enum {
	ASK_FIRST_MS = 5,
	ASK_LAST_MS = 250,
	ANSWER_MS = 5000, /* a first request may compile a page */
	LEAST_MS = 500, /* the last look is a fair one too */
	LOOK_MS = 500, /* between looks at what is listened on */
	SETTLED_MS = 3000, /* another port, alone for so long: it is meant */
	SAY_MS = 5000,
	WORKER_MS = 10000,
	KEPT_MS = 5000,
	END_MS = 5000, /* the engine notices the end of a process */
	OOM_MS = 1000, /* and, after it, that memory was why */
};

struct gate {
	struct engine *e;
	const struct app *app;
	struct instance *in;
	json_t *warnings;
	int pidfd, pid;
	bool wait_another; /* a new one may still open the right port */
	int64_t start, end, looked, other_since;
	int port, other; /* asked; listened on instead, 0: none */
	int result, status; /* the last answer */
	bool said, loopback;
	char listens[256];
};

static bool
is_good(const struct app *app, int status)
{
	json_t *v;
	size_t i;

	if (app->expect != NULL) {
		json_array_foreach(app->expect, i, v) {
			if (json_integer_value(v) == status)
				return true;
		}
		return false;
	}
	if (app->health_path != NULL)
		return status >= 200 && status < 400;
	return status < 500;
}

static int64_t
age(const struct gate *g)
{
	return clock_ms() - g->start;
}

static void
age_text(const struct gate *g, char out[32])
{
	int64_t ms = age(g);

	(void)snprintf(out, 32, "%lld.%lld s", (long long)(ms / 1000),
	    (long long)(ms % 1000 / 100));
}

/* ---- why not ---- */

static int
ended(struct gate *g, struct err *err)
{
	int64_t end = clock_ms() + END_MS, sure_at = 0;
	struct container_state s = { 0 };
	const char *name = g->in->name;
	char after[32];

	age_text(g, after);
	for (;;) {
		if (container_state(g->e, g->in->id, &s, err) < 0)
			return -1;
		if (!s.running && sure_at == 0)
			sure_at = clock_ms() + OOM_MS;
		if (clock_ms() >= (s.running ? end : sure_at) ||
		    (!s.running && (s.oom || s.exit_code != 128 + SIGKILL)))
			break;
		if (clock_sleep_ms(10, err) < 0)
			return -1;
	}
	if (s.oom) {
		err_set(err, EX_DATAERR, "app-out-of-memory",
		    "%s: out of memory after %s: it may have %lld MiB", name,
		    after, (long long)(g->app->memory >> 20));
		return err_hint(err, "raise project.limits.memory (bytes)");
	}
	if (s.exit_code > 128)
		err_set(err, EX_DATAERR, "app-exited",
		    "%s: ended by signal %d after %s", name, s.exit_code - 128,
		    after);
	else
		err_set(err, EX_DATAERR, "app-exited",
		    "%s: exited with status %d after %s", name, s.exit_code,
		    after);
	if (s.exit_code == 127 || s.exit_code == 126)
		return err_hint(err, "its command is not in the image, or "
				     "cannot be executed");
	if (g->in->port == 0)
		return err_hint(err, "a worker is to go on running");
	return err_hint(err,
	    "see its log above; a web process is to listen on 0.0.0.0:%d and "
	    "go on running",
	    g->in->port);
}

static int
deaf(struct gate *g, struct err *err)
{
	int port = g->in->port;
	char after[32];

	age_text(g, after);
	if (g->loopback) {
		err_set(err, EX_DATAERR, "listens-on-loopback",
		    "%s: listens on %s only, which nothing outside its "
		    "container can reach",
		    g->in->name, g->listens);
		return err_hint(err,
		    "have it listen on 0.0.0.0:%d, that is "
		    "0.0.0.0 and $PORT",
		    port);
	}
	err_set(err, EX_DATAERR, "app-not-listening",
	    "%s: listens on %s after %s, PORT is %d", g->in->name,
	    g->listens[0] != '\0' ? g->listens : "nothing", after, port);
	return err_hint(err,
	    "have it listen on 0.0.0.0:$PORT, or set its port: "
	    "project.processes.%s.port",
	    g->in->process->name);
}

static int
unhealthy(struct gate *g, struct err *err)
{
	const char *path = g->in->health.path;
	char after[32];

	age_text(g, after);
	if (g->result == PROBE_REFUSED)
		return deaf(g, err);
	if (g->result != PROBE_ANSWERED) {
		err_set(err, EX_DATAERR, "app-unhealthy",
		    "%s: port %d %s, %d tries in %s", g->in->name, g->port,
		    probe_text(g->result), g->in->health.tries, after);
		return err_hint(err, "a web process is to answer HTTP");
	}
	err_set(err, EX_DATAERR, "app-unhealthy",
	    "%s: GET %s with Host %s answered %d, %d tries in %s", g->in->name,
	    path, g->app->hosts.v[0], g->status, g->in->health.tries, after);
	if (g->app->health_path != NULL)
		return err_hint(err,
		    "project.health: path is %s, and %s "
		    "counts as healthy",
		    path,
		    g->app->expect != NULL ? "what expect lists"
					   : "2xx or 3xx");
	return err_hint(err, "anything below 500 would do; set "
			     "project.health.path to a page of its own");
}

/* ---- asking ---- */

/*
 * What it listens on, when nobody answers where it should.  1: another port
 * is to be asked; -1: it can never pass.
 */
static int
look(struct gate *g, struct err *err)
{
	struct listeners l;
	int other = 0;
	bool mine = false, others = false;

	g->looked = clock_ms();
	if (listen_of(g->pid, &l) < 0)
		return 0;
	listen_text(&l, g->listens, sizeof(g->listens));
	g->loopback = l.n > 0;
	for (size_t i = 0; i < l.n; i++) {
		if (l.v[i].loopback) {
			mine |= l.v[i].port == g->in->port;
			continue;
		}
		g->loopback = false;
		others |= other != 0 && l.v[i].port != other;
		other = l.v[i].port;
	}
	if (g->loopback && mine && age(g) >= SETTLED_MS)
		return deaf(g, err);
	if (g->app->health_port != 0 || others || other == 0)
		other = 0;
	if (other != g->other)
		g->other_since = g->looked;
	g->other = other;
	if (l.n > 0 && !g->said && age(g) >= SAY_MS) {
		g->said = true;
		log_note("%s: listens on %s, PORT is %d: waiting", g->in->name,
		    g->listens, g->in->port);
	}
	return other != 0 &&
	       (!g->wait_another || g->looked - g->other_since >= SETTLED_MS);
}

static int
ask(struct gate *g, struct err *err)
{
	int64_t left = g->end - clock_ms();
	struct probe p = {
		.address = g->in->address,
		.host = g->app->hosts.v[0],
		.path = g->in->health.path,
		.port = g->port,
		.timeout_ms = left < LEAST_MS    ? LEAST_MS
			      : left < ANSWER_MS ? left
						 : ANSWER_MS,
		.pidfd = g->pidfd,
	};

	g->in->health.tries++;
	return probe_http(&p, &g->status, err);
}

static void
passed(struct gate *g)
{
	struct instance *in = g->in;

	in->health.status = g->status;
	in->health.milliseconds = clock_ms() - g->start;
	if (g->port == in->port || g->app->health_port != 0)
		return;
	doc_warn(g->warnings,
	    "%s: listens on %d, PORT is %d: traffic goes to "
	    "%d",
	    in->name, g->port, in->port, g->port);
	in->port = g->port;
}

static int
asked_port(const struct gate *g)
{
	int port = g->app->health_port;

	return port != 0 ? port : g->in->port;
}

/* Without a pidfd (an engine elsewhere) the engine is asked now and then. */
static int
still_runs(struct gate *g, struct err *err)
{
	struct container_state s;

	if (g->pidfd >= 0)
		return 1;
	if (container_state(g->e, g->in->id, &s, err) < 0)
		return -1;
	return s.running ? 1 : ended(g, err);
}

static int
ask_until(struct gate *g, struct err *err)
{
	int64_t pause = ASK_FIRST_MS;
	int r;

	for (;;) {
		g->result = ask(g, err);
		if (g->result < 0)
			return -1;
		if (g->result == PROBE_ANSWERED && is_good(g->app, g->status))
			return 0;
		if (g->result == PROBE_ENDED)
			return ended(g, err);
		if (g->result == PROBE_REFUSED &&
		    clock_ms() - g->looked >= LOOK_MS) {
			r = look(g, err);
			if (r < 0 || still_runs(g, err) < 0)
				return -1;
			g->port = r == 1 ? g->other : asked_port(g);
		} else {
			g->port = asked_port(g);
		}
		if (clock_ms() >= g->end) {
			(void)look(g, err);
			*err = (struct err){ 0 };
			return unhealthy(g, err);
		}
		r = probe_wait(g->pidfd, pause, err);
		if (r != 0)
			return r < 0 ? -1 : ended(g, err);
		pause = pause * 2 < ASK_LAST_MS ? pause * 2 : ASK_LAST_MS;
	}
}

static int
run_for(struct gate *g, struct err *err)
{
	int64_t left = age(g) < WORKER_MS ? WORKER_MS - age(g) : 0;
	int r = g->pidfd >= 0 ? probe_wait(g->pidfd, left, err)
			      : clock_sleep_ms(left, err);

	if (r != 0)
		return r < 0 ? -1 : ended(g, err);
	return still_runs(g, err) < 0 ? -1 : 0;
}

static int
open_gate(struct gate *g, int64_t ms, struct err *err)
{
	struct container_state s;
	const struct app *app = g->app;

	g->start = g->in->kept ? clock_ms() : g->in->started_ms;
	g->end = clock_ms() + ms;
	g->looked = g->in->kept ? 0 : clock_ms();
	g->wait_another = !g->in->kept;
	g->port = asked_port(g);
	(void)snprintf(g->in->health.path, sizeof(g->in->health.path), "%s",
	    app->health_path != NULL ? app->health_path : "/");
	if (container_state(g->e, g->in->id, &s, err) < 0)
		return -1;
	if (!s.running)
		return ended(g, err);
	g->pid = s.pid;
	g->pidfd = probe_pidfd(s.pid);
	return 0;
}

static int
gate(struct gate *g, int64_t ms, struct err *err)
{
	int r = open_gate(g, ms, err);

	if (r == 0)
		r = g->in->port > 0 ? ask_until(g, err) : run_for(g, err);
	if (r == 0)
		passed(g);
	if (g->pidfd >= 0)
		close(g->pidfd);
	return r;
}

int
gate_pass(struct engine *e, const struct app *app, struct instance *in,
    json_t *warnings, struct err *err)
{
	struct gate g = {
		.e = e, .app = app, .in = in, .pidfd = -1, .warnings = warnings
	};

	if (gate(&g, app->gate_ms, err) == 0)
		return 0;
	if (strcmp(err->code, "cancelled") != 0)
		instance_show_log(e, in->id, in->name, GATE_LOG_LINES);
	return -1;
}

int
gate_healthy(struct engine *e, const struct app *app, struct instance *in,
    json_t *warnings, struct err *err)
{
	struct gate g = {
		.e = e, .app = app, .in = in, .pidfd = -1, .warnings = warnings
	};

	if (in->port == 0)
		return 1;
	if (gate(&g, KEPT_MS, err) == 0)
		return 1;
	if (strcmp(err->code, "cancelled") == 0)
		return -1;
	log_info("not kept: %s", err->msg);
	*err = (struct err){ 0 };
	return 0;
}
