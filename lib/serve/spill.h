/*
 * spill - bytes of any number, in a file without a name and never on the
 * heap: written once, then mapped to be read.
 */
#ifndef SERVE_SPILL_H
#define SERVE_SPILL_H

#include <stddef.h>
#include "base/cleanup.h"
#include "base/err.h"

struct spill {
	int fd; /* -1: not open */
	size_t size;
	const char *map; /* after spill_map(); "" of nothing */
	size_t mapped;
};
#define SPILL_NONE ((struct spill){ .fd = -1 })

/* In dir.  EX_CANTCREAT "cannot-create", EX_IOERR "disk-full". */
int spill_open(struct spill *, const char *dir, struct err *);
int spill_add(struct spill *, const void *, size_t, struct err *);
int spill_map(struct spill *, struct err *);
void spill_close(struct spill *);
#define auto_spill AUTO(spill_close)

#endif
