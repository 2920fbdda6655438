#include "state/job.h"

#include <string.h>

#include "base/buf.h"
#include "base/conf.h"
#include "base/crypto.h"
#include "base/json.h"
#include "state/deployment.h"
#include "state/environment.h"
#include "state/queue.h"

#define ROW                                                             \
	"SELECT j.seq, j.id, j.kind, p.slug AS project, e.name AS"      \
	" environment, j.project AS project_id, j.environment AS"       \
	" environment_id, j.deployment, j.payload AS \"payload:json\"," \
	" j.status, j.attempts, j.crashes, j.epoch, j.worker,"          \
	" j.process_group, j.error AS \"error:json\", j.created_at,"    \
	" j.ended_at, j.rev FROM jobs j"                                \
	" LEFT JOIN projects p ON p.id = j.project"                     \
	" LEFT JOIN environments e ON e.id = j.environment"

/* Its wait is over; another boot's is, too. */
#define DUE "(j.run_boot IS NULL OR j.run_boot <> :boot OR j.run_at <= :now)"

/*
 * What of an environment may begin: nothing beside a deployment that builds
 * or deploys; a deployment after all lower numbers, and after a stop or
 * teardown that came before it.  Notices go one at a time: whom they are for
 * may be slow, and is not to hold up deployments.
 */
#define FREE                                                            \
	"CASE WHEN j.kind = 'notify' THEN NOT EXISTS (SELECT 1 FROM"    \
	" jobs t WHERE t.status = 'running' AND t.kind = 'notify')"     \
	" ELSE (j.kind NOT IN ('deploy', 'stop', 'teardown') OR ("      \
	"NOT EXISTS (SELECT 1 FROM deployments r WHERE r.environment =" \
	" j.environment AND r.state IN ('building', 'deploying'))"      \
	" AND NOT EXISTS (SELECT 1 FROM jobs k WHERE k.environment ="   \
	" j.environment AND k.kind IN ('stop', 'teardown') AND"         \
	" k.seq < j.seq AND k.status IN ('queued', 'running'))"         \
	" AND NOT (j.kind = 'deploy' AND EXISTS (SELECT 1 FROM"         \
	" deployments w WHERE w.environment = j.environment AND"        \
	" w.state = 'pending' AND w.number < (SELECT d.number FROM"     \
	" deployments d WHERE d.id = j.deployment))))) END"

#define NEXT " WHERE j.status = 'queued' AND " DUE " AND " FREE
#define OVER                                                        \
	" WHERE j.status = 'running' AND (j.lease_boot <> :boot OR" \
	" j.lease_until <= :now)"
#define FIRST " ORDER BY j.seq LIMIT 1"
#define NOW \
	ARGS(ARG_TEXT("boot", state_boot()), ARG_INT("now", state_boot_ms()))

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
	return found(db_first(st->db, ROW " WHERE j.id = :id",
			 ARGS(ARG_TEXT("id", id)), err),
	    id, err);
}

json_t *
job_list(struct state *st, int limit, struct err *err)
{
	/* Two parts, each of an index of its own. */
	return db_list(st->db,
	    ROW " WHERE j.status = 'queued' UNION ALL " ROW
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

static int
end_this(struct state *st, const json_t *job, const char *status,
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

/*
 * The holder of a running job has ended without a word: 1 it may be claimed
 * again, and is queued; 0 it has ended.
 */
static int
lose(struct state *st, const json_t *job, const char *why, struct err *err)
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
	return end_this(st, job,
	    crashed     ? "failed"
	    : d != NULL ? "done"
			: "cancelled",
	    error, err);
}

/*
 * Claim
 */

static int
take(struct state *st, const json_t *job, const char *worker, int64_t lease,
    struct err *err)
{
	return db_run(st->db,
		   "UPDATE jobs SET status = 'running', epoch = epoch + 1,"
		   " attempts = attempts + 1, worker = :worker,"
		   " process_group = NULL, error = NULL, lease_boot = :boot,"
		   " lease_until = :until, rev = rev + 1 WHERE id = :id",
		   ARGS(ARG_TEXT("worker", worker),
		       ARG_TEXT("boot", state_boot()),
		       ARG_INT("until", state_boot_ms() + lease),
		       ARG_TEXT("id", json_str(job, "id", ""))),
		   err) < 0
		   ? -1
		   : 0;
}

/* 1: the deployment runs; 0: it has ended, and its job with it. */
static int
begin(struct state *st, const json_t *job, json_t **document, struct err *err)
{
	const char *id = json_str(job, "deployment", "");
	json_auto_t *d = deployment_get(st, id, err);
	json_auto_t *now = NULL;
	bool waits = strcmp(json_str(d, "state", ""), "pending") == 0;
	int can = 1;

	if (d == NULL)
		return -1;
	if (!waits && strcmp(json_str(d, "state", ""), "live") != 0)
		return end_this(st, job, "done", NULL, err);
	if (waits)
		can = queue_take_source(st, d, err);
	if (can == 0)
		return end_this(st, job, "cancelled", NULL, err);
	if (can < 0 ||
	    queue_run(st,
		"UPDATE deployments SET attempt = attempt + 1, log = id"
		" WHERE id = :id",
		id, err) < 0 ||
	    (now = deployment_get(st, id, err)) == NULL ||
	    (waits && deployment_move(st, now,
			  queue_without_build(now) ? "deploying" : "building",
			  NULL, NULL, err) < 0))
		return -1;
	*document = queue_document(st, now, err);
	return *document != NULL ? 1 : -1;
}

/* Whose it was.  A group of another boot is by now somebody else's. */
static json_t *
lost_of(struct state *st, const json_t *job, struct err *err)
{
	json_t *lost;
	int64_t ours;

	if (db_number(st->db,
		"SELECT lease_boot = :boot FROM jobs WHERE id = :id",
		ARGS(ARG_TEXT("boot", state_boot()),
		    ARG_TEXT("id", json_str(job, "id", ""))),
		&ours, err) < 0)
		return NULL;
	lost = json_object();
	json_object_set(lost, "worker", json_object_get(job, "worker"));
	if (ours != 0)
		json_object_set(lost, "process_group",
		    json_object_get(job, "process_group"));
	return lost;
}

/* 1 it is to be told, 0 it has ended: tried again, and overtaken meanwhile. */
static int
begin_notice(struct state *st, const json_t *job, json_t **document,
    struct err *err)
{
	int64_t newer = 0;

	if (json_int(job, "attempts", 0) > 0 &&
	    db_number(st->db,
		"SELECT EXISTS (SELECT 1 FROM jobs WHERE deployment ="
		" :deployment AND kind = 'notify' AND seq > :seq)",
		ARGS(ARG_TEXT("deployment", json_str(job, "deployment", "")),
		    ARG_INT("seq", json_int(job, "seq", 0))),
		&newer, err) < 0)
		return -1;
	if (newer != 0)
		return end_this(st, job, "cancelled", NULL, err);
	*document = queue_news(st, job, err);
	return *document != NULL ? 1 : -1;
}

/* 1 claimed, 0 it has ended instead: look for another. */
static int
claim_this(struct state *st, const json_t *job, bool lost, const char *worker,
    int64_t lease, json_t **out, struct err *err)
{
	const char *kind = json_str(job, "kind", "");
	json_auto_t *document = NULL;
	json_auto_t *former = NULL;
	int can = 1;

	if (lost && (former = lost_of(st, job, err)) == NULL)
		return -1;
	if (lost)
		can = lose(st, job, "its worker ended", err);
	if (can == 1 && strcmp(kind, "deploy") == 0)
		can = begin(st, job, &document, err);
	if (can == 1 && strcmp(kind, "notify") == 0)
		can = begin_notice(st, job, &document, err);
	if (can != 1)
		return can;
	if (take(st, job, worker, lease, err) < 0 ||
	    (*out = job_get(st, json_str(job, "id", ""), err)) == NULL)
		return -1;
	if (document != NULL)
		json_object_set(*out, "document", document);
	if (lost)
		json_object_set(*out, "lost", former);
	return 1;
}

static int
claim(struct state *st, const char *worker, int64_t lease, json_t **out,
    struct err *err)
{
	int got = 0;

	while (got == 0) {
		json_auto_t *job = db_first(st->db, ROW OVER FIRST, NOW, err);
		bool lost = job != NULL;

		if (job == NULL && err->status == 0)
			job = db_first(st->db, ROW NEXT FIRST, NOW, err);
		if (job == NULL)
			return err->status == 0 ? 0 : -1;
		got = claim_this(st, job, lost, worker, lease, out, err);
	}
	return got;
}

int
job_claim(struct state *st, const char *worker, int64_t lease, json_t **job,
    struct err *err)
{
	int64_t ms;
	int got;

	/* Who only looks holds up nobody. */
	if (job_due(st, &ms, err) < 0)
		return -1;
	if (ms != 0)
		return 0;
	*job = NULL;
	if (db_begin(st->db, err) < 0)
		return -1;
	got = claim(st, worker, lease, job, err);
	if (db_end(st->db, got, err) == 0)
		return got;
	json_decref(*job);
	*job = NULL;
	return -1;
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
	    ROW " WHERE j.id = :id AND j.epoch = :epoch"
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
	if (end_this(st, job, status, error, err) < 0)
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
	return lose(st, job, why, err);
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
		return end_this(st, job, "done", NULL, err);
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

/*
 * Waiting
 */

int
job_due(struct state *st, int64_t *ms, struct err *err)
{
	int64_t n;

	*ms = -1;
	if (db_number(st->db,
		"SELECT EXISTS (SELECT 1 FROM jobs j" NEXT ")"
		" OR EXISTS (SELECT 1 FROM jobs j" OVER ")",
		NOW, &n, err) < 0)
		return -1;
	if (n != 0) {
		*ms = 0;
		return 0;
	}
	if (db_number(st->db,
		"SELECT coalesce(min(at), -1) FROM ("
		"SELECT run_at AS at FROM jobs WHERE status = 'queued' AND"
		" run_at > :now AND run_boot = :boot UNION ALL"
		" SELECT lease_until FROM jobs WHERE status = 'running')",
		NOW, &n, err) < 0)
		return -1;
	if (n >= 0) {
		*ms = n - state_boot_ms();
		*ms = *ms > 0 ? *ms : 0;
	}
	return 0;
}
