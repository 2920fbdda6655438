/*
 * cleanup - release at the end of a scope.
 *	auto_free char *name = NULL;	free(3)
 *	auto_fd int fd = -1;		close(2) if not -1
 * Declare and initialise together; hand over with fd_steal(&fd) and
 * ptr_steal(&p), which leave -1 and NULL behind.  jansson has json_auto_t;
 *libraries and modules that own a type define auto_TYPE beside it.
 */
#ifndef BASE_CLEANUP_H
#define BASE_CLEANUP_H

#include <stdlib.h>
#include <unistd.h>

#define AUTO(fn) __attribute__((cleanup(fn)))

static inline void
cleanup_free(void *p)
{
	free(*(void **)p);
}

static inline void
cleanup_fd(int *fd)
{
	if (*fd >= 0)
		close(*fd);
}

static inline int
fd_steal(int *fd)
{
	int kept = *fd;

	*fd = -1;
	return kept;
}

/* Takes the address of any pointer; the value keeps its type. */
#define ptr_steal(pp)                              \
	__extension__({                            \
		__typeof__(*(pp)) stolen_ = *(pp); \
		*(pp) = NULL;                      \
		stolen_;                           \
	})

#define auto_free AUTO(cleanup_free)
#define auto_fd AUTO(cleanup_fd)

#endif
