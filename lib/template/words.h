/*
 * words - what of a stranger's text may stand in a Dockerfile, and as what.
 * Printable ASCII only: a line break would begin another instruction.
 */
#ifndef TEMPLATE_WORDS_H
#define TEMPLATE_WORDS_H

#include <jansson.h>
#include <stdbool.h>
#include "base/buf.h"
#include "base/err.h"

/* One word that is no flag and no way out of the folder; else EX_DATAERR
 * "bad-plan" that names plan.WHAT. */
int word_check(const char *what, const char *, struct err *);
/* A command that may follow RUN as it is: one line, no flag, no array, no
 * here-document, no line that goes on. */
bool word_may_run(const char *);
/*
 * What {{value}} writes (template.h): an array as JSON in ASCII, with blanks
 * as a person sets them; a string as it is, which can hold no line break.
 */
int word_escape(struct buf *, const json_t *, struct err *);

#endif
