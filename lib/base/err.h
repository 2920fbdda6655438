/*
 * err - why something failed, as a person, a test and a document need it.
 * What can fail takes a struct err last and returns 0 or -1 (pointer, NULL).
 * Success leaves *err alone; failure sets it once, where the cause is known;
 * callers only put context in front:
 *	if (tree_open_git(&t, repo, rev, err) < 0)
 *		return err_wrap(err, "project %s", slug);
 * The caller owns it, on the stack, = { 0 }; never NULL, nothing to free.
 * Text may quote a stranger's bytes: err_print() and the document are the
 * only ways out, and both make it printable UTF-8 and mask secrets (mask.h).
 *
 * code is a static word for programs, lower case with hyphens, one meaning
 * everywhere; rcn-document(5) has the table.
 */
#ifndef BASE_ERR_H
#define BASE_ERR_H

#include <stdbool.h>
#include "base/exit.h"

struct err {
	int status; /* EX_* of exit.h; 0: nothing failed */
	int sys; /* errno, or 0; err_sys() adds its text to msg */
	const char *code; /* static word for programs: "engine-down" */
	char msg[768]; /* where: what: why */
	char hint[256]; /* the one thing that mends it, or "" */
};

#define ERR_FMT(m, n) __attribute__((format(printf, m, n)))

/* All return -1. */
int err_set(struct err *, int status, const char *code, const char *, ...)
    ERR_FMT(4, 5);
int err_sys(struct err *, int status, const char *code, const char *, ...)
    ERR_FMT(4, 5);
int err_wrap(struct err *, const char *, ...) ERR_FMT(2, 3);
int err_hint(struct err *, const char *, ...) ERR_FMT(2, 3);

/* One write(2) to stderr: "rcn-x: msg\nrcn-x: hint: ...\n". */
void err_print(const struct err *);

/* True where trying again may help: 69 and 75, save "cancelled" and what
 * another has won: "superseded", "fenced". */
bool err_retryable(const struct err *);

#endif
