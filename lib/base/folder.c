#include "base/folder.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

enum { DEPTH_MAX = 128, BLOCK = 512 };

void
folder_release(struct folder *f)
{
	free(f->v);
	*f = (struct folder){ 0 };
}

static bool
older(const struct timespec *a, const struct timespec *b)
{
	return a->tv_sec != b->tv_sec ? a->tv_sec < b->tv_sec
				      : a->tv_nsec < b->tv_nsec;
}

static DIR *
open_below(int at, const char *name)
{
	int fd =
	    openat(at, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	DIR *d;

	if (fd < 0)
		return NULL;
	d = fdopendir(fd);
	if (d == NULL)
		close(fd);
	return d;
}

static bool
is_dots(const char *name)
{
	return strcmp(name, ".") == 0 || strcmp(name, "..") == 0;
}

/* Adds what name and all below it hold; what vanishes meanwhile is nothing. */
static void
measure(int at, const char *name, struct folder_item *item, int depth)
{
	struct dirent *e;
	struct stat st;
	DIR *d;

	if (fstatat(at, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return;
	item->bytes += (int64_t)st.st_blocks * BLOCK;
	if (older(&item->changed, &st.st_mtim))
		item->changed = st.st_mtim;
	if (!S_ISDIR(st.st_mode) || depth > DEPTH_MAX ||
	    (d = open_below(at, name)) == NULL)
		return;
	while ((e = readdir(d)) != NULL)
		if (!is_dots(e->d_name))
			measure(dirfd(d), e->d_name, item, depth + 1);
	(void)closedir(d);
}

static int
newest_first(const void *a, const void *b)
{
	const struct folder_item *x = a, *y = b;

	if (older(&x->changed, &y->changed))
		return 1;
	if (older(&y->changed, &x->changed))
		return -1;
	return strcmp(y->name, x->name);
}

int
folder_list(const char *path, struct folder *f, struct err *err)
{
	DIR *d = open_below(AT_FDCWD, path);
	struct dirent *e;

	*f = (struct folder){ 0 };
	if (d == NULL && errno == ENOENT)
		return 0;
	if (d == NULL)
		return err_sys(err, EX_NOINPUT, "file-unreadable", "%s", path);
	while ((e = readdir(d)) != NULL) {
		if (is_dots(e->d_name))
			continue;
		f->v = mem_realloc(f->v, f->n + 1, sizeof(*f->v));
		f->v[f->n] = (struct folder_item){ 0 };
		(void)snprintf(f->v[f->n].name, sizeof(f->v->name), "%s",
		    e->d_name);
		measure(dirfd(d), e->d_name, &f->v[f->n++], 0);
	}
	(void)closedir(d);
	if (f->n > 1)
		qsort(f->v, f->n, sizeof(*f->v), newest_first);
	return 0;
}

static int
remove_below(int at, const char *name, int depth)
{
	struct dirent *e;
	int bad = 0;
	DIR *d;

	if (unlinkat(at, name, 0) == 0 || errno == ENOENT)
		return 0;
	if ((errno != EISDIR && errno != EPERM) || depth > DEPTH_MAX)
		return -1;
	d = open_below(at, name);
	if (d == NULL)
		return errno == ENOENT ? 0 : -1;
	while (bad == 0 && (e = readdir(d)) != NULL)
		if (!is_dots(e->d_name))
			bad = remove_below(dirfd(d), e->d_name, depth + 1);
	(void)closedir(d);
	return bad == 0 ? unlinkat(at, name, AT_REMOVEDIR) : -1;
}

int
folder_remove(const char *path, const char *name, struct err *err)
{
	auto_fd int at = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (at < 0 && errno == ENOENT)
		return 0;
	if (at < 0 || remove_below(at, name, 0) < 0)
		return err_sys(err, EX_IOERR, "remove-failed", "%s/%s", path,
		    name);
	return 0;
}
