#include "state/project.h"

#include <string.h>

#include "base/crypto.h"
#include "base/json.h"
#include "base/text.h"
#include "document/settings.h"
#include "parse/giturl.h"
#include "state/credential.h"
#include "state/environment.h"

#define ROW                                                                  \
	"SELECT p.id, p.slug, t.name AS team, p.team AS team_id,"            \
	" p.repository, p.repository_url, p.branch,"                         \
	" p.settings AS \"settings:json\", p.previews AS \"previews:bool\"," \
	" p.preview_forks AS \"preview_forks:bool\", p.preview_host,"        \
	" p.env_version, p.created_at, p.updated_at, p.removed_at, p.rev"    \
	" FROM projects p JOIN teams t ON t.id = p.team"

/* What has a column, and so is not kept in `settings`. */
static const char *const apart[] = { "slug", "team", "repository", "branch",
	"hosts", "previews", "preview_forks", "preview_host" };

/* ---- reading ---- */

json_t *
project_row(struct state *st, const char *slug, struct err *err)
{
	json_t *row = db_first(st->db, ROW " WHERE p.slug = :slug",
	    ARGS(ARG_TEXT("slug", slug)), err);

	if (row == NULL && err->status == 0) {
		err_set(err, EX_NOINPUT, "not-found", "project %s: not there",
		    slug);
		err_hint(err, "rcn-state project list");
	}
	return row;
}

static json_t *
with_environments(struct state *st, json_t *row, struct err *err)
{
	json_t *list;

	if (row == NULL)
		return NULL;
	list = environment_list(st, json_str(row, "slug", ""), err);
	if (list == NULL) {
		json_decref(row);
		return NULL;
	}
	json_object_set_new(row, "environments", list);
	return row;
}

json_t *
project_get(struct state *st, const char *slug, struct err *err)
{
	return with_environments(st, project_row(st, slug, err), err);
}

/* The same of each row of a list, which is stolen. */
static json_t *
all_with_environments(struct state *st, json_t *list, struct err *err)
{
	json_auto_t *rows = list;
	json_t *row;
	size_t i;

	json_array_foreach(rows, i, row)
		if (with_environments(st, json_incref(row), err) == NULL)
			return NULL;
		else
			json_decref(row);
	return ptr_steal(&rows);
}

json_t *
project_list(struct state *st, const char *after_slug, int limit,
    struct err *err)
{
	return all_with_environments(st,
	    db_list(st->db,
		ROW " WHERE p.slug > :after ORDER BY p.slug LIMIT :limit",
		ARGS(ARG_TEXT("after", after_slug != NULL ? after_slug : ""),
		    ARG_INT("limit", limit)),
		err),
	    err);
}

json_t *
project_of_repository(struct state *st, const char *key, struct err *err)
{
	if (*key == '\0')
		return json_array();
	return all_with_environments(st,
	    db_list(st->db,
		ROW " WHERE p.repository = :key AND p.removed_at IS NULL"
		    " ORDER BY p.id",
		ARGS(ARG_TEXT("key", key)), err),
	    err);
}

/* ---- settings in columns ---- */

static int
check(const char *slug, const json_t *settings, struct err *err)
{
	const char *own = json_str(settings, "slug", slug);
	const char *host = json_str(settings, "preview_host", NULL);
	auto_buf struct buf one = { 0 };
	size_t star;

	if (!text_is_slug(slug))
		return err_set(err, EX_USAGE, "bad-slug",
		    "%s: not a name: lower case letters, digits and hyphens, "
		    "40 at most",
		    slug);
	if (!json_is_object(settings))
		return err_set(err, EX_DATAERR, "bad-project",
		    "project %s: not a JSON object", slug);
	if (strcmp(own, slug) != 0)
		return err_set(err, EX_DATAERR, "bad-project",
		    "project %s: a slug cannot be changed, to %s", slug, own);
	if (host == NULL)
		return 0;
	star = strcspn(host, "*");
	buf_addf(&one, "%.*s1%s", (int)star, host,
	    host[star] != '\0' ? host + star + 1 : "");
	if (host[star] == '\0' || !text_is_host(one.data))
		return err_set(err, EX_DATAERR, "bad-host",
		    "project %s: preview_host: %s: not a host with a * for "
		    "the number",
		    slug, host);
	return 0;
}

/* The columns' values after a patch, as one object of that form. */
static json_t *
columns(const json_t *row, const json_t *patch, struct err *err)
{
	static const char *const kept[] = { "branch", "previews",
		"preview_forks", "preview_host" };
	json_auto_t *now = json_object();
	const char *url = json_str(row, "repository_url", NULL);
	auto_buf struct buf key = { 0 };

	for (size_t i = 0; i < sizeof(kept) / sizeof(*kept); i++)
		json_object_set(now, kept[i], json_object_get(row, kept[i]));
	if (url != NULL)
		json_object_set_new(now, "repository", json_text(url));
	json_merge(now, patch);
	url = json_str(now, "repository", NULL);
	if (url != NULL && giturl_has_secret(url)) {
		err_set(err, EX_USAGE, "bad-url",
		    "repository: credentials do not belong into an address");
		err_hint(err, "rcn-state credential set --project SLUG "
			      "git-token");
		return NULL;
	}
	if (url != NULL && giturl_key(url, &key, err) < 0)
		return NULL;
	json_object_set_new(now, "key", json_text(buf_str(&key)));
	if (json_str(now, "branch", NULL) == NULL)
		json_object_set_new(now, "branch", json_string("main"));
	return ptr_steal(&now);
}

static json_t *
others(const json_t *row, const json_t *patch)
{
	json_t *old = json_object_get(row, "settings");
	json_t *now = old != NULL ? json_deep_copy(old) : json_object();

	json_merge(now, patch);
	for (size_t i = 0; i < sizeof(apart) / sizeof(*apart); i++)
		json_object_del(now, apart[i]);
	return now;
}

static json_t *
team_id(struct state *st, const char *name, struct err *err)
{
	json_t *row =
	    db_first(st->db, "SELECT id FROM teams WHERE name = :name",
		ARGS(ARG_TEXT("name", name)), err);

	if (row == NULL && err->status == 0)
		err_set(err, EX_NOINPUT, "not-found", "team %s: not there",
		    name);
	return row;
}

static int
write_columns(struct state *st, const char *id, const json_t *row,
    const json_t *patch, struct err *err)
{
	json_auto_t *now = columns(row, patch, err);
	json_auto_t *rest = others(row, patch);
	const char *name = json_str(patch, "team", NULL);
	json_auto_t *team = NULL;
	auto_buf struct buf settings = { 0 };
	char at[CLOCK_TEXT];

	if (name != NULL && (team = team_id(st, name, err)) == NULL)
		return -1;
	if (now == NULL || settings_check(now, "project", err) < 0 ||
	    settings_check(rest, "project", err) < 0)
		return -1;
	json_write(&settings, rest, JSON_COMPACT | JSON_SORT_KEYS);
	clock_now_text(at);
	return db_run(st->db,
	    "UPDATE projects SET team = coalesce(:team, team), repository = "
	    ":key, repository_url = :url,"
	    " branch = :branch, settings = :settings, previews = :previews,"
	    " preview_forks = :forks, preview_host = :host,"
	    " updated_at = :now, rev = rev + 1 WHERE id = :id",
	    ARGS(ARG_TEXT("team", json_str(team, "id", NULL)),
		ARG_TEXT("key", json_str(now, "key", "")),
		ARG_TEXT("url", json_str(now, "repository", NULL)),
		ARG_TEXT("branch", json_str(now, "branch", "main")),
		ARG_TEXT("settings", settings.data),
		ARG_INT("previews", json_bool(now, "previews", false)),
		ARG_INT("forks", json_bool(now, "preview_forks", false)),
		ARG_TEXT("host", json_str(now, "preview_host", NULL)),
		ARG_TEXT("now", at), ARG_TEXT("id", id)),
	    err);
}

/* Production's domains become exactly these. */
static int
write_hosts(struct state *st, const char *slug, const json_t *patch,
    struct err *err)
{
	json_t *want = json_object_get(patch, "hosts"), *one;
	json_auto_t *env = NULL;
	auto_strvec struct strvec names = { 0 };
	size_t i;

	if (want == NULL)
		return 0;
	json_array_foreach(want, i, one)
		strvec_add(&names, json_string_value(one));
	env = environment_get(st, slug, "production", err);
	if (env == NULL)
		return -1;
	json_array_foreach(json_object_get(env, "hosts"), i, one)
		if (!strvec_has(&names, json_string_value(one)) &&
		    domain_remove(st, slug, json_string_value(one), err) < 0)
			return -1;
	for (i = 0; i < names.n; i++) {
		json_auto_t *row = NULL;
		bool there = false;
		size_t k;

		json_array_foreach(json_object_get(env, "hosts"), k, one)
			if (strcmp(json_string_value(one), names.v[i]) == 0)
				there = true;
		if (there)
			continue;
		row = domain_add(st, slug, "production", names.v[i], err);
		if (row == NULL)
			return -1;
	}
	return 0;
}

/* ---- changes ---- */

/* After the commit: rcn-hookd is to know its repositories. */
static int
tell_hook(struct state *st, const char *slug, struct err *err)
{
	if (hook_publish(st, err) == 0)
		return 0;
	return err_wrap(err,
	    "project %s: changed, but rcn-hookd is not told of it", slug);
}

static int
insert(struct state *st, const char *slug, const char *id, const char *team,
    struct err *err)
{
	char now[CLOCK_TEXT];

	clock_now_text(now);
	if (db_run(st->db,
		"INSERT INTO projects (id, team, slug, created_at, updated_at,"
		" rev) VALUES (:id, :team, :slug, :now, :now, 0)",
		ARGS(ARG_TEXT("id", id), ARG_TEXT("team", team),
		    ARG_TEXT("slug", slug), ARG_TEXT("now", now)),
		err) >= 0)
		return 0;
	if (strcmp(err->code, "exists") == 0)
		err_set(err, EX_DATAERR, "exists", "project %s: exists", slug);
	return -1;
}

static int
add(struct state *st, const char *slug, const json_t *settings, struct err *err)
{
	json_auto_t *team = NULL;
	json_auto_t *row = NULL;
	json_auto_t *env = NULL;
	const char *id;
	char new[UUID_TEXT];

	team = team_id(st, json_str(settings, "team", "default"), err);
	if (team == NULL)
		return -1;
	id = json_str(team, "id", "");
	uuid7(new);
	if (insert(st, slug, new, id, err) < 0 ||
	    write_columns(st, new, NULL, settings, err) < 0 ||
	    state_event(st,
		&(struct event){ .kind = "project.created",
		    .team = id,
		    .project = new,
		    .data = json_pack("{s:s, s:O}", "slug", slug, "settings",
			settings) },
		err) < 0)
		return -1;
	row = project_row(st, slug, err);
	if (row == NULL)
		return -1;
	env = environment_add(st, slug,
	    &(struct environment_new){ .name = "production",
		.branch = json_str(row, "branch", "main") },
	    err);
	return env == NULL ? -1 : write_hosts(st, slug, settings, err);
}

json_t *
project_add(struct state *st, const char *slug, const json_t *settings,
    struct err *err)
{
	if (settings_check(settings, slug, err) < 0 ||
	    check(slug, settings, err) < 0 || db_begin(st->db, err) < 0 ||
	    db_end(st->db, add(st, slug, settings, err), err) < 0 ||
	    (json_str(settings, "repository", NULL) != NULL &&
		tell_hook(st, slug, err) < 0))
		return NULL;
	return project_get(st, slug, err);
}

/* Production follows the project's branch until it is given its own. */
static int
move_branch(struct state *st, const json_t *before, const char *slug,
    struct err *err)
{
	json_auto_t *env = NULL;
	json_auto_t *now = project_row(st, slug, err);
	const char *old = json_str(before, "branch", "");
	const char *new = json_str(now, "branch", "");

	if (now == NULL)
		return -1;
	if (strcmp(old, new) == 0)
		return 0;
	env = environment_get(st, slug, "production", err);
	if (env == NULL)
		return -1;
	if (strcmp(json_str(env, "branch", ""), old) == 0) {
		json_auto_t *patch = json_pack("{s:s}", "branch", new);
		json_auto_t *row =
		    environment_set(st, slug, "production", patch, err);

		return row == NULL ? -1 : 0;
	}
	return 0;
}

static int
set(struct state *st, const char *slug, const json_t *patch, struct err *err)
{
	json_auto_t *row = project_row(st, slug, err);

	if (row == NULL ||
	    write_columns(st, json_str(row, "id", ""), row, patch, err) < 0 ||
	    state_event(st,
		&(struct event){ .kind = "project.changed",
		    .team = json_str(row, "team_id", NULL),
		    .project = json_str(row, "id", NULL),
		    .data = json_pack("{s:O}", "settings", patch) },
		err) < 0 ||
	    move_branch(st, row, slug, err) < 0)
		return -1;
	return write_hosts(st, slug, patch, err);
}

json_t *
project_set(struct state *st, const char *slug, const json_t *patch,
    struct err *err)
{
	if (check(slug, patch, err) < 0 || db_begin(st->db, err) < 0 ||
	    db_end(st->db, set(st, slug, patch, err), err) < 0 ||
	    (json_object_get(patch, "repository") != NULL &&
		tell_hook(st, slug, err) < 0))
		return NULL;
	return project_get(st, slug, err);
}

/* ---- removal ---- */

static int
mark(struct state *st, const json_t *row, struct err *err)
{
	char now[CLOCK_TEXT];

	clock_now_text(now);
	if (db_run(st->db,
		"UPDATE projects SET removed_at = coalesce(removed_at, :now),"
		" updated_at = :now, rev = rev + 1 WHERE id = :id",
		ARGS(ARG_TEXT("now", now),
		    ARG_TEXT("id", json_str(row, "id", ""))),
		err) < 0)
		return -1;
	return state_event(st,
	    &(struct event){ .kind = "project.removed",
		.team = json_str(row, "team_id", NULL),
		.project = json_str(row, "id", NULL),
		.data = json_pack("{s:s}", "slug", json_str(row, "slug", "")) },
	    err);
}

static int
remove_all(struct state *st, const char *slug, int *queued, struct err *err)
{
	json_auto_t *row = project_get(st, slug, err);
	json_t *env;
	size_t i;

	if (row == NULL)
		return -1;
	if (json_str(row, "removed_at", NULL) == NULL && mark(st, row, err) < 0)
		return -1;
	json_array_foreach(json_object_get(row, "environments"), i, env) {
		int one = environment_remove(st, slug,
		    json_str(env, "name", ""), err);

		if (one < 0)
			return -1;
		*queued |= one;
	}
	return 0;
}

int
project_remove(struct state *st, const char *slug, struct err *err)
{
	int queued = 0;

	if (db_begin(st->db, err) < 0 ||
	    db_end(st->db, remove_all(st, slug, &queued, err), err) < 0 ||
	    tell_hook(st, slug, err) < 0)
		return -1;
	return queued;
}
