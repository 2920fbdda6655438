#include "work/repair.h"

#include <string.h>

#include "base/clock.h"
#include "base/conf.h"
#include "base/io.h"
#include "base/json.h"
#include "base/log.h"
#include "state/credential.h"
#include "state/deployment.h"
#include "state/environment.h"
#include "state/project.h"
#include "work/chore.h"
#include "work/knock.h"
#include "work/vault.h"

enum { KNOCK_MS = 30000, NAP_MS = 500, PAGE = 200, JOBS = 100000 };

struct repairs {
	const struct worker_settings *set;
	struct hold *hold;
	json_t *containers; /* {id: container}, ours */
	json_t *busy; /* {"SLUG.ENVIRONMENT": true}: a job runs there */
	int64_t settled; /* when what the engine starts by itself runs */
	bool again; /* one that a job is at lacks instances */
	struct err why; /* the first failure: the others go on */
};

static void
repairs_release(struct repairs *r)
{
	json_decref(r->containers);
	json_decref(r->busy);
}
#define auto_repairs AUTO(repairs_release)

/* ---- what there is ---- */

static int
list_containers(struct repairs *r, struct err *err)
{
	const char *ours = conf_installation(err);
	auto_free char *path = NULL;
	json_auto_t *list = NULL;
	json_t *c;
	size_t i;

	if (ours == NULL)
		return -1;
	path = mem_printf("/containers/json?all=1&filters="
			  "%%7B%%22label%%22%%3A%%5B%%22rcn.installation%%3D%s"
			  "%%22%%5D%%7D",
	    ours);
	list = knock_get(path, KNOCK_MS, err);
	if (list == NULL)
		return -1;
	json_decref(r->containers);
	r->containers = json_object();
	json_array_foreach(list, i, c) {
		json_object_set(r->containers, json_str(c, "Id", ""), c);
	}
	return 0;
}

static int
list_busy(struct repairs *r, struct err *err)
{
	json_auto_t *jobs = job_list(r->hold->st, JOBS, err);
	json_t *job;
	size_t i;

	if (jobs == NULL)
		return -1;
	r->busy = json_object();
	json_array_foreach(jobs, i, job) {
		auto_free char *key =
		    mem_printf("%s.%s", json_str(job, "project", ""),
			json_str(job, "environment", ""));
		bool runs =
		    strcmp(json_str(job, "status", ""), "running") == 0 ||
		    strcmp(json_str(job, "kind", ""), "deploy") != 0;

		if (runs)
			json_object_set_new(r->busy, key, json_true());
	}
	return 0;
}

static bool
has_container(const struct repairs *r, const char *slug, const char *name)
{
	const char *id;
	json_t *c;

	json_object_foreach(r->containers, id, c) {
		const json_t *labels = json_object_get(c, "Labels");
		const char *p =
		    json_string_value(json_object_get(labels, "rcn.project"));
		const char *e = json_string_value(json_object_get(labels,
		    "rcn.environment"));

		if (p != NULL && e != NULL && strcmp(p, slug) == 0 &&
		    strcmp(e, name) == 0)
			return true;
	}
	return false;
}

static bool
has_route(const char *slug, const char *name)
{
	auto_free char *path =
	    mem_printf("%s/routes/%s.%s.json", conf_state_dir(), slug, name);

	return access(path, F_OK) == 0;
}

/* ---- a live deployment ---- */

static bool
all_run(const struct repairs *r, const json_t *doc)
{
	const json_t *instances = json_at(doc, "service.instances");
	json_t *row, *c;
	size_t i;

	json_array_foreach(instances, i, row) {
		c = json_object_get(r->containers, json_str(row, "id", ""));
		if (strcmp(json_str(c, "State", ""), "running") != 0)
			return false;
	}
	return true;
}

/* Those that the engine starts by itself have a while to do so. */
static int
settle(struct repairs *r, const json_t *doc, bool *runs, struct err *err)
{
	while (!(*runs = all_run(r, doc)) && clock_ms() < r->settled) {
		if (clock_sleep_ms(NAP_MS, err) < 0 ||
		    list_containers(r, err) < 0)
			return -1;
		hold_beat(r->hold);
	}
	return 0;
}

/* The job that is at it brings other instances, or does not. */
static int
check_busy(struct repairs *r, const json_t *env, struct err *err)
{
	const char *live = json_str(env, "live", NULL);
	json_auto_t *doc = NULL;

	if (live == NULL)
		return 0;
	doc = deployment_document(r->hold->st, live, err);
	if (doc == NULL)
		return err->status != 0 ? -1 : 0;
	r->again |= !all_run(r, doc);
	return 0;
}

static bool
is_starting(struct repairs *r, const char *slug, const char *name)
{
	struct err err = { 0 };
	json_auto_t *list =
	    deployment_list(r->hold->st, slug, name, 0, 10, &err);
	json_t *row;
	size_t i;

	json_array_foreach(list, i, row) {
		const char *state = json_str(row, "state", "");

		if (strcmp(json_str(row, "trigger", ""), "start") == 0 &&
		    (strcmp(state, "pending") == 0 ||
			strcmp(state, "deploying") == 0))
			return true;
	}
	return false;
}

static int
check_live(struct repairs *r, const char *slug, const char *name,
    const char *live, struct err *err)
{
	struct deployment_new d = {
		.project = slug, .environment = name, .trigger = "start"
	};
	json_auto_t *doc = deployment_document(r->hold->st, live, err);
	json_auto_t *row = NULL;
	bool runs;

	if (doc == NULL)
		return err->status != 0 ? -1 : 0;
	if (settle(r, doc, &runs, err) < 0)
		return -1;
	if (runs || is_starting(r, slug, name))
		return 0;
	log_note("%s.%s: not all of its instances run: started again", slug,
	    name);
	row = deployment_add(r->hold->st, &d, err);
	return row != NULL ? 0 : -1;
}

/* ---- all ---- */

/* A stop or removal whose job has failed is asked for again: 1 it was. */
static int
ask_again(struct repairs *r, const char *slug, const char *name,
    struct err *err)
{
	json_auto_t *env = environment_get(r->hold->st, slug, name, err);
	json_auto_t *job = NULL;

	if (env == NULL)
		return -1;
	if (json_str(env, "removed_at", NULL) != NULL)
		return environment_remove(r->hold->st, slug, name, err) < 0 ? -1
									    : 1;
	if (!json_bool(env, "stopped", false) ||
	    json_str(env, "live", NULL) == NULL)
		return 0;
	job = job_add(r->hold->st,
	    &(struct job_new){ .kind = "stop",
		.project = json_str(env, "project_id", NULL),
		.environment = json_str(env, "id", NULL) },
	    err);
	return job != NULL ? 1 : -1;
}

static int
repair_one(struct repairs *r, const char *slug, const json_t *env,
    struct err *err)
{
	const char *name = json_str(env, "name", "");
	const char *live = json_str(env, "live", NULL);
	auto_free char *key = mem_printf("%s.%s", slug, name);
	int asked;

	if (json_object_get(r->busy, key) != NULL)
		return check_busy(r, env, err);
	asked = ask_again(r, slug, name, err);
	if (asked != 0)
		return asked < 0 ? -1 : 0;
	if ((has_container(r, slug, name) || has_route(slug, name)) &&
	    chore_retire(r->set, r->hold, slug, name, err) < 0)
		return -1;
	if (live == NULL)
		return 0;
	return check_live(r, slug, name, live, err);
}

/* One that cannot be repaired does not hold up the others. */
static int
repair_project(struct repairs *r, const json_t *project, struct err *err)
{
	const json_t *envs = json_object_get(project, "environments");
	json_t *env;
	size_t i;

	json_array_foreach(envs, i, env) {
		struct err why = { 0 };

		if (repair_one(r, json_str(project, "slug", ""), env, &why) ==
		    0)
			continue;
		if (r->hold->lost || strcmp(why.code, "cancelled") == 0) {
			*err = why;
			return -1;
		}
		log_warn("%s", why.msg);
		if (r->why.status == 0)
			r->why = why;
	}
	return 0;
}

static int
repair_all(struct repairs *r, struct err *err)
{
	auto_free char *after = NULL;

	for (;;) {
		json_auto_t *page = project_list(r->hold->st, after, PAGE, err);
		json_t *project;
		size_t i;

		if (page == NULL)
			return -1;
		json_array_foreach(page, i, project) {
			if (repair_project(r, project, err) < 0)
				return -1;
			free(after);
			after = mem_strdup(json_str(project, "slug", ""));
		}
		if (json_array_size(page) < PAGE)
			return 0;
	}
}

int
repair(const struct worker_settings *set, struct hold *h, struct err *err)
{
	char name[] = "rcn-route", quiet[] = "-q", sync[] = "--sync";
	char *const argv[] = { name, quiet, sync, NULL };
	auto_repairs struct repairs r = {
		.set = set, .hold = h, .settled = clock_ms() + set->settle_ms
	};

	if (vault_sweep(h->st, err) < 0 || hook_publish(h->st, err) < 0)
		return -1;
	if (chore_program(set, h, argv, NULL, &r.why) < 0 &&
	    (h->lost || strcmp(r.why.code, "cancelled") == 0)) {
		*err = r.why;
		return -1;
	}
	if (list_containers(&r, err) < 0 || list_busy(&r, err) < 0 ||
	    repair_all(&r, err) < 0)
		return -1;
	if (r.why.status != 0) {
		*err = r.why;
		return -1;
	}
	if (!r.again)
		return 0;
	return err_set(err, EX_TEMPFAIL, "environment-busy",
	    "instances are missing where a deployment is at work");
}
