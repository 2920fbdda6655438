/*
 * attach - our own standard streams joined to those of a container or of a
 * command in one, until that ends.
 *	engine_hijack(e, "POST", "/containers/ID/attach?...", NULL, NULL, "tcp",
 *	    &h, err)
 *	hijack_answer(h, &status, err)		101 or 200
 *	attach_run(h, &(struct attach){ .tty = true }, err)
 * With tty the terminal is in raw mode meanwhile, and told of each change of
 * its size; otherwise standard output and error come apart.  Signals that end
 * a program are handed to signal() in place of ending this one.
 *
 * Errors: those of hijack.h; EX_IOERR "write-failed" (our standard output).
 */
#ifndef ENGINE_ATTACH_H
#define ENGINE_ATTACH_H

#include <stdbool.h>
#include "base/err.h"
#include "http/hijack.h"

struct attach {
	bool tty;
	void (*signal)(int sig, void *ctx);
	void (*resize)(unsigned rows, unsigned columns, void *ctx); /* tty */
	void *ctx;
};

int attach_run(struct hijack *, const struct attach *, struct err *);

#endif
