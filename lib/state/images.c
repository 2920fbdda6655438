#include "state/images.h"

#include <string.h>

#include "base/json.h"

/* Deployments looked at for an environment: restarts share their image. */
enum { LOOK_AT = 200 };

static bool
add(json_t *list, const json_t *ref)
{
	const json_t *known;
	size_t i;

	json_array_foreach(list, i, known)
		if (json_equal(known, ref))
			return false;
	json_array_append(list, (json_t *)(uintptr_t)ref);
	return true;
}

json_t *
environment_images(struct state *st, const char *id, int64_t count,
    struct err *err)
{
	json_auto_t *own = json_array();
	json_auto_t *once = db_list(st->db,
	    "SELECT image_ref AS ref FROM deployments"
	    " WHERE environment = :id AND live_at IS NOT NULL"
	    " AND image_ref IS NOT NULL ORDER BY number DESC LIMIT :limit",
	    ARGS(ARG_TEXT("id", id), ARG_INT("limit", LOOK_AT)), err);
	json_auto_t *next =
	    once == NULL
		? NULL
		: db_list(st->db,
		      "SELECT image_ref AS ref FROM deployments"
		      " WHERE environment = :id AND state IN ('pending',"
		      " 'building', 'deploying', 'live') AND image_ref IS NOT"
		      " NULL",
		      ARGS(ARG_TEXT("id", id)), err);
	const json_t *row;
	size_t i;

	if (next == NULL)
		return NULL;
	json_array_foreach(once, i, row)
		if ((int64_t)json_array_size(own) <= count)
			add(own, json_object_get(row, "ref"));
	json_array_foreach(next, i, row)
		add(own, json_object_get(row, "ref"));
	return ptr_steal(&own);
}

static int
of_environment(struct state *st, const char *id, int64_t count, json_t *wanted,
    struct err *err)
{
	json_auto_t *own = environment_images(st, id, count, err);
	const json_t *ref;
	size_t i;

	if (own == NULL)
		return -1;
	json_array_foreach(own, i, ref)
		add(wanted, ref);
	return 0;
}

json_t *
state_images(struct state *st, int64_t count, struct err *err)
{
	json_auto_t *known = json_array();
	json_auto_t *wanted = json_array();
	json_auto_t *projects =
	    db_list(st->db, "SELECT slug FROM projects", NO_ARGS, err);
	json_auto_t *environments =
	    projects == NULL
		? NULL
		: db_list(st->db, "SELECT id FROM environments", NO_ARGS, err);
	const json_t *row;
	size_t i;

	if (environments == NULL)
		return NULL;
	json_array_foreach(projects, i, row)
		json_array_append(known, json_object_get(row, "slug"));
	json_array_foreach(environments, i, row)
		if (of_environment(st, json_str(row, "id", ""), count, wanted,
			err) < 0)
			return NULL;
	return json_pack("{s:O, s:O}", "known", known, "wanted", wanted);
}
