/*
 * key - the key pairs that values are sealed with (seal.h), one for each
 * holder.  Public halves are rows; private ones files of 32 bytes, mode 0600,
 * in the state folder: keys/secret-ID and hook/key-ID, owned by whom their
 * folder belongs to.
 */
#ifndef STATE_KEY_H
#define STATE_KEY_H

#include "state/seal.h"

/* Makes the pairs that are not there yet; otherwise changes nothing.
 * EX_NOPERM "no-key": the private half of a current key is lost. */
int key_init(struct state *, struct err *);

/*
 * New pairs for all holders; all rows are sealed anew, each holder's in one
 * transaction; then what rcn-hookd reads is written again (credential.h), and
 * only then are the old private halves wiped.  Whatever it is killed in, every
 * row opens, and the next key_init() or key_rotate() ends what is left.
 * *rows: how many were sealed anew.
 */
int key_rotate(struct state *, int64_t *rows, struct err *);

/* [{id, holder, created_at}], those in use. */
json_t *key_list(struct state *, struct err *);

/* Appends the name of a private half's file. */
void key_path(struct buf *, enum holder, const char *id);

/* Of any holder; EX_NOPERM "no-key" where row or file is gone. */
int key_load(struct state *, const char *id, unsigned char public[SEAL_KEY],
    unsigned char private[SEAL_KEY], struct err *);

#endif
