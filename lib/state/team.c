#include "state/team.h"

#include <string.h>

#include "base/crypto.h"
#include "base/json.h"
#include "base/text.h"

#define TEAM "SELECT id, name, created_at, rev FROM teams"
#define USER "SELECT id, login, name, created_at, rev FROM users"
#define MEMBER                                                         \
	"SELECT t.name AS team, u.login AS user, m.role, m.created_at" \
	" FROM memberships m JOIN teams t ON t.id = m.team"            \
	" JOIN users u ON u.id = m.user"

static int
check_name(const char *name, struct err *err)
{
	if (text_is_slug(name))
		return 0;
	return err_set(err, EX_USAGE, "bad-slug",
	    "%s: not a name: lower case letters, digits and hyphens, "
	    "40 at most",
	    name);
}

/* The row, or "WHAT NAME: not there". */
static json_t *
found(json_t *row, const char *what, const char *name, struct err *err)
{
	if (row == NULL && err->status == 0)
		err_set(err, EX_NOINPUT, "not-found", "%s %s: not there", what,
		    name);
	return row;
}

/* A row that is unique by name: "exists" says of what. */
static int
made(int rows, const char *what, const char *name, struct err *err)
{
	if (rows >= 0)
		return 0;
	if (strcmp(err->code, "exists") == 0)
		err_set(err, EX_DATAERR, "exists", "%s %s: exists", what, name);
	return -1;
}

/* ---- teams ---- */

static json_t *
team_row(struct state *st, const char *name, struct err *err)
{
	return found(db_first(st->db, TEAM " WHERE name = :name",
			 ARGS(ARG_TEXT("name", name)), err),
	    "team", name, err);
}

static int
with_members(struct state *st, json_t *team, struct err *err)
{
	json_t *list =
	    db_list(st->db, MEMBER " WHERE m.team = :id ORDER BY u.login",
		ARGS(ARG_TEXT("id", json_str(team, "id", ""))), err);

	if (list == NULL)
		return -1;
	json_object_set_new(team, "members", list);
	return 0;
}

json_t *
team_get(struct state *st, const char *name, struct err *err)
{
	json_auto_t *row = team_row(st, name, err);

	if (row == NULL || with_members(st, row, err) < 0)
		return NULL;
	return ptr_steal(&row);
}

json_t *
team_list(struct state *st, struct err *err)
{
	json_auto_t *list =
	    db_list(st->db, TEAM " ORDER BY name", NO_ARGS, err);
	json_t *row;
	size_t i;

	json_array_foreach(list, i, row)
		if (with_members(st, row, err) < 0)
			return NULL;
	return ptr_steal(&list);
}

static int
add_team(struct state *st, const char *name, struct err *err)
{
	char now[CLOCK_TEXT], id[UUID_TEXT];

	clock_now_text(now);
	uuid7(id);
	if (made(db_run(st->db,
		     "INSERT INTO teams (id, name, created_at)"
		     " VALUES (:id, :name, :now)",
		     ARGS(ARG_TEXT("id", id), ARG_TEXT("name", name),
			 ARG_TEXT("now", now)),
		     err),
		"team", name, err) < 0)
		return -1;
	return state_event(st,
	    &(struct event){ .kind = "team.created",
		.team = id,
		.data = json_pack("{s:s}", "name", name) },
	    err);
}

json_t *
team_add(struct state *st, const char *name, struct err *err)
{
	if (check_name(name, err) < 0 || db_begin(st->db, err) < 0 ||
	    db_end(st->db, add_team(st, name, err), err) < 0)
		return NULL;
	return team_get(st, name, err);
}

static int
remove_team(struct state *st, const char *name, struct err *err)
{
	json_auto_t *row = team_row(st, name, err);
	const char *id = json_str(row, "id", "");
	int64_t owns;

	if (row == NULL ||
	    db_number(st->db,
		"SELECT EXISTS (SELECT 1 FROM projects WHERE team = :id)",
		ARGS(ARG_TEXT("id", id)), &owns, err) < 0)
		return -1;
	if (owns != 0)
		return err_set(err, EX_DATAERR, "bad-team",
		    "team %s: has projects", name);
	if (strcmp(name, "default") == 0)
		return err_set(err, EX_DATAERR, "bad-team",
		    "team default: stays");
	if (db_run(st->db, "DELETE FROM teams WHERE id = :id",
		ARGS(ARG_TEXT("id", id)), err) < 0)
		return -1;
	return state_event(st,
	    &(struct event){ .kind = "team.removed",
		.team = id,
		.data = json_pack("{s:s}", "name", name) },
	    err);
}

int
team_remove(struct state *st, const char *name, struct err *err)
{
	if (db_begin(st->db, err) < 0)
		return -1;
	return db_end(st->db, remove_team(st, name, err), err);
}

/* ---- users ---- */

json_t *
user_get(struct state *st, const char *login, struct err *err)
{
	return found(db_first(st->db, USER " WHERE login = :login",
			 ARGS(ARG_TEXT("login", login)), err),
	    "user", login, err);
}

json_t *
user_list(struct state *st, struct err *err)
{
	return db_list(st->db, USER " ORDER BY login", NO_ARGS, err);
}

static int
add_user(struct state *st, const char *login, const char *name, struct err *err)
{
	char now[CLOCK_TEXT], id[UUID_TEXT];
	auto_buf struct buf clean = { 0 };

	clock_now_text(now);
	uuid7(id);
	if (name != NULL)
		text_printable(&clean, name, strlen(name));
	if (made(db_run(st->db,
		     "INSERT INTO users (id, login, name, created_at)"
		     " VALUES (:id, :login, :name, :now)",
		     ARGS(ARG_TEXT("id", id), ARG_TEXT("login", login),
			 ARG_TEXT("name", clean.data), ARG_TEXT("now", now)),
		     err),
		"user", login, err) < 0)
		return -1;
	return state_event(st,
	    &(struct event){ .kind = "user.created",
		.data = json_pack("{s:s}", "login", login) },
	    err);
}

json_t *
user_add(struct state *st, const char *login, const char *name, struct err *err)
{
	if (check_name(login, err) < 0 || db_begin(st->db, err) < 0 ||
	    db_end(st->db, add_user(st, login, name, err), err) < 0)
		return NULL;
	return user_get(st, login, err);
}

static int
remove_user(struct state *st, const char *login, struct err *err)
{
	json_auto_t *row = user_get(st, login, err);

	if (row == NULL)
		return -1;
	if (strcmp(login, "local") == 0)
		return err_set(err, EX_DATAERR, "bad-team",
		    "user local: stays");
	if (db_run(st->db, "DELETE FROM users WHERE id = :id",
		ARGS(ARG_TEXT("id", json_str(row, "id", ""))), err) < 0)
		return -1;
	return state_event(st,
	    &(struct event){ .kind = "user.removed",
		.data = json_pack("{s:s}", "login", login) },
	    err);
}

int
user_remove(struct state *st, const char *login, struct err *err)
{
	if (db_begin(st->db, err) < 0)
		return -1;
	return db_end(st->db, remove_user(st, login, err), err);
}

/* ---- members ---- */

static json_t *
member(struct state *st, const char *team, const char *user, struct err *err)
{
	return found(db_first(st->db,
			 MEMBER " WHERE t.name = :team AND u.login = :user",
			 ARGS(ARG_TEXT("team", team), ARG_TEXT("user", user)),
			 err),
	    "member", user, err);
}

static int
set_member(struct state *st, const char *team, const char *user,
    const char *role, struct err *err)
{
	json_auto_t *t = team_row(st, team, err);
	json_auto_t *u = t != NULL ? user_get(st, user, err) : NULL;
	char now[CLOCK_TEXT];

	if (u == NULL)
		return -1;
	clock_now_text(now);
	if (db_run(st->db,
		"INSERT INTO memberships (team, user, role, created_at)"
		" VALUES (:team, :user, :role, :now)"
		" ON CONFLICT (team, user) DO UPDATE SET role = :role",
		ARGS(ARG_TEXT("team", json_str(t, "id", "")),
		    ARG_TEXT("user", json_str(u, "id", "")),
		    ARG_TEXT("role", role), ARG_TEXT("now", now)),
		err) < 0)
		return -1;
	return state_event(st,
	    &(struct event){ .kind = "membership.set",
		.team = json_str(t, "id", NULL),
		.data = json_pack("{s:s, s:s}", "user", user, "role", role) },
	    err);
}

json_t *
membership_set(struct state *st, const char *team, const char *user,
    const char *role, struct err *err)
{
	if (strcmp(role, "admin") != 0 && strcmp(role, "developer") != 0 &&
	    strcmp(role, "viewer") != 0) {
		err_set(err, EX_DATAERR, "bad-team",
		    "%s: not a role: admin, developer or viewer", role);
		return NULL;
	}
	if (db_begin(st->db, err) < 0 ||
	    db_end(st->db, set_member(st, team, user, role, err), err) < 0)
		return NULL;
	return member(st, team, user, err);
}

static int
remove_member(struct state *st, const char *team, const char *user,
    struct err *err)
{
	json_auto_t *t = team_row(st, team, err);
	json_auto_t *m = t != NULL ? member(st, team, user, err) : NULL;

	if (m == NULL)
		return -1;
	if (db_run(st->db,
		"DELETE FROM memberships WHERE team = :team AND user ="
		" (SELECT id FROM users WHERE login = :user)",
		ARGS(ARG_TEXT("team", json_str(t, "id", "")),
		    ARG_TEXT("user", user)),
		err) < 0)
		return -1;
	return state_event(st,
	    &(struct event){ .kind = "membership.removed",
		.team = json_str(t, "id", NULL),
		.data = json_pack("{s:s}", "user", user) },
	    err);
}

int
membership_remove(struct state *st, const char *team, const char *user,
    struct err *err)
{
	if (db_begin(st->db, err) < 0)
		return -1;
	return db_end(st->db, remove_member(st, team, user, err), err);
}
