/* rcn-state audit ... */
#include "base/json.h"
#include "base/text.h"
#include "cmd/state/verbs.h"
#include "state/project.h"

enum { PAGE = 500 };

/* --project SLUG as an id; NULL where it is not given. */
static int
project_id(struct state *st, const char *slug, json_t **row, const char **id,
    struct err *err)
{
	*id = NULL;
	if (slug == NULL)
		return 0;
	*row = project_row(st, slug, err);
	*id = json_str(*row, "id", NULL);
	return *row != NULL ? 0 : -1;
}

static int
list(const struct verb *v, int argc, char **argv, struct err *err)
{
	auto_state struct state *st = NULL;
	json_auto_t *row = NULL;
	const char *slug = NULL, *count = NULL, *from = "0", *id;
	const struct flag flags[] = {
		{ "after", FLAG_TEXT, &from },
		{ "limit", FLAG_TEXT, &count },
		{ "project", FLAG_TEXT, &slug },
		{ 0 },
	};
	int64_t left, n = PAGE;
	uint64_t after;
	int status = verb_args(v, argc, argv, flags, NULL, 0, 0);

	if (status != CLI_GO)
		return status;
	if (verb_number(count, INT64_MAX, INT64_MAX, &left, err) < 0 ||
	    parse_u64(from, 0, INT64_MAX, &after, err) < 0 ||
	    verb_open(&st, DB_READ, err) < 0 ||
	    project_id(st, slug, &row, &id, err) < 0)
		return -1;
	while (left > 0 && n == PAGE) {
		json_t *page = state_events(st, id, (int64_t)after,
		    left < PAGE ? (int)left : PAGE, err);

		n = (int64_t)json_array_size(page);
		if (n > 0)
			after = (uint64_t)json_int(json_array_get(page,
						       (size_t)n - 1),
			    "seq", 0);
		left -= n;
		if (verb_show(v, page) < 0)
			return -1;
	}
	return 0;
}

static int
verify(const struct verb *v, int argc, char **argv, struct err *err)
{
	auto_state struct state *st = NULL;
	int64_t n;
	int status = verb_args(v, argc, argv, NULL, NULL, 0, 0);

	if (status != CLI_GO)
		return status;
	if (verb_open(&st, DB_READ, err) < 0 || state_verify(st, &n, err) < 0)
		return -1;
	return verb_show(v, json_pack("{s:I}", "events", (json_int_t)n));
}

const struct verb verbs_audit[] = {
	{ "audit list", "[--after seq] [--limit n] [--project slug]",
	    "seq at kind actor data", list },
	{ "audit verify", "", NULL, verify },
	{ 0 },
};
