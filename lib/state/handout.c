/* What a claimed deployment is given: its document. */
#include <string.h>

#include "base/json.h"
#include "document/document.h"
#include "state/deployment.h"
#include "state/env.h"
#include "state/environment.h"
#include "state/queue.h"

static bool
is(const json_t *row, const char *trigger)
{
	return strcmp(json_str(row, "trigger", ""), trigger) == 0;
}

bool
queue_without_build(const json_t *row)
{
	static const char *const triggers[] = { "rollback", "image", "scale",
		"restart", "start" };

	if (json_str(row, "image_ref", NULL) == NULL)
		return false;
	if (is(row, "env"))
		return !json_bool(row, "build_changed", false);
	for (size_t i = 0; i < sizeof(triggers) / sizeof(*triggers); i++)
		if (is(row, triggers[i]))
			return true;
	return false;
}

/*
 * The source of those that run again what is live
 */

static json_t *
to_run_again(struct state *st, const json_t *row, struct err *err)
{
	struct db_arg id = ARG_TEXT("id", json_str(row, "environment_id", ""));
	json_auto_t *found = db_first(st->db,
	    "SELECT id FROM deployments WHERE environment = :id"
	    " AND state = 'live'",
	    ARGS(id), err);

	if (found == NULL && err->status == 0)
		found = db_first(st->db,
		    "SELECT id FROM deployments WHERE environment = :id"
		    " AND state = 'stopped' AND live_at IS NOT NULL"
		    " ORDER BY number DESC LIMIT 1",
		    ARGS(id), err);
	return found != NULL
		   ? deployment_get(st, json_str(found, "id", ""), err)
		   : NULL;
}

/* Was a variable of the build changed between what is live and this? */
static int
build_changed(struct state *st, const json_t *row, const json_t *of,
    struct err *err)
{
	if (!is(row, "env") || json_str(of, "commit", NULL) == NULL)
		return 0;
	return env_build_differs(st, json_str(row, "environment_id", ""),
	    json_int(of, "env_version", 0), json_int(row, "env_version", 0),
	    err);
}

static int
copy_source(struct state *st, json_t *row, const json_t *of, struct err *err)
{
	const char *id = json_str(row, "id", "");
	int changed = build_changed(st, row, of, err);
	json_t *now;

	if (changed < 0 ||
	    db_run(st->db,
		"UPDATE deployments SET of = :of, branch = :branch,"
		" commit_id = :commit, message = :message, author = :author,"
		" image_ref = :image, image_digest = :digest,"
		" env_version = :version, build_changed = :changed,"
		" rev = rev + 1 WHERE id = :id",
		ARGS(ARG_TEXT("of", json_str(of, "id", "")),
		    ARG_TEXT("branch", json_str(of, "branch", NULL)),
		    ARG_TEXT("commit", json_str(of, "commit", NULL)),
		    ARG_TEXT("message", json_str(of, "message", NULL)),
		    ARG_TEXT("author", json_str(of, "author", NULL)),
		    ARG_TEXT("image",
			changed ? NULL : json_str(of, "image_ref", NULL)),
		    ARG_TEXT("digest",
			changed ? NULL : json_str(of, "image_digest", NULL)),
		    ARG_INT("version",
			json_int(is(row, "env") ? row : of, "env_version", 0)),
		    ARG_INT("changed", changed), ARG_TEXT("id", id)),
		err) < 0 ||
	    (now = deployment_get(st, id, err)) == NULL)
		return -1;
	json_object_clear(row);
	json_object_update(row, now);
	json_decref(now);
	return 1;
}

int
queue_take_source(struct state *st, json_t *row, struct err *err)
{
	json_auto_t *of = NULL;

	if (!is(row, "env") && !is(row, "scale") && !is(row, "restart") &&
	    !is(row, "start"))
		return 1;
	of = to_run_again(st, row, err);
	if (of != NULL)
		return copy_source(st, row, of, err);
	if (err->status != 0)
		return -1;
	return deployment_move(st, row, "cancelled",
	    "nothing is live that could be run again", NULL, err);
}

/*
 * The document
 */

static void
copy(json_t *to, const char *name, const json_t *from, const char *member)
{
	json_t *v = json_object_get(from, member);

	if (v != NULL)
		json_object_set(to, name, v);
}

static int
set_deployment(struct state *st, json_t *doc, const json_t *row,
    struct err *err)
{
	static const char *const same[] = { "id", "number", "environment",
		"trigger", "attempt", "build_changed", "branch", "commit",
		"actor", "pull_request" };
	json_t *d = json_object();
	json_auto_t *env = NULL;

	json_object_set_new(doc, "deployment", d);
	for (size_t i = 0; i < sizeof(same) / sizeof(*same); i++)
		copy(d, same[i], row, same[i]);
	json_object_set_new(d, "env_version",
	    json_sprintf("%lld", (long long)json_int(row, "env_version", 0)));
	env = db_first(st->db,
	    "SELECT e.restart, l.commit_id AS base FROM environments e"
	    " LEFT JOIN deployments l ON l.id = e.live WHERE e.id = :id",
	    ARGS(ARG_TEXT("id", json_str(row, "environment_id", ""))), err);
	if (env == NULL)
		return -1;
	copy(d, "restart", env, "restart");
	if (is(row, "push") || is(row, "pull_request"))
		copy(d, "base", env, "base");
	return 0;
}

/* As it was asked for, but for the hosts: those are today's. */
static int
set_project(struct state *st, json_t *doc, const json_t *row, struct err *err)
{
	json_auto_t *settings = db_first(st->db,
	    "SELECT settings AS \"settings:json\" FROM deployments"
	    " WHERE id = :id",
	    ARGS(ARG_TEXT("id", json_str(row, "id", ""))), err);
	json_auto_t *today = NULL;
	json_t *project = json_object_get(settings, "settings");

	if (settings == NULL)
		return -1;
	today =
	    environment_settings(st, json_str(row, "environment_id", ""), err);
	if (today == NULL)
		return -1;
	json_object_del(project, "hosts");
	copy(project, "hosts", today, "hosts");
	json_object_set(doc, "project", project);
	return 0;
}

/* What an earlier run of it has done, or the one whose image it takes. */
static int
set_sections(struct state *st, json_t *doc, const json_t *row, struct err *err)
{
	static const char *const made[] = { "source", "plan", "dockerfile",
		"image", "push", "service", "route" };
	const char *of = json_str(row, "of", NULL);
	json_auto_t *saved =
	    deployment_document(st, json_str(row, "id", ""), err);
	size_t n = 7;

	if (saved == NULL && err->status == 0 && of != NULL &&
	    (queue_without_build(row) ||
		json_bool(row, "build_changed", false))) {
		n = queue_without_build(row) ? 5 : 1;
		saved = deployment_document(st, of, err);
	}
	if (err->status != 0)
		return -1;
	for (size_t i = 0; i < n; i++)
		copy(doc, made[i], saved, made[i]);
	if (queue_without_build(row) &&
	    json_str(doc, "image.ref", json_str(doc, "push.ref", NULL)) == NULL)
		json_object_set_new(doc, "image",
		    json_pack("{s:s}", "ref", json_str(row, "image_ref", "")));
	return 0;
}

json_t *
queue_document(struct state *st, const json_t *row, struct err *err)
{
	json_auto_t *doc =
	    json_pack("{s:{s:i}}", "rcn", "version", DOC_VERSION);

	if (set_project(st, doc, row, err) < 0 ||
	    set_deployment(st, doc, row, err) < 0 ||
	    set_sections(st, doc, row, err) < 0)
		return NULL;
	return ptr_steal(&doc);
}

/*
 * What the world is told: the document of a deployment in a state that it
 * may have left since.
 */
json_t *
queue_news(struct state *st, const json_t *job, struct err *err)
{
	const char *state = json_str(job, "payload.state", "");
	json_auto_t *d =
	    deployment_get(st, json_str(job, "deployment", ""), err);
	json_auto_t *doc = d != NULL ? queue_document(st, d, err) : NULL;
	json_t *error = json_object_get(d, "error");

	if (doc == NULL)
		return NULL;
	if (strcmp(state, "live") != 0)
		json_object_del(doc, "route");
	if (strcmp(state, "pending") == 0 || strcmp(state, "live") == 0)
		return ptr_steal(&doc);
	if (strcmp(state, "failed") == 0 && error != NULL)
		json_object_set(doc, "error", error);
	else
		json_object_set_new(doc, "error",
		    json_pack("{s:s, s:i, s:s, s:o, s:b}", "stage", "rcn-state",
			"status", EX_TEMPFAIL, "code", state, "message",
			json_text(json_str(d, "reason", state)), "retryable",
			0));
	return ptr_steal(&doc);
}
