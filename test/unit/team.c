/* Teams, users, members. */
#include "state/team.h"

#include <stdlib.h>

#include "base/folder.h"
#include "base/json.h"
#include "state/project.h"
#include "tap.h"

static char dir[] = "/tmp/rcn-team.XXXXXX";
static struct state *st;
static struct err err;

static void
fails(bool failed, const char *code, const char *what)
{
	ok(failed && err.code != NULL && strcmp(err.code, code) == 0, "%s: %s",
	    what, err.msg);
	err = (struct err){ 0 };
}

static void
test_teams(void)
{
	json_auto_t *t = team_add(st, "web", &err);
	json_auto_t *settings = json_pack("{s:s}", "team", "web");
	json_auto_t *home = json_pack("{s:s}", "team", "default");
	json_auto_t *p = NULL;
	json_auto_t *moved = NULL;

	ok(t != NULL && json_array_size(json_object_get(t, "members")) == 0,
	    "a team without members: %s", err.msg);
	fails(team_add(st, "web", &err) == NULL, "exists", "twice");
	fails(team_add(st, "a b", &err) == NULL, "bad-slug", "no name");
	fails(team_remove(st, "none", &err) < 0, "not-found", "none");
	fails(team_remove(st, "default", &err) < 0, "bad-team",
	    "default stays");
	p = project_add(st, "shop", settings, &err);
	tap_str(json_str(p, "team", NULL), "web", "its project");
	fails(team_remove(st, "web", &err) < 0, "bad-team", "it has a project");
	moved = project_set(st, "shop", home, &err);
	tap_str(json_str(moved, "team", NULL), "default", "given to another");
	ok(team_remove(st, "web", &err) == 0, "removed: %s", err.msg);
	fails(team_get(st, "web", &err) == NULL, "not-found", "gone");
}

static void
test_members(void)
{
	json_auto_t *t = team_add(st, "ops", &err);
	json_auto_t *u = user_add(st, "eve", "Eve \x1b[31m \xff", &err);
	json_auto_t *m = membership_set(st, "ops", "eve", "viewer", &err);
	json_auto_t *again = membership_set(st, "ops", "eve", "admin", &err);
	json_auto_t *all = NULL;
	json_auto_t *users = NULL;

	ok(t != NULL && u != NULL, "a team and a user: %s", err.msg);
	ok(strchr(json_str(u, "name", "\x1b"), '\x1b') == NULL,
	    "a name that any terminal may show");
	tap_str(json_str(m, "role", NULL), "viewer", "a member");
	tap_str(json_str(again, "role", NULL), "admin", "of another role");
	all = team_get(st, "ops", &err);
	ok(json_array_size(json_object_get(all, "members")) == 1, "one");
	fails(user_add(st, "eve", NULL, &err) == NULL, "exists", "twice");
	fails(user_add(st, "Eve", NULL, &err) == NULL, "bad-slug", "no login");
	fails(membership_set(st, "ops", "eve", "king", &err) == NULL,
	    "bad-team", "no role");
	fails(membership_set(st, "ops", "bob", "admin", &err) == NULL,
	    "not-found", "no user");
	fails(membership_set(st, "no", "eve", "admin", &err) == NULL,
	    "not-found", "no team");
	ok(membership_remove(st, "ops", "eve", &err) == 0, "left");
	fails(membership_remove(st, "ops", "eve", &err) < 0, "not-found",
	    "left already");
	fails(user_remove(st, "local", &err) < 0, "bad-team", "local stays");
	ok(user_remove(st, "eve", &err) == 0, "no user any more");
	users = user_list(st, &err);
	ok(json_array_size(users) == 1, "but local");
}

int
main(void)
{
	int64_t n;

	if (mkdtemp(dir) == NULL)
		return 1;
	setenv("RCN_STATE_DIR", dir, 1);
	if (state_open(&st, "cli:0:root", DB_CREATE, &err) < 0)
		return 1;
	test_teams();
	test_members();
	ok(state_verify(st, &n, &err) == 0 && n > 8, "all told: %d", (int)n);
	state_close(st);
	folder_remove("/tmp", dir + strlen("/tmp/"), &err);
	return tap_end();
}
