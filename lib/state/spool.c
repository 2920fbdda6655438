#include "state/spool.h"

#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "base/json.h"
#include "state/db.h"

enum { VERSION = 1, PRUNE = 16, DATA_MAX = 1 << 20 };

struct spool {
	struct db *db;
	bool foreign; /* somebody else's file: trusted as far as it is seen */
};

static const char table[] = "CREATE TABLE deliveries ("
			    " seq INTEGER PRIMARY KEY AUTOINCREMENT,"
			    " id TEXT NOT NULL UNIQUE,"
			    " digest TEXT NOT NULL UNIQUE,"
			    " received_at TEXT NOT NULL,"
			    " data TEXT" /* NULL: done */
			    ") STRICT";
static const char waiting[] =
    "CREATE INDEX deliveries_waiting ON deliveries (seq)"
    " WHERE data IS NOT NULL";
/* What AUTOINCREMENT keeps; SQLite's own words. */
static const char sequence[] = "CREATE TABLE sqlite_sequence(name,seq)";

static int
migrate(struct spool *s, const char *path, unsigned flags, struct err *err)
{
	int64_t v;

	if (db_number(s->db, "PRAGMA user_version", NO_ARGS, &v, err) < 0)
		return -1;
	if (v == VERSION)
		return 0;
	if (v > VERSION)
		return err_set(err, EX_CONFIG, "state-newer",
		    "%s: of version %lld, this program knows %d", path,
		    (long long)v, VERSION);
	if ((flags & SPOOL_CREATE) == 0)
		return err_set(err, EX_NOINPUT, "state-missing", "%s: empty",
		    path);
	return db_script(s->db, table, err) < 0 ||
		       db_script(s->db, waiting, err) < 0
		   ? -1
		   : db_script(s->db, "PRAGMA user_version = 1", err);
}

/*
 * The file is of the daemon that listens: one that was taken over could leave
 * a view without an end there, or triggers, for us to run.  Asked in the
 * transaction that uses it.
 */
static int
check(struct spool *s, struct err *err)
{
	json_auto_t *odd = NULL;

	if (!s->foreign)
		return 0;
	odd = db_first(s->db,
	    "SELECT type, name FROM sqlite_schema WHERE NOT coalesce("
	    "sql IN (:table, :waiting, :sequence), type = 'index') LIMIT 1",
	    ARGS(ARG_TEXT("table", table), ARG_TEXT("waiting", waiting),
		ARG_TEXT("sequence", sequence)),
	    err);
	if (odd == NULL)
		return err->status != 0 ? -1 : 0;
	err_set(err, EX_DATAERR, "state-corrupt",
	    "the spool has a %s %s, which is not rcn-hookd's",
	    json_str(odd, "type", "?"), json_str(odd, "name", "?"));
	return err_hint(err, "move hook/spool.db away, and ask how it came "
			     "there");
}

/* Two that begin at once: the second finds it made. */
static int
prepare(struct spool *s, const char *path, unsigned flags, struct err *err)
{
	if ((flags & SPOOL_CREATE) == 0)
		return migrate(s, path, flags, err);
	if (db_begin(s->db, err) < 0)
		return -1;
	return db_end(s->db, migrate(s, path, flags, err), err);
}

int
spool_open(struct spool **out, const char *path, unsigned flags,
    struct err *err)
{
	auto_spool struct spool *s = mem_zalloc(1, sizeof(*s));

	json_init();
	s->foreign = (flags & SPOOL_CREATE) == 0;
	if (db_open(&s->db, path, flags & SPOOL_CREATE ? DB_CREATE : 0, err) <
		0 ||
	    prepare(s, path, flags, err) < 0)
		return -1;
	*out = ptr_steal(&s);
	return 0;
}

void
spool_close(struct spool *s)
{
	if (s == NULL)
		return;
	db_close(s->db);
	free(s);
}

static int
there(struct spool *s, const char *sql, const char *value, int64_t *seq,
    struct err *err)
{
	return db_number(s->db, sql, ARGS(ARG_TEXT("value", value)), seq, err);
}

static int
add(struct spool *s, const char *id, const char *digest, const json_t *delivery,
    enum spool_answer *answer, struct err *err)
{
	char now[CLOCK_TEXT];
	auto_buf struct buf data = { 0 };
	int64_t seq;

	*answer = SPOOL_SAME_ID;
	if (there(s, "SELECT seq FROM deliveries WHERE id = :value", id, &seq,
		err) < 0 ||
	    seq != 0)
		return seq != 0 ? 0 : -1;
	*answer = SPOOL_SAME_BODY;
	if (there(s, "SELECT seq FROM deliveries WHERE digest = :value", digest,
		&seq, err) < 0 ||
	    seq != 0)
		return seq != 0 ? 0 : -1;
	*answer = SPOOL_ADDED;
	clock_now_text(now);
	json_write(&data, delivery, JSON_COMPACT);
	return db_run(s->db,
		   "INSERT INTO deliveries (id, digest, received_at, data)"
		   " VALUES (:id, :digest, :now, :data)",
		   ARGS(ARG_TEXT("id", id), ARG_TEXT("digest", digest),
		       ARG_TEXT("now", now), ARG_TEXT("data", data.data)),
		   err) < 0
		   ? -1
		   : 0;
}

int
spool_add(struct spool *s, const char *id, const char digest[SHA256_HEX],
    const json_t *delivery, enum spool_answer *answer, struct err *err)
{
	if (db_begin(s->db, err) < 0)
		return -1;
	return db_end(s->db, add(s, id, digest, delivery, answer, err), err);
}

int
spool_begin(struct spool *s, struct err *err)
{
	return db_begin(s->db, err);
}

int
spool_commit(struct spool *s, struct err *err)
{
	return db_commit(s->db, err);
}

void
spool_rollback(struct spool *s)
{
	db_rollback(s->db);
}

/* 1, 0, -1; what is no JSON, or too much of it, is an empty delivery. */
static int
next(struct spool *s, struct spool_row *row, struct err *err)
{
	auto_rows struct db_rows *r = NULL;
	struct err bad = { 0 };
	const char *text;
	int more;

	if (check(s, err) < 0 ||
	    db_query(s->db, &r,
		"SELECT seq, id, received_at,"
		" CASE WHEN length(data) <= :max THEN data ELSE '' END"
		" FROM deliveries WHERE data IS NOT NULL"
		" ORDER BY seq LIMIT 1",
		ARGS(ARG_INT("max", DATA_MAX)), err) < 0)
		return -1;
	if ((more = db_next(r, err)) <= 0)
		return more;
	row->seq = db_int(r, 0);
	(void)snprintf(row->id, sizeof(row->id), "%s", db_text(r, 1));
	(void)snprintf(row->received_at, sizeof(row->received_at), "%s",
	    db_text(r, 2));
	text = db_text(r, 3);
	row->delivery = json_parse(text, strlen(text), row->id, &bad);
	if (!json_is_object(row->delivery)) {
		json_decref(row->delivery);
		row->delivery = json_object();
	}
	return 1;
}

int
spool_next(struct spool *s, struct spool_row *row, struct err *err)
{
	int more;

	memset(row, 0, sizeof(*row));
	if (db_begin(s->db, err) < 0)
		return -1;
	more = next(s, row, err);
	return db_end(s->db, more, err) < 0 ? -1 : more;
}

void
spool_row_release(struct spool_row *row)
{
	json_decref(row->delivery);
	row->delivery = NULL;
}

/* A few at the old end each time: as many go as come. */
static int
prune(struct spool *s, struct err *err)
{
	char old[CLOCK_TEXT];

	clock_text(clock_wall_ms() - (int64_t)SPOOL_DAYS * 24 * 3600 * 1000,
	    old);
	return db_run(s->db,
	    "DELETE FROM deliveries WHERE data IS NULL AND seq IN"
	    " (SELECT seq FROM deliveries ORDER BY seq LIMIT :few) AND"
	    " (received_at < :old OR"
	    " seq <= (SELECT max(seq) FROM deliveries) - :keep)",
	    ARGS(ARG_INT("few", PRUNE), ARG_TEXT("old", old),
		ARG_INT("keep", SPOOL_KEEP)),
	    err);
}

static int
done(struct spool *s, int64_t seq, struct err *err)
{
	if (check(s, err) < 0 ||
	    db_run(s->db, "UPDATE deliveries SET data = NULL WHERE seq = :seq",
		ARGS(ARG_INT("seq", seq)), err) < 0)
		return -1;
	return prune(s, err);
}

int
spool_done(struct spool *s, int64_t seq, struct err *err)
{
	if (db_begin(s->db, err) < 0)
		return -1;
	return db_end(s->db, done(s, seq, err), err);
}

int
spool_waiting(struct spool *s, int64_t *n, struct err *err)
{
	return db_number(s->db,
	    "SELECT count(*) FROM deliveries WHERE data IS NOT NULL", NO_ARGS,
	    n, err);
}
