#include "work/attempt.h"

#include <pwd.h>
#include <string.h>

#include "base/clock.h"
#include "base/conf.h"
#include "base/io.h"
#include "base/json.h"
#include "base/log.h"
#include "base/stop.h"
#include "state/deployment.h"
#include "work/chore.h"
#include "work/floor.h"
#include "work/group.h"
#include "work/logfile.h"
#include "work/run.h"
#include "work/vault.h"

enum { FLOOR_MS = 30000, LOCK_NAP_MS = 100, STAGES = 12 };

struct attempt {
	const struct worker_settings *set;
	struct hold *hold;
	json_t *doc; /* borrowed from the job */
	const char *id, *slug, *environment;
	const char *user; /* who reads the source, "" for ours */
	struct logfile log;
	struct group group;
	struct run_stage stages[STAGES];
	int64_t stop_at; /* when we are to end and it still deploys */
	bool back; /* handed back: we are to end */
	bool said; /* a cancel, in the log */
};

/* ---- its stages, and how long each may take ---- */

/* Nets, wider than the stages' own limits, which tell what was slow. */
static void
set_stages(struct attempt *a)
{
	const json_t *p = json_object_get(a->doc, "project");
	const int64_t build = json_int(p, "limits.build_timeout", 3600);
	const int64_t deploy = json_int(p, "limits.release_timeout", 600) +
			       10 * json_int(p, "limits.deploy_timeout", 120);
	const int64_t retire =
	    json_int(p, "drain_timeout", 30) + json_int(p, "stop_timeout", 10);
	const struct run_stage all[] = {
		{ "rcn-fetch", 900 },
		{ "rcn-detect", 120 },
		{ "rcn-dockerfile", 60 },
		{ "rcn-build", build + 120 },
		{ "rcn-push", 3600 },
		{ "rcn-state", 120 },
		{ "rcn-deploy", deploy + 900 },
		{ "rcn-route", 300 },
		{ "rcn-state", 120 },
		{ "rcn-retire", retire + 300 },
		{ "rcn-state", 120 },
		{ 0 },
	};

	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
		a->stages[i] = all[i];
		a->stages[i].limit_ms *= 1000;
		if (a->set->stage_ms > 0 &&
		    a->stages[i].limit_ms > a->set->stage_ms)
			a->stages[i].limit_ms = a->set->stage_ms;
	}
}

/* ---- its end ---- */

static json_t *
row_of(struct attempt *a)
{
	struct err err = { 0 };

	return deployment_get(a->hold->st, a->id, &err);
}

/* The log's last line, or why there will be more. */
static void
say_end(struct attempt *a)
{
	json_auto_t *row = row_of(a);
	const char *state = json_str(row, "state", "");
	const char *why = json_str(row, "reason", NULL);

	if (*state == '\0')
		return;
	if (strcmp(state, "pending") == 0)
		logfile_say(&a->log, "will be tried again%s%s",
		    why != NULL ? ": " : "", why != NULL ? why : "");
	else if (why != NULL && strcmp(state, "superseded") != 0)
		logfile_say(&a->log, "end: %s: %s", state, why);
	else
		logfile_say(&a->log, "end: %s", state);
}

/* Whether job and attempt are still ours to write down; ended: by record. */
static bool
is_ours(struct attempt *a, bool *ended)
{
	struct err err = { 0 };
	json_auto_t *job = job_get(a->hold->st, a->hold->id, &err);

	*ended =
	    job != NULL && strcmp(json_str(job, "status", ""), "running") != 0;
	return job != NULL && json_int(job, "epoch", 0) == a->hold->epoch;
}

/* An end that the pipeline did not come to: this document says it. */
static int
record(struct attempt *a, json_t *doc, struct err *err)
{
	json_auto_t *s = deployment_record(a->hold->st, doc, err);

	return s != NULL ? 0 : -1;
}

static int
record_error(struct attempt *a, const struct err *why, struct err *err)
{
	json_auto_t *doc = json_copy(a->doc);
	json_t *e = json_pack("{s:s, s:i, s:o, s:o, s:b}", "stage",
	    "rcn-worker", "status", why->status, "code", json_text(why->code),
	    "message", json_text(why->msg), "retryable", err_retryable(why));

	if (why->hint[0] != '\0')
		json_object_set_new(e, "hint", json_text(why->hint));
	json_object_set_new(doc, "error", e);
	logfile_say(&a->log, "%s", why->msg);
	return record(a, doc, err);
}

/* What it wrote, if that tells how it ended. */
static json_t *
told(struct attempt *a, const struct run_end *end)
{
	struct err err = { 0 };
	json_t *doc = end->out.len > 0 ? json_parse(end->out.data, end->out.len,
					     "the pipeline's document", &err)
				       : NULL;

	if (strcmp(json_str(doc, "deployment.id", ""), a->id) == 0 &&
	    (json_object_get(doc, "error") != NULL ||
		json_at(doc, "route.proven") != NULL))
		return doc;
	json_decref(doc);
	return NULL;
}

/* Containers and routes that it left: as the proxy's word has it; later, where
 * the engine does not answer now. */
static void
settle(struct attempt *a)
{
	struct err err = { 0 };
	json_auto_t *job = NULL;

	if (chore_retire(a->set, a->hold, a->slug, a->environment, &err) == 0)
		return;
	log_warn("%s.%s: %s", a->slug, a->environment, err.msg);
	err = (struct err){ 0 };
	job = job_add(a->hold->st, &(struct job_new){ .kind = "repair" }, &err);
	if (job == NULL)
		log_warn("%s", err.msg);
}

/* It serves, and what came after that could not be done. */
static bool
is_unsettled(struct attempt *a, const json_t *doc)
{
	json_auto_t *row = row_of(a);

	return json_object_get(doc, "error") != NULL &&
	       strcmp(json_str(row, "state", ""), "live") == 0;
}

/* Its programs ended, were killed, or could not tell. */
static int
end_untold(struct attempt *a, const struct run_end *end, struct err *err)
{
	auto_buf struct buf why = { 0 };

	settle(a);
	if (a->back)
		return job_return(a->hold->st, a->hold->id, a->hold->epoch,
		    err);
	if (end->status > 128)
		buf_addf(&why, "%s: ended by signal %d", end->stage,
		    end->status - 128);
	else
		buf_addf(&why, "%s: ended with status %d and no document",
		    end->stage, end->status);
	logfile_say(&a->log, "%s", why.data);
	return job_lost(a->hold->st, a->hold->id, a->hold->epoch, why.data,
	    err);
}

static int
end_attempt(struct attempt *a, const struct run_end *end, struct err *err)
{
	json_auto_t *doc = told(a, end);
	struct err why = { 0 };
	bool ended;

	stop_hold(true);
	if (!is_ours(a, &ended))
		return 0;
	if (!ended && (doc == NULL || record(a, doc, &why) < 0)) {
		if (doc != NULL)
			log_warn("%s", why.msg);
		if (end_untold(a, end, err) < 0)
			return -1;
	} else if (is_unsettled(a, doc)) {
		settle(a);
	}
	say_end(a);
	return 0;
}

/* ---- while it runs ---- */

static bool
is_building(struct attempt *a)
{
	json_auto_t *row = row_of(a);

	return strcmp(json_str(row, "state", ""), "building") == 0;
}

/* We are to end.  What builds is handed back; what deploys is waited for. */
static bool
must_go(struct attempt *a)
{
	if (a->back)
		return true;
	if (is_building(a)) {
		a->back = true;
		logfile_say(&a->log, "the worker ends: handed back");
		return true;
	}
	if (a->stop_at == 0) {
		a->stop_at = clock_ms() + a->set->stop_ms;
		logfile_say(&a->log, "the worker ends with this deployment");
	}
	a->back = clock_ms() >= a->stop_at;
	return a->back;
}

static void
ask_late(struct attempt *a, const char *stage)
{
	auto_free char *why =
	    mem_printf("timeout: %s took too long, and was ended", stage);
	struct err err = { 0 };
	json_auto_t *row = deployment_cancel(a->hold->st, a->id, why, &err);

	/* Live already: it is only to end. */
	if (row == NULL)
		log_warn("%s", err.msg);
	logfile_say(&a->log, "%s", why);
	a->said = true;
}

static enum run_wish
beat(void *ctx, const char *stage, bool late)
{
	struct attempt *a = ctx;
	bool ended;

	hold_beat(a->hold);
	if (a->hold->lost)
		return is_ours(a, &ended) ? RUN_ON : RUN_KILL;
	if (late)
		ask_late(a, stage);
	if (a->hold->cancel[0] != '\0' && !a->said) {
		logfile_say(&a->log, "is to end: %s", a->hold->cancel);
		a->said = true;
	}
	if (late || a->hold->cancel[0] != '\0')
		return RUN_TERM;
	return stop_asked() && must_go(a) ? RUN_TERM : RUN_ON;
}

static void
started(void *ctx, pid_t group)
{
	struct attempt *a = ctx;
	struct err err = { 0 };

	if (job_group(a->hold->st, a->hold->id, a->hold->epoch, group, &err) <
	    0)
		log_warn("%s", err.msg);
}

static int
run(struct attempt *a, int lock, const char *secrets, struct run_end *end,
    struct err *err)
{
	auto_strvec struct strvec argv = { 0 }, env = { 0 };
	auto_buf struct buf text = { 0 };
	struct run r = { .lock = lock,
		.log = &a->log,
		.stages = a->stages,
		.beat = beat,
		.started = started,
		.ctx = a,
		.beat_ms = hold_beat_ms(a->hold),
		.grace_ms = a->set->grace_ms };

	strvec_add(&argv, a->set->pipeline);
	strvec_add(&argv, "--progress");
	strvec_addf(&argv, "%d", RUN_PROGRESS_FD);
	strvec_add(&argv, "--record");
	strvec_addf(&env, "RCN_JOB=%s", a->hold->id);
	strvec_addf(&env, "RCN_SECRETS=%s", secrets);
	if (*a->user != '\0')
		strvec_addf(&env, "RCN_SOURCE_USER=%s", a->user);
	json_write(&text, a->doc, JSON_COMPACT);
	buf_addc(&text, '\n');
	r.argv = argv.v;
	r.env = env.v;
	r.in = text.data;
	r.in_size = text.len;
	return run_pipeline(&r, &a->group, end, err);
}

/* ---- before it runs ---- */

/* 1 ours, *fd; 0: we are to end, it is to end, or it is lost; -1. */
static int
take_lock(struct attempt *a, int *fd, struct err *err)
{
	auto_buf struct buf path = { 0 };
	int64_t next = clock_ms() + hold_beat_ms(a->hold);
	bool waits = false;

	if (conf_run_path(&path, "lock", err) < 0)
		return -1;
	buf_addf(&path, "/%s.%s", a->slug, a->environment);
	for (;;) {
		struct err why = { 0 };

		if (io_lock(path.data, 0, fd, &why) == 0)
			return 1;
		if (strcmp(why.code, "locked") != 0) {
			*err = why;
			return -1;
		}
		if (!waits)
			logfile_say(&a->log,
			    "waits: somebody else deploys %s.%s", a->slug,
			    a->environment);
		waits = true;
		if (clock_sleep_ms(LOCK_NAP_MS, &why) < 0) {
			a->back = true;
			return 0;
		}
		if (clock_ms() < next)
			continue;
		next = clock_ms() + hold_beat_ms(a->hold);
		hold_beat(a->hold);
		if (a->hold->lost || a->hold->cancel[0] != '\0')
			return 0;
	}
}

static int
end_before(struct attempt *a, struct err *err)
{
	struct err why = { 0 };

	if (a->hold->lost)
		return 0;
	stop_hold(true);
	if (a->back) {
		if (job_return(a->hold->st, a->hold->id, a->hold->epoch, err) <
		    0)
			return -1;
	} else {
		err_set(&why, EX_TEMPFAIL, "cancelled", "%s", a->hold->cancel);
		if (record_error(a, &why, err) < 0)
			return -1;
	}
	say_end(a);
	return 0;
}

/* 1 there is room, or none is needed; 0 it waits. */
static int
check_floor(struct attempt *a, struct err *err)
{
	auto_buf struct buf why = { 0 };

	if (!is_building(a) ||
	    floor_holds(a->set->min_disk, a->set->min_memory, &why))
		return 1;
	logfile_say(&a->log, "waits: %s", why.data);
	return job_wait(a->hold->st, a->hold->id, a->hold->epoch, FLOOR_MS,
		   why.data, err) < 0
		   ? -1
		   : 0;
}

static int
with_lock(struct attempt *a, int *lock, struct err *err)
{
	auto_vault struct vault vault = { 0 };
	auto_run_end struct run_end end = { 0 };
	struct err why = { 0 };
	int bad = vault_open(&vault, a->hold, a->user, &why);

	if (bad == 0) {
		group_make(&a->group, a->hold->id);
		bad = run(a, *lock, vault.path, &end, &why);
		*lock = bad == 0 ? -1 : *lock;
		/* Those that have left the group. */
		if (group_end(a->hold->id, a->group.id, a->set->grace_ms, err) <
		    0)
			log_warn("%s", err->msg);
		*err = (struct err){ 0 };
		group_close(&a->group, a->hold->id);
	}
	if (bad == 0)
		return end_attempt(a, &end, err);
	if (record_error(a, &why, err) < 0)
		return -1;
	say_end(a);
	return 0;
}

static int
begin(struct attempt *a, int *lock, struct err *err)
{
	struct err why = { 0 };
	int got = check_floor(a, err);

	if (got <= 0)
		return got;
	got = take_lock(a, lock, &why);
	if (got > 0)
		return with_lock(a, lock, err);
	if (got == 0)
		return end_before(a, err);
	if (record_error(a, &why, err) < 0)
		return -1;
	say_end(a);
	return 0;
}

/* One that was named must be there, which rcn-pipeline says. */
static const char *
source_user(const struct worker_settings *set)
{
	if (geteuid() != 0)
		return "";
	if (set->source_user != NULL)
		return strcmp(set->source_user, "root") != 0 ? set->source_user
							     : "";
	return getpwnam("rcn-source") != NULL ? "rcn-source" : "";
}

int
attempt_run(const struct worker_settings *set, struct hold *h, struct err *err)
{
	struct attempt a = {
		.set = set, .hold = h, .log = LOGFILE_NONE, .group = GROUP_NONE
	};
	auto_fd int lock = -1;
	struct err why = { 0 };
	int got;

	a.doc = json_object_get(h->job, "document");
	a.id = json_str(a.doc, "deployment.id", "");
	a.slug = json_str(a.doc, "project.slug", "");
	a.environment = json_str(a.doc, "deployment.environment", "");
	a.user = source_user(set);
	set_stages(&a);
	if (logfile_open(&a.log, a.id, set->log_max, &why) < 0)
		log_warn("%s", why.msg);
	logfile_say(&a.log, "attempt %lld of #%lld",
	    (long long)json_int(a.doc, "deployment.attempt", 0),
	    (long long)json_int(a.doc, "deployment.number", 0));
	got = begin(&a, &lock, err);
	logfile_close(&a.log);
	return got < 0 ? -1 : 0;
}
