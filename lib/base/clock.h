/*
 * clock - times: CLOCK_MONOTONIC for waiting, RFC 3339 UTC with milliseconds
 * and fixed width ("2026-11-23T10:00:00.123Z") for documents.
 */
#ifndef BASE_CLOCK_H
#define BASE_CLOCK_H

#include <stdint.h>
#include "base/err.h"

enum { CLOCK_TEXT = 25 };

int64_t clock_ms(void); /* monotonic */
int64_t clock_us(void); /* monotonic */
int64_t clock_wall_ms(void); /* since 1970 */
void clock_text(int64_t wall_ms, char out[CLOCK_TEXT]);
void clock_now_text(char out[CLOCK_TEXT]);
/* Sleeps, unless a stop signal comes: -1, EX_TEMPFAIL "cancelled". */
int clock_sleep_ms(int64_t, struct err *);

#endif
