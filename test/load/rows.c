/*
 * rows - a database of the state folder with many rows, and how long it
 * takes to ask it.
 *
 *	rows fill PROJECTS DEPLOYMENTS    makes it; $RCN_STATE_DIR is empty
 *	rows time CALL N                  the median of N calls, microseconds
 *
 * Deployments are spread evenly; each has a job and an event, all have ended
 * and the newest of each project is live, with a document.  CALL: get (by
 * number), get-id, list and list-environment (the first 20 of a project),
 * projects (the first 20), claim (of one that was added before).  Each call
 * is to another project, warm: the first tenth is not counted.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/json.h"
#include "base/log.h"
#include "base/text.h"
#include "state/deployment.h"
#include "state/job.h"
#include "state/project.h"

/*
 * Ids grow, as those of UUIDv7 do.  :each is a project's deployments.
 */
static const char *const fill_sql[] = {
	"WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n"
	" WHERE i + 1 < :projects) INSERT INTO projects (id, team, slug,"
	" repository, repository_url, settings, next_number, created_at, "
	"updated_at) SELECT"
	" printf('01a00000-0000-7000-8000-%012x', i), (SELECT id FROM teams),"
	" printf('p%d', i), printf('github.com/o/p%d', i),"
	" printf('https://github.com/o/p%d', i),"
	" '{\"processes\":{\"web\":{\"scale\":2}}}', :each + 1,"
	" '2026-01-01T00:00:00.000Z', '2026-01-01T00:00:00.000Z' FROM n",
	"INSERT INTO environments (id, project, name, kind, branch, live,"
	" created_at, updated_at) SELECT '01b0' || substr(p.id, 5), p.id,"
	" 'production', 'production', 'main', printf('01c00000-0000-7000-8000-"
	"%012x', (:each - 1) * :projects + p.rowid - 1), p.created_at,"
	" p.created_at FROM projects p",
	"INSERT INTO domains (id, project, environment, host, created_at)"
	" SELECT '01d0' || substr(p.id, 5), p.id,"
	" '01b0' || substr(p.id, 5), p.slug || '.example', p.created_at"
	" FROM projects p",
	"WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n"
	" WHERE i + 1 < :projects * :each) INSERT INTO deployments (id,"
	" project, environment, number, trigger, state, actor, branch,"
	" commit_id, message, author, settings, image_ref, document, attempt,"
	" created_at, started_at, live_at, ended_at, log) SELECT"
	" printf('01c00000-0000-7000-8000-%012x', i),"
	" printf('01a00000-0000-7000-8000-%012x', i % :projects),"
	" printf('01b00000-0000-7000-8000-%012x', i % :projects),"
	" i / :projects + 1, 'push', CASE WHEN i / :projects = :each - 1 THEN"
	" 'live' ELSE 'superseded' END, 'hook:github:octocat', 'main',"
	" printf('%040x', i), 'Change what was changed before, once more',"
	" 'Octo Cat', '{\"processes\":{\"web\":{\"scale\":2}}}',"
	" printf('registry.example/p%d:%012x', i % :projects, i),"
	" CASE WHEN i / :projects = :each - 1 THEN"
	"  '{\"x\":\"' || printf('%.4000c', 'x') || '\"}' END, 1,"
	" '2026-01-01T00:00:00.000Z', '2026-01-01T00:00:01.000Z',"
	" '2026-01-01T00:01:00.000Z', '2026-01-01T00:02:00.000Z',"
	" printf('01c00000-0000-7000-8000-%012x', i) FROM n",
	"INSERT INTO jobs (id, kind, project, environment, deployment, status,"
	" epoch, attempts, created_at, ended_at) SELECT"
	" '01e0' || substr(id, 5), 'deploy', project, environment, id,"
	" 'done', 1, 1, created_at, ended_at FROM deployments",
	"INSERT INTO events (id, at, kind, actor, project, environment,"
	" deployment, data, hash) SELECT '01f0' || substr(id, 5),"
	" created_at, 'deployment.live', actor, project, environment, id,"
	" '{\"number\":1}', printf('%064d', 0) FROM deployments",
	"INSERT INTO settings (key, value) VALUES ('rows', :each)",
};

static int
die(const struct err *err)
{
	err_print(err);
	return err->status != 0 ? err->status : EX_SOFTWARE;
}

static int
run_fill(struct state *st, const char *sql, int64_t projects, int64_t each,
    struct err *err)
{
	struct db_arg args[3] = { { 0 } };
	size_t n = 0;

	if (strstr(sql, ":projects") != NULL)
		args[n++] = ARG_INT("projects", projects);
	if (strstr(sql, ":each") != NULL)
		args[n++] = ARG_INT("each", each);
	return db_run(st->db, sql, args, err) < 0 ? -1 : 0;
}

static int
fill(int64_t projects, int64_t each)
{
	auto_state struct state *st = NULL;
	struct err err = { 0 };
	int bad = 0;

	/* Only here may a loss of power be the end of it. */
	if (state_open(&st, "cli:0:root", DB_CREATE, &err) < 0 ||
	    db_script(st->db,
		"PRAGMA journal_mode = MEMORY; PRAGMA synchronous = OFF;"
		"PRAGMA cache_size = -400000;",
		&err) < 0 ||
	    db_begin(st->db, &err) < 0)
		return die(&err);
	for (size_t i = 0; i < sizeof(fill_sql) / sizeof(*fill_sql) && bad == 0;
	     i++)
		bad = run_fill(st, fill_sql[i], projects, each, &err);
	if (db_end(st->db, bad, &err) < 0)
		return die(&err);
	return 0;
}

/* ---- calls, each on a project of its own ---- */

struct call {
	struct state *st;
	const char *slug, *id;
	int64_t number;
};

static json_t *
get(struct call *c, struct err *err)
{
	auto_free char *key =
	    mem_printf("%s:%lld", c->slug, (long long)c->number);

	return deployment_get(c->st, key, err);
}

static json_t *
get_id(struct call *c, struct err *err)
{
	return deployment_get(c->st, c->id, err);
}

static json_t *
list(struct call *c, struct err *err)
{
	return deployment_list(c->st, c->slug, NULL, 0, 20, err);
}

static json_t *
list_environment(struct call *c, struct err *err)
{
	return deployment_list(c->st, c->slug, "production", 0, 20, err);
}

static json_t *
projects(struct call *c, struct err *err)
{
	return project_list(c->st, NULL, 20, err);
}

static json_t *
claim(struct call *c, struct err *err)
{
	json_t *job = NULL;

	if (job_claim(c->st, "rows", 60000, &job, err) == 1)
		return job;
	if (err->status == 0)
		err_set(err, EX_SOFTWARE, "bad-deployment", "nothing is due");
	return NULL;
}

static int
before_claim(struct call *c, struct err *err)
{
	json_auto_t *row = deployment_add(c->st,
	    &(struct deployment_new){
		.project = c->slug, .trigger = "cli", .commit = "c" },
	    err);

	return row == NULL ? -1 : 0;
}

static int
after_claim(struct call *c, json_t *job, struct err *err)
{
	json_t *doc = json_object_get(job, "document");
	json_auto_t *row = NULL;

	json_object_set_new(doc, "error",
	    json_pack("{s:s, s:i, s:s, s:s, s:b}", "stage", "rows", "status",
		65, "code", "app-exited", "message", "m", "retryable", 0));
	row = deployment_record(c->st, doc, err);
	return row == NULL ? -1 : 0;
}

static const struct {
	const char *name;
	json_t *(*fn)(struct call *, struct err *);
	bool claims;
} calls[] = {
	{ "get", get, false },
	{ "get-id", get_id, false },
	{ "list", list, false },
	{ "list-environment", list_environment, false },
	{ "projects", projects, false },
	{ "claim", claim, true },
};

static int
timed(size_t which, struct call *c, int64_t *us, struct err *err)
{
	json_auto_t *result = NULL;
	int64_t began;

	if (calls[which].claims && before_claim(c, err) < 0)
		return -1;
	began = clock_us();
	result = calls[which].fn(c, err);
	*us = clock_us() - began;
	if (result == NULL)
		return -1;
	return calls[which].claims ? after_claim(c, result, err) : 0;
}

static int
by_size(const void *a, const void *b)
{
	int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

	return (x > y) - (x < y);
}

static int
measure(size_t which, int64_t n)
{
	auto_state struct state *st = NULL;
	auto_free int64_t *us = mem_zalloc((size_t)n, sizeof(*us));
	struct err err = { 0 };
	int64_t count, each, at = 0, skip = n / 10;

	if (state_open(&st, "cli:0:root", 0, &err) < 0 ||
	    db_number(st->db, "SELECT count(*) FROM projects", NO_ARGS, &count,
		&err) < 0 ||
	    db_number(st->db, "SELECT value FROM settings WHERE key = 'rows'",
		NO_ARGS, &each, &err) < 0)
		return die(&err);
	for (int64_t i = 0; i < n; i++) {
		auto_free char *slug = NULL;
		auto_free char *id = NULL;
		struct call c = { .st = st };

		at = (at + 7919) % count;
		slug = mem_printf("p%lld", (long long)at);
		c.slug = slug;
		c.number = 1 + i * 31 % each;
		id = mem_printf("01c00000-0000-7000-8000-%012llx",
		    (unsigned long long)((c.number - 1) * count + at));
		c.id = id;
		if (timed(which, &c, &us[i], &err) < 0)
			return die(&err);
	}
	qsort(us + skip, (size_t)(n - skip), sizeof(*us), by_size);
	printf("%lld\n", (long long)us[skip + (n - skip) / 2]);
	return 0;
}

int
main(int argc, char **argv)
{
	struct err err = { 0 };
	uint64_t a, b;

	log_init("rows");
	json_init();
	if (argc == 4 && strcmp(argv[1], "fill") == 0) {
		if (parse_u64(argv[2], 1, 1000000, &a, &err) < 0 ||
		    parse_u64(argv[3], a, 100000000, &b, &err) < 0)
			return die(&err);
		return fill((int64_t)a, (int64_t)(b / a));
	}
	for (size_t i = 0; argc == 4 && strcmp(argv[1], "time") == 0 &&
			   i < sizeof(calls) / sizeof(*calls);
	     i++)
		if (strcmp(argv[2], calls[i].name) == 0) {
			if (parse_u64(argv[3], 10, 1000000, &a, &err) < 0)
				return die(&err);
			return measure(i, (int64_t)a);
		}
	(void)fputs("usage: rows fill projects deployments\n"
		    "       rows time call n\n",
	    stderr);
	return EX_USAGE;
}
