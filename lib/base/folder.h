/*
 * folder - what lies in a folder, by age and size, and taking it away.
 * Safe where another user owns the folder: no link is ever followed.
 */
#ifndef BASE_FOLDER_H
#define BASE_FOLDER_H

#include <limits.h>
#include <stdint.h>
#include <time.h>
#include "base/buf.h"
#include "base/err.h"

struct folder_item {
	char name[NAME_MAX + 1];
	struct timespec changed; /* the newest time in it */
	int64_t bytes; /* on disk, of all that is in it */
};

struct folder {
	struct folder_item *v; /* the newest first */
	size_t n;
};

#define auto_folder AUTO(folder_release)
void folder_release(struct folder *);
/* A folder that is not there is empty. */
int folder_list(const char *path, struct folder *, struct err *);
/* A file, or a folder with all that is in it; missing is fine. */
int folder_remove(const char *path, const char *name, struct err *);

#endif
