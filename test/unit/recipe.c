/* recipe: the copy of a Dockerfile that is sent. */
#include "engine/recipe.h"

#include "base/json.h"
#include "tap.h"

static void
check(const char *text, const json_t *pins, const json_t *args,
    const char *want, const char *what)
{
	struct buf b = { 0 };

	recipe_write(&b, text, pins, args, NULL);
	tap_str(buf_str(&b), want, what);
	buf_release(&b);
}

static void
check_secrets(const char *text, const json_t *secrets, bool own,
    const char *want, const char *what)
{
	struct buf b = { 0 };

	if (own)
		recipe_own(&b, text, secrets);
	else
		recipe_write(&b, text, NULL, NULL, secrets);
	tap_str(buf_str(&b), want, what);
	buf_release(&b);
}

static void
test_secrets(void)
{
	json_auto_t *s = json_pack("{s:s, s:s}", "B", "v2", "A", "v1");

	check_secrets("FROM x\nRUN --mount=type=cache,target=/c npm ci\n", s,
	    false,
	    "FROM x\n"
	    "RUN --mount=type=secret,id=A --mount=type=secret,id=B "
	    "--mount=type=cache,target=/c : v1.v2; "
	    "export A=\"$(cat /run/secrets/A)\"; "
	    "export B=\"$(cat /run/secrets/B)\"; npm ci\n",
	    "a RUN has them, and names their versions");
	check_secrets("RUN [\"npm\", \"ci\"]\n", s, false,
	    "RUN --mount=type=secret,id=A --mount=type=secret,id=B "
	    "[\"/bin/sh\", \"-c\", \": v1.v2; "
	    "export A=\\\"$(cat /run/secrets/A)\\\"; "
	    "export B=\\\"$(cat /run/secrets/B)\\\"; exec \\\"$@\\\"\", "
	    "\"sh\", \"npm\", \"ci\"]\n",
	    "one without a shell too");
	check_secrets("RUN apt-get update\nRUNX\nRUN \n", s, false,
	    "RUN apt-get update\nRUNX\nRUN \n", "and others have not");
	check_secrets("FROM x\nRUN a\nRUN --mount=type=cache,target=/c \\\n"
		      "  --mount=type=secret,id=n cat\n",
	    s, true,
	    "FROM x\nRUN a\nARG RCN_SECRETS=v1.v2\n"
	    "RUN --mount=type=cache,target=/c \\\n"
	    "  --mount=type=secret,id=n cat\n",
	    "a repository's own: before what mounts one");
	check_secrets("RUN --mount=type=secret,id=n cat", NULL, true,
	    "RUN --mount=type=secret,id=n cat", "none: as it is");
	check_secrets("RUN echo type=secret\n", s, true,
	    "RUN echo type=secret\n", "a command that speaks of one");
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
	test_secrets();
	return tap_end();
}
