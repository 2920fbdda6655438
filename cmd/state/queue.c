/* rcn-state claim, renew, job ..., fanout; advance and record, the stages. */
#include <string.h>

#include "base/json.h"
#include "base/stop.h"
#include "base/text.h"
#include "cmd/state/verbs.h"
#include "document/document.h"
#include "state/deployment.h"
#include "state/fanout.h"
#include "state/job.h"

enum { LEASE_S = 3600, LEASE_MAX_S = 86400, JOBS = 100000 };

/* ---- jobs ---- */

/* Nobody renews by hand: long, unless told. */
static int
lease_of(const char *text, int64_t *ms, struct err *err)
{
	if (verb_number(text, LEASE_S, LEASE_MAX_S, ms, err) < 0)
		return -1;
	*ms *= 1000;
	return 0;
}

static int
claim(const struct verb *v, int argc, char **argv, struct err *err)
{
	auto_state struct state *st = NULL;
	json_auto_t *job = NULL;
	const char *lease = NULL, *worker = NULL;
	bool document = false;
	const struct flag flags[] = {
		{ "document", FLAG_SET, &document },
		{ "lease", FLAG_TEXT, &lease },
		{ "worker", FLAG_TEXT, &worker },
		{ 0 },
	};
	int64_t ms;
	int got, status = verb_args(v, argc, argv, flags, NULL, 0, 0);

	if (status != CLI_GO)
		return status;
	if (lease_of(lease, &ms, err) < 0 || verb_open(&st, 0, err) < 0)
		return -1;
	got = job_claim(st, worker != NULL ? worker : st->actor, ms, &job, err);
	if (got <= 0)
		return got < 0 ? -1 : EX_NO;
	if (!document)
		return verb_show(v, json_incref(job));
	if (json_object_get(job, "document") == NULL)
		return err_set(err, EX_DATAERR, "bad-deployment",
		    "job %s: of kind %s, it has no document",
		    json_str(job, "id", ""), json_str(job, "kind", ""));
	return verb_show(v, json_incref(json_object_get(job, "document")));
}

/* JOB EPOCH */
static int
holder(const char *const *words, int64_t *epoch, struct err *err)
{
	return verb_number(words[1], 1, INT64_MAX, epoch, err);
}

static int
renew(const struct verb *v, int argc, char **argv, struct err *err)
{
	auto_state struct state *st = NULL;
	const char *words[2], *lease = NULL;
	const struct flag flags[] = {
		{ "lease", FLAG_TEXT, &lease },
		{ 0 },
	};
	int64_t ms, epoch;
	json_t *now = NULL;
	int got, status = verb_args(v, argc, argv, flags, words, 2, 2);

	if (status != CLI_GO)
		return status;
	if (lease_of(lease, &ms, err) < 0 || holder(words, &epoch, err) < 0 ||
	    verb_open(&st, 0, err) < 0)
		return -1;
	got = job_renew(st, words[0], epoch, ms, &now, err);
	if (got == 0)
		return err_set(err, EX_TEMPFAIL, "fenced",
		    "job %s: another worker has taken it over, or it has ended",
		    words[0]);
	if (got < 0)
		return -1;
	json_object_set_new(now, "job", json_text(words[0]));
	return verb_show(v, now);
}

static int
job_ends(const struct verb *v, int argc, char **argv, struct err *err)
{
	auto_state struct state *st = NULL;
	const char *words[2], *why = NULL;
	const struct flag flags[] = {
		{ "failed", FLAG_TEXT, &why },
		{ 0 },
	};
	json_auto_t *error = NULL;
	int64_t epoch;
	int status = verb_args(v, argc, argv, flags, words, 2, 2);

	if (status != CLI_GO)
		return status;
	if (holder(words, &epoch, err) < 0 || verb_open(&st, 0, err) < 0)
		return -1;
	if (why != NULL)
		error = json_pack("{s:s, s:i, s:s, s:o, s:b}", "stage",
		    "rcn-state", "status", EX_SOFTWARE, "code", "failed",
		    "message", json_text(why), "retryable", 0);
	return job_end(st, words[0], epoch, why != NULL ? "failed" : "done",
	    error, err);
}

static int
jobs(const struct verb *v, int argc, char **argv, struct err *err)
{
	auto_state struct state *st = NULL;
	int status = verb_args(v, argc, argv, NULL, NULL, 0, 0);

	if (status != CLI_GO)
		return status;
	if (verb_open(&st, DB_READ, err) < 0)
		return -1;
	return verb_show(v, job_list(st, JOBS, err));
}

static int
take(const struct verb *v, int argc, char **argv, struct err *err)
{
	auto_state struct state *st = NULL;
	json_auto_t *delivery = NULL;
	json_t *result = NULL;
	const char *file;
	int status = verb_args(v, argc, argv, NULL, &file, 0, 1);

	if (status != CLI_GO)
		return status;
	delivery = verb_file(file != NULL ? file : "-", err);
	if (delivery == NULL || verb_open(&st, 0, err) < 0 ||
	    fanout(st, delivery, &result, err) < 0)
		return -1;
	return verb_show(v, result);
}

/* ---- stages ---- */

static json_t *
run_advance(json_t *doc, void *to, struct err *err)
{
	auto_state struct state *st = NULL;

	return verb_open(&st, 0, err) < 0
		   ? NULL
		   : deployment_advance(st, doc, to, err);
}

static json_t *
run_record(json_t *doc, void *ctx, struct err *err)
{
	auto_state struct state *st = NULL;

	(void)ctx;
	return verb_open(&st, 0, err) < 0 ? NULL
					  : deployment_record(st, doc, err);
}

static int
stage_args(const struct verb *v, int argc, char **argv, const char **word,
    size_t words)
{
	const char *file = NULL;
	const struct flag flags[] = {
		{ "document", FLAG_TEXT, &file },
		{ 0 },
	};
	int status = verb_args(v, argc, argv, flags, word, words, words);

	if (file != NULL)
		doc_from_file(file);
	stop_init();
	return status;
}

static int
advance(const struct verb *v, int argc, char **argv, struct err *err)
{
	struct stage stage = { .name = "rcn-state",
		.section = "deployment",
		.amends = true,
		.run = run_advance };
	char to[16];
	const char *word;
	int status = stage_args(v, argc, argv, &word, 1);

	(void)err;
	if (status != CLI_GO)
		return status;
	if (strcmp(word, "deploying") != 0 && strcmp(word, "live") != 0)
		return verb_usage(v, "%s: not a state to advance to", word);
	(void)snprintf(to, sizeof(to), "%s", word);
	/* The proxy has switched already: nothing takes that back. */
	stage.finishes = strcmp(to, "live") == 0;
	return doc_filter(&stage, to);
}

static int
record(const struct verb *v, int argc, char **argv, struct err *err)
{
	static const struct stage stage = { .name = "rcn-state",
		.section = "deployment",
		.amends = true,
		.settles = true,
		.run = run_record };
	int status = stage_args(v, argc, argv, NULL, 0);

	(void)err;
	return status != CLI_GO ? status : doc_filter(&stage, NULL);
}

const struct verb verbs_queue[] = {
	{ "fanout", "[file]", NULL, take },
	{ "claim", "[--document] [--lease seconds] [--worker name]", NULL,
	    claim },
	{ "renew", "[--lease seconds] job epoch", NULL, renew },
	{ "job end", "[--failed reason] job epoch", NULL, job_ends },
	{ "job list", "", "seq kind project environment status worker", jobs },
	{ "advance", "[--document file] deploying | live", NULL, advance },
	{ "record", "[--document file]", NULL, record },
	{ 0 },
};
