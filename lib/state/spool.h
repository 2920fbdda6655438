/*
 * spool - where the webhook daemon leaves deliveries for the worker: a small
 * database of its own, so that what listens need not open the state.
 *	spool_begin(s, err);
 *	spool_add(s, id, digest, delivery, &answer, err);	as many as wait
 *	spool_commit(s, err);		0: all of them are on disk
 * and the worker, oldest first, once what follows from it is in the state:
 *	while ((more = spool_next(s, &row, err)) > 0)
 *		fan_out(row.delivery), spool_done(s, row.seq, err);
 * A delivery is unique by its id, and by the SHA-256 of the bytes that were
 * signed, for those may be sent again under another id.  Of what is done the
 * id and the digest are kept: the newest 100,000, for 90 days.
 * Errors are those of db.h ("disk-full", "state-busy", "state-missing");
 * EX_CONFIG "state-newer".  Who opens it without SPOOL_CREATE takes nothing
 * of it on trust: tables or triggers that are not ours are EX_DATAERR
 * "state-corrupt", and data that is no JSON is an empty delivery.
 */
#ifndef STATE_SPOOL_H
#define STATE_SPOOL_H

#include <jansson.h>
#include <stdint.h>
#include "base/cleanup.h"
#include "base/clock.h"
#include "base/crypto.h"
#include "base/err.h"

enum { SPOOL_KEEP = 100000, SPOOL_DAYS = 90 };

struct spool;
enum { SPOOL_CREATE = 1 };
int spool_open(struct spool **, const char *path, unsigned flags, struct err *);
void spool_close(struct spool *);
static inline void
spool_cleanup(struct spool **s)
{
	spool_close(*s);
}
#define auto_spool AUTO(spool_cleanup)

enum spool_answer {
	SPOOL_ADDED,
	SPOOL_SAME_ID,
	SPOOL_SAME_BODY,
};
/* Alone it is a transaction: added is on disk.  Nothing is added twice. */
int spool_add(struct spool *, const char *id, const char digest[SHA256_HEX],
    const json_t *delivery, enum spool_answer *, struct err *);
int spool_begin(struct spool *, struct err *);
int spool_commit(struct spool *, struct err *); /* -1: none was added */
void spool_rollback(struct spool *);

struct spool_row {
	int64_t seq; /* grows; order of arrival */
	char id[65];
	char received_at[CLOCK_TEXT];
	json_t *delivery; /* owned */
};
/* The oldest that is not done: 1, 0 none waits, -1. */
int spool_next(struct spool *, struct spool_row *, struct err *);
void spool_row_release(struct spool_row *);
#define auto_spool_row AUTO(spool_row_release)
/* Again is fine. */
int spool_done(struct spool *, int64_t seq, struct err *);
int spool_waiting(struct spool *, int64_t *n, struct err *);

#endif
