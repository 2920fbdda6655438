/*
 * gate - no instance gets traffic before it has proved that it answers.
 * A web instance is asked from the host, at once and again after 5 ms, 10 ms
 * and so on up to a quarter of a second, until it answers well: with a health
 * path 2xx, 3xx or what health.expect lists, without one anything below 500.
 * The end of its process ends the gate at once.  A worker passes when it has
 * run for ten seconds.
 *
 * One that listens on another port than it was told, on that one only, is
 * asked there; in->port is then that port.
 *
 * Failure says what is the matter, and the last 50 lines of the log go to
 * stderr.  All EX_DATAERR: "app-exited", "app-out-of-memory",
 * "app-not-listening", "listens-on-loopback", "app-unhealthy".
 */
#ifndef DEPLOY_GATE_H
#define DEPLOY_GATE_H

#include "deploy/instance.h"

enum { GATE_LOG_LINES = 50 };

/* warnings: an object that doc_warn() may add to. */
int gate_pass(struct engine *, const struct app *, struct instance *,
    json_t *warnings, struct err *);
/* The same, one short look and no words: 1 healthy, 0 not. */
int gate_healthy(struct engine *, const struct app *, struct instance *,
    json_t *warnings, struct err *);

#endif
