/* rcn-state deployment ... */
#include <string.h>

#include "base/json.h"
#include "base/text.h"
#include "cmd/state/verbs.h"
#include "state/deployment.h"
#include "state/environment.h"
#include "state/project.h"

enum { PAGE = 500, MOST = 1000000 };

/* PROCESS=COUNT, repeated. */
static json_t *
scale_of(const struct strvec *pairs, struct err *err)
{
	json_auto_t *scale = pairs->n > 0 ? json_object() : NULL;

	for (size_t i = 0; i < pairs->n; i++) {
		const char *eq = strchr(pairs->v[i], '=');
		auto_free char *name = NULL;
		uint64_t n;

		if (eq == NULL || eq == pairs->v[i]) {
			err_set(err, EX_USAGE, "bad-set",
			    "--scale %s: not PROCESS=COUNT", pairs->v[i]);
			return NULL;
		}
		if (parse_u64(eq + 1, 0, 100, &n, err) < 0)
			return NULL;
		name = mem_strndup(pairs->v[i], (size_t)(eq - pairs->v[i]));
		json_object_set_new(scale, name, json_integer((json_int_t)n));
	}
	return ptr_steal(&scale);
}

static int
add(const struct verb *v, int argc, char **argv, struct err *err)
{
	struct deployment_new d = { 0 };
	AUTO(strvec_release) struct strvec pairs = { 0 };
	auto_state struct state *st = NULL;
	json_auto_t *scale = NULL;
	const char *number = NULL;
	const struct flag flags[] = {
		{ "author", FLAG_TEXT, &d.author },
		{ "branch", FLAG_TEXT, &d.branch },
		{ "commit", FLAG_TEXT, &d.commit },
		{ "environment", FLAG_TEXT, &d.environment },
		{ "image", FLAG_TEXT, &d.image },
		{ "message", FLAG_TEXT, &d.message },
		{ "of", FLAG_TEXT, &d.of },
		{ "pull-request", FLAG_TEXT, &number },
		{ "scale", FLAG_LIST, &pairs },
		{ "trigger", FLAG_TEXT, &d.trigger },
		{ 0 },
	};
	int status = verb_args(v, argc, argv, flags, &d.project, 1, 1);

	if (status != CLI_GO)
		return status;
	if (verb_number(number, 0, INT32_MAX, &d.pull_request, err) < 0)
		return -1;
	scale = scale_of(&pairs, err);
	if (err->status != 0 || verb_open(&st, 0, err) < 0)
		return -1;
	d.scale = scale;
	if (d.trigger == NULL)
		d.trigger = d.image != NULL ? "image"
			    : scale != NULL ? "scale"
					    : "cli";
	return verb_show(v, deployment_add(st, &d, err));
}

static int
get(const struct verb *v, int argc, char **argv, struct err *err)
{
	auto_state struct state *st = NULL;
	json_auto_t *row = NULL;
	json_t *saved;
	const char *id;
	bool document = false;
	const struct flag flags[] = {
		{ "document", FLAG_SET, &document },
		{ 0 },
	};
	int status = verb_args(v, argc, argv, flags, &id, 1, 1);

	if (status != CLI_GO)
		return status;
	if (verb_open(&st, DB_READ, err) < 0 ||
	    (row = deployment_get(st, id, err)) == NULL)
		return -1;
	if (!document)
		return verb_show(v, json_incref(row));
	saved = deployment_document(st, json_str(row, "id", ""), err);
	if (saved == NULL && err->status == 0)
		err_set(err, EX_NOINPUT, "not-found",
		    "deployment %s: no document was saved", id);
	return verb_show(v, saved);
}

/* Nothing of it: is there such a thing at all? */
static int
check_there(struct state *st, const char *project, const char *environment,
    struct err *err)
{
	json_auto_t *row = environment != NULL
			       ? environment_get(st, project, environment, err)
			       : project_get(st, project, err);

	return row != NULL ? 0 : -1;
}

static int
list(const struct verb *v, int argc, char **argv, struct err *err)
{
	auto_state struct state *st = NULL;
	const char *project, *environment = NULL, *from = NULL, *count = NULL;
	const struct flag flags[] = {
		{ "before", FLAG_TEXT, &from },
		{ "environment", FLAG_TEXT, &environment },
		{ "limit", FLAG_TEXT, &count },
		{ 0 },
	};
	int64_t before, left;
	size_t n = PAGE;
	int status = verb_args(v, argc, argv, flags, &project, 1, 1);

	if (status != CLI_GO)
		return status;
	if (verb_number(from, 0, INT64_MAX, &before, err) < 0 ||
	    verb_number(count, MOST, MOST, &left, err) < 0 ||
	    verb_open(&st, DB_READ, err) < 0)
		return -1;
	while (left > 0 && n == PAGE) {
		json_t *page = deployment_list(st, project, environment, before,
		    left < PAGE ? (int)left : PAGE, err);

		n = json_array_size(page);
		if (page != NULL && n == 0 &&
		    check_there(st, project, environment, err) < 0) {
			json_decref(page);
			return -1;
		}
		if (n > 0)
			before =
			    json_int(json_array_get(page, n - 1), "number", 1);
		left -= (int64_t)n;
		if (verb_show(v, page) < 0)
			return -1;
	}
	return 0;
}

static int
cancel(const struct verb *v, int argc, char **argv, struct err *err)
{
	auto_state struct state *st = NULL;
	const char *id, *why = "cancelled by hand";
	const struct flag flags[] = {
		{ "reason", FLAG_TEXT, &why },
		{ 0 },
	};
	int status = verb_args(v, argc, argv, flags, &id, 1, 1);

	if (status != CLI_GO)
		return status;
	if (verb_open(&st, 0, err) < 0)
		return -1;
	return verb_show(v, deployment_cancel(st, id, why, err));
}

static int
rollback(const struct verb *v, int argc, char **argv, struct err *err)
{
	auto_state struct state *st = NULL;
	const char *project, *environment = NULL, *to = NULL;
	const struct flag flags[] = {
		{ "environment", FLAG_TEXT, &environment },
		{ "to", FLAG_TEXT, &to },
		{ 0 },
	};
	int status = verb_args(v, argc, argv, flags, &project, 1, 1);

	if (status != CLI_GO)
		return status;
	if (verb_open(&st, 0, err) < 0)
		return -1;
	return verb_show(v,
	    deployment_rollback(st, project, environment, to, err));
}

const struct verb verbs_deployment[] = {
	{ "deployment add",
	    "[--author name] [--branch name] [--commit id]"
	    " [--environment name] [--image image] [--message text] [--of id]"
	    " [--pull-request n] [--scale process=count ...]"
	    " [--trigger trigger] project",
	    NULL, add },
	{ "deployment cancel", "[--reason text] id", NULL, cancel },
	{ "deployment get", "[--document] id", NULL, get },
	{ "deployment list",
	    "[--before number] [--environment name] [--limit n] project",
	    "number environment state trigger commit created_at reason", list },
	{ "deployment rollback", "[--environment name] [--to id] project", NULL,
	    rollback },
	{ 0 },
};
