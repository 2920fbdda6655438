/* Deliveries: once each, oldest first, gone when done, all or none. */
#include "tap.h"

#include <sys/stat.h>

#include "base/io.h"
#include "base/json.h"
#include "state/db.h"
#include "state/spool.h"

static struct err err;

static int
put(struct spool *s, const char *id, const char *body, enum spool_answer *a)
{
	json_auto_t *doc = json_pack("{s:s}", "body", body);
	char digest[SHA256_HEX];

	err = (struct err){ 0 };
	sha256_hex(body, strlen(body), digest);
	return spool_add(s, id, digest, doc, a, &err);
}

static void
once(struct spool *s)
{
	enum spool_answer a;
	int64_t n;

	ok(put(s, "a", "1", &a) == 0 && a == SPOOL_ADDED, "a new one");
	ok(put(s, "a", "1", &a) == 0 && a == SPOOL_SAME_ID, "the same again");
	ok(put(s, "a", "2", &a) == 0 && a == SPOOL_SAME_ID, "its id again");
	ok(put(s, "b", "1", &a) == 0 && a == SPOOL_SAME_BODY,
	    "a replay under another id");
	ok(put(s, "b", "2", &a) == 0 && a == SPOOL_ADDED, "another");
	ok(spool_waiting(s, &n, &err) == 0 && n == 2, "two wait");
}

static void
order(struct spool *s)
{
	auto_spool_row struct spool_row row = { 0 };
	enum spool_answer a;

	ok(spool_next(s, &row, &err) == 1, "the oldest");
	tap_str(row.id, "a", "is the first");
	tap_str(json_str(row.delivery, "body", ""), "1", "with its data");
	ok(spool_done(s, row.seq, &err) == 0 &&
		spool_done(s, row.seq, &err) == 0,
	    "done, twice");
	spool_row_release(&row);
	ok(spool_next(s, &row, &err) == 1, "the next");
	tap_str(row.id, "b", "is the second");
	ok(spool_done(s, row.seq, &err) == 0, "done");
	spool_row_release(&row);
	ok(spool_next(s, &row, &err) == 0, "none waits");
	ok(put(s, "a", "3", &a) == 0 && a == SPOOL_SAME_ID,
	    "an id is kept after its data");
	ok(put(s, "c", "2", &a) == 0 && a == SPOOL_SAME_BODY,
	    "and so is a digest");
}

static void
group(struct spool *s)
{
	enum spool_answer a;
	int64_t n;

	ok(spool_begin(s, &err) == 0, "several at once");
	ok(put(s, "g1", "g1", &a) == 0 && put(s, "g2", "g2", &a) == 0, "two");
	spool_rollback(s);
	ok(spool_waiting(s, &n, &err) == 0 && n == 0, "taken back: none");
	ok(spool_begin(s, &err) == 0 && put(s, "g1", "g1", &a) == 0 &&
		a == SPOOL_ADDED && put(s, "g1", "g1", &a) == 0 &&
		a == SPOOL_SAME_ID && spool_commit(s, &err) == 0,
	    "the same twice in one group");
	ok(spool_waiting(s, &n, &err) == 0 && n == 1, "is one");
}

/* What is done and old goes, what waits stays however old. */
static void
bounds(struct spool *s, const char *path)
{
	struct db *db = NULL;
	auto_spool_row struct spool_row row = { 0 };
	int64_t n;

	ok(db_open(&db, path, 0, &err) == 0, "open below");
	ok(db_script(db,
	       "UPDATE deliveries SET received_at ="
	       " '2001-01-01T00:00:00.000Z';"
	       "INSERT INTO deliveries (seq, id, digest, received_at)"
	       " VALUES (200000, 'new', 'new', '2999-01-01T00:00:00.000Z'),"
	       " (5000, 'far', 'far', '2999-01-01T00:00:00.000Z')",
	       &err) == 0,
	    "age what is there");
	ok(spool_done(s, 200000, &err) == 0, "one more is done");
	ok(db_number(db, "SELECT count(*) FROM deliveries", NO_ARGS, &n,
	       &err) == 0 &&
		n == 2,
	    "the old and the far are gone");
	ok(spool_next(s, &row, &err) == 1, "what waits is there");
	tap_str(row.id, "g1", "by its id");
	db_close(db);
}

static void
opening(const char *path)
{
	struct spool *s = NULL;
	struct db *db = NULL;
	struct stat st;

	ok(stat(path, &st) == 0 && (st.st_mode & 077) == 0, "ours alone");
	ok(spool_open(&s, "nowhere/spool.db", 0, &err) < 0, "no folder");
	err = (struct err){ 0 };
	ok(spool_open(&s, "other.db", 0, &err) < 0, "no file");
	tap_str(err.code, "state-missing", "says so");
	ok(db_open(&db, path, 0, &err) == 0 &&
		db_script(db, "PRAGMA user_version = 2", &err) == 0,
	    "of a newer version");
	db_close(db);
	ok(spool_open(&s, path, SPOOL_CREATE, &err) < 0, "is refused");
	tap_str(err.code, "state-newer", "and says so");
	ok(s == NULL, "nothing is open");
}

/* One that a daemon which was taken over has left for the worker. */
static void
hostile(void)
{
	static const char *const odd[] = {
		"CREATE TRIGGER t AFTER UPDATE ON deliveries BEGIN"
		" INSERT INTO deliveries (id, digest, received_at, data)"
		" VALUES (random(), random(), '', '{}'); END",
		"DROP TRIGGER t; CREATE TABLE other (a TEXT)",
		"DROP TABLE other; DROP TABLE deliveries; CREATE VIEW"
		" deliveries AS WITH RECURSIVE n (seq) AS (SELECT 1 UNION ALL"
		" SELECT seq + 1 FROM n) SELECT seq, 'i' AS id, 'd' AS digest,"
		" '' AS received_at, '{}' AS data FROM n",
	};
	auto_spool struct spool *s = NULL, *own = NULL;
	auto_spool_row struct spool_row row = { 0 };
	enum spool_answer a;
	struct db *db = NULL;

	err = (struct err){ 0 };
	ok(spool_open(&own, "hostile.db", SPOOL_CREATE, &err) == 0 &&
		put(own, "a", "1", &a) == 0 && put(own, "b", "2", &a) == 0 &&
		db_open(&db, "hostile.db", 0, &err) == 0 &&
		spool_open(&s, "hostile.db", 0, &err) == 0,
	    "as the worker opens it: %s", err.msg);
	ok(db_script(db,
	       "UPDATE deliveries SET data = 'no JSON' WHERE id = 'a'",
	       &err) == 0 &&
		spool_next(s, &row, &err) == 1 &&
		json_object_size(row.delivery) == 0 &&
		spool_done(s, row.seq, &err) == 0,
	    "no JSON: nothing in it, and it holds up nobody: %s", err.msg);
	spool_row_release(&row);
	ok(db_script(db,
	       "UPDATE deliveries SET data = '\"' ||"
	       " hex(zeroblob(1048576)) || '\"' WHERE id = 'b'",
	       &err) == 0 &&
		spool_next(s, &row, &err) == 1 &&
		json_object_size(row.delivery) == 0,
	    "too much of it, too: %s", err.msg);
	for (size_t i = 0; i < sizeof(odd) / sizeof(*odd); i++) {
		ok(db_script(db, odd[i], &err) == 0, "%s", odd[i]);
		spool_row_release(&row);
		ok(spool_next(s, &row, &err) < 0 &&
			strcmp(err.code, "state-corrupt") == 0,
		    "not looked at: %s", err.msg);
		err = (struct err){ 0 };
		ok(spool_done(s, 1, &err) < 0, "nor written to");
		err = (struct err){ 0 };
	}
	db_close(db);
	for (int i = 0; i < 3; i++) {
		static const char *const names[] = { "hostile.db",
			"hostile.db-wal", "hostile.db-shm" };

		(void)unlink(names[i]);
	}
}

int
main(void)
{
	char dir[] = "/tmp/rcn-unit-spool-XXXXXX";
	struct spool *s = NULL;

	if (mkdtemp(dir) == NULL || chdir(dir) < 0)
		return EX_OSERR;
	ok(spool_open(&s, "spool.db", SPOOL_CREATE, &err) == 0, "made");
	once(s);
	order(s);
	group(s);
	bounds(s, "spool.db");
	hostile();
	spool_close(s);
	ok(spool_open(&s, "spool.db", 0, &err) == 0, "opened again");
	spool_close(s);
	opening("spool.db");
	(void)io_remove("spool.db", &err);
	(void)io_remove("spool.db-wal", &err);
	(void)io_remove("spool.db-shm", &err);
	ok(chdir("/") == 0 && rmdir(dir) == 0, "nothing else was left");
	return tap_end();
}
