/* Credentials: which file, which entry, helpers, and the engine's header. */
#include "tap.h"

#include <stdlib.h>
#include <unistd.h>

#include "base/crypto.h"
#include "base/io.h"
#include "base/json.h"
#include "base/log.h"
#include "base/mask.h"
#include "base/proc.h"
#include "registry/creds.h"

static char dir[] = "/tmp/rcn-creds-XXXXXX";

/* FOLDER/sub/name, whose folder is made. */
static void
put(const char *sub, const char *name, mode_t mode, const char *text)
{
	auto_free char *folder = mem_printf("%s/%s", dir, sub);
	auto_free char *path = mem_printf("%s/%s", folder, name);
	struct err err = { 0 };

	if (io_mkdirs(folder, 0700, &err) < 0 ||
	    io_replace(path, mode, text, strlen(text), &err) < 0)
		err_print(&err);
}

static void
config(const char *text)
{
	put("docker", "config.json", 0600, text);
}

/* "user:password", "identity", "-" for none, "!code" for an error. */
static void
finds(const char *host, const char *want, const char *what)
{
	auto_creds struct creds c = { 0 };
	struct err err = { 0 };
	int got = creds_find(host, &c, &err);
	auto_free char *text = got < 0    ? mem_printf("!%s", err.code)
			       : got == 0 ? mem_strdup("-")
			       : c.identity
				   ? mem_strdup(c.identity)
				   : mem_printf("%s:%s", c.user, c.password);

	tap_str(text, want, what);
	ok((got < 0) == (err.status != 0), "error if and only if it failed");
}

static void
test_auths(void)
{
	/* dXNlcjpwYXNzOndvcmQ= is user:pass:word */
	config("{\"auths\":{\"r.example:5000\":{\"auth\":"
	       "\"dXNlcjpwYXNzOndvcmQ=\"},"
	       "\"https://u.example/v2/\":{\"username\":\"u\","
	       "\"password\":\"p\"},"
	       "\"t.example\":{\"auth\":\"dXNlcjpwYXNzOndvcmQ=\","
	       "\"identitytoken\":\"token-text\"},"
	       "\"https://index.docker.io/v1/\":{\"auth\":\"aDpi\"},"
	       "\"empty.example\":{},"
	       "\"bad.example\":{\"auth\":\"%%%\"},"
	       "\"colon.example\":{\"auth\":\"dXNlcg==\"},"
	       "\"nul.example\":{\"auth\":\"dTpwAHg=\"}}}");
	finds("r.example:5000", "user:pass:word", "auth: the first colon");
	finds("r.example", "-", "the port belongs to the name");
	finds("u.example", "u:p", "a key that is an address");
	finds("U.Example", "u:p", "case of a host does not count");
	finds("t.example", "token-text", "an identity token comes first");
	finds("docker.io", "h:b", "Docker Hub's key");
	finds("registry-1.docker.io", "h:b", "Docker Hub by another name");
	finds("empty.example", "-", "an entry without anything");
	finds("bad.example", "!bad-credentials", "not base64");
	finds("colon.example", "!bad-credentials", "no colon");
	finds("nul.example", "!bad-credentials", "a NUL inside");
}

static void
test_files(void)
{
	auto_free char *secrets = mem_printf("%s/secrets", dir);
	auto_free char *home = mem_printf("%s/home", dir);
	auto_free char *docker = mem_printf("%s/docker", dir);
	struct err err = { 0 };
	auto_creds struct creds c = { 0 };

	put("home/.docker", "config.json", 0600,
	    "{\"auths\":{\"r\":{\"auth\":\"aDpo\"}}}");
	config("{\"auths\":{\"r\":{\"auth\":\"ZDpk\"}}}");
	finds("r", "d:d", "DOCKER_CONFIG");
	unsetenv("DOCKER_CONFIG");
	finds("r", "h:h", "the home's");
	setenv("DOCKER_CONFIG", docker, 1);
	setenv("RCN_SECRETS", secrets, 1);
	finds("r", "d:d", "RCN_SECRETS without a registry's file");
	put("secrets/registry", "config.json", 0600,
	    "{\"auths\":{\"r\":{\"auth\":\"czpz\"}}}");
	finds("r", "s:s", "RCN_SECRETS");
	unsetenv("RCN_SECRETS");
	config("[\"canary-secret\"");
	ok(creds_find("r", &c, &err) < 0 && err.status == EX_CONFIG &&
		strstr(err.msg, "canary") == NULL,
	    "bad JSON is told without a quotation: %s", err.msg);
	config("[]");
	finds("r", "!bad-credentials", "not an object");
	setenv("DOCKER_CONFIG", "/nonexistent", 1);
	finds("r", "-", "no file");
	setenv("DOCKER_CONFIG", docker, 1);
}

static void
test_helpers(void)
{
	static const char answers[] =
	    "#!/bin/sh\n[ \"$*\" = get ] || exit 9\nread -r host\n"
	    "case $host in\n"
	    "one) echo '{\"Username\":\"u\",\"Secret\":\"helper-pass\"}' ;;\n"
	    "two) echo '{\"Username\":\"<token>\",\"Secret\":\"tok\"}' ;;\n"
	    "https://index.docker.io/v1/)\n"
	    "  echo '{\"Username\":\"hub\",\"Secret\":\"p\"}' ;;\n"
	    "three) echo 'credentials not found in native keychain'; exit 1 "
	    ";;\n"
	    "four) echo '{\"Secret\":7}' ;;\n"
	    "*) echo canary-secret; exit 3 ;;\nesac\n";
	auto_free char *path = mem_printf("%s/bin:%s", dir, getenv("PATH"));

	put("bin", "docker-credential-test", 0700, answers);
	setenv("PATH", path, 1);
	config("{\"credsStore\":\"test\",\"credHelpers\":"
	       "{\"none\":\"absent\",\"evil\":\"../x\"},"
	       "\"auths\":{\"three\":{\"auth\":\"dTpw\"},\"one\":{}}}");
	finds("one", "u:helper-pass", "a helper's answer");
	finds("two", "tok", "a helper's identity token");
	finds("docker.io", "hub:p", "a helper is asked by Docker Hub's key");
	finds("three", "u:p", "not found there: the file's entry");
	finds("four", "!bad-credentials", "an answer of another form");
	finds("five", "!bad-credentials", "a helper that fails");
	finds("none", "!program-missing", "a helper that is not there");
	finds("evil", "!bad-credentials", "a helper's name is no path");
}

static void
header_is(const char *host, const char *want, const char *what)
{
	auto_buf struct buf b = { 0 }, text = { 0 };
	struct err err = { 0 };

	ok(creds_header(host, &b, &err) == 0 && b.len % 4 == 0 &&
		strpbrk(b.data, "+/\n") == NULL,
	    "%s: base64url", what);
	ok(base64_decode(&text, b.data, b.len) == 0, "%s: decodes", what);
	tap_str(buf_str(&text), want, what);
}

static void
test_header(void)
{
	auto_buf struct buf b = { 0 }, masked = { 0 };
	struct err err = { 0 };

	config("{\"auths\":{\"r\":{\"username\":\"u?\xc3\xbf\","
	       "\"password\":\"long-enough>?\"},"
	       "\"t\":{\"identitytoken\":\"tok\"},"
	       "\"https://index.docker.io/v1/\":{\"auth\":\"aDpi\"}}}");
	header_is("r",
	    "{\"serveraddress\":\"r\",\"username\":\"u?\xc3\xbf\","
	    "\"password\":\"long-enough>?\"}",
	    "user and password");
	header_is("t", "{\"serveraddress\":\"t\",\"identitytoken\":\"tok\"}",
	    "an identity token");
	header_is("docker.io",
	    "{\"serveraddress\":\"https://index.docker.io/v1/\","
	    "\"username\":\"h\",\"password\":\"b\"}",
	    "Docker Hub");
	ok(creds_header("none", &b, &err) == 0, "none: no error");
	tap_str(buf_str(&b), "e30=", "none: an empty object");
	buf_adds(&masked, "is long-enough>? masked");
	mask_text(&masked);
	tap_str(masked.data, "is *** masked", "the password is masked");
}

int
main(void)
{
	auto_free char *docker = NULL, *clean = NULL;
	char word[] = "rm", flags[] = "-rf",
	     *argv[] = { word, flags, dir, NULL };
	struct proc rm = { .argv = argv };
	struct err err = { 0 };
	int status = -1;

	log_init("creds");
	json_init();
	log_verbose(-1);
	if (mkdtemp(dir) == NULL)
		return 1;
	docker = mem_printf("%s/docker", dir);
	clean = mem_printf("%s/home", dir);
	setenv("DOCKER_CONFIG", docker, 1);
	setenv("HOME", clean, 1);
	unsetenv("RCN_SECRETS");
	test_auths();
	test_files();
	test_helpers();
	test_header();
	ok(proc_run(&rm, &status, &err) == 0 && status == 0,
	    "nothing left behind");
	return tap_end();
}
