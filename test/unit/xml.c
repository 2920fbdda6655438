/* XML, as manifests are written in it. */
#include "tap.h"

#include "base/json.h"
#include "parse/xml.h"

static const char pom[] =
    "\xef\xbb\xbf<?xml version=\"1.0\"?>\n"
    "<!DOCTYPE project [ <!ENTITY x \"y\"> ]>\n"
    "<!-- a -- comment -->\n"
    "<m:project xmlns:m='http://a/b' a=\"1 &lt; 2\">\n"
    "  <name> a &amp; b<![CDATA[ <c> ]]>&#x41;&#66; &x; </name>\n"
    "  <empty/><empty two='2' />\n"
    "  <build><plugins><plugin><id>one</id></plugin></plugins></build>\n"
    "</m:project>\n";

static void
test_bad(void)
{
	static const char *const texts[] = { "", "text", "<a>", "<a", "<a b>",
		"<a b=c/>", "<a b='c/>", "<a></b>", "<a><!-- </a>",
		"<!DOCTYPE a [", "<a><![CDATA[ </a>", "<a><>x</></a>", "<?xml",
		"<a></a", "<a/" };

	for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++) {
		struct err err = { 0 };
		json_auto_t *v =
		    xml_parse(texts[i], strlen(texts[i]), "x.xml", &err);

		ok(v == NULL && err.status == EX_DATAERR &&
			strcmp(err.code, "bad-xml") == 0 &&
			strncmp(err.msg, "x.xml:1: ", 9) == 0,
		    "refused: %s", texts[i]);
	}
}

static void
test_deep(void)
{
	struct err err = { 0 };
	auto_buf struct buf b = { 0 };
	json_t *v;

	for (int i = 0; i < 1000; i++)
		buf_adds(&b, "<a>");
	v = xml_parse(b.data, b.len, "deep", &err);
	ok(v == NULL && err.status == EX_DATAERR, "too deep: %s", err.msg);
}

int
main(void)
{
	struct err err = { 0 };
	json_auto_t *o = xml_parse(pom, strlen(pom), "pom.xml", &err);

	ok(o != NULL, "parses: %s", err.msg);
	tap_str(json_str(o, "name", NULL), "project", "without its prefix");
	tap_str(json_str(o, "attrs.a", NULL), "1 < 2", "an attribute");
	tap_str(xml_text(o, "name"), "a & b <c> AB &x;",
	    "text, entities, CDATA; an own entity stays text");
	tap_str(xml_text(o, "build.plugins.plugin.id"), "one", "a path");
	ok(xml_line(xml_at(o, "build")) == 7, "its line");
	ok(xml_at(o, "build.none") == NULL && xml_text(o, "empty") == NULL &&
		xml_line(NULL) == 0 && xml_at(NULL, "a") == NULL,
	    "what is not there");
	test_bad();
	test_deep();
	return tap_end();
}
