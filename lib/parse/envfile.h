/*
 * envfile - variables for a build or an app: --env-file FILE, or env.json of
 * $RCN_SECRETS.
 * FILE is JSON, {"KEY": {"value": "...", "secret": true}} or {"KEY": "..."},
 * or dotenv text (dotenv.h), told apart by its first byte, '{'.  A value
 * without a `secret` member, and every dotenv value, counts as secret.
 * A variable may say its `phase`: "run", "build", or "both", which is what it
 * is without; those of the other phase than the caller's are left out.
 * The result is always {"KEY": {"value": string, "secret": boolean}}, keys
 * checked ([A-Za-z_][A-Za-z0-9_]*).  Secret values are named to mask.h, the
 * file's text is wiped, and the program can leave no core from here on.
 * /dev/fd/N works.  EX_NOINPUT missing; EX_DATAERR "bad-env-file" with line.
 */
#ifndef PARSE_ENVFILE_H
#define PARSE_ENVFILE_H

#include <jansson.h>
#include "base/err.h"

/* phase: "run" or "build"; a new reference */
json_t *envfile_load(const char *path, const char *phase, struct err *);

#endif
