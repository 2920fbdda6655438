/* Ignore rules: the cases that Docker's manual and matcher give, and ours. */
#include "tap.h"

#include "source/ignore.h"

/* rules, path, left out? */
static const struct {
	const char *rules, *path;
	bool out;
} cases[] = {
	{ "foo", "foo", true },
	{ "foo", "a/foo", false },
	{ "foo", "foo/bar", true },
	{ "foo", "foobar", false },
	{ "/foo", "foo", true },
	{ "foo/", "foo/x", true },
	{ "./foo//bar/.", "foo/bar", true },
	{ "a/../foo", "foo", true },
	{ "../foo", "foo", false },
	{ "  foo \t\r", "foo", true },
	{ "#foo", "#foo", false },
	{ " #foo", "#foo", true },
	{ "\xef\xbb\xbf"
	  "foo",
	    "foo", true },
	{ ".", "foo", false },
	{ "/", "foo", false },
	{ "*", "foo", true },
	{ "*", "foo/bar", true },
	{ "*/temp*", "a/temporary.txt", true },
	{ "*/temp*", "a/b/temp", false },
	{ "*/*/temp*", "a/b/temp", true },
	{ "temp?", "tempa", true },
	{ "temp?", "temp", false },
	{ "temp?", "temp/", false },
	{ "a?c", "a/c", false },
	{ "caf?", "caf\xc3\xa9", true },
	{ "caf\xc3?", "caf\xc3\xa9", false },
	{ "**", "foo", true },
	{ "**/", "foo", true },
	{ "**/**", "a/b", true },
	{ "**/foo", "foo", true },
	{ "**/foo", "a/b/foo", true },
	{ "**/foo", "a/b/foo/c", true },
	{ "**/foo", "a/xfoo", false },
	{ "**foo", "a/xfoo", true },
	{ "**foo", "foo", true },
	{ "**foo*", "xfoo", false },
	{ "**foo*", "a/foob", true },
	{ "a/**", "a", false },
	{ "a/**", "a/b/c", true },
	{ "a**", "abc/d", true },
	{ "a/**/b", "a/b", true },
	{ "a/**/b", "a/x/y/b", true },
	{ "a/**/b", "ab", false },
	{ "a/**/b", "a/xb", false },
	{ "a**b", "ab", true },
	{ "a**b", "ax/b", true },
	{ "a**b", "axb", false },
	{ "**/*.go", "main.go", true },
	{ "**/*.go", "a/b/main.go", true },
	{ "**/*.go", "a/b/main.gox", false },
	{ "*/**/x", "a/x", true },
	{ "*/**/x", "x", false },
	{ "[ab]c", "bc", true },
	{ "[^ab]c", "bc", false },
	{ "[^ab]c", "cc", true },
	{ "[a-c]x", "bx", true },
	{ "[a-c]x", "dx", false },
	{ "[!a]", "!", true },
	{ "a[^x]b", "a/b", false },
	{ "[\\]a]", "]", true },
	{ "[\xc3\xa0-\xc3\xbf]", "\xc3\xa9", true },
	{ "\\*", "*", true },
	{ "\\*", "x", false },
	{ "a\\?b", "a?b", true },
	{ "a.b", "axb", false },
	{ "a(b|c)+$", "ab", false },
	{ "a]", "a]", true },
	{ "*\n!foo", "foo", false },
	{ "*\n!foo", "bar", true },
	{ "*.md\n!README*.md\nREADME-secret.md", "README-secret.md", true },
	{ "*.md\n!README*.md\nREADME-secret.md", "README.md", false },
	{ "*.md\nREADME-secret.md\n!README*.md", "README-secret.md", false },
	{ "a\n!a/b", "a/b/c", false },
	{ "a\n!a/b", "a/c", true },
	{ "a\n!a/b\na/b/c", "a/b/c", true },
	{ "a\n!a/b\na/b/c", "a/b/d", false },
	{ "a\n!**/keep", "a/x/keep", false },
	{ "!foo\nfoo", "foo", true },
	{ "! foo", "foo", false },
	{ "foo\n!  foo ", "foo", false },
	{ "foo\n!/foo", "foo", false },
	{ "**/a/**/b", "x/a/b", true },
	{ "**/a/**/b", "x/a/y/z/b/q", true },
	{ "a/*/c/**", "a/b/c/d", true },
	{ "a/*/c/**", "a/b/c", false },
	{ "***", "a/b", true },
	{ "/!a", "!a", true },
	{ "a /", "a", true },
};

static void
test_cases(void)
{
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		auto_ignore struct ignore g = { 0 };
		struct err err = { 0 };
		int rc = ignore_text(&g, cases[i].rules, strlen(cases[i].rules),
		    "f", &err);

		ok(rc == 0 &&
			ignore_hides(&g, ignore_decides(&g, cases[i].path)) ==
			    cases[i].out,
		    "%zu: %s%s", i, cases[i].out ? "" : "not ", cases[i].path);
	}
}

static void
test_bad(void)
{
	static const char *const bad[] = { "[", "[a", "[]", "[a-]", "[-a]",
		"[^]", "[b-a]", "a\\", "!", "[\\" };

	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		auto_ignore struct ignore g = { 0 };
		auto_buf struct buf text = { 0 };
		struct err err = { 0 };

		buf_addf(&text, "ok\n\n%s\n", bad[i]);
		ok(ignore_text(&g, text.data, text.len, "f", &err) < 0 &&
			err.status == EX_DATAERR &&
			strstr(err.msg, "f:3:") != NULL,
		    "refused, with its line: %zu", i);
	}
	auto_ignore struct ignore g = { 0 };
	struct err err = { 0 };
	ok(ignore_text(&g, "a\0b", 3, "f", &err) < 0, "NUL is refused");
}

static bool
out(const struct ignore *g, const char *path)
{
	return ignore_hides(g, ignore_decides(g, path));
}

static void
test_defaults(void)
{
	static const char *const left[] = { ".git", "a/.git/config", ".env",
		".env.production", "api/.env.local", "node_modules/x/y.js",
		"web/node_modules", "id_rsa", "home/.ssh/id_ed25519",
		"server.key", "tls-key.pem", ".DS_Store", "a/__pycache__/b.pyc",
		".venv/bin/python", ".rcn/state", ".svn", ".hg" };
	static const char *const kept[] = { ".env.example", "a/.env.sample",
		"ca.pem", "chain.pem", ".gitignore", ".github/x.yml",
		".environment", "src/key.c", ".npmrc", "package.json" };
	auto_ignore struct ignore g = { 0 };
	auto_buf struct buf why = { 0 };
	struct err err = { 0 };

	ignore_defaults(&g);
	for (size_t i = 0; i < sizeof(left) / sizeof(*left); i++)
		ok(out(&g, left[i]), "left out: %s", left[i]);
	for (size_t i = 0; i < sizeof(kept) / sizeof(*kept); i++)
		ok(!out(&g, kept[i]), "kept: %s", kept[i]);
	for (size_t i = 0; i < sizeof(left) / sizeof(*left); i++)
		ok(strncmp(left[i], ".env", 4) == 0 ||
			strncmp(left[i], "api/.env", 8) == 0 ||
			!ignore_reaches(&g, ignore_decides(&g, left[i]),
			    left[i]),
		    "not entered: %s", left[i]);
	ok(ignore_text(&g, "!.env.production\n", 17, ".dockerignore", &err) ==
		    0 &&
		!out(&g, ".env.production") && out(&g, ".env"),
	    "a line of the repository brings back");
	ignore_why(&g, ignore_decides(&g, ".env.production"), &why);
	tap_str(buf_str(&why), ".dockerignore:1: !.env.production", "why");
	ok(!ignore_reaches(&g, ignore_decides(&g, "node_modules"),
	       "node_modules"),
	    "still not entered");
	ok(ignore_text(&g, "!node_modules/keep\n", 19, "f", &err) == 0 &&
		ignore_reaches(&g, ignore_decides(&g, "node_modules"),
		    "node_modules") &&
		!ignore_reaches(&g, ignore_decides(&g, "a/node_modules"),
		    "a/node_modules") &&
		!ignore_reaches(&g, ignore_decides(&g, "node_modules/b"),
		    "node_modules/b"),
	    "entered only on the way to what is brought back");
}

static void
test_list(void)
{
	auto_ignore struct ignore g = { 0 }, again = { 0 };
	auto_strvec struct strvec v = { 0 };
	struct err err = { 0 };

	(void)ignore_text(&g, "/a/\n!b\n/!c\n", 11, "f", &err);
	ignore_list(&g, &v);
	ok(v.n == 3 && strcmp(v.v[0], "a") == 0 && strcmp(v.v[1], "!b") == 0 &&
		strcmp(v.v[2], "/!c") == 0,
	    "the list is what is matched");
}

/* Much backtracking in a matcher that backtracks. */
static void
test_hostile(void)
{
	auto_ignore struct ignore g = { 0 };
	auto_buf struct buf p = { 0 }, path = { 0 };
	struct err err = { 0 };

	for (int i = 0; i < 60; i++)
		buf_adds(&p, "a*");
	for (int i = 0; i < 30; i++)
		buf_adds(&p, "**/a");
	buf_addc(&p, 'b');
	for (int i = 0; i < 2000; i++)
		buf_adds(&path, "a/");
	buf_adds(&path, "c");
	ok(ignore_text(&g, p.data, p.len, "f", &err) == 0 &&
		!out(&g, path.data + 3600),
	    "stars on stars end soon");
	buf_clear(&p);
	for (int i = 0; i < 2000; i++)
		buf_addc(&p, 'x');
	ok(ignore_text(&g, p.data, p.len, "f", &err) < 0,
	    "a pattern without end is refused");
}

int
main(void)
{
	test_cases();
	test_bad();
	test_defaults();
	test_list();
	test_hostile();
	return tap_end();
}
