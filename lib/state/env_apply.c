/* A change of variables, and the deployments that bring it to life. */
#include <string.h>

#include "base/json.h"
#include "state/deployment.h"
#include "state/env.h"
#include "state/environment.h"

/* Serves, and is not to end; what is stopped gets it at its start. */
static bool
is_up(const json_t *environment)
{
	return json_str(environment, "live", NULL) != NULL &&
	       json_str(environment, "removed_at", NULL) == NULL &&
	       !json_bool(environment, "stopped", false);
}

/* 1 it gets something else, 0 not, -1. */
static int
concerns(struct state *st, const json_t *environment, int64_t version,
    struct err *err)
{
	json_auto_t *diff = env_diff(st, json_str(environment, "id", ""),
	    version - 1, version, err);

	return diff == NULL ? -1 : json_array_size(diff) > 0;
}

static int
deploy(struct state *st, const char *project, int64_t version, json_t *list,
    struct err *err)
{
	json_auto_t *all = environment_list(st, project, err);
	json_t *one, *row;
	size_t i;
	int yes;

	if (all == NULL)
		return -1;
	json_array_foreach(all, i, one) {
		if (!is_up(one))
			continue;
		if ((yes = concerns(st, one, version, err)) < 0)
			return -1;
		if (yes == 0)
			continue;
		row = deployment_add(st,
		    &(struct deployment_new){ .project = project,
			.environment = json_str(one, "name", NULL),
			.trigger = "env" },
		    err);
		if (row == NULL)
			return -1;
		json_array_append_new(list, row);
	}
	return 0;
}

static int
apply(struct state *st, const char *project, const struct env_set *s, size_t n,
    json_t **done, struct err *err)
{
	json_t *list = json_array();

	*done = env_change(st, project, s, n, err);
	json_object_set_new(*done, "deployments", list);
	if (*done == NULL)
		return -1;
	if (json_array_size(json_object_get(*done, "changed")) == 0)
		return 0;
	return deploy(st, project, json_int(*done, "version", 0), list, err);
}

json_t *
env_apply(struct state *st, const char *project, const struct env_set *s,
    size_t n, struct err *err)
{
	json_t *done = NULL;

	if (db_begin(st->db, err) == 0 &&
	    db_end(st->db, apply(st, project, s, n, &done, err), err) == 0)
		return done;
	json_decref(done);
	return NULL;
}
