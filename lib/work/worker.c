#include "work/worker.h"

#include <string.h>

#include "base/conf.h"
#include "base/json.h"
#include "base/log.h"
#include "work/attempt.h"
#include "work/chore.h"
#include "work/group.h"
#include "work/hold.h"

static int
number(const char *name, uint64_t def, uint64_t min, int64_t *out,
    struct err *err)
{
	uint64_t v;

	if (conf_u64(name, def, min, INT64_MAX, &v, err) < 0)
		return -1;
	*out = (int64_t)v;
	return 0;
}

int
worker_settings(struct worker_settings *s, struct err *err)
{
	s->pipeline = conf_get("PIPELINE", "rcn-pipeline");
	s->source_user = conf_get("SOURCE_USER", NULL);
	if (conf_check(err) < 0 ||
	    number("LEASE_MS", 30000, 100, &s->lease_ms, err) < 0 ||
	    number("GRACE_MS", 60000, 1, &s->grace_ms, err) < 0 ||
	    number("STOP_MS", 300000, 0, &s->stop_ms, err) < 0 ||
	    number("POLL_MS", 5000, 10, &s->poll_ms, err) < 0 ||
	    number("SETTLE_MS", 15000, 0, &s->settle_ms, err) < 0 ||
	    number("STAGE_MS", 0, 0, &s->stage_ms, err) < 0 ||
	    number("GC_INTERVAL", 21600, 0, &s->gc_ms, err) < 0 ||
	    number("LOG_MAX", 10 << 20, 1024, &s->log_max, err) < 0 ||
	    number("MIN_FREE_DISK", 1 << 30, 0, &s->min_disk, err) < 0 ||
	    number("MIN_FREE_MEMORY", 64 << 20, 0, &s->min_memory, err) < 0)
		return -1;
	s->gc_ms *= 1000;
	return 0;
}

static int
work(const struct worker_settings *set, struct state *st, struct err *err)
{
	auto_hold struct hold h = { 0 };
	int got = hold_claim(&h, st, set->lease_ms, err);
	int bad;

	if (got <= 0)
		return got;
	log_info("job %s: %s of %s.%s", h.id, json_str(h.job, "kind", ""),
	    json_str(h.job, "project", "-"),
	    json_str(h.job, "environment", "-"));
	bad = strcmp(json_str(h.job, "kind", ""), "deploy") == 0
		  ? attempt_run(set, &h, err)
		  : chore_run(set, &h, err);
	return bad < 0 ? -1 : 1;
}

int
worker_once(const struct worker_settings *set, struct err *err)
{
	auto_state struct state *st = NULL;
	char name[128], actor[160];

	group_name(name);
	*strrchr(name, ':') = '\0'; /* its start is nobody's concern */
	(void)snprintf(actor, sizeof(actor), "worker:%s", name);
	if (state_open(&st, actor, 0, err) < 0)
		return -1;
	return work(set, st, err);
}
