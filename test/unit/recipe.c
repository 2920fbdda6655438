/* recipe: the copy of a generated Dockerfile that is sent. */
#include "engine/recipe.h"

#include "base/json.h"
#include "tap.h"

static void
check(const char *text, const json_t *pins, const json_t *args,
    const char *want, const char *what)
{
	struct buf b = { 0 };

	recipe_write(&b, text, pins, args);
	tap_str(buf_str(&b), want, what);
	buf_release(&b);
}

int
main(void)
{
	json_auto_t *pins =
	    json_pack("{s:s, s:s}", "node:24", "sha256:aa", "x", "sha256:bb");
	json_auto_t *args = json_pack("{s:s, s:s}", "B", "2", "A", "1");

	check("FROM node:24 AS a\nRUN b\nFROM a\n", NULL, NULL,
	    "FROM node:24 AS a\nRUN b\nFROM a\n", "nothing to do");
	check("FROM node:24 AS a\nFROM a\nCOPY --from=a . .\n", pins, NULL,
	    "FROM node:24@sha256:aa AS a\nFROM a\nCOPY --from=a . .\n",
	    "a base is pinned, a stage is not");
	check("from --platform=linux/amd64  x\n", pins, NULL,
	    "from --platform=linux/amd64  x@sha256:bb\n", "after a flag");
	check("FROM x@sha256:cc\n", pins, NULL, "FROM x@sha256:cc\n",
	    "a digest stays");
	check("FROM x\nFROM node:24 AS b\n", NULL, args,
	    "FROM x\nARG A\nARG B\nFROM node:24 AS b\nARG A\nARG B\n",
	    "each stage declares the variables, sorted");
	check("FROMX x\nFROM\nFROM \n# FROM x\nFROM --a", pins, args,
	    "FROMX x\nFROM\nFROM \n# FROM x\nFROM --a\n",
	    "lines that are no FROM");
	check("", pins, args, "", "an empty file");
	return tap_end();
}
