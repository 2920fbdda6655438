/*
 * settings - what an operator may set of a project: the names of
 * rcn-document(5), `project`, and of what kind each is.  A setting of another
 * kind would be taken for one that is not there, so it is refused where it
 * comes in: from --project FILE, from a document that a stage works on (save
 * one that settles), and from rcn-state.  Names that are not in the table are
 * kept.
 */
#ifndef DOCUMENT_SETTINGS_H
#define DOCUMENT_SETTINGS_H

#include <jansson.h>
#include "base/err.h"

/* what is for messages, a file's name; EX_DATAERR "bad-project". */
int settings_check(const json_t *project, const char *what, struct err *);

/*
 * A value as people write it on a command line, of the kind that the setting
 * at path ("health.port", "processes.web.scale") is: a list of strings may be
 * "a,b", a command plain text; lists and objects JSON.  "" is null: take the
 * setting away.  New reference; EX_USAGE "bad-set".
 */
json_t *settings_parse(const char *path, const char *text, struct err *);
/* patch, a merge patch, gets value (stolen) at path. */
void settings_put(json_t *patch, const char *path, json_t *value);

#endif
