/* rcn-state project ... */
#include <string.h>

#include "base/json.h"
#include "cmd/state/verbs.h"
#include "document/settings.h"
#include "state/project.h"

enum { PAGE = 500, MOST = 1000000 };

struct given {
	const char *file, *repository, *branch, *team, *slug;
	struct strvec set, hosts;
};

static void
given_release(struct given *g)
{
	strvec_release(&g->set);
	strvec_release(&g->hosts);
}
#define auto_given AUTO(given_release)

/* KEY=VALUE into the patch. */
static int
put(json_t *patch, const char *pair, struct err *err)
{
	const char *eq = strchr(pair, '=');
	auto_free char *key = NULL;
	json_t *value;

	if (eq == NULL || eq == pair)
		return err_set(err, EX_USAGE, "bad-set",
		    "--set %s: not KEY=VALUE", pair);
	key = mem_strndup(pair, (size_t)(eq - pair));
	value = settings_parse(key, eq + 1, err);
	if (value == NULL)
		return -1;
	settings_put(patch, key, value);
	return 0;
}

/* The file, and what options say over it. */
static json_t *
patch_of(const struct given *g, struct err *err)
{
	json_auto_t *patch =
	    g->file != NULL ? verb_file(g->file, err) : json_object();

	if (patch == NULL)
		return NULL;
	for (size_t i = 0; i < g->set.n; i++)
		if (put(patch, g->set.v[i], err) < 0)
			return NULL;
	if (g->repository != NULL)
		json_object_set_new(patch, "repository",
		    *g->repository != '\0' ? json_text(g->repository)
					   : json_null());
	if (g->branch != NULL)
		json_object_set_new(patch, "branch", json_text(g->branch));
	if (g->team != NULL)
		json_object_set_new(patch, "team", json_text(g->team));
	if (g->hosts.n > 0)
		json_object_set_new(patch, "hosts", json_strvec(&g->hosts));
	return ptr_steal(&patch);
}

static int
args(const struct verb *v, int argc, char **argv, struct given *g)
{
	const struct flag flags[] = {
		{ "branch", FLAG_TEXT, &g->branch },
		{ "host", FLAG_LIST, &g->hosts },
		{ "project", FLAG_TEXT, &g->file },
		{ "repository", FLAG_TEXT, &g->repository },
		{ "set", FLAG_LIST, &g->set },
		{ "team", FLAG_TEXT, &g->team },
		{ 0 },
	};

	return verb_args(v, argc, argv, flags, &g->slug, 1, 1);
}

static int
add(const struct verb *v, int argc, char **argv, struct err *err)
{
	auto_given struct given g = { 0 };
	auto_state struct state *st = NULL;
	json_auto_t *settings = NULL;
	int status = args(v, argc, argv, &g);

	if (status != CLI_GO)
		return status;
	settings = patch_of(&g, err);
	if (settings == NULL || verb_open(&st, 0, err) < 0)
		return -1;
	return verb_show(v, project_add(st, g.slug, settings, err));
}

static int
get(const struct verb *v, int argc, char **argv, struct err *err)
{
	auto_state struct state *st = NULL;
	const char *slug;
	int status = verb_args(v, argc, argv, NULL, &slug, 1, 1);

	if (status != CLI_GO)
		return status;
	if (verb_open(&st, DB_READ, err) < 0)
		return -1;
	return verb_show(v, project_get(st, slug, err));
}

static int
list(const struct verb *v, int argc, char **argv, struct err *err)
{
	auto_state struct state *st = NULL;
	auto_free char *after = NULL;
	const char *from = "", *count = NULL;
	const struct flag flags[] = {
		{ "after", FLAG_TEXT, &from },
		{ "limit", FLAG_TEXT, &count },
		{ 0 },
	};
	int64_t left;
	size_t n = PAGE;
	int status = verb_args(v, argc, argv, flags, NULL, 0, 0);

	if (status != CLI_GO)
		return status;
	if (verb_number(count, MOST, MOST, &left, err) < 0 ||
	    verb_open(&st, DB_READ, err) < 0)
		return -1;
	after = mem_strdup(from);
	while (left > 0 && n == PAGE) {
		json_t *page = project_list(st, after,
		    left < PAGE ? (int)left : PAGE, err);
		const json_t *last;

		n = json_array_size(page);
		if (page != NULL && n > 0) {
			last = json_array_get(page, n - 1);
			free(after);
			after = mem_strdup(json_str(last, "slug", ""));
		}
		left -= (int64_t)n;
		if (verb_show(v, page) < 0)
			return -1;
	}
	return 0;
}

static int
rm(const struct verb *v, int argc, char **argv, struct err *err)
{
	auto_state struct state *st = NULL;
	const char *slug;
	int queued, status = verb_args(v, argc, argv, NULL, &slug, 1, 1);

	if (status != CLI_GO)
		return status;
	if (verb_open(&st, 0, err) < 0)
		return -1;
	queued = project_remove(st, slug, err);
	if (queued < 0)
		return -1;
	return verb_show(v,
	    json_pack("{s:s, s:b}", "project", slug, "gone", queued == 0));
}

static int
set(const struct verb *v, int argc, char **argv, struct err *err)
{
	auto_given struct given g = { 0 };
	auto_state struct state *st = NULL;
	json_auto_t *patch = NULL;
	int status = args(v, argc, argv, &g);

	if (status != CLI_GO)
		return status;
	patch = patch_of(&g, err);
	if (patch == NULL)
		return -1;
	if (json_object_size(patch) == 0)
		return verb_usage(v, "nothing to set");
	if (verb_open(&st, 0, err) < 0)
		return -1;
	return verb_show(v, project_set(st, g.slug, patch, err));
}

#define SETTINGS                                              \
	"[--branch name] [--host host ...] [--project file] " \
	"[--repository url] [--set key=value ...] [--team name] slug"

const struct verb verbs_project[] = {
	{ "project add", SETTINGS, NULL, add },
	{ "project get", "slug", NULL, get },
	{ "project list", "[--after slug] [--limit n]",
	    "slug repository branch environments updated_at", list },
	{ "project rm", "slug", NULL, rm },
	{ "project set", SETTINGS, NULL, set },
	{ 0 },
};
