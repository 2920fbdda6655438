#include "document/settings.h"

#include <string.h>

#include "base/buf.h"
#include "base/json.h"
#include "base/text.h"

/* "*" is any one name. */
static const struct setting {
	const char *path;
	char kind; /* as of json_is_kind() */
} settings[] = {
	{ "slug", 's' },
	{ "repository", 's' },
	{ "branch", 's' },
	{ "root", 's' },
	{ "watch", 'l' },
	{ "hosts", 'l' },
	{ "previews", 'b' },
	{ "preview_forks", 'b' },
	{ "preview_host", 's' },
	{ "cancel_building", 'b' },
	{ "notify", 'b' },
	{ "processes", 'o' },
	{ "processes.*", 'o' },
	{ "processes.*.scale", 'i' },
	{ "processes.*.command", 'c' },
	{ "processes.*.port", 'i' },
	{ "processes.*.kind", 's' },
	{ "processes.*.schedule", 's' },
	{ "strategy", 's' },
	{ "mounts", 'O' },
	{ "networks", 'l' },
	{ "limits", 'o' },
	{ "limits.memory", 'i' },
	{ "limits.pids", 'i' },
	{ "limits.cpus_milli", 'i' },
	{ "limits.build_timeout", 'i' },
	{ "limits.release_timeout", 'i' },
	{ "limits.deploy_timeout", 'i' },
	{ "health", 'o' },
	{ "health.path", 's' },
	{ "health.port", 'i' },
	{ "health.timeout", 'i' },
	{ "health.expect", 'I' },
	{ "drain_timeout", 'i' },
	{ "stop_timeout", 'i' },
	{ "runtime", 's' },
	{ "version", 's' },
	{ "package_manager", 's' },
	{ "install", 'C' },
	{ "build", 'C' },
	{ "release", 'C' },
	{ "start", 'c' },
	{ "static_root", 's' },
	{ "dockerfile", 's' },
	{ "target", 's' },
};

/* 1 once more for each '.' in a path. */
static size_t
parts(const char *path)
{
	size_t n = 1;

	for (; *path != '\0'; path++)
		n += *path == '.';
	return n;
}

static bool
is(const char *pattern, const char *path)
{
	if (parts(pattern) != parts(path))
		return false;
	for (;;) {
		size_t p = strcspn(pattern, "."), n = strcspn(path, ".");

		if (n == 0 || ((p != 1 || *pattern != '*') &&
				  (p != n || memcmp(pattern, path, n) != 0)))
			return false;
		if (pattern[p] == '\0')
			return true;
		pattern += p + 1;
		path += n + 1;
	}
}

static const struct setting *
find(const char *path)
{
	for (size_t i = 0; i < sizeof(settings) / sizeof(*settings); i++)
		if (is(settings[i].path, path))
			return &settings[i];
	return NULL;
}

/* at: the path so far, with a '.' after it; depth bounds a stranger's. */
static int
check(const json_t *o, const char *at, int depth, const char *what,
    struct err *err)
{
	const char *name;
	json_t *v;

	json_object_foreach((json_t *)(uintptr_t)o, name, v) {
		auto_free char *path = mem_printf("%s%s", at, name);
		auto_free char *below = mem_printf("%s.", path);
		const struct setting *s = find(path);

		if (s != NULL && !json_is_kind(v, s->kind))
			return err_set(err, EX_DATAERR, "bad-project",
			    "%s: %s: not %s", what, path,
			    json_kind_text(s->kind));
		if (depth > 1 && json_is_object(v) &&
		    check(v, below, depth - 1, what, err) < 0)
			return -1;
	}
	return 0;
}

int
settings_check(const json_t *project, const char *what, struct err *err)
{
	if (!json_is_object(project))
		return err_set(err, EX_DATAERR, "bad-project",
		    "%s: not a JSON object", what);
	return check(project, "", 3, what, err);
}

static json_t *
list_of(const char *text)
{
	json_t *list = json_array();

	for (;; text++) {
		size_t n = strcspn(text, ",");

		if (n > 0)
			json_array_append_new(list, json_textn(text, n));
		text += n;
		if (*text == '\0')
			return list;
	}
}

static bool
is_plain(char kind, const char *text)
{
	return kind == 's' || (strchr("cl", kind) != NULL && *text != '[');
}

json_t *
settings_parse(const char *path, const char *text, struct err *err)
{
	const struct setting *s = find(path);
	json_t *v;

	if (s == NULL) {
		err_set(err, EX_USAGE, "bad-set", "%s: no such setting", path);
		err_hint(err, "rcn-document(5) lists them, under project");
		return NULL;
	}
	if (!text_is_utf8(text, strlen(text))) {
		err_set(err, EX_USAGE, "bad-set", "%s: not UTF-8", path);
		return NULL;
	}
	if (*text == '\0')
		return json_null();
	if (is_plain(s->kind, text))
		return s->kind == 'l' ? list_of(text) : json_text(text);
	v = json_loads(text, JSON_DECODE_ANY | JSON_REJECT_DUPLICATES,
	    &(json_error_t){ 0 });
	if (v != NULL && json_is_kind(v, s->kind))
		return v;
	json_decref(v);
	err_set(err, EX_USAGE, "bad-set", "%s: not %s: %s", path,
	    json_kind_text(s->kind), text);
	return NULL;
}

void
settings_put(json_t *patch, const char *path, json_t *value)
{
	const char *dot;

	while ((dot = strchr(path, '.')) != NULL) {
		auto_free char *name = mem_strndup(path, (size_t)(dot - path));
		json_t *o = json_object_get(patch, name);

		if (!json_is_object(o)) {
			o = json_object();
			json_object_set_new(patch, name, o);
		}
		patch = o;
		path = dot + 1;
	}
	json_object_set_new(patch, path, value);
}
