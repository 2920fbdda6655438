/*
 * seal - values that anybody who writes the database may seal and only the
 * holder of a private key may open: libsodium's sealed boxes.  Inside each,
 * before the value, is the identity of the row that it stands in, so that a
 * value moved to another row does not open.
 *	seal_value(st, HOLDER_SECRET, "env_vars/...", v, n, &box, key_id, err)
 *	seal_open(st, key_id, "env_vars/...", box.data, box.len, &plain, err)
 * The current public key of a holder is a row of `keys`, its private half a
 * file (key.h).
 *
 * A key that has been rotated is gone at once: who has read a row before and
 * opens it after gets "no-key", reads the row again and tries once more.
 * seal_open() leaves the process without core dumps (mask.h).  The plain
 * bytes are the caller's to wipe.
 *
 * Errors: EX_NOPERM "no-key"; EX_DATAERR "bad-seal" (not sealed for this
 * key, changed, or another row's); those of db.h.
 */
#ifndef STATE_SEAL_H
#define STATE_SEAL_H

#include "base/buf.h"
#include "base/crypto.h"
#include "state/state.h"

enum holder { HOLDER_SECRET, HOLDER_HOOK }; /* the worker, rcn-hookd */
enum { HOLDERS = 2, SEAL_KEY = 32 };
const char *holder_text(enum holder);

/* Both append to the buf. */
int seal_value(struct state *, enum holder, const char *identity, const void *,
    size_t, struct buf *sealed, char key_id[UUID_TEXT], struct err *);
int seal_open(struct state *, const char *key_id, const char *identity,
    const void *sealed, size_t, struct buf *plain, struct err *);

/* The same without an identity: for what has its own inside. */
int seal_bytes(struct state *, enum holder, const void *, size_t,
    struct buf *sealed, char key_id[UUID_TEXT], struct err *);
int seal_open_bytes(struct state *, const char *key_id, const void *sealed,
    size_t, struct buf *plain, struct err *);

#endif
