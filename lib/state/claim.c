/* Which job is next, and what its worker is handed. */
#include "state/job.h"

#include <string.h>

#include "base/json.h"
#include "state/deployment.h"
#include "state/queue.h"

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
		return queue_job_over(st, job, "done", NULL, err);
	if (waits)
		can = queue_take_source(st, d, err);
	if (can == 0)
		return queue_job_over(st, job, "cancelled", NULL, err);
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
		return queue_job_over(st, job, "cancelled", NULL, err);
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
		can = queue_job_lost(st, job, "its worker ended", err);
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
		json_auto_t *job =
		    db_first(st->db, QUEUE_JOB OVER FIRST, NOW, err);
		bool lost = job != NULL;

		if (job == NULL && err->status == 0)
			job = db_first(st->db, QUEUE_JOB NEXT FIRST, NOW, err);
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
