#include "detect/scan.h"

#include <ctype.h>
#include <stdarg.h>
#include <string.h>

#include "base/json.h"
#include "base/text.h"
#include "parse/jsonc.h"

void
scan_unfilter(struct scan *app, bool all)
{
	tree_filter(app->tree, all ? NULL : app->rules);
}

bool
scan_has(struct scan *app, const char *path)
{
	auto_buf struct buf real = { 0 };
	struct err err = { 0 };
	struct tree_entry e;

	return tree_find(app->tree, path, &real, &e, &err) == 1 &&
	       (e.type == TREE_FILE || e.type == TREE_EXEC);
}

bool
scan_is_program(struct scan *app, const char *path)
{
	auto_buf struct buf real = { 0 };
	struct err err = { 0 };
	struct tree_entry e;

	return tree_find(app->tree, path, &real, &e, &err) == 1 &&
	       e.type == TREE_EXEC;
}

bool
scan_has_dir(struct scan *app, const char *path)
{
	auto_buf struct buf real = { 0 };
	struct err err = { 0 };
	struct tree_entry e;

	return tree_find(app->tree, path, &real, &e, &err) == 1 &&
	       e.type == TREE_DIR;
}

const char *
scan_first(struct scan *app, const char *const *names)
{
	for (; *names != NULL; names++)
		if (scan_has(app, *names))
			return *names;
	return NULL;
}

int
scan_read(struct scan *app, const char *path, size_t max, struct buf *b,
    struct err *err)
{
	return tree_read(app->tree, path, max, b, err);
}

bool
scan_peek(struct scan *app, const char *path, struct buf *b)
{
	struct err err = { 0 };

	buf_clear(b);
	return tree_read(app->tree, path, SCAN_SOURCE_MAX, b, &err) == 1 &&
	       b->len > 0;
}

bool
scan_is_plain(const char *s)
{
	static const char set[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
				  "abcdefghijklmnopqrstuvwxyz0123456789"
				  "@+:./_-";

	return *s != '\0' && *s != '-' && s[strspn(s, set)] == '\0' &&
	       strstr(s, "..") == NULL;
}

int
scan_mentions(struct scan *app, const char *path, const char *word)
{
	auto_buf struct buf text = { 0 };
	const char *at;

	if (!scan_peek(app, path, &text))
		return 0;
	at = strstr(text.data, word);
	return at != NULL ? line_at(text.data, at) : 0;
}

void
scan_miss(struct scan *app, const char *fmt, ...)
{
	va_list ap;

	if (app->misses.len > 0)
		buf_adds(&app->misses, "; ");
	va_start(ap, fmt);
	buf_vaddf(&app->misses, fmt, ap);
	va_end(ap);
}

void
scan_why(struct scan *app, const char *fact, const char *value,
    const char *file, int line)
{
	plan_add_why(app->plan, fact, value, file, line, NULL);
}

/* Settings that a repository may make, and their kinds. */
static const struct {
	const char *name;
	char kind; /* s string, c command, C list of commands, l list of
		    * strings, b truth, o object */
} keys[] = { { "artifacts", 'l' }, { "assets", 'l' }, { "build", 'C' },
	{ "build_env", 'l' }, { "build_packages", 'l' }, { "context", 's' },
	{ "dockerfile", 's' }, { "extensions", 'l' }, { "framework", 's' },
	{ "health", 'o' }, { "install", 'C' }, { "package_manager", 's' },
	{ "packages", 'l' }, { "processes", 'o' }, { "release", 'C' },
	{ "runtime", 's' }, { "spa", 'b' }, { "start", 'c' },
	{ "static_root", 's' }, { "target", 's' }, { "version", 's' } };

static int
check_key(struct scan *app, const char *key, const json_t *v, struct err *err)
{
	int line = jsonc_line(buf_str(&app->rcn_text), app->rcn_text.len, key);
	size_t i = 0;

	if (*key == '$')
		return 0; /* "$schema" */
	while (i < sizeof(keys) / sizeof(*keys) &&
	       strcmp(keys[i].name, key) != 0)
		i++;
	if (i == sizeof(keys) / sizeof(*keys)) {
		err_set(err, EX_DATAERR, "bad-rcn-json",
		    "rcn.json:%d: a repository cannot set '%s'", line, key);
		return err_hint(err, "what it may set is in rcn.json(5); the "
				     "rest is the operator's, --project FILE");
	}
	if (json_is_kind(v, keys[i].kind))
		return 0;
	return err_set(err, EX_DATAERR, "bad-rcn-json",
	    "rcn.json:%d: %s: not %s", line, key, json_kind_text(keys[i].kind));
}

int
scan_load_settings(struct scan *app, struct err *err)
{
	const char *key;
	json_t *v;
	int there;

	scan_unfilter(app, true);
	there = scan_read(app, "rcn.json", SCAN_FILE_MAX, &app->rcn_text, err);
	scan_unfilter(app, false);

	if (there <= 0)
		return there;
	app->rcn = jsonc_parse(app->rcn_text.data, app->rcn_text.len,
	    JSONC_COMMENTS, "rcn.json", err);
	if (app->rcn == NULL)
		return -1;
	json_object_foreach(app->rcn, key, v)
		if (check_key(app, key, v, err) < 0)
			return -1;
	return 0;
}

struct setting
scan_setting(const struct scan *app, const char *key)
{
	struct setting s = { .v = json_at(app->project, key) };

	if (s.v != NULL)
		return s;
	s.v = json_at(app->rcn, key);
	s.file = "rcn.json";
	if (s.v != NULL)
		s.line = jsonc_line(app->rcn_text.data, app->rcn_text.len, key);
	return s;
}

const char *
scan_set_string(struct scan *app, const char *key, char **member)
{
	struct setting s = scan_setting(app, key);

	if (!json_is_string(s.v))
		return NULL;
	plan_set(member, json_string_value(s.v));
	scan_why(app, key, *member, s.file != NULL ? s.file : "project",
	    s.line);
	return *member;
}

bool
scan_set_commands(struct scan *app, const char *key, struct commands *list)
{
	struct setting s = scan_setting(app, key);
	struct err err = { 0 };
	auto_buf struct buf text = { 0 };

	if (s.v == NULL)
		return false;
	commands_release(list);
	if (commands_decode(list, s.v, key, &err) < 0) {
		plan_warn(app->plan, "%s", err.msg);
		return false;
	}
	for (size_t i = 0; i < list->n; i++) {
		if (i > 0)
			buf_adds(&text, "; ");
		command_text(&list->v[i], &text);
	}
	scan_why(app, key, buf_str(&text), s.file != NULL ? s.file : "project",
	    s.line);
	return true;
}

int
line_at(const char *text, const char *at)
{
	int line = 1;

	for (; text < at; text++)
		line += *text == '\n';
	return line;
}

const char *
line_after(const char *s)
{
	s = strchr(s, '\n');
	return s != NULL ? s + 1 : NULL;
}

int
line_of(const char *text, const char *key)
{
	size_t n = strlen(key);
	const char *s = text;

	while (s != NULL) {
		s += strspn(s, " \t\"'");
		if (strncmp(s, key, n) == 0 && !isalnum((unsigned char)s[n]) &&
		    s[n] != '_' && s[n] != '-')
			return line_at(text, s);
		s = line_after(s);
	}
	return 0;
}

bool
line_next(const char **text, struct buf *b)
{
	const char *s = *text;
	size_t n;

	buf_clear(b);
	if (s == NULL || *s == '\0')
		return false;
	n = strcspn(s, "\n");
	*text = s + n + (s[n] == '\n');
	while (n > 0 && isspace((unsigned char)s[n - 1]))
		n--;
	while (n > 0 && isspace((unsigned char)*s)) {
		s++;
		n--;
	}
	buf_add(b, s, n);
	return true;
}
