/*
 * Every statement that projects, environments, deployments, jobs, deliveries
 * and variables are made of finds its rows by an index: what a database of a
 * million deployments answers as fast as one of ten.
 */
#include <stdlib.h>

#include "base/folder.h"
#include "base/json.h"
#include "state/credential.h"
#include "state/deployment.h"
#include "state/env.h"
#include "state/environment.h"
#include "state/fanout.h"
#include "state/find.h"
#include "state/job.h"
#include "state/key.h"
#include "state/project.h"
#include "tap.h"

static char dir[] = "/tmp/rcn-plans.XXXXXX";
static struct state *st;
static struct err err;
static struct strvec seen;

static void
note(const char *sql, void *ctx)
{
	(void)ctx;
	if (!strvec_has(&seen, sql))
		strvec_add(&seen, sql);
}

/* The result is of no interest, only that there is one. */
static void
did(json_t *result, const char *what)
{
	ok(result != NULL, "%s: %s", what, err.msg);
	json_decref(result);
	err = (struct err){ 0 };
}

static json_t *
add(const char *trigger, const char *commit)
{
	json_t *row = deployment_add(st,
	    &(struct deployment_new){ .project = "app",
		.trigger = trigger,
		.commit = commit,
		.branch = "main" },
	    &err);

	ok(row != NULL, "%s: %s", trigger, err.msg);
	return row;
}

/* From the queue to live, or to an error. */
static void
run_next(const char *image, bool good)
{
	json_t *job = NULL;
	json_auto_t *now = NULL;
	json_auto_t *doc = NULL;
	const char *id;
	int got;

	while ((got = job_claim(st, "w", 60000, &job, &err)) == 1 &&
	       strcmp(json_str(job, "kind", ""), "deploy") != 0) {
		job_end(st, json_str(job, "id", ""), json_int(job, "epoch", 0),
		    "done", NULL, &err);
		json_decref(job);
		job = NULL;
	}
	ok(got == 1, "claimed: %s", err.msg);
	id = json_str(job, "id", "");
	job_renew(st, id, json_int(job, "epoch", 0), 60000, &now, &err);
	job_group(st, id, json_int(job, "epoch", 0), 77, &err);
	doc = json_deep_copy(json_object_get(job, "document"));
	json_object_set_new(doc, "push", json_pack("{s:s}", "ref", image));
	did(deployment_advance(st, doc, "deploying", &err), "deploying");
	if (good) {
		json_object_set_new(doc, "route",
		    json_pack("{s:{s:s}}", "proven", "by", "x"));
		did(deployment_advance(st, doc, "live", &err), "live");
	} else {
		json_object_set_new(doc, "error",
		    json_pack("{s:s, s:i, s:s, s:s, s:b}", "stage", "rcn-x",
			"status", 69, "code", "engine-down", "message", "m",
			"retryable", 1));
	}
	did(deployment_record(st, doc, &err), "recorded");
	json_decref(job);
}

static void
projects(void)
{
	json_auto_t *settings = json_pack("{s:s, s:[s], s:b, s:b}",
	    "repository", "https://github.com/o/n", "hosts", "app.example",
	    "previews", 1, "preview_forks", 1);
	json_auto_t *patch = json_pack("{s:s, s:[s]}", "branch", "main",
	    "hosts", "www.app.example");
	json_auto_t *pause = json_pack("{s:s}", "paused", "why");
	json_auto_t *resume = json_pack("{s:n}", "paused");
	json_auto_t *env = NULL;

	did(project_add(st, "app", settings, &err), "add");
	did(project_set(st, "app", patch, &err), "set");
	did(project_get(st, "app", &err), "get");
	did(project_list(st, NULL, 100, &err), "list");
	did(project_of_repository(st, "github.com/o/n", &err), "of");
	did(environment_add(st, "app",
		&(struct environment_new){ .name = "staging", .branch = "n" },
		&err),
	    "environment");
	did(environment_set(st, "app", "staging", pause, &err), "pause");
	did(environment_set(st, "app", "staging", resume, &err), "resume");
	did(environment_list(st, "app", &err), "environments");
	env = environment_get(st, "app", "staging", &err);
	did(environment_settings(st, json_str(env, "id", ""), &err),
	    "settings");
	did(domain_add(st, "app", "staging", "s.example", &err), "domain");
	did(domain_list(st, "app", &err), "domains");
	ok(domain_remove(st, "app", "s.example", &err) == 0, "no domain");
}

static void
variables(void)
{
	const struct env_set set[] = { { "A", "1", NULL, NULL, ENV_SECRET },
		{ "B", "2", "all", "build", ENV_PLAIN } };
	json_auto_t *env = environment_get(st, "app", "production", &err);
	const char *id = json_str(env, "id", "");

	did(env_change(st, "app", set, 2, &err), "variables");
	did(env_list(st, "app", "production", -1, &err), "listed");
	did(env_resolve(st, id, 1, &err), "resolved");
	did(env_diff(st, id, 0, 1, &err), "compared");
	ok(env_build_differs(st, id, 0, 1, &err) == 1, "for a build");
}

static void
deployments(void)
{
	json_auto_t *one = add("push", "c1");
	json_auto_t *two = NULL;
	json_auto_t *three = NULL;
	json_auto_t *four = NULL;
	int64_t ms;

	run_next("i:1", true);
	two = add("push", "c2");
	run_next("i:2", true);
	json_decref(two);
	two = add("restart", NULL);
	run_next("i:2", true);
	three = add("push", "c3");
	run_next("i:3", false);
	did(deployment_cancel(st, json_str(three, "id", ""), "by hand", &err),
	    "cancel");
	did(deployment_rollback(st, "app", "production", NULL, &err),
	    "rollback");
	run_next("i:1", true);
	four = add("cli", "c4");
	did(deployment_get(st, "app:1", &err), "by number");
	did(deployment_list(st, "app", NULL, 0, 20, &err), "list");
	did(deployment_list(st, "app", "production", 9, 20, &err), "list");
	did(deployment_document(st, json_str(one, "id", ""), &err),
	    "a document");
	did(find_deployment(st, "app", &err), "the newest");
	did(job_list(st, 20, &err), "jobs");
	ok(job_due(st, &ms, &err) == 0, "due");
}

static void
others(void)
{
	json_t *job = NULL;
	json_auto_t *env = environment_get(st, "app", "production", &err);
	int64_t epoch;

	ok(job_claim(st, "w", 1, &job, &err) == 1, "claimed: %s", err.msg);
	epoch = json_int(job, "epoch", 0);
	ok(job_lost(st, json_str(job, "id", ""), epoch, "died", &err) == 0,
	    "lost: %s", err.msg);
	json_decref(job);
	ok(job_claim(st, "w", 1, &job, &err) == 1, "again");
	ok(job_return(st, json_str(job, "id", ""), json_int(job, "epoch", 0),
	       &err) == 0,
	    "handed back: %s", err.msg);
	json_decref(job);
	did(job_add(st,
		&(struct job_new){ .kind = "stop",
		    .project = json_str(env, "project_id", NULL),
		    .environment = json_str(env, "id", NULL) },
		&err),
	    "stop");
}

static void
deliver(const char *id, const char *event, const char *branch,
    const char *action)
{
	json_auto_t *d = json_pack("{s:s, s:s, s:s, s:{s:[s], s:s, s:b}, s:s, "
				   "s:s, s:s, s:s, s:s}",
	    "delivery", id, "event", event, "provider", "github", "repository",
	    "keys", "github.com/o/n", "full_name", "o/n", "fork", 0, "branch",
	    branch, "commit", "c9", "message", "m", "author", "a", "actor",
	    "octocat");
	json_t *result = NULL;

	if (action != NULL)
		json_object_set_new(d, "pull_request",
		    json_pack("{s:i, s:s, s:b, s:s, s:s}", "number", 7,
			"action", action, "fork", 0, "head_branch", branch,
			"base_branch", "main"));
	ok(fanout(st, d, &result, &err) >= 0, "%s: %s", event, err.msg);
	json_decref(result);
}

static void
deliveries(void)
{
	deliver("d1", "push", "main", NULL);
	deliver("d1", "push", "main", NULL);
	deliver("d2", "pull_request", "x", "opened");
	deliver("d3", "pull_request", "x", "closed");
	deliver("d4", "branch_deleted", "x", NULL);
	ok(environment_remove(st, "app", "staging", &err) >= 0, "removed: %s",
	    err.msg);
	ok(project_remove(st, "app", &err) == 1, "project: %s", err.msg);
}

/*
 * What may be read from its first row to its last: rows that wait or run
 * only, which is what a partial index holds; the newest row alone; and what
 * is asked for whole, one file for all repositories.
 */
static bool
may_scan(const char *detail, const char *sql)
{
	if (strstr(detail, "USING INDEX jobs_queued") != NULL ||
	    strstr(detail, "USING INDEX jobs_running") != NULL ||
	    strcmp(detail, "SCAN CONSTANT ROW") == 0)
		return true;
	if (strcmp(sql,
		"SELECT seq, hash FROM events ORDER BY seq DESC LIMIT 1") == 0)
		return true;
	return strstr(sql, "WHERE p.repository <> ''") != NULL ||
	       strstr(sql, "c.public <> p.repository") != NULL;
}

/*
 * All that an environment or project ever had: the first rows of it may be
 * asked for, and who takes it away takes all.
 */
static bool
reads_history(const char *detail, const char *sql)
{
	static const char *const indexes[] = { "deployments_environment",
		"deployments_was_live", "jobs_environment", "jobs_project",
		"events_project",
		"sqlite_autoindex_deployments_2 (project=?)" };

	if (strstr(sql, "LIMIT") != NULL || strncmp(sql, "DELETE", 6) == 0)
		return false;
	for (size_t i = 0; i < sizeof(indexes) / sizeof(*indexes); i++)
		if (strstr(detail, indexes[i]) != NULL)
			return true;
	return false;
}

/* How many lines of a statement's plan read all of something that grows. */
static int
scans(const char *sql)
{
	auto_free char *explain = mem_printf("EXPLAIN QUERY PLAN %s", sql);
	auto_rows struct db_rows *r = NULL;
	int n = 0;

	if (db_query(st->db, &r, explain, NO_ARGS, &err) < 0) {
		printf("# %s\n", err.msg);
		return 1;
	}
	while (db_next(r, &err) > 0) {
		const char *detail = db_text(r, 3);

		if (!reads_history(detail, sql) &&
		    (strncmp(detail, "SCAN", 4) != 0 || may_scan(detail, sql)))
			continue;
		printf("# %s: %s\n", detail, sql);
		n++;
	}
	return n;
}

int
main(void)
{
	if (mkdtemp(dir) == NULL)
		return 1;
	setenv("RCN_STATE_DIR", dir, 1);
	setenv("RCN_CONF", "/dev/null", 1);
	setenv("RCN_RETRY_BASE_MS", "0", 1);
	if (state_open(&st, "cli:0:root", DB_CREATE, &err) < 0 ||
	    key_init(st, &err) < 0)
		return 1;
	db_watch(st->db, note, NULL);
	projects();
	variables();
	deployments();
	others();
	deliveries();
	db_watch(st->db, NULL, NULL);
	ok(scans("SELECT id FROM deployments WHERE message = 'x'") == 1,
	    "a table read whole is noticed");
	ok(scans("SELECT id FROM deployments WHERE environment = 'x'"
		 " AND message = 'x'") == 1,
	    "so is a history");
	ok(seen.n > 80, "%d statements", (int)seen.n);
	for (size_t i = 0; i < seen.n; i++)
		ok(scans(seen.v[i]) == 0, "%.60s", seen.v[i]);
	state_close(st);
	strvec_release(&seen);
	folder_remove("/tmp", dir + strlen("/tmp/"), &err);
	return tap_end();
}
