#include "registry/ref.h"

#include <string.h>

#include "base/text.h"

#define LOWER "abcdefghijklmnopqrstuvwxyz"
#define UPPER "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
#define DIGITS "0123456789"

void
ref_release(struct ref *r)
{
	free(r->host);
	free(r->path);
	free(r->tag);
	free(r->digest);
	*r = (struct ref){ 0 };
}

void
ref_name(const struct ref *r, struct buf *b)
{
	buf_addf(b, "%s/%s", r->host, r->path);
}

bool
ref_is_tag(const char *s)
{
	size_t n = strspn(s, LOWER UPPER DIGITS "_.-");

	return n > 0 && n <= REF_TAG_MAX && s[n] == '\0' && *s != '.' &&
	       *s != '-';
}

bool
ref_is_digest(const char *s)
{
	size_t want = text_starts(s, "sha256:") ? 64 : 128;

	if (!text_starts(s, "sha256:") && !text_starts(s, "sha512:"))
		return false;
	return strspn(s + 7, "0123456789abcdef") == want && s[7 + want] == '\0';
}

/* Letters, digits and hyphens between dots; a hyphen at no end. */
static bool
is_labels(const char *s, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		bool edge =
		    i == 0 || i + 1 == n || s[i - 1] == '.' || s[i + 1] == '.';

		if (strchr(LOWER UPPER DIGITS, s[i]) != NULL && s[i] != '\0')
			continue;
		if ((s[i] != '.' && s[i] != '-') || edge)
			return false;
	}
	return n > 0;
}

static bool
is_host(const char *s)
{
	size_t n;

	if (*s == '[') {
		n = strspn(s + 1, "0123456789abcdefABCDEF:") + 1;
		if (n < 3 || s[n++] != ']')
			return false;
	} else {
		n = strcspn(s, ":");
		if (!is_labels(s, n))
			return false;
	}
	if (s[n] == '\0')
		return true;
	s += n + 1;
	n = strspn(s, DIGITS);
	return s[-1] == ':' && n > 0 && n <= 5 && s[n] == '\0';
}

/* Words of [a-z0-9] with ".", "_", "__" or hyphens between them. */
static bool
is_path_part(const char *s, size_t n)
{
	size_t i = 0, k;

	for (;;) {
		k = i;
		while (i < n && s[i] != '\0' &&
		       strchr(LOWER DIGITS, s[i]) != NULL)
			i++;
		if (i == k)
			return false;
		if (i == n)
			return true;
		k = strspn(s + i, s[i] == '-' ? "-" : s[i] == '_' ? "_" : ".");
		if (k == 0 || (s[i] == '_' && k > 2) || (s[i] == '.' && k > 1))
			return false;
		i += k;
	}
}

static bool
is_path(const char *s)
{
	for (;;) {
		size_t n = strcspn(s, "/");

		if (!is_path_part(s, n))
			return false;
		if (s[n] == '\0')
			return true;
		s += n + 1;
	}
}

/* 64 hex digits name an image by its id; no path may look like it. */
static bool
is_id(const char *s)
{
	return strlen(s) == 64 && strspn(s, "0123456789abcdef") == 64;
}

static int
bad(struct err *err, const char *text, const char *why)
{
	err_set(err, EX_DATAERR, "bad-image-name", "image name %.300s: %s",
	    *text != '\0' ? text : "\"\"", why);
	return err_hint(err, "[HOST[:PORT]/]PATH[:TAG][@sha256:HEX], path in "
			     "lower case");
}

/* name is HOST/PATH or PATH; it is cut. */
static void
split_host(struct ref *r, char *name)
{
	char *slash = strchr(name, '/');

	if (slash != NULL) {
		*slash = '\0';
		r->bare = strpbrk(name, ".:" UPPER) == NULL &&
			  strcmp(name, "localhost") != 0;
		*slash = '/';
	} else {
		r->bare = true;
	}
	if (!r->bare) {
		r->host = mem_strndup(name, (size_t)(slash - name));
		name = slash + 1;
	}
	if (r->bare || strcmp(r->host, "index.docker.io") == 0) {
		free(r->host);
		r->host = mem_strdup("docker.io");
	}
	r->path = strcmp(r->host, "docker.io") == 0 && strchr(name, '/') == NULL
		      ? mem_printf("library/%s", name)
		      : mem_strdup(name);
}

/* Takes :TAG and @DIGEST off the end of name. */
static void
split_end(struct ref *r, char *name)
{
	char *at = strchr(name, '@'), *colon;

	if (at != NULL) {
		*at = '\0';
		r->digest = mem_strdup(at + 1);
	}
	colon = strrchr(name, ':');
	if (colon != NULL && strchr(colon, '/') == NULL) {
		*colon = '\0';
		r->tag = mem_strdup(colon + 1);
	}
	if (r->tag == NULL && r->digest == NULL)
		r->tag = mem_strdup("latest");
}

static const char *
fault(const struct ref *r)
{
	if (!is_host(r->host))
		return "not a host name";
	if (!is_path(r->path) || (r->bare && text_starts(r->path, "library/") &&
				     is_id(r->path + strlen("library/"))))
		return "not a path of an image";
	if (strlen(r->host) + 1 + strlen(r->path) > REF_NAME_MAX)
		return "longer than 255 characters";
	if (r->tag != NULL && !ref_is_tag(r->tag))
		return "not a tag";
	if (r->digest != NULL && !ref_is_digest(r->digest))
		return "not a digest";
	return NULL;
}

int
ref_parse(const char *text, struct ref *r, struct err *err)
{
	auto_free char *name = mem_strdup(text);
	const char *why;

	split_end(r, name);
	split_host(r, name);
	why = fault(r);
	if (why == NULL)
		return 0;
	ref_release(r);
	return bad(err, text, why);
}
