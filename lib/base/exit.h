/*
 * exit - the exit statuses of every program; rcn-document(5) lists them.
 * They are those of sysexits.h, and one of our own: EX_NO, "the answer is no".
 * Scripts test 0, 1 and 75; people read the text.
 */
#ifndef BASE_EXIT_H
#define BASE_EXIT_H

#include <sysexits.h>

#define EX_NO 1

#endif
