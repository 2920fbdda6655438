/*
 * buf - growing bytes and growing lists of strings.
 * A buf is always followed by a NUL that len does not count, so b.data is a C
 * string after the first add; before it, buf_str() gives "".  Out of memory
 * ends the program with 71 (mem.c), so nothing here fails.
 *	struct buf b = { 0 };
 *	buf_addf(&b, "%s/%s", dir, name);
 *	buf_release(&b);		or auto_buf
 * A strvec owns copies of its strings and ends with NULL: v.v is an argv.
 */
#ifndef BASE_BUF_H
#define BASE_BUF_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include "base/cleanup.h"

struct buf {
	char *data;
	size_t len, cap;
};

void buf_grow(struct buf *, size_t more); /* room for more bytes + NUL */
void buf_add(struct buf *, const void *, size_t);
void buf_adds(struct buf *, const char *);
void buf_addc(struct buf *, int c);
void buf_addf(struct buf *, const char *, ...)
    __attribute__((format(printf, 2, 3)));
void buf_vaddf(struct buf *, const char *, va_list)
    __attribute__((format(printf, 2, 0)));
void buf_cut(struct buf *, size_t len); /* keep the first len bytes */
void buf_eat(struct buf *, size_t n); /* drop the first n bytes */
void buf_clear(struct buf *); /* len 0, memory kept */
void buf_release(struct buf *);
void buf_wipe(struct buf *); /* explicit_bzero, then release */
char *buf_steal(struct buf *); /* owned C string, buf empty after */
const char *buf_str(const struct buf *);

struct strvec {
	char **v;
	size_t n, cap;
};

void strvec_add(struct strvec *, const char *);
void strvec_addf(struct strvec *, const char *, ...)
    __attribute__((format(printf, 2, 3)));
void strvec_addn(struct strvec *, const char *, size_t);
bool strvec_has(const struct strvec *, const char *);
void strvec_sort(struct strvec *); /* bytewise */
void strvec_clear(struct strvec *); /* empty, memory of the list kept */
void strvec_release(struct strvec *);

#define auto_buf AUTO(buf_release)
#define auto_strvec AUTO(strvec_release)

/* malloc and friends that end the program with 71 instead of NULL. */
void *mem_alloc(size_t) __attribute__((malloc, returns_nonnull));
void *mem_zalloc(size_t n, size_t size)
    __attribute__((malloc, returns_nonnull));
void *mem_realloc(void *, size_t n, size_t size)
    __attribute__((returns_nonnull));
char *mem_strdup(const char *) __attribute__((malloc, returns_nonnull));
char *mem_strndup(const char *, size_t)
    __attribute__((malloc, returns_nonnull));
char *mem_printf(const char *, ...)
    __attribute__((format(printf, 1, 2), returns_nonnull));
void mem_out(void) __attribute__((noreturn)); /* out of memory */

#endif
