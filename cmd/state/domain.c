/* rcn-state domain ... */
#include "cmd/state/verbs.h"
#include "state/environment.h"

static int
add(const struct verb *v, int argc, char **argv, struct err *err)
{
	auto_state struct state *st = NULL;
	const char *words[2], *environment = "production";
	const struct flag flags[] = {
		{ "environment", FLAG_TEXT, &environment },
		{ 0 },
	};
	int status = verb_args(v, argc, argv, flags, words, 2, 2);

	if (status != CLI_GO)
		return status;
	if (verb_open(&st, 0, err) < 0)
		return -1;
	return verb_show(v,
	    domain_add(st, words[0], environment, words[1], err));
}

static int
list(const struct verb *v, int argc, char **argv, struct err *err)
{
	auto_state struct state *st = NULL;
	const char *project;
	int status = verb_args(v, argc, argv, NULL, &project, 0, 1);

	if (status != CLI_GO)
		return status;
	if (verb_open(&st, DB_READ, err) < 0)
		return -1;
	return verb_show(v, domain_list(st, project, err));
}

static int
rm(const struct verb *v, int argc, char **argv, struct err *err)
{
	auto_state struct state *st = NULL;
	const char *words[2];
	int status = verb_args(v, argc, argv, NULL, words, 2, 2);

	if (status != CLI_GO)
		return status;
	if (verb_open(&st, 0, err) < 0 ||
	    domain_remove(st, words[0], words[1], err) < 0)
		return -1;
	return verb_show(v, json_pack("{s:s, s:s, s:b}", "project", words[0],
				"host", words[1], "gone", 1));
}

const struct verb verbs_domain[] = {
	{ "domain add", "[--environment name] project host", NULL, add },
	{ "domain list", "[project]", "host project environment created_at",
	    list },
	{ "domain rm", "project host", NULL, rm },
	{ 0 },
};
