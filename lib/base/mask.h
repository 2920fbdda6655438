/*
 * mask - keep secret values out of what this program prints.
 * A program that holds secret values names them once; log.c, err_print() and
 * the document pass their text through mask_text().  Values shorter than 8
 * bytes are not masked: they would hit by chance.  Text that is copied
 * piecewise (an app's log) is masked a line at a time.
 * mask_add() also sets RLIMIT_CORE 0 and PR_SET_DUMPABLE 0.
 */
#ifndef BASE_MASK_H
#define BASE_MASK_H

#include "base/buf.h"

enum { MASK_MIN = 8 };

void mask_add(const char *value);
void mask_text(struct buf *); /* each value becomes "***", in place */
void mask_no_dump(void); /* for who reads secrets: no core, no ptrace */

#endif
