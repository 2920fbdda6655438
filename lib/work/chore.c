#include "work/chore.h"

#include <fcntl.h>
#include <string.h>

#include "base/json.h"
#include "base/log.h"
#include "base/stop.h"
#include "work/group.h"
#include "work/logfile.h"
#include "work/repair.h"
#include "work/run.h"
#include "work/vault.h"

enum { BUSY_MS = 5000 };

/* A net: each has its own limits, and a place of the worker meanwhile. */
enum { LIMIT_MS = 3600000 };

/* ---- programs ---- */

static enum run_wish
beat(void *ctx, const char *stage, bool late)
{
	struct hold *h = ctx;

	(void)stage;
	(void)late;
	hold_beat(h);
	if (h->lost)
		return RUN_KILL;
	return stop_asked() ? RUN_TERM : RUN_ON;
}

static void
started(void *ctx, pid_t group)
{
	struct hold *h = ctx;
	struct err err = { 0 };

	if (job_group(h->st, h->id, h->epoch, group, &err) < 0)
		log_warn("%s", err.msg);
}

/* The last line of what it said, less "rcn-NAME: ". */
static const char *
last_words(struct run_end *end)
{
	char *text, *line;

	while (end->said.len > 0 &&
	       strchr("\r\n ", end->said.data[end->said.len - 1]) != NULL)
		buf_cut(&end->said, end->said.len - 1);
	if (end->said.len == 0)
		return NULL;
	text = end->said.data;
	line = strrchr(text, '\n');
	return line != NULL ? line + 1 : text;
}

static int
judge(const char *program, struct run_end *end, const struct hold *h,
    struct err *err)
{
	const char *words = last_words(end);

	if (h->lost)
		return err_set(err, EX_TEMPFAIL, "fenced",
		    "%s: another worker has the job", program);
	if (end->late)
		return err_set(err, EX_TEMPFAIL, "timeout",
		    "%s: took too long, and was ended", program);
	if (end->termed)
		return stop_err(err);
	if (end->status == 0)
		return 0;
	return err_set(err, end->status > 128 ? EX_TEMPFAIL : end->status,
	    "program-failed", "%s: status %d%s%s", program, end->status,
	    words != NULL ? ": " : "", words != NULL ? words : "");
}

int
chore_program(const struct worker_settings *set, struct hold *h,
    char *const *argv, const char *in, struct err *err)
{
	const struct run_stage stages[] = {
		{ argv[0], set->stage_ms > 0 ? set->stage_ms : LIMIT_MS }, { 0 }
	};
	auto_free char *job = mem_printf("RCN_JOB=%s", h->id);
	char *env[] = { job, NULL };
	struct logfile log = { .fd = fcntl(2, F_DUPFD_CLOEXEC, 3),
		.max = INT64_MAX };
	auto_run_end struct run_end end = { 0 };
	struct group group = GROUP_NONE;
	struct run r = { .argv = argv,
		.env = env,
		.in = in != NULL ? in : "",
		.in_size = in != NULL ? strlen(in) : 0,
		.lock = -1,
		.log = &log,
		.stages = stages,
		.beat = beat,
		.started = started,
		.ctx = h,
		.beat_ms = hold_beat_ms(h),
		.grace_ms = set->grace_ms };
	int bad;

	group_make(&group, h->id);
	bad = run_pipeline(&r, &group, &end, err);
	group_close(&group, h->id);
	logfile_close(&log);
	return bad < 0 ? -1 : judge(argv[0], &end, h, err);
}

int
chore_retire(const struct worker_settings *set, struct hold *h,
    const char *slug, const char *environment, struct err *err)
{
	auto_strvec struct strvec argv = { 0 };

	strvec_add(&argv, "rcn-retire");
	strvec_add(&argv, "-q");
	strvec_add(&argv, "--slug");
	strvec_add(&argv, slug);
	strvec_add(&argv, "--environment");
	strvec_add(&argv, environment);
	return chore_program(set, h, argv.v, NULL, err);
}

static int
withdraw(const struct worker_settings *set, struct hold *h, const char *slug,
    const char *environment, struct err *err)
{
	auto_strvec struct strvec argv = { 0 };

	strvec_add(&argv, "rcn-route");
	strvec_add(&argv, "-q");
	strvec_add(&argv, "--withdraw");
	strvec_add(&argv, "--slug");
	strvec_add(&argv, slug);
	strvec_add(&argv, "--environment");
	strvec_add(&argv, environment);
	return chore_program(set, h, argv.v, NULL, err);
}

/* ---- kinds ---- */

/* Nothing of the environment serves any more, nothing of it runs. */
static int
take_down(const struct worker_settings *set, struct hold *h, struct err *err)
{
	const char *slug = json_str(h->job, "project", NULL);
	const char *environment = json_str(h->job, "environment", NULL);

	if (slug == NULL || environment == NULL)
		return 0; /* gone already, with its rows */
	return withdraw(set, h, slug, environment, err) < 0
		   ? -1
		   : chore_retire(set, h, slug, environment, err);
}

static int
notify(const struct worker_settings *set, struct hold *h, struct err *err)
{
	const json_t *doc = json_object_get(h->job, "document");
	auto_vault struct vault vault = { 0 };
	auto_strvec struct strvec argv = { 0 };
	auto_buf struct buf text = { 0 };

	if (vault_token(&vault, h, err) < 0)
		return -1;
	strvec_add(&argv, "rcn-notify");
	strvec_add(&argv, "-q");
	if (strcmp(json_str(h->job, "payload.state", ""), "live") == 0) {
		strvec_add(&argv, "--state");
		strvec_add(&argv, "success");
	}
	strvec_add(&argv, "--token-file");
	strvec_addf(&argv, "%s/github-token", vault.path);
	json_write(&text, doc, JSON_COMPACT);
	buf_addc(&text, '\n');
	return chore_program(set, h, argv.v, text.data, err);
}

static int
gc(const struct worker_settings *set, struct hold *h, struct err *err)
{
	char name[] = "rcn-gc", quiet[] = "-q";
	char *const argv[] = { name, quiet, NULL };

	return chore_program(set, h, argv, NULL, err);
}

static const struct {
	const char *kind;
	int (*run)(const struct worker_settings *, struct hold *, struct err *);
} kinds[] = {
	{ "stop", take_down },
	{ "teardown", take_down },
	{ "notify", notify },
	{ "gc", gc },
	{ "repair", repair },
};

static int
end_chore(struct hold *h, const struct err *why, struct err *err)
{
	json_auto_t *e = NULL;

	if (h->lost)
		return 0;
	if (why->status == 0)
		return job_end(h->st, h->id, h->epoch, "done", NULL, err);
	log_warn("%s", why->msg);
	if (strcmp(why->code, "cancelled") == 0)
		return job_return(h->st, h->id, h->epoch, err);
	if (strcmp(why->code, "environment-busy") == 0)
		return job_wait(h->st, h->id, h->epoch, BUSY_MS, why->msg, err);
	e = json_pack("{s:s, s:i, s:s, s:o, s:b}", "stage", "rcn-worker",
	    "status", why->status, "code", why->code, "message",
	    json_text(why->msg), "retryable", err_retryable(why));
	return job_end(h->st, h->id, h->epoch, "failed", e, err);
}

int
chore_run(const struct worker_settings *set, struct hold *h, struct err *err)
{
	const char *kind = json_str(h->job, "kind", "");
	struct err why = { 0 };

	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
		if (strcmp(kinds[i].kind, kind) == 0) {
			(void)kinds[i].run(set, h, &why);
			return end_chore(h, &why, err);
		}
	err_set(&why, EX_SOFTWARE, "unknown-job", "%s: no such job", kind);
	return end_chore(h, &why, err);
}
