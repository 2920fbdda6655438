#include "base/json.h"

#include <string.h>

#include "base/crypto.h"
#include "base/io.h"
#include "base/text.h"

void
json_init(void)
{
	json_set_alloc_funcs(mem_alloc, free);
}

json_t *
json_textn(const char *s, size_t n)
{
	auto_buf struct buf clean = { 0 };

	text_utf8(&clean, s, n);
	return json_stringn(clean.data, clean.len);
}

json_t *
json_text(const char *s)
{
	return json_textn(s, strlen(s));
}

json_t *
json_strvec(const struct strvec *v)
{
	json_t *list = json_array();

	for (size_t i = 0; i < v->n; i++)
		json_array_append_new(list, json_text(v->v[i]));
	return list;
}

json_t *
json_parse(const char *s, size_t n, const char *what, struct err *err)
{
	json_error_t why;
	json_t *v =
	    json_loadb(s, n, JSON_REJECT_DUPLICATES | JSON_DECODE_ANY, &why);

	if (v == NULL)
		err_set(err, EX_DATAERR, "bad-json", "%s:%d:%d: %s", what,
		    why.line, why.column, why.text);
	return v;
}

json_t *
json_parse_file(const char *path, size_t max, struct err *err)
{
	auto_buf struct buf b = { 0 };

	if (io_read_file(path, max, &b, err) < 0)
		return NULL;
	return json_parse(buf_str(&b), b.len, path, err);
}

static int
write_some(const char *p, size_t n, void *ctx)
{
	buf_add(ctx, p, n);
	return 0;
}

void
json_write(struct buf *b, const json_t *v, size_t flags)
{
	(void)json_dump_callback(v, write_some, b, flags | JSON_ENCODE_ANY);
}

json_t *
json_at(const json_t *v, const char *path)
{
	while (v != NULL && *path != '\0') {
		size_t n = strcspn(path, ".");
		auto_free char *key = mem_strndup(path, n);

		v = json_object_get(v, key);
		path += n + (path[n] == '.');
	}
	return (json_t *)(uintptr_t)v;
}

const char *
json_str(const json_t *v, const char *path, const char *def)
{
	const char *s = json_string_value(json_at(v, path));

	return s != NULL ? s : def;
}

int64_t
json_int(const json_t *v, const char *path, int64_t def)
{
	const json_t *n = json_at(v, path);

	return json_is_integer(n) ? json_integer_value(n) : def;
}

bool
json_bool(const json_t *v, const char *path, bool def)
{
	const json_t *b = json_at(v, path);

	return json_is_boolean(b) ? json_is_true(b) : def;
}

bool
json_is_kind(const json_t *v, char kind)
{
	static const char of[][2] = { "Cc", "Ii", "Oo", "ls" };
	char each = 's';
	json_t *one;
	size_t i;

	switch (kind) {
	case 's':
		return json_is_string(v) && *json_string_value(v) != '\0';
	case 'c':
		return json_is_kind(v, 's') || json_is_kind(v, 'l');
	case 'b':
		return json_is_boolean(v);
	case 'i':
		return json_is_integer(v);
	case 'o':
		return json_is_object(v);
	default:
		for (i = 0; i < sizeof(of) / sizeof(*of); i++)
			if (of[i][0] == kind)
				each = of[i][1];
		json_array_foreach(v, i, one)
			if (!json_is_kind(one, each))
				return false;
		return json_is_array(v);
	}
}

const char *
json_kind_text(char kind)
{
	static const struct {
		char kind;
		const char *text;
	} names[] = { { 's', "a string" }, { 'c', "a command" },
		{ 'C', "a list of commands" }, { 'l', "a list of strings" },
		{ 'b', "true or false" }, { 'i', "a whole number" },
		{ 'I', "a list of whole numbers" }, { 'o', "an object" },
		{ 'O', "a list of objects" } };

	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++)
		if (names[i].kind == kind)
			return names[i].text;
	return "";
}

void
json_merge(json_t *into, const json_t *patch)
{
	const char *name;
	json_t *v, *old;

	json_object_foreach((json_t *)(uintptr_t)patch, name, v) {
		old = json_object_get(into, name);
		if (json_is_null(v)) {
			json_object_del(into, name);
		} else if (!json_is_object(v)) {
			json_object_set_new(into, name, json_deep_copy(v));
		} else {
			if (!json_is_object(old)) {
				old = json_object();
				json_object_set_new(into, name, old);
			}
			json_merge(old, v);
		}
	}
}

static void
wipe_strings(json_t *v)
{
	const char *key;
	json_t *one;
	size_t i;

	if (json_is_string(v))
		explicit_bzero((char *)(uintptr_t)json_string_value(v),
		    json_string_length(v));
	json_object_foreach(v, key, one)
		wipe_strings(one);
	json_array_foreach(v, i, one)
		wipe_strings(one);
}

void
json_wipe(json_t **v)
{
	wipe_strings(*v);
	json_decref(*v);
	*v = NULL;
}

static int
hash_some(const char *p, size_t n, void *ctx)
{
	sha256_add(ctx, p, n);
	return 0;
}

void
json_hash(const json_t *v, char hex[65])
{
	struct sha256 s;

	sha256_begin(&s);
	(void)json_dump_callback(v, hash_some, &s,
	    JSON_COMPACT | JSON_SORT_KEYS | JSON_ENCODE_ANY);
	sha256_end_hex(&s, hex);
}
