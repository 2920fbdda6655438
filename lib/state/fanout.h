/*
 * fanout - from a delivery of the webhook daemon to deployments: those of
 * every project of that repository whose environment follows the branch, and
 * for a pull request its preview environment, all in one transaction.
 *
 * A delivery is {delivery, event ("push", "pull_request", "branch_deleted"),
 * provider, repository {keys[], full_name, clone_url}, branch, before, commit,
 * message, author, actor, pull_request {number, action, fork, head_branch}}.
 * push: environments that follow the branch.  pull_request: where the project
 * has previews, and for a fork preview_forks, the environment pr-NUMBER, made
 * when it is not there; closed takes it away.  branch_deleted: is told of, and
 * takes away a preview of that branch.  Where an environment is paused or
 * stopped an event says so.
 */
#ifndef STATE_FANOUT_H
#define STATE_FANOUT_H

#include "state/state.h"

/*
 * *result: {delivery, event, deployments: [{project, environment, id,
 * number}], removed: [{project, environment}], skipped: [{project,
 * environment, why}]}.  1 done now, 0 it was before: the result of then.
 * EX_DATAERR "bad-delivery".
 */
int fanout(struct state *, const json_t *delivery, json_t **result,
    struct err *);

#endif
