/*
 * state - the platform's memory: STATE_DIR/state.db.
 * What changes something takes a struct state first, works in one
 * transaction together with the event that tells of it, and returns the row
 * as JSON (a new reference, the shape of share/schema/state.json), or NULL.
 * A secret value is never in a row.
 *
 * Errors: those of db.h; EX_CONFIG "state-newer" (made by a newer version),
 * "state-older" (opened to read only, and not yet migrated).
 */
#ifndef STATE_STATE_H
#define STATE_STATE_H

#include <jansson.h>
#include <stdint.h>
#include "base/cleanup.h"
#include "base/clock.h"
#include "base/err.h"
#include "state/db.h"

struct state {
	struct db *db;
	char *actor; /* "cli:0:root", "hook:github:octocat", "worker:..." */
};

/*
 * DB_CREATE: makes folder and database with team `default` and user `local`
 * where there is none.  An older database is copied to state.db.vN.TIME
 * beside it, then migrated in one transaction.
 */
int state_open(struct state **, const char *actor, unsigned flags,
    struct err *);
void state_close(struct state *);
static inline void
state_cleanup(struct state **st)
{
	state_close(*st);
}
#define auto_state AUTO(state_cleanup)

/* "cli:UID:LOGIN" of who runs this program; new string. */
char *state_actor(void);

/*
 * Tells what has happened, within the transaction that does it.  kind is
 * `resource.verb` ("deployment.live", "env.changed"); data is stolen, may be
 * NULL.
 */
struct event {
	const char *kind;
	const char *team, *project, *environment, *deployment; /* ids or NULL */
	json_t *data;
};
int state_event(struct state *, const struct event *, struct err *);
/*
 * Events after seq, at most limit, oldest first: {seq, id, at, kind, actor,
 * ...}; project: an id, or NULL for all.
 */
json_t *state_events(struct state *, const char *project, int64_t after,
    int limit, struct err *);
/* 0 the chain is whole (*n events), else EX_DATAERR "audit-broken", naming
 * the first that was changed. */
int state_verify(struct state *, int64_t *n, struct err *);

/* Waits that outlive a clock's change: this boot's id and its milliseconds. */
const char *state_boot(void);
int64_t state_boot_ms(void); /* CLOCK_BOOTTIME */

#endif
