#include "deploy/app.h"

#include <stdio.h>
#include <string.h>

#include "base/keyed.h"
#include "base/json.h"
#include "base/text.h"
#include "document/document.h"
#include "proxy/routes.h"

enum { GATE_S = 120, RELEASE_S = 600, DRAIN_S = 30, STOP_S = 10 };
#define MEMORY ((int64_t)1 << 30)
#define PIDS 1024
#define DAY 86400

const char *
app_variable(const struct app *app, const char *name)
{
	return json_string_value(json_object_get(json_object_get(app->env,
						     name),
	    "value"));
}

bool
app_releases(const struct app *app)
{
	static const char *const reruns[] = { "rollback", "env", "scale",
		"restart", "start" };

	for (size_t i = 0; i < sizeof(reruns) / sizeof(*reruns); i++)
		if (strcmp(app->trigger, reruns[i]) == 0)
			return false;
	return app->release.n > 0;
}

/* A number of the project in [min, max], in the unit that it is written in. */
static int
number(const json_t *project, const char *path, int64_t def, int64_t min,
    int64_t max, int64_t *out, struct err *err)
{
	const json_t *v = json_at(project, path);

	*out = def;
	if (v == NULL || json_is_null(v))
		return 0;
	*out = json_integer_value(v);
	if (json_is_integer(v) && *out >= min && *out <= max)
		return 0;
	return err_set(err, EX_DATAERR, "bad-project",
	    "project.%s: not a whole number from %lld to %lld", path,
	    (long long)min, (long long)max);
}

static int
read_limits(struct app *app, const json_t *p, struct err *err)
{
	int64_t gate, stop, port;

	if (number(p, "limits.memory", MEMORY, 6 << 20, (int64_t)1 << 44,
		&app->memory, err) < 0 ||
	    number(p, "limits.pids", PIDS, 1, 1 << 22, &app->pids, err) < 0 ||
	    number(p, "limits.cpus_milli", 0, 1, 1 << 20, &app->cpus_milli,
		err) < 0 ||
	    number(p, "limits.deploy_timeout", GATE_S, 1, DAY, &gate, err) <
		0 ||
	    number(p, "health.timeout", gate, 1, DAY, &app->gate_ms, err) < 0 ||
	    number(p, "limits.release_timeout", RELEASE_S, 1, DAY,
		&app->release_ms, err) < 0 ||
	    number(p, "drain_timeout", DRAIN_S, 0, DAY, &app->drain_ms, err) <
		0 ||
	    number(p, "stop_timeout", STOP_S, 0, DAY, &stop, err) < 0 ||
	    number(p, "health.port", 0, 1, 65535, &port, err) < 0)
		return -1;
	app->gate_ms *= 1000;
	app->release_ms *= 1000;
	app->drain_ms *= 1000;
	app->stop_s = (int)stop;
	app->health_port = (int)port;
	return 0;
}

/* What goes into a request line and a header must be clean. */
static int
clean(const char *what, const char *s, struct err *err)
{
	for (const char *p = s; *p != '\0'; p++)
		if (*p <= ' ' || *p >= 127)
			return err_set(err, EX_DATAERR, "bad-project",
			    "%s: %s: a blank or control character", what, s);
	return 0;
}

static int
read_health(struct app *app, const json_t *p, struct err *err)
{
	const char *path = json_str(p, "health.path", app->plan.health_path);

	app->expect = json_at(p, "health.expect");
	if (path == NULL)
		return 0;
	app->health_path = mem_strdup(path);
	if (*path != '/')
		return err_set(err, EX_DATAERR, "bad-project",
		    "project.health.path: %s: does not begin with /", path);
	return clean("project.health.path", path, err);
}

static struct app_process *
add(struct app *app, const char *name)
{
	for (size_t i = 0; i < app->n; i++)
		if (strcmp(app->processes[i].name, name) == 0)
			return &app->processes[i];
	app->processes =
	    mem_realloc(app->processes, app->n + 1, sizeof(*app->processes));
	app->processes[app->n] = (struct app_process){
		.name = mem_strdup(name),
		.kind = strcmp(name, "web") == 0 ? PROCESS_WEB : PROCESS_WORKER,
		.scale = 1,
	};
	return &app->processes[app->n++];
}

static int
set_command(struct app_process *p, const json_t *v, const char *what,
    struct err *err)
{
	struct command c = { 0 };
	int r;

	if (v == NULL)
		return 0;
	r = command_decode(&c, v, what, err);
	if (r == 0) {
		strvec_clear(&p->argv);
		command_argv(&c, &p->argv);
	}
	command_release(&c);
	return r;
}

static int
override(struct app *app, const char *name, const json_t *v, struct err *err)
{
	struct app_process *p;
	const char *schedule;
	int64_t scale, port;
	char what[64];

	if (!text_is_slug(name))
		return err_set(err, EX_DATAERR, "bad-project",
		    "project.processes: %s: not a name", name);
	p = add(app, name);
	(void)snprintf(what, sizeof(what), "project.processes.%s", name);
	if (process_setting(v, "bad-project", what, &p->kind, &schedule, err) <
	    0)
		return -1;
	if (number(v, "scale", p->scale, 0, SCALE_MAX, &scale, err) < 0 ||
	    number(v, "port", p->port, 1, 65535, &port, err) < 0)
		return err_wrap(err, "%s", what);
	p->scale = (int)scale;
	p->port = (int)port;
	return set_command(p, json_object_get(v, "command"), what, err);
}

static void
web_first(struct app *app)
{
	for (size_t i = 1; i < app->n; i++)
		if (app->processes[i].kind == PROCESS_WEB) {
			struct app_process web = app->processes[i];

			memmove(&app->processes[1], &app->processes[0],
			    i * sizeof(web));
			app->processes[0] = web;
			return;
		}
}

/* Its value is not told: it may count as secret. */
static int
check_port(const struct app *app, struct err *err)
{
	const char *said = app_variable(app, "PORT");
	struct err ignored = { 0 };
	uint64_t port;

	if (said == NULL || app->processes[0].kind != PROCESS_WEB ||
	    parse_u64(said, 1, 65535, &port, &ignored) == 0)
		return 0;
	return err_set(err, EX_DATAERR, "bad-env-file",
	    "variable PORT: not a whole number from 1 to 65535");
}

static int
read_processes(struct app *app, const json_t *project, struct err *err)
{
	json_t *rows = json_object_get(project, "processes"), *v;
	const struct plan *plan = &app->plan;
	struct app_process *p;
	const char *name;

	for (size_t i = 0; i < plan->n_processes; i++) {
		p = add(app, plan->processes[i].name);
		p->kind = plan->processes[i].kind;
		p->port = plan->processes[i].port;
		command_argv(&plan->processes[i].command, &p->argv);
	}
	if (app->n == 0)
		(void)add(app, "web");
	if (set_command(add(app, app->processes[0].name),
		plan->n_processes == 0 ? json_object_get(project, "start")
				       : NULL,
		"project.start", err) < 0)
		return -1;
	json_object_foreach(rows, name, v) {
		if (override(app, name, v, err) < 0)
			return -1;
	}
	web_first(app);
	return check_port(app, err);
}

/* rcn-state's version of its own variables; by hand a keyed hash. */
static int
version_of(struct app *app, const json_t *doc, bool own, struct err *err)
{
	const char *said = json_str(doc, "deployment.env_version", NULL);
	AUTO(buf_wipe) struct buf text = { 0 };

	if (said != NULL && !own) {
		(void)snprintf(app->env_version, ENV_VERSION, "%.64s", said);
		return 0;
	}
	json_write(&text, app->env, JSON_COMPACT | JSON_SORT_KEYS);
	return keyed_name(text.data, text.len, app->env_version, err);
}

static int
read_release(struct app *app, const json_t *project, struct err *err)
{
	json_t *own = json_object_get(project, "release");

	if (own != NULL)
		return commands_decode(&app->release, own, "project.release",
		    err);
	app->release = app->plan.release;
	app->plan.release = (struct commands){ 0 };
	return 0;
}

static int
check_strategy(const json_t *project, struct err *err)
{
	const char *s = json_str(project, "strategy", "rolling");

	if (strcmp(s, "rolling") == 0)
		return 0;
	err_set(err, EX_CONFIG, "strategy-unknown",
	    "project.strategy: %s: rcn-deploy does rolling", s);
	return err_hint(err, "leave it out, or set it to rolling");
}

/* They become names of files and containers. */
static int
check_names(const struct app *app, struct err *err)
{
	size_t n = strlen(app->deployment);

	if (!text_is_slug(app->slug) || !text_is_slug(app->environment))
		return err_set(err, EX_DATAERR, "bad-document",
		    "project.slug, deployment.environment: %s, %s: not names",
		    app->slug, app->environment);
	if (n == 0 || n > 64 ||
	    strspn(app->deployment,
		"abcdefghijklmnopqrstuvwxyz"
		"ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-") != n)
		return err_set(err, EX_DATAERR, "bad-document",
		    "deployment.id: %s: not an id", app->deployment);
	return 0;
}

void
app_hosts(struct app *app, const json_t *doc, const struct strvec *given)
{
	strvec_clear(&app->hosts);
	route_hosts(&app->hosts, doc, given);
}

int
app_read(struct app *app, const json_t *doc, const json_t *env, bool own_env,
    struct err *err)
{
	const json_t *project = doc_need(doc, "project", err);
	const json_t *plan = json_object_get(doc, "plan");

	if (project == NULL || doc_need(doc, "deployment", err) == NULL)
		return -1;
	app->slug = doc_slug(doc);
	app->environment = doc_environment(doc);
	app->deployment = doc_deployment(doc);
	app->trigger = json_str(doc, "deployment.trigger", "cli");
	app->restart = json_str(doc, "deployment.restart",
	    strcmp(app->trigger, "restart") == 0 ? app->deployment : NULL);
	app->attempt = doc_attempt(doc);
	if (check_names(app, err) < 0)
		return -1;
	app->key = route_key(app->slug, app->environment);
	app->mounts = json_object_get(project, "mounts");
	app->networks = json_object_get(project, "networks");
	app->env = env;
	app_hosts(app, doc, &(const struct strvec){ 0 });
	if (plan != NULL && plan_decode(&app->plan, plan, err) < 0)
		return -1;
	if (check_strategy(project, err) < 0 ||
	    read_limits(app, project, err) < 0 ||
	    read_health(app, project, err) < 0 ||
	    read_processes(app, project, err) < 0 ||
	    read_release(app, project, err) < 0)
		return -1;
	return env != NULL ? version_of(app, doc, own_env, err) : 0;
}

void
app_release(struct app *app)
{
	for (size_t i = 0; i < app->n; i++) {
		free(app->processes[i].name);
		strvec_release(&app->processes[i].argv);
	}
	free(app->processes);
	free(app->key);
	strvec_release(&app->hosts);
	free(app->health_path);
	commands_release(&app->release);
	plan_release(&app->plan);
	*app = (struct app){ 0 };
}
