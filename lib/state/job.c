#include "state/job.h"

#include <string.h>

#include "base/buf.h"
#include "base/conf.h"
#include "base/crypto.h"
#include "base/json.h"
#include "state/deployment.h"
#include "state/environment.h"
#include "state/queue.h"

static json_t *
found(json_t *row, const char *id, struct err *err)
{
	if (row == NULL && err->status == 0)
		err_set(err, EX_NOINPUT, "not-found", "job %s: not there", id);
	return row;
}

json_t *
job_get(struct state *st, const char *id, struct err *err)
{
	return found(db_first(st->db, QUEUE_JOB " WHERE j.id = :id",
			 ARGS(ARG_TEXT("id", id)), err),
	    id, err);
}

json_t *
job_list(struct state *st, int limit, struct err *err)
{
	/* Two parts, each of an index of its own. */
	return db_list(st->db,
	    QUEUE_JOB " WHERE j.status = 'queued' UNION ALL " QUEUE_JOB
		      " WHERE j.status = 'running' ORDER BY seq LIMIT :limit",
	    ARGS(ARG_INT("limit", limit)), err);
}

/*
 * Adding
 */

static int
insert(struct state *st, const struct job_new *n, const char *id,
    struct err *err)
{
	auto_buf struct buf payload = { 0 };
	char now[CLOCK_TEXT];

	clock_now_text(now);
	if (n->payload != NULL)
		json_write(&payload, n->payload, JSON_COMPACT | JSON_SORT_KEYS);
	else
		buf_adds(&payload, "{}");
	return db_run(st->db,
	    "INSERT INTO jobs (id, kind, project, environment, deployment,"
	    " payload, status, created_at) VALUES (:id, :kind, :project,"
	    " :environment, :deployment, :payload, 'queued', :now)",
	    ARGS(ARG_TEXT("id", id), ARG_TEXT("kind", n->kind),
		ARG_TEXT("project", n->project),
		ARG_TEXT("environment", n->environment),
		ARG_TEXT("deployment", n->deployment),
		ARG_TEXT("payload", payload.data), ARG_TEXT("now", now)),
	    err);
}

static int
add(struct state *st, const struct job_new *n, const char *id, struct err *err)
{
	bool ends =
	    strcmp(n->kind, "stop") == 0 || strcmp(n->kind, "teardown") == 0;
	auto_free char *kind = mem_printf("%s.asked", n->kind);

	if (insert(st, n, id, err) < 0)
		return -1;
	if (!ends || n->environment == NULL)
		return 0;
	if (deployment_halt(st, n->environment,
		strcmp(n->kind, "stop") == 0 ? "its environment is stopped"
					     : "its environment is removed",
		err) < 0 ||
	    (strcmp(n->kind, "stop") == 0 &&
		queue_run(st,
		    "UPDATE environments SET stopped = 1, rev = rev + 1"
		    " WHERE id = :id",
		    n->environment, err) < 0))
		return -1;
	return state_event(st,
	    &(struct event){ .kind = kind,
		.project = n->project,
		.environment = n->environment },
	    err);
}

json_t *
job_add(struct state *st, const struct job_new *n, struct err *err)
{
	json_t *row = NULL;
	char id[UUID_TEXT];
	int bad;

	uuid7(id);
	if (db_begin(st->db, err) < 0)
		return NULL;
	bad = add(st, n, id, err);
	if (bad == 0)
		row = job_get(st, id, err);
	if (db_end(st->db, row != NULL ? 0 : -1, err) == 0)
		return row;
	json_decref(row);
	return NULL;
}

/*
 * Ends
 */

int
queue_backoff(int64_t n, int64_t *ms, struct err *err)
{
	uint64_t base;

	if (conf_u64("RETRY_BASE_MS", 10000, 0, 3600000, &base, err) < 0)
		return -1;
	*ms = (int64_t)base;
	for (; n > 1 && *ms < 3600000; n--)
		*ms *= 4;
	return 0;
}

#define END                                                          \
	"UPDATE jobs SET status = :status, error = :error, ended_at" \
	" = :at, process_group = NULL, rev = rev + 1"                \
	" WHERE status IN ('queued', 'running') AND "
#define AGAIN                                                           \
	"UPDATE jobs SET status = 'queued', run_boot = :boot, run_at =" \
	" :run_at, process_group = NULL, worker = NULL, rev = rev + 1"  \
	" WHERE status IN ('queued', 'running') AND "

static int
set_ended(struct state *st, const char *sql, const char *id, const char *status,
    const json_t *error, struct err *err)
{
	auto_buf struct buf text = { 0 };
	char now[CLOCK_TEXT];

	clock_now_text(now);
	if (error != NULL)
		json_write(&text, error, JSON_COMPACT);
	return db_run(st->db, sql,
		   ARGS(ARG_TEXT("status", status),
		       ARG_TEXT("error", error != NULL ? text.data : NULL),
		       ARG_TEXT("at", now), ARG_TEXT("id", id)),
		   err) < 0
		   ? -1
		   : 0;
}

static int
set_again(struct state *st, const char *sql, const char *id, int64_t ms,
    struct err *err)
{
	return db_run(st->db, sql,
		   ARGS(ARG_TEXT("boot", state_boot()),
		       ARG_INT("run_at", state_boot_ms() + ms),
		       ARG_TEXT("id", id)),
		   err) < 0
		   ? -1
		   : 0;
}

int
queue_job_end(struct state *st, const char *deployment, const char *status,
    const json_t *error, struct err *err)
{
	return set_ended(st, END "kind = 'deploy' AND deployment = :id",
	    deployment, status, error, err);
}

int
queue_job_again(struct state *st, const char *deployment, int64_t ms,
    struct err *err)
{
	return set_again(st, AGAIN "kind = 'deploy' AND deployment = :id",
	    deployment, ms, err);
}

int
queue_job_untried(struct state *st, const char *deployment, struct err *err)
{
	return queue_run(st,
	    "UPDATE jobs SET attempts = attempts - 1 WHERE kind = 'deploy'"
	    " AND deployment = :id AND attempts > crashes",
	    deployment, err);
}

int
queue_job_over(struct state *st, const json_t *job, const char *status,
    const json_t *error, struct err *err)
{
	return set_ended(st, END "id = :id", json_str(job, "id", ""), status,
	    error, err);
}

static json_t *
crash_error(const char *why)
{
	return json_pack("{s:s, s:i, s:s, s:o, s:b}", "stage", "rcn-worker",
	    "status", EX_SOFTWARE, "code", "crashed", "message", json_text(why),
	    "retryable", 0);
}

/* A deployment that ran and whose processes have ended: 1 it may run again. */
static int
lose_deployment(struct state *st, json_t *d, const char *why,
    const json_t *error, struct err *err)
{
	const char *state = json_str(d, "state", "");
	const char *cancel = json_str(d, "cancel", NULL);

	if (strcmp(state, "building") != 0 && strcmp(state, "deploying") != 0)
		return strcmp(state, "live") == 0 && error == NULL;
	if (cancel != NULL)
		return deployment_move(st, d, queue_end_of(cancel), cancel,
		    NULL, err);
	if (error != NULL)
		return deployment_move(st, d, "failed",
		    json_str(error, "message", NULL), error, err);
	if (deployment_move(st, d, "pending",
		why != NULL ? why : "its worker ended", NULL, err) < 0)
		return -1;
	return 1;
}

int
queue_job_lost(struct state *st, const json_t *job, const char *why,
    struct err *err)
{
	bool crashed = json_int(job, "crashes", 0) + 1 >= JOB_CRASHES;
	const char *id = json_str(job, "id", "");
	json_auto_t *error = crashed ? crash_error(why) : NULL;
	json_auto_t *d = NULL;
	int again = !crashed;

	if (queue_run(st,
		"UPDATE jobs SET crashes = crashes + 1 WHERE id = :id", id,
		err) < 0)
		return -1;
	if (strcmp(json_str(job, "kind", ""), "deploy") == 0) {
		d = deployment_get(st, json_str(job, "deployment", ""), err);
		again =
		    d == NULL ? -1 : lose_deployment(st, d, why, error, err);
	}
	if (again < 0)
		return -1;
	if (again == 1)
		return set_again(st, AGAIN "id = :id", id, 0, err) < 0 ? -1 : 1;
	return queue_job_over(st, job,
	    crashed     ? "failed"
	    : d != NULL ? "done"
			: "cancelled",
	    error, err);
}

/*
 * What the holder says
 */

static int
fenced(const char *id, struct err *err)
{
	return err_set(err, EX_TEMPFAIL, "fenced",
	    "job %s: another worker has taken it over, or it has ended", id);
}

int
job_renew(struct state *st, const char *id, int64_t epoch, int64_t lease,
    json_t **now, struct err *err)
{
	json_auto_t *row = NULL;
	int changed = db_run(st->db,
	    "UPDATE jobs SET lease_boot = :boot, lease_until = :until"
	    " WHERE id = :id AND epoch = :epoch AND status = 'running'",
	    ARGS(ARG_TEXT("boot", state_boot()),
		ARG_INT("until", state_boot_ms() + lease), ARG_TEXT("id", id),
		ARG_INT("epoch", epoch)),
	    err);

	if (changed <= 0)
		return changed;
	row = db_first(st->db,
	    "SELECT d.cancel FROM jobs j LEFT JOIN deployments d ON"
	    " d.id = j.deployment AND j.kind = 'deploy' WHERE j.id = :id",
	    ARGS(ARG_TEXT("id", id)), err);
	if (row == NULL)
		return err->status == 0 ? 0 : -1;
	*now = ptr_steal(&row);
	return 1;
}

int
job_group(struct state *st, const char *id, int64_t epoch, int64_t group,
    struct err *err)
{
	int changed = db_run(st->db,
	    "UPDATE jobs SET process_group = :group WHERE id = :id"
	    " AND epoch = :epoch AND status = 'running'",
	    ARGS(ARG_INT("group", group), ARG_TEXT("id", id),
		ARG_INT("epoch", epoch)),
	    err);

	return changed == 0 ? fenced(id, err) : changed < 0 ? -1 : 0;
}

/* The row, if this epoch holds it. */
static json_t *
held(struct state *st, const char *id, int64_t epoch, struct err *err)
{
	json_t *job = db_first(st->db,
	    QUEUE_JOB " WHERE j.id = :id AND j.epoch = :epoch"
		      " AND j.status = 'running'",
	    ARGS(ARG_TEXT("id", id), ARG_INT("epoch", epoch)), err);

	if (job == NULL && err->status == 0)
		fenced(id, err);
	return job;
}

/* What a stop or teardown has done, in the rows. */
static int
settle_environment(struct state *st, const json_t *job, struct err *err)
{
	const char *id = json_str(job, "environment_id", "");
	json_auto_t *env = environment_by_id(st, id, err);
	json_auto_t *d = NULL;
	const char *live;

	if (env == NULL)
		return -1;
	if (strcmp(json_str(job, "kind", ""), "teardown") == 0 &&
	    json_str(env, "removed_at", NULL) != NULL)
		return environment_forget(st, id, err);
	live = json_str(env, "live", NULL);
	if (live != NULL &&
	    ((d = deployment_get(st, live, err)) == NULL ||
		deployment_move(st, d, "stopped", NULL, NULL, err) < 0))
		return -1;
	return queue_run(st,
	    "UPDATE environments SET live = NULL, rev = rev + 1"
	    " WHERE id = :id",
	    id, err);
}

static int
end_job(struct state *st, const char *id, int64_t epoch, const char *status,
    const json_t *error, struct err *err)
{
	json_auto_t *job = held(st, id, epoch, err);
	const char *kind = json_str(job, "kind", "");
	int64_t n, ms;

	if (job == NULL)
		return -1;
	n = json_int(job, "attempts", 0) - json_int(job, "crashes", 0);
	if (strcmp(status, "failed") == 0 &&
	    json_bool(error, "retryable", false) && n < JOB_ATTEMPTS)
		return queue_backoff(n, &ms, err) < 0
			   ? -1
			   : set_again(st, AGAIN "id = :id", id, ms, err);
	if (queue_job_over(st, job, status, error, err) < 0)
		return -1;
	if (strcmp(status, "done") == 0 &&
	    json_str(job, "environment_id", NULL) != NULL &&
	    (strcmp(kind, "stop") == 0 || strcmp(kind, "teardown") == 0))
		return settle_environment(st, job, err);
	return 0;
}

int
job_end(struct state *st, const char *id, int64_t epoch, const char *status,
    const json_t *error, struct err *err)
{
	if (db_begin(st->db, err) < 0)
		return -1;
	return db_end(st->db, end_job(st, id, epoch, status, error, err), err);
}

static int
lost_job(struct state *st, const char *id, int64_t epoch, const char *why,
    struct err *err)
{
	json_auto_t *job = job_get(st, id, err);
	const char *status = json_str(job, "status", "");

	if (job == NULL)
		return -1;
	if (json_int(job, "epoch", 0) != epoch)
		return fenced(id, err);
	if (strcmp(status, "running") != 0)
		return 0;
	return queue_job_lost(st, job, why, err);
}

int
job_lost(struct state *st, const char *id, int64_t epoch, const char *why,
    struct err *err)
{
	if (db_begin(st->db, err) < 0)
		return -1;
	return db_end(st->db, lost_job(st, id, epoch, why, err), err);
}

static int
say_wait(struct state *st, const json_t *job, const char *why, struct err *err)
{
	return state_event(st,
	    &(struct event){ .kind = "job.waits",
		.project = json_str(job, "project_id", NULL),
		.environment = json_str(job, "environment_id", NULL),
		.deployment = json_str(job, "deployment", NULL),
		.data = json_pack("{s:s, s:o}", "kind",
		    json_str(job, "kind", ""), "reason", json_text(why)) },
	    err);
}

/* why NULL: at once, since its worker ends. */
static int
return_job(struct state *st, const char *id, int64_t epoch, int64_t ms,
    const char *why, struct err *err)
{
	json_auto_t *job = held(st, id, epoch, err);
	json_auto_t *d = NULL;
	int again = 1;

	if (job == NULL)
		return -1;
	if (strcmp(json_str(job, "kind", ""), "deploy") == 0) {
		d = deployment_get(st, json_str(job, "deployment", ""), err);
		again = d == NULL ? -1 : lose_deployment(st, d, why, NULL, err);
	}
	if (again == 1 &&
	    (queue_run(st,
		 "UPDATE jobs SET attempts = attempts - 1 WHERE id = :id", id,
		 err) < 0 ||
		(why != NULL && say_wait(st, job, why, err) < 0)))
		return -1;
	if (again == 0)
		return queue_job_over(st, job, "done", NULL, err);
	return again < 0 ? -1 : set_again(st, AGAIN "id = :id", id, ms, err);
}

int
job_return(struct state *st, const char *id, int64_t epoch, struct err *err)
{
	if (db_begin(st->db, err) < 0)
		return -1;
	return db_end(st->db, return_job(st, id, epoch, 0, NULL, err), err);
}

int
job_wait(struct state *st, const char *id, int64_t epoch, int64_t ms,
    const char *why, struct err *err)
{
	if (db_begin(st->db, err) < 0)
		return -1;
	return db_end(st->db, return_job(st, id, epoch, ms, why, err), err);
}
