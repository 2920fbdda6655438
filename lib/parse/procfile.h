/*
 * procfile - "name: command" lines; '#' comments and blank lines are skipped.
 */
#ifndef PARSE_PROCFILE_H
#define PARSE_PROCFILE_H

#include <jansson.h>
#include <stddef.h>
#include "base/err.h"

/*
 * [{"name", "command", "line"}] in the order of the file; a name twice or a
 * line of another form: EX_DATAERR "bad-procfile", with its line.
 */
json_t *procfile_parse(const char *, size_t, const char *what, struct err *);

#endif
