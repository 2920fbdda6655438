/* rcn-state environment ... */
#include <string.h>

#include "base/json.h"
#include "base/text.h"
#include "cmd/state/verbs.h"
#include "state/environment.h"
#include "state/job.h"

static int
add(const struct verb *v, int argc, char **argv, struct err *err)
{
	auto_state struct state *st = NULL;
	const char *words[2], *branch = NULL;
	const struct flag flags[] = {
		{ "branch", FLAG_TEXT, &branch },
		{ 0 },
	};
	int status = verb_args(v, argc, argv, flags, words, 2, 2);

	if (status != CLI_GO)
		return status;
	if (verb_open(&st, 0, err) < 0)
		return -1;
	return verb_show(v,
	    environment_add(st, words[0],
		&(struct environment_new){ .name = words[1], .branch = branch },
		err));
}

static int
list(const struct verb *v, int argc, char **argv, struct err *err)
{
	auto_state struct state *st = NULL;
	const char *project;
	int status = verb_args(v, argc, argv, NULL, &project, 1, 1);

	if (status != CLI_GO)
		return status;
	if (verb_open(&st, DB_READ, err) < 0)
		return -1;
	return verb_show(v, environment_list(st, project, err));
}

/* One patch to one environment; patch is stolen. */
static int
change(const struct verb *v, const char *const *words, json_t *patch,
    struct err *err)
{
	auto_state struct state *st = NULL;
	json_auto_t *own = patch;

	if (verb_open(&st, 0, err) < 0)
		return -1;
	return verb_show(v, environment_set(st, words[0], words[1], own, err));
}

static int
pause_it(const struct verb *v, int argc, char **argv, struct err *err)
{
	const char *words[2], *why = "paused";
	const struct flag flags[] = {
		{ "reason", FLAG_TEXT, &why },
		{ 0 },
	};
	int status = verb_args(v, argc, argv, flags, words, 2, 2);

	if (status != CLI_GO)
		return status;
	if (*why == '\0')
		return verb_usage(v, "--reason: empty");
	return change(v, words, json_pack("{s:o}", "paused", json_text(why)),
	    err);
}

static int
resume(const struct verb *v, int argc, char **argv, struct err *err)
{
	const char *words[2];
	int status = verb_args(v, argc, argv, NULL, words, 2, 2);

	if (status != CLI_GO)
		return status;
	return change(v, words, json_pack("{s:n}", "paused"), err);
}

static int
rm(const struct verb *v, int argc, char **argv, struct err *err)
{
	auto_state struct state *st = NULL;
	const char *words[2];
	int queued, status = verb_args(v, argc, argv, NULL, words, 2, 2);

	if (status != CLI_GO)
		return status;
	if (verb_open(&st, 0, err) < 0)
		return -1;
	queued = environment_remove(st, words[0], words[1], err);
	if (queued < 0)
		return -1;
	return verb_show(v, json_pack("{s:s, s:s, s:b}", "project", words[0],
				"environment", words[1], "gone", queued == 0));
}

/* PROCESS=COUNT, without a count: the project's own again. */
static int
scale(json_t *patch, const struct strvec *pairs, struct err *err)
{
	json_t *counts = json_object();

	json_object_set_new(patch, "scale", counts);
	for (size_t i = 0; i < pairs->n; i++) {
		const char *pair = pairs->v[i], *eq = strchr(pair, '=');
		auto_free char *name = NULL;
		uint64_t n;

		if (eq == NULL || eq == pair)
			return err_set(err, EX_USAGE, "bad-set",
			    "--scale %s: not PROCESS=COUNT", pair);
		name = mem_strndup(pair, (size_t)(eq - pair));
		if (!text_is_utf8(name, strlen(name)))
			return err_set(err, EX_USAGE, "bad-set",
			    "--scale %s: not UTF-8", pair);
		if (eq[1] == '\0') {
			json_object_set_new(counts, name, json_null());
			continue;
		}
		if (parse_u64(eq + 1, 0, 100, &n, err) < 0)
			return err_wrap(err, "--scale %s", pair);
		json_object_set_new(counts, name, json_integer((json_int_t)n));
	}
	return 0;
}

static int
set(const struct verb *v, int argc, char **argv, struct err *err)
{
	auto_strvec struct strvec pairs = { 0 };
	json_auto_t *patch = json_object();
	const char *words[2], *branch = NULL;
	const struct flag flags[] = {
		{ "branch", FLAG_TEXT, &branch },
		{ "scale", FLAG_LIST, &pairs },
		{ 0 },
	};
	int status = verb_args(v, argc, argv, flags, words, 2, 2);

	if (status != CLI_GO)
		return status;
	if (branch != NULL)
		json_object_set_new(patch, "branch",
		    *branch != '\0' ? json_text(branch) : json_null());
	if (pairs.n > 0 && scale(patch, &pairs, err) < 0)
		return -1;
	if (json_object_size(patch) == 0)
		return verb_usage(v, "nothing to set");
	return change(v, words, json_incref(patch), err);
}

static int
stop_it(const struct verb *v, int argc, char **argv, struct err *err)
{
	auto_state struct state *st = NULL;
	json_auto_t *env = NULL;
	const char *words[2];
	int status = verb_args(v, argc, argv, NULL, words, 2, 2);

	if (status != CLI_GO)
		return status;
	if (verb_open(&st, 0, err) < 0 ||
	    (env = environment_get(st, words[0], words[1], err)) == NULL)
		return -1;
	return verb_show(v,
	    job_add(st,
		&(struct job_new){ .kind = "stop",
		    .project = json_str(env, "project_id", NULL),
		    .environment = json_str(env, "id", NULL) },
		err));
}

const struct verb verbs_environment[] = {
	{ "environment add", "[--branch name] project name", NULL, add },
	{ "environment list", "project",
	    "name kind branch live=live_number paused hosts", list },
	{ "environment pause", "[--reason text] project name", NULL, pause_it },
	{ "environment resume", "project name", NULL, resume },
	{ "environment rm", "project name", NULL, rm },
	{ "environment set",
	    "[--branch name] [--scale process=count ...] project name", NULL,
	    set },
	{ "environment stop", "project name", NULL, stop_it },
	{ 0 },
};
