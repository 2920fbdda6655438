#include "engine/engine.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/text.h"

#define DEFAULT_HOST "unix:///var/run/docker.sock"

enum { API_MINOR = 44, API_MINOR_MIN = 41, CALL_MS = 120000 };

struct engine {
	struct http *http;
	char *socket; /* of unix://, or NULL */
	char *base; /* "http://localhost", "https://host:2376" */
	char *ca, *cert, *key; /* with TLS */
	char api[8]; /* "1.41" */
	bool podman;
	char *version; /* asked once */
	int containerd; /* -1: not asked */
};

void
engine_close(struct engine *e)
{
	if (e == NULL)
		return;
	http_free(e->http);
	free(e->socket);
	free(e->base);
	free(e->ca);
	free(e->cert);
	free(e->key);
	free(e->version);
	free(e);
}

const char *
engine_api(const struct engine *e)
{
	return e->api;
}

const char *
engine_address(const struct engine *e)
{
	return e->socket != NULL ? e->socket : e->base;
}

const char *
engine_name(const struct engine *e)
{
	return e->podman ? "podman" : "docker";
}

static void
set_tls(struct engine *e)
{
	const char *dir = getenv("DOCKER_CERT_PATH");

	if (dir == NULL || *dir == '\0')
		return;
	e->ca = mem_printf("%s/ca.pem", dir);
	e->cert = mem_printf("%s/cert.pem", dir);
	e->key = mem_printf("%s/key.pem", dir);
}

static int
set_host(struct engine *e, const char *host, struct err *err)
{
	const char *verify = getenv("DOCKER_TLS_VERIFY");

	if (host == NULL || *host == '\0')
		host = getenv("DOCKER_HOST");
	if (host == NULL || *host == '\0')
		host = DEFAULT_HOST;
	if (text_starts(host, "unix://")) {
		e->socket = mem_strdup(host + 7);
		e->base = mem_strdup("http://localhost");
		return 0;
	}
	if (text_starts(host, "tcp://")) {
		bool tls = verify != NULL && *verify != '\0';

		set_tls(e);
		e->base =
		    mem_printf("%s://%s", tls ? "https" : "http", host + 6);
		return 0;
	}
	err_set(err, EX_CONFIG, "bad-setting", "DOCKER_HOST: %s", host);
	return err_hint(err, "unix:///path/of.sock or tcp://host:port");
}

/* A connection that was not to be had, said of the engine. */
static int
lost(const struct engine *e, struct err *err)
{
	const char *where = engine_address(e);
	struct err why = *err;

	if (why.status == EX_TEMPFAIL || why.status == EX_DATAERR)
		return -1;
	if (why.sys == EACCES || why.sys == EPERM) {
		err_set(err, EX_NOPERM, "engine-denied",
		    "engine at %s: permission denied", where);
		return err_hint(err, "run as root or join the group of the "
				     "socket");
	}
	if (why.status != EX_UNAVAILABLE)
		return err_wrap(err, "engine at %s", where);
	err_set(err, EX_UNAVAILABLE, "engine-down", "engine: %s", why.msg);
	return err_hint(err, "start the engine (systemctl start docker), or "
			     "set DOCKER_HOST");
}

static void
aim(const struct engine *e, struct http_request *q)
{
	q->unix_socket = e->socket;
	q->ca_file = e->ca;
	q->cert_file = e->cert;
	q->key_file = e->key;
}

bool
engine_is_full(const char *message)
{
	return strstr(message, "no space left on device") != NULL ||
	       strstr(message, "disk quota exceeded") != NULL;
}

int
engine_full(const char *what, const char *message, struct err *err)
{
	err_set(err, EX_IOERR, "disk-full", "%s: %s", what, message);
	return err_hint(err, "make room on the engine's disk: docker builder "
			     "prune, docker image prune");
}

/* The engine's {"message"} as our error. */
static int
refused(const struct http_answer *a, const char *method, const char *path,
    struct err *err)
{
	struct err ignored = { 0 };
	json_auto_t *v =
	    json_parse(buf_str(&a->body), a->body.len, "answer", &ignored);
	const char *message = json_str(v, "message", NULL);

	if (message != NULL && engine_is_full(message))
		return engine_full("engine", message, err);
	return err_set(err, EX_PROTOCOL, "engine-refused",
	    "engine: %s %.200s: %s (HTTP %d)", method, path,
	    message != NULL ? message : "no message", a->status);
}

/* "1.41" of the engine and ours: the lower minor. */
static int
choose_api(struct engine *e, const struct http_answer *a, struct err *err)
{
	const char *theirs = http_header(a, "Api-Version");
	struct err bad = { 0 };
	uint64_t minor = 0;

	if (theirs == NULL || !text_starts(theirs, "1.") ||
	    parse_u64(theirs + 2, 0, 999, &minor, &bad) < 0)
		return err_set(err, EX_PROTOCOL, "bad-answer",
		    "engine: /_ping without an Api-Version: is this an "
		    "engine?");
	if (minor < API_MINOR_MIN) {
		err_set(err, EX_UNAVAILABLE, "engine-old",
		    "engine: API %s is older than 1.%d", theirs, API_MINOR_MIN);
		return err_hint(err, "Docker Engine 20.10 or newer");
	}
	(void)snprintf(e->api, sizeof(e->api), "1.%u",
	    minor < API_MINOR ? (unsigned)minor : API_MINOR);
	e->podman = http_header(a, "Libpod-API-Version") != NULL;
	return 0;
}

static int
ping(struct engine *e, struct err *err)
{
	auto_http_answer struct http_answer a = { 0 };
	auto_free char *url = mem_printf("%s/_ping", e->base);
	struct http_request q = {
		.method = "GET", .url = url, .total_ms = CALL_MS
	};

	aim(e, &q);
	if (http_run(e->http, &q, &a, err) < 0)
		return lost(e, err);
	if (a.status != 200)
		return refused(&a, "GET", "/_ping", err);
	return choose_api(e, &a, err);
}

int
engine_open(struct engine **out, const char *host, struct err *err)
{
	struct engine *e = mem_zalloc(1, sizeof(*e));

	e->containerd = -1;
	e->http = http_new();
	if (set_host(e, host, err) < 0 || ping(e, err) < 0) {
		engine_close(e);
		return -1;
	}
	*out = e;
	return 0;
}

static char *
url_of(const struct engine *e, const char *path)
{
	return mem_printf("%s/v%s%s", e->base, e->api, path);
}

static void
take_json(const struct http_answer *a, json_t **out)
{
	struct err ignored = { 0 };

	if (out == NULL)
		return;
	*out = a->body.len == 0
		   ? NULL
		   : json_parse(a->body.data, a->body.len, "answer", &ignored);
}

int
engine_call(struct engine *e, const char *method, const char *path,
    const json_t *body, int *status, json_t **out, struct err *err)
{
	auto_http_answer struct http_answer a = { 0 };
	auto_free char *url = url_of(e, path);
	AUTO(buf_wipe) struct buf text = { 0 };
	auto_strvec struct strvec headers = { 0 };
	struct http_request q = { .method = method,
		.url = url,
		.headers = &headers,
		.body_max = 64 << 20,
		.total_ms = CALL_MS };

	aim(e, &q);
	if (body != NULL) {
		json_write(&text, body, JSON_COMPACT);
		strvec_add(&headers, "Content-Type: application/json");
		q.body = text.data;
		q.body_len = text.len;
	}
	if (http_run(e->http, &q, &a, err) < 0)
		return lost(e, err);
	if (status != NULL)
		*status = a.status;
	else if (a.status < 200 || a.status > 299)
		return refused(&a, method, path, err);
	take_json(&a, out);
	return 0;
}

json_t *
engine_list(struct engine *e, const char *path, const char *label,
    struct err *err)
{
	auto_buf struct buf whole = { 0 };
	auto_buf struct buf text = { 0 };
	json_t *out = NULL;

	buf_adds(&whole, path);
	if (label != NULL) {
		json_auto_t *f = json_pack("{s:[s]}", "label", label);

		json_write(&text, f, JSON_COMPACT);
		buf_adds(&whole, "&filters=");
		http_quote(&whole, text.data);
	}
	if (engine_call(e, "GET", whole.data, NULL, NULL, &out, err) < 0)
		return NULL;
	if (json_is_array(out))
		return out;
	json_decref(out);
	err_set(err, EX_PROTOCOL, "engine-answer", "engine: %s: not a list",
	    path);
	return NULL;
}

static int
on_piece(const void *p, size_t n, void *ctx, struct err *err)
{
	return jsonstream_add(ctx, p, n, err);
}

int
engine_stream(struct engine *e, const char *method, const char *path,
    const struct engine_send *send, jsonstream_fn *each, void *ctx,
    struct err *err)
{
	auto_http_answer struct http_answer a = { 0 };
	auto_free char *url = url_of(e, path);
	struct jsonstream json = { .each = each, .ctx = ctx, .what = "engine" };
	struct http_request q = { .method = method,
		.url = url,
		.write = on_piece,
		.write_ctx = &json };
	int rc;

	aim(e, &q);
	if (send != NULL) {
		q.headers = send->headers;
		q.push = send->push;
		q.serve = send->serve;
		q.tick = send->tick;
		q.push_ctx = send->ctx;
		q.total_ms = send->total_ms;
		q.idle_ms = send->idle_ms;
	}
	rc = http_run(e->http, &q, &a, err);
	if (rc == 0 && (a.status < 200 || a.status > 299))
		rc = refused(&a, method, path, err);
	else if (rc == 0)
		rc = jsonstream_end(&json, err);
	jsonstream_release(&json);
	if (rc < 0 && err->code != NULL &&
	    (strcmp(err->code, "connect-failed") == 0 ||
		strcmp(err->code, "connection-lost") == 0))
		return lost(e, err);
	return rc;
}

int
engine_raw(struct engine *e, const char *path, http_write_fn *each, void *ctx,
    struct err *err)
{
	auto_http_answer struct http_answer a = { 0 };
	auto_free char *url = url_of(e, path);
	struct http_request q = {
		.method = "GET", .url = url, .write = each, .write_ctx = ctx
	};

	aim(e, &q);
	if (http_run(e->http, &q, &a, err) < 0)
		return err->code != NULL &&
			       strcmp(err->code, "connect-failed") == 0
			   ? lost(e, err)
			   : -1;
	if (a.status < 200 || a.status > 299)
		return refused(&a, "GET", path, err);
	return 0;
}

int
engine_hijack(struct engine *e, const char *method, const char *path,
    const struct strvec *headers, const json_t *body, const char *upgrade,
    struct hijack **h, struct err *err)
{
	auto_free char *url = url_of(e, path);
	AUTO(buf_wipe) struct buf text = { 0 };
	auto_strvec struct strvec all = { 0 };
	struct http_request q = {
		.method = method, .url = url, .headers = &all
	};

	aim(e, &q);
	for (size_t i = 0; headers != NULL && i < headers->n; i++)
		strvec_add(&all, headers->v[i]);
	if (body != NULL) {
		json_write(&text, body, JSON_COMPACT);
		strvec_add(&all, "Content-Type: application/json");
		q.body = text.data;
		q.body_len = text.len;
	}
	if (hijack_open(h, &q, upgrade, err) < 0)
		return lost(e, err);
	return 0;
}

const char *
engine_stream_error(const json_t *o)
{
	const char *s = json_str(o, "errorDetail.message", NULL);

	return s != NULL ? s : json_str(o, "error", NULL);
}

const char *
engine_version(struct engine *e, struct err *err)
{
	json_t *v = NULL;

	if (e->version != NULL)
		return e->version;
	if (engine_call(e, "GET", "/version", NULL, NULL, &v, err) < 0)
		return NULL;
	e->version = mem_strdup(json_str(v, "Version", "unknown"));
	json_decref(v);
	return e->version;
}

static unsigned long
api_minor(const struct engine *e)
{
	const char *dot = strchr(e->api, '.');

	return dot != NULL ? strtoul(dot + 1, NULL, 10) : 0;
}

/* /info: DriverStatus has ["driver-type", "io.containerd.snapshotter.v1"]. */
int
engine_containerd_store(struct engine *e, struct err *err)
{
	json_t *v = NULL, *row;
	size_t i;

	/* Engines before 24 have no such store, and are slow to answer. */
	if (e->containerd < 0 && api_minor(e) < 43)
		e->containerd = 0;
	if (e->containerd >= 0)
		return e->containerd;
	if (engine_call(e, "GET", "/info", NULL, NULL, &v, err) < 0)
		return -1;
	e->containerd = 0;
	json_array_foreach(json_object_get(v, "DriverStatus"), i, row) {
		const char *kind = json_string_value(json_array_get(row, 1));

		if (kind != NULL &&
		    text_starts(kind, "io.containerd.snapshotter"))
			e->containerd = 1;
	}
	json_decref(v);
	return e->containerd;
}
