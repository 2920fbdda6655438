/* From a delivery to deployments: who follows which branch, and once only. */
#include "state/fanout.h"

#include <stdlib.h>
#include <unistd.h>

#include "base/json.h"
#include "state/deployment.h"
#include "state/environment.h"
#include "state/job.h"
#include "state/project.h"
#include "tap.h"

static char dir[] = "/tmp/rcn-fanout.XXXXXX";
static struct state *st;
static struct err err;

/* JSON as people write it down, with ' for ". */
static json_t *
js(const char *text)
{
	auto_free char *s = mem_strdup(text);
	json_t *v;

	for (char *p = s; *p != '\0'; p++)
		if (*p == '\'')
			*p = '"';
	v = json_loads(s, 0, NULL);
	if (v == NULL)
		printf("# bad: %s\n", s);
	return v;
}

static void
project(const char *slug, const char *settings)
{
	json_auto_t *s = js(settings);
	json_auto_t *row = project_add(st, slug, s, &err);

	ok(row != NULL, "project %s: %s", slug, err.msg);
}

/* A delivery with these members beside the usual ones. */
static json_t *
deliver(const char *id, const char *members, int want)
{
	json_auto_t *d = js("{'provider': 'github', 'actor': 'octocat',"
			    " 'repository': {'keys': ['github.com/o/n',"
			    " 'github.com/o/n'], 'full_name': 'o/n'},"
			    " 'commit': 'c1', 'message': 'words',"
			    " 'author': 'Ann'}");
	json_auto_t *more = js(members);
	json_t *result = NULL;
	int got;

	json_object_update(d, more);
	json_object_set_new(d, "delivery", json_string(id));
	got = fanout(st, d, &result, &err);
	ok(got == want, "%s: %d %s", id, got, err.msg);
	err = (struct err){ 0 };
	return result;
}

static size_t
count(const json_t *result, const char *list)
{
	return json_array_size(json_object_get(result, list));
}

static const char *
in(const json_t *result, const char *list, size_t i, const char *member)
{
	return json_str(json_array_get(json_object_get(result, list), i),
	    member, "(none)");
}

static json_t *
pull(const char *id, const char *action, const char *fork)
{
	auto_free char *members =
	    mem_printf("{'event': 'pull_request', 'pull_request': {'number': 7,"
		       " 'action': '%s', 'fork': %s, 'head_branch': 'topic'}}",
		action, fork);

	return deliver(id, members, 1);
}

static void
test_push(void)
{
	json_auto_t *env = NULL;
	json_auto_t *r = NULL;
	json_auto_t *again = NULL;
	json_auto_t *other = NULL;
	json_auto_t *d = NULL;
	int64_t n;

	project("one", "{'repository': 'https://github.com/O/N',"
		       " 'hosts': ['one.example']}");
	project("two", "{'repository': 'git@github.com:o/n.git'}");
	project("three", "{'repository': 'https://github.com/o/other'}");
	env = environment_add(st, "two",
	    &(struct environment_new){ .name = "staging", .branch = "next" },
	    &err);
	r = deliver("d1", "{'event': 'push', 'branch': 'main'}", 1);
	ok(count(r, "deployments") == 2 && count(r, "skipped") == 0,
	    "two projects follow that branch");
	tap_str(in(r, "deployments", 0, "project"), "one", "the one");
	tap_str(in(r, "deployments", 1, "project"), "two", "and the other");
	d = deployment_get(st, in(r, "deployments", 1, "id"), &err);
	tap_str(json_str(d, "environment", ""), "production", "where");
	tap_str(json_str(d, "trigger", ""), "push", "why");
	tap_str(json_str(d, "commit", ""), "c1", "what");
	tap_str(json_str(d, "message", ""), "words", "in whose words");
	tap_str(json_str(d, "actor", ""), "hook:github:octocat", "by whom");
	tap_str(st->actor, "worker:h:1", "and only that");
	again = deliver("d1", "{'event': 'push', 'branch': 'main'}", 0);
	ok(json_equal(again, r), "delivered twice: the same answer");
	ok(db_number(st->db, "SELECT count(*) FROM deployments", NO_ARGS, &n,
	       &err) == 0 &&
		n == 2,
	    "and nothing more");
	other = deliver("d2", "{'event': 'push', 'branch': 'next'}", 1);
	ok(count(other, "deployments") == 1, "one follows next");
	tap_str(in(other, "deployments", 0, "environment"), "staging",
	    "its staging");
	json_decref(other);
	other = deliver("d3", "{'event': 'push', 'branch': 'nobody'}", 1);
	ok(count(other, "deployments") == 0, "nobody follows that");
	json_decref(other);
	other = deliver("d4",
	    "{'event': 'push', 'branch': 'main', 'repository': {'keys':"
	    " ['github.com/x/y']}}",
	    1);
	ok(count(other, "deployments") == 0, "nor that repository");
}

static void
test_paused(void)
{
	json_auto_t *patch = js("{'paused': 'rolled back to #1'}");
	json_auto_t *row =
	    environment_set(st, "one", "production", patch, &err);
	json_auto_t *r =
	    deliver("p1", "{'event': 'push', 'branch': 'main'}", 1);
	json_auto_t *events = NULL;
	const json_t *last = NULL;
	json_t *event;
	size_t i;

	ok(count(r, "deployments") == 1 && count(r, "skipped") == 1,
	    "a paused one is passed by");
	tap_str(in(r, "skipped", 0, "why"), "paused: rolled back to #1", "why");
	events =
	    state_events(st, json_str(row, "project_id", ""), 0, 1000, &err);
	json_array_foreach(events, i, event) {
		last = event;
	}
	tap_str(json_str(last, "kind", ""), "delivery.skipped", "an event");
	tap_str(json_str(last, "data.why", ""), "paused: rolled back to #1",
	    "says so");
}

static void
test_pull(void)
{
	json_auto_t *a = pull("r1", "opened", "false");
	json_auto_t *patch = js("{'previews': true, 'preview_host':"
				" 'pr-*.one.example'}");
	json_auto_t *set = project_set(st, "one", patch, &err);
	json_auto_t *b = pull("r2", "opened", "false");
	json_auto_t *c = NULL;
	json_auto_t *d = NULL;
	json_auto_t *job = NULL;
	json_auto_t *env = NULL;

	ok(count(a, "deployments") == 0 && count(a, "skipped") == 2,
	    "no previews unless the project says so");
	ok(count(b, "deployments") == 1, "then one");
	tap_str(in(b, "deployments", 0, "environment"), "pr-7", "of its own");
	d = deployment_get(st, in(b, "deployments", 0, "id"), &err);
	ok(json_int(d, "pull_request", 0) == 7, "with its number");
	tap_str(json_str(d, "branch", ""), "topic", "and branch");
	tap_str(json_str(d, "trigger", ""), "pull_request",
	    "by a pull request");
	while (job_claim(st, "w", 30000, &job, &err) == 1 &&
	       strcmp(json_str(job, "environment", ""), "pr-7") != 0) {
		json_decref(job);
		job = NULL;
	}
	tap_str(json_string_value(json_array_get(json_at(job,
						     "document.project.hosts"),
		    0)),
	    "pr-7.one.example", "at its own host");
	c = pull("r3", "synchronize", "true");
	ok(count(c, "deployments") == 0, "never a fork's");
	json_decref(c);
	json_object_clear(patch);
	json_object_set_new(patch, "preview_forks", json_true());
	json_decref(set);
	set = project_set(st, "one", patch, &err);
	c = pull("r4", "synchronize", "true");
	json_decref(d);
	d = deployment_get(st, in(c, "deployments", 0, "id"), &err);
	tap_str(json_str(d, "branch", ""), "refs/pull/7/head",
	    "unless it says so: by the name that the forge gives it");
	json_decref(c);
	c = pull("r5", "closed", "false");
	ok(count(c, "removed") == 1, "closed: taken away");
	env = environment_get(st, "one", "pr-7", &err);
	ok(json_str(env, "removed_at", NULL) != NULL, "soon");
	json_decref(c);
	c = pull("r6", "reopened", "false");
	ok(count(c, "deployments") == 1, "opened again before that: it stays");
	json_decref(env);
	env = environment_get(st, "one", "pr-7", &err);
	ok(json_str(env, "removed_at", NULL) == NULL, "for good");
	json_decref(c);
	c = deliver("r7", "{'event': 'branch_deleted', 'branch': 'topic'}", 1);
	ok(count(c, "removed") == 1, "its branch is deleted: taken away");
	json_decref(c);
	c = deliver("r8", "{'event': 'branch_deleted', 'branch': 'main'}", 1);
	ok(count(c, "removed") == 0, "production stays, whatever is deleted");
}

static void
test_bad(void)
{
	static const char *const bad[] = { "{'event': 'nothing'}",
		"{'event': 'push'}", "{'event': 'pull_request'}",
		"{'event': 'push', 'branch': 'b', 'repository': {}}",
		"{'event': 'push', 'branch': 'b', 'repository': {'keys':"
		" [1, 2]}}" };

	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		json_auto_t *r = deliver("b", bad[i], -1);

		ok(r == NULL, "no result");
	}
}

int
main(void)
{
	if (mkdtemp(dir) == NULL)
		return 1;
	setenv("RCN_STATE_DIR", dir, 1);
	setenv("RCN_CONF", "/dev/null", 1);
	if (state_open(&st, "worker:h:1", DB_CREATE, &err) < 0)
		return 1;
	test_push();
	test_paused();
	test_pull();
	test_bad();
	state_close(st);
	for (int i = 0; i < 3; i++) {
		static const char *const names[] = { "state.db", "state.db-wal",
			"state.db-shm" };
		auto_free char *path = mem_printf("%s/%s", dir, names[i]);

		unlink(path);
	}
	rmdir(dir);
	return tap_end();
}
