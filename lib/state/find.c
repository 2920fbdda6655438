#include "state/find.h"

#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "base/json.h"
#include "base/text.h"

enum { ID_TEXT = 36 };

#define SELECT                                                              \
	"SELECT d.id, p.slug AS project, e.name AS environment, d.number, " \
	"d.state, d.reason FROM deployments d "                             \
	"JOIN projects p ON p.id = d.project "                              \
	"JOIN environments e ON e.id = d.environment "

static json_t *
find(struct state *st, const char *name, struct err *err)
{
	const char *colon = strchr(name, ':');
	auto_free char *slug = colon != NULL
				   ? mem_strndup(name, (size_t)(colon - name))
				   : mem_strdup(name);
	uint64_t number = 0;

	if (colon != NULL &&
	    parse_u64(colon + 1, 1, INT64_MAX, &number, err) < 0)
		return NULL;
	if (colon != NULL)
		return db_first(st->db,
		    SELECT "WHERE p.slug = :slug AND d.number = :number",
		    ARGS(ARG_TEXT("slug", slug),
			ARG_INT("number", (int64_t)number)),
		    err);
	if (strlen(name) == ID_TEXT && strchr(name, '-') == name + 8)
		return db_first(st->db, SELECT "WHERE d.id = :id",
		    ARGS(ARG_TEXT("id", name)), err);
	return db_first(st->db,
	    SELECT "WHERE p.slug = :slug ORDER BY d.number DESC LIMIT 1",
	    ARGS(ARG_TEXT("slug", slug)), err);
}

json_t *
find_deployment(struct state *st, const char *name, struct err *err)
{
	json_t *row = find(st, name, err);

	if (row == NULL && err->status == 0)
		err_set(err, EX_NOINPUT, "not-found", "deployment %s", name);
	return row;
}

bool
find_is_over(const json_t *row)
{
	static const char *const going[] = { "pending", "building",
		"deploying" };
	const char *state = json_str(row, "state", "");

	for (size_t i = 0; i < sizeof(going) / sizeof(*going); i++)
		if (strcmp(state, going[i]) == 0)
			return false;
	return true;
}
