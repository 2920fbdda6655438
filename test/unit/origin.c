/* The source section: made of a folder, a commit or a tar, and opened again. */
#include "tap.h"

#include "base/json.h"
#include "shell.h"
#include "source/origin.h"

static void
test_kinds(void)
{
	auto_text char *made = sh(
	    "git init -q -b main r && cd r && mkdir -p apps/web node_modules/x "
	    "&& echo hi >apps/web/a && echo no >apps/web/b.log && "
	    "echo '*.log' >apps/web/.dockerignore && echo s >.env && "
	    "git add -fA && git -c i18n.commitEncoding=ISO-8859-1 commit -qm "
	    "\"$(printf 'caf\\351\\n\\nmore')\" --author "
	    "\"$(printf 'Andr\\351 <a@b>')\" && "
	    "tar cf ../r.tar . && git rev-parse HEAD HEAD:apps/web");
	auto_text char *dir = mem_printf("%s/r", root);
	auto_text char *tar = mem_printf("%s/r.tar", root);
	struct origin from[] = { { .dir = dir, .root = "apps/web" },
		{ .tar = tar, .root = "apps/web" },
		{ .git = dir, .root = "apps/web" } };
	json_t *section[3];
	struct err err = { 0 };

	for (int i = 0; i < 3; i++) {
		struct source s = { 0 }, again = { 0 };
		auto_buf struct buf b = { 0 };

		section[i] = origin_section(&from[i], &s, &err);
		ok(section[i] != NULL &&
			tree_walk(s.tree, "", dump, &b, &err) == 0,
		    "made and open");
		tap_str(buf_str(&b), "f .dockerignore  6\nf a  3\n",
		    "rooted, and under its rules");
		source_close(&s);
		ok(source_open(&again, section[i], &err) == 0 &&
			source_verify(&again, section[i], &err) == 0,
		    "opened again, the same");
		source_close(&again);
		source_close(&again);
	}
	tap_str(json_str(section[0], "tree", ""),
	    json_str(section[1], "tree", "x"), "folder and tar: one name");
	tap_str(json_str(section[2], "author", ""), "Andr\xc3\xa9 <a@b>",
	    "the author, in UTF-8");
	tap_str(json_str(section[2], "message", ""), "caf\xc3\xa9",
	    "the first line of the message");
	auto_text char *want =
	    mem_printf("%.40s\n%s", json_str(section[2], "commit", ""),
		json_str(section[2], "tree", "git:") + 4);
	tap_str(made, want, "the commit and the tree of the root");
	auto_text char *more = sh("echo x >>r/apps/web/a");
	for (int i = 0; i < 3; i++) {
		struct source s = { 0 };
		struct err why = { 0 };
		int rc;

		(void)source_open(&s, section[i], &why);
		rc = source_verify(&s, section[i], &why);
		ok(i == 0 ? rc < 0 && why.status == EX_TEMPFAIL &&
				strcmp(why.code, "source-changed") == 0
			  : rc == 0,
		    "%s after a change", json_str(section[i], "kind", ""));
		source_close(&s);
		json_decref(section[i]);
	}
}

static void
test_rules(void)
{
	auto_text char *made = sh("mkdir e && cd e && touch a b .env && "
				  "echo a >.dockerignore && "
				  "echo b >Web.dockerignore");
	auto_text char *dir = mem_printf("%s/e", root);
	struct origin from = { .dir = dir };
	auto_buf struct buf b = { 0 };
	struct source s = { 0 };
	struct err err = { 0 };
	json_t *section = origin_section(&from, &s, &err);

	ok(source_rules(&s, "Dockerfile", &err) == 0 &&
		source_rules(&s, "Web", &err) == 1 &&
		tree_walk(s.tree, "", dump, &b, &err) == 0,
	    "rules of a Dockerfile");
	tap_str(buf_str(&b),
	    "f .dockerignore  2\nf Web.dockerignore  2\nf a  0\n",
	    "take the place of .dockerignore, not of the default list");
	source_close(&s);
	json_decref(section);
	auto_text char *bad = sh("echo '[' >e/.dockerignore");
	ok(origin_section(&from, &s, &err) == NULL &&
		strcmp(err.code, "bad-ignore") == 0 &&
		strncmp(err.msg, ".dockerignore:1:", 16) == 0,
	    "a bad pattern");
}

static void
test_bad(void)
{
	static const struct {
		const char *json, *code;
	} bad[] = {
		{ "{}", "section-missing" },
		{ "{\"kind\":\"zip\",\"path\":\"/\"}", "bad-document" },
		{ "{\"kind\":\"dir\",\"path\":\"/none\"}", "source-missing" },
		{ "{\"kind\":\"tar\",\"path\":\"/none\"}", "source-missing" },
		{ "{\"kind\":\"tar\",\"path\":\"/\"}", "source-missing" },
		{ "{\"kind\":\"git\",\"path\":\"/\"}", "source-missing" },
		{ "{\"kind\":\"dir\",\"path\":\"/\",\"root\":\"no/such\"}",
		    "root-missing" },
		{ "{\"kind\":\"dir\",\"path\":\"/\",\"root\":\"../x\"}",
		    "path-unsafe" },
	};

	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		struct source s = { 0 };
		struct err err = { 0 };
		json_auto_t *j =
		    json_parse(bad[i].json, strlen(bad[i].json), "t", &err);

		ok(source_open(&s, j, &err) < 0 &&
			strcmp(err.code, bad[i].code) == 0,
		    "%s: %s", bad[i].code, err.msg);
		source_close(&s);
	}
	struct source s = { 0 };
	struct err err = { 0 };
	ok(source_open(&s, NULL, &err) < 0, "no section");
}

static void
test_survey(void)
{
	auto_text char *made =
	    sh("git init -q sub && cd sub && touch s && git add s && "
	       "git commit -qm s && cd .. && git init -q -b main v && cd v && "
	       "git -c protocol.file.allow=always submodule --quiet add ../sub "
	       "libs/sub && echo '*.bin filter=lfs' >.gitattributes && "
	       "echo '.git*' >.dockerignore && touch \"$(printf 'n\\377')\" && "
	       "mkdir node_modules && touch node_modules/x && "
	       "printf 'version https://git-lfs.github.com/spec/v1\\noid "
	       "sha256:0\\nsize 1\\n' >a.bin && echo real >b.bin && "
	       "git add -A && git commit -qm v && "
	       "git clone -q . ../w");
	const char *const names[] = { "v/.git", "w" };

	for (int i = 0; i < 2; i++) {
		auto_text char *path = mem_printf("%s/%s", root, names[i]);
		struct origin from = { .git = i == 0 ? path : NULL,
			.dir = i == 1 ? path : NULL };
		auto_survey struct survey v = { 0 };
		struct source s = { 0 };
		struct err err = { 0 };
		json_auto_t *section = origin_section(&from, &s, &err);

		ok(section != NULL && source_survey(&s, &v, &err) == 0,
		    "survey of %s", names[i]);
		ok(v.modules.n == 1 && strcmp(v.modules.v[0], "libs/sub") == 0,
		    "names the submodule");
		ok(v.lfs.n == 1 && strcmp(v.lfs.v[0], "a.bin") == 0,
		    "names the pointer");
		ok(v.odd.n == 1 && v.files == 4, "and what is not UTF-8: %d",
		    (int)v.files);
		source_close(&s);
	}
}

int
main(void)
{
	shell_begin("origin");
	json_init();
	test_kinds();
	test_rules();
	test_bad();
	test_survey();
	shell_end();
	return tap_end();
}
