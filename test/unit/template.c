/* mustache: own vectors, and the specification's where they are. */
#include "tap.h"

#include "base/io.h"
#include "base/json.h"
#include "template/template.h"

static int
html(struct buf *b, const json_t *v, struct err *err)
{
	const char *s = json_string_value(v);

	(void)err;
	if (s == NULL) {
		if (json_is_real(v))
			buf_addf(b, "%.15g", json_real_value(v));
		else
			json_write(b, v, JSON_COMPACT);
		return 0;
	}
	for (; *s != '\0'; s++)
		if (*s == '&')
			buf_adds(b, "&amp;");
		else if (*s == '<')
			buf_adds(b, "&lt;");
		else if (*s == '>')
			buf_adds(b, "&gt;");
		else if (*s == '"')
			buf_adds(b, "&quot;");
		else
			buf_addc(b, *s);
	return 0;
}

static const char *
partial(const char *name, void *ctx)
{
	return json_string_value(json_object_get(ctx, name));
}

static bool
render(const json_t *test, struct buf *out, struct err *err)
{
	struct template_args a = { .data = json_object_get(test, "data"),
		.escape = html,
		.partial = partial,
		.ctx = json_object_get(test, "partials") };

	buf_add(out, "", 0);
	return template_render(out, json_str(test, "template", ""), "t", &a,
		   err) == 0;
}

static void
suite(const char *dir, const char *module)
{
	auto_buf struct buf path = { 0 };
	struct err err = { 0 };
	json_auto_t *file = NULL;
	size_t i;
	json_t *test;

	buf_addf(&path, "%s/mustache-spec/%s.json", dir, module);
	file = json_parse_file(path.data, 1 << 20, &err);
	ok(file != NULL, "%s: read %s", module, err.msg);
	json_array_foreach(json_object_get(file, "tests"), i, test) {
		auto_buf struct buf out = { 0 };
		struct err why = { 0 };

		ok(render(test, &out, &why), "%s: %s %s", module,
		    json_str(test, "name", ""), why.msg);
		tap_str(out.data, json_str(test, "expected", ""), module);
	}
}

static void
own(const char *template, const char *data, const char *want)
{
	auto_buf struct buf out = { 0 };
	struct err err = { 0 };
	json_auto_t *test = json_pack("{s:s, s:o}", "template", template,
	    "data", json_loads(data, 0, NULL));

	ok(render(test, &out, &err) == (want != NULL), "%s %s", template,
	    err.msg);
	if (want != NULL)
		tap_str(out.data, want, "as wanted");
}

int
main(void)
{
	static const char *const modules[] = { "interpolation", "sections",
		"inverted", "comments", "delimiters", "partials" };
	const char *data = getenv("RCN_TEST_DATA");

	json_init();
	own("a {{b}} {{{b}}} {{&b}}.", "{\"b\":\"<\"}", "a &lt; < <.");
	own("{{#l}}\n- {{n}}{{^last}},{{/last}}\n{{/l}}\nend",
	    "{\"l\":[{\"n\":1},{\"n\":2,\"last\":true}]}", "- 1,\n- 2\nend");
	own("{{#o}}{{a.b}}{{x}}{{/o}}", "{\"o\":{\"a\":{\"b\":1}},\"x\":2}",
	    "12");
	own("{{=<% %>=}}<%a%>{{a}}", "{\"a\":1}", "1{{a}}");
	own("{{#a}}", "{}", NULL);
	own("{{/a}}", "{}", NULL);
	own("{{#a}}{{/b}}", "{\"a\":1}", NULL);
	own("{{a", "{}", NULL);
	own("{{=x=}}", "{}", NULL);
	for (size_t i = 0; data != NULL && i < 6; i++)
		suite(data, modules[i]);
	return tap_end();
}
