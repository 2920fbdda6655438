/*
 * watch - has anything that a project watches changed between two commits?
 * Compared are the names of contents at each path, a file's or a folder's, so
 * that nothing is read and no history walked.
 */
#ifndef SOURCE_WATCH_H
#define SOURCE_WATCH_H

#include "base/buf.h"
#include "base/err.h"

/*
 * repo is a git directory; paths are of the repository's root, "/" at the
 * ends does not count, "" and "." are all of it.  1 something differs, or the
 * base is not there to compare with; 0 nothing does.
 */
int watch_changed(const char *repo, const char *base, const char *commit,
    const struct strvec *paths, struct err *err);

#endif
