#include "state/deployment.h"

#include <string.h>

#include "base/buf.h"
#include "base/json.h"
#include "base/text.h"
#include "state/job.h"
#include "state/queue.h"

/* Every legal move.  What has ended moves no more. */
static const struct {
	const char *from, *to;
} moves[] = {
	{ "pending", "building" },
	{ "pending", "deploying" }, /* nothing to build */
	{ "pending", "superseded" },
	{ "pending", "cancelled" },
	{ "pending", "failed" },
	{ "building", "deploying" },
	{ "building", "failed" },
	{ "building", "cancelled" },
	{ "building", "superseded" },
	{ "building", "pending" }, /* lease lost, or to be tried again */
	{ "deploying", "live" },
	{ "deploying", "failed" },
	{ "deploying", "cancelled" },
	{ "deploying", "superseded" },
	{ "deploying", "pending" },
	{ "live", "superseded" },
	{ "live", "stopped" },
};

bool
deployment_may_move(const char *from, const char *to)
{
	for (size_t i = 0; i < sizeof(moves) / sizeof(*moves); i++)
		if (strcmp(moves[i].from, from) == 0 &&
		    strcmp(moves[i].to, to) == 0)
			return true;
	return false;
}

/*
 * Rows
 */

#define ROW                                                        \
	"SELECT d.id, d.number, p.slug AS project, e.name AS"      \
	" environment, d.project AS project_id, d.environment AS"  \
	" environment_id, d.trigger, d.state, d.actor, d.branch,"  \
	" d.commit_id AS \"commit\", d.message, d.author,"         \
	" d.pull_request, d.of, d.env_version,"                    \
	" d.build_changed AS \"build_changed:bool\", d.image_ref," \
	" d.image_digest, d.error AS \"error:json\", d.reason,"    \
	" d.attempt, d.cancel, d.created_at, d.started_at,"        \
	" d.deploying_at, d.live_at, d.ended_at, d.log, d.rev"     \
	" FROM deployments d JOIN projects p ON p.id = d.project"  \
	" JOIN environments e ON e.id = d.environment"

static json_t *
found(json_t *row, const char *what, struct err *err)
{
	if (row == NULL && err->status == 0)
		err_set(err, EX_NOINPUT, "not-found",
		    "deployment %s: not there", what);
	return row;
}

json_t *
deployment_get(struct state *st, const char *id, struct err *err)
{
	const char *colon = strchr(id, ':');
	auto_free char *slug = NULL;
	uint64_t number;

	if (colon == NULL)
		return found(db_first(st->db, ROW " WHERE d.id = :id",
				 ARGS(ARG_TEXT("id", id)), err),
		    id, err);
	slug = mem_strndup(id, (size_t)(colon - id));
	if (parse_u64(colon + 1, 1, INT64_MAX, &number, err) < 0)
		return NULL;
	return found(db_first(st->db,
			 ROW " WHERE p.slug = :slug AND d.number = :number",
			 ARGS(ARG_TEXT("slug", slug),
			     ARG_INT("number", (int64_t)number)),
			 err),
	    id, err);
}

json_t *
deployment_list(struct state *st, const char *project, const char *environment,
    int64_t before, int limit, struct err *err)
{
	if (before <= 0)
		before = INT64_MAX;
	if (environment == NULL)
		return db_list(st->db,
		    ROW " WHERE d.project = (SELECT id FROM projects WHERE"
			" slug = :project) AND d.number < :before"
			" ORDER BY d.number DESC LIMIT :limit",
		    ARGS(ARG_TEXT("project", project),
			ARG_INT("before", before), ARG_INT("limit", limit)),
		    err);
	return db_list(st->db,
	    ROW " WHERE d.environment = (SELECT e2.id FROM environments e2"
		" JOIN projects p2 ON p2.id = e2.project WHERE"
		" p2.slug = :project AND e2.name = :environment)"
		" AND d.number < :before ORDER BY d.number DESC LIMIT :limit",
	    ARGS(ARG_TEXT("project", project),
		ARG_TEXT("environment", environment), ARG_INT("before", before),
		ARG_INT("limit", limit)),
	    err);
}

json_t *
deployment_document(struct state *st, const char *id, struct err *err)
{
	json_auto_t *row = db_first(st->db,
	    "SELECT document AS \"document:json\" FROM deployments"
	    " WHERE id = :id",
	    ARGS(ARG_TEXT("id", id)), err);

	return json_incref(json_object_get(row, "document"));
}

/*
 * Moves
 */

int
queue_run(struct state *st, const char *sql, const char *id, struct err *err)
{
	return db_run(st->db, sql, ARGS(ARG_TEXT("id", id)), err) < 0 ? -1 : 0;
}

static int
say_moved(struct state *st, const json_t *row, const char *from, const char *to,
    const char *why, struct err *err)
{
	auto_free char *kind = mem_printf("deployment.%s", to);
	json_t *data = json_pack("{s:I, s:s, s:I}", "number",
	    (json_int_t)json_int(row, "number", 0), "from", from, "attempt",
	    (json_int_t)json_int(row, "attempt", 0));

	if (why != NULL)
		json_object_set_new(data, "reason", json_text(why));
	return state_event(st,
	    &(struct event){ .kind = kind,
		.project = json_str(row, "project_id", NULL),
		.environment = json_str(row, "environment_id", NULL),
		.deployment = json_str(row, "id", NULL),
		.data = data },
	    err);
}

static bool
is_one_of(const char *state, const char *words)
{
	size_t n = strlen(state);

	for (const char *p = strstr(words, state); p != NULL;
	     p = strstr(p + 1, state))
		if ((p == words || p[-1] == ' ') &&
		    (p[n] == ' ' || p[n] == '\0'))
			return true;
	return false;
}

/* The first time that it came so far counts, but for the end. */
static int
write_move(struct state *st, const json_t *row, const char *to, const char *why,
    const json_t *error, struct err *err)
{
	auto_buf struct buf text = { 0 };
	char now[CLOCK_TEXT];
	bool starts = is_one_of(to, "building deploying");
	bool ends = is_one_of(to, "superseded stopped cancelled failed");

	clock_now_text(now);
	if (error != NULL)
		json_write(&text, error, JSON_COMPACT);
	return db_run(st->db,
	    "UPDATE deployments SET state = :to, reason = :why,"
	    " error = :error, started_at = coalesce(started_at, :started),"
	    " deploying_at = coalesce(deploying_at, :deploying),"
	    " live_at = coalesce(live_at, :live), ended_at = :ended,"
	    " rev = rev + 1 WHERE id = :id AND state = :from",
	    ARGS(ARG_TEXT("to", to), ARG_TEXT("why", why),
		ARG_TEXT("error", error != NULL ? text.data : NULL),
		ARG_TEXT("started", starts ? now : NULL),
		ARG_TEXT("deploying",
		    strcmp(to, "deploying") == 0 ? now : NULL),
		ARG_TEXT("live", strcmp(to, "live") == 0 ? now : NULL),
		ARG_TEXT("ended", ends ? now : NULL),
		ARG_TEXT("id", json_str(row, "id", "")),
		ARG_TEXT("from", json_str(row, "state", ""))),
	    err);
}

static int
refresh(struct state *st, json_t *row, struct err *err)
{
	json_auto_t *now = deployment_get(st, json_str(row, "id", ""), err);

	if (now == NULL)
		return -1;
	json_object_clear(row);
	return json_object_update(row, now);
}

int
deployment_move(struct state *st, json_t *row, const char *to, const char *why,
    const json_t *error, struct err *err)
{
	auto_free char *from = mem_strdup(json_str(row, "state", ""));
	int changed;

	if (!deployment_may_move(from, to))
		return err_set(err, EX_DATAERR, "illegal-move",
		    "%s #%lld: %s: it is %s", json_str(row, "project", ""),
		    (long long)json_int(row, "number", 0), to, from);
	changed = write_move(st, row, to, why, error, err);
	if (changed < 0)
		return -1;
	if (changed == 0)
		return err_set(err, EX_TEMPFAIL, "fenced",
		    "%s #%lld: it is no longer %s",
		    json_str(row, "project", ""),
		    (long long)json_int(row, "number", 0), from);
	/* why may be a member of the row */
	if (say_moved(st, row, from, to, why, err) < 0 ||
	    refresh(st, row, err) < 0)
		return -1;
	return strcmp(from, "live") == 0 ? 0 : queue_notify(st, row, to, err);
}

/*
 * Cancel
 */

const char *
queue_end_of(const char *why)
{
	if (text_starts(why, "superseded"))
		return "superseded";
	return text_starts(why, "timeout") ? "failed" : "cancelled";
}

static int
ask(struct state *st, json_t *row, const char *why, struct err *err)
{
	const char *id = json_str(row, "id", "");

	if (json_str(row, "cancel", NULL) != NULL)
		return 0;
	if (db_run(st->db,
		"UPDATE deployments SET cancel = :why, rev = rev + 1"
		" WHERE id = :id",
		ARGS(ARG_TEXT("why", why), ARG_TEXT("id", id)), err) < 0 ||
	    state_event(st,
		&(struct event){ .kind = "deployment.cancel",
		    .project = json_str(row, "project_id", NULL),
		    .environment = json_str(row, "environment_id", NULL),
		    .deployment = id,
		    .data = json_pack("{s:I, s:o}", "number",
			(json_int_t)json_int(row, "number", 0), "reason",
			json_text(why)) },
		err) < 0)
		return -1;
	return refresh(st, row, err);
}

static int
cancel(struct state *st, json_t *row, const char *why, struct err *err)
{
	const char *state = json_str(row, "state", "");
	const char *end = queue_end_of(why);

	if (is_one_of(state, "building deploying"))
		return ask(st, row, why, err);
	if (deployment_move(st, row,
		strcmp(state, "pending") == 0 ? end : "cancelled", why, NULL,
		err) < 0)
		return -1;
	return queue_job_end(st, json_str(row, "id", ""), "cancelled", NULL,
	    err);
}

json_t *
deployment_cancel(struct state *st, const char *id, const char *why,
    struct err *err)
{
	json_t *row = NULL;
	int bad;

	if (db_begin(st->db, err) < 0)
		return NULL;
	row = deployment_get(st, id, err);
	bad = row == NULL ? -1 : cancel(st, row, why, err);
	if (db_end(st->db, bad, err) == 0)
		return row;
	json_decref(row);
	return NULL;
}

int
deployment_halt(struct state *st, const char *environment, const char *why,
    struct err *err)
{
	json_auto_t *rows = db_list(st->db,
	    ROW " WHERE d.environment = :id AND d.state = 'pending'"
		" UNION ALL " ROW " WHERE d.environment = :id AND"
		" d.state IN ('building', 'deploying') ORDER BY 2",
	    ARGS(ARG_TEXT("id", environment)), err);
	json_t *row;
	size_t i;

	if (rows == NULL)
		return -1;
	json_array_foreach(rows, i, row) {
		if (cancel(st, row, why, err) < 0)
			return -1;
	}
	return 0;
}

/*
 * What the world is told of
 */

static int
wants_notice(struct state *st, const json_t *row, struct err *err)
{
	const char *trigger = json_str(row, "trigger", "");
	json_auto_t *p = NULL;
	int64_t n;

	if (!is_one_of(trigger, "push pull_request"))
		return 0;
	p = db_first(st->db,
	    "SELECT settings AS \"settings:json\" FROM projects"
	    " WHERE id = :id",
	    ARGS(ARG_TEXT("id", json_str(row, "project_id", ""))), err);
	if (p == NULL)
		return -1;
	if (!json_bool(p, "settings.notify", true))
		return 0;
	if (db_number(st->db,
		"SELECT count(*) FROM credentials WHERE kind = 'github-token'"
		" AND (project = :id OR project IS NULL)",
		ARGS(ARG_TEXT("id", json_str(row, "project_id", ""))), &n,
		err) < 0)
		return -1;
	return n > 0;
}

int
queue_notify(struct state *st, const json_t *row, const char *state,
    struct err *err)
{
	json_auto_t *payload = NULL;
	json_auto_t *job = NULL;
	int wanted;

	if (!is_one_of(state, "pending live failed cancelled superseded"))
		return 0;
	/* Tried again: nothing new for who waits. */
	if (strcmp(state, "pending") == 0 && json_int(row, "attempt", 0) > 0)
		return 0;
	wanted = wants_notice(st, row, err);
	if (wanted <= 0)
		return wanted;
	payload = json_pack("{s:s, s:s}", "deployment", json_str(row, "id", ""),
	    "state", state);
	job = job_add(st,
	    &(struct job_new){ .kind = "notify",
		.project = json_str(row, "project_id", NULL),
		.environment = json_str(row, "environment_id", NULL),
		.deployment = json_str(row, "id", NULL),
		.payload = payload },
	    err);
	return job != NULL ? 0 : -1;
}
