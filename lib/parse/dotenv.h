/*
 * dotenv - KEY=value lines: '#' comments, "export " in front, values bare
 * (to the end of line, a " #" comment cut off, blanks trimmed), in single
 * quotes (literal, may span lines) or in double quotes (\n \r \t \" \\ \$,
 * may span lines).  Nothing is expanded: $ stays.  A key twice: the last.
 */
#ifndef PARSE_DOTENV_H
#define PARSE_DOTENV_H

#include <jansson.h>
#include <stddef.h>
#include "base/err.h"

/* {"KEY": "value"}; what names the source in messages. */
json_t *dotenv_parse(const char *, size_t, const char *what, struct err *);

#endif
