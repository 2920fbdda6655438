#include "state/env.h"

#include <ctype.h>
#include <string.h>

#include "base/buf.h"
#include "base/json.h"
#include "base/text.h"
#include "state/project.h"
#include "state/seal.h"

enum { KEY_MAX_LEN = 256 };

/*
 * What may be set
 */

static bool
is_name(const char *s)
{
	size_t n = strspn(s, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrst"
			     "uvwxyz0123456789_");

	return n > 0 && s[n] == '\0' && n <= KEY_MAX_LEN &&
	       !isdigit((unsigned char)*s);
}

static bool
is_phase(const char *s)
{
	return strcmp(s, "run") == 0 || strcmp(s, "build") == 0 ||
	       strcmp(s, "both") == 0;
}

static bool
of_build(const char *phase)
{
	return strcmp(phase, "run") != 0;
}

static int
bad(struct err *err, const char *key, const char *why)
{
	return err_set(err, EX_DATAERR, "bad-variable", "variable %s: %s", key,
	    why);
}

static int
check_name(const char *key, struct err *err)
{
	if (!is_name(key)) {
		bad(err, key, "not a name");
		return err_hint(err, "letters, digits and _, no digit first");
	}
	if (text_starts(key, "RCN_"))
		return bad(err, key, "names with RCN_ are the platform's");
	return 0;
}

static int
check_value(const struct env_set *s, struct err *err)
{
	struct err ignored = { 0 };
	size_t n = strlen(s->value);
	uint64_t port;

	if (n > ENV_VALUE)
		return err_set(err, EX_DATAERR, "bad-variable",
		    "variable %s: %zu bytes, at most %d", s->key, n, ENV_VALUE);
	if (!text_is_utf8(s->value, n))
		return bad(err, s->key, "its value is not UTF-8");
	if (strcmp(s->key, "PORT") == 0 &&
	    parse_u64(s->value, 1, 65535, &port, &ignored) < 0)
		return bad(err, s->key, "not a whole number from 1 to 65535");
	return 0;
}

static int
check(const struct env_set *s, struct err *err)
{
	if (check_name(s->key, err) < 0)
		return -1;
	if (s->phase != NULL && !is_phase(s->phase)) {
		bad(err, s->key, "no such phase");
		return err_hint(err, "run, build or both");
	}
	return s->value != NULL ? check_value(s, err) : 0;
}

/*
 * Rows
 */

struct var {
	char *id, *key, *scope, *phase, *key_id, *created_at;
	bool secret;
	int64_t since;
	struct buf sealed;
};

struct vars {
	struct var *v;
	size_t n;
	char *project; /* id */
};

static void
vars_release(struct vars *l)
{
	for (size_t i = 0; i < l->n; i++) {
		struct var *v = &l->v[i];
		char *const texts[] = { v->id, v->key, v->scope, v->phase,
			v->key_id, v->created_at };

		for (size_t k = 0; k < sizeof(texts) / sizeof(*texts); k++)
			free(texts[k]);
		buf_release(&v->sealed);
	}
	free(l->v);
	free(l->project);
	*l = (struct vars){ 0 };
}
#define auto_vars AUTO(vars_release)

#define COLUMNS \
	"id, key, scope, phase, key_id, created_at, is_secret, since, sealed"

static void
vars_add(struct vars *l, struct db_rows *r)
{
	struct var *v;
	const void *p;
	size_t n;

	l->v = mem_realloc(l->v, l->n + 1, sizeof(*l->v));
	v = &l->v[l->n++];
	*v = (struct var){ .id = mem_strdup(db_text(r, 0)),
		.key = mem_strdup(db_text(r, 1)),
		.scope = mem_strdup(db_text(r, 2)),
		.phase = mem_strdup(db_text(r, 3)),
		.key_id = mem_strdup(db_text(r, 4)),
		.created_at = mem_strdup(db_text(r, 5)),
		.secret = db_int(r, 6) != 0,
		.since = db_int(r, 7) };
	p = db_blob(r, 8, &n);
	buf_add(&v->sealed, p, n);
}

static int
vars_load(struct state *st, struct vars *l, const char *sql,
    const struct db_arg *args, struct err *err)
{
	auto_rows struct db_rows *r = NULL;
	int more;

	if (db_query(st->db, &r, sql, args, err) < 0)
		return -1;
	while ((more = db_next(r, err)) > 0)
		vars_add(l, r);
	return more;
}

/* The closest comes last of a key; it stays alone. */
static void
keep_closest(struct vars *l)
{
	size_t kept = 0;

	for (size_t i = 0; i < l->n; i++) {
		if (i + 1 < l->n && strcmp(l->v[i].key, l->v[i + 1].key) == 0) {
			struct vars one = { .v = mem_alloc(sizeof(*one.v)),
				.n = 1 };

			one.v[0] = l->v[i];
			vars_release(&one);
			continue;
		}
		l->v[kept++] = l->v[i];
	}
	l->n = kept;
}

static int
not_found(struct err *err, const char *what, const char *name)
{
	return err_set(err, EX_NOINPUT, "not-found", "%s %s: there is none",
	    what, name);
}

#define VALID " since <= :version AND (until IS NULL OR until > :version)"

/* What an environment gets. */
static int
vars_of(struct state *st, struct vars *l, const char *environment_id,
    int64_t version, struct err *err)
{
	json_auto_t *env = db_first(st->db,
	    "SELECT project, name, kind FROM environments WHERE id = :id",
	    ARGS(ARG_TEXT("id", environment_id)), err);

	if (env == NULL)
		return err->status != 0
			   ? -1
			   : not_found(err, "environment", environment_id);
	l->project = mem_strdup(json_str(env, "project", ""));
	if (vars_load(st, l,
		"SELECT " COLUMNS " FROM env_vars WHERE project = :project"
		" AND" VALID " AND (scope = :name OR scope = 'all'"
		" OR (scope = 'preview' AND :kind = 'preview'))"
		" ORDER BY key, CASE WHEN scope = :name THEN 3"
		" WHEN scope = 'preview' THEN 2 ELSE 1 END",
		ARGS(ARG_TEXT("project", l->project),
		    ARG_INT("version", version),
		    ARG_TEXT("name", json_str(env, "name", "")),
		    ARG_TEXT("kind", json_str(env, "kind", ""))),
		err) < 0)
		return -1;
	keep_closest(l);
	return 0;
}

/*
 * Values
 */

static void
identity(struct buf *b, const char *project, const struct var *v)
{
	buf_addf(b, "env_vars/%s/%s/%s/%s/%s/%s", v->id, project, v->scope,
	    v->phase, v->key, v->secret ? "secret" : "plain");
}

static int
open_value(struct state *st, const char *project, const struct var *v,
    struct buf *plain, struct err *err)
{
	auto_buf struct buf id = { 0 };

	identity(&id, project, v);
	if (seal_open(st, v->key_id, id.data, v->sealed.data, v->sealed.len,
		plain, err) < 0)
		return err_wrap(err, "variable %s", v->key);
	return 0;
}

static bool
gone(struct err *err)
{
	if (err->status == 0 || strcmp(err->code, "no-key") != 0)
		return false;
	*err = (struct err){ 0 };
	return true;
}

/* What cannot be opened is another value. */
static bool
same_value(struct state *st, const char *project, const struct var *a,
    const struct var *b)
{
	AUTO(buf_wipe) struct buf one = { 0 };
	AUTO(buf_wipe) struct buf two = { 0 };
	struct err err = { 0 };

	return open_value(st, project, a, &one, &err) == 0 &&
	       open_value(st, project, b, &two, &err) == 0 &&
	       one.len == two.len &&
	       memcmp(buf_str(&one), buf_str(&two), one.len) == 0;
}

/*
 * A change
 */

struct change {
	json_t *project; /* its row */
	const char *id;
	int64_t version; /* the new one */
	json_t *changed; /* set of names */
	bool build;
	char now[CLOCK_TEXT];
};

static int
check_scope(struct state *st, const char *project, const char *scope,
    struct err *err)
{
	int64_t n;

	if (strcmp(scope, "all") == 0 || strcmp(scope, "preview") == 0)
		return 0;
	if (db_number(st->db,
		"SELECT count(*) FROM environments WHERE project = :project"
		" AND name = :name",
		ARGS(ARG_TEXT("project", project), ARG_TEXT("name", scope)), &n,
		err) < 0)
		return -1;
	if (n > 0)
		return 0;
	err_set(err, EX_DATAERR, "bad-scope", "scope %s: no such environment",
	    scope);
	return err_hint(err, "an environment's name, preview or all");
}

static int
end_old(struct state *st, const struct change *c, const struct var *old,
    struct err *err)
{
	return db_run(st->db,
	    "UPDATE env_vars SET until = :version WHERE id = :id",
	    ARGS(ARG_INT("version", c->version), ARG_TEXT("id", old->id)), err);
}

static int
insert(struct state *st, const struct change *c, const struct var *v,
    const char *value, struct err *err)
{
	auto_buf struct buf id = { 0 };
	auto_buf struct buf box = { 0 };
	char key[UUID_TEXT];

	identity(&id, c->id, v);
	if (seal_value(st, HOLDER_SECRET, id.data, value, strlen(value), &box,
		key, err) < 0)
		return -1;
	return db_run(st->db,
	    "INSERT INTO env_vars (id, project, scope, phase, key, sealed,"
	    " key_id, is_secret, since, created_at) VALUES (:id, :project,"
	    " :scope, :phase, :key, :sealed, :key_id, :secret, :version,"
	    " :now)",
	    ARGS(ARG_TEXT("id", v->id), ARG_TEXT("project", c->id),
		ARG_TEXT("scope", v->scope), ARG_TEXT("phase", v->phase),
		ARG_TEXT("key", v->key), ARG_BLOB("sealed", box.data, box.len),
		ARG_TEXT("key_id", key), ARG_INT("secret", v->secret),
		ARG_INT("version", c->version), ARG_TEXT("now", c->now)),
	    err);
}

static bool
says_the_same(struct state *st, const struct change *c, const struct var *old,
    const struct var *v, const char *value)
{
	AUTO(buf_wipe) struct buf plain = { 0 };
	struct err ignored = { 0 };

	return strcmp(old->phase, v->phase) == 0 && old->secret == v->secret &&
	       open_value(st, c->id, old, &plain, &ignored) == 0 &&
	       strcmp(buf_str(&plain), value) == 0;
}

static int
put(struct state *st, struct change *c, const struct env_set *s,
    const struct var *old, const char *scope, struct err *err)
{
	char id[UUID_TEXT], key[KEY_MAX_LEN + 1], where[KEY_MAX_LEN + 1],
	    phase[8];
	struct var v = { .id = id, .key = key, .scope = where, .phase = phase };

	uuid7(id);
	snprintf(key, sizeof(key), "%s", s->key);
	snprintf(where, sizeof(where), "%s", scope);
	snprintf(phase, sizeof(phase), "%s",
	    s->phase != NULL ? s->phase
	    : old != NULL    ? old->phase
			     : "run");
	v.secret = s->secret == ENV_AS_IT_WAS ? old == NULL || old->secret
					      : s->secret == ENV_SECRET;
	if (old != NULL && says_the_same(st, c, old, &v, s->value))
		return 0;
	if ((old != NULL && end_old(st, c, old, err) < 0) ||
	    insert(st, c, &v, s->value, err) < 0)
		return -1;
	json_object_set_new(c->changed, key, json_true());
	c->build |= of_build(phase) || (old != NULL && of_build(old->phase));
	return 0;
}

static int
unset(struct state *st, struct change *c, const struct env_set *s,
    const struct var *old, struct err *err)
{
	if (old == NULL)
		return not_found(err, "variable", s->key);
	json_object_set_new(c->changed, s->key, json_true());
	c->build |= of_build(old->phase);
	return end_old(st, c, old, err) < 0 ? -1 : 0;
}

static int
change_one(struct state *st, struct change *c, const struct env_set *s,
    struct err *err)
{
	const char *scope = s->scope != NULL ? s->scope : "production";
	auto_vars struct vars l = { 0 };
	const struct var *old;

	if (check(s, err) < 0 ||
	    vars_load(st, &l,
		"SELECT " COLUMNS " FROM env_vars WHERE project = :project"
		" AND scope = :scope AND key = :key AND until IS NULL",
		ARGS(ARG_TEXT("project", c->id), ARG_TEXT("scope", scope),
		    ARG_TEXT("key", s->key)),
		err) < 0)
		return -1;
	old = l.n > 0 ? &l.v[0] : NULL;
	if (s->value == NULL)
		return unset(st, c, s, old, err);
	if (check_scope(st, c->id, scope, err) < 0)
		return -1;
	return put(st, c, s, old, scope, err);
}

static int
check_size(struct state *st, const char *project, struct err *err)
{
	json_auto_t *sum = db_first(st->db,
	    "SELECT count(*) AS n, coalesce(sum(length(sealed)), 0) AS bytes"
	    " FROM env_vars WHERE project = :project AND until IS NULL",
	    ARGS(ARG_TEXT("project", project)), err);

	if (sum == NULL)
		return -1;
	if (json_int(sum, "n", 0) <= ENV_COUNT &&
	    json_int(sum, "bytes", 0) <= ENV_TOTAL)
		return 0;
	return err_set(err, EX_DATAERR, "too-many-variables",
	    "%lld variables of %lld bytes in all, at most %d of %d",
	    (long long)json_int(sum, "n", 0),
	    (long long)json_int(sum, "bytes", 0), ENV_COUNT, ENV_TOTAL);
}

static json_t *
names_of(const json_t *set)
{
	json_t *list = json_array(), *v;
	const char *key;

	json_object_foreach((json_t *)(uintptr_t)set, key, v)
		json_array_append_new(list, json_text(key));
	return list;
}

static int
number_it(struct state *st, const struct change *c, struct err *err)
{
	if (check_size(st, c->id, err) < 0 ||
	    db_run(st->db,
		"UPDATE projects SET env_version = :version, rev = rev + 1,"
		" updated_at = :now WHERE id = :id",
		ARGS(ARG_INT("version", c->version), ARG_TEXT("now", c->now),
		    ARG_TEXT("id", c->id)),
		err) < 0)
		return -1;
	return state_event(st,
	    &(struct event){ .kind = "env.changed",
		.team = json_str(c->project, "team_id", NULL),
		.project = c->id,
		.data = json_pack("{s:I, s:o, s:b}", "version",
		    (json_int_t)c->version, "keys", names_of(c->changed),
		    "build_changed", c->build) },
	    err);
}

static int
change(struct state *st, const char *slug, const struct env_set *s, size_t n,
    struct change *c, struct err *err)
{
	if ((c->project = project_row(st, slug, err)) == NULL)
		return -1;
	c->id = json_str(c->project, "id", "");
	c->version = json_int(c->project, "env_version", 0) + 1;
	for (size_t i = 0; i < n; i++)
		if (change_one(st, c, &s[i], err) < 0)
			return -1;
	if (json_object_size(c->changed) == 0) {
		c->version--;
		return 0;
	}
	return number_it(st, c, err);
}

json_t *
env_change(struct state *st, const char *slug, const struct env_set *s,
    size_t n, struct err *err)
{
	struct change c = { .changed = json_object() };
	json_t *result = NULL;

	clock_now_text(c.now);
	if (db_begin(st->db, err) == 0 &&
	    db_end(st->db, change(st, slug, s, n, &c, err), err) == 0)
		result = json_pack("{s:I, s:o, s:b}", "version",
		    (json_int_t)c.version, "changed", names_of(c.changed),
		    "build_changed", c.build);
	json_decref(c.changed);
	json_decref(c.project);
	return result;
}

/*
 * Reading
 */

static json_t *
row_of(struct state *st, const char *project, const struct var *v)
{
	AUTO(buf_wipe) struct buf plain = { 0 };
	struct err ignored = { 0 };
	json_t *row = json_pack("{s:s, s:s, s:s, s:b, s:I, s:s}", "key", v->key,
	    "scope", v->scope, "phase", v->phase, "secret", v->secret, "since",
	    (json_int_t)v->since, "created_at", v->created_at);

	if (!v->secret && open_value(st, project, v, &plain, &ignored) == 0)
		json_object_set_new(row, "value",
		    json_textn(buf_str(&plain), plain.len));
	return row;
}

static int
environment_of(struct state *st, const char *project, const char *name,
    char id[UUID_TEXT], struct err *err)
{
	json_auto_t *env = db_first(st->db,
	    "SELECT id FROM environments WHERE project = :project"
	    " AND name = :name",
	    ARGS(ARG_TEXT("project", project), ARG_TEXT("name", name)), err);

	if (env == NULL)
		return err->status != 0 ? -1
					: not_found(err, "environment", name);
	snprintf(id, UUID_TEXT, "%s", json_str(env, "id", ""));
	return 0;
}

static int
vars_listed(struct state *st, struct vars *l, const char *project,
    const char *environment, int64_t version, struct err *err)
{
	char id[UUID_TEXT];

	if (environment != NULL)
		return environment_of(st, project, environment, id, err) < 0
			   ? -1
			   : vars_of(st, l, id, version, err);
	return vars_load(st, l,
	    "SELECT " COLUMNS
	    " FROM env_vars WHERE project = :project AND" VALID
	    " ORDER BY key, scope",
	    ARGS(ARG_TEXT("project", project), ARG_INT("version", version)),
	    err);
}

json_t *
env_list(struct state *st, const char *slug, const char *environment,
    int64_t version, struct err *err)
{
	json_auto_t *project = NULL;
	auto_vars struct vars l = { 0 };
	json_t *list;
	const char *id;

	if ((project = project_row(st, slug, err)) == NULL)
		return NULL;
	id = json_str(project, "id", "");
	if (version < 0)
		version = json_int(project, "env_version", 0);
	if (vars_listed(st, &l, id, environment, version, err) < 0)
		return NULL;
	list = json_array();
	for (size_t i = 0; i < l.n; i++)
		json_array_append_new(list, row_of(st, id, &l.v[i]));
	return list;
}

static json_t *
resolve(struct state *st, const char *environment_id, int64_t version,
    struct err *err)
{
	auto_vars struct vars l = { 0 };
	auto_wiped json_t *all = json_object();

	if (vars_of(st, &l, environment_id, version, err) < 0)
		return NULL;
	for (size_t i = 0; i < l.n; i++) {
		AUTO(buf_wipe) struct buf plain = { 0 };
		const struct var *v = &l.v[i];

		if (open_value(st, l.project, v, &plain, err) < 0)
			return NULL;
		json_object_set_new(all, v->key,
		    json_pack("{s:o, s:b, s:s}", "value",
			json_textn(buf_str(&plain), plain.len), "secret",
			v->secret, "phase", v->phase));
	}
	return ptr_steal(&all);
}

json_t *
env_resolve(struct state *st, const char *environment_id, int64_t version,
    struct err *err)
{
	json_t *all = resolve(st, environment_id, version, err);

	if (all == NULL && gone(err))
		all = resolve(st, environment_id, version, err);
	return all;
}

/*
 * Between two versions
 */

static void
tell(json_t *list, const char *key, const char *how, bool build)
{
	json_array_append_new(list, json_pack("{s:s, s:s, s:b}", "key", key,
					"change", how, "build", build));
}

static void
tell_changed(struct state *st, json_t *list, const char *project,
    const struct var *a, const struct var *b)
{
	bool same =
	    strcmp(a->phase, b->phase) == 0 &&
	    (strcmp(a->id, b->id) == 0 || same_value(st, project, a, b));

	if (same && a->secret == b->secret)
		return;
	tell(list, a->key, "changed",
	    !same && (of_build(a->phase) || of_build(b->phase)));
}

/* Both are in the order of their keys. */
static json_t *
compare(struct state *st, const struct vars *old, const struct vars *new)
{
	json_t *list = json_array();
	size_t i = 0, k = 0;

	while (i < old->n || k < new->n) {
		int order = i == old->n ? 1
			    : k == new->n
				? -1
				: strcmp(old->v[i].key, new->v[k].key);

		if (order < 0)
			tell(list, old->v[i].key, "removed",
			    of_build(old->v[i].phase));
		else if (order > 0)
			tell(list, new->v[k].key, "added",
			    of_build(new->v[k].phase));
		else
			tell_changed(st, list, old->project, &old->v[i],
			    &new->v[k]);
		i += order <= 0;
		k += order >= 0;
	}
	return list;
}

json_t *
env_diff(struct state *st, const char *environment_id, int64_t from, int64_t to,
    struct err *err)
{
	auto_vars struct vars old = { 0 };
	auto_vars struct vars new = { 0 };

	if (vars_of(st, &old, environment_id, from, err) < 0 ||
	    vars_of(st, &new, environment_id, to, err) < 0)
		return NULL;
	return compare(st, &old, &new);
}

int
env_build_differs(struct state *st, const char *environment_id, int64_t from,
    int64_t to, struct err *err)
{
	json_auto_t *diff = NULL;
	json_t *one;
	size_t i;

	if (from == to)
		return 0;
	if ((diff = env_diff(st, environment_id, from, to, err)) == NULL)
		return -1;
	json_array_foreach(diff, i, one)
		if (json_bool(one, "build", false))
			return 1;
	return 0;
}
