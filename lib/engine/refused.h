/*
 * refused - what an engine's words about a registry mean.  It says the same in
 * an answer's body and in a stream, as text only: its own, the registry's, or
 * that of the HTTP library below.
 */
#ifndef ENGINE_REFUSED_H
#define ENGINE_REFUSED_H

#include "base/err.h"

struct refusal {
	const char *word; /* in the text, in any case; "" always is */
	int status;
	const char *code, *hint; /* hint: or NULL */
};

/*
 * Sets err, the text as its message: EX_NOPERM "registry-denied", EX_TEMPFAIL
 * "registry-limit", EX_PROTOCOL "tls-failed", EX_UNAVAILABLE "registry-down";
 * else what own says, whose last word is "".
 */
int refused(const struct refusal *own, const char *text, struct err *);

#endif
