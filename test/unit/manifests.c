/* Files that people write: Procfile, JSON with comments, Dockerfile. */
#include "tap.h"

#include "base/json.h"
#include "parse/dockerfile.h"
#include "parse/jsonc.h"
#include "parse/procfile.h"

static void
same(json_t *got, const char *want, const char *what)
{
	json_t *expected = json_loads(want, JSON_DECODE_ANY, NULL);
	char *text = got != NULL ? json_dumps(got, JSON_COMPACT) : NULL;

	ok(got != NULL && json_equal(got, expected), "%s", what);
	if (got == NULL || !json_equal(got, expected))
		printf("# got %s\n", text != NULL ? text : "nothing");
	free(text);
	json_decref(got);
	json_decref(expected);
}

static void
test_procfile(void)
{
	static const char *const bad[] = { "web", "web:", ": x", "a b: c",
		"web: a\nweb: b" };
	struct err err = { 0 };

	same(procfile_parse("# c\n\nweb: node a.js: b\r\nmy_worker:  x  \n", 39,
		 "P", &err),
	    "[{\"name\":\"web\",\"command\":\"node a.js: b\",\"line\":3},"
	    "{\"name\":\"my_worker\",\"command\":\"x\",\"line\":4}]",
	    "Procfile");
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		struct err why = { 0 };

		ok(procfile_parse(bad[i], strlen(bad[i]), "P", &why) == NULL &&
			strcmp(why.code, "bad-procfile") == 0,
		    "refused: %s", why.msg);
	}
}

static void
test_jsonc(void)
{
	static const char text[] = "\xef\xbb\xbf{ // one\n"
				   "\"a\": {\"x\": [1, 2,],\n"
				   "  /* \" */ \"b\": \"//{\",\n"
				   "\"b\": 2, }, \"c\": null,\n}";
	struct err err = { 0 };

	same(jsonc_parse(text, strlen(text), JSONC_COMMENTS, "j", &err),
	    "{\"a\":{\"x\":[1,2],\"b\":2},\"c\":null}", "comments and commas");
	ok(jsonc_parse(text, strlen(text), JSONC_STRICT, "j", &err) == NULL,
	    "not where they are not allowed: %s", err.msg);
	ok(jsonc_line(text, strlen(text), "a.b") == 3, "the line of a.b");
	ok(jsonc_line(text, strlen(text), "c") == 4, "the line of c");
	ok(jsonc_line(text, strlen(text), "a.c") == 0, "a.c is not there");
	ok(jsonc_line("{\"a\"", 4, "a.b") == 0, "half of a text");
	err = (struct err){ 0 };
	ok(jsonc_parse("[]", 2, JSONC_STRICT, "j", &err) == NULL &&
		strcmp(err.msg, "j:1: not an object") == 0,
	    "an array is no object");
}

static json_t *
dockerfile(const char *text, const char *target, struct err *err)
{
	return dockerfile_parse(text, strlen(text), target, "D", err);
}

static void
test_dockerfile(void)
{
	struct err err = { 0 };

	same(dockerfile("# escape=`\nARG V=24\nFROM --platform=x "
			"node:${V}-slim "
			"AS Build\nEXPOSE 9000/udp `\n  8080 8443/tcp\nCMD a\n"
			"FROM build\nCOPY --from=busybox:1 a b\n",
		 NULL, &err),
	    "{\"bases\":[\"node:24-slim\",\"busybox:1\"],\"stages\":"
	    "[\"Build\"],\"ports\":[8080,8443],\"command\":true,\"line\":4}",
	    "what a stage has from another");
	same(dockerfile("from scratch\nRUN <<EOF\nFROM wrong\nEXPOSE 1\nEOF\n"
			"EXPOSE ${P:-3000}\n",
		 NULL, &err),
	    "{\"bases\":[],\"stages\":[],\"ports\":[3000],\"command\":false,"
	    "\"line\":6}",
	    "a here-document is no instruction");
	same(dockerfile("FROM a AS x\nEXPOSE 1\nFROM $NONE AS y\nEXPOSE 2\n",
		 "x", &err),
	    "{\"bases\":[\"a\"],\"stages\":[\"x\",\"y\"],\"ports\":[1],"
	    "\"command\":false,\"line\":2}",
	    "a target");
	ok(dockerfile("RUN x\n", NULL, &err) == NULL &&
		strcmp(err.msg, "D: has no FROM") == 0,
	    "no FROM");
	err = (struct err){ 0 };
	ok(dockerfile("FROM a\n", "b", &err) == NULL &&
		strcmp(err.msg, "D: has no stage 'b'") == 0,
	    "no such target");
}

int
main(void)
{
	json_init();
	test_procfile();
	test_jsonc();
	test_dockerfile();
	return tap_end();
}
