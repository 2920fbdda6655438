/*
 * credential - what is needed beside variables, of one project or of the
 * whole installation (project NULL); a project's own comes first.
 *
 *	kind		holder	is
 *	git-key		secret	a private key for ssh; made if none is given
 *	git-known-hosts	secret	lines of known_hosts
 *	git-token	secret	a token for https
 *	github-token	secret	a token for commit statuses
 *	registry	secret	Docker's config.json, with auths
 *	webhook		hook	what GitHub signs with; made if none is given
 *
 * A row is {id, project (slug), kind, public, created_at, rev}; public: a
 * git-key's other half, to be put where it may read.
 *
 * Errors: EX_DATAERR "bad-credential"; EX_NOINPUT "not-found"; those of
 * seal.h.
 */
#ifndef STATE_CREDENTIAL_H
#define STATE_CREDENTIAL_H

#include "base/buf.h"
#include "state/state.h"

enum { CREDENTIAL_MAX = 256 << 10 };

/* value NULL: made, where the kind allows.  The row; what rcn-hookd reads is
 * written anew. */
json_t *credential_set(struct state *, const char *project, const char *kind,
    const char *value, struct err *);
int credential_remove(struct state *, const char *project, const char *kind,
    struct err *);
/* Of a project, of the installation (NULL), by kind. */
json_t *credential_list(struct state *, const char *project, struct err *);
/* Appends the value, opened: 1; 0 there is none.  project: a slug.  own:
 * the installation's does not count. */
int credential_open(struct state *, const char *project, const char *kind,
    bool own, struct buf *, struct err *);

/*
 * Writes STATE_DIR/hook/repositories.json, all that rcn-hookd knows of us;
 * to be called after the commit of what changes a repository or a webhook:
 *	{"version": 1,
 *	 "repositories": [{"key": "github.com/o/n", "key_id": ID,
 *	  "sealed": [BASE64]}],
 *	 "default": [BASE64], "default_key_id": ID}
 * Each box has {"repository": KEY or "*", "secret": TEXT} inside and opens
 * with hook/key-ID.  A repository without a webhook of its own has an empty
 * list.
 */
int hook_publish(struct state *, struct err *);

#endif
