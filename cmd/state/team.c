/* rcn-state team ..., rcn-state user ... */
#include "cmd/state/verbs.h"
#include "state/team.h"

/* What lists all, and what takes one away. */
typedef json_t *all_fn(struct state *, struct err *);
typedef int drop_fn(struct state *, const char *, struct err *);

static int
all(const struct verb *v, int argc, char **argv, all_fn *fn, struct err *err)
{
	auto_state struct state *st = NULL;
	int status = verb_args(v, argc, argv, NULL, NULL, 0, 0);

	if (status != CLI_GO)
		return status;
	if (verb_open(&st, DB_READ, err) < 0)
		return -1;
	return verb_show(v, fn(st, err));
}

static int
drop(const struct verb *v, int argc, char **argv, const char *what, drop_fn *fn,
    struct err *err)
{
	auto_state struct state *st = NULL;
	const char *name;
	int status = verb_args(v, argc, argv, NULL, &name, 1, 1);

	if (status != CLI_GO)
		return status;
	if (verb_open(&st, 0, err) < 0 || fn(st, name, err) < 0)
		return -1;
	return verb_show(v, json_pack("{s:s, s:b}", what, name, "gone", 1));
}

static int
add_team(const struct verb *v, int argc, char **argv, struct err *err)
{
	auto_state struct state *st = NULL;
	const char *name;
	int status = verb_args(v, argc, argv, NULL, &name, 1, 1);

	if (status != CLI_GO)
		return status;
	if (verb_open(&st, 0, err) < 0)
		return -1;
	return verb_show(v, team_add(st, name, err));
}

static int
list_teams(const struct verb *v, int argc, char **argv, struct err *err)
{
	return all(v, argc, argv, team_list, err);
}

static int
rm_team(const struct verb *v, int argc, char **argv, struct err *err)
{
	return drop(v, argc, argv, "team", team_remove, err);
}

static int
join(const struct verb *v, int argc, char **argv, struct err *err)
{
	auto_state struct state *st = NULL;
	const char *words[2], *role = "developer";
	const struct flag flags[] = {
		{ "role", FLAG_TEXT, &role },
		{ 0 },
	};
	int status = verb_args(v, argc, argv, flags, words, 2, 2);

	if (status != CLI_GO)
		return status;
	if (verb_open(&st, 0, err) < 0)
		return -1;
	return verb_show(v, membership_set(st, words[0], words[1], role, err));
}

static int
leave(const struct verb *v, int argc, char **argv, struct err *err)
{
	auto_state struct state *st = NULL;
	const char *words[2];
	int status = verb_args(v, argc, argv, NULL, words, 2, 2);

	if (status != CLI_GO)
		return status;
	if (verb_open(&st, 0, err) < 0 ||
	    membership_remove(st, words[0], words[1], err) < 0)
		return -1;
	return verb_show(v, json_pack("{s:s, s:s, s:b}", "team", words[0],
				"user", words[1], "gone", 1));
}

static int
add_user(const struct verb *v, int argc, char **argv, struct err *err)
{
	auto_state struct state *st = NULL;
	const char *login, *name = NULL;
	const struct flag flags[] = {
		{ "name", FLAG_TEXT, &name },
		{ 0 },
	};
	int status = verb_args(v, argc, argv, flags, &login, 1, 1);

	if (status != CLI_GO)
		return status;
	if (verb_open(&st, 0, err) < 0)
		return -1;
	return verb_show(v, user_add(st, login, name, err));
}

static int
list_users(const struct verb *v, int argc, char **argv, struct err *err)
{
	return all(v, argc, argv, user_list, err);
}

static int
rm_user(const struct verb *v, int argc, char **argv, struct err *err)
{
	return drop(v, argc, argv, "user", user_remove, err);
}

const struct verb verbs_team[] = {
	{ "team add", "name", NULL, add_team },
	{ "team join", "[--role role] team login", NULL, join },
	{ "team leave", "team login", NULL, leave },
	{ "team list", "", "name members created_at", list_teams },
	{ "team rm", "name", NULL, rm_team },
	{ "user add", "[--name name] login", NULL, add_user },
	{ "user list", "", "login name created_at", list_users },
	{ "user rm", "login", NULL, rm_user },
	{ 0 },
};
