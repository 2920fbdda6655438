/* Projects, their environments and hosts. */
#include "state/project.h"

#include <stdlib.h>
#include <unistd.h>

#include "base/folder.h"
#include "base/json.h"
#include "document/settings.h"
#include "state/environment.h"
#include "tap.h"

static char dir[] = "/tmp/rcn-project.XXXXXX";
static struct state *st;
static struct err err;

/* JSON as people write it down, with ' for ". */
static json_t *
js(const char *text)
{
	auto_free char *s = mem_strdup(text);

	for (char *p = s; *p != '\0'; p++)
		if (*p == '\'')
			*p = '"';
	return json_loads(s, JSON_DECODE_ANY, NULL);
}

static void
same(const json_t *got, const char *path, const char *want, const char *what)
{
	json_auto_t *v = js(want);
	json_t *have = json_at(got, path);
	auto_buf struct buf text = { 0 };

	if (have != NULL)
		json_write(&text, have, JSON_ENCODE_ANY | JSON_COMPACT);
	ok(have != NULL && json_equal(have, v), "%s: %s", what, buf_str(&text));
}

/* A failure with this code, and the next call begins afresh. */
static void
fails(bool failed, const char *code, int status, const char *what)
{
	ok(failed && err.code != NULL && strcmp(err.code, code) == 0 &&
		err.status == status,
	    "%s: %s: %s", what, err.code != NULL ? err.code : "none", err.msg);
	err = (struct err){ 0 };
}

static bool
add_fails(const char *slug, const char *settings)
{
	json_auto_t *s = js(settings);
	json_auto_t *row = project_add(st, slug, s, &err);

	return row == NULL;
}

static json_t *
set(const char *slug, const char *patch)
{
	json_auto_t *p = js(patch);

	return project_set(st, slug, p, &err);
}

static json_t *
first_environment(const json_t *project)
{
	return json_array_get(json_object_get(project, "environments"), 0);
}

static void
test_settings(void)
{
	json_auto_t *a = settings_parse("watch", "src,lib", &err);
	json_auto_t *b = settings_parse("processes.web.scale", "2", &err);
	json_auto_t *c = settings_parse("start", "node index.js", &err);
	json_auto_t *d = settings_parse("start", "[\"node\"]", &err);
	json_auto_t *e = settings_parse("health.path", "", &err);
	json_auto_t *patch = json_object();
	json_auto_t *bad = js("{'processes':{'web':{'scale':'2'}}}");
	json_auto_t *other = js("{'x':{'y':1},'hosts':['a']}");

	settings_put(patch, "processes.web.scale", json_incref(b));
	settings_put(patch, "processes.web.port", json_integer(80));
	settings_put(patch, "watch", json_incref(a));
	same(patch, "watch", "['src','lib']", "a list of strings");
	same(patch, "processes", "{'web':{'scale':2,'port':80}}", "deep");
	ok(json_is_string(c) && json_is_array(d), "a command, both ways");
	ok(json_is_null(e), "empty takes it away");
	fails(settings_parse("helth.path", "/", &err) == NULL, "bad-set",
	    EX_USAGE, "a name that is not there");
	fails(settings_parse("processes.web.scale", "two", &err) == NULL,
	    "bad-set", EX_USAGE, "no number");
	fails(settings_parse("previews", "yes", &err) == NULL, "bad-set",
	    EX_USAGE, "neither true nor false");
	fails(settings_check(bad, "f", &err) < 0, "bad-project", EX_DATAERR,
	    "a kind, deep inside");
	ok(settings_check(other, "f", &err) == 0, "unknown ones are kept");
}

static void
test_add(void)
{
	json_auto_t *settings =
	    js("{'repository':'git@github.com:O/"
	       "Shop.git','hosts':['shop.example'],"
	       "'root':'web','limits':{'memory':1000},'previews':true}");
	json_auto_t *row = project_add(st, "shop", settings, &err);
	json_auto_t *got = NULL;

	ok(row != NULL, "added: %s", err.msg);
	same(row, "slug", "'shop'", "slug");
	same(row, "team", "'default'", "team");
	same(row, "repository", "'github.com/o/shop'", "the repository's key");
	same(row, "repository_url", "'git@github.com:O/Shop.git'", "its URL");
	same(row, "branch", "'main'", "branch");
	same(row, "settings", "{'root':'web','limits':{'memory':1000}}",
	    "all else is kept");
	same(row, "previews", "true", "previews");
	same(row, "preview_forks", "false", "forks");
	same(first_environment(row), "name", "'production'", "production");
	same(first_environment(row), "branch", "'main'", "follows main");
	same(first_environment(row), "hosts", "['shop.example']", "its hosts");
	got = project_get(st, "shop", &err);
	ok(json_equal(got, row), "get is what add has said");
	fails(add_fails("shop", "{}"), "exists", EX_DATAERR, "twice");
	fails(add_fails("Shop", "{}"), "bad-slug", EX_USAGE, "no slug");
	fails(add_fails("a'; DROP TABLE projects; --", "{}"), "bad-slug",
	    EX_USAGE, "quotes");
	fails(add_fails("b", "{'hosts':'x'}"), "bad-project", EX_DATAERR,
	    "a setting of another kind");
	fails(add_fails("b", "[]"), "bad-project", EX_DATAERR, "a list");
	fails(add_fails("b", "{'slug':'c'}"), "bad-project", EX_DATAERR,
	    "another slug inside");
	fails(add_fails("b", "{'repository':'http://'}"), "bad-url", EX_USAGE,
	    "no repository");
	fails(add_fails("b", "{'team':'nobody'}"), "not-found", EX_NOINPUT,
	    "no team");
	fails(add_fails("b", "{'hosts':['shop.example']}"), "host-taken",
	    EX_CONFIG, "another's host");
	fails(add_fails("b", "{'hosts':['a b']}"), "bad-host", EX_DATAERR,
	    "no host");
	fails(add_fails("b", "{'preview_host':'a.example'}"), "bad-host",
	    EX_DATAERR, "a preview host without a number");
	fails(project_get(st, "b", &err) == NULL, "not-found", EX_NOINPUT,
	    "what failed has left nothing");
}

static void
test_set(void)
{
	json_auto_t *one =
	    set("shop", "{'branch':'trunk','root':null,'limits':{'pids':5},"
			"'preview_host':'pr-*.shop.example',"
			"'hosts':['www.shop.example','shop.example']}");
	json_auto_t *two = NULL;
	json_auto_t *three = NULL;

	same(one, "branch", "'trunk'", "branch");
	same(one, "settings", "{'limits':{'memory':1000,'pids':5}}", "merged");
	same(one, "previews", "true", "what is not named stays");
	same(one, "repository", "'github.com/o/shop'", "so does that");
	same(first_environment(one), "branch", "'trunk'", "production follows");
	same(first_environment(one), "hosts",
	    "['shop.example','www.shop.example']", "hosts, all of them");
	two = set("shop", "{'hosts':[],'repository':null,'branch':null}");
	same(two, "repository", "''", "no repository");
	ok(json_at(two, "repository_url") == NULL, "nor its URL");
	same(two, "branch", "'main'", "the default again");
	same(first_environment(two), "hosts", "[]", "no hosts");
	ok(json_int(two, "rev", 0) == json_int(one, "rev", 0) + 1, "rev");
	three = set("shop",
	    "{'repository':'https://github.com/o/shop','cancel_building':false,"
	    "'watch':['a']}");
	same(three, "settings.cancel_building", "false", "cancel_building");
	fails(set("shop", "{'limits':{'pids':'x'}}") == NULL, "bad-project",
	    EX_DATAERR, "a kind");
	fails(set("none", "{}") == NULL, "not-found", EX_NOINPUT, "none");
}

static void
test_environments(void)
{
	struct environment_new pr = { "pr-12", "preview", NULL, 12 };
	struct environment_new staging = { .name = "staging",
		.branch = "next" };
	json_auto_t *p = environment_ensure(st, "shop", &pr, &err);
	json_auto_t *again = environment_ensure(st, "shop", &pr, &err);
	json_auto_t *s = environment_add(st, "shop", &staging, &err);
	json_auto_t *list = environment_list(st, "shop", &err);
	json_auto_t *settings = NULL;
	json_auto_t *patch = js("{'paused':'rolled back','scale':{'web':2}}");
	json_auto_t *resume = js("{'paused':null}");
	json_auto_t *bad = js("{'live':'x'}");
	json_auto_t *many = js("{'scale':{'web':101}}");
	json_auto_t *set1 = NULL;
	json_auto_t *set2 = NULL;

	same(p, "kind", "'preview'", "a preview");
	same(p, "project", "'shop'", "its project");
	ok(json_equal(p, again), "there already");
	ok(s != NULL && json_array_size(list) == 3, "three: %s", err.msg);
	fails(environment_add(st, "shop", &staging, &err) == NULL, "exists",
	    EX_DATAERR, "twice");
	staging.name = "all";
	fails(environment_add(st, "shop", &staging, &err) == NULL,
	    "bad-environment", EX_DATAERR, "a scope's name");
	staging.name = "pr-7";
	fails(environment_add(st, "shop", &staging, &err) == NULL,
	    "bad-environment", EX_DATAERR, "a pull request's name");
	staging.name = "no name";
	fails(environment_add(st, "shop", &staging, &err) == NULL, "bad-slug",
	    EX_USAGE, "no name");
	set1 = environment_set(st, "shop", "staging", patch, &err);
	same(set1, "paused", "'rolled back'", "paused");
	settings = environment_settings(st, json_str(set1, "id", ""), &err);
	same(settings, "processes.web.scale", "2", "scale of now");
	same(settings, "repository", "'https://github.com/o/shop'",
	    "the URL to fetch");
	same(settings, "slug", "'shop'", "slug");
	ok(json_at(settings, "hosts") == NULL, "no hosts: rcn-route's own");
	json_decref(settings);
	settings = environment_settings(st, json_str(p, "id", ""), &err);
	same(settings, "hosts", "['pr-12.shop.example']", "a preview's host");
	set2 = environment_set(st, "shop", "staging", resume, &err);
	ok(set2 != NULL && json_at(set2, "paused") == NULL, "goes on");
	fails(environment_set(st, "shop", "staging", bad, &err) == NULL,
	    "bad-environment", EX_DATAERR, "not to be set");
	fails(environment_set(st, "shop", "staging", many, &err) == NULL,
	    "bad-environment", EX_DATAERR, "too many");
	fails(environment_remove(st, "shop", "production", &err) < 0,
	    "bad-environment", EX_DATAERR, "production stays");
	ok(environment_remove(st, "shop", "staging", &err) == 0,
	    "never deployed: gone at once");
	fails(environment_get(st, "shop", "staging", &err) == NULL, "not-found",
	    EX_NOINPUT, "gone");
}

static void
test_domains(void)
{
	json_auto_t *a =
	    domain_add(st, "shop", "production", "A.Shop.Example.", &err);
	json_auto_t *list = NULL;
	json_auto_t *none = js("{}");
	json_auto_t *other = project_add(st, "other", none, &err);

	same(a, "host", "'a.shop.example'", "as DNS compares");
	same(a, "environment", "'production'", "whose");
	ok(other != NULL, "another project: %s", err.msg);
	fails(domain_add(st, "other", "production", "a.shop.example", &err) ==
		  NULL,
	    "host-taken", EX_CONFIG, "another's");
	fails(domain_add(st, "shop", "pr-12", "a.shop.example", &err) == NULL,
	    "exists", EX_DATAERR, "in another environment");
	fails(domain_add(st, "shop", "no", "b.shop.example", &err) == NULL,
	    "not-found", EX_NOINPUT, "no environment");
	list = domain_list(st, NULL, &err);
	ok(json_array_size(list) == 1, "all of them");
	fails(domain_remove(st, "other", "a.shop.example", &err) < 0,
	    "not-found", EX_NOINPUT, "not its own");
	ok(domain_remove(st, "shop", "a.shop.example", &err) == 0, "removed");
}

/* A deployment that was, so that instances may run. */
static void
deployed(const char *environment_id, const char *project_id)
{
	db_run(st->db,
	    "INSERT INTO deployments (id, project, environment, number,"
	    " trigger, state, actor, created_at) VALUES ('d', :p, :e, 1, 'cli',"
	    " 'live', 'x', 'now')",
	    ARGS(ARG_TEXT("p", project_id), ARG_TEXT("e", environment_id)),
	    &err);
	db_run(st->db, "UPDATE environments SET live = 'd' WHERE id = :e",
	    ARGS(ARG_TEXT("e", environment_id)), &err);
}

static void
test_removal(void)
{
	json_auto_t *env = environment_get(st, "shop", "production", &err);
	json_auto_t *list = NULL;
	json_auto_t *after = NULL;
	const char *id = json_str(env, "id", "");
	struct environment_new pr = { "pr-1", "preview", NULL, 1 };
	int64_t n;

	deployed(id, json_str(env, "project_id", ""));
	list = project_of_repository(st, "github.com/o/shop", &err);
	ok(json_array_size(list) == 1, "of a repository");
	same(first_environment(json_array_get(list, 0)), "live_number", "1",
	    "what is live");
	ok(project_remove(st, "shop", &err) == 1, "queued: %s", err.msg);
	ok(project_remove(st, "shop", &err) == 1, "again: still");
	ok(db_number(st->db,
	       "SELECT count(*) FROM jobs WHERE kind = 'teardown'", NO_ARGS, &n,
	       &err) == 0 &&
		n == 1,
	    "one teardown, of what was deployed");
	after = project_of_repository(st, "github.com/o/shop", &err);
	ok(json_array_size(after) == 0, "no push finds it");
	fails(environment_ensure(st, "shop", &pr, &err) == NULL,
	    "bad-environment", EX_DATAERR, "nothing new in it");
	ok(environment_forget(st, id, &err) == 0, "torn down: %s", err.msg);
	fails(project_get(st, "shop", &err) == NULL, "not-found", EX_NOINPUT,
	    "gone with its last environment");
	ok(project_remove(st, "other", &err) == 0, "never deployed: gone");
	fails(project_remove(st, "other", &err) < 0, "not-found", EX_NOINPUT,
	    "none");
	ok(db_number(st->db, "SELECT count(*) FROM domains", NO_ARGS, &n,
	       &err) == 0 &&
		n == 0,
	    "no host is left");
	ok(state_verify(st, &n, &err) == 0 && n > 15, "all told: %d", (int)n);
}

static void
test_list(void)
{
	json_auto_t *none = js("{}");
	json_auto_t *first = NULL;
	json_auto_t *rest = NULL;

	for (int i = 0; i < 5; i++) {
		auto_free char *slug = mem_printf("p%d", i);
		json_auto_t *row = project_add(st, slug, none, &err);

		ok(row != NULL, "%s", slug);
	}
	first = project_list(st, NULL, 3, &err);
	rest = project_list(st, "p2", 3, &err);
	ok(json_array_size(first) == 3 && json_array_size(rest) == 2,
	    "page by page");
	same(json_array_get(rest, 0), "slug", "'p3'", "the next");
}

int
main(void)
{
	if (mkdtemp(dir) == NULL)
		return 1;
	setenv("RCN_STATE_DIR", dir, 1);
	ok(state_open(&st, "cli:0:root", DB_CREATE, &err) == 0, "open: %s",
	    err.msg);
	test_settings();
	test_add();
	test_set();
	test_environments();
	test_domains();
	test_removal();
	test_list();
	state_close(st);
	folder_remove("/tmp", dir + strlen("/tmp/"), &err);
	return tap_end();
}
