/* The stream of a push, as recorded from engines 20.10 and 29. */
#include "tap.h"

#include "base/json.h"
#include "engine/push.h"

#define DIGEST              \
	"sha256:"           \
	"84a2091dfe51a6887" \
	"555bc846e6a0556a52d907e865feb9d3161478ccb855fd5"

static int notes;

static void
note(const struct push *p, const struct push_layer *l, void *ctx)
{
	(void)p;
	(void)ctx;
	notes += l->state == PUSH_UPLOADED;
}

static int
play(const char *stream, struct push *p, struct err *err)
{
	struct jsonstream s = { .each = push_read, .ctx = p, .what = "t" };
	int rc = jsonstream_add(&s, stream, strlen(stream), err);

	if (rc == 0)
		rc = jsonstream_end(&s, err);
	if (rc == 0)
		rc = push_end(p, err);
	jsonstream_release(&s);
	return rc;
}

/* Engine 20.10.24, and 29 with graph drivers. */
static void
test_graph(void)
{
	static const char stream[] =
	    "{\"status\":\"The push refers to repository [r/a]\"}\r\n"
	    "{\"status\":\"Preparing\",\"progressDetail\":{},\"id\":\"a1\"}\r\n"
	    "{\"status\":\"Preparing\",\"progressDetail\":{},\"id\":\"b2\"}\r\n"
	    "{\"status\":\"Preparing\",\"progressDetail\":{},\"id\":\"c3\"}\r\n"
	    "{\"status\":\"Waiting\",\"progressDetail\":{},\"id\":\"c3\"}\r\n"
	    "{\"status\":\"Layer already exists\",\"progressDetail\":{},"
	    "\"id\":\"a1\"}\r\n"
	    "{\"status\":\"Mounted from team/x\",\"progressDetail\":{},"
	    "\"id\":\"b2\"}\r\n"
	    "{\"status\":\"Pushing\",\"progressDetail\":{\"current\":512,"
	    "\"total\":977408},\"progress\":\"[>  ]\",\"id\":\"c3\"}\r\n"
	    "{\"status\":\"Pushing\",\"progressDetail\":{\"current\":983040,"
	    "\"total\":977408},\"progress\":\"[=>]\",\"id\":\"c3\"}\r\n"
	    "{\"status\":\"Pushed\",\"progressDetail\":{},\"id\":\"c3\"}\r\n"
	    "{\"status\":\"1: digest: " DIGEST " size: 528\"}\r\n"
	    "{\"progressDetail\":{},\"aux\":{\"Tag\":\"1\",\"Digest\":"
	    "\"" DIGEST "\",\"Size\":528}}\r\n";
	auto_push struct push p = { .note = note };
	struct err err = { 0 };

	ok(play(stream, &p, &err) == 0, "a push of three layers");
	tap_str(p.digest, DIGEST, "its digest");
	ok(push_count(&p, PUSH_EXISTING) == 1, "one was there");
	ok(push_count(&p, PUSH_MOUNTED) == 1, "one was mounted");
	ok(push_count(&p, PUSH_UPLOADED) == 1, "one went up");
	ok(push_bytes(&p) == 983040, "bytes of what went up");
	ok(notes == 1, "told once");
}

/* Engine 29 with the containerd store: no aux; an id of the tag as well. */
static void
test_containerd(void)
{
	static const char stream[] =
	    "{\"status\":\"The push refers to repository [r/a]\"}\n"
	    "{\"status\":\"Preparing\",\"id\":\"4bcff63911fc\"}\n"
	    "{\"status\":\"Waiting\",\"id\":\"4bcff63911fc\"}\n"
	    "{\"status\":\"Pushing\",\"progressDetail\":{\"current\":900,"
	    "\"total\":900},\"id\":\"4bcff63911fc\"}\n"
	    "{\"status\":\"Pushed\",\"progressDetail\":{},"
	    "\"id\":\"4bcff63911fc\"}\n"
	    "{\"status\":\"Layer already exists\",\"progressDetail\":{},"
	    "\"id\":\"d0d0d0d0d0d0\"}\n"
	    "{\"status\":\"t1: digest: " DIGEST " size: 1234\"}\n";
	auto_push struct push p = { 0 };
	struct err err = { 0 };

	ok(play(stream, &p, &err) == 0, "no aux line");
	tap_str(p.digest, DIGEST, "the digest of the status line");
	ok(push_bytes(&p) == 900 && push_count(&p, PUSH_EXISTING) == 1,
	    "layers are counted");
}

/* Engine 29.1.3 with the containerd store: a small layer is pushed without a
 * word on its size, and of a large one the last word is not the whole. */
static void
test_sizes(void)
{
	static const char stream[] =
	    "{\"status\":\"The push refers to repository [r/a]\"}\n"
	    "{\"status\":\"Pushed\",\"progressDetail\":{},"
	    "\"id\":\"46e4a09faab1\"}\n"
	    "{\"status\":\"Pushing\",\"progressDetail\":{\"current\":25165824,"
	    "\"total\":30009366},\"id\":\"6cd4f53ff6be\"}\n"
	    "{\"status\":\"Pushed\",\"progressDetail\":{},"
	    "\"id\":\"6cd4f53ff6be\"}\n"
	    "{\"status\":\"Layer already exists\",\"progressDetail\":{},"
	    "\"id\":\"d7871dd389ae\"}\n"
	    "{\"status\":\"Pushing\",\"progressDetail\":{\"current\":77},"
	    "\"id\":\"0c0c0c0c0c0c\"}\n"
	    "{\"status\":\"Pushed\",\"id\":\"0c0c0c0c0c0c\"}\n"
	    "{\"status\":\"1: digest: " DIGEST " size: 403\"}\n";
	static const char manifest[] =
	    "{\"layers\": [{\"size\": 50229, \"digest\": \"sha256:46e4a09faab1"
	    "91729f58607c786ba6437ecd1f84361160a25d4c847af565c1c0\"},"
	    "{\"size\": 30009366, \"digest\": \"sha256:6cd4f53ff6be"
	    "08b23989f71b00b4f1d8f37415774c53a7d17ccd96c2707618a7\"},"
	    "{\"size\": 9, \"digest\": \"sha256:d7871dd389ae"
	    "08b23989f71b00b4f1d8f37415774c53a7d17ccd96c2707618a7\"},"
	    "{\"size\": -1, \"digest\": \"sha256:0c0c0c0c0c0c"
	    "08b23989f71b00b4f1d8f37415774c53a7d17ccd96c2707618a7\"},"
	    "{\"size\": 5, \"digest\": \"sha256:0c0c0c0c0c0c\"}, 7, {}]}";
	auto_push struct push p = { 0 };
	struct err err = { 0 };
	json_auto_t *m = json_parse(manifest, strlen(manifest), "m", &err);

	ok(play(stream, &p, &err) == 0 && m != NULL, "a push of three layers");
	ok(push_bytes(&p) == 25165824 + 77, "of which little is told");
	push_sizes(&p, NULL);
	ok(push_bytes(&p) == 25165824 + 77, "and no manifest says no more");
	push_sizes(&p, m);
	ok(push_bytes(&p) == 50229 + 30009366 + 77, "the manifest's sizes");
}

static void
fails(const char *message, const char *code, int status)
{
	auto_push struct push p = { 0 };
	struct err err = { 0 };
	json_auto_t *o = json_pack("{s:{s:s}, s:s}", "errorDetail", "message",
	    message, "error", message);

	ok(push_read(o, &p, &err) < 0 && err.status == status, "%s", message);
	tap_str(err.code, code, "its code");
}

static void
test_errors(void)
{
	fails("no basic auth credentials", "registry-denied", EX_NOPERM);
	fails("unauthorized: authentication required", "registry-denied",
	    EX_NOPERM);
	fails("denied: requested access to the resource is denied",
	    "registry-denied", EX_NOPERM);
	fails("push access denied, repository does not exist or may require "
	      "authorization: authorization failed: no basic auth credentials",
	    "registry-denied", EX_NOPERM);
	fails("unknown: unexpected status from HEAD request to "
	      "http://127.0.0.1:5000/v2/a/blobs/x: 401 Unauthorized",
	    "registry-denied", EX_NOPERM);
	fails("An image does not exist locally with the tag: r", "image-gone",
	    EX_NOINPUT);
	fails("tag does not exist: r:t", "image-gone", EX_NOINPUT);
	fails("Get \"http://127.0.0.1:24010/v2/\": dial tcp 127.0.0.1:24010: "
	      "connect: connection refused",
	    "registry-down", EX_UNAVAILABLE);
	fails("received unexpected HTTP status: 503 Service Unavailable",
	    "registry-down", EX_UNAVAILABLE);
	fails("toomanyrequests: slow down", "registry-limit", EX_TEMPFAIL);
	fails("http: server gave HTTP response to HTTPS client", "tls-failed",
	    EX_PROTOCOL);
	fails("Get \"https://r/v2/\": x509: certificate signed by unknown "
	      "authority",
	    "tls-failed", EX_PROTOCOL);
	fails("name invalid", "push-failed", EX_PROTOCOL);
}

static void
test_odd(void)
{
	static const char *const streams[] = {
		"",
		"{}",
		"{\"status\":\"digest: sha256:12 size: 3\"}",
		"{\"status\":7,\"id\":[],\"aux\":\"x\"}",
		"{\"aux\":{\"Digest\":\"md5:1\"}}",
		"{\"status\":\"Pushed\",\"id\":\"x\",\"progressDetail\":"
		"{\"current\":-5}}",
	};
	auto_push struct push many = { 0 };

	for (size_t i = 0; i < sizeof(streams) / sizeof(*streams); i++) {
		auto_push struct push p = { 0 };
		struct err err = { 0 };

		ok(play(streams[i], &p, &err) < 0 && err.status == EX_PROTOCOL,
		    "no digest is no push: %s", streams[i]);
		ok(push_bytes(&p) == 0, "no bytes");
	}
	for (int i = 0; i < PUSH_LAYERS_MAX + 9; i++) {
		struct err err = { 0 };
		auto_free char *id = mem_printf("%d", i);
		json_auto_t *o =
		    json_pack("{s:s, s:s}", "status", "Pushed", "id", id);

		(void)push_read(o, &many, &err);
	}
	ok(many.n == PUSH_LAYERS_MAX, "layers are bounded");
}

int
main(void)
{
	json_init();
	test_graph();
	test_containerd();
	test_sizes();
	test_errors();
	test_odd();
	return tap_end();
}
