/* rcn-state credential ... */
#include <string.h>

#include "base/json.h"
#include "cmd/state/verbs.h"
#include "state/credential.h"

static int
list(const struct verb *v, int argc, char **argv, struct err *err)
{
	auto_state struct state *st = NULL;
	const char *project = NULL;
	const struct flag flags[] = { { "project", FLAG_TEXT, &project },
		{ 0 } };
	int status = verb_args(v, argc, argv, flags, NULL, 0, 0);

	if (status != CLI_GO)
		return status;
	if (verb_open(&st, DB_READ, err) < 0)
		return -1;
	return verb_show(v, credential_list(st, project, err));
}

static int
rm(const struct verb *v, int argc, char **argv, struct err *err)
{
	auto_state struct state *st = NULL;
	const char *project = NULL, *kind;
	const struct flag flags[] = { { "project", FLAG_TEXT, &project },
		{ 0 } };
	int status = verb_args(v, argc, argv, flags, &kind, 1, 1);
	json_t *gone;

	if (status != CLI_GO)
		return status;
	if (verb_open(&st, 0, err) < 0 ||
	    credential_remove(st, project, kind, err) < 0)
		return -1;
	gone = json_pack("{s:s, s:b}", "credential", kind, "gone", 1);
	if (project != NULL)
		json_object_set_new(gone, "project", json_text(project));
	return verb_show(v, gone);
}

/* A webhook's secret is to be pasted where its deliveries come from. */
static json_t *
with_secret(struct state *st, const char *project, json_t *stolen,
    struct err *err)
{
	json_auto_t *row = stolen;
	AUTO(buf_wipe) struct buf secret = { 0 };

	if (row == NULL)
		return NULL;
	if (strcmp(json_str(row, "kind", ""), "webhook") != 0)
		return ptr_steal(&row);
	if (credential_open(st, project, "webhook", true, &secret, err) < 0)
		return NULL;
	json_object_set_new(row, "secret", json_text(buf_str(&secret)));
	return ptr_steal(&row);
}

static json_t *
row_of(struct state *st, const char *project, const char *kind, struct err *err)
{
	json_auto_t *all = credential_list(st, project, err);
	json_t *row;
	size_t i;

	if (all == NULL)
		return NULL;
	json_array_foreach(all, i, row)
		if (strcmp(json_str(row, "kind", ""), kind) == 0)
			return json_incref(row);
	err_set(err, EX_NOINPUT, "not-found", "credential %s: there is none",
	    kind);
	return NULL;
}

static int
show(const struct verb *v, int argc, char **argv, struct err *err)
{
	auto_state struct state *st = NULL;
	const char *project = NULL, *kind;
	const struct flag flags[] = { { "project", FLAG_TEXT, &project },
		{ 0 } };
	int status = verb_args(v, argc, argv, flags, &kind, 1, 1);

	if (status != CLI_GO)
		return status;
	if (verb_open(&st, DB_READ, err) < 0)
		return -1;
	return verb_show(v,
	    with_secret(st, project, row_of(st, project, kind, err), err));
}

static bool
can_be_made(const char *kind)
{
	return strcmp(kind, "git-key") == 0 || strcmp(kind, "webhook") == 0;
}

static int
set(const struct verb *v, int argc, char **argv, struct err *err)
{
	auto_state struct state *st = NULL;
	AUTO(buf_wipe) struct buf value = { 0 };
	const char *project = NULL, *words[2];
	const struct flag flags[] = { { "project", FLAG_TEXT, &project },
		{ 0 } };
	int status = verb_args(v, argc, argv, flags, words, 1, 2);
	bool made;
	json_t *row;

	if (status != CLI_GO)
		return status;
	if (verb_secret(words[1], words[0], CREDENTIAL_MAX, &value, err) < 0 ||
	    verb_open(&st, 0, err) < 0)
		return -1;
	made = value.len == 0 && words[1] == NULL && can_be_made(words[0]);
	row = credential_set(st, project, words[0],
	    made ? NULL : buf_str(&value), err);
	return verb_show(v, made ? with_secret(st, project, row, err) : row);
}

const struct verb verbs_credential[] = {
	{ "credential list", "[--project slug]",
	    "kind project public created_at", list },
	{ "credential rm", "[--project slug] kind", NULL, rm },
	{ "credential set", "[--project slug] kind [file]", NULL, set },
	{ "credential show", "[--project slug] kind", NULL, show },
	{ 0 },
};
