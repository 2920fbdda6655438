/* Deliveries, from the head of a request to the spool, without a socket. */
#include "tap.h"

#include <sodium.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/crypto.h"
#include "base/io.h"
#include "base/json.h"
#include "hook/event.h"
#include "hook/hook.h"
#include "hook/names.h"

static unsigned char pk[32], sk[32];
static struct err err;

/* Names. */

static const struct {
	const char *text, *names; /* with a blank after each */
} scans[] = {
	{ "{\"full_name\":\"O/N\"}", "o/n " },
	{ "{\"full_name\" : \"o\\/n\" }", "o/n " },
	{ "{\"full_name\":\n\t\"o/n\",\"a\":{\"full_name\":\"o/n\"}}", "o/n " },
	{ "\"full_name\":\"a/b\" \"full_name\":\"c/d\"", "a/b c/d " },
	{ "payload=%7B%22full_name%22%3A%22o%2Fn%22%7D", "o/n " },
	{ "payload=%7b%22full_name%22%3a+%22o%5C%2fn%22%7d", "o/n " },
	{ "payload={%22full_name%22:%20%22o/n%22}", "o/n " },
	{ "\"full_name\":\"alone\"", "alone " },
	{ "\\\"full_name\\\":\\\"x/y\\\"", "" },
	{ "\"a_full_name\":\"x/y\"", "" },
	{ "\"full_names\":\"x/y\"", "" },
	{ "\"full_name\":null", "" },
	{ "\"full_name\":\"\"", "" },
	{ "\"full_name\":\"a b\"", "" },
	{ "\"full_name\":\"o/n", "" },
	{ "\"full_name\"", "" },
	{ "\"full_name", "" },
	{ "%22full_name%2", "" },
	{ "", "" },
};

static void
names(void)
{
	auto_strvec struct strvec many = { 0 };
	auto_buf struct buf text = { 0 };

	for (size_t i = 0; i < sizeof(scans) / sizeof(*scans); i++) {
		auto_strvec struct strvec v = { 0 };
		auto_buf struct buf all = { 0 };

		names_scan(scans[i].text, strlen(scans[i].text), &v);
		for (size_t j = 0; j < v.n; j++)
			buf_addf(&all, "%s ", v.v[j]);
		tap_str(buf_str(&all), scans[i].names, scans[i].text);
	}
	for (int i = 0; i < 100; i++)
		buf_addf(&text, "\"full_name\":\"o/n%d\"", i);
	names_scan(text.data, text.len, &many);
	ok(many.n == NAMES_MAX, "not more names than are looked for");
}

/* Events. */

#define SHA "0123456789abcdef0123456789abcdef01234567"
#define ZERO "0000000000000000000000000000000000000000"
#define REPO                                                                 \
	"\"repository\":{\"full_name\":\"O/N\",\"fork\":true,\"clone_url\":" \
	"\"https://h/O/N.git\",\"ssh_url\":\"git@h:O/N.git\"},\"sender\":"   \
	"{\"login\":\"me\"}"
#define PULL(action, repo)                                                     \
	"{\"action\":\"" action "\",\"number\":7,\"pull_request\":{\"title\":" \
	"\"T\\nU\",\"user\":{\"login\":\"u\"},\"head\":{\"ref\":\"x\","        \
	"\"sha\":"                                                             \
	"\"" SHA "\",\"repo\":" repo "},\"base\":{\"ref\":\"main\",\"repo\":"  \
	"{\"full_name\":\"O/N\"}}}," REPO "}"
#define PUSH(ref, after, message)                                        \
	"{\"ref\":\"" ref "\",\"before\":\"" SHA "\",\"after\":\"" after \
	"\",\"head_commit\":{\"message\":\"" message                     \
	"\",\"author\":{\"name\":\"A\"}}," REPO "}"

static const struct {
	const char *name, *body;
	const char *want; /* the delivery, a reason, or NULL: refused */
} events[] = {
	{ "push", PUSH("refs/heads/main", SHA, "One\\nTwo"),
	    "{\"actor\":\"me\",\"author\":\"A\",\"before\":\"" SHA
	    "\",\"branch\":\"main\",\"commit\":\"" SHA
	    "\",\"delivery\":\"id\",\"event\":\"push\",\"forced\":false,"
	    "\"message\":\"One\",\"provider\":\"gitea\",\"repository\":{"
	    "\"clone_url\":\"https://h/O/N.git\",\"fork\":true,\"full_name\":"
	    "\"O/N\"}}" },
	{ "push", PUSH("refs/heads/a/b", ZERO, ""),
	    "{\"actor\":\"me\",\"branch\":\"a/b\",\"delivery\":\"id\","
	    "\"event\":\"branch_deleted\",\"provider\":\"gitea\","
	    "\"repository\":{\"clone_url\":\"https://h/O/N.git\",\"fork\":"
	    "true,\"full_name\":\"O/N\"}}" },
	{ "delete", "{\"ref\":\"x\",\"ref_type\":\"branch\"," REPO "}",
	    "{\"actor\":\"me\",\"branch\":\"x\",\"delivery\":\"id\","
	    "\"event\":\"branch_deleted\",\"provider\":\"gitea\","
	    "\"repository\":{\"clone_url\":\"https://h/O/N.git\",\"fork\":"
	    "true,\"full_name\":\"O/N\"}}" },
	{ "pull_request",
	    PULL("synchronized",
		"{\"full_name\":\"o/n\",\"clone_url\":\"https://h/o/n\"}"),
	    "{\"actor\":\"me\",\"author\":\"u\",\"branch\":\"x\",\"commit\":"
	    "\"" SHA "\",\"delivery\":\"id\",\"event\":\"pull_request\","
	    "\"message\":\"T\",\"provider\":\"gitea\",\"pull_request\":{"
	    "\"action\":\"synchronize\",\"base_branch\":\"main\",\"fork\":"
	    "false,\"head_branch\":\"x\",\"head_url\":\"https://h/o/n\","
	    "\"number\":7},\"repository\":{\"clone_url\":\"https://h/O/N.git\""
	    ",\"fork\":true,\"full_name\":\"O/N\"}}" },
	{ "ping", "{" REPO "}", "ping" },
	{ "push", PUSH("refs/tags/v1", SHA, ""), "a tag" },
	{ "push", PUSH("refs/notes/x", SHA, ""), "not a branch" },
	{ "push", PUSH("refs/heads/main", SHA, "a [Skip CI] b"),
	    "the commit asks to be skipped" },
	{ "push", PUSH("refs/heads/main", SHA, "a\\n\\n[ci skip]"),
	    "the commit asks to be skipped" },
	{ "push", PUSH("refs/heads/main", SHA, "[skip deploy]"),
	    "the commit asks to be skipped" },
	{ "delete", "{\"ref\":\"x\",\"ref_type\":\"tag\"," REPO "}",
	    "not a branch" },
	{ "pull_request", PULL("labeled", "null"),
	    "an action that changes no commit" },
	{ "star", "{" REPO "}", "an event of no interest" },
	{ "push", PUSH("refs/heads/main", "abc", ""), NULL },
	{ "push", PUSH("refs/heads/main", "--upload-pack", ""), NULL },
	{ "push", PUSH("refs/heads/-x", SHA, ""), NULL },
	{ "push", PUSH("refs/heads/a..b", SHA, ""), NULL },
	{ "push", PUSH("refs/heads/a b", SHA, ""), NULL },
	{ "push", PUSH("refs/heads/", ZERO, ""), NULL },
	{ "push", "{" REPO "}", NULL },
	{ "push", "{\"ref\":\"refs/heads/a\",\"ref\":\"b\"," REPO "}", NULL },
	{ "push", "[]", NULL },
	{ "push", "{", NULL },
};

static void
event_rows(void)
{
	for (size_t i = 0; i < sizeof(events) / sizeof(*events); i++) {
		auto_event struct event e = { 0 };
		auto_buf struct buf text = { 0 };
		int rc;

		err = (struct err){ 0 };
		rc = event_read(&e, "gitea", events[i].name, "id",
		    events[i].body, strlen(events[i].body), &err);
		if (events[i].want == NULL) {
			ok(rc < 0 && err.status == EX_DATAERR, "%s refused",
			    events[i].body);
			continue;
		}
		if (rc == 0 && e.kind == EVENT_RECORD)
			json_write(&text, e.delivery,
			    JSON_COMPACT | JSON_SORT_KEYS);
		else if (rc == 0)
			buf_adds(&text,
			    e.kind == EVENT_PING ? "ping" : e.reason);
		tap_str(buf_str(&text), events[i].want, events[i].name);
		ok(e.keys.n == 1 && strcmp(e.keys.v[0], "h/o/n") == 0,
		    "its one key");
	}
}

static void
forks(void)
{
	static const struct {
		const char *body;
		bool fork;
	} rows[] = {
		{ PULL("opened", "{\"full_name\":\"O/N\"}"), false },
		{ PULL("opened", "{\"full_name\":\"P/N\"}"), true },
		{ PULL("opened", "null"), true },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		auto_event struct event e = { 0 };

		ok(event_read(&e, "github", "pull_request", "id", rows[i].body,
		       strlen(rows[i].body), &err) == 0 &&
			json_bool(e.delivery, "pull_request.fork",
			    !rows[i].fork) == rows[i].fork,
		    "a fork: %d", rows[i].fork);
	}
}

/* Secrets, and a request from its head on. */

static void
seal(json_t *list, const char *identity, const char *secret)
{
	json_auto_t *doc =
	    json_pack("{s:s, s:s}", "repository", identity, "secret", secret);
	auto_buf struct buf text = { 0 }, b64 = { 0 };
	unsigned char out[512];

	json_write(&text, doc, 0);
	crypto_box_seal(out, (unsigned char *)text.data, text.len, pk);
	base64_encode(&b64, out, text.len + crypto_box_SEALBYTES, BASE64_STD);
	json_array_append_new(list, json_string(b64.data));
}

static json_t *
repository(const char *key, const char *identity, const char *a, const char *b)
{
	json_t *list = json_array();

	seal(list, identity, a);
	if (b != NULL)
		seal(list, identity, b);
	return json_pack("{s:s, s:s, s:o}", "key", key, "key_id", "1", "sealed",
	    list);
}

static void
write_secrets(const char *def)
{
	json_auto_t *doc = json_pack("{s:i, s:[o,o,o], s:o}", "version", 1,
	    "repositories", repository("h/o/n", "h/o/n", "old", "new"),
	    repository("h/p/n", "h/p/n", "other", NULL),
	    repository("h/q/n", "h/o/n", "moved", NULL), "default",
	    json_array());
	auto_buf struct buf text = { 0 };

	if (def != NULL)
		seal(json_object_get(doc, "default"), "*", def);
	json_write(&text, doc, 0);
	ok(io_replace("repositories.json", 0600, text.data, text.len, &err) ==
		0,
	    "secrets are written");
}

struct sent {
	const char *secret, *name, *id, *type;
	bool sha1;
};

/* The status; the answer's reason is left in a. */
static int
deliver(struct hook *hook, const struct sent *s, const char *body,
    struct response *a)
{
	unsigned char mac[SHA256_BYTES];
	char hex[2 * SHA256_BYTES + 1], sig[96];
	struct request q = {
		.method = "POST",
		.path = HOOK_PATH,
		.from = "unix",
		.length = strlen(body),
	};
	int rc;

	hmac_sha256(s->secret, strlen(s->secret), body, strlen(body), mac);
	hex_encode(mac, sizeof(mac), hex);
	(void)snprintf(sig, sizeof(sig), "sha256=%s", hex);
	q.header[q.headers++] = (struct request_header){
		s->sha1 ? "X-Hub-Signature" : "X-Hub-Signature-256", sig
	};
	q.header[q.headers++] =
	    (struct request_header){ "content-type", s->type };
	q.header[q.headers++] =
	    (struct request_header){ "X-GitHub-Event", s->name };
	q.header[q.headers++] =
	    (struct request_header){ "X-GitHub-Delivery", s->id };
	err = (struct err){ 0 };
	*a = (struct response){ 0 };
	rc = hook_judge(&q, a, hook, &err);
	if (rc != 0)
		return a->status;
	q.body = body;
	q.size = strlen(body);
	if (hook_handle(&q, a, hook, &err) < 0)
		response_failed(a, &err);
	if (a->hold && hook_flush(hook, &err) < 0)
		response_failed(a, &err);
	return a->status;
}

#define JSON "application/json"
#define FORM "application/x-www-form-urlencoded; charset=utf-8"

static const struct {
	struct sent sent;
	const char *body;
	int status;
	const char *says;
} rows[] = {
	{ { "old", "push", "1", JSON, false },
	    PUSH("refs/heads/main", SHA, "a"), 202, "recorded" },
	{ { "old", "push", "1", JSON, false },
	    PUSH("refs/heads/main", SHA, "a"), 200, "recorded before" },
	{ { "old", "push", "2", JSON, false },
	    PUSH("refs/heads/main", SHA, "a"), 200, "another id" },
	{ { "new", "push", "3", JSON, false },
	    PUSH("refs/heads/main", SHA, "b"), 202, "recorded" },
	{ { "new", "push", "4", FORM, false },
	    "x=1&payload=%7B%22ref%22%3A%22refs%2Fheads%2Fm%22%2C%22after%22%3A"
	    "%22" SHA "%22%2C%22repository%22%3A%7B%22full_name%22%3A%22O%2FN"
	    "%22%2C%22clone_url%22%3A%22https%3A%2F%2Fh%2FO%2FN%22%7D%7D",
	    202, "recorded" },
	{ { "new", "push", "5", FORM, false }, "\"full_name\":\"o/n\"", 400,
	    "payload" },
	{ { "new", "push", "5", FORM, false },
	    "payload=%7B%2x&a=\"full_name\":\"o/n\"", 400, "form" },
	{ { "new", "ping", "5", JSON, false }, "{" REPO "}", 200, "pong" },
	{ { "new", "push", "5", JSON, false }, PUSH("refs/tags/a", SHA, ""),
	    200, "a tag" },
	{ { "new", "push", "5", JSON, false }, "{\"full_name\":\"o/n\"", 400,
	    "bad-json" },
	{ { "wrong", "push", "5", JSON, false },
	    PUSH("refs/heads/main", SHA, "c"), 401, "no secret of ours" },
	{ { "other", "push", "5", JSON, false },
	    PUSH("refs/heads/main", SHA, "c"), 401, "no secret of ours" },
	/* Signed by p/n's, which names itself, and speaks of o/n. */
	{ { "other", "push", "5", JSON, false },
	    "{\"x\":{\"full_name\":\"p/n\"},\"ref\":\"refs/heads/m\",\"after\":"
	    "\"" SHA "\"," REPO "}",
	    401, "no secret of ours" },
	/* A box that has been moved to another row. */
	{ { "moved", "push", "5", JSON, false },
	    "{\"ref\":\"refs/heads/m\",\"after\":\"" SHA "\",\"repository\":{"
	    "\"full_name\":\"q/n\",\"clone_url\":\"https://h/q/n\"}}",
	    401, "no secret of ours" },
	{ { "x", "push", "5", JSON, false },
	    "{\"repository\":{\"full_name\":\"no/body\"}}", 401,
	    "no secret of ours" },
	{ { "new", "push", "5", JSON, true }, "{}", 401, "SHA-1" },
	{ { "new", "push", "5", "text/plain", false }, "{}", 415, "json" },
	{ { "new", "push", "a/b", JSON, false }, "{}", 400, "Delivery" },
	{ { "new", "push", "", JSON, false }, "{}", 400, "Delivery" },
	{ { "new", "../x", "5", JSON, false }, "{}", 400, "Event" },
	{ { "new", "push", "5", JSON, false }, "", 400, "empty" },
};

static void
requests(struct hook *hook)
{
	struct response a;

	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		int status = deliver(hook, &rows[i].sent, rows[i].body, &a);

		ok(status == rows[i].status &&
			strstr(a.body.data, rows[i].says) != NULL,
		    "row %zu: %d, want %d: %s", i, status, rows[i].status,
		    a.body.data);
		response_release(&a);
	}
}

static void
spooled(struct spool *s)
{
	auto_spool_row struct spool_row row = { 0 };
	int64_t n;

	ok(spool_waiting(s, &n, &err) == 0 && n == 3, "three are recorded");
	ok(spool_next(s, &row, &err) == 1, "the first");
	tap_str(json_str(row.delivery, "delivery", ""), "1", "is the first");
	tap_str(json_string_value(json_array_get(json_at(row.delivery,
						     "repository.keys"),
		    0)),
	    "h/o/n", "and has the key whose secret has signed");
}

static void
changes(struct hook *hook)
{
	static const struct sent s = { "all", "push", "9", JSON, false };
	static const char body[] =
	    "{\"ref\":\"refs/heads/m\",\"after\":\"" SHA
	    "\",\"repository\":{\"full_name\":\"z/z\",\"clone_url\":"
	    "\"https://h/z/z\"}}";
	struct response a;

	ok(deliver(hook, &s, body, &a) == 401, "no default secret yet");
	response_release(&a);
	write_secrets("all");
	ok(deliver(hook, &s, body, &a) == 202, "there is one now: it is read");
	response_release(&a);
	ok(io_replace("repositories.json", 0600, "{", 1, &err) == 0, "broken");
	ok(deliver(hook, &s, body, &a) == 200, "the secrets stay as they were");
	response_release(&a);
	(void)io_remove("repositories.json", &err);
	ok(deliver(hook, &s, body, &a) == 401, "no file, no secrets");
	response_release(&a);
}

/* The key goes between reading the file and opening what is in it. */
static void
rotated(void)
{
	struct secrets *s = NULL;
	auto_strvec struct strvec names = { 0 }, keys = { 0 };
	unsigned char mac[SHA256_BYTES];

	strvec_add(&names, "o/n");
	hmac_sha256("new", 3, "text", 4, mac);
	write_secrets(NULL);
	ok(secrets_open(&s, ".", &err) == 0, "read");
	crypto_box_keypair(pk, sk);
	ok(io_replace("key-2", 0600, sk, sizeof(sk), &err) == 0, "a new key");
	write_secrets(NULL);
	(void)io_remove("key-1", &err);
	secrets_match(s, &names, "text", 4, mac, &keys);
	ok(keys.n == 1 && strcmp(keys.v[0], "h/o/n") == 0,
	    "a key that was rotated meanwhile loses no delivery");
	secrets_close(s);
	(void)io_remove("key-2", &err);
	(void)io_remove("repositories.json", &err);
}

static void
paths(void)
{
	static const struct {
		const char *method, *path;
		int status;
	} all[] = {
		{ "GET", "/healthz", 200 },
		{ "HEAD", "/healthz", 200 },
		{ "POST", "/healthz", 405 },
		{ "GET", HOOK_PATH, 405 },
		{ "PUT", HOOK_PATH, 405 },
		{ "POST", HOOK_PATH, 401 },
		{ "POST", HOOK_PATH "/", 404 },
		{ "GET", "/", 404 },
	};

	for (size_t i = 0; i < sizeof(all) / sizeof(*all); i++) {
		struct request q = { .method = all[i].method,
			.path = all[i].path };
		struct response a = { 0 };

		ok(hook_judge(&q, &a, NULL, &err) == 1 &&
			a.status == all[i].status,
		    "%s %s: %d", all[i].method, all[i].path, all[i].status);
		ok((a.allow != NULL) == (all[i].status == 405), "Allow");
		response_release(&a);
	}
}

int
main(void)
{
	char dir[] = "/tmp/rcn-unit-hook-XXXXXX";
	struct hook hook = { .tmp = "." };

	if (sodium_init() < 0 || mkdtemp(dir) == NULL || chdir(dir) < 0)
		return EX_OSERR;
	json_init();
	crypto_box_keypair(pk, sk);
	names();
	event_rows();
	forks();
	paths();
	ok(io_replace("key-1", 0600, sk, sizeof(sk), &err) == 0, "a key");
	write_secrets(NULL);
	ok(secrets_open(&hook.secrets, ".", &err) == 0, "secrets");
	ok(secrets_count(hook.secrets) == 3, "of three repositories");
	ok(spool_open(&hook.spool, "spool.db", SPOOL_CREATE, &err) == 0,
	    "spool");
	requests(&hook);
	spooled(hook.spool);
	changes(&hook);
	rotated();
	spool_close(hook.spool);
	secrets_close(hook.secrets);
	(void)io_remove("key-1", &err);
	(void)io_remove("spool.db", &err);
	ok(chdir("/") == 0 && rmdir(dir) == 0, "nothing else was left");
	return tap_end();
}
