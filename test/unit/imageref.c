/* Names of images: parts, defaults, and what is refused. */
#include "tap.h"

#include "registry/ref.h"

#define HEX64                              \
	"0123456789abcdef0123456789abcdef" \
	"0123456789abcdef0123456789abcdef"

static void
parts(const char *text, const char *want)
{
	auto_ref struct ref r = { 0 };
	struct err err = { 0 };
	auto_free char *got = NULL;

	if (ref_parse(text, &r, &err) < 0)
		got = mem_printf("%s", err.code);
	else
		got = mem_printf("%s %s %s %s", r.host, r.path,
		    r.tag ? r.tag : "-", r.digest ? r.digest : "-");
	tap_str(got, want, text);
}

static void
test_good(void)
{
	parts("node", "docker.io library/node latest -");
	parts("node:24-slim", "docker.io library/node 24-slim -");
	parts("me/app", "docker.io me/app latest -");
	parts("docker.io/node", "docker.io library/node latest -");
	parts("index.docker.io/me/app:1", "docker.io me/app 1 -");
	parts("localhost/app", "localhost app latest -");
	parts("localhost:5000/app:2", "localhost:5000 app 2 -");
	parts("r.example/a/b-c/d__e.f:v_1", "r.example a/b-c/d__e.f v_1 -");
	parts("Host/app", "Host app latest -");
	parts("[::1]:5000/app", "[::1]:5000 app latest -");
	parts("127.0.0.1:5000/app@sha256:" HEX64,
	    "127.0.0.1:5000 app - sha256:" HEX64);
	parts("r.io/app:1@sha256:" HEX64, "r.io app 1 sha256:" HEX64);
	parts("a---b", "docker.io library/a---b latest -");
	parts("a/" HEX64, "docker.io a/" HEX64 " latest -");
}

static void
test_bad(void)
{
	static const char *const texts[] = { "", ":1", "/app", "app/", "a//b",
		"App", "a..b", "a___b", "-a", "a-", "a.", "a/b_",
		"app:", "app:-1", "app:.x", "app:a b", "app@", "app@sha256:12",
		"app@md5:" HEX64, "https://r.io/app", "r.io:x/app",
		"r.io:123456/app", "-r.io/app", "r..io/app", "r.io-/app",
		"[::1/app", "[]:1/app", HEX64, "app\n", "a b", "a@b@c", "r.io/",
		"app:1:2" };

	for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++)
		parts(texts[i], "bad-image-name");
}

static void
test_limits(void)
{
	auto_buf struct buf name = { 0 }, tag = { 0 };
	auto_ref struct ref r = { 0 };
	struct err err = { 0 };

	buf_adds(&name, "r.io/");
	while (name.len < REF_NAME_MAX)
		buf_addc(&name, 'a');
	ok(ref_parse(name.data, &r, &err) == 0, "a name of 255");
	ref_release(&r);
	buf_addc(&name, 'a');
	ok(ref_parse(name.data, &r, &err) < 0, "a name of 256");
	buf_adds(&tag, "a:");
	while (tag.len < REF_TAG_MAX + 2)
		buf_addc(&tag, 'x');
	ok(ref_parse(tag.data, &r, &err) == 0, "a tag of 128");
	ref_release(&r);
	buf_addc(&tag, 'x');
	ok(ref_parse(tag.data, &r, &err) < 0, "a tag of 129");
}

int
main(void)
{
	test_good();
	test_bad();
	test_limits();
	return tap_end();
}
