/* WWW-Authenticate: schemes, quoted strings, several in one header. */
#include "tap.h"

#include "registry/challenge.h"

static void
reads(const char *header, const char *want)
{
	static const char *const kinds[] = { "none", "basic", "bearer" };
	auto_challenge struct challenge c = { 0 };
	auto_free char *got = NULL;

	challenge_add(&c, header);
	got = mem_printf("%s %s %s %s", kinds[c.kind], c.realm ? c.realm : "-",
	    c.service ? c.service : "-", c.scope ? c.scope : "-");
	tap_str(got, want, header);
}

int
main(void)
{
	auto_challenge struct challenge c = { 0 };

	reads("Bearer realm=\"https://a/token\",service=\"s\","
	      "scope=\"repository:x/y:pull,push\"",
	    "bearer https://a/token s repository:x/y:pull,push");
	reads("bearer Realm = \"https://a\" , Service=s",
	    "bearer https://a s -");
	reads("Bearer realm=\"a\\\"b\\\\\",error=\"x\"", "bearer a\"b\\ - -");
	reads("Basic realm=\"Registry Realm\"", "basic Registry Realm - -");
	reads("Basic", "basic - - -");
	reads("Basic realm=\"b\", Bearer realm=\"t\",service=\"s\"",
	    "bearer t s -");
	reads("Bearer realm=\"t\", Basic realm=\"b\"", "bearer t - -");
	reads("Bearer realm=\"1\", Bearer realm=\"2\"", "bearer 1 - -");
	reads("Negotiate, Basic realm=x", "basic x - -");
	reads("Bearer realm=\"t\",realm=\"u\"", "bearer t - -");
	reads("Bearer service=\"s\"", "none - - -");
	reads("Bearer realm=\"open", "none - - -");
	reads("Digest realm=\"d\", nonce=\"n\"", "none - - -");
	reads("", "none - - -");
	reads(",,, =\"x\"", "none - - -");
	challenge_add(&c, "Basic realm=\"b\"");
	challenge_add(&c, "Bearer realm=\"t\"");
	tap_str(c.realm, "t", "the stronger of two headers");
	return tap_end();
}
