/* The only file that knows SQLite. */
#include "state/db.h"

#include <assert.h>
#include <errno.h>
#include <sqlite3.h>
#include <string.h>
#include <sys/stat.h>

#include "base/buf.h"
#include "base/json.h"
#include "base/text.h"

/* VALUE_MAX: of a text or a row; a document has at most half of it. */
enum { BUSY_MS = 10000, VALUE_MAX = 8 << 20 };

struct db {
	sqlite3 *sql;
	char *path;
	int depth;
	bool doomed;
	void (*watch)(const char *, void *);
	void *watch_ctx;
};

struct db_rows {
	sqlite3_stmt *stmt;
	struct db *db;
};

static const struct {
	int rc; /* extended, or primary */
	int status;
	const char *code, *hint;
} causes[] = {
	{ SQLITE_CONSTRAINT_UNIQUE, EX_DATAERR, "exists", NULL },
	{ SQLITE_CONSTRAINT_PRIMARYKEY, EX_DATAERR, "exists", NULL },
	{ SQLITE_CONSTRAINT_FOREIGNKEY, EX_NOINPUT, "not-found", NULL },
	{ SQLITE_BUSY, EX_TEMPFAIL, "state-busy",
	    "another program holds the database; try again" },
	{ SQLITE_LOCKED, EX_TEMPFAIL, "state-busy", NULL },
	{ SQLITE_FULL, EX_IOERR, "disk-full",
	    "free some space; nothing is lost" },
	{ SQLITE_CORRUPT, EX_DATAERR, "state-corrupt",
	    "restore the newest backup: rcn-state restore FILE" },
	{ SQLITE_TOOBIG, EX_DATAERR, "state-corrupt",
	    "a value has more bytes than this program has ever written" },
	{ SQLITE_NOTADB, EX_DATAERR, "state-corrupt",
	    "restore the newest backup: rcn-state restore FILE" },
	{ SQLITE_CANTOPEN, EX_NOINPUT, "state-missing",
	    "rcn-state init makes it; RCN_STATE_DIR says where" },
	{ SQLITE_READONLY, EX_NOPERM, "state-readonly",
	    "run as the user who owns the state folder" },
	{ SQLITE_PERM, EX_NOPERM, "state-readonly",
	    "run as the user who owns the state folder" },
	{ SQLITE_IOERR, EX_IOERR, "write-failed", NULL },
};

static int
fail(struct db *db, const char *sql, struct err *err)
{
	int rc =
	    db->sql != NULL ? sqlite3_extended_errcode(db->sql) : SQLITE_NOMEM;
	const char *text = sqlite3_errmsg(db->sql);

	if (rc == SQLITE_CANTOPEN && sqlite3_system_errno(db->sql) == EACCES)
		rc = SQLITE_PERM;
	for (size_t i = 0; i < sizeof(causes) / sizeof(*causes); i++) {
		if (causes[i].rc != rc && causes[i].rc != (rc & 0xff))
			continue;
		err_set(err, causes[i].status, causes[i].code, "%s: %s",
		    db->path, text);
		if (causes[i].hint != NULL)
			err_hint(err, "%s", causes[i].hint);
		return -1;
	}
	return err_set(err, EX_SOFTWARE, "state-bug", "%s: %s: %.200s",
	    db->path, text, sql);
}

static int
pragmas(struct db *db, unsigned flags, struct err *err)
{
	sqlite3_busy_timeout(db->sql, BUSY_MS);
	sqlite3_extended_result_codes(db->sql, 1);
	sqlite3_limit(db->sql, SQLITE_LIMIT_LENGTH, VALUE_MAX);
	sqlite3_db_config(db->sql, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
	if (db_script(db,
		"PRAGMA foreign_keys = ON; PRAGMA synchronous = FULL;"
		"PRAGMA trusted_schema = OFF; PRAGMA secure_delete = ON;"
		"PRAGMA cache_size = -512; PRAGMA temp_store = MEMORY;",
		err) < 0)
		return -1;
	if ((flags & DB_READ) != 0)
		return db_script(db, "PRAGMA query_only = ON", err);
	return db_script(db, "PRAGMA journal_mode = WAL", err);
}

int
db_open(struct db **out, const char *path, unsigned flags, struct err *err)
{
	struct db *db = mem_zalloc(1, sizeof(*db));
	int how = (flags & DB_READ) != 0 ? SQLITE_OPEN_READONLY
					 : SQLITE_OPEN_READWRITE;
	mode_t mask;
	int rc;

	if ((flags & DB_CREATE) != 0)
		how |= SQLITE_OPEN_CREATE;
	db->path = mem_strdup(path);
	mask = umask(077);
	rc = sqlite3_open_v2(path, &db->sql,
	    how | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_NOFOLLOW, NULL);
	rc = rc == SQLITE_OK ? pragmas(db, flags, err) : fail(db, "open", err);
	umask(mask);
	if (rc < 0) {
		db_close(db);
		return -1;
	}
	*out = db;
	return 0;
}

void
db_close(struct db *db)
{
	if (db == NULL)
		return;
	sqlite3_close(db->sql);
	free(db->path);
	free(db);
}

void
db_watch(struct db *db, void (*fn)(const char *, void *), void *ctx)
{
	db->watch = fn;
	db->watch_ctx = ctx;
}

static int
bind(struct db *db, sqlite3_stmt *stmt, const struct db_arg *a, struct err *err)
{
	char name[64];
	int rc = SQLITE_OK, at;

	for (; a != NULL && a->type != DB_END && rc == SQLITE_OK; a++) {
		snprintf(name, sizeof(name), ":%s", a->name);
		at = sqlite3_bind_parameter_index(stmt, name);
		if (at == 0)
			return err_set(err, EX_SOFTWARE, "state-bug",
			    "%s is not in: %.200s", name, sqlite3_sql(stmt));
		if (a->p == NULL)
			rc = sqlite3_bind_null(stmt, at);
		else if (a->type == DB_INT)
			rc = sqlite3_bind_int64(stmt, at, a->n);
		else if (a->type == DB_TEXT)
			rc = sqlite3_bind_text(stmt, at, a->p, -1,
			    SQLITE_TRANSIENT);
		else
			rc = sqlite3_bind_blob64(stmt, at, a->p,
			    (sqlite3_uint64)a->n, SQLITE_TRANSIENT);
	}
	return rc == SQLITE_OK ? 0 : fail(db, sqlite3_sql(stmt), err);
}

int
db_query(struct db *db, struct db_rows **out, const char *sql,
    const struct db_arg *args, struct err *err)
{
	auto_rows struct db_rows *r = mem_zalloc(1, sizeof(*r));

	r->db = db;
	if (db->watch != NULL)
		db->watch(sql, db->watch_ctx);
	if (sqlite3_prepare_v2(db->sql, sql, -1, &r->stmt, NULL) != SQLITE_OK)
		return fail(db, sql, err);
	if (bind(db, r->stmt, args, err) < 0)
		return -1;
	*out = ptr_steal(&r);
	return 0;
}

int
db_next(struct db_rows *r, struct err *err)
{
	assert(r != NULL);
	switch (sqlite3_step(r->stmt)) {
	case SQLITE_ROW:
		return 1;
	case SQLITE_DONE:
		return 0;
	default:
		return fail(r->db, sqlite3_sql(r->stmt), err);
	}
}

void
db_rows_free(struct db_rows *r)
{
	if (r == NULL)
		return;
	sqlite3_finalize(r->stmt);
	free(r);
}

int
db_run(struct db *db, const char *sql, const struct db_arg *args,
    struct err *err)
{
	auto_rows struct db_rows *r = NULL;
	int more;

	if (db_query(db, &r, sql, args, err) < 0)
		return -1;
	while ((more = db_next(r, err)) > 0)
		continue;
	return more < 0 ? -1 : sqlite3_changes(db->sql);
}

int
db_script(struct db *db, const char *sql, struct err *err)
{
	if (sqlite3_exec(db->sql, sql, NULL, NULL, NULL) != SQLITE_OK)
		return fail(db, sql, err);
	return 0;
}

bool
db_is_null(struct db_rows *r, int column)
{
	return sqlite3_column_type(r->stmt, column) == SQLITE_NULL;
}

const char *
db_text(struct db_rows *r, int column)
{
	const unsigned char *s = sqlite3_column_text(r->stmt, column);

	return s != NULL ? (const char *)s : "";
}

int64_t
db_int(struct db_rows *r, int column)
{
	return sqlite3_column_int64(r->stmt, column);
}

const void *
db_blob(struct db_rows *r, int column, size_t *size)
{
	const void *p = sqlite3_column_blob(r->stmt, column);

	*size = (size_t)sqlite3_column_bytes(r->stmt, column);
	return p != NULL ? p : "";
}

static json_t *
value(struct db_rows *r, int column, const char *type)
{
	struct err err = { 0 };
	const char *text;

	if (strcmp(type, ":bool") == 0)
		return json_boolean(db_int(r, column) != 0);
	if (sqlite3_column_type(r->stmt, column) == SQLITE_INTEGER)
		return json_integer(db_int(r, column));
	text = db_text(r, column);
	if (strcmp(type, ":json") == 0)
		return json_parse(text, strlen(text), "state", &err);
	return json_text(text);
}

json_t *
db_json(struct db_rows *r)
{
	json_t *row = json_object();

	for (int i = 0; i < sqlite3_column_count(r->stmt); i++) {
		const char *name = sqlite3_column_name(r->stmt, i);
		size_t n = strcspn(name, ":");
		auto_free char *key = mem_strndup(name, n);

		if (!db_is_null(r, i))
			json_object_set_new(row, key, value(r, i, name + n));
	}
	return row;
}

json_t *
db_list(struct db *db, const char *sql, const struct db_arg *args,
    struct err *err)
{
	auto_rows struct db_rows *r = NULL;
	json_t *list = json_array();
	int more = db_query(db, &r, sql, args, err);

	if (more < 0) {
		json_decref(list);
		return NULL;
	}
	while ((more = db_next(r, err)) > 0)
		json_array_append_new(list, db_json(r));
	if (more == 0)
		return list;
	json_decref(list);
	return NULL;
}

json_t *
db_first(struct db *db, const char *sql, const struct db_arg *args,
    struct err *err)
{
	auto_rows struct db_rows *r = NULL;

	if (db_query(db, &r, sql, args, err) < 0 || db_next(r, err) <= 0)
		return NULL;
	return db_json(r);
}

int
db_number(struct db *db, const char *sql, const struct db_arg *args, int64_t *n,
    struct err *err)
{
	auto_rows struct db_rows *r = NULL;
	int more;

	*n = 0;
	if (db_query(db, &r, sql, args, err) < 0)
		return -1;
	more = db_next(r, err);
	if (more > 0)
		*n = db_int(r, 0);
	return more < 0 ? -1 : 0;
}

int
db_begin(struct db *db, struct err *err)
{
	if (db->depth == 0) {
		db->doomed = false;
		if (db_script(db, "BEGIN IMMEDIATE", err) < 0)
			return -1;
	}
	db->depth++;
	return 0;
}

int
db_commit(struct db *db, struct err *err)
{
	assert(db->depth > 0);
	if (db->depth > 1) {
		db->depth--;
		return 0;
	}
	if (!db->doomed && db_script(db, "COMMIT", err) == 0) {
		db->depth = 0;
		return 0;
	}
	if (db->doomed)
		err_set(err, EX_SOFTWARE, "state-bug",
		    "%s: a part of the transaction has failed", db->path);
	db_rollback(db);
	return -1;
}

void
db_rollback(struct db *db)
{
	assert(db->depth > 0);
	db->doomed = true;
	if (--db->depth > 0)
		return;
	/* SQLite has done it already after some errors. */
	if (sqlite3_get_autocommit(db->sql) == 0)
		sqlite3_exec(db->sql, "ROLLBACK", NULL, NULL, NULL);
}

int
db_end(struct db *db, int ok, struct err *err)
{
	if (ok >= 0)
		return db_commit(db, err);
	db_rollback(db);
	return -1;
}

int
db_copy(struct db *db, const char *path, struct err *err)
{
	mode_t mask = umask(077);
	int done =
	    db_run(db, "VACUUM INTO :path", ARGS(ARG_TEXT("path", path)), err);

	umask(mask);
	return done < 0 ? -1 : 0;
}
