/*
 * chore - the jobs that are no deployments: stop, teardown, notify, gc,
 * repair.  Each is other programs, run one after the other, with the job's
 * lease renewed meanwhile; what they say goes to our standard error.
 *
 *	stop, teardown	rcn-route --withdraw, rcn-retire; then the rows
 *	notify		rcn-notify, given the document and the token
 *	gc		rcn-gc
 *	repair		repair.h
 */
#ifndef WORK_CHORE_H
#define WORK_CHORE_H

#include "work/hold.h"
#include "work/worker.h"

/* The job's end is written; -1 only where that could not be done. */
int chore_run(const struct worker_settings *, struct hold *, struct err *);

/*
 * One program, argv ends with NULL; in: its standard input, NULL: none.  Its
 * status is that of err, its last words the message.  EX_UNAVAILABLE
 * "program-missing"; EX_TEMPFAIL "cancelled", "fenced": the job is no longer
 * ours.
 */
int chore_program(const struct worker_settings *, struct hold *,
    char *const *argv, const char *in, struct err *);
/* rcn-retire --slug: what the proxy does not serve goes. */
int chore_retire(const struct worker_settings *, struct hold *,
    const char *slug, const char *environment, struct err *);

#endif
