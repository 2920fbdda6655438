/* What goes of old documents, deliveries and jobs, and what stays. */
#include "state/prune.h"

#include <stdlib.h>

#include "base/folder.h"
#include "base/json.h"
#include "state/project.h"
#include "tap.h"

static char dir[] = "/tmp/rcn-prune.XXXXXX";
static struct state *st;
static struct err err;

static void
run(const char *sql)
{
	if (db_script(st->db, sql, &err) < 0)
		printf("# %s\n", err.msg);
}

/* n of a project, each with a document; the last is live. */
static void
fill(const char *slug, int n)
{
	json_auto_t *none = json_object();
	json_auto_t *row = project_add(st, slug, none, &err);

	for (int i = 1; i <= n; i++) {
		auto_free char *id = mem_printf("%s-%d", slug, i);
		auto_free char *image = mem_printf("r/%s:%d", slug, i / 2);

		db_run(st->db,
		    "INSERT INTO deployments (id, project, environment, number,"
		    " trigger, state, actor, image_ref, document, created_at,"
		    " live_at) SELECT :id, p.id, e.id, :n, 'push', :state, 'x',"
		    " :image, '{\"a\":1}', 'now', 'now' FROM projects p JOIN"
		    " environments e ON e.project = p.id WHERE p.slug = :slug",
		    ARGS(ARG_TEXT("id", id), ARG_INT("n", i),
			ARG_TEXT("state", i == n ? "live" : "superseded"),
			ARG_TEXT("image", image), ARG_TEXT("slug", slug)),
		    &err);
	}
	ok(row != NULL && err.status == 0, "%s: %s", slug, err.msg);
}

static int64_t
number(const char *sql)
{
	int64_t n = -1;

	db_number(st->db, sql, NO_ARGS, &n, &err);
	return n;
}

static int64_t
rows(const json_t *list, const char *kind)
{
	const json_t *row;
	size_t i;

	json_array_foreach(list, i, row)
		if (strcmp(json_str(row, "kind", ""), kind) == 0)
			return json_int(row, "rows", -1);
	return 0;
}

/* The numbers whose documents are there, "9,10". */
static void
left(const char *slug, const char *want, const char *what)
{
	json_auto_t *row = db_first(st->db,
	    "SELECT group_concat(number) AS n FROM (SELECT d.number FROM"
	    " deployments d JOIN projects p ON p.id = d.project WHERE"
	    " p.slug = :slug AND d.document IS NOT NULL ORDER BY d.number)",
	    ARGS(ARG_TEXT("slug", slug)), &err);

	tap_str(json_str(row, "n", NULL), want, what);
}

static void
jobs(void)
{
	run("INSERT INTO jobs (id, kind, status, created_at, ended_at) VALUES"
	    " ('old', 'gc', 'done', '', '2020-01-01T00:00:00.000Z'),"
	    " ('lost', 'gc', 'failed', '', '2020-01-01T00:00:00.000Z'),"
	    " ('waits', 'gc', 'queued', '2020-01-01T00:00:00.000Z', NULL),"
	    " ('new', 'gc', 'done', '', '2999-01-01T00:00:00.000Z');"
	    "INSERT INTO deliveries (id, result, created_at) VALUES"
	    " ('old', '{}', '2020-01-01T00:00:00.000Z'),"
	    " ('new', '{}', '2999-01-01T00:00:00.000Z');"
	    "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n"
	    " WHERE i < 1234) INSERT INTO deliveries (id, result, created_at)"
	    " SELECT 'd' || i, '{}', '2021-01-01T00:00:00.000Z' FROM n");
}

int
main(void)
{
	struct prune p = {
		.deployments = 3, .images = 2, .days = 30, .dry = true
	};
	json_auto_t *dry = NULL;
	json_auto_t *done = NULL;
	json_auto_t *again = NULL;

	if (mkdtemp(dir) == NULL)
		return 1;
	setenv("RCN_STATE_DIR", dir, 1);
	if (state_open(&st, "cli:0:root", DB_CREATE, &err) < 0)
		return 1;
	fill("many", 12);
	fill("few", 2);
	run("UPDATE deployments SET state = 'building' WHERE id = 'many-1'");
	jobs();
	dry = state_prune(st, &p, &err);
	ok(rows(dry, "saved-document") == 6 && rows(dry, "delivery") == 1235 &&
		rows(dry, "job") == 2,
	    "what would go: %s", err.msg);
	ok(number("SELECT count(*) FROM deliveries") == 1236 &&
		number("SELECT count(*) FROM deployments WHERE document IS NOT"
		       " NULL") == 14,
	    "and is there yet");
	p.dry = false;
	done = state_prune(st, &p, &err);
	ok(json_equal(done, dry), "the same goes: %s", err.msg);
	/* 12 has image 6; 5 and 4 are those before it: 8 to 11. */
	left("many", "1,8,9,10,11,12",
	    "the newest, those of images that stay, one at work");
	left("few", "1,2", "few stay");
	ok(number("SELECT count(*) FROM deployments") == 14,
	    "deployments stay");
	ok(number("SELECT count(*) FROM deliveries") == 1 &&
		number("SELECT count(*) FROM jobs") == 2,
	    "what is new or waits stays");
	again = state_prune(st, &p, &err);
	ok(json_array_size(again) == 0, "nothing more");
	state_close(st);
	folder_remove("/tmp", dir + strlen("/tmp/"), &err);
	return tap_end();
}
