#include "base/mask.h"

#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>

static struct strvec values;

void
mask_no_dump(void)
{
	struct rlimit none = { 0 };

	(void)setrlimit(RLIMIT_CORE, &none);
	(void)prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
}

/* Longest first, so that a value inside another does not split it. */
void
mask_add(const char *value)
{
	size_t n = strlen(value);

	mask_no_dump();
	if (n < MASK_MIN || strvec_has(&values, value))
		return;
	strvec_add(&values, value);
	for (size_t i = values.n - 1; i > 0; i--) {
		char *above = values.v[i - 1];

		if (strlen(above) >= n)
			break;
		values.v[i - 1] = values.v[i];
		values.v[i] = above;
	}
}

static void
mask_one(struct buf *b, const char *value, size_t n)
{
	static const char stars[] = "***";
	size_t at = 0, k = sizeof(stars) - 1;
	char *p;

	while (b->len - at >= n &&
	       (p = memmem(b->data + at, b->len - at, value, n)) != NULL) {
		memcpy(p, stars, k);
		memmove(p + k, p + n, b->len - (size_t)(p - b->data) - n);
		buf_cut(b, b->len - n + k);
		at = (size_t)(p - b->data) + k;
	}
}

void
mask_text(struct buf *b)
{
	for (size_t i = 0; i < values.n; i++)
		mask_one(b, values.v[i], strlen(values.v[i]));
}
