/*
 * db - the seam to SQLite: nothing else calls sqlite3_*.
 * A database has one connection and one thread.  SQL is what PostgreSQL takes
 * too, values are bound by name, never written into the text:
 *	auto_rows struct db_rows *r = NULL;
 *	if (db_query(db, &r, "SELECT id, slug FROM projects WHERE team = :team",
 *	    ARGS(ARG_TEXT("team", team)), err) < 0)
 *		return -1;
 *	while ((more = db_next(r, err)) > 0)
 *		use(db_text(r, 0));
 * Durable: WAL, synchronous=FULL; what db_commit() or a lone db_run() has
 * answered 0 to is on disk.
 *
 * Errors: EX_TEMPFAIL "state-busy" (another writer for 10 s); EX_IOERR
 * "disk-full" and "write-failed"; EX_DATAERR "state-corrupt", and "exists"
 * where a unique row is there already; EX_NOINPUT "state-missing", and
 * "not-found" where a row that another names is not; EX_NOPERM
 * "state-readonly".
 */
#ifndef STATE_DB_H
#define STATE_DB_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/cleanup.h"
#include "base/err.h"

struct db;
struct db_rows;

enum { DB_CREATE = 1, DB_READ = 2 }; /* READ: no change can be made */
int db_open(struct db **, const char *path, unsigned flags, struct err *);
void db_close(struct db *);

enum db_type { DB_END, DB_INT, DB_TEXT, DB_BLOB };
struct db_arg {
	const char *name; /* without the colon */
	enum db_type type;
	int64_t n; /* the number, or a blob's size */
	const void *p; /* borrowed; NULL is the database's NULL */
};
#define ARG_INT(name, v) ((struct db_arg){ name, DB_INT, (v), "" })
#define ARG_NULL(name) ((struct db_arg){ name, DB_TEXT, 0, NULL })
#define ARG_TEXT(name, s) ((struct db_arg){ name, DB_TEXT, 0, (s) })
#define ARG_BLOB(name, p, size) \
	((struct db_arg){ name, DB_BLOB, (int64_t)(size), (p) })
#define ARGS(...) ((const struct db_arg[]){ __VA_ARGS__, { 0 } })
#define NO_ARGS ((const struct db_arg *)NULL)

/* One statement without rows: how many rows it changed, or -1.  An argument
 * that the SQL does not name is a bug and fails. */
int db_run(struct db *, const char *sql, const struct db_arg *, struct err *);
/* Several statements, no values: a schema. */
int db_script(struct db *, const char *sql, struct err *);

int db_query(struct db *, struct db_rows **, const char *sql,
    const struct db_arg *, struct err *);
int db_next(struct db_rows *, struct err *); /* 1 a row, 0 the end, -1 */
void db_rows_free(struct db_rows *);
static inline void
db_rows_cleanup(struct db_rows **r)
{
	db_rows_free(*r);
}
#define auto_rows AUTO(db_rows_cleanup)

/* Of the row at hand, borrowed until db_next(); NULL is NULL, 0 or "". */
bool db_is_null(struct db_rows *, int column);
const char *db_text(struct db_rows *, int column); /* never NULL */
int64_t db_int(struct db_rows *, int column);
const void *db_blob(struct db_rows *, int column, size_t *);
/*
 * The row as an object, columns by name, NULL left out; a new reference.
 * A name that ends in ":json" is parsed, in ":bool" becomes true or false:
 *	SELECT settings AS "settings:json" ...
 */
json_t *db_json(struct db_rows *);

/* All rows as a list of objects; the first as an object (NULL and
 * err->status 0: there is none). */
json_t *db_list(struct db *, const char *sql, const struct db_arg *,
    struct err *);
json_t *db_first(struct db *, const char *sql, const struct db_arg *,
    struct err *);
/* The first column of the first row as a number; 0 where there is none. */
int db_number(struct db *, const char *sql, const struct db_arg *, int64_t *,
    struct err *);

/*
 * Transactions take the write lock at once and nest: only the outermost
 * db_commit() commits; a db_rollback() inside dooms the whole.
 */
int db_begin(struct db *, struct err *);
int db_commit(struct db *, struct err *);
void db_rollback(struct db *);
/* For functions that begin one: commits if ok is 0, else rolls back and
 * returns -1.	return db_end(db, change(db, err), err); */
int db_end(struct db *, int ok, struct err *);

/* A whole copy in a new file, consistent, while others write. */
int db_copy(struct db *, const char *path, struct err *);
/* Tests: is told the text of every statement. */
void db_watch(struct db *, void (*)(const char *sql, void *), void *);

#endif
