/*
 * prune - rows that nobody needs any more: documents of old deployments,
 * deliveries that will not come twice, jobs that have ended.  Deployments
 * themselves, variables and events stay.
 */
#ifndef STATE_PRUNE_H
#define STATE_PRUNE_H

#include "state/state.h"

struct prune {
	/* A document stays with the newest of its environment, with one whose
	 * image stays (images.h), and while its deployment has not ended. */
	int64_t deployments, images;
	int64_t days; /* since a delivery came or a job ended */
	bool dry; /* says what it would do */
};

/* KEEP_DEPLOYMENTS (20), KEEP_IMAGES (5), KEEP_DAYS (30). */
int prune_settings(struct prune *, struct err *);

/*
 * In small transactions, so nobody waits long.  A list, new reference, an
 * object for each kind of which something goes: {kind: "saved-document",
 * "delivery" or "job", rows, bytes, action: "remove", why}; bytes of
 * documents only.
 */
json_t *state_prune(struct state *, const struct prune *, struct err *);

#endif
