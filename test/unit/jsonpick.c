/* A few members of a big text, and no text that is not JSON. */
#include "tap.h"

#include "base/json.h"
#include "parse/jsonpick.h"

static const char *const want[] = { "ref", "repository.full_name",
	"repository.owner.login", "head_commit.message", "n", NULL };

static const struct {
	const char *text, *out; /* NULL: refused */
} rows[] = {
	{ "{}", "{}" },
	{ " { } \n", "{}" },
	{ "{\"ref\":\"a\"}", "{\"ref\":\"a\"}" },
	{ "{\"x\":[1,{\"ref\":2}],\"ref\" : null , \"y\":{\"ref\":3}}",
	    "{\"ref\":null}" },
	{ "{\"repository\":{\"id\":1,\"full_name\":\"o\\/n\",\"owner\":"
	  "{\"login\":\"o\",\"id\":2}},\"n\":-1.5e+3}",
	    "{\"repository\":{\"full_name\":\"o\\/n\",\"owner\":{\"login\":"
	    "\"o\"}},\"n\":-1.5e+3}" },
	{ "{\"ref\":{\"a\":1},\"n\":[1]}", "{}" },
	{ "{\"repository\":\"x\",\"n\":0}", "{\"n\":0}" },
	{ "{\"head_commit\":null}", "{}" },
	{ "{\"repository\":[{\"full_name\":1}]}", "{}" },
	{ "{\"ref\":1,\"ref\":2}", "{\"ref\":1,\"ref\":2}" },
	{ "{\"re\":1,\"reff\":2,\"repository.full_name\":3}", "{}" },
	{ "{\"\\u0072ef\":1}", "{}" },
	{ "{\"ref\":\"\xc3\xa9\\u00e9\"}", "{\"ref\":\"\xc3\xa9\\u00e9\"}" },
	{ "{\"x\":[],\"y\":[1, 2 ,3],\"n\":true}", "{\"n\":true}" },
	{ "", NULL },
	{ "[]", NULL },
	{ "null", NULL },
	{ "{", NULL },
	{ "{\"ref\"}", NULL },
	{ "{\"ref\":}", NULL },
	{ "{\"ref\":1,}", NULL },
	{ "{,}", NULL },
	{ "{\"ref\":1 \"n\":2}", NULL },
	{ "{\"x\":[1,]}", NULL },
	{ "{\"x\":[1 2]}", NULL },
	{ "{\"x\":[1}", NULL },
	{ "{\"x\":01}", NULL },
	{ "{\"x\":1.}", NULL },
	{ "{\"x\":-}", NULL },
	{ "{\"x\":1e}", NULL },
	{ "{\"x\":+4}", NULL },
	{ "{\"x\":nul}", NULL },
	{ "{\"x\":\"a}", NULL },
	{ "{\"x\":\"a\nb\"}", NULL },
	{ "{\"x\":\"\\x\"}", NULL },
	{ "{\"x\":\"\\u12g4\"}", NULL },
	{ "{\"x\":\"\\u12", NULL },
	{ "{\"x\":\"\xff\"}", NULL },
	{ "{\"x\":1}{", NULL },
	{ "{'x':1}", NULL },
};

static void
deep(void)
{
	auto_buf struct buf in = { 0 }, out = { 0 };
	struct err err = { 0 };

	buf_adds(&in, "{\"x\":");
	for (int i = 0; i < JSON_PICK_DEPTH; i++)
		buf_addc(&in, '[');
	ok(json_pick(in.data, in.len, want, 100, &out, &err) < 0 &&
		strstr(err.msg, "too deep") != NULL,
	    "a tower of brackets ends at its limit");
}

static void
large(void)
{
	static const char text[] = "{\"x\":\"0123456789\",\"ref\":\"0123456\"}";
	auto_buf struct buf out = { 0 };
	struct err err = { 0 };

	ok(json_pick(text, sizeof(text) - 1, want, 17, &out, &err) == 0,
	    "what is passed over does not count");
	ok(json_pick(text, sizeof(text) - 1, want, 16, &out, &err) < 0,
	    "what is wanted does");
	tap_str(err.code, "too-large", "and says so");
}

int
main(void)
{
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		auto_buf struct buf out = { 0 };
		struct err err = { 0 };
		int rc = json_pick(rows[i].text, strlen(rows[i].text), want,
		    1000, &out, &err);

		ok(rc == (rows[i].out != NULL ? 0 : -1), "'%s'", rows[i].text);
		if (rc == 0 && rows[i].out != NULL)
			tap_str(buf_str(&out), rows[i].out, "and what of it");
		else
			tap_str(err.code, "bad-json", "is not JSON");
	}
	deep();
	large();
	return tap_end();
}
