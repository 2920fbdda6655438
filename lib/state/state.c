#include "state/state.h"

#include <pwd.h>
#include <string.h>
#include <time.h>

#include "base/buf.h"
#include "base/conf.h"
#include "base/crypto.h"
#include "base/io.h"
#include "base/json.h"
#include "state/schema.h"

/* The team and the user that are there without anybody's doing. */
static int
seed(struct state *st, struct err *err)
{
	char now[CLOCK_TEXT], team[UUID_TEXT], user[UUID_TEXT];

	clock_now_text(now);
	uuid7(team);
	uuid7(user);
	if (db_run(st->db,
		"INSERT INTO teams (id, name, created_at)"
		" VALUES (:id, 'default', :now)",
		ARGS(ARG_TEXT("id", team), ARG_TEXT("now", now)), err) < 0 ||
	    db_run(st->db,
		"INSERT INTO users (id, login, created_at)"
		" VALUES (:id, 'local', :now)",
		ARGS(ARG_TEXT("id", user), ARG_TEXT("now", now)), err) < 0 ||
	    db_run(st->db,
		"INSERT INTO memberships (team, user, role, created_at)"
		" VALUES (:team, :user, 'admin', :now)",
		ARGS(ARG_TEXT("team", team), ARG_TEXT("user", user),
		    ARG_TEXT("now", now)),
		err) < 0)
		return -1;
	return state_event(st,
	    &(struct event){ .kind = "state.created", .team = team }, err);
}

static int
version(struct db *db, int *v, struct err *err)
{
	int64_t n;

	if (db_number(db, "PRAGMA user_version", NO_ARGS, &n, err) < 0)
		return -1;
	*v = (int)n;
	return 0;
}

/* Under the write lock: somebody else may have done it meanwhile. */
static int
migrate_locked(struct state *st, struct err *err)
{
	char set[48];
	int from;

	if (version(st->db, &from, err) < 0)
		return -1;
	for (int v = from; v < schema_version; v++)
		for (int i = 0; schema_migrations[v][i] != NULL; i++)
			if (db_script(st->db, schema_migrations[v][i], err) < 0)
				return err_wrap(err, "migration %d", v + 1);
	snprintf(set, sizeof(set), "PRAGMA user_version = %d", schema_version);
	if (db_script(st->db, set, err) < 0)
		return -1;
	return from == 0 ? seed(st, err) : 0;
}

static int
migrate(struct state *st, const char *path, int from, struct err *err)
{
	auto_buf struct buf copy = { 0 };
	char now[CLOCK_TEXT];

	clock_now_text(now);
	buf_addf(&copy, "%s.v%d.%s", path, from, now);
	if (from > 0 && db_copy(st->db, copy.data, err) < 0)
		return err_wrap(err, "backup before migration");
	if (db_begin(st->db, err) < 0)
		return -1;
	return db_end(st->db, migrate_locked(st, err), err);
}

static int
check_version(struct state *st, const char *path, unsigned flags,
    struct err *err)
{
	int v;

	if (version(st->db, &v, err) < 0)
		return -1;
	if (v == schema_version)
		return 0;
	if (v > schema_version) {
		err_set(err, EX_CONFIG, "state-newer",
		    "%s: of version %d, this program knows %d", path, v,
		    schema_version);
		return err_hint(err, "install the newer version again, or "
				     "restore a backup made by this one");
	}
	if (v == 0 && (flags & DB_CREATE) == 0) {
		err_set(err, EX_NOINPUT, "state-missing", "%s: empty", path);
		return err_hint(err, "rcn-state init");
	}
	if ((flags & DB_READ) != 0) {
		err_set(err, EX_CONFIG, "state-older",
		    "%s: of version %d, this program wants %d", path, v,
		    schema_version);
		return err_hint(err, "rcn-state init migrates it, after a "
				     "backup");
	}
	return migrate(st, path, v, err);
}

int
state_open(struct state **out, const char *actor, unsigned flags,
    struct err *err)
{
	auto_state struct state *st = mem_zalloc(1, sizeof(*st));
	auto_buf struct buf path = { 0 };

	json_init();
	st->actor = mem_strdup(actor);
	if ((flags & DB_CREATE) != 0) {
		if (conf_state_path(&path, "", err) < 0)
			return -1;
	} else
		buf_adds(&path, conf_state_dir());
	if (path.len == 0 || path.data[path.len - 1] != '/')
		buf_addc(&path, '/');
	buf_adds(&path, "state.db");
	if (db_open(&st->db, path.data, flags, err) < 0 ||
	    check_version(st, path.data, flags, err) < 0)
		return -1;
	*out = ptr_steal(&st);
	return 0;
}

void
state_close(struct state *st)
{
	if (st == NULL)
		return;
	db_close(st->db);
	free(st->actor);
	free(st);
}

char *
state_actor(void)
{
	const struct passwd *pw = getpwuid(getuid());

	return mem_printf("cli:%u:%s", (unsigned)getuid(),
	    pw != NULL ? pw->pw_name : "?");
}

/*
 * Events
 */

static void
chain(char hash[SHA256_HEX], const char *before, const json_t *row)
{
	auto_buf struct buf text = { 0 };
	struct sha256 h;

	json_write(&text, row, JSON_COMPACT | JSON_SORT_KEYS);
	sha256_begin(&h);
	sha256_text(&h, before);
	sha256_field(&h, text.data, text.len);
	sha256_end_hex(&h, hash);
}

static void
set_text(json_t *row, const char *name, const char *value)
{
	if (value != NULL)
		json_object_set_new(row, name, json_text(value));
}

int
state_event(struct state *st, const struct event *e, struct err *err)
{
	json_auto_t *row = json_object();
	json_auto_t *last = NULL;
	auto_buf struct buf data = { 0 };
	char now[CLOCK_TEXT], id[UUID_TEXT], hash[SHA256_HEX];
	int64_t seq;

	json_object_set_new(row, "data",
	    e->data != NULL ? e->data : json_object());
	last = db_first(st->db,
	    "SELECT seq, hash FROM events ORDER BY seq DESC LIMIT 1", NO_ARGS,
	    err);
	if (last == NULL && err->status != 0)
		return -1;
	seq = json_int(last, "seq", 0) + 1;
	clock_now_text(now);
	uuid7(id);
	json_object_set_new(row, "seq", json_integer(seq));
	set_text(row, "id", id);
	set_text(row, "at", now);
	set_text(row, "kind", e->kind);
	set_text(row, "actor", st->actor);
	set_text(row, "team", e->team);
	set_text(row, "project", e->project);
	set_text(row, "environment", e->environment);
	set_text(row, "deployment", e->deployment);
	chain(hash, json_str(last, "hash", ""), row);
	json_write(&data, json_object_get(row, "data"),
	    JSON_COMPACT | JSON_SORT_KEYS);
	return db_run(st->db,
		   "INSERT INTO events (seq, id, at, kind, actor, team,"
		   " project, environment, deployment, data, hash) VALUES"
		   " (:seq, :id, :at, :kind, :actor, :team, :project,"
		   " :environment, :deployment, :data, :hash)",
		   ARGS(ARG_INT("seq", seq), ARG_TEXT("id", id),
		       ARG_TEXT("at", now), ARG_TEXT("kind", e->kind),
		       ARG_TEXT("actor", json_str(row, "actor", "")),
		       ARG_TEXT("team", e->team),
		       ARG_TEXT("project", e->project),
		       ARG_TEXT("environment", e->environment),
		       ARG_TEXT("deployment", e->deployment),
		       ARG_TEXT("data", data.data), ARG_TEXT("hash", hash)),
		   err) < 0
		   ? -1
		   : 0;
}

#define EVENT_COLUMNS                                           \
	"seq, id, at, kind, actor, team, project, environment," \
	" deployment, data AS \"data:json\", hash"

json_t *
state_events(struct state *st, const char *project, int64_t after, int limit,
    struct err *err)
{
	if (project == NULL)
		return db_list(st->db,
		    "SELECT " EVENT_COLUMNS " FROM events WHERE seq > :after"
		    " ORDER BY seq LIMIT :limit",
		    ARGS(ARG_INT("after", after), ARG_INT("limit", limit)),
		    err);
	return db_list(st->db,
	    "SELECT " EVENT_COLUMNS " FROM events WHERE project = :project"
	    " AND seq > :after ORDER BY seq LIMIT :limit",
	    ARGS(ARG_TEXT("project", project), ARG_INT("after", after),
		ARG_INT("limit", limit)),
	    err);
}

int
state_verify(struct state *st, int64_t *n, struct err *err)
{
	auto_rows struct db_rows *r = NULL;
	char before[SHA256_HEX] = "", hash[SHA256_HEX];
	int more;

	*n = 0;
	if (db_query(st->db, &r,
		"SELECT " EVENT_COLUMNS " FROM events ORDER BY seq", NO_ARGS,
		err) < 0)
		return -1;
	while ((more = db_next(r, err)) > 0) {
		json_auto_t *row = db_json(r);
		auto_free char *said = mem_strdup(json_str(row, "hash", ""));

		json_object_del(row, "hash");
		chain(hash, before, row);
		if (json_int(row, "seq", 0) != *n + 1 ||
		    strcmp(hash, said) != 0)
			return err_set(err, EX_DATAERR, "audit-broken",
			    "event %lld (%s at %s) is not as it was written",
			    (long long)json_int(row, "seq", 0),
			    json_str(row, "kind", "?"),
			    json_str(row, "at", "?"));
		memcpy(before, hash, sizeof(before));
		++*n;
	}
	return more;
}

/*
 * Time
 */

const char *
state_boot(void)
{
	static char id[UUID_TEXT];
	auto_buf struct buf text = { 0 };
	struct err err = { 0 };

	if (id[0] != '\0')
		return id;
	if (io_read_file("/proc/sys/kernel/random/boot_id", 64, &text, &err) <
	    0)
		buf_adds(&text, "unknown");
	snprintf(id, sizeof(id), "%.36s", buf_str(&text));
	id[strcspn(id, "\n")] = '\0';
	return id;
}

int64_t
state_boot_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_BOOTTIME, &t);
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}
