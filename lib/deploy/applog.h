/*
 * applog - what an app's instances say while they run, and have said.
 * Instances are found by label; those that are gone by what rcn-retire has
 * saved of them, with how they ended.  Lines come in the order of time.
 *	struct applog a = { .slug = "app", .tail = 100, .line = print };
 *	if (applog_run(&a, err) < 0)
 * Followed, each instance is read by a process of its own, and one that is
 * started later is taken in; this ends by signal, or when the engine is lost.
 *
 * Errors: those of engine.h; EX_NOINPUT "app-missing": nothing is known of
 * such an app; EX_OSERR "fork-failed"; EX_IOERR "read-failed".
 */
#ifndef DEPLOY_APPLOG_H
#define DEPLOY_APPLOG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/err.h"

enum applog_kind { APPLOG_OUT = 1, APPLOG_ERR, APPLOG_SAVED, APPLOG_END };

struct applog_line {
	const char *time; /* RFC 3339; "" if nobody knows */
	const char *instance; /* its name, with process and index */
	enum applog_kind kind; /* SAVED: of one that is gone; END: its end */
	const char *text;
	size_t len;
};

struct applog {
	const char *slug, *environment, *process; /* NULL: any */
	int tail; /* so many lines first; < 0: all */
	int64_t since; /* seconds since 1970; 0: ever */
	bool follow;
	void (*line)(const struct applog_line *, void *ctx);
	void *ctx;
};

int applog_run(const struct applog *, struct err *);
int64_t applog_seconds(const char *time); /* of RFC 3339; 0: it is none */

#endif
