/*
 * The settings file, and text made printable.
 * links: lib/base/[a-bd-z]*.c lib/base/clock.c lib/base/crypto.c
 */
#include "../../lib/base/conf.c"

int LLVMFuzzerTestOneInput(const uint8_t *, size_t);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	auto_free char *text = mem_strndup((const char *)data, n);
	auto_buf struct buf clean = { 0 }, slug = { 0 };
	size_t number = 0;

	for (char *p = text, *end; *p != '\0'; p = end) {
		size_t len = strcspn(p, "\n");

		end = p + len + (p[len] == '\n');
		(void)parse_line("fuzz", ++number, p, len);
	}
	strvec_clear(&keys);
	strvec_clear(&values);
	text_printable(&clean, text, n);
	text_slug(&slug, text);
	if (!text_is_utf8(buf_str(&clean), clean.len) ||
	    !text_is_slug(slug.data))
		abort();
	return 0;
}
