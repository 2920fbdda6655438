#include "registry/creds.h"

#include <ctype.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/crypto.h"
#include "base/io.h"
#include "base/json.h"
#include "base/log.h"
#include "base/mask.h"
#include "base/proc.h"
#include "document/document.h"

#define HUB_KEY "https://index.docker.io/v1/"
#define HUB_TOKEN_USER                                        \
	"<token>" /* the helper's secret is an identity token \
		   */

enum { CONFIG_MAX = 1 << 20, HELPER_MS = 30000 };

static void
wipe_string(char **s)
{
	if (*s == NULL)
		return;
	explicit_bzero(*s, strlen(*s));
	free(*s);
	*s = NULL;
}

void
creds_release(struct creds *c)
{
	wipe_string(&c->user);
	wipe_string(&c->password);
	wipe_string(&c->identity);
}

static int
bad(struct err *err, const char *where, const char *why)
{
	return err_set(err, EX_CONFIG, "bad-credentials", "%s: %s", where, why);
}

/* ---- which file ---- */

static int
parse_config(const char *text, size_t n, const char *path, json_t **out,
    struct err *err)
{
	struct err quotes = { 0 }; /* jansson's text quotes the file */

	*out = json_parse(text, n, path, &quotes);
	if (json_is_object(*out))
		return 0;
	json_wipe(out);
	*out = NULL;
	bad(err, path, "not a JSON object");
	return err_hint(err, "docker login writes it");
}

/* 1 read, 0 not there, -1 failed. */
static int
read_config(const char *path, json_t **out, struct err *err)
{
	AUTO(buf_wipe) struct buf text = { 0 };
	int got = io_read_maybe(path, CONFIG_MAX, &text, err);

	if (got <= 0)
		return got;
	return parse_config(buf_str(&text), text.len, path, out, err) < 0 ? -1
									  : 1;
}

/* *path names the file that was read. */
static int
load_config(json_t **out, char **path, struct err *err)
{
	const char *dir = getenv("DOCKER_CONFIG"), *home = getenv("HOME");
	int got;

	mask_no_dump();
	*path = doc_secret_path("registry/config.json");
	got = *path != NULL ? read_config(*path, out, err) : 0;
	if (got != 0)
		return got;
	free(*path);
	if (dir != NULL && *dir != '\0')
		*path = mem_printf("%s/config.json", dir);
	else
		*path =
		    mem_printf("%s/.docker/config.json", home ? home : "/root");
	return read_config(*path, out, err);
}

/* ---- which entry ---- */

static bool
is_hub(const char *host)
{
	return strcmp(host, "docker.io") == 0 ||
	       strcmp(host, "index.docker.io") == 0 ||
	       strcmp(host, "registry-1.docker.io") == 0;
}

/* Does the key of auths mean this host?  Scheme and path do not count. */
static bool
means(const char *key, const char *host)
{
	const char *scheme = strstr(key, "://");
	const char *from = scheme != NULL ? scheme + 3 : key;
	auto_free char *name = mem_strndup(from, strcspn(from, "/"));

	return strcasecmp(name, host) == 0 || (is_hub(name) && is_hub(host));
}

/* The member for host: its exact key before others; borrowed or NULL. */
static json_t *
entry_of(json_t *table, const char *host)
{
	const char *key;
	json_t *v = json_object_get(table, is_hub(host) ? HUB_KEY : host);

	if (v != NULL)
		return v;
	json_object_foreach(table, key, v) {
		if (means(key, host))
			return v;
	}
	return NULL;
}

/* ---- reading an entry ---- */

/* 1 if it holds something.  Both pointers are copied. */
static int
take(struct creds *c, const char *user, const char *password)
{
	if (user == NULL || password == NULL || *password == '\0')
		return 0;
	mask_add(password);
	if (strcmp(user, HUB_TOKEN_USER) == 0) {
		c->identity = mem_strdup(password);
		return 1;
	}
	c->user = mem_strdup(user);
	c->password = mem_strdup(password);
	return 1;
}

/* base64 of user:password */
static int
take_auth(struct creds *c, const char *auth, const char *path, struct err *err)
{
	AUTO(buf_wipe) struct buf b = { 0 };
	char *colon;

	mask_add(auth);
	if (base64_decode(&b, auth, strlen(auth)) < 0 ||
	    strlen(buf_str(&b)) != b.len ||
	    (colon = strchr(buf_str(&b), ':')) == NULL)
		return bad(err, path,
		    "an auth that is not base64 of "
		    "user:password");
	*colon = '\0';
	return take(c, b.data, colon + 1);
}

static int
take_entry(struct creds *c, const json_t *entry, const char *path,
    struct err *err)
{
	const char *identity = json_str(entry, "identitytoken", "");
	const char *auth = json_str(entry, "auth", "");

	if (*identity != '\0') {
		mask_add(identity);
		c->identity = mem_strdup(identity);
		return 1;
	}
	if (*auth != '\0')
		return take_auth(c, auth, path, err);
	return take(c, json_str(entry, "username", NULL),
	    json_str(entry, "password", NULL));
}

/* ---- docker-credential-NAME ---- */

static bool
is_helper_name(const char *s)
{
	if (*s == '\0')
		return false;
	for (; *s != '\0'; s++)
		if (!isalnum((unsigned char)*s) && strchr("-_.", *s) == NULL)
			return false;
	return true;
}

static void
helper_said(const char *line, size_t n, void *ctx)
{
	log_info("%s: %.*s", (const char *)ctx, (int)n, line);
}

static int
run_helper(char *program, const char *server, struct buf *out, int *status,
    struct err *err)
{
	char get[] = "get", *argv[] = { program, get, NULL };
	auto_fd int in = memfd_create("server", MFD_CLOEXEC);
	struct proc p = { .argv = argv,
		.in = in,
		.out = out,
		.line = helper_said,
		.ctx = program,
		.timeout_ms = HELPER_MS };

	if (in < 0 || io_write_all(in, server, strlen(server)) < 0 ||
	    lseek(in, 0, SEEK_SET) < 0)
		return err_sys(err, EX_OSERR, "os-error", "memfd");
	return proc_run(&p, status, err);
}

/* 1 found, 0 it knows none, -1.  It says "not found" by a status of 1. */
static int
ask_helper(struct creds *c, const char *name, const char *host, struct err *err)
{
	AUTO(buf_wipe) struct buf out = { 0 };
	auto_wiped json_t *v = NULL;
	auto_free char *program = mem_printf("docker-credential-%s", name);
	struct err quotes = { 0 };
	int status = 0;

	if (!is_helper_name(name))
		return bad(err, "registry helper", "not a program's name");
	if (run_helper(program, is_hub(host) ? HUB_KEY : host, &out, &status,
		err) < 0)
		return -1;
	if (status != 0 && strstr(buf_str(&out), "not found") != NULL)
		return 0;
	if (status != 0) {
		err_set(err, EX_CONFIG, "bad-credentials",
		    "%s get: failed with status %d", program, status);
		return err_hint(err, "try: echo %s | %s get", host, program);
	}
	v = json_parse(buf_str(&out), out.len, program, &quotes);
	if (json_str(v, "Secret", NULL) == NULL)
		return bad(err, program, "no Secret in its answer");
	return take(c, json_str(v, "Username", ""), json_str(v, "Secret", ""));
}

static int
find_in(json_t *config, const char *path, const char *host, struct creds *c,
    struct err *err)
{
	const char *helper;
	int got = 0;

	helper =
	    json_string_value(entry_of(json_object_get(config, "credHelpers"),
		host));
	if (helper == NULL)
		helper = json_str(config, "credsStore", "");
	if (*helper != '\0')
		got = ask_helper(c, helper, host, err);
	if (got != 0)
		return got;
	return take_entry(c, entry_of(json_object_get(config, "auths"), host),
	    path, err);
}

int
creds_find(const char *host, struct creds *c, struct err *err)
{
	auto_wiped json_t *config = NULL;
	auto_free char *path = NULL;
	int got = load_config(&config, &path, err);

	return got <= 0 ? got : find_in(config, path, host, c, err);
}

int
creds_header(const char *host, struct buf *out, struct err *err)
{
	auto_creds struct creds c = { 0 };
	auto_wiped json_t *v = NULL;
	AUTO(buf_wipe) struct buf text = { 0 };
	int got = creds_find(host, &c, err);

	if (got < 0)
		return -1;
	v = json_object();
	if (got == 1)
		json_object_set_new(v, "serveraddress",
		    json_text(is_hub(host) ? HUB_KEY : host));
	if (c.identity != NULL)
		json_object_set_new(v, "identitytoken", json_text(c.identity));
	if (c.user != NULL) {
		json_object_set_new(v, "username", json_text(c.user));
		json_object_set_new(v, "password", json_text(c.password));
	}
	json_write(&text, v, JSON_COMPACT);
	base64_encode(out, text.data, text.len, BASE64_URL);
	return 0;
}
