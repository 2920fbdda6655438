/* Deployments and jobs: every move, two claimers, leases, retry, rollback. */
#include "state/job.h"

#include <stdlib.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/folder.h"
#include "base/json.h"
#include "state/deployment.h"
#include "state/environment.h"
#include "state/project.h"
#include "tap.h"

static char dir[] = "/tmp/rcn-queue.XXXXXX";
static struct state *st;
static struct err err;
static int64_t wall_shift, boot_shift; /* seconds */

/* The clocks that everything here reads. */
int clock_gettime(clockid_t, struct timespec *);
__attribute__((visibility("default"))) int
clock_gettime(clockid_t which, struct timespec *t)
{
	int r = (int)syscall(SYS_clock_gettime, which, t);

	if (which == CLOCK_REALTIME)
		t->tv_sec += wall_shift;
	if (which == CLOCK_BOOTTIME)
		t->tv_sec += boot_shift;
	return r;
}

static const char *
str(const json_t *row, const char *path)
{
	return json_str(row, path, "(none)");
}

/* A failure with this code, and the next call begins afresh. */
static void
fails(bool failed, const char *code, const char *what)
{
	ok(failed && err.code != NULL && strcmp(err.code, code) == 0,
	    "%s: %s: %s", what, err.code != NULL ? err.code : "none", err.msg);
	err = (struct err){ 0 };
}

static void
project(const char *slug)
{
	json_auto_t *settings =
	    json_pack("{s:s, s:s, s:[o]}", "repository", "/srv/app.git",
		"branch", "main", "hosts", json_sprintf("%s.example", slug));
	json_auto_t *row = project_add(st, slug, settings, &err);

	if (row == NULL)
		printf("# %s\n", err.msg);
}

static json_t *
add(const char *slug, const char *trigger, const char *commit)
{
	json_t *row = deployment_add(st,
	    &(struct deployment_new){
		.project = slug, .trigger = trigger, .commit = commit },
	    &err);

	if (row == NULL)
		printf("# %s\n", err.msg);
	return row;
}

static void
is_state(const char *id, const char *state, const char *what)
{
	json_auto_t *row = deployment_get(st, id, &err);

	tap_str(str(row, "state"), state, what);
}

static json_t *
claim(void)
{
	json_t *job = NULL;
	int got = job_claim(st, "worker:h:1", 30000, &job, &err);

	if (got < 0)
		printf("# claim: %s\n", err.msg);
	return job;
}

/* The document as the pipeline leaves it: built and pushed. */
static json_t *
built(const json_t *job, const char *image)
{
	json_t *doc = json_deep_copy(json_object_get(job, "document"));

	json_object_set_new(doc, "source",
	    json_pack("{s:s, s:s}", "kind", "git", "commit",
		json_str(doc, "deployment.commit", "c0")));
	json_object_set_new(doc, "push",
	    json_pack("{s:s, s:s}", "ref", image, "digest", "sha256:1"));
	return doc;
}

static void
routed(json_t *doc)
{
	json_object_set_new(doc, "route",
	    json_pack("{s:{s:s}}", "proven", "by", "x"));
}

static void
failed(json_t *doc, const char *stage, const char *code, bool retryable)
{
	json_object_set_new(doc, "error",
	    json_pack("{s:s, s:i, s:s, s:s, s:b}", "stage", stage, "status", 75,
		"code", code, "message", "as it is", "retryable", retryable));
}

static bool
advance(const json_t *doc, const char *to)
{
	json_auto_t *s = deployment_advance(st, doc, to, &err);

	return s != NULL && strcmp(str(s, "state"), to) == 0;
}

static char recorded[32];

static const char *
record(const json_t *doc)
{
	json_auto_t *s = deployment_record(st, doc, &err);

	snprintf(recorded, sizeof(recorded), "%s", str(s, "state"));
	return recorded;
}

/* From the queue to live, as the pipeline does it. */
static json_t *
go_live(const char *slug, const char *commit, const char *image)
{
	json_t *d = add(slug, "push", commit);
	json_auto_t *job = claim();
	json_auto_t *doc = built(job, image);

	if (!advance(doc, "deploying"))
		printf("# %s\n", err.msg);
	routed(doc);
	if (!advance(doc, "live") || strcmp(record(doc), "live") != 0)
		printf("# %s\n", err.msg);
	return d;
}

static void
end_all(void)
{
	db_script(st->db,
	    "UPDATE deployments SET state = 'failed' WHERE state IN"
	    " ('pending', 'building', 'deploying');"
	    "UPDATE jobs SET status = 'done' WHERE status IN"
	    " ('queued', 'running')",
	    &err);
}

static void
test_moves(void)
{
	static const char *const states[] = { "pending", "building",
		"deploying", "live", "superseded", "stopped", "cancelled",
		"failed" };
	static const char legal[] =
	    "pending>building pending>deploying pending>superseded"
	    " pending>cancelled pending>failed building>deploying"
	    " building>failed building>cancelled building>superseded"
	    " building>pending deploying>live deploying>failed"
	    " deploying>cancelled deploying>superseded deploying>pending"
	    " live>superseded live>stopped ";
	json_auto_t *d = NULL;
	char sql[128], pair[64];
	int good = 0, bad = 0;

	project("moves");
	d = add("moves", "push", "c1");
	for (int i = 0; i < 8; i++)
		for (int k = 0; k < 8; k++) {
			json_auto_t *row = NULL;
			int r;

			snprintf(sql, sizeof(sql),
			    "UPDATE deployments SET state = '%s'", states[i]);
			db_script(st->db, sql, &err);
			row = deployment_get(st, str(d, "id"), &err);
			r = deployment_move(st, row, states[k], "why", NULL,
			    &err);
			snprintf(pair, sizeof(pair), "%s>%s ", states[i],
			    states[k]);
			if (strstr(legal, pair) != NULL && r == 0 &&
			    strcmp(str(row, "state"), states[k]) == 0)
				good++;
			else if (strstr(legal, pair) == NULL && r < 0 &&
				 strcmp(err.code, "illegal-move") == 0 &&
				 strstr(err.msg, states[i]) != NULL &&
				 strstr(err.msg, states[k]) != NULL)
				bad++;
			else
				printf("# %s: %d %s\n", pair, r, err.msg);
			err = (struct err){ 0 };
		}
	ok(good == 17 && bad == 47, "17 moves are legal, 47 are not: %d %d",
	    good, bad);
	end_all();
}

static void
test_way(void)
{
	json_auto_t *d = NULL;
	json_auto_t *job = NULL;
	json_auto_t *none = NULL;
	json_auto_t *doc = NULL;
	json_auto_t *row = NULL;
	json_auto_t *events = NULL;
	json_auto_t *saved = NULL;
	int64_t ms;

	project("way");
	d = add("way", "push", "c1");
	tap_str(str(d, "state"), "pending", "added");
	ok(json_int(d, "number", 0) == 1 && json_int(d, "attempt", -1) == 0,
	    "the first of its project");
	ok(job_due(st, &ms, &err) == 0 && ms == 0, "a job is due");
	job = claim();
	tap_str(str(job, "kind"), "deploy", "claimed");
	tap_str(str(job, "document.project.slug"), "way", "its project");
	tap_str(str(job, "document.project.repository"), "/srv/app.git",
	    "its repository");
	tap_str(str(job, "document.deployment.env_version"), "0",
	    "its variables' version is a text");
	ok(json_int(job, "document.deployment.attempt", 0) == 1 &&
		json_int(job, "document.rcn.version", 0) == 1 &&
		json_int(job, "epoch", 0) == 1,
	    "first attempt");
	ok(json_object_get(job, "lost") == NULL, "from nobody");
	is_state(str(d, "id"), "building", "it builds");
	none = claim();
	ok(none == NULL && job_due(st, &ms, &err) == 0 && ms > 29000 &&
		ms <= 30000,
	    "no other is due until the lease ends: %lld", (long long)ms);
	doc = built(job, "r/way@sha256:1");
	ok(!advance(doc, "live"), "not live before it deploys");
	fails(true, "illegal-move", "building to live");
	ok(advance(doc, "deploying") && advance(doc, "deploying"),
	    "it deploys; said twice: %s", err.msg);
	routed(doc);
	ok(advance(doc, "live") && advance(doc, "live"), "it is live: %s",
	    err.msg);
	row = deployment_cancel(st, str(d, "id"), "no", &err);
	fails(row == NULL, "illegal-move", "no cancel once it is live");
	failed(doc, "rcn-retire", "engine-down", true);
	tap_str(record(doc), "live", "trouble after that fails nothing");
	json_decref(row);
	row = deployment_get(st, "way:1", &err);
	tap_str(str(row, "image_ref"), "r/way@sha256:1", "its image is known");
	saved = deployment_document(st, str(d, "id"), &err);
	ok(json_at(saved, "route.proven") != NULL &&
		json_at(saved, "error") == NULL,
	    "its document is kept");
	ok(job_due(st, &ms, &err) == 0 && ms == -1, "nothing is left to do");
	events = state_events(st, str(row, "project_id"), 0, 100, &err);
	ok(json_array_size(events) >= 5, "and all was told: %zu",
	    json_array_size(events));
}

static void
test_burst(void)
{
	json_t *rows[20];
	json_auto_t *job = NULL;
	json_auto_t *next = NULL;
	json_auto_t *doc = NULL;
	json_auto_t *list = NULL;
	int superseded = 0;

	project("burst");
	for (int i = 0; i < 20; i++) {
		rows[i] = add("burst", "push", "c");
		if (i == 0)
			job = claim();
	}
	is_state(str(rows[0], "id"), "building", "the first builds still");
	list = deployment_list(st, "burst", "production", 0, 3, &err);
	ok(json_array_size(list) == 3 &&
		json_int(json_array_get(list, 0), "number", 0) == 20,
	    "newest first");
	next = claim();
	ok(next == NULL, "no second one beside it");
	doc = built(job, "r/b:1");
	ok(!advance(doc, "deploying"), "it may not go on");
	fails(true, "superseded", "since a newer one came");
	failed(doc, "rcn-state", "superseded", true);
	tap_str(record(doc), "superseded", "so it is recorded");
	for (int i = 0; i < 19; i++) {
		json_auto_t *row = deployment_get(st, str(rows[i], "id"), &err);

		superseded += strcmp(str(row, "state"), "superseded") == 0;
	}
	ok(superseded == 19, "19 are superseded: %d", superseded);
	next = claim();
	tap_str(str(next, "deployment"), str(rows[19], "id"),
	    "the newest is next");
	for (int i = 0; i < 20; i++)
		json_decref(rows[i]);
	end_all();
}

static void
test_leases(void)
{
	json_auto_t *d = NULL;
	json_auto_t *first = NULL;
	json_auto_t *second = NULL;
	json_auto_t *now = NULL;
	json_auto_t *doc = NULL;
	json_auto_t *s = NULL;
	const char *id;

	project("lease");
	d = add("lease", "push", "c1");
	first = claim();
	id = str(first, "id");
	ok(job_group(st, id, 1, 4711, &err) == 0, "its process group");
	boot_shift += 20;
	ok(job_renew(st, id, 1, 30000, &now, &err) == 1 &&
		json_object_get(now, "cancel") == NULL,
	    "renewed in time");
	boot_shift += 20;
	wall_shift -= 3600;
	second = claim();
	ok(second == NULL, "held on; a clock set back changes nothing");
	wall_shift += 7200;
	second = claim();
	ok(second == NULL, "nor one set forward");
	boot_shift += 11;
	second = claim();
	ok(second != NULL && json_int(second, "epoch", 0) == 2 &&
		json_int(second, "document.deployment.attempt", 0) == 2 &&
		json_int(second, "crashes", 0) == 1,
	    "its lease is over: another has it");
	ok(json_int(second, "lost.process_group", 0) == 4711 &&
		strcmp(str(second, "lost.worker"), "worker:h:1") == 0,
	    "and knows from whom");
	wall_shift = 0;
	json_decref(now);
	now = NULL;
	ok(job_renew(st, id, 1, 30000, &now, &err) == 0, "the old one: lost");
	fails(job_group(st, id, 1, 1, &err) < 0, "fenced", "its group");
	fails(job_end(st, id, 1, "done", NULL, &err) < 0, "fenced", "its end");
	fails(job_lost(st, id, 1, "x", &err) < 0, "fenced", "its loss");
	fails(job_return(st, id, 1, &err) < 0, "fenced", "its return");
	doc = built(first, "r/l:1");
	ok(!advance(doc, "deploying"), "no advance");
	fails(true, "fenced", "to deploying");
	ok(!advance(doc, "live"), "none");
	fails(true, "fenced", "to live");
	s = deployment_record(st, doc, &err);
	fails(s == NULL, "fenced", "no record");
	is_state(str(d, "id"), "building", "the new one's is as it was");
	ok(job_group(st, id, 2, 4712, &err) == 0, "its group: %s", err.msg);
	db_script(st->db, "UPDATE jobs SET lease_boot = 'before'", &err);
	json_decref(second);
	second = claim();
	ok(second != NULL && json_int(second, "epoch", 0) == 3,
	    "after a reboot a lease is over at once");
	ok(json_at(second, "lost") != NULL &&
		json_at(second, "lost.process_group") == NULL,
	    "and no group of now is the one of then");
	boot_shift = 0;
	ok(job_return(st, id, 3, &err) == 0, "handed back: %s", err.msg);
	is_state(str(d, "id"), "pending", "it waits again");
	end_all();
}

static void
test_crashes(void)
{
	json_auto_t *d = NULL;
	json_auto_t *row = NULL;
	json_auto_t *none = NULL;

	project("crash");
	d = add("crash", "push", "c1");
	for (int i = 1; i <= 5; i++) {
		json_auto_t *job = claim();

		ok(json_int(job, "document.deployment.attempt", 0) == i,
		    "attempt %d", i);
		job_lost(st, str(job, "id"), i, "signal 9", &err);
	}
	row = deployment_get(st, str(d, "id"), &err);
	tap_str(str(row, "state"), "failed", "five crashes are enough");
	tap_str(str(row, "error.code"), "crashed", "and said");
	tap_str(str(row, "reason"), "signal 9", "with the reason");
	none = claim();
	ok(none == NULL, "nothing is left");
}

static void
test_retries(void)
{
	static const int64_t waits[] = { 10000, 40000, 160000, 640000 };
	json_auto_t *d = NULL;
	json_auto_t *row = NULL;
	int64_t ms;

	project("retry");
	d = add("retry", "push", "c1");
	for (int i = 0; i < 5; i++) {
		json_auto_t *job = claim();
		json_auto_t *none = NULL;
		json_auto_t *doc = built(job, "r/r:1");

		ok(job != NULL, "tried: %d", i + 1);
		failed(doc, "rcn-push", "registry-down", true);
		tap_str(record(doc), i < 4 ? "pending" : "failed",
		    "retryable: again, five times");
		if (i == 4)
			break;
		none = claim();
		ok(none == NULL && job_due(st, &ms, &err) == 0 &&
			ms > waits[i] - 1000 && ms <= waits[i],
		    "not before %lld ms: %lld", (long long)waits[i],
		    (long long)ms);
		boot_shift += (ms + 999) / 1000;
	}
	row = deployment_get(st, str(d, "id"), &err);
	tap_str(str(row, "error.code"), "registry-down", "why it failed");
	json_decref(d);
	d = add("retry", "push", "c2");
	json_auto_t *job = claim();
	json_auto_t *doc = built(job, "r/r:1");
	failed(doc, "rcn-build", "build-failed", false);
	tap_str(record(doc), "failed", "what cannot be mended fails at once");
	tap_str(record(doc), "failed", "told twice: the same");
	boot_shift = 0;
}

/* What is not its own doing uses up no attempt, however often. */
static void
test_untried(void)
{
	json_auto_t *d = NULL;
	json_auto_t *events = NULL;
	int64_t ms;

	project("untried");
	d = add("untried", "push", "1111111");
	for (int i = 0; i < 3 * JOB_ATTEMPTS; i++) {
		json_auto_t *job = claim();
		json_t *doc = json_object_get(job, "document");
		const char *id = str(job, "id");

		if (i % 3 == 0)
			failed(doc, "rcn-build", "engine-down", true);
		else if (i % 3 == 1)
			failed(doc, "rcn-build", "cancelled", false);
		else
			ok(job_wait(st, id, json_int(job, "epoch", 0), 5000,
			       "no room", &err) == 0,
			    "it waits: %s", err.msg);
		if (i % 3 < 2)
			tap_str(record(doc), "pending", "it waits");
		ok(job_due(st, &ms, &err) == 0 &&
			(i % 3 == 0      ? ms > 5000 && ms <= 10000
			    : i % 3 == 1 ? ms == 0
					 : ms > 0 && ms <= 5000),
		    "again in %lld ms", (long long)ms);
		boot_shift += 10;
	}
	is_state(str(d, "id"), "pending", "it waits still");
	events = db_list(st->db,
	    "SELECT data AS \"data:json\" FROM events WHERE deployment = :id"
	    " AND kind = 'job.waits'",
	    ARGS(ARG_TEXT("id", str(d, "id"))), &err);
	ok(json_array_size(events) == JOB_ATTEMPTS, "each wait is told");
	tap_str(str(json_array_get(events, 0), "data.reason"), "no room",
	    "and why");
	boot_shift = 0;
	end_all();
}

static void
test_rerun(void)
{
	json_auto_t *a = NULL;
	json_auto_t *env = NULL;
	json_auto_t *push = NULL;
	json_auto_t *scale = NULL;
	json_auto_t *job = NULL;
	json_auto_t *job2 = NULL;
	json_auto_t *doc = NULL;
	json_auto_t *two = json_pack("{s:i}", "web", 2);

	project("rerun");
	err = (struct err){ 0 };
	env = add("rerun", "env", NULL);
	fails(env == NULL, "not-found", "nothing to run again");
	a = go_live("rerun", "c1", "r/a@sha256:1");
	push = add("rerun", "push", "c2");
	env = add("rerun", "env", NULL);
	scale = deployment_add(st,
	    &(struct deployment_new){
		.project = "rerun", .trigger = "scale", .scale = two },
	    &err);
	ok(scale != NULL, "scale: %s", err.msg);
	is_state(str(push, "id"), "pending",
	    "a change of variables does not put a commit aside");
	job = claim();
	tap_str(str(job, "deployment"), str(push, "id"), "the commit first");
	tap_str(str(job, "document.deployment.base"), "c1",
	    "what is live is its base");
	doc = built(job, "r/a@sha256:2");
	failed(doc, "rcn-push", "registry-down", true);
	record(doc);
	job2 = claim();
	ok(job2 == NULL, "those after it wait for its retry");
	boot_shift += 10;
	json_decref(job);
	job = claim();
	json_decref(doc);
	doc = built(job, "r/a@sha256:2");
	advance(doc, "deploying");
	routed(doc);
	advance(doc, "live");
	record(doc);
	is_state(str(a, "id"), "superseded", "the former is put aside");
	json_decref(job);
	job = claim();
	tap_str(str(job, "deployment"), str(env, "id"), "then the variables");
	tap_str(str(job, "document.push.ref"), "r/a@sha256:2",
	    "with the image that is live by then");
	tap_str(str(job, "document.deployment.commit"), "c2", "its commit");
	is_state(str(env, "id"), "deploying", "nothing is to be built");
	end_all();
	boot_shift = 0;
}

static void
test_restart(void)
{
	json_auto_t *a = NULL;
	json_auto_t *r = NULL;
	json_auto_t *job = NULL;
	json_auto_t *doc = NULL;
	json_auto_t *next = NULL;

	project("restart");
	a = go_live("restart", "c1", "r/x:1");
	r = add("restart", "restart", NULL);
	job = claim();
	tap_str(str(job, "document.deployment.restart"), str(r, "id"),
	    "a restart's own id");
	doc = built(job, "r/x:1");
	advance(doc, "deploying");
	routed(doc);
	advance(doc, "live");
	record(doc);
	json_decref(a);
	a = add("restart", "push", "c2");
	next = claim();
	tap_str(str(next, "document.deployment.restart"), str(r, "id"),
	    "is carried on until the next");
	end_all();
}

static void
test_rollback(void)
{
	json_auto_t *a = NULL;
	json_auto_t *b = NULL;
	json_auto_t *c = NULL;
	json_auto_t *row = NULL;
	json_auto_t *job = NULL;
	json_auto_t *doc = NULL;
	json_auto_t *env = NULL;
	json_auto_t *domain = NULL;

	project("roll");
	row = deployment_rollback(st, "roll", NULL, NULL, &err);
	fails(row == NULL, "not-found", "nothing to go back to");
	a = go_live("roll", "c1", "r/a:1");
	b = go_live("roll", "c2", "r/a:2");
	c = add("roll", "push", "c3");
	row = deployment_rollback(st, "roll", NULL, "3", &err);
	fails(row == NULL, "bad-deployment", "not to what never was live");
	domain = domain_add(st, "roll", "production", "new.example", &err);
	row = deployment_rollback(st, "roll", NULL, NULL, &err);
	ok(row != NULL, "rolled back: %s", err.msg);
	tap_str(str(row, "of"), str(a, "id"), "to the one before");
	is_state(str(c, "id"), "superseded", "what waited is put aside");
	env = environment_get(st, "roll", "production", &err);
	tap_str(str(env, "paused"), "rolled back to #1", "and pushes pause");
	json_decref(c);
	c = add("roll", "push", "c4");
	fails(c == NULL, "paused", "a push");
	job = claim();
	is_state(str(row, "id"), "deploying", "there is nothing to build");
	tap_str(str(job, "document.push.ref"), "r/a:1", "the image of then");
	ok(json_array_size(json_at(job, "document.project.hosts")) == 2,
	    "the hosts of today");
	doc = json_deep_copy(json_object_get(job, "document"));
	advance(doc, "deploying");
	routed(doc);
	advance(doc, "live");
	record(doc);
	is_state(str(b, "id"), "superseded", "the bad one serves no more");
	json_decref(row);
	row = deployment_rollback(st, "roll", NULL, NULL, &err);
	fails(row == NULL, "not-found",
	    "again: not forward to what was rolled back");
	c = deployment_add(st,
	    &(struct deployment_new){ .project = "roll", .commit = "c5" },
	    &err);
	ok(c != NULL, "by hand it goes on: %s", err.msg);
	row = deployment_rollback(st, "roll", NULL, "2", &err);
	tap_str(str(row, "of"), str(b, "id"), "to a number");
	end_all();
}

static void
test_cancel(void)
{
	json_auto_t *d = NULL;
	json_auto_t *row = NULL;
	json_auto_t *job = NULL;
	json_auto_t *now = NULL;
	json_auto_t *doc = NULL;

	project("cancel");
	d = add("cancel", "push", "c1");
	row = deployment_cancel(st, "cancel:1", "changed my mind", &err);
	tap_str(str(row, "state"), "cancelled", "while it waits: at once");
	tap_str(str(row, "reason"), "changed my mind", "with the reason");
	job = claim();
	ok(job == NULL, "and its job with it");
	json_decref(d);
	d = add("cancel", "push", "c2");
	job = claim();
	json_decref(row);
	row = deployment_cancel(st, str(d, "id"), "stop it", &err);
	tap_str(str(row, "state"), "building", "while it runs: asked");
	ok(job_renew(st, str(job, "id"), 1, 30000, &now, &err) == 1 &&
		strcmp(str(now, "cancel"), "stop it") == 0,
	    "its worker sees it");
	doc = built(job, "r/c:1");
	ok(!advance(doc, "deploying"), "it does not go on");
	fails(true, "cancelled", "since a cancel was asked");
	failed(doc, "rcn-build", "cancelled", false);
	tap_str(record(doc), "cancelled", "recorded");
	json_decref(d);
	d = add("cancel", "push", "c3");
	json_decref(job);
	job = claim();
	json_decref(doc);
	doc = built(job, "r/c:1");
	failed(doc, "rcn-build", "cancelled", false);
	tap_str(record(doc), "pending", "a stop that nobody asked for: again");
	json_decref(job);
	job = claim();
	json_decref(row);
	row = deployment_cancel(st, str(d, "id"), "timeout: rcn-build", &err);
	json_decref(doc);
	doc = built(job, "r/c:1");
	failed(doc, "rcn-build", "cancelled", false);
	tap_str(record(doc), "failed", "too slow is a failure");
	json_decref(row);
	row = deployment_get(st, str(d, "id"), &err);
	tap_str(str(row, "error.code"), "timeout", "and says so");
}

/* What parsers of strangers' files have handed on. */
static void
test_forged(void)
{
	static const struct {
		const char *section, *member, *value;
	} forged[] = {
		{ "project", "mounts",
		    "[{\"source\":\"/\",\"target\":\"/h\"}]" },
		{ "project", "slug", "\"forged-too\"" },
		{ "project", "hosts", "[\"forged-too.example\"]" },
		{ "project", "hosts", "[5]" },
		{ "deployment", "environment", "\"staging\"" },
		{ "deployment", "env_version", "\"7\"" },
		{ "deployment", "trigger", "\"image\"" },
	};
	json_auto_t *d = NULL;
	json_auto_t *job = NULL;
	json_auto_t *doc = NULL;

	project("forged");
	project("forged-too");
	d = add("forged", "push", "c1");
	job = claim();
	doc = built(job, "r/l:1");
	for (size_t i = 0; i < sizeof(forged) / sizeof(*forged); i++) {
		json_auto_t *bad = json_deep_copy(doc);

		json_object_set_new(json_object_get(bad, forged[i].section),
		    forged[i].member,
		    json_loads(forged[i].value, JSON_DECODE_ANY, NULL));
		fails(!advance(bad, "deploying"), "bad-document",
		    forged[i].value);
	}
	is_state(str(d, "id"), "building", "nothing of it is deployed");
	json_array_clear(json_at(doc, "project.hosts"));
	ok(advance(doc, "deploying"), "a host that is gone: %s", err.msg);
	end_all();
}

/* Cancelled too late: the proxy has switched. */
static void
test_late(void)
{
	json_auto_t *d = NULL;
	json_auto_t *job = NULL;
	json_auto_t *row = NULL;
	json_auto_t *doc = NULL;

	project("late");
	d = add("late", "push", "c1");
	job = claim();
	doc = built(job, "r/l:1");
	advance(doc, "deploying");
	row = deployment_cancel(st, str(d, "id"), "too late", &err);
	routed(doc);
	failed(doc, "rcn-state", "state-busy", true);
	tap_str(record(doc), "live", "a proven route is live");
	is_state(str(d, "id"), "live", "in the database, too");
}

static void
test_unwatched(void)
{
	json_auto_t *d = NULL;
	json_auto_t *job = NULL;
	json_auto_t *doc = NULL;
	json_auto_t *row = NULL;

	project("unwatched");
	d = add("unwatched", "push", "c1");
	job = claim();
	doc = built(job, "r/l:1");
	failed(doc, "rcn-fetch", "unwatched", false);
	tap_str(record(doc), "cancelled", "nothing watched has changed");
	row = deployment_get(st, str(d, "id"), &err);
	tap_str(str(row, "reason"), "as it is", "and why");
}

static void
test_live_lost(void)
{
	json_auto_t *d = NULL;
	json_auto_t *job = NULL;
	json_auto_t *again = NULL;
	json_auto_t *doc = NULL;

	project("livelost");
	d = add("livelost", "push", "c1");
	job = claim();
	doc = built(job, "r/l:1");
	advance(doc, "deploying");
	routed(doc);
	advance(doc, "live");
	boot_shift += 31;
	again = claim();
	ok(again != NULL && json_at(again, "document.route.proven") != NULL,
	    "its worker died while it drained: taken up with all it had");
	is_state(str(d, "id"), "live", "and stays live");
	json_decref(doc);
	doc = json_deep_copy(json_object_get(again, "document"));
	ok(advance(doc, "deploying") == false && err.status == 0 &&
		advance(doc, "live"),
	    "passed by: %s", err.msg);
	tap_str(record(doc), "live", "recorded");
	boot_shift = 0;
}

static void
test_stop(void)
{
	json_auto_t *a = NULL;
	json_auto_t *env = NULL;
	json_auto_t *job = NULL;
	json_auto_t *taken = NULL;
	json_auto_t *wait = NULL;
	json_auto_t *none = NULL;

	project("stop");
	a = go_live("stop", "c1", "r/s:1");
	wait = add("stop", "push", "c2");
	env = environment_get(st, "stop", "production", &err);
	job = job_add(st,
	    &(struct job_new){ .kind = "stop",
		.project = str(env, "project_id"),
		.environment = str(env, "id") },
	    &err);
	ok(job != NULL, "stop: %s", err.msg);
	is_state(str(wait, "id"), "cancelled", "what waited is cancelled");
	json_decref(wait);
	wait = add("stop", "push", "c3");
	fails(wait == NULL, "paused", "a push");
	wait = add("stop", "start", NULL);
	taken = claim();
	tap_str(str(taken, "kind"), "stop", "the stop first");
	none = claim();
	ok(none == NULL, "then the start, when it is done");
	ok(job_end(st, str(taken, "id"), 1, "done", NULL, &err) == 0,
	    "stopped: %s", err.msg);
	is_state(str(a, "id"), "stopped", "its deployment");
	none = claim();
	tap_str(str(none, "document.push.ref"), "r/s:1",
	    "the start takes what was stopped");
	end_all();
}

static size_t
job_list_size(void)
{
	json_auto_t *jobs = job_list(st, 100, &err);

	return json_array_size(jobs);
}

static void
test_teardown(void)
{
	json_auto_t *env = NULL;
	json_auto_t *d = NULL;
	json_auto_t *job = NULL;
	json_auto_t *gone = NULL;

	project("pull");
	env = environment_ensure(st, "pull",
	    &(struct environment_new){
		.name = "pr-7", .kind = "preview", .pull_request = 7 },
	    &err);
	d = deployment_add(st,
	    &(struct deployment_new){ .project = "pull",
		.environment = "pr-7",
		.trigger = "pull_request",
		.commit = "c1",
		.pull_request = 7 },
	    &err);
	ok(d != NULL, "a preview: %s", err.msg);
	ok(environment_remove(st, "pull", "pr-7", &err) == 1, "taken away");
	is_state(str(d, "id"), "cancelled", "what waited");
	job = claim();
	tap_str(str(job, "kind"), "teardown", "its teardown");
	ok(environment_remove(st, "pull", "pr-7", &err) == 1 &&
		job_list_size() == 1,
	    "asked twice: once is enough");
	ok(job_end(st, str(job, "id"), 1, "failed", NULL, &err) == 0,
	    "it cannot be done: %s", err.msg);
	ok(environment_remove(st, "pull", "pr-7", &err) == 1, "asked again");
	json_decref(job);
	job = claim();
	tap_str(str(job, "kind"), "teardown", "tried again");
	ok(job_end(st, str(job, "id"), 1, "done", NULL, &err) == 0, "done: %s",
	    err.msg);
	gone = environment_get(st, "pull", "pr-7", &err);
	fails(gone == NULL, "not-found", "it is gone");
}

/* Forty jobs, two processes: each is claimed once. */
static void
test_two(void)
{
	int pipes[2], taken = 0, twice = 0;
	char seen[64] = "", c;
	pid_t pids[2];

	for (int i = 0; i < 40; i++) {
		auto_free char *slug = mem_printf("two-%d", i);
		json_auto_t *d = NULL;

		project(slug);
		d = add(slug, "push", "c");
	}
	/* A connection is not for two processes. */
	state_close(st);
	if (pipe(pipes) < 0)
		abort();
	for (int k = 0; k < 2; k++) {
		pids[k] = fork();
		if (pids[k] != 0)
			continue;
		struct state *own = NULL;
		json_t *job = NULL;

		if (state_open(&own, "w", 0, &err) < 0)
			_exit(1);
		while (job_claim(own, "w", 30000, &job, &err) == 1) {
			c = (char)strtol(str(job, "project") + 4, NULL, 10);
			if (write(pipes[1], &c, 1) != 1)
				_exit(1);
			json_decref(job);
		}
		state_close(own);
		_exit(err.status);
	}
	close(pipes[1]);
	while (read(pipes[0], &c, 1) == 1) {
		taken++;
		twice += seen[(int)c];
		seen[(int)c] = 1;
	}
	for (int k = 0; k < 2; k++) {
		int status;

		waitpid(pids[k], &status, 0);
		ok(status == 0, "claimer %d: %d", k, status);
	}
	close(pipes[0]);
	if (state_open(&st, "cli:0:root", 0, &err) < 0)
		abort();
	ok(taken == 40 && twice == 0, "each once: %d, %d twice", taken, twice);
	end_all();
}

static void
test_notice(void)
{
	json_auto_t *d = NULL;
	json_auto_t *job = NULL;
	json_auto_t *end = NULL;
	json_auto_t *env = NULL;
	json_auto_t *down = NULL;

	project("notice");
	d = add("notice", "push", "c1");
	env = environment_get(st, "notice", "production", &err);
	job = job_list(st, 10, &err);
	ok(json_array_size(job) == 1, "no token: nobody is told");
	end_all();
	db_script(st->db,
	    "INSERT INTO keys (id, holder, public, created_at) VALUES"
	    " ('k', 'secret', x'00', 'now');"
	    "INSERT INTO credentials (id, kind, sealed, key_id, created_at)"
	    " VALUES ('c', 'github-token', x'00', 'k', 'now')",
	    &err);
	json_decref(d);
	d = add("notice", "push", "c2");
	json_decref(deployment_cancel(st, str(d, "id"), "why not", &err));
	json_decref(job);
	job = claim();
	tap_str(str(job, "payload.state"), "pending", "told: it is pending");
	ok(json_at(job, "document.error") == NULL, "no error");
	end = claim();
	ok(end == NULL, "one at a time, slow as it may be");
	down = json_pack("{s:s, s:b}", "message", "502", "retryable", 1);
	ok(job_end(st, str(job, "id"), 1, "failed", down, &err) == 0,
	    "it could not be told: again, later: %s", err.msg);
	end = claim();
	tap_str(str(end, "document.error.code"), "cancelled",
	    "told: it is cancelled");
	tap_str(str(end, "document.error.message"), "why not", "and why");
	ok(job_end(st, str(end, "id"), 1, "failed",
	       json_object_get(json_object_get(end, "document"), "error"),
	       &err) == 0,
	    "a notice that cannot be told");
	boot_shift = 3600;
	json_decref(job);
	job = claim();
	ok(job == NULL, "what was overtaken is told no more: %s",
	    str(job, "payload.state"));
	boot_shift = 0;
	end_all();
}

int
main(void)
{
	if (mkdtemp(dir) == NULL)
		return 1;
	setenv("RCN_STATE_DIR", dir, 1);
	setenv("RCN_CONF", "/dev/null", 1);
	if (state_open(&st, "cli:0:root", DB_CREATE, &err) < 0)
		return 1;
	test_moves();
	test_way();
	test_burst();
	test_leases();
	test_crashes();
	test_retries();
	test_untried();
	test_rerun();
	test_restart();
	test_rollback();
	test_cancel();
	test_forged();
	test_late();
	test_unwatched();
	test_live_lost();
	test_stop();
	test_teardown();
	test_two();
	test_notice();
	state_close(st);
	folder_remove("/tmp", dir + strlen("/tmp/"), &err);
	return tap_end();
}
