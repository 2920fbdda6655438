/*
 * keyed - a short name for a secret value, which tells nothing of it: its
 * HMAC-SHA256 under a key that is made once, 0600 in the state folder, and
 * never leaves it.  Equal values have equal names, here and nowhere else.
 */
#ifndef BASE_KEYED_H
#define BASE_KEYED_H

#include <stddef.h>
#include "base/err.h"

enum { KEYED_NAME = 17 }; /* 16 hex digits */

int keyed_name(const void *, size_t, char name[KEYED_NAME], struct err *);

#endif
