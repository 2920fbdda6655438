/*
 * A repository's address and, after a line break, a branch: what is accepted
 * is no option of git's, and is the same when it is checked again.
 * links: lib/source/tree.c lib/source/tree_git.c lib/source/ignore.c
 * links: lib/base/*.c
 */
#include "../../lib/source/mirror.c"

int LLVMFuzzerTestOneInput(const uint8_t *, size_t);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	struct err err = { 0 }, none = { 0 };
	auto_free char *text = mem_strndup((const char *)data, n);
	auto_free char *url = NULL, *again = NULL;
	char *branch = strchr(text, '\n');

	if (branch != NULL) {
		*branch++ = '\0';
		if (check_branch(branch, &err) == 0 &&
		    (*branch == '-' || *branch == '\0' ||
			strpbrk(branch, " ~^:?*[\\\n") != NULL))
			abort();
	}
	err = none;
	url = mirror_url(text, &err);
	if (url == NULL)
		return 0;
	again = mirror_url(url, &err);
	if (*url == '-' || again == NULL || strcmp(url, again) != 0)
		abort();
	return 0;
}
