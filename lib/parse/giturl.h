/*
 * giturl - one name for a repository, whichever way its address is written.
 * The key is host and path in lower case, without scheme, user, port, query,
 * trailing "/" or ".git": https://github.com/O/N, git@github.com:O/N.git and
 * ssh://git@ssh.github.com:443/O/N are all "github.com/o/n".  A local path,
 * also as file:///..., is its own key, letter for letter.
 */
#ifndef PARSE_GITURL_H
#define PARSE_GITURL_H

#include <stdbool.h>
#include "base/buf.h"
#include "base/err.h"

enum { GITURL_MAX = 2048 };

/* Appends the key; EX_USAGE "bad-url" (then key is as it was). */
int giturl_key(const char *url, struct buf *key, struct err *);

/*
 * Whether a password or token stands in it: such an address must not be kept,
 * nor be quoted.  A user alone is no secret over ssh, but is one over http,
 * where tokens stand in its place.
 */
bool giturl_has_secret(const char *url);

#endif
