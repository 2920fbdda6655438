/*
 * Any bytes as a tar file: an index, a walk and an id, or an error.
 * links: lib/source/tree.c lib/source/ignore.c lib/base/*.c
 */
#include "../../lib/source/tree_tar.c"

#include <sys/mman.h>

int LLVMFuzzerTestOneInput(const uint8_t *, size_t);

static int
see(const struct tree_entry *e, void *ctx, struct err *err)
{
	struct tree_entry again;
	uint64_t *bytes = ctx;

	/* All that is told can be found. */
	*bytes += e->size;
	if (tree_stat(*(struct tree **)(bytes + 1), e->path, &again, err) !=
		1 ||
	    again.type != e->type || again.size != e->size)
		abort();
	return 0;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	struct {
		uint64_t bytes;
		struct tree *t;
	} all = { 0 };
	auto_fd int fd = memfd_create("fuzz", MFD_CLOEXEC);
	struct err err = { 0 };
	char id[65];

	if (fd < 0 || io_write_all(fd, data, n) < 0)
		abort();
	if (tree_open_tar(&all.t, fd, &err) < 0)
		return 0;
	if (tree_walk(all.t, "", see, &all, &err) == 0 && all.bytes < 1 << 24)
		(void)tree_id(all.t, id, &err);
	tree_close(all.t);
	return 0;
}
