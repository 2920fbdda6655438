/*
 * Ignore rules and a path, with a NUL between them.  What is not entered must
 * hold nothing that is brought back; the list must say the same as the text.
 * links: lib/base/*.c
 */
#include "../../lib/source/ignore.c"

int LLVMFuzzerTestOneInput(const uint8_t *, size_t);

/* From the root down, as a walk decides. */
static void
check(const struct ignore *g, char *path)
{
	bool shut = false;
	int rule = IGNORE_NONE;

	for (char *p = path;; p++) {
		char c = *p;

		if (c != '/' && c != '\0')
			continue;
		*p = '\0';
		rule = ignore_rule(g, path, rule);
		if (shut && !ignore_hides(g, rule))
			abort();
		shut = shut || (ignore_hides(g, rule) &&
				   !ignore_reaches(g, rule, path));
		*p = c;
		if (c == '\0')
			break;
	}
	if (rule != ignore_decides(g, path))
		abort();
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	const uint8_t *nul = memchr(data, '\0', n);
	size_t len = nul != NULL ? (size_t)(nul - data) : n;
	auto_free char *path =
	    mem_strndup((const char *)data + len + (nul != NULL),
		n - len - (nul != NULL));
	auto_ignore struct ignore g = { 0 }, again = { 0 };
	auto_strvec struct strvec list = { 0 };
	struct err err = { 0 };

	if (len > 2000 || strlen(path) > 500 ||
	    ignore_text(&g, (const char *)data, len, "fuzz", &err) < 0)
		return 0;
	check(&g, path);
	ignore_list(&g, &list);
	for (size_t i = 0; i < list.n; i++)
		if (ignore_text(&again, list.v[i], strlen(list.v[i]), "again",
			&err) < 0)
			abort();
	if (again.n != g.n ||
	    ignore_decides(&again, path) != ignore_decides(&g, path))
		abort();
	return 0;
}
