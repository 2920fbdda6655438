#include "engine/recipe.h"

#include <string.h>
#include <strings.h>

#include "base/json.h"

/* Where the image of a FROM line begins and how long it is; 0: none. */
static size_t
image_of(const char *line, size_t n, size_t *at)
{
	size_t i = 4, len;

	if (n < 6 || strncasecmp(line, "FROM", 4) != 0 ||
	    (line[4] != ' ' && line[4] != '\t'))
		return 0;
	for (;;) {
		i += strspn(line + i, " \t");
		len = strcspn(line + i, " \t\r\n");
		if (i >= n || strncmp(line + i, "--", 2) != 0)
			break;
		i += len;
	}
	*at = i;
	return i < n ? len : 0;
}

static void
names_of(const json_t *object, struct strvec *names)
{
	const char *name;
	json_t *v;

	json_object_foreach((json_t *)(uintptr_t)object, name, v)
		strvec_add(names, name);
	strvec_sort(names);
}

static void
add_args(struct buf *b, const json_t *args)
{
	auto_strvec struct strvec names = { 0 };

	names_of(args, &names);
	for (size_t i = 0; i < names.n; i++)
		buf_addf(b, "ARG %s\n", names.v[i]);
}

static void
add_from(struct buf *b, const char *line, size_t n, size_t at, size_t len,
    const json_t *pins)
{
	auto_free char *ref = mem_strndup(line + at, len);
	const char *digest = json_string_value(json_object_get(pins, ref));

	buf_add(b, line, at + len);
	if (digest != NULL && strchr(ref, '@') == NULL)
		buf_addf(b, "@%s", digest);
	buf_add(b, line + at + len, n - at - len);
}

/* Of all secrets at once: what is a version of one more or less. */
static void
add_versions(struct buf *b, const json_t *secrets)
{
	auto_strvec struct strvec names = { 0 };

	names_of(secrets, &names);
	for (size_t i = 0; i < names.n; i++)
		buf_addf(b, "%s%s", i > 0 ? "." : "",
		    json_string_value(json_object_get(secrets, names.v[i])));
}

/* Blanks, and a line's end that is none. */
static size_t
blank(const char *s)
{
	size_t i = 0;

	for (;;) {
		i += strspn(s + i, " \t");
		if (s[i] != '\\' || s[i + 1] != '\n')
			return i;
		i += 2;
	}
}

/* Where the command of a RUN line begins, after its flags; 0: no RUN. */
static size_t
command_of(const char *line, size_t n)
{
	size_t i = 3, word;

	if (n < 5 || strncasecmp(line, "RUN", 3) != 0 ||
	    (line[3] != ' ' && line[3] != '\t'))
		return 0;
	for (;;) {
		i += blank(line + i);
		word = strcspn(line + i, " \t\n");
		if (i >= n || strncmp(line + i, "--", 2) != 0)
			return i < n ? i : 0;
		i += word;
	}
}

/* A shell's words: the versions, and a variable of each secret. */
static void
add_exports(struct buf *b, const struct strvec *names, const json_t *secrets,
    const char *quote)
{
	buf_adds(b, ": ");
	add_versions(b, secrets);
	buf_addc(b, ';');
	for (size_t i = 0; i < names->n; i++)
		buf_addf(b, " export %s=%s$(cat /run/secrets/%s)%s;",
		    names->v[i], quote, names->v[i], quote);
	buf_addc(b, ' ');
}

static void
add_run(struct buf *b, const char *line, size_t n, size_t at,
    const json_t *secrets)
{
	auto_strvec struct strvec names = { 0 };

	names_of(secrets, &names);
	buf_adds(b, "RUN ");
	for (size_t i = 0; i < names.n; i++)
		buf_addf(b, "--mount=type=secret,id=%s ", names.v[i]);
	buf_add(b, line + 4, at - 4);
	if (line[at] == '[') {
		buf_adds(b, "[\"/bin/sh\", \"-c\", \"");
		add_exports(b, &names, secrets, "\\\"");
		buf_adds(b, "exec \\\"$@\\\"\", \"sh\", ");
		at++;
	} else {
		add_exports(b, &names, secrets, "\"");
	}
	buf_add(b, line + at, n - at);
}

/* The line's end, with the lines that it goes on in. */
static size_t
whole(const char *s)
{
	size_t n = strcspn(s, "\n");

	while (s[n] == '\n' && n > 0 && s[n - 1] == '\\')
		n += 1 + strcspn(s + n + 1, "\n");
	return n;
}

static bool
mounts_secret(const char *line, size_t n)
{
	size_t at = command_of(line, n);

	return at > 0 && memmem(line, at, "type=secret", 11) != NULL;
}

void
recipe_own(struct buf *b, const char *text, const json_t *secrets)
{
	while (*text != '\0') {
		size_t lead = strspn(text, " \t"), n = whole(text);

		if (json_object_size(secrets) > 0 && n > lead &&
		    mounts_secret(text + lead, n - lead)) {
			buf_adds(b, "ARG RCN_SECRETS=");
			add_versions(b, secrets);
			buf_addc(b, '\n');
		}
		n += text[n] == '\n';
		buf_add(b, text, n);
		text += n;
	}
}

static bool
wants_secrets(const char *line, size_t at, const json_t *secrets)
{
	return at > 0 && json_object_size(secrets) > 0 &&
	       strncmp(line + at, "apt-get ", 8) != 0;
}

void
recipe_write(struct buf *b, const char *text, const json_t *pins,
    const json_t *args, const json_t *secrets)
{
	while (*text != '\0') {
		size_t n = strcspn(text, "\n"), at = 0, len;

		len = image_of(text, n, &at);
		if (len > 0)
			add_from(b, text, n, at, len, pins);
		else if (wants_secrets(text, command_of(text, n), secrets))
			add_run(b, text, n, command_of(text, n), secrets);
		else
			buf_add(b, text, n);
		buf_addc(b, '\n');
		if (len > 0)
			add_args(b, args);
		text += n + (text[n] == '\n');
	}
}
