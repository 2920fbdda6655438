/*
 * vault - the folder that $RCN_SECRETS names, for one run of one job:
 * RUN_DIR/secrets/JOB.EPOCH, of which nothing is left when it is closed.
 * vault_open() first takes away those that earlier holders of the job left.
 */
#ifndef WORK_VAULT_H
#define WORK_VAULT_H

#include "base/err.h"
#include "work/hold.h"

struct vault {
	char *path; /* owned; NULL: nothing was made */
};
#define auto_vault AUTO(vault_close)

/* With all that the deployment of this job is given; user: who fetches, "" for
 * us. */
int vault_open(struct vault *, struct hold *, const char *user, struct err *);
/* With github-token only. */
int vault_token(struct vault *, struct hold *, struct err *);
void vault_close(struct vault *);
/* Takes away those of jobs that do not run. */
int vault_sweep(struct state *, struct err *);

#endif
