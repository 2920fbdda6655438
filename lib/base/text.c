#include "base/text.h"

#include <ctype.h>
#include <string.h>

/* Length of the valid UTF-8 sequence at s, 0 if there is none. */
static size_t
utf8_len(const unsigned char *s, size_t n)
{
	uint32_t cp;
	size_t k;

	if (s[0] < 0x80)
		return 1;
	k = s[0] >= 0xf0 ? 4 : s[0] >= 0xe0 ? 3 : s[0] >= 0xc2 ? 2 : 0;
	if (k == 0 || s[0] > 0xf4 || k > n)
		return 0;
	cp = s[0] & (0xffU >> (k + 1));
	for (size_t i = 1; i < k; i++) {
		if ((s[i] & 0xc0) != 0x80)
			return 0;
		cp = cp << 6 | (s[i] & 0x3fU);
	}
	if ((k == 3 && cp < 0x800) || (k == 4 && cp < 0x10000) ||
	    cp > 0x10ffff || (cp >= 0xd800 && cp <= 0xdfff))
		return 0;
	return k;
}

/* C0 without \n and \t, DEL, and C1 in its two bytes. */
static bool
is_control(const unsigned char *p, size_t k)
{
	if (k == 1)
		return iscntrl(p[0]) && p[0] != '\n' && p[0] != '\t';
	return k == 2 && p[0] == 0xc2 && p[1] < 0xa0;
}

static void
text_copy(struct buf *b, const char *s, size_t n, bool printable)
{
	const unsigned char *p = (const unsigned char *)s;

	buf_grow(b, n);
	for (size_t i = 0, k; i < n; i += k) {
		k = utf8_len(p + i, n - i);
		if (k == 0) {
			buf_adds(b, "\xef\xbf\xbd");
			k = 1;
		} else if (p[i] == '\0') {
			continue;
		} else if (printable && is_control(p + i, k)) {
			buf_addc(b, '?');
		} else {
			buf_add(b, s + i, k);
		}
	}
	buf_add(b, "", 0);
}

void
text_utf8(struct buf *b, const char *s, size_t n)
{
	text_copy(b, s, n, false);
}

void
text_printable(struct buf *b, const char *s, size_t n)
{
	text_copy(b, s, n, true);
}

bool
text_is_utf8(const char *s, size_t n)
{
	for (size_t i = 0, k; i < n; i += k)
		if ((k = utf8_len((const unsigned char *)s + i, n - i)) == 0)
			return false;
	return true;
}

int
parse_u64(const char *s, uint64_t min, uint64_t max, uint64_t *out,
    struct err *err)
{
	uint64_t v = 0;
	bool ok = *s != '\0';

	for (const char *p = s; ok && *p != '\0'; p++)
		ok = *p >= '0' && *p <= '9' &&
		     !__builtin_mul_overflow(v, (uint64_t)10, &v) &&
		     !__builtin_add_overflow(v, (uint64_t)(*p - '0'), &v);
	if (!ok || v < min || v > max)
		return err_set(err, EX_USAGE, "bad-number",
		    "%s: not a whole number from %llu to %llu", s,
		    (unsigned long long)min, (unsigned long long)max);
	*out = v;
	return 0;
}

enum { SLUG_MAX = 40 };

void
text_slug(struct buf *b, const char *s)
{
	size_t start = b->len;

	for (; *s != '\0' && b->len - start < SLUG_MAX; s++) {
		unsigned char c = (unsigned char)*s;

		if (c < 0x80 && isalnum(c))
			buf_addc(b, tolower(c));
		else if (b->len > start && b->data[b->len - 1] != '-')
			buf_addc(b, '-');
	}
	while (b->len > start && b->data[b->len - 1] == '-')
		buf_cut(b, b->len - 1);
	if (b->len == start)
		buf_adds(b, "app");
}

bool
text_is_slug(const char *s)
{
	size_t n = strlen(s);

	if (n == 0 || n > SLUG_MAX || s[0] == '-' || s[n - 1] == '-')
		return false;
	return strspn(s, "abcdefghijklmnopqrstuvwxyz0123456789-") == n;
}

bool
text_starts(const char *s, const char *prefix)
{
	return strncmp(s, prefix, strlen(prefix)) == 0;
}

bool
text_ends(const char *s, const char *suffix)
{
	size_t n = strlen(s), k = strlen(suffix);

	return n >= k && strcmp(s + n - k, suffix) == 0;
}

bool
text_is_host(const char *s)
{
	size_t label = 0, n = strlen(s);

	if (n == 0 || n > 253)
		return false;
	for (; *s != '\0'; s++) {
		bool alnum =
		    (*s >= 'a' && *s <= 'z') || (*s >= '0' && *s <= '9');

		if (*s == '.' && (label == 0 || s[-1] == '-'))
			return false;
		if (!alnum && *s != '.' && (*s != '-' || label == 0))
			return false;
		label = *s == '.' ? 0 : label + 1;
		if (label > 63)
			return false;
	}
	return label > 0 && s[-1] != '-';
}
