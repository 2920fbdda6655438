/* New deployments: what each trigger needs, and what it puts aside. */
#include <string.h>

#include "base/buf.h"
#include "base/crypto.h"
#include "base/json.h"
#include "base/text.h"
#include "state/deployment.h"
#include "state/environment.h"
#include "state/job.h"
#include "state/project.h"
#include "state/queue.h"

/*
 * code: brings some, and so supersedes all that wait.  again: runs what is
 * live once more, after all that wait.  pushed: not where pushes wait.
 */
static const struct trigger {
	const char *name;
	bool code, again, pushed;
} triggers[] = {
	{ "push", .code = true, .pushed = true },
	{ "pull_request", .code = true, .pushed = true },
	{ "cli", .code = true },
	{ "api", .code = true },
	{ "image", .code = true },
	{ "redeploy", .code = true },
	{ "rollback", .code = true },
	{ "env", .again = true },
	{ "scale", .again = true },
	{ "restart", .again = true },
	{ "start", .again = true },
};

struct adding {
	const struct deployment_new *new;
	const struct trigger *trigger;
	json_t *env, *project, *of, *settings;
	const char *branch, *commit; /* borrowed */
	int64_t number;
	char id[UUID_TEXT];
};

static void
adding_release(struct adding *a)
{
	json_decref(a->env);
	json_decref(a->project);
	json_decref(a->of);
	json_decref(a->settings);
}
#define auto_adding AUTO(adding_release)

static const struct trigger *
trigger_of(const char *name, struct err *err)
{
	for (size_t i = 0; i < sizeof(triggers) / sizeof(*triggers); i++)
		if (strcmp(triggers[i].name, name) == 0)
			return &triggers[i];
	err_set(err, EX_DATAERR, "bad-deployment", "%s: no such trigger", name);
	return NULL;
}

static bool
is(const struct adding *a, const char *trigger)
{
	return strcmp(a->trigger->name, trigger) == 0;
}

/* ---- may it be? ---- */

static int
check_open(const struct adding *a, struct err *err)
{
	const char *paused = json_str(a->env, "paused", NULL);
	const char *name = json_str(a->env, "name", "");

	if (json_str(a->env, "removed_at", NULL) != NULL)
		return err_set(err, EX_TEMPFAIL, "environment-ending",
		    "project %s: environment %s: is being removed",
		    a->new->project, name);
	if (!a->trigger->pushed)
		return 0;
	if (paused != NULL) {
		err_set(err, EX_NO, "paused", "project %s: %s: paused: %s",
		    a->new->project, name, paused);
		return err_hint(err,
		    "go on: rcn-state environment set %s %s "
		    "--resume",
		    a->new->project, name);
	}
	if (json_bool(a->env, "stopped", false))
		return err_set(err, EX_NO, "paused",
		    "project %s: %s: stopped: pushes deploy nothing",
		    a->new->project, name);
	return 0;
}

/* What runs, ran last, or is about to: it has something to run again. */
static int
check_again(struct state *st, const struct adding *a, struct err *err)
{
	int64_t n;

	if (db_number(st->db,
		"SELECT EXISTS (SELECT 1 FROM deployments WHERE"
		" environment = :id AND state = 'live')"
		" OR EXISTS (SELECT 1 FROM deployments WHERE"
		" environment = :id AND state = 'pending')"
		" OR EXISTS (SELECT 1 FROM deployments WHERE environment = :id"
		" AND state IN ('building', 'deploying'))"
		" OR EXISTS (SELECT 1 FROM deployments WHERE environment = :id"
		" AND state = 'stopped' AND live_at IS NOT NULL)",
		ARGS(ARG_TEXT("id", json_str(a->env, "id", ""))), &n, err) < 0)
		return -1;
	if (n > 0)
		return 0;
	return err_set(err, EX_NOINPUT, "not-found",
	    "project %s: %s: nothing is live that could be run again",
	    a->new->project, json_str(a->env, "name", ""));
}

static int
find_of(struct state *st, struct adding *a, struct err *err)
{
	const char *id = a->new->of;

	if (id == NULL && is(a, "redeploy"))
		id = json_str(a->env, "live", NULL);
	if (id == NULL)
		return is(a, "redeploy")
			   ? err_set(err, EX_NOINPUT, "not-found",
				 "project %s: %s: nothing is live",
				 a->new->project, json_str(a->env, "name", ""))
			   : 0;
	a->of = deployment_get(st, id, err);
	if (a->of == NULL)
		return -1;
	if (strcmp(json_str(a->of, "environment_id", ""),
		json_str(a->env, "id", "-")) == 0)
		return 0;
	return err_set(err, EX_DATAERR, "bad-deployment",
	    "%s: of another environment: %s of %s", id,
	    json_str(a->of, "environment", ""), json_str(a->of, "project", ""));
}

static int
check_source(struct adding *a, struct err *err)
{
	const struct deployment_new *n = a->new;

	a->branch =
	    n->branch != NULL ? n->branch : json_str(a->of, "branch", NULL);
	a->commit =
	    n->commit != NULL ? n->commit : json_str(a->of, "commit", NULL);
	if (is(a, "image"))
		return n->image != NULL
			   ? 0
			   : err_set(err, EX_DATAERR, "bad-deployment",
				 "trigger image: no image");
	if (is(a, "rollback"))
		return json_str(a->of, "image_ref", NULL) != NULL
			   ? 0
			   : err_set(err, EX_DATAERR, "bad-deployment",
				 "rollback: deployment %s has no image",
				 n->of != NULL ? n->of : "(none)");
	if (!a->trigger->code)
		return 0;
	if (a->commit == NULL && a->branch == NULL)
		a->branch = json_str(a->env, "branch",
		    json_str(a->project, "branch", NULL));
	if (json_str(a->project, "repository_url", NULL) != NULL)
		return 0;
	err_set(err, EX_DATAERR, "bad-deployment",
	    "project %s: has no repository to fetch from", n->project);
	return err_hint(err, "rcn-state project set %s repository=URL",
	    n->project);
}

/* ---- what it changes ---- */

static int
change_environment(struct state *st, const struct adding *a, struct err *err)
{
	json_auto_t *patch = NULL;
	json_auto_t *row = NULL;

	if (is(a, "restart"))
		patch = json_pack("{s:s}", "restart", a->id);
	else if (is(a, "start") && json_bool(a->env, "stopped", false))
		patch = json_pack("{s:b}", "stopped", 0);
	else if (is(a, "scale"))
		patch = json_pack("{s:O}", "scale", a->new->scale);
	if (patch == NULL)
		return 0;
	row = environment_set(st, a->new->project, json_str(a->env, "name", ""),
	    patch, err);
	return row != NULL ? 0 : -1;
}

static int
check_scale(const struct adding *a, struct err *err)
{
	if (!is(a, "scale"))
		return 0;
	if (json_object_size(a->new->scale) == 0)
		return err_set(err, EX_DATAERR, "bad-deployment",
		    "trigger scale: no process is named");
	if (json_int(a->new->scale, "web", 1) > 0)
		return 0;
	err_set(err, EX_DATAERR, "bad-deployment",
	    "web: 0 instances would serve nobody");
	return err_hint(err, "rcn stop %s", a->new->project);
}

/* Those that this one makes needless: rows of it, oldest first. */
static json_t *
older(struct state *st, const struct adding *a, struct err *err)
{
	return db_list(st->db,
	    "SELECT id, state, trigger, number FROM deployments WHERE"
	    " environment = :environment AND state = 'pending'"
	    " AND number < :number UNION ALL"
	    " SELECT id, state, trigger, number FROM deployments WHERE"
	    " environment = :environment AND state IN ('building',"
	    " 'deploying') ORDER BY number",
	    ARGS(ARG_TEXT("environment", json_str(a->env, "id", "")),
		ARG_INT("number", a->number)),
	    err);
}

static bool
puts_aside(const struct adding *a, const json_t *old)
{
	const char *state = json_str(old, "state", "");

	if (!a->trigger->code)
		return strcmp(state, "pending") == 0 &&
		       is(a, json_str(old, "trigger", ""));
	if (strcmp(state, "pending") == 0 || is(a, "rollback"))
		return true;
	return strcmp(state, "building") == 0 &&
	       json_bool(a->settings, "cancel_building", true);
}

static int
put_aside(struct state *st, const struct adding *a, struct err *err)
{
	auto_free char *why =
	    mem_printf("superseded by #%lld", (long long)a->number);
	json_auto_t *rows = older(st, a, err);
	json_t *old;
	size_t i;

	if (rows == NULL)
		return -1;
	json_array_foreach(rows, i, old) {
		json_auto_t *row = NULL;

		if (!puts_aside(a, old))
			continue;
		row = deployment_cancel(st, json_str(old, "id", ""), why, err);
		if (row == NULL)
			return -1;
	}
	return 0;
}

/* ---- the row ---- */

static int
take_number(struct state *st, struct adding *a, struct err *err)
{
	const char *id = json_str(a->project, "id", "");

	if (db_number(st->db, "SELECT next_number FROM projects WHERE id = :id",
		ARGS(ARG_TEXT("id", id)), &a->number, err) < 0)
		return -1;
	return queue_run(st,
	    "UPDATE projects SET next_number = next_number + 1 WHERE id = :id",
	    id, err);
}

static int
insert(struct state *st, const struct adding *a, struct err *err)
{
	const struct deployment_new *n = a->new;
	auto_buf struct buf settings = { 0 };
	struct db_arg pr = ARG_INT("pull_request", n->pull_request);
	bool rolls = is(a, "rollback");
	char now[CLOCK_TEXT];

	clock_now_text(now);
	json_write(&settings, a->settings, JSON_COMPACT | JSON_SORT_KEYS);
	if (n->pull_request == 0)
		pr = ARG_NULL("pull_request");
	return db_run(st->db,
	    "INSERT INTO deployments (id, project, environment, number,"
	    " trigger, state, actor, branch, commit_id, message, author,"
	    " pull_request, of, settings, env_version, image_ref,"
	    " image_digest, created_at) VALUES (:id, :project, :environment,"
	    " :number, :trigger, 'pending', :actor, :branch, :commit,"
	    " :message, :author, :pull_request, :of, :settings,"
	    " :env_version, :image, :digest, :now)",
	    ARGS(ARG_TEXT("id", a->id),
		ARG_TEXT("project", json_str(a->project, "id", "")),
		ARG_TEXT("environment", json_str(a->env, "id", "")),
		ARG_INT("number", a->number),
		ARG_TEXT("trigger", a->trigger->name),
		ARG_TEXT("actor", st->actor), ARG_TEXT("branch", a->branch),
		ARG_TEXT("commit", a->commit),
		ARG_TEXT("message", n->message != NULL
					? n->message
					: json_str(a->of, "message", NULL)),
		ARG_TEXT("author", n->author != NULL
				       ? n->author
				       : json_str(a->of, "author", NULL)),
		pr, ARG_TEXT("of", json_str(a->of, "id", NULL)),
		ARG_TEXT("settings", settings.data),
		ARG_INT("env_version",
		    json_int(rolls ? a->of : a->project, "env_version", 0)),
		ARG_TEXT("image",
		    rolls ? json_str(a->of, "image_ref", NULL) : n->image),
		ARG_TEXT("digest",
		    rolls ? json_str(a->of, "image_digest", NULL) : NULL),
		ARG_TEXT("now", now)),
	    err);
}

static int
say_added(struct state *st, const struct adding *a, struct err *err)
{
	json_t *data = json_pack("{s:I, s:s, s:s}", "number",
	    (json_int_t)a->number, "trigger", a->trigger->name, "environment",
	    json_str(a->env, "name", ""));

	if (a->commit != NULL)
		json_object_set_new(data, "commit", json_text(a->commit));
	if (a->of != NULL)
		json_object_set(data, "of", json_object_get(a->of, "number"));
	if (is(a, "scale"))
		json_object_set_new(data, "scale",
		    json_deep_copy(a->new->scale));
	return state_event(st,
	    &(struct event){ .kind = "deployment.pending",
		.project = json_str(a->project, "id", NULL),
		.environment = json_str(a->env, "id", NULL),
		.deployment = a->id,
		.data = data },
	    err);
}

static int
queue(struct state *st, const struct adding *a, json_t **row, struct err *err)
{
	json_auto_t *job = job_add(st,
	    &(struct job_new){ .kind = "deploy",
		.project = json_str(a->project, "id", NULL),
		.environment = json_str(a->env, "id", NULL),
		.deployment = a->id },
	    err);

	if (job == NULL || (*row = deployment_get(st, a->id, err)) == NULL)
		return -1;
	return queue_notify(st, *row, "pending", err);
}

static int
add(struct state *st, const struct deployment_new *n, json_t **row,
    struct err *err)
{
	auto_adding struct adding a = { .new = n };
	const char *name = n->environment;

	a.trigger = trigger_of(n->trigger != NULL ? n->trigger : "cli", err);
	if (a.trigger == NULL ||
	    (a.project = project_row(st, n->project, err)) == NULL ||
	    (a.env = environment_get(st, n->project,
		 name != NULL ? name : "production", err)) == NULL)
		return -1;
	uuid7(a.id);
	if (check_open(&a, err) < 0 || check_scale(&a, err) < 0 ||
	    (a.trigger->again && check_again(st, &a, err) < 0) ||
	    find_of(st, &a, err) < 0 || check_source(&a, err) < 0 ||
	    change_environment(st, &a, err) < 0)
		return -1;
	a.settings = environment_settings(st, json_str(a.env, "id", ""), err);
	if (a.settings == NULL || take_number(st, &a, err) < 0 ||
	    insert(st, &a, err) < 0 || say_added(st, &a, err) < 0)
		return -1;
	return put_aside(st, &a, err) < 0 ? -1 : queue(st, &a, row, err);
}

json_t *
deployment_add(struct state *st, const struct deployment_new *n,
    struct err *err)
{
	json_t *row = NULL;

	if (db_begin(st->db, err) < 0)
		return NULL;
	if (db_end(st->db, add(st, n, &row, err), err) == 0)
		return row;
	json_decref(row);
	return NULL;
}
