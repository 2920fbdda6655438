/* What the pipeline tells: it deploys, it is live, how it ended. */
#include <string.h>

#include "base/buf.h"
#include "base/json.h"
#include "base/text.h"
#include "state/deployment.h"
#include "state/job.h"
#include "state/queue.h"

/*
 * Who may say it
 */

static int
fenced(const json_t *row, int64_t attempt, struct err *err)
{
	return err_set(err, EX_TEMPFAIL, "fenced",
	    "%s #%lld: attempt %lld: attempt %lld has taken over",
	    json_str(row, "project", ""), (long long)json_int(row, "number", 0),
	    (long long)attempt, (long long)json_int(row, "attempt", 0));
}

/* The row of a document's deployment, if this attempt is the last. */
static json_t *
row_of(struct state *st, const json_t *doc, struct err *err)
{
	const char *id = json_str(doc, "deployment.id", "");
	int64_t attempt = json_int(doc, "deployment.attempt", 0);
	json_t *row;

	if (json_int(doc, "deployment.number", 0) < 1) {
		err_set(err, EX_DATAERR, "bad-document",
		    "document: no deployment.number: it is not of the queue");
		err_hint(err, "rcn-state deployment add, then rcn-state claim");
		return NULL;
	}
	row = deployment_get(st, id, err);
	if (row == NULL || json_int(row, "attempt", 0) == attempt)
		return row;
	(void)fenced(row, attempt, err);
	json_decref(row);
	return NULL;
}

static bool
is(const json_t *row, const char *state)
{
	return strcmp(json_str(row, "state", ""), state) == 0;
}

/* The section as it is to be: the document's own members stay. */
static json_t *
section(const json_t *doc, const json_t *row)
{
	json_t *s = json_copy(json_object_get(doc, "deployment"));
	const char *why = json_str(row, "reason", NULL);

	json_object_set(s, "state", json_object_get(row, "state"));
	if (why != NULL)
		json_object_set_new(s, "reason", json_text(why));
	return s;
}

/*
 * Saving
 */

static const char *
image_of(const json_t *doc, const char *member)
{
	auto_free char *push = mem_printf("push.%s", member);
	auto_free char *image = mem_printf("image.%s", member);

	return json_str(doc, push, json_str(doc, image, NULL));
}

/* No error, or one from after the switch: what is proven serves. */
static bool
serves(const json_t *doc)
{
	static const char *const before[] = { "rcn-fetch", "rcn-detect",
		"rcn-dockerfile", "rcn-build", "rcn-push", "rcn-deploy",
		"rcn-route" };
	const char *stage = json_str(doc, "error.stage", "");

	for (size_t i = 0; i < sizeof(before) / sizeof(*before); i++)
		if (strcmp(stage, before[i]) == 0)
			return false;
	return json_at(doc, "route.proven") != NULL;
}

/* Without what a rerun would take for its own. */
static int
save(struct state *st, const json_t *doc, const json_t *row, struct err *err)
{
	json_auto_t *copy = json_copy((json_t *)(uintptr_t)doc);
	auto_buf struct buf text = { 0 };

	if (json_object_get(copy, "error") != NULL && !serves(doc)) {
		json_object_del(copy, "service");
		json_object_del(copy, "route");
	}
	json_object_del(copy, "error");
	json_write(&text, copy, JSON_COMPACT);
	return db_run(st->db,
		   "UPDATE deployments SET document = :document,"
		   " image_ref = coalesce(:image, image_ref),"
		   " image_digest = coalesce(:digest, image_digest),"
		   " commit_id = coalesce(:commit, commit_id),"
		   " branch = coalesce(branch, :branch),"
		   " message = coalesce(message, :message),"
		   " author = coalesce(author, :author), rev = rev + 1"
		   " WHERE id = :id",
		   ARGS(ARG_TEXT("document", text.data),
		       ARG_TEXT("image", image_of(doc, "ref")),
		       ARG_TEXT("digest", image_of(doc, "digest")),
		       ARG_TEXT("commit", json_str(doc, "source.commit", NULL)),
		       ARG_TEXT("branch", json_str(doc, "source.branch", NULL)),
		       ARG_TEXT("message",
			   json_str(doc, "source.message", NULL)),
		       ARG_TEXT("author", json_str(doc, "source.author", NULL)),
		       ARG_TEXT("id", json_str(row, "id", ""))),
		   err) < 0
		   ? -1
		   : 0;
}

/*
 * Advance
 */

static int
check_newest(struct state *st, const json_t *row, struct err *err)
{
	const char *cancel = json_str(row, "cancel", NULL);
	json_auto_t *newer = db_first(st->db,
	    "SELECT number, state FROM deployments WHERE environment = :id"
	    " AND state IN ('deploying', 'live') AND number > :number LIMIT 1",
	    ARGS(ARG_TEXT("id", json_str(row, "environment_id", "")),
		ARG_INT("number", json_int(row, "number", 0))),
	    err);

	if (newer != NULL)
		return err_set(err, EX_TEMPFAIL, "superseded",
		    "%s #%lld: superseded: #%lld is %s",
		    json_str(row, "project", ""),
		    (long long)json_int(row, "number", 0),
		    (long long)json_int(newer, "number", 0),
		    json_str(newer, "state", ""));
	if (err->status != 0)
		return -1;
	if (cancel == NULL)
		return 0;
	if (text_starts(cancel, "superseded"))
		return err_set(err, EX_TEMPFAIL, "superseded", "%s #%lld: %s",
		    json_str(row, "project", ""),
		    (long long)json_int(row, "number", 0), cancel);
	return err_set(err, EX_TEMPFAIL, "cancelled", "%s #%lld: cancelled: %s",
	    json_str(row, "project", ""), (long long)json_int(row, "number", 0),
	    cancel);
}

static int
changed(const json_t *row, const char *what, struct err *err)
{
	return err_set(err, EX_DATAERR, "bad-document",
	    "%s #%lld: %s: no longer what rcn-state has given out",
	    json_str(row, "project", ""), (long long)json_int(row, "number", 0),
	    what);
}

/* A host that came or went meanwhile is no matter, another's is. */
static int
check_hosts(struct state *st, const json_t *doc, const json_t *row,
    struct err *err)
{
	json_t *host;
	int64_t other;
	size_t i;

	json_array_foreach(json_at(doc, "project.hosts"), i, host) {
		const char *name = json_string_value(host);

		if (db_number(st->db,
			"SELECT count(*) FROM domains WHERE host = :host"
			" AND environment <> :environment",
			ARGS(ARG_TEXT("host", name != NULL ? name : ""),
			    ARG_TEXT("environment",
				json_str(row, "environment_id", ""))),
			&other, err) < 0)
			return -1;
		if (name == NULL || other != 0)
			return changed(row, "project.hosts", err);
	}
	return 0;
}

/*
 * The document has passed through programs that read a stranger's files and
 * are trusted with nothing: from here on it says what is mounted, where it is
 * reached and whom it replaces.
 */
static int
check_ours(struct state *st, const json_t *doc, const json_t *row,
    struct err *err)
{
	static const char *const same[] = { "environment", "trigger",
		"number" };
	auto_free char *version =
	    mem_printf("%lld", (long long)json_int(row, "env_version", 0));
	const json_t *d = json_object_get(doc, "deployment");
	json_auto_t *project = json_copy(json_object_get(doc, "project"));
	json_auto_t *given = db_first(st->db,
	    "SELECT settings AS \"settings:json\" FROM deployments"
	    " WHERE id = :id",
	    ARGS(ARG_TEXT("id", json_str(row, "id", ""))), err);
	json_t *settings = json_object_get(given, "settings");

	if (given == NULL)
		return -1;
	json_object_del(settings, "hosts");
	json_object_del(project, "hosts");
	if (!json_equal(settings, project))
		return changed(row, "project", err);
	for (size_t i = 0; i < sizeof(same) / sizeof(*same); i++)
		if (!json_equal(json_object_get(d, same[i]),
			json_object_get(row, same[i])))
			return changed(row, same[i], err);
	if (strcmp(json_str(d, "env_version", ""), version) != 0)
		return changed(row, "env_version", err);
	return check_hosts(st, doc, row, err);
}

static int
to_deploying(struct state *st, const json_t *doc, json_t *row, struct err *err)
{
	if (check_ours(st, doc, row, err) < 0)
		return -1;
	/* A rerun of what serves already, to settle it. */
	if (is(row, "live"))
		return 0;
	if (!is(row, "deploying") &&
	    !deployment_may_move(json_str(row, "state", ""), "deploying"))
		return deployment_move(st, row, "deploying", NULL, NULL, err);
	if (check_newest(st, row, err) < 0 ||
	    (!is(row, "deploying") &&
		deployment_move(st, row, "deploying", NULL, NULL, err) < 0))
		return -1;
	return save(st, doc, row, err);
}

static int
supersede_live(struct state *st, const json_t *row, struct err *err)
{
	auto_free char *why = mem_printf("superseded by #%lld",
	    (long long)json_int(row, "number", 0));
	json_auto_t *found = db_first(st->db,
	    "SELECT id FROM deployments WHERE environment = :id"
	    " AND state = 'live'",
	    ARGS(ARG_TEXT("id", json_str(row, "environment_id", ""))), err);
	json_auto_t *old = NULL;

	if (found == NULL)
		return err->status != 0 ? -1 : 0;
	old = deployment_get(st, json_str(found, "id", ""), err);
	return old == NULL
		   ? -1
		   : deployment_move(st, old, "superseded", why, NULL, err);
}

static int
to_live(struct state *st, const json_t *doc, json_t *row, struct err *err)
{
	const char *id = json_str(row, "id", "");

	if (is(row, "live"))
		return 0;
	if (!deployment_may_move(json_str(row, "state", ""), "live"))
		return deployment_move(st, row, "live", NULL, NULL, err);
	if (supersede_live(st, row, err) < 0 || save(st, doc, row, err) < 0 ||
	    queue_run(st, "UPDATE deployments SET cancel = NULL WHERE id = :id",
		id, err) < 0 ||
	    deployment_move(st, row, "live", NULL, NULL, err) < 0)
		return -1;
	return db_run(st->db,
		   "UPDATE environments SET live = :id, stopped = 0,"
		   " rev = rev + 1 WHERE id = :environment",
		   ARGS(ARG_TEXT("id", json_str(row, "id", "")),
		       ARG_TEXT("environment",
			   json_str(row, "environment_id", ""))),
		   err) < 0
		   ? -1
		   : 0;
}

static json_t *
advance(struct state *st, const json_t *doc, const char *to, struct err *err)
{
	json_auto_t *row = row_of(st, doc, err);
	int bad;

	if (row == NULL)
		return NULL;
	if (is(row, "pending")) {
		/* Its job was taken from it. */
		(void)fenced(row, json_int(doc, "deployment.attempt", 0), err);
		return NULL;
	}
	bad = strcmp(to, "live") == 0 ? to_live(st, doc, row, err)
				      : to_deploying(st, doc, row, err);
	return bad == 0 ? section(doc, row) : NULL;
}

json_t *
deployment_advance(struct state *st, const json_t *doc, const char *to,
    struct err *err)
{
	json_t *s;

	if (db_begin(st->db, err) < 0)
		return NULL;
	s = advance(st, doc, to, err);
	if (db_end(st->db, s != NULL ? 0 : -1, err) == 0)
		return s;
	json_decref(s);
	return NULL;
}

/*
 * Record
 */

static int
end(struct state *st, json_t *row, const char *state, const char *why,
    const json_t *error, const char *job, struct err *err)
{
	if (deployment_move(st, row, state, why, error, err) < 0)
		return -1;
	return queue_job_end(st, json_str(row, "id", ""), job, error, err);
}

/* Claims that were not crashes; how often it was tried. */
static int
tries(struct state *st, const json_t *row, int64_t *n, struct err *err)
{
	return db_number(st->db,
	    "SELECT attempts - crashes FROM jobs WHERE kind = 'deploy'"
	    " AND deployment = :id",
	    ARGS(ARG_TEXT("id", json_str(row, "id", ""))), n, err);
}

/* Nothing could be tried: once more, as often as it takes. */
static int
untried(struct state *st, json_t *row, const json_t *error, int64_t ms,
    struct err *err)
{
	auto_free char *id = mem_strdup(json_str(row, "id", ""));

	return deployment_move(st, row, "pending",
		   json_str(error, "message", NULL), error, err) < 0 ||
		       queue_job_untried(st, id, err) < 0
		   ? -1
		   : queue_job_again(st, id, ms, err);
}

/* Tried again after a while, or failed if that was often enough. */
static int
again(struct state *st, json_t *row, const json_t *error, struct err *err)
{
	const char *why = json_str(error, "message", NULL);
	int64_t n, ms;

	if (tries(st, row, &n, err) < 0 || queue_backoff(n, &ms, err) < 0)
		return -1;
	if (strcmp(json_str(error, "code", ""), "engine-down") == 0)
		return queue_backoff(1, &ms, err) < 0
			   ? -1
			   : untried(st, row, error, ms, err);
	if (n >= JOB_ATTEMPTS)
		return end(st, row, "failed", why, error, "failed", err);
	if (deployment_move(st, row, "pending", why, error, err) < 0)
		return -1;
	return queue_job_again(st, json_str(row, "id", ""), ms, err);
}

static int
end_asked(struct state *st, json_t *row, const char *why, const json_t *error,
    struct err *err)
{
	const char *state = queue_end_of(why);

	if (strcmp(state, "failed") != 0)
		return end(st, row, state, why, NULL, "cancelled", err);
	json_auto_t *late = json_copy((json_t *)(uintptr_t)error);

	json_object_set_new(late, "code", json_string("timeout"));
	json_object_set_new(late, "message", json_text(why));
	json_object_set_new(late, "retryable", json_false());
	return end(st, row, state, why, late, "failed", err);
}

static int
end_in_error(struct state *st, json_t *row, const json_t *error,
    struct err *err)
{
	const char *code = json_str(error, "code", "");
	const char *why = json_str(error, "message", NULL);
	const char *cancel = json_str(row, "cancel", NULL);

	if (cancel != NULL)
		return end_asked(st, row, cancel, error, err);
	if (strcmp(code, "superseded") == 0)
		return end(st, row, "superseded", why, NULL, "done", err);
	if (strcmp(code, "unwatched") == 0)
		return end(st, row, "cancelled", why, NULL, "done", err);
	/* Nobody asked for it here: its worker ends, or a person's hand. */
	if (strcmp(code, "cancelled") == 0)
		return untried(st, row, error, 0, err);
	if (json_bool(error, "retryable", false))
		return again(st, row, error, err);
	return end(st, row, "failed", why, error, "failed", err);
}

/* One that is, or was, live: the rest is told, and changes nothing. */
static int
end_served(struct state *st, const json_t *doc, json_t *row, struct err *err)
{
	const char *trouble = json_str(doc, "error.message", NULL);
	json_t *data = json_pack("{s:I}", "number",
	    (json_int_t)json_int(row, "number", 0));

	if (trouble != NULL)
		json_object_set_new(data, "warning", json_text(trouble));
	if (save(st, doc, row, err) < 0 ||
	    state_event(st,
		&(struct event){ .kind = "deployment.settled",
		    .project = json_str(row, "project_id", NULL),
		    .environment = json_str(row, "environment_id", NULL),
		    .deployment = json_str(row, "id", NULL),
		    .data = data },
		err) < 0)
		return -1;
	return queue_job_end(st, json_str(row, "id", ""), "done", NULL, err);
}

static int
write_end(struct state *st, const json_t *doc, json_t *row, struct err *err)
{
	const json_t *error = json_object_get(doc, "error");
	bool runs = is(row, "building") || is(row, "deploying");

	if (!runs && json_str(row, "live_at", NULL) != NULL)
		return end_served(st, doc, row, err);
	if (!runs && !is(row, "pending"))
		return 0; /* told already */
	if (is(row, "pending"))
		return fenced(row, json_int(doc, "deployment.attempt", 0), err);
	if (is(row, "deploying") && serves(doc))
		return to_live(st, doc, row, err) < 0
			   ? -1
			   : end_served(st, doc, row, err);
	if (error == NULL) {
		err_set(err, EX_DATAERR, "section-missing",
		    "%s #%lld: neither a proven route nor an error: nothing "
		    "says how it ended",
		    json_str(row, "project", ""),
		    (long long)json_int(row, "number", 0));
		return err_hint(err, "rcn-route and rcn-state advance live "
				     "come before");
	}
	return save(st, doc, row, err) < 0 ? -1
					   : end_in_error(st, row, error, err);
}

static json_t *
record(struct state *st, const json_t *doc, struct err *err)
{
	json_auto_t *row = row_of(st, doc, err);

	if (row == NULL || write_end(st, doc, row, err) < 0)
		return NULL;
	return section(doc, row);
}

json_t *
deployment_record(struct state *st, const json_t *doc, struct err *err)
{
	json_t *s;

	if (db_begin(st->db, err) < 0)
		return NULL;
	s = record(st, doc, err);
	if (db_end(st->db, s != NULL ? 0 : -1, err) == 0)
		return s;
	json_decref(s);
	return NULL;
}
