/*
 * secrets - what one run is given to know: the folder that $RCN_SECRETS
 * names (rcn-document(5)), filled for one deployment.
 *	env.json		variables, those of its env_version
 *	build/NAME		those of the build, a file each
 *	registry/config.json
 *	git/key, git/known_hosts, git/token
 * The folder is there already, 0711 and on a tmpfs; what is put into it is
 * ours, 0600 in 0700, git/ its user's.  What there is none of is not made.
 *
 * Errors: those of seal.h and io.h.
 */
#ifndef STATE_SECRETS_H
#define STATE_SECRETS_H

#include <sys/types.h>
#include "state/state.h"

/* deployment: a row (deployment.h); uid and gid: who fetches. */
int secrets_write(struct state *, const json_t *deployment, const char *folder,
    uid_t uid, gid_t gid, struct err *);

/* A notify job's: github-token, of a project (its slug). */
int secrets_write_token(struct state *, const char *project, const char *folder,
    struct err *);

#endif
