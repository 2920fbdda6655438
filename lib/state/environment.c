#include "state/environment.h"

#include <string.h>

#include "base/crypto.h"
#include "base/json.h"
#include "base/text.h"
#include "state/job.h"
#include "state/project.h"

#define ROW                                                                  \
	"SELECT e.id, p.slug AS project, e.project AS project_id, e.name,"   \
	" e.kind, e.branch, e.pull_request, e.live,"                         \
	" d.number AS live_number, e.paused, e.stopped AS \"stopped:bool\"," \
	" e.restart, e.scale AS \"scale:json\", e.created_at,"               \
	" e.updated_at, e.removed_at, e.rev"                                 \
	" FROM environments e JOIN projects p ON p.id = e.project"           \
	" LEFT JOIN deployments d ON d.id = e.live"

/* ---- reading ---- */

static json_t *
with_hosts(struct state *st, json_t *row, struct err *err)
{
	auto_rows struct db_rows *r = NULL;
	json_auto_t *env = row;
	json_t *hosts = json_array();
	int more;

	json_object_set_new(env, "hosts", hosts);
	if (db_query(st->db, &r,
		"SELECT host FROM domains WHERE environment = :id"
		" ORDER BY host",
		ARGS(ARG_TEXT("id", json_str(env, "id", ""))), err) < 0)
		return NULL;
	while ((more = db_next(r, err)) > 0)
		json_array_append_new(hosts, json_text(db_text(r, 0)));
	return more < 0 ? NULL : ptr_steal(&env);
}

/* The row where it was found; NULL and err where it was not. */
static json_t *
found(struct state *st, json_t *row, const char *project, const char *name,
    struct err *err)
{
	if (row != NULL)
		return with_hosts(st, row, err);
	if (err->status == 0)
		err_set(err, EX_NOINPUT, "not-found",
		    "project %s: environment %s: not there", project, name);
	return NULL;
}

json_t *
environment_get(struct state *st, const char *project, const char *name,
    struct err *err)
{
	json_t *row = db_first(st->db,
	    ROW " WHERE p.slug = :project AND e.name = :name",
	    ARGS(ARG_TEXT("project", project), ARG_TEXT("name", name)), err);

	return found(st, row, project, name, err);
}

json_t *
environment_by_id(struct state *st, const char *id, struct err *err)
{
	json_t *row = db_first(st->db, ROW " WHERE e.id = :id",
	    ARGS(ARG_TEXT("id", id)), err);

	return found(st, row, "?", id, err);
}

json_t *
environment_list(struct state *st, const char *project, struct err *err)
{
	json_auto_t *owner = project_row(st, project, err);
	json_auto_t *list = NULL;
	json_t *row;
	size_t i;

	if (owner == NULL)
		return NULL;
	list = db_list(st->db, ROW " WHERE e.project = :id ORDER BY e.id",
	    ARGS(ARG_TEXT("id", json_str(owner, "id", ""))), err);
	json_array_foreach(list, i, row) {
		if (with_hosts(st, json_incref(row), err) == NULL)
			return NULL;
		json_decref(row);
	}
	return ptr_steal(&list);
}

/* ---- new ones ---- */

/* "pr-12": a stranger's code runs there, with what previews may know. */
static bool
is_preview_name(const char *name)
{
	return text_starts(name, "pr-") && name[3] != '\0' &&
	       strspn(name + 3, "0123456789") == strlen(name + 3);
}

static int
check(const struct environment_new *new, struct err *err)
{
	bool preview = new->kind != NULL &&strcmp(new->kind, "preview") == 0;

	if (!text_is_slug(new->name))
		return err_set(err, EX_USAGE, "bad-slug",
		    "%s: not a name: lower case letters, digits and hyphens, "
		    "40 at most",
		    new->name);
	if (strcmp(new->name, "all") == 0 || strcmp(new->name, "preview") == 0)
		return err_set(err, EX_DATAERR, "bad-environment",
		    "%s: a scope of variables has this name", new->name);
	if (is_preview_name(new->name) && !preview)
		return err_set(err, EX_DATAERR, "bad-environment",
		    "%s: a pull request's name", new->name);
	return 0;
}

static int
insert(struct state *st, const json_t *project,
    const struct environment_new *new, struct err *err)
{
	const char *kind = new->kind != NULL ? new->kind : "production";
	const char *owner = json_str(project, "id", "");
	char now[CLOCK_TEXT], id[UUID_TEXT];
	struct db_arg number = ARG_INT("number", new->pull_request);

	if (new->pull_request == 0)
		number = ARG_NULL("number");
	clock_now_text(now);
	uuid7(id);
	if (db_run(st->db,
		"INSERT INTO environments (id, project, name, kind, branch,"
		" pull_request, created_at, updated_at) VALUES (:id, :project,"
		" :name, :kind, :branch, :number, :now, :now)",
		ARGS(ARG_TEXT("id", id), ARG_TEXT("project", owner),
		    ARG_TEXT("name", new->name), ARG_TEXT("kind", kind),
		    ARG_TEXT("branch", new->branch), number,
		    ARG_TEXT("now", now)),
		err) < 0)
		return -1;
	return state_event(st,
	    &(struct event){ .kind = "environment.created",
		.team = json_str(project, "team_id", NULL),
		.project = owner,
		.environment = id,
		.data = json_pack("{s:s, s:s, s:s*}", "name", new->name, "kind",
		    kind, "branch", new->branch) },
	    err);
}

static int
add(struct state *st, const char *slug, const struct environment_new *new,
    bool ensure, struct err *err)
{
	json_auto_t *project = project_row(st, slug, err);
	struct err none = { 0 };
	json_auto_t *there = NULL;

	if (project == NULL)
		return -1;
	if (json_str(project, "removed_at", NULL) != NULL)
		return err_set(err, EX_DATAERR, "bad-environment",
		    "project %s: is being removed", slug);
	there = environment_get(st, slug, new->name, &none);
	if (there == NULL && strcmp(none.code, "not-found") != 0) {
		*err = none;
		return -1;
	}
	if (there == NULL)
		return insert(st, project, new, err);
	if (json_str(there, "removed_at", NULL) != NULL)
		return err_set(err, EX_TEMPFAIL, "environment-ending",
		    "project %s: environment %s: is being removed", slug,
		    new->name);
	if (!ensure)
		return err_set(err, EX_DATAERR, "exists",
		    "project %s: environment %s: exists", slug, new->name);
	return 0;
}

static json_t *
add_or_find(struct state *st, const char *project,
    const struct environment_new *new, bool ensure, struct err *err)
{
	if (check(new, err) < 0 || db_begin(st->db, err) < 0 ||
	    db_end(st->db, add(st, project, new, ensure, err), err) < 0)
		return NULL;
	return environment_get(st, project, new->name, err);
}

json_t *
environment_add(struct state *st, const char *project,
    const struct environment_new *new, struct err *err)
{
	return add_or_find(st, project, new, false, err);
}

json_t *
environment_ensure(struct state *st, const char *project,
    const struct environment_new *new, struct err *err)
{
	return add_or_find(st, project, new, true, err);
}

/* ---- changes ---- */

static int
check_patch(const char *name, const json_t *patch, struct err *err)
{
	static const struct {
		const char *name;
		char kind;
	} members[] = { { "branch", 's' }, { "paused", 's' },
		{ "stopped", 'b' }, { "restart", 's' }, { "scale", 'o' } };
	const char *key;
	json_t *v, *n;
	size_t i;

	json_object_foreach((json_t *)(uintptr_t)patch, key, v) {
		for (i = 0; i < sizeof(members) / sizeof(*members); i++)
			if (strcmp(key, members[i].name) == 0)
				break;
		if (i == sizeof(members) / sizeof(*members))
			return err_set(err, EX_DATAERR, "bad-environment",
			    "environment %s: %s: cannot be set", name, key);
		if (!json_is_null(v) && !json_is_kind(v, members[i].kind))
			return err_set(err, EX_DATAERR, "bad-environment",
			    "environment %s: %s: not %s", name, key,
			    json_kind_text(members[i].kind));
	}
	json_object_foreach(json_object_get(patch, "scale"), key, n)
		if (!json_is_null(n) &&
		    (!json_is_integer(n) || json_integer_value(n) < 0 ||
			json_integer_value(n) > 100))
			return err_set(err, EX_DATAERR, "bad-environment",
			    "environment %s: scale.%s: not a number from 0 to "
			    "100",
			    name, key);
	return 0;
}

/* What a reader of the feed looks for has a name of its own. */
static const char *
kind_of(const json_t *patch)
{
	json_t *paused = json_object_get(patch, "paused");

	if (paused == NULL || json_object_size(patch) > 1)
		return "environment.changed";
	return json_is_null(paused) ? "environment.resumed"
				    : "environment.paused";
}

static int
set(struct state *st, const char *project, const char *name,
    const json_t *patch, struct err *err)
{
	json_auto_t *row = environment_get(st, project, name, err);
	auto_buf struct buf scale = { 0 };
	const char *id;
	char now[CLOCK_TEXT];

	if (row == NULL)
		return -1;
	id = json_str(row, "id", "");
	json_merge(row, patch);
	json_write(&scale, json_object_get(row, "scale"),
	    JSON_COMPACT | JSON_SORT_KEYS | JSON_ENCODE_ANY);
	clock_now_text(now);
	if (db_run(st->db,
		"UPDATE environments SET branch = :branch, paused = :paused,"
		" stopped = :stopped, restart = :restart, scale = :scale,"
		" updated_at = :now, rev = rev + 1 WHERE id = :id",
		ARGS(ARG_TEXT("branch", json_str(row, "branch", NULL)),
		    ARG_TEXT("paused", json_str(row, "paused", NULL)),
		    ARG_INT("stopped", json_bool(row, "stopped", false)),
		    ARG_TEXT("restart", json_str(row, "restart", NULL)),
		    ARG_TEXT("scale", scale.len > 0 ? scale.data : "{}"),
		    ARG_TEXT("now", now), ARG_TEXT("id", id)),
		err) < 0)
		return -1;
	return state_event(st,
	    &(struct event){ .kind = kind_of(patch),
		.project = json_str(row, "project_id", NULL),
		.environment = id,
		.data = json_deep_copy(patch) },
	    err);
}

json_t *
environment_set(struct state *st, const char *project, const char *name,
    const json_t *patch, struct err *err)
{
	if (check_patch(name, patch, err) < 0 || db_begin(st->db, err) < 0 ||
	    db_end(st->db, set(st, project, name, patch, err), err) < 0)
		return NULL;
	return environment_get(st, project, name, err);
}

/* ---- removal ---- */

static int
forget(struct state *st, const char *id, struct err *err)
{
	json_auto_t *env = environment_by_id(st, id, err);
	const char *project;

	if (env == NULL)
		return -1;
	project = json_str(env, "project_id", "");
	if (state_event(st,
		&(struct event){ .kind = "environment.gone",
		    .project = project,
		    .environment = id,
		    .data =
			json_pack("{s:s}", "name", json_str(env, "name", "")) },
		err) < 0 ||
	    db_run(st->db, "DELETE FROM environments WHERE id = :id",
		ARGS(ARG_TEXT("id", id)), err) < 0)
		return -1;
	return db_run(st->db,
	    "DELETE FROM projects WHERE id = :id AND removed_at IS NOT NULL"
	    " AND NOT EXISTS (SELECT 1 FROM environments e"
	    "  WHERE e.project = :id)",
	    ARGS(ARG_TEXT("id", project)), err);
}

int
environment_forget(struct state *st, const char *id, struct err *err)
{
	if (db_begin(st->db, err) < 0)
		return -1;
	return db_end(st->db, forget(st, id, err), err);
}

static int
teardown(struct state *st, const json_t *env, struct err *err)
{
	char now[CLOCK_TEXT];
	const char *id = json_str(env, "id", "");
	json_auto_t *job = NULL;

	clock_now_text(now);
	if (db_run(st->db,
		"UPDATE environments SET removed_at = :now, updated_at = :now,"
		" rev = rev + 1 WHERE id = :id",
		ARGS(ARG_TEXT("now", now), ARG_TEXT("id", id)), err) < 0)
		return -1;
	job = job_add(st,
	    &(struct job_new){ .kind = "teardown",
		.project = json_str(env, "project_id", NULL),
		.environment = id },
	    err);
	if (job == NULL)
		return -1;
	return state_event(st,
	    &(struct event){ .kind = "environment.removed",
		.project = json_str(env, "project_id", NULL),
		.environment = id,
		.data = json_pack("{s:s}", "name", json_str(env, "name", "")) },
	    err);
}

static int
take_away(struct state *st, const char *project, const char *name, int *queued,
    struct err *err)
{
	json_auto_t *env = environment_get(st, project, name, err);
	json_auto_t *owner = NULL;
	const char *id = json_str(env, "id", "");
	int64_t deployed, open;

	if (env == NULL || (owner = project_row(st, project, err)) == NULL)
		return -1;
	if (strcmp(name, "production") == 0 &&
	    json_str(owner, "removed_at", NULL) == NULL)
		return err_set(err, EX_DATAERR, "bad-environment",
		    "project %s: production goes with its project", project);
	if (db_number(st->db,
		"SELECT EXISTS (SELECT 1 FROM deployments"
		" WHERE environment = :id LIMIT 1)",
		ARGS(ARG_TEXT("id", id)), &deployed, err) < 0)
		return -1;
	*queued = deployed != 0;
	if (deployed == 0)
		return environment_forget(st, id, err);
	/* One that failed is not the last.  seq: for the index of what is
	 * open, not that of all there ever was. */
	if (db_number(st->db,
		"SELECT EXISTS (SELECT 1 FROM jobs WHERE environment = :id"
		" AND seq > 0 AND kind = 'teardown'"
		" AND status IN ('queued', 'running'))",
		ARGS(ARG_TEXT("id", id)), &open, err) < 0)
		return -1;
	return open != 0 ? 0 : teardown(st, env, err);
}

int
environment_remove(struct state *st, const char *project, const char *name,
    struct err *err)
{
	int queued = 0;

	if (db_begin(st->db, err) < 0 ||
	    db_end(st->db, take_away(st, project, name, &queued, err), err) < 0)
		return -1;
	return queued;
}

/* ---- what a deployment made now runs with ---- */

static json_t *
hosts_of(const json_t *env, const json_t *project)
{
	json_t *own = json_object_get(env, "hosts"), *made;
	const char *pattern = json_str(project, "preview_host", NULL);
	int64_t number = json_int(env, "pull_request", 0);
	auto_buf struct buf host = { 0 };
	size_t star;

	if (json_array_size(own) > 0 || pattern == NULL || number == 0)
		return json_incref(own);
	star = strcspn(pattern, "*");
	buf_addf(&host, "%.*s%lld%s", (int)star, pattern, (long long)number,
	    pattern[star] != '\0' ? pattern + star + 1 : "");
	made = json_array();
	json_array_append_new(made, json_text(host.data));
	return made;
}

static void
set_scale(json_t *settings, const json_t *env)
{
	json_t *scale = json_object_get(env, "scale"), *n;
	const char *name;

	json_object_foreach(scale, name, n) {
		json_auto_t *patch =
		    json_pack("{s:{s:{s:O}}}", "processes", name, "scale", n);

		json_merge(settings, patch);
	}
}

json_t *
environment_settings(struct state *st, const char *id, struct err *err)
{
	json_auto_t *env = environment_by_id(st, id, err);
	json_auto_t *project = NULL;
	json_auto_t *hosts = NULL;
	json_t *settings;
	const char *url;

	if (env == NULL)
		return NULL;
	project = project_row(st, json_str(env, "project", ""), err);
	if (project == NULL)
		return NULL;
	settings = json_deep_copy(json_object_get(project, "settings"));
	json_object_set(settings, "slug", json_object_get(project, "slug"));
	url = json_str(project, "repository_url", NULL);
	if (url != NULL)
		json_object_set_new(settings, "repository", json_text(url));
	hosts = hosts_of(env, project);
	if (json_array_size(hosts) > 0)
		json_object_set(settings, "hosts", hosts);
	set_scale(settings, env);
	return settings;
}
