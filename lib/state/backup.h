/*
 * backup - all that a new host needs, in one encrypted file: the database as
 * it is at one moment, the keys that its rows name, route files, the
 * installation's id, its key for versions by hand, the settings file.
 * Repositories' mirrors, images and logs are not in it.
 *
 * The file: "rcn-backup 1\n", salt, two numbers for Argon2id, a header, then
 * messages of libsodium's secretstream, each with its length (32 bits) before
 * it: the first byte of what is inside says what it is, F a file's name, D a
 * piece of it, E the end.  Memory does not grow with the database.
 *
 * Errors: EX_DATAERR "bad-backup" (none, cut short, changed, or another
 * passphrase), "bad-passphrase" (too short), "exists" (a state folder in use);
 * EX_CONFIG "state-newer".
 */
#ifndef STATE_BACKUP_H
#define STATE_BACKUP_H

#include "base/buf.h"
#include "state/state.h"

enum { PASSPHRASE_MIN = 8, PASSPHRASE_MAX = 1024 };

/* fd is written from where it is, and not closed. */
int backup_write(struct state *, int fd, const struct buf *passphrase,
    struct err *);

/*
 * Unpacks into the state folder: all of it is read and proven before
 * anything is put in its place, the database last.  A folder in whose
 * database there are projects is left alone unless force; then its database
 * and the keys for it are kept in before-restore.TIME.  *settings: the
 * settings file that was saved, for the caller to put somewhere; "" for none.
 */
int backup_restore(int fd, const struct buf *passphrase, bool force,
    struct buf *settings, struct err *);

/*
 * After a restore: deploys again what was live, and is not stopped, in every
 * environment where nothing waits or runs: [{project, environment,
 * deployment} or {project, environment, why}].
 */
json_t *backup_redeploy(struct state *, struct err *);

#endif
