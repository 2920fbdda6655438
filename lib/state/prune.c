#include "state/prune.h"

#include <string.h>

#include "base/conf.h"
#include "base/json.h"
#include "state/images.h"

enum { BATCH = 500 };
static const int64_t day_ms = INT64_C(86400000);

int
prune_settings(struct prune *p, struct err *err)
{
	uint64_t deployments, images, days;

	if (conf_u64("KEEP_DEPLOYMENTS", 20, 0, 1000000, &deployments, err) <
		0 ||
	    conf_u64("KEEP_IMAGES", 5, 0, 1000, &images, err) < 0 ||
	    conf_u64("KEEP_DAYS", 30, 1, 36500, &days, err) < 0)
		return -1;
	p->deployments = (int64_t)deployments;
	p->images = (int64_t)images;
	p->days = (int64_t)days;
	return 0;
}

struct sum {
	json_int_t rows, bytes;
};

static void
tell(json_t *list, const char *kind, const struct sum *s, const char *why)
{
	json_t *row;

	if (s->rows == 0)
		return;
	row = json_pack("{s:s, s:I, s:s, s:s}", "kind", kind, "rows", s->rows,
	    "action", "remove", "why", why);
	if (s->bytes > 0)
		json_object_set_new(row, "bytes", json_integer(s->bytes));
	json_array_append_new(list, row);
}

/* ---- documents ---- */

static bool
has(const json_t *list, const char *ref)
{
	const json_t *one;
	size_t i;

	json_array_foreach(list, i, one)
		if (strcmp(json_string_value(one), ref) == 0)
			return true;
	return false;
}

/* Those of an environment that are older than its newest, and have ended. */
static json_t *
old_documents(struct state *st, const char *environment, int64_t keep,
    struct err *err)
{
	return db_list(st->db,
	    "SELECT id, image_ref, length(CAST(document AS BLOB)) AS bytes"
	    " FROM deployments WHERE environment = :id"
	    " AND document IS NOT NULL AND number <= (SELECT n.number FROM"
	    "  deployments n WHERE n.environment = :id"
	    "  ORDER BY n.number DESC LIMIT 1 OFFSET :keep)"
	    " AND state NOT IN ('pending', 'building', 'deploying', 'live')",
	    ARGS(ARG_TEXT("id", environment), ARG_INT("keep", keep)), err);
}

static int
drop_documents(struct state *st, const char *environment, const struct prune *p,
    struct sum *sum, struct err *err)
{
	json_auto_t *old = old_documents(st, environment, p->deployments, err);
	json_auto_t *images = NULL;
	const json_t *row;
	size_t i;

	if (old == NULL)
		return -1;
	if (json_array_size(old) == 0)
		return 0;
	images = environment_images(st, environment, p->images, err);
	if (images == NULL)
		return -1;
	json_array_foreach(old, i, row) {
		if (has(images, json_str(row, "image_ref", "")))
			continue;
		if (!p->dry &&
		    db_run(st->db,
			"UPDATE deployments SET document = NULL"
			" WHERE id = :id",
			ARGS(ARG_TEXT("id", json_str(row, "id", ""))), err) < 0)
			return -1;
		sum->rows++;
		sum->bytes += json_int(row, "bytes", 0);
	}
	return 0;
}

/* Who only looks writes nothing, and may hold a database to read. */
static int
of_one(struct state *st, const char *environment, const struct prune *p,
    struct sum *sum, struct err *err)
{
	if (p->dry)
		return drop_documents(st, environment, p, sum, err);
	if (db_begin(st->db, err) < 0)
		return -1;
	return db_end(st->db, drop_documents(st, environment, p, sum, err),
	    err);
}

/* Environments after this one, by id. */
static json_t *
some_environments(struct state *st, const char *after, struct err *err)
{
	return db_list(st->db,
	    "SELECT id FROM environments WHERE id > :after ORDER BY id"
	    " LIMIT :limit",
	    ARGS(ARG_TEXT("after", after), ARG_INT("limit", BATCH)), err);
}

static int
documents(struct state *st, const struct prune *p, json_t *list,
    struct err *err)
{
	auto_free char *after = mem_strdup("");
	struct sum sum = { 0 };
	size_t i, n = BATCH;

	while (n == BATCH) {
		json_auto_t *page = some_environments(st, after, err);
		const json_t *row;

		if (page == NULL)
			return -1;
		n = json_array_size(page);
		json_array_foreach(page, i, row) {
			const char *id = json_str(row, "id", "");

			if (of_one(st, id, p, &sum, err) < 0)
				return -1;
			free(after);
			after = mem_strdup(id);
		}
	}
	tell(list, "saved-document", &sum,
	    "older than RCN_KEEP_DEPLOYMENTS of its environment");
	return 0;
}

/* ---- deliveries and jobs ---- */

/* In batches: one that is not full was the last. */
static const struct table {
	const char *kind, *count, *drop, *why;
} tables[] = {
	{ "delivery",
	    "SELECT count(*) FROM deliveries WHERE created_at < :before",
	    "DELETE FROM deliveries WHERE id IN (SELECT id FROM deliveries"
	    " WHERE created_at < :before LIMIT :limit)",
	    "older than RCN_KEEP_DAYS" },
	{ "job",
	    "SELECT count(*) FROM jobs WHERE ended_at < :before"
	    " AND status IN ('done', 'failed', 'cancelled')",
	    "DELETE FROM jobs WHERE seq IN (SELECT seq FROM jobs WHERE"
	    " ended_at < :before AND status IN ('done', 'failed',"
	    " 'cancelled') ORDER BY seq LIMIT :limit)",
	    "ended before RCN_KEEP_DAYS" },
};

static int
drop_rows(struct state *st, const struct table *t, const struct prune *p,
    json_t *list, struct err *err)
{
	char before[CLOCK_TEXT];
	struct sum sum = { 0 };
	int64_t n;
	int gone = BATCH;

	clock_text(clock_wall_ms() - p->days * day_ms, before);
	if (p->dry) {
		if (db_number(st->db, t->count,
			ARGS(ARG_TEXT("before", before)), &n, err) < 0)
			return -1;
		sum.rows = n;
	}
	while (!p->dry && gone == BATCH) {
		gone = db_run(st->db, t->drop,
		    ARGS(ARG_TEXT("before", before), ARG_INT("limit", BATCH)),
		    err);
		if (gone < 0)
			return -1;
		sum.rows += gone;
	}
	tell(list, t->kind, &sum, t->why);
	return 0;
}

json_t *
state_prune(struct state *st, const struct prune *p, struct err *err)
{
	json_auto_t *list = json_array();

	if (documents(st, p, list, err) < 0)
		return NULL;
	for (size_t i = 0; i < sizeof(tables) / sizeof(*tables); i++)
		if (drop_rows(st, &tables[i], p, list, err) < 0)
			return NULL;
	return ptr_steal(&list);
}
