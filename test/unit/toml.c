/* TOML 1.0.0: own vectors, and the files of toml-test where they are. */
#include "tap.h"

#include <dirent.h>
#include <math.h>
#include <sys/stat.h>

#include "base/io.h"
#include "base/json.h"
#include "base/text.h"
#include "parse/toml.h"

static void
check(const char *text, const char *want)
{
	struct err err = { 0 };
	json_auto_t *got =
	    toml_parse(text, strlen(text), TOML_PLAIN, "t", &err);
	json_auto_t *expected = json_loads(want, 0, NULL);

	ok(got != NULL && json_equal(got, expected), "%s -> %s %s", want,
	    got != NULL ? "" : "refused", err.msg);
}

static void
refuse(const char *text, const char *message)
{
	struct err err = { 0 };
	json_auto_t *got =
	    toml_parse(text, strlen(text), TOML_PLAIN, "t", &err);

	ok(got == NULL && err.status == EX_DATAERR, "refused: %s", message);
	tap_str(err.msg, message, "and says where and why");
}

/* Times are equal whatever zeros end their fraction. */
static bool
same_time(const char *x, const char *y)
{
	while (*x != '\0' && *x == *y) {
		x++;
		y++;
	}
	while (*x == '0')
		x++;
	while (*y == '0')
		y++;
	return strcmp(x, y) == 0;
}

/* Typed values are the same if equal as what their type says. */
static bool
same(const json_t *a, const json_t *b)
{
	const char *type = json_str(b, "type", NULL), *key;
	const char *x, *y;
	json_t *one;
	size_t i;

	if (json_is_array(b)) {
		if (json_array_size(a) != json_array_size(b))
			return false;
		json_array_foreach(b, i, one)
			if (!same(json_array_get(a, i), one))
				return false;
		return json_is_array(a);
	}
	if (type != NULL && json_is_string(json_object_get(b, "value"))) {
		x = json_str(a, "value", "?");
		y = json_str(b, "value", "!");
		if (strcmp(json_str(a, "type", ""), type) != 0)
			return false;
		if (strstr(type, "time") != NULL)
			return same_time(x, y);
		if (strcmp(type, "float") != 0)
			return json_equal(json_object_get(a, "value"),
			    json_object_get(b, "value"));
		return (isnan(strtod(x, NULL)) && isnan(strtod(y, NULL))) ||
		       strtod(x, NULL) == strtod(y, NULL);
	}
	if (!json_is_object(a) || json_object_size(a) != json_object_size(b))
		return false;
	json_object_foreach((json_t *)(uintptr_t)b, key, one)
		if (!same(json_object_get(a, key), one))
			return false;
	return true;
}

static int files, wrong;

static void
suite_file(const char *path, bool valid)
{
	auto_buf struct buf text = { 0 }, want = { 0 };
	struct err err = { 0 };
	json_auto_t *got = NULL, *expected = NULL;
	bool good;

	if (io_read_file(path, 1 << 20, &text, &err) < 0)
		return;
	got = toml_parse(buf_str(&text), text.len, TOML_TYPED, path, &err);
	good = (got != NULL) == valid;
	if (good && valid) {
		buf_add(&want, path, strlen(path) - 5);
		buf_adds(&want, ".json");
		expected = json_load_file(want.data, JSON_ALLOW_NUL, NULL);
		good = expected == NULL || same(got, expected);
		if (expected == NULL)
			printf("# %s: jansson cannot read it\n", want.data);
	}
	files++;
	if (!good) {
		wrong++;
		printf("# %s: %s\n", path, err.msg);
	}
}

static void
suite(const char *dir, bool valid)
{
	struct dirent **list;
	int n = scandir(dir, &list, NULL, alphasort);

	for (int i = 0; i < n; i++) {
		auto_buf struct buf path = { 0 };
		struct stat st;

		buf_addf(&path, "%s/%s", dir, list[i]->d_name);
		if (list[i]->d_name[0] != '.' && stat(path.data, &st) == 0) {
			if (S_ISDIR(st.st_mode))
				suite(path.data, valid);
			else if (text_ends(path.data, ".toml"))
				suite_file(path.data, valid);
		}
		free(list[i]);
	}
	if (n >= 0)
		free(list);
}

static void
conformance(void)
{
	const char *data = getenv("RCN_TEST_DATA");
	auto_buf struct buf dir = { 0 };

	if (data == NULL)
		return;
	buf_addf(&dir, "%s/toml-test/valid", data);
	suite(dir.data, true);
	buf_cut(&dir, dir.len - strlen("valid"));
	buf_adds(&dir, "invalid");
	suite(dir.data, false);
	ok(files > 500 && wrong == 0, "toml-test: %d files, %d wrong", files,
	    wrong);
}

int
main(void)
{
	json_init();
	check("a = 1\nb.c = 'x'\n[d]\ne = [1, 2,\n 3] # c\n",
	    "{\"a\":1,\"b\":{\"c\":\"x\"},\"d\":{\"e\":[1,2,3]}}");
	check("[[p]]\nn=1\n[[p]]\nn=2\n[p.q]\nm={x=1, y.z=true}",
	    "{\"p\":[{\"n\":1},{\"n\":2,\"q\":{\"m\":{\"x\":1,\"y\":{\"z\":"
	    "true}}}}]}");
	check("a = \"\"\"\nx\\\n   y\"\"\"\"\nb='''\\n'''",
	    "{\"a\":\"xy\\\"\",\"b\":\"\\\\n\"}");
	check("d = 1979-05-27 07:32:00z\nh = 0xff_ff\nf = inf",
	    "{\"d\":\"1979-05-27T07:32:00Z\",\"h\":65535,\"f\":\"inf\"}");
	check("\xef\xbb\xbf\"\\u00e9\" = \"\\U0001F600\"\r\n",
	    "{\"\xc3\xa9\":\"\xf0\x9f\x98\x80\"}");
	refuse("a = 1\na = 2\n", "t:2: a: is defined already");
	refuse("[a]\n[a]\n", "t:2: a: is defined already");
	refuse("\n\na = \"x\n", "t:3: string is not closed");
	refuse("a = 01", "t:1: not a value: 01");
	refuse("a = \"\xff\"", "t:1: not UTF-8");
	refuse("a = 99999999999999999999", "t:1: integer does not fit 64 bits");
	refuse("a = 2021-02-29", "t:1: not a date or time: 2021-02-29");
	refuse("[a.b.c]\n[a]\nb.c.d = 1", "t:3: b: is defined already");
	conformance();
	return tap_end();
}
