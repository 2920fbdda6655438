/* The database: its seam, its beginning, its age, its chain of events. */
#include "state/state.h"

#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/io.h"
#include "base/json.h"
#include "state/schema.h"
#include "tap.h"

static char dir[] = "/tmp/rcn-state.XXXXXX";

static const char *
file(const char *name)
{
	static char path[256];

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	return path;
}

static void
test_beginning(void)
{
	auto_state struct state *st = NULL;
	auto_state struct state *again = NULL;
	struct err err = { 0 };
	struct stat sb;
	int64_t n;

	ok(state_open(&st, "cli:0:root", 0, &err) < 0 &&
		strcmp(err.code, "state-missing") == 0 &&
		err.status == EX_NOINPUT,
	    "no database: said, not made");
	err = (struct err){ 0 };
	ok(state_open(&st, "cli:0:root", DB_CREATE, &err) == 0, "made: %s",
	    err.msg);
	ok(stat(file("state.db"), &sb) == 0 && (sb.st_mode & 077) == 0,
	    "nobody else reads it");
	ok(db_number(st->db,
	       "SELECT count(*) FROM memberships m JOIN users u ON u.id ="
	       " m.user JOIN teams t ON t.id = m.team WHERE u.login = 'local'"
	       " AND t.name = 'default' AND m.role = 'admin'",
	       NO_ARGS, &n, &err) == 0 &&
		n == 1,
	    "local is admin of default");
	ok(state_open(&again, "x", DB_CREATE, &err) == 0 &&
		db_number(again->db, "SELECT count(*) FROM teams", NO_ARGS, &n,
		    &err) == 0 &&
		n == 1,
	    "opened again: nothing is made twice");
}

static void
test_seam(void)
{
	auto_state struct state *st = NULL;
	auto_rows struct db_rows *r = NULL;
	json_auto_t *row = NULL;
	json_auto_t *none = NULL;
	struct err err = { 0 };
	int64_t n;
	size_t size;

	state_open(&st, "x", 0, &err);
	ok(db_run(st->db, "INSERT INTO settings (key, value) VALUES (:k, :v)",
	       ARGS(ARG_TEXT("k", "a'b"), ARG_TEXT("v", "{\"x\":1}")),
	       &err) == 1,
	    "a row");
	ok(db_run(st->db,
	       "INSERT INTO settings (key, value) VALUES (:k, 'again')",
	       ARGS(ARG_TEXT("k", "a'b")), &err) < 0 &&
		strcmp(err.code, "exists") == 0,
	    "the same again exists");
	err = (struct err){ 0 };
	ok(db_run(st->db, "DELETE FROM settings WHERE key = :k",
	       ARGS(ARG_TEXT("k", "no"), ARG_TEXT("other", "")), &err) < 0 &&
		strcmp(err.code, "state-bug") == 0,
	    "an argument that is not in the SQL");
	err = (struct err){ 0 };
	ok(db_run(st->db,
	       "INSERT INTO domains VALUES ('i', 'no', 'no', 'h', 'now')",
	       NO_ARGS, &err) < 0 &&
		strcmp(err.code, "not-found") == 0,
	    "what it names is not there");
	err = (struct err){ 0 };
	row = db_first(st->db,
	    "SELECT key, value AS \"value:json\", 1 AS \"yes:bool\","
	    " NULL AS none, 7 AS n FROM settings",
	    NO_ARGS, &err);
	ok(json_int(row, "value.x", 0) == 1 && json_bool(row, "yes", false) &&
		json_object_get(row, "none") == NULL &&
		json_int(row, "n", 0) == 7,
	    "a row as an object: %s", err.msg);
	none = db_first(st->db, "SELECT key FROM settings WHERE key = 'no'",
	    NO_ARGS, &err);
	ok(none == NULL && err.status == 0, "no row is not a failure");
	ok(db_query(st->db, &r, "SELECT :b", ARGS(ARG_BLOB("b", "\0x", 2)),
	       &err) == 0 &&
		db_next(r, &err) == 1 &&
		memcmp(db_blob(r, 0, &size), "\0x", 2) == 0 && size == 2 &&
		db_next(r, &err) == 0,
	    "bytes as they are");
	ok(db_begin(st->db, &err) == 0 && db_begin(st->db, &err) == 0, "in");
	ok(db_run(st->db, "DELETE FROM settings", NO_ARGS, &err) == 1,
	    "a change inside");
	db_rollback(st->db);
	ok(db_commit(st->db, &err) < 0, "a part has failed: the whole has");
	err = (struct err){ 0 };
	ok(db_number(st->db, "SELECT count(*) FROM settings", NO_ARGS, &n,
	       &err) == 0 &&
		n == 1,
	    "and changed nothing");
}

static void
test_events(void)
{
	auto_state struct state *st = NULL;
	json_auto_t *list = NULL;
	struct err err = { 0 };
	int64_t n;

	state_open(&st, "cli:1:eve", 0, &err);
	for (int i = 0; i < 3; i++)
		ok(state_event(st,
		       &(struct event){ .kind = "x.y",
			   .project = "p",
			   .data = json_pack("{s:i}", "i", i) },
		       &err) == 0,
		    "event %d", i);
	list = state_events(st, "p", 0, 2, &err);
	ok(json_array_size(list) == 2 &&
		json_int(json_array_get(list, 1), "data.i", -1) == 1,
	    "the first two of a project");
	ok(state_verify(st, &n, &err) == 0 && n == 4, "the chain is whole");
	ok(db_run(st->db, "UPDATE events SET actor = 'me' WHERE seq = 2",
	       NO_ARGS, &err) < 0,
	    "no event can be changed");
	ok(db_run(st->db, "DELETE FROM events", NO_ARGS, &err) < 0,
	    "nor taken away");
	err = (struct err){ 0 };
	db_script(st->db,
	    "DROP TRIGGER events_as_written;"
	    "UPDATE events SET actor = 'me' WHERE seq = 3",
	    &err);
	ok(state_verify(st, &n, &err) < 0 &&
		strcmp(err.code, "audit-broken") == 0 &&
		strstr(err.msg, "event 3") != NULL,
	    "who does it all the same is found out: %s", err.msg);
}

static void
test_age(void)
{
	struct state *st = NULL;
	struct err err = { 0 };

	ok(state_open(&st, "x", DB_READ, &err) == 0 &&
		db_run(st->db, "DELETE FROM settings", NO_ARGS, &err) < 0 &&
		strcmp(err.code, "state-readonly") == 0,
	    "read only is that");
	state_close(st);
	st = NULL;
	err = (struct err){ 0 };
	state_open(&st, "x", 0, &err);
	db_script(st->db, "PRAGMA user_version = 99", &err);
	state_close(st);
	st = NULL;
	ok(state_open(&st, "x", 0, &err) < 0 && err.status == EX_CONFIG &&
		strcmp(err.code, "state-newer") == 0,
	    "of a newer version: refused");
}

int
main(void)
{
	char command[300];

	if (mkdtemp(dir) == NULL)
		return 1;
	setenv("RCN_STATE_DIR", dir, 1);
	test_beginning();
	test_seam();
	test_events();
	test_age();
	for (int i = 0; i < 3; i++) {
		static const char *const names[] = { "state.db", "state.db-wal",
			"state.db-shm" };

		snprintf(command, sizeof(command), "%s/%s", dir, names[i]);
		unlink(command);
	}
	rmdir(dir);
	return tap_end();
}
