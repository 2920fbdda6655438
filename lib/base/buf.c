#include "base/buf.h"

#include <assert.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/exit.h"

void
mem_out(void)
{
	static const char text[] = "out of memory\n";

	(void)!write(2, text, sizeof(text) - 1);
	_exit(EX_OSERR);
}

void *
mem_alloc(size_t n)
{
	void *p = malloc(n != 0 ? n : 1);

	if (p == NULL)
		mem_out();
	return p;
}

void *
mem_zalloc(size_t n, size_t size)
{
	void *p = calloc(n != 0 ? n : 1, size != 0 ? size : 1);

	if (p == NULL)
		mem_out();
	return p;
}

void *
mem_realloc(void *old, size_t n, size_t size)
{
	size_t bytes;
	void *p;

	if (__builtin_mul_overflow(n, size, &bytes))
		mem_out();
	p = realloc(old, bytes != 0 ? bytes : 1);
	if (p == NULL)
		mem_out();
	return p;
}

char *
mem_strndup(const char *s, size_t n)
{
	char *p = mem_alloc(n + 1);

	memcpy(p, s, n);
	p[n] = '\0';
	return p;
}

char *
mem_strdup(const char *s)
{
	return mem_strndup(s, strlen(s));
}

char *
mem_printf(const char *fmt, ...)
{
	struct buf b = { 0 };
	va_list ap;

	va_start(ap, fmt);
	buf_vaddf(&b, fmt, ap);
	va_end(ap);
	return buf_steal(&b);
}

void
buf_grow(struct buf *b, size_t more)
{
	size_t need, cap;

	if (__builtin_add_overflow(b->len, more, &need) ||
	    __builtin_add_overflow(need, (size_t)1, &need))
		mem_out();
	if (need <= b->cap)
		return;
	cap = b->cap < 32 ? 32 : b->cap;
	while (cap < need)
		if (__builtin_mul_overflow(cap, (size_t)2, &cap))
			mem_out();
	b->data = mem_realloc(b->data, cap, 1);
	b->cap = cap;
}

void
buf_add(struct buf *b, const void *p, size_t n)
{
	buf_grow(b, n);
	assert(b->data != NULL);
	if (n != 0)
		memcpy(b->data + b->len, p, n);
	b->len += n;
	b->data[b->len] = '\0';
}

void
buf_adds(struct buf *b, const char *s)
{
	buf_add(b, s, strlen(s));
}

void
buf_addc(struct buf *b, int c)
{
	char ch = (char)c;

	buf_add(b, &ch, 1);
}

void
buf_vaddf(struct buf *b, const char *fmt, va_list ap)
{
	va_list again;
	int n;

	va_copy(again, ap);
	buf_grow(b, 127);
	n = vsnprintf(b->data + b->len, b->cap - b->len, fmt, ap);
	if (n < 0)
		abort();
	if ((size_t)n >= b->cap - b->len) {
		buf_grow(b, (size_t)n);
		n = vsnprintf(b->data + b->len, b->cap - b->len, fmt, again);
	}
	va_end(again);
	b->len += (size_t)n;
}

void
buf_addf(struct buf *b, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	buf_vaddf(b, fmt, ap);
	va_end(ap);
}

void
buf_cut(struct buf *b, size_t len)
{
	if (len >= b->len)
		return;
	b->len = len;
	b->data[len] = '\0';
}

void
buf_eat(struct buf *b, size_t n)
{
	if (n > b->len)
		n = b->len;
	if (n == 0)
		return;
	memmove(b->data, b->data + n, b->len - n);
	b->len -= n;
	b->data[b->len] = '\0';
}

void
buf_clear(struct buf *b)
{
	b->len = 0;
	if (b->data != NULL)
		b->data[0] = '\0';
}

void
buf_release(struct buf *b)
{
	free(b->data);
	*b = (struct buf){ 0 };
}

void
buf_wipe(struct buf *b)
{
	if (b->data != NULL)
		explicit_bzero(b->data, b->cap);
	buf_release(b);
}

char *
buf_steal(struct buf *b)
{
	char *p;

	buf_add(b, "", 0);
	p = b->data;
	*b = (struct buf){ 0 };
	return p;
}

const char *
buf_str(const struct buf *b)
{
	return b->data != NULL ? b->data : "";
}

/* gcc 12's analyzer loses what realloc(3) may have moved. */
#pragma GCC diagnostic ignored "-Wanalyzer-malloc-leak"

static void
strvec_push(struct strvec *v, char *owned)
{
	if (v->n + 2 > v->cap) {
		v->cap = v->cap != 0 ? v->cap * 2 : 8;
		v->v = mem_realloc(v->v, v->cap, sizeof(*v->v));
	}
	v->v[v->n++] = owned;
	v->v[v->n] = NULL;
}

void
strvec_add(struct strvec *v, const char *s)
{
	strvec_push(v, mem_strdup(s));
}

void
strvec_addn(struct strvec *v, const char *s, size_t n)
{
	strvec_push(v, mem_strndup(s, n));
}

void
strvec_addf(struct strvec *v, const char *fmt, ...)
{
	struct buf b = { 0 };
	va_list ap;

	va_start(ap, fmt);
	buf_vaddf(&b, fmt, ap);
	va_end(ap);
	strvec_push(v, buf_steal(&b));
}

bool
strvec_has(const struct strvec *v, const char *s)
{
	for (size_t i = 0; i < v->n; i++)
		if (strcmp(v->v[i], s) == 0)
			return true;
	return false;
}

static int
strvec_cmp(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

void
strvec_sort(struct strvec *v)
{
	if (v->n > 1)
		qsort(v->v, v->n, sizeof(*v->v), strvec_cmp);
}

void
strvec_clear(struct strvec *v)
{
	for (size_t i = 0; i < v->n; i++)
		free(v->v[i]);
	v->n = 0;
	if (v->v != NULL)
		v->v[0] = NULL;
}

void
strvec_release(struct strvec *v)
{
	strvec_clear(v);
	free(v->v);
	*v = (struct strvec){ 0 };
}
