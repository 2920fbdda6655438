/* Which images a rollback may ask for. */
#include "state/images.h"

#include <stdlib.h>
#include <unistd.h>

#include "base/json.h"
#include "tap.h"

static char dir[] = "/tmp/rcn-images.XXXXXX";

static void
deployment(struct state *st, int n, const char *state, const char *ref,
    bool was_live)
{
	auto_free char *id = mem_printf("d%d", n);
	struct err err = { 0 };

	ok(db_run(st->db,
	       "INSERT INTO deployments (id, project, environment, number,"
	       " trigger, state, actor, image_ref, created_at, live_at) VALUES"
	       " (:id, 'p', 'e', :n, 'push', :state, 'x', :ref, 'now', :live)",
	       ARGS(ARG_TEXT("id", id), ARG_INT("n", n),
		   ARG_TEXT("state", state), ARG_TEXT("ref", ref),
		   ARG_TEXT("live", was_live ? "then" : NULL)),
	       &err) == 1,
	    "%d %s: %s", n, state, err.msg);
}

static void
test_wanted(struct state *st)
{
	json_auto_t *rows = NULL;
	auto_buf struct buf text = { 0 };
	struct err err = { 0 };

	deployment(st, 1, "superseded", "a:1", true);
	deployment(st, 2, "superseded", "a:2", true);
	deployment(st, 3, "superseded", "a:3", true);
	deployment(st, 4, "superseded", "a:3", true);
	deployment(st, 5, "failed", "a:5", false);
	deployment(st, 6, "live", "a:4", true);
	deployment(st, 7, "deploying", "a:7", false);
	rows = state_images(st, 2, &err);
	json_write(&text, rows, JSON_COMPACT | JSON_SORT_KEYS);
	tap_str(buf_str(&text),
	    "{\"known\":[\"shop\"],\"wanted\":[\"a:4\",\"a:3\",\"a:2\","
	    "\"a:7\"]}",
	    "live, two different ones before it, and what is on its way");
}

int
main(void)
{
	struct state *st = NULL;
	struct err err = { 0 };

	if (mkdtemp(dir) == NULL)
		return 1;
	setenv("RCN_STATE_DIR", dir, 1);
	ok(state_open(&st, "x", DB_CREATE, &err) == 0 &&
		db_script(st->db,
		    "INSERT INTO projects (id, team, slug, created_at,"
		    " updated_at) SELECT 'p', id, 'shop', '', '' FROM teams;"
		    "INSERT INTO environments (id, project, name, kind,"
		    " created_at, updated_at) VALUES ('e', 'p', 'production',"
		    " 'production', '', '')",
		    &err) == 0,
	    "a project");
	test_wanted(st);
	state_close(st);
	for (int i = 0; i < 3; i++) {
		static const char *const ends[] = { "", "-wal", "-shm" };
		auto_free char *path =
		    mem_printf("%s/state.db%s", dir, ends[i]);

		(void)unlink(path);
	}
	(void)rmdir(dir);
	return tap_end();
}
