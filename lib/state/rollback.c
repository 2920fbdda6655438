/* Back to what was live: a deployment of its image, and pushes wait. */
#include <string.h>

#include "base/buf.h"
#include "base/json.h"
#include "state/deployment.h"
#include "state/environment.h"

/* The deployment that first had the image which is live. */
static json_t *
origin_of_live(struct state *st, const json_t *env, struct err *err)
{
	json_t *d = NULL;
	const char *id = json_str(env, "live", NULL);

	while (id != NULL) {
		json_auto_t *before = d;

		d = deployment_get(st, id, err);
		id = d != NULL &&
			     strcmp(json_str(d, "trigger", ""), "rollback") == 0
			 ? json_str(d, "of", NULL)
			 : NULL;
	}
	return d;
}

static json_t *
earlier(struct state *st, const json_t *env, struct err *err)
{
	json_auto_t *live = origin_of_live(st, env, err);
	json_auto_t *found = NULL;

	if (err->status != 0)
		return NULL;
	found = db_first(st->db,
	    "SELECT id FROM deployments WHERE environment = :environment"
	    " AND live_at IS NOT NULL AND number < :number"
	    " AND trigger <> 'rollback' AND image_ref IS NOT NULL"
	    " AND NOT (image_ref = :image AND env_version = :version)"
	    " ORDER BY number DESC LIMIT 1",
	    ARGS(ARG_TEXT("environment", json_str(env, "id", "")),
		ARG_INT("number", json_int(live, "number", INT64_MAX)),
		ARG_TEXT("image", json_str(live, "image_ref", "")),
		ARG_INT("version", json_int(live, "env_version", -1))),
	    err);
	if (found == NULL)
		return NULL;
	return deployment_get(st, json_str(found, "id", ""), err);
}

static json_t *
target_of(struct state *st, const json_t *env, const char *to, struct err *err)
{
	const char *project = json_str(env, "project", "");
	const char *name = json_str(env, "name", "");
	auto_free char *key = NULL;
	json_auto_t *d = NULL;

	if (to == NULL)
		d = earlier(st, env, err);
	else {
		key = strspn(to, "0123456789") == strlen(to)
			  ? mem_printf("%s:%s", project, to)
			  : mem_strdup(to);
		d = deployment_get(st, key, err);
	}
	if (d == NULL && err->status == 0)
		err_set(err, EX_NOINPUT, "not-found",
		    "project %s: %s: no earlier deployment was live", project,
		    name);
	if (d != NULL && json_str(d, "live_at", NULL) == NULL) {
		err_set(err, EX_DATAERR, "bad-deployment",
		    "rollback: %s #%lld never was live", project,
		    (long long)json_int(d, "number", 0));
		return NULL;
	}
	return ptr_steal(&d);
}

static int
roll_back(struct state *st, const char *project, const char *environment,
    const char *to, json_t **row, struct err *err)
{
	json_auto_t *env = environment_get(st, project, environment, err);
	json_auto_t *target = env != NULL ? target_of(st, env, to, err) : NULL;
	json_auto_t *patch = NULL;
	json_auto_t *paused = NULL;

	if (target == NULL)
		return -1;
	*row = deployment_add(st,
	    &(struct deployment_new){ .project = project,
		.environment = environment,
		.trigger = "rollback",
		.of = json_str(target, "id", NULL) },
	    err);
	if (*row == NULL)
		return -1;
	patch = json_pack("{s:o}", "paused",
	    json_sprintf("rolled back to #%lld",
		(long long)json_int(target, "number", 0)));
	paused = environment_set(st, project, environment, patch, err);
	return paused != NULL ? 0 : -1;
}

json_t *
deployment_rollback(struct state *st, const char *project,
    const char *environment, const char *to, struct err *err)
{
	json_t *row = NULL;

	if (environment == NULL)
		environment = "production";
	if (db_begin(st->db, err) < 0)
		return NULL;
	if (db_end(st->db, roll_back(st, project, environment, to, &row, err),
		err) == 0)
		return row;
	json_decref(row);
	return NULL;
}
