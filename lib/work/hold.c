#include "work/hold.h"

#include <string.h>

#include "base/json.h"
#include "base/log.h"
#include "work/group.h"

enum { END_MS = 10000, AGAIN_MS = 5000 };

int64_t
hold_beat_ms(const struct hold *h)
{
	return h->lease_ms / 3;
}

/* Nothing of the job runs any more when this is 0. */
static int
end_former(struct hold *h, struct err *err)
{
	const json_t *lost = json_object_get(h->job, "lost");

	if (lost != NULL)
		group_end_named(json_str(lost, "worker", ""));
	return group_end(h->id, (pid_t)json_int(lost, "process_group", 0),
	    END_MS, err);
}

int
hold_claim(struct hold *h, struct state *st, int64_t lease_ms, struct err *err)
{
	struct err why = { 0 };
	char name[128];
	int got;

	*h = (struct hold){ .st = st, .lease_ms = lease_ms };
	group_name(name);
	got = job_claim(st, name, lease_ms, &h->job, err);
	if (got <= 0)
		return got;
	h->id = json_str(h->job, "id", "");
	h->epoch = json_int(h->job, "epoch", 0);
	if (end_former(h, &why) == 0)
		return 1;
	log_warn("%s", why.msg);
	got = job_wait(st, h->id, h->epoch, AGAIN_MS, why.msg, err);
	hold_release(h);
	return got < 0 ? -1 : 0;
}

void
hold_release(struct hold *h)
{
	json_decref(h->job);
	*h = (struct hold){ 0 };
}

void
hold_beat(struct hold *h)
{
	json_auto_t *now = NULL;
	struct err err = { 0 };
	int ours = job_renew(h->st, h->id, h->epoch, h->lease_ms, &now, &err);

	if (ours < 0 && !h->silent)
		log_warn("the lease cannot be renewed: %s", err.msg);
	h->silent = ours < 0;
	h->lost |= ours == 0;
	if (ours == 1)
		(void)snprintf(h->cancel, sizeof(h->cancel), "%s",
		    json_str(now, "cancel", ""));
}
