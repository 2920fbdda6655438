/*
 * schedule - when a cron process runs: five fields, as in crontab(5).
 * Minute, hour, day of the month, month, day of the week; in each a list of
 * "*", N or N-M, with /STEP after "*" or a range; months and days also by the
 * first three letters of their English names.
 */
#ifndef PLAN_SCHEDULE_H
#define PLAN_SCHEDULE_H

#include <stdbool.h>

bool schedule_ok(const char *);

#endif
