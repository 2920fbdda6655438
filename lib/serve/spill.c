#include "serve/spill.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>

#include "base/buf.h"
#include "base/io.h"

/* Where the file system has no files without names. */
static int
unlinked(const char *dir)
{
	auto_free char *path = mem_printf("%s/.body-XXXXXX", dir);
	int fd = mkostemp(path, O_CLOEXEC);

	if (fd >= 0)
		(void)unlink(path);
	return fd;
}

int
spill_open(struct spill *s, const char *dir, struct err *err)
{
	*s = SPILL_NONE;
	s->fd = open(dir, O_TMPFILE | O_RDWR | O_CLOEXEC | O_EXCL, 0600);
	if (s->fd < 0 && (errno == EOPNOTSUPP || errno == EISDIR))
		s->fd = unlinked(dir);
	if (s->fd >= 0)
		return 0;
	if (errno == ENOSPC || errno == EDQUOT)
		return err_sys(err, EX_IOERR, "disk-full", "%s", dir);
	return err_sys(err, EX_CANTCREAT, "cannot-create", "%s", dir);
}

int
spill_add(struct spill *s, const void *p, size_t n, struct err *err)
{
	if (io_write_all(s->fd, p, n) == 0) {
		s->size += n;
		return 0;
	}
	if (errno == ENOSPC || errno == EDQUOT)
		return err_sys(err, EX_IOERR, "disk-full", "a body");
	return err_sys(err, EX_IOERR, "write-failed", "a body");
}

int
spill_map(struct spill *s, struct err *err)
{
	void *p;

	s->map = "";
	if (s->size == 0)
		return 0;
	p = mmap(NULL, s->size, PROT_READ, MAP_PRIVATE, s->fd, 0);
	if (p == MAP_FAILED)
		return err_sys(err, EX_OSERR, "os-error", "mmap");
	s->map = p;
	s->mapped = s->size;
	return 0;
}

void
spill_close(struct spill *s)
{
	if (s->mapped > 0)
		munmap((void *)(uintptr_t)s->map, s->mapped);
	if (s->fd >= 0)
		close(s->fd);
	*s = SPILL_NONE;
}
