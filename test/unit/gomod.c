/* go.mod and go.work, as far as detection asks. */
#include "tap.h"

#include "base/json.h"
#include "parse/gomod.h"

static const char text[] = "// a comment\n"
			   "module \"example.org/a/v2\"\n"
			   "\n"
			   "go 1.25.1\n"
			   "toolchain go1.26.0 // pinned\n"
			   "require example.org/one v1.0.0\n"
			   "require (\n"
			   "\texample.org/two v2.0.0+incompatible // indirect\n"
			   "\t`example.org/three` v0.0.0-2024\n"
			   ")\n"
			   "replace example.org/two => ../two\n"
			   "replace (\n"
			   "\texample.org/four => example.org/five v1.2.3\n"
			   ")\n";

int
main(void)
{
	json_auto_t *o = gomod_parse(text, strlen(text));
	json_auto_t *work = gomod_parse("go 1.25\nuse (\n\t./a\n\t./b\n)", 26);
	json_auto_t *bad = gomod_parse("module\nrequire (\nx\n\"y", 24);
	json_t *list = json_object_get(o, "require");

	tap_str(json_str(o, "module", NULL), "example.org/a/v2", "the module");
	tap_str(json_str(o, "go", NULL), "1.25.1", "the version");
	ok(json_int(o, "go_line", 0) == 4, "and its line");
	tap_str(json_str(o, "toolchain", NULL), "1.26.0", "the toolchain");
	ok(json_array_size(list) == 3, "what is required");
	tap_str(json_str(json_array_get(list, 1), "path", NULL),
	    "example.org/two", "in a block");
	ok(json_bool(json_array_get(list, 1), "indirect", false) &&
		!json_bool(json_array_get(list, 0), "indirect", true),
	    "indirectly or not");
	ok(json_int(json_array_get(list, 2), "line", 0) == 9,
	    "quoted, its line");
	ok(json_array_size(json_object_get(o, "replace")) == 1,
	    "replaced by a folder");
	ok(json_array_size(json_object_get(work, "use")) == 2, "go.work");
	ok(json_array_size(json_object_get(bad, "require")) == 0 &&
		json_str(bad, "module", NULL) == NULL,
	    "what is not understood is passed over");
	return tap_end();
}
