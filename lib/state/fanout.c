#include "state/fanout.h"

#include <string.h>

#include "base/buf.h"
#include "base/json.h"
#include "state/deployment.h"
#include "state/environment.h"

struct fan {
	struct state *st;
	const json_t *delivery;
	json_t *result;
	const char *event, *branch, *commit; /* "" where there is none */
	int64_t number; /* of the pull request */
};

/* ---- what is told ---- */

static void
note(struct fan *f, const char *list, const json_t *target, json_t *more)
{
	json_t *row = json_pack("{s:O, s:O}", "project",
	    json_object_get(target, "project"), "environment",
	    json_object_get(target, "environment"));

	(void)json_object_update(row, more);
	json_decref(more);
	json_array_append_new(json_object_get(f->result, list), row);
}

static int
tell(struct fan *f, const json_t *target, const char *kind, const char *why,
    struct err *err)
{
	json_t *data = json_pack("{s:s, s:s, s:s, s:s}", "delivery",
	    json_str(f->delivery, "delivery", ""), "branch", f->branch,
	    "commit", f->commit, "environment",
	    json_str(target, "environment", ""));

	if (why != NULL)
		json_object_set_new(data, "why", json_text(why));
	return state_event(f->st,
	    &(struct event){ .kind = kind,
		.project = json_str(target, "project_id", NULL),
		.environment = json_str(target, "environment_id", NULL),
		.data = data },
	    err);
}

static int
skip(struct fan *f, const json_t *target, const char *why, struct err *err)
{
	note(f, "skipped", target, json_pack("{s:o}", "why", json_text(why)));
	return tell(f, target, "delivery.skipped", why, err);
}

/* ---- one deployment ---- */

static int
deploy(struct fan *f, const json_t *target, const char *branch, struct err *err)
{
	const char *paused = json_str(target, "paused", NULL);
	json_auto_t *row = NULL;

	if (paused != NULL) {
		auto_free char *why = mem_printf("paused: %s", paused);

		return skip(f, target, why, err);
	}
	if (json_bool(target, "stopped", false))
		return skip(f, target, "stopped", err);
	row = deployment_add(f->st,
	    &(struct deployment_new){
		.project = json_str(target, "project", ""),
		.environment = json_str(target, "environment", ""),
		.trigger = f->event,
		.branch = branch,
		.commit = *f->commit != '\0' ? f->commit : NULL,
		.message = json_str(f->delivery, "message", NULL),
		.author = json_str(f->delivery, "author", NULL),
		.pull_request = f->number },
	    err);
	if (row == NULL)
		return -1;
	note(f, "deployments", target,
	    json_pack("{s:O, s:O}", "id", json_object_get(row, "id"), "number",
		json_object_get(row, "number")));
	return 0;
}

/* ---- push and branch_deleted ---- */

#define TARGET                                                          \
	"SELECT p.slug AS project, e.name AS environment, e.id AS"      \
	" environment_id, p.id AS project_id, e.kind, e.paused,"        \
	" e.stopped AS \"stopped:bool\", e.removed_at FROM projects p"  \
	" JOIN environments e ON e.project = p.id WHERE p.repository =" \
	" :key AND p.removed_at IS NULL AND "

static int
push(struct fan *f, const char *key, struct err *err)
{
	json_auto_t *targets = db_list(f->st->db,
	    TARGET "e.branch = :branch AND e.removed_at IS NULL"
		   " AND e.kind <> 'preview' ORDER BY p.slug, e.name",
	    ARGS(ARG_TEXT("key", key), ARG_TEXT("branch", f->branch)), err);
	json_t *target;
	size_t i;

	if (targets == NULL)
		return -1;
	json_array_foreach(targets, i, target) {
		if (deploy(f, target, f->branch, err) < 0)
			return -1;
	}
	return 0;
}

static int
take_away(struct fan *f, const json_t *target, struct err *err)
{
	if (json_str(target, "removed_at", NULL) != NULL)
		return 0;
	note(f, "removed", target, json_object());
	return environment_remove(f->st, json_str(target, "project", ""),
		   json_str(target, "environment", ""), err) < 0
		   ? -1
		   : 0;
}

static int
branch_deleted(struct fan *f, const char *key, struct err *err)
{
	json_auto_t *targets = db_list(f->st->db,
	    TARGET "e.branch = :branch ORDER BY p.slug, e.name",
	    ARGS(ARG_TEXT("key", key), ARG_TEXT("branch", f->branch)), err);
	json_t *target;
	size_t i;

	if (targets == NULL)
		return -1;
	json_array_foreach(targets, i, target) {
		bool preview =
		    strcmp(json_str(target, "kind", ""), "preview") == 0;

		if (tell(f, target, "branch.deleted", NULL, err) < 0 ||
		    (preview && take_away(f, target, err) < 0))
			return -1;
	}
	return 0;
}

/* ---- pull requests ---- */

static json_t *
preview_of(struct fan *f, const json_t *project, struct err *err)
{
	return db_first(f->st->db,
	    "SELECT p.slug AS project, e.name AS environment, e.id AS"
	    " environment_id, p.id AS project_id, e.paused,"
	    " e.stopped AS \"stopped:bool\", e.removed_at FROM projects p"
	    " JOIN environments e ON e.project = p.id WHERE p.id = :id"
	    " AND e.kind = 'preview' AND e.pull_request = :number",
	    ARGS(ARG_TEXT("id", json_str(project, "project_id", "")),
		ARG_INT("number", f->number)),
	    err);
}

/* Opened again before its teardown was done: it stays. */
static int
revive(struct fan *f, const json_t *preview, struct err *err)
{
	struct db_arg id =
	    ARG_TEXT("id", json_str(preview, "environment_id", ""));

	if (json_str(preview, "removed_at", NULL) == NULL)
		return 0;
	return db_run(f->st->db,
		   "UPDATE environments SET removed_at = NULL, rev = rev + 1"
		   " WHERE id = :id",
		   ARGS(id), err) < 0 ||
		       db_run(f->st->db,
			   "UPDATE jobs SET status = 'cancelled' WHERE"
			   " environment = :id AND kind = 'teardown' AND"
			   " status = 'queued'",
			   ARGS(id), err) < 0
		   ? -1
		   : 0;
}

static int
open_preview(struct fan *f, const json_t *project, const char *name,
    struct err *err)
{
	const char *slug = json_str(project, "project", "");
	bool fork = json_bool(f->delivery, "pull_request.fork", false);
	auto_free char *ref =
	    mem_printf("refs/pull/%lld/head", (long long)f->number);
	const char *branch =
	    fork ? ref : json_str(f->delivery, "pull_request.head_branch", ref);
	json_auto_t *there = NULL;
	json_auto_t *made = NULL;

	if (!json_bool(project, "previews", false))
		return skip(f, project, "the project has no previews", err);
	if (fork && !json_bool(project, "preview_forks", false))
		return skip(f, project, "a fork's: the project takes none",
		    err);
	there = preview_of(f, project, err);
	if (there == NULL && err->status != 0)
		return -1;
	if (there != NULL)
		return revive(f, there, err) < 0
			   ? -1
			   : deploy(f, there, branch, err);
	made = environment_ensure(f->st, slug,
	    &(struct environment_new){ .name = name,
		.kind = "preview",
		.branch = branch,
		.pull_request = f->number },
	    err);
	if (made == NULL)
		return -1;
	there = preview_of(f, project, err);
	return there != NULL ? deploy(f, there, branch, err) : -1;
}

static int
close_preview(struct fan *f, const json_t *project, struct err *err)
{
	json_auto_t *there = preview_of(f, project, err);

	if (there == NULL)
		return err->status != 0 ? -1 : 0;
	return take_away(f, there, err);
}

static int
pull_request(struct fan *f, const char *key, struct err *err)
{
	const char *action = json_str(f->delivery, "pull_request.action", "");
	auto_free char *name = mem_printf("pr-%lld", (long long)f->number);
	json_auto_t *projects = db_list(f->st->db,
	    "SELECT slug AS project, id AS project_id,"
	    " :name AS environment, previews AS \"previews:bool\","
	    " preview_forks AS \"preview_forks:bool\" FROM projects"
	    " WHERE repository = :key AND removed_at IS NULL ORDER BY slug",
	    ARGS(ARG_TEXT("key", key), ARG_TEXT("name", name)), err);
	json_t *project;
	size_t i;

	if (projects == NULL)
		return -1;
	json_array_foreach(projects, i, project) {
		if ((strcmp(action, "closed") == 0
			    ? close_preview(f, project, err)
			    : open_preview(f, project, name, err)) < 0)
			return -1;
	}
	return 0;
}

/* ---- the whole ---- */

static const struct {
	const char *event;
	int (*run)(struct fan *, const char *key, struct err *);
} events[] = {
	{ "push", push },
	{ "pull_request", pull_request },
	{ "branch_deleted", branch_deleted },
};

static bool
seen_before(const json_t *keys, size_t n)
{
	const char *key = json_string_value(json_array_get(keys, n));

	for (size_t i = 0; i < n; i++)
		if (strcmp(json_string_value(json_array_get(keys, i)), key) ==
		    0)
			return true;
	return false;
}

static int
check(const struct fan *f, struct err *err)
{
	const json_t *keys = json_at(f->delivery, "repository.keys");
	bool pulls = strcmp(f->event, "pull_request") == 0;
	bool known = false;

	for (size_t i = 0; i < sizeof(events) / sizeof(*events); i++)
		known = known || strcmp(events[i].event, f->event) == 0;
	if (!known || !json_is_kind(keys, 'l') ||
	    *json_str(f->delivery, "delivery", "") == '\0' ||
	    (pulls ? f->number < 1 : *f->branch == '\0'))
		return err_set(err, EX_DATAERR, "bad-delivery",
		    "delivery %s: not one of rcn-hookd's",
		    json_str(f->delivery, "delivery", "?"));
	return 0;
}

static int
fan_out(struct fan *f, struct err *err)
{
	json_t *keys = json_at(f->delivery, "repository.keys"), *key;
	size_t i, k = 0;

	while (strcmp(events[k].event, f->event) != 0)
		k++;
	json_array_foreach(keys, i, key) {
		if (!seen_before(keys, i) &&
		    events[k].run(f, json_string_value(key), err) < 0)
			return -1;
	}
	return 0;
}

static int
keep(struct fan *f, const char *id, struct err *err)
{
	auto_buf struct buf text = { 0 };
	char now[CLOCK_TEXT];

	clock_now_text(now);
	json_write(&text, f->result, JSON_COMPACT);
	return db_run(f->st->db,
		   "INSERT INTO deliveries (id, result, created_at) VALUES"
		   " (:id, :result, :now)",
		   ARGS(ARG_TEXT("id", id), ARG_TEXT("result", text.data),
		       ARG_TEXT("now", now)),
		   err) < 0
		   ? -1
		   : 0;
}

/* 1 done, 0 it was before */
static int
once(struct fan *f, struct err *err)
{
	const char *id = json_str(f->delivery, "delivery", "");
	json_auto_t *old = db_first(f->st->db,
	    "SELECT result AS \"result:json\" FROM deliveries WHERE id = :id",
	    ARGS(ARG_TEXT("id", id)), err);

	if (old != NULL) {
		json_decref(f->result);
		f->result = json_incref(json_object_get(old, "result"));
		return 0;
	}
	if (err->status != 0)
		return -1;
	return fan_out(f, err) < 0 || keep(f, id, err) < 0 ? -1 : 1;
}

int
fanout(struct state *st, const json_t *delivery, json_t **result,
    struct err *err)
{
	struct fan f = { .st = st,
		.delivery = delivery,
		.event = json_str(delivery, "event", ""),
		.branch = json_str(delivery, "branch", ""),
		.commit = json_str(delivery, "commit", ""),
		.number = json_int(delivery, "pull_request.number", 0) };
	char *actor = st->actor;
	int done;

	if (check(&f, err) < 0 || db_begin(st->db, err) < 0)
		return -1;
	f.result = json_pack("{s:s, s:s, s:[], s:[], s:[]}", "delivery",
	    json_str(delivery, "delivery", ""), "event", f.event, "deployments",
	    "removed", "skipped");
	/* Who pushed has done it, not who takes it from the spool. */
	st->actor =
	    mem_printf("hook:%s:%s", json_str(delivery, "provider", "?"),
		json_str(delivery, "actor", "?"));
	done = once(&f, err);
	free(st->actor);
	st->actor = actor;
	if (db_end(st->db, done, err) == 0) {
		*result = f.result;
		return done;
	}
	json_decref(f.result);
	return -1;
}
