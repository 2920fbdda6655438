/*
 * challenge - what a WWW-Authenticate header asks for (RFC 9110, 11.6.1).
 * A header may hold several challenges; of those understood the strongest
 * is kept: Bearer before Basic, the first of each.
 *	auto_challenge struct challenge c = { 0 };
 *	challenge_add(&c, header);		once per header
 */
#ifndef REGISTRY_CHALLENGE_H
#define REGISTRY_CHALLENGE_H

#include "base/buf.h"

enum challenge_kind { CHALLENGE_NONE, CHALLENGE_BASIC, CHALLENGE_BEARER };

struct challenge {
	enum challenge_kind kind;
	char *realm, *service, *scope; /* NULL: not said */
};

void challenge_add(struct challenge *, const char *header);
void challenge_release(struct challenge *);

#define auto_challenge AUTO(challenge_release)

#endif
