/* rcn-state env ... */
#include <string.h>

#include "base/json.h"
#include "base/mask.h"
#include "cmd/state/verbs.h"
#include "parse/dotenv.h"
#include "state/env.h"
#include "state/environment.h"
#include "state/project.h"

enum { WORDS = 100, IMPORT_MAX = 4 << 20, VERSION_MAX = 1 << 30 };

/*
 * Changes
 */

struct how {
	const char *file, *scope, *phase;
	bool plain, no_deploy;
};

static int
change_args(const struct verb *v, int argc, char **argv, struct how *h,
    const char **words, size_t min, size_t max)
{
	const struct flag flags[] = {
		{ "file", FLAG_TEXT, &h->file },
		{ "no-deploy", FLAG_SET, &h->no_deploy },
		{ "not-secret", FLAG_SET, &h->plain },
		{ "phase", FLAG_TEXT, &h->phase },
		{ "scope", FLAG_TEXT, &h->scope },
		{ 0 },
	};

	return verb_args(v, argc, argv, flags, words, min, max);
}

static struct env_set
one(const struct how *h, const char *key, const char *value)
{
	return (struct env_set){ key, value, h->scope, h->phase,
		h->plain ? ENV_PLAIN : ENV_AS_IT_WAS };
}

static int
change(const struct verb *v, const struct how *h, const char *project,
    const struct env_set *s, size_t n, struct err *err)
{
	auto_state struct state *st = NULL;

	if (verb_open(&st, 0, err) < 0)
		return -1;
	return verb_show(v, h->no_deploy ? env_change(st, project, s, n, err)
					 : env_apply(st, project, s, n, err));
}

static int
set(const struct verb *v, int argc, char **argv, struct err *err)
{
	AUTO(buf_wipe) struct buf value = { 0 };
	struct how h = { 0 };
	struct env_set s;
	const char *words[2];
	int status = change_args(v, argc, argv, &h, words, 2, 2);

	if (status != CLI_GO)
		return status;
	if (verb_secret(h.file, words[1], ENV_VALUE, &value, err) < 0)
		return -1;
	s = one(&h, words[1], buf_str(&value));
	return change(v, &h, words[0], &s, 1, err);
}

static int
unset(const struct verb *v, int argc, char **argv, struct err *err)
{
	struct env_set s[WORDS];
	struct how h = { 0 };
	const char *words[WORDS + 1];
	size_t n = 0;
	int status = change_args(v, argc, argv, &h, words, 2, WORDS + 1);

	if (status != CLI_GO)
		return status;
	if (h.file != NULL || h.phase != NULL || h.plain)
		return verb_usage(v, "a variable that goes has neither value "
				     "nor phase");
	for (; n < WORDS && words[n + 1] != NULL; n++)
		s[n] = one(&h, words[n + 1], NULL);
	return change(v, &h, words[0], s, n, err);
}

/* {"KEY": "value"} or {"KEY": {"value", "secret", "phase"}}. */
static json_t *
variables(const struct buf *text, const char *path, struct err *err)
{
	json_error_t why;
	json_t *all;

	if (text->len == 0 || text->data[0] != '{')
		return dotenv_parse(buf_str(text), text->len, path, err);
	all = json_loadb(text->data, text->len, JSON_REJECT_DUPLICATES, &why);
	if (all == NULL) /* its own words may quote a value */
		err_set(err, EX_DATAERR, "bad-env-file",
		    "%s:%d:%d: not JSON here, or a variable that is there "
		    "twice",
		    path, why.line, why.column);
	return all;
}

static int
sets_of(const json_t *all, const struct how *h, struct env_set *s,
    struct err *err)
{
	const char *key;
	json_t *v;
	size_t n = 0;

	json_object_foreach((json_t *)(uintptr_t)all, key, v) {
		const json_t *secret = json_object_get(v, "secret");

		s[n] = one(h, key,
		    json_is_string(v) ? json_string_value(v)
				      : json_str(v, "value", NULL));
		if (s[n].value == NULL)
			return err_set(err, EX_DATAERR, "bad-env-file",
			    "%s: not a variable", key);
		if (s[n].phase == NULL)
			s[n].phase = json_str(v, "phase", NULL);
		if (!h->plain && secret != NULL)
			s[n].secret =
			    json_is_false(secret) ? ENV_PLAIN : ENV_SECRET;
		n++;
	}
	return 0;
}

static int
import(const struct verb *v, int argc, char **argv, struct err *err)
{
	AUTO(buf_wipe) struct buf text = { 0 };
	auto_wiped json_t *all = NULL;
	auto_free struct env_set *s = NULL;
	struct how h = { 0 };
	const char *words[2];
	int status = change_args(v, argc, argv, &h, words, 1, 2);

	if (status != CLI_GO)
		return status;
	if (h.file != NULL)
		return verb_usage(v, "the file is a word");
	if (verb_secret(words[1], "KEY=value", IMPORT_MAX, &text, err) < 0 ||
	    (all = variables(&text, words[1] != NULL ? words[1] : "-", err)) ==
		NULL)
		return -1;
	s = mem_zalloc(json_object_size(all) + 1, sizeof(*s));
	if (sets_of(all, &h, s, err) < 0)
		return -1;
	return change(v, &h, words[0], s, json_object_size(all), err);
}

/*
 * Reading
 */

struct which {
	const char *environment, *version;
	bool dotenv;
};

/* The environment's row, and the version: today's where none is said. */
static json_t *
environment_of(struct state *st, const char *project, const char *name,
    const char *version, int64_t *n, struct err *err)
{
	json_auto_t *row = project_row(st, project, err);

	if (row == NULL || verb_number(version, json_int(row, "env_version", 0),
			       VERSION_MAX, n, err) < 0)
		return NULL;
	return environment_get(st, project, name, err);
}

static int
list(const struct verb *v, int argc, char **argv, struct err *err)
{
	auto_state struct state *st = NULL;
	struct which w = { 0 };
	const struct flag flags[] = {
		{ "environment", FLAG_TEXT, &w.environment },
		{ "at", FLAG_TEXT, &w.version },
		{ 0 },
	};
	const char *project;
	int64_t version;
	int status = verb_args(v, argc, argv, flags, &project, 1, 1);

	if (status != CLI_GO)
		return status;
	if (verb_number(w.version, -1, VERSION_MAX, &version, err) < 0 ||
	    verb_open(&st, DB_READ, err) < 0)
		return -1;
	return verb_show(v, env_list(st, project, w.environment, version, err));
}

/* In double quotes, as dotenv_parse() reads them. */
static void
add_dotenv(struct buf *out, const char *key, const char *value)
{
	buf_addf(out, "%s=\"", key);
	for (; *value != '\0'; value++) {
		if (strchr("\"\\$", *value) != NULL)
			buf_addc(out, '\\');
		if (*value == '\r')
			buf_adds(out, "\\r");
		else
			buf_addc(out, *value);
	}
	buf_adds(out, "\"\n");
}

/* With their values: that is what it is for. */
static void
print_all(json_t *all, bool dotenv)
{
	AUTO(buf_wipe) struct buf text = { 0 };
	const char *key;
	json_t *one_of;

	buf_grow(&text, 2 * json_dumpb(all, NULL, 0, JSON_COMPACT) + 2);
	if (!dotenv) {
		json_write(&text, all, JSON_COMPACT);
		buf_addc(&text, '\n');
	} else {
		json_object_foreach(all, key, one_of)
			add_dotenv(&text, key, json_str(one_of, "value", ""));
	}
	(void)fwrite(buf_str(&text), 1, text.len, stdout);
}

static int export(const struct verb *v, int argc, char **argv, struct err *err)
{
	auto_state struct state *st = NULL;
	auto_wiped json_t *all = NULL;
	json_auto_t *env = NULL;
	struct which w = { .environment = "production" };
	const struct flag flags[] = {
		{ "dotenv", FLAG_SET, &w.dotenv },
		{ "environment", FLAG_TEXT, &w.environment },
		{ "at", FLAG_TEXT, &w.version },
		{ 0 },
	};
	const char *project;
	int64_t n;
	int status = verb_args(v, argc, argv, flags, &project, 1, 1);

	if (status != CLI_GO)
		return status;
	if (verb_open(&st, DB_READ, err) < 0 ||
	    (env = environment_of(st, project, w.environment, w.version, &n,
		 err)) == NULL ||
	    (all = env_resolve(st, json_str(env, "id", ""), n, err)) == NULL)
		return -1;
	print_all(all, w.dotenv);
	return 0;
}

/* What runs; 0 where nothing does. */
static int
live_version(struct state *st, const json_t *env, int64_t *n, struct err *err)
{
	return db_number(st->db,
	    "SELECT d.env_version FROM environments e JOIN deployments d"
	    " ON d.id = e.live WHERE e.id = :id",
	    ARGS(ARG_TEXT("id", json_str(env, "id", ""))), n, err);
}

static int
diff(const struct verb *v, int argc, char **argv, struct err *err)
{
	auto_state struct state *st = NULL;
	json_auto_t *env = NULL;
	const char *words[3], *name = "production";
	const struct flag flags[] = {
		{ "environment", FLAG_TEXT, &name },
		{ 0 },
	};
	int64_t from, to;
	int status = verb_args(v, argc, argv, flags, words, 1, 3);

	if (status != CLI_GO)
		return status;
	if (verb_open(&st, DB_READ, err) < 0 ||
	    (env = environment_of(st, words[0], name, words[2], &to, err)) ==
		NULL ||
	    live_version(st, env, &from, err) < 0 ||
	    verb_number(words[1], from, VERSION_MAX, &from, err) < 0)
		return -1;
	return verb_show(v,
	    env_diff(st, json_str(env, "id", ""), from, to, err));
}

#define CHANGE "[--no-deploy] [--not-secret] [--phase phase] [--scope scope] "

const struct verb verbs_env[] = {
	{ "env diff", "[--environment name] project [from [to]]",
	    "key change build", diff },
	{ "env export",
	    "[--at version] [--dotenv] [--environment name] project", NULL,
	    export },
	{ "env import", CHANGE "project [file]", NULL, import },
	{ "env list", "[--at version] [--environment name] project",
	    "key value scope phase secret since", list },
	{ "env set", "[--file file] " CHANGE "project key", NULL, set },
	{ "env unset", "[--no-deploy] [--scope scope] project key ...", NULL,
	    unset },
	{ 0 },
};
