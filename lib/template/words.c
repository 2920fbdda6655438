#include "template/words.h"

#include <ctype.h>
#include <string.h>

#include "base/json.h"

/* Text that no Dockerfile takes for more than the words it is. */
static bool
is_token(const char *s)
{
	static const char set[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
				  "abcdefghijklmnopqrstuvwxyz0123456789"
				  "@%+=:,./_~-";

	return *s != '\0' && *s != '-' && s[strspn(s, set)] == '\0';
}

int
word_check(const char *what, const char *s, struct err *err)
{
	if (is_token(s) && strstr(s, "..") == NULL && *s != '/')
		return 0;
	return err_set(err, EX_DATAERR, "bad-plan",
	    "plan.%s: '%s' cannot stand in a Dockerfile", what, s);
}

bool
word_may_run(const char *s)
{
	size_t n = strlen(s);

	for (size_t i = 0; i < n; i++)
		if ((unsigned char)s[i] < 0x20 || (unsigned char)s[i] > 0x7e)
			return false;
	while (n > 0 && s[n - 1] == ' ') /* a blank after "\\" does not count */
		n--;
	return n > 0 &&
	       (isalnum((unsigned char)*s) || *s == '.' || *s == '_') &&
	       strstr(s, "<<") == NULL && s[n - 1] != '\\';
}

int
word_escape(struct buf *b, const json_t *v, struct err *err)
{
	const char *s = json_string_value(v);

	if (s == NULL) {
		json_write(b, v, JSON_ENSURE_ASCII);
		return 0;
	}
	for (const char *c = s; *c != '\0'; c++)
		if ((unsigned char)*c < 0x20 || (unsigned char)*c > 0x7e)
			return err_set(err, EX_DATAERR, "bad-plan",
			    "'%s' cannot stand in a Dockerfile", s);
	buf_adds(b, s);
	return 0;
}
