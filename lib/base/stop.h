/*
 * stop - the wish to end: SIGINT, SIGTERM or SIGHUP.
 * stop_init() once in main of what undoes its work.  The first signal makes
 * stop_fd() readable and stop_asked() true; waits of io.h, clock.h, proc.h
 * and http.h then fail with EX_TEMPFAIL "cancelled".  The second signal ends
 * the program at once.  Undoing itself must be able to wait: stop_hold(true)
 * makes the waits deaf until stop_hold(false).
 * stop_fd() is opened at its first use; without stop_init() it is -1.
 */
#ifndef BASE_STOP_H
#define BASE_STOP_H

#include <stdbool.h>
#include "base/err.h"

void stop_init(void);
int stop_fd(void);
bool stop_asked(void);
void stop_hold(bool);
int stop_err(struct err *); /* sets "cancelled", returns -1 */

/* Nobody reads standard output any more: ends as SIGPIPE would have done. */
void stop_by_pipe(void) __attribute__((noreturn));

#endif
