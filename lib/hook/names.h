/*
 * names - which repositories may a body speak of?  Asked before the body is
 * known to be anybody's, so nothing is parsed: the bytes are searched for
 * members "full_name", of JSON or of a form's payload=.  What is found says
 * only which secrets are worth a try.
 */
#ifndef HOOK_NAMES_H
#define HOOK_NAMES_H

#include <stddef.h>
#include "base/buf.h"

enum {
	NAMES_MAX = 8, /* that differ */
	NAMES_SEEN = 64, /* places that are looked at */
	NAME_BYTES = 256,
};

/* Adds them in lower case: "owner/name". */
void names_scan(const char *, size_t, struct strvec *names);

#endif
