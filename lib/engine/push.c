#include "engine/push.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/text.h"
#include "engine/refused.h"

enum { IDLE_MS = 300000, ID_DIGITS = 12 };

void
push_release(struct push *p)
{
	free(p->layers);
	p->layers = NULL;
	p->n = 0;
}

unsigned
push_count(const struct push *p, enum push_state state)
{
	unsigned n = 0;

	for (size_t i = 0; i < p->n; i++)
		n += p->layers[i].state == state;
	return n;
}

uint64_t
push_bytes(const struct push *p)
{
	uint64_t sum = 0;

	for (size_t i = 0; i < p->n; i++)
		if (p->layers[i].state == PUSH_UPLOADED)
			sum += p->layers[i].bytes;
	return sum;
}

static bool
is_digest(const char *s)
{
	return text_starts(s, "sha256:") &&
	       strspn(s + 7, "0123456789abcdef") == 64;
}

void
push_sizes(struct push *p, const json_t *manifest)
{
	const json_t *layers = json_object_get(manifest, "layers"), *blob;
	size_t i;

	json_array_foreach(layers, i, blob) {
		const char *digest = json_str(blob, "digest", "");
		int64_t size = json_int(blob, "size", 0);

		if (!is_digest(digest) || size < 0)
			continue;
		for (size_t k = 0; k < p->n; k++)
			if (strlen(p->layers[k].id) == ID_DIGITS &&
			    text_starts(digest + 7, p->layers[k].id))
				p->layers[k].bytes = (uint64_t)size;
	}
}

/* ---- the stream ---- */

static struct push_layer *
layer_of(struct push *p, const char *id)
{
	struct push_layer *l;

	for (size_t i = 0; i < p->n; i++)
		if (strncmp(p->layers[i].id, id, sizeof(l->id) - 1) == 0)
			return &p->layers[i];
	if (p->n == PUSH_LAYERS_MAX)
		return NULL;
	p->layers = mem_realloc(p->layers, p->n + 1, sizeof(*p->layers));
	l = &p->layers[p->n++];
	*l = (struct push_layer){ 0 };
	(void)snprintf(l->id, sizeof(l->id), "%s", id);
	return l;
}

/* Lines with an id that are about a layer, by their beginning. */
static void
read_layer(struct push *p, const json_t *o, const char *id, const char *status)
{
	static const struct {
		const char *text;
		enum push_state state;
	} rows[] = {
		{ "Preparing", PUSH_SEEN },
		{ "Waiting", PUSH_SEEN },
		{ "Pushing", PUSH_SEEN },
		{ "Retrying", PUSH_SEEN },
		{ "Layer already exists", PUSH_EXISTING },
		{ "Already exists", PUSH_EXISTING },
		{ "Mounted from", PUSH_MOUNTED },
		{ "Pushed", PUSH_UPLOADED },
	};
	int64_t bytes = json_int(o, "progressDetail.current", 0);
	struct push_layer *l = NULL;

	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		if (!text_starts(status, rows[i].text) ||
		    (l = layer_of(p, id)) == NULL)
			continue;
		if (bytes > 0 && (uint64_t)bytes > l->bytes)
			l->bytes = (uint64_t)bytes;
		if (rows[i].state != PUSH_SEEN)
			l->state = rows[i].state;
		if (p->note != NULL)
			p->note(p, l, p->ctx);
		return;
	}
}

/* TAG: digest: sha256:HEX size: N */
static void
read_digest(struct push *p, const json_t *o, const char *status)
{
	const char *digest = json_str(o, "aux.Digest", NULL);

	if (digest == NULL && (digest = strstr(status, "digest: ")) != NULL)
		digest += strlen("digest: ");
	if (digest != NULL && is_digest(digest))
		(void)snprintf(p->digest, sizeof(p->digest), "%.71s", digest);
}

static int
classify(const char *text, struct err *err)
{
#define GONE EX_NOINPUT, "image-gone", "rcn-build makes it again"
	static const struct refusal rows[] = {
		{ "does not exist locally", GONE },
		{ "tag does not exist", GONE },
		{ "no such image", GONE },
		{ "", EX_PROTOCOL, "push-failed", NULL },
	};

	return refused(rows, text, err);
}

int
push_read(json_t *o, void *ctx, struct err *err)
{
	struct push *p = ctx;
	const char *failed = engine_stream_error(o);
	const char *id = json_str(o, "id", NULL);
	const char *status = json_str(o, "status", "");

	if (failed != NULL)
		return classify(failed, err);
	if (id != NULL)
		read_layer(p, o, id, status);
	else
		read_digest(p, o, status);
	return 0;
}

int
push_end(const struct push *p, struct err *err)
{
	if (p->digest[0] != '\0')
		return 0;
	return err_set(err, EX_PROTOCOL, "push-failed",
	    "the engine ended it without a digest");
}

/* ---- calls ---- */

static void
path_of(struct buf *path, const char *image, const char *what)
{
	buf_adds(path, "/images/");
	http_quote(path, image);
	buf_adds(path, what);
}

static int
gone(const char *image, struct err *err)
{
	err_set(err, EX_NOINPUT, "image-gone", "%s: no such image here", image);
	return err_hint(err, "rcn-build makes it again");
}

int
engine_tag(struct engine *e, const char *image, const char *name,
    const char *tag, struct err *err)
{
	auto_buf struct buf path = { 0 };
	json_auto_t *answer = NULL;
	int status = 0;

	path_of(&path, image, "/tag?repo=");
	http_quote(&path, name);
	buf_adds(&path, "&tag=");
	http_quote(&path, tag);
	if (engine_call(e, "POST", path.data, NULL, &status, &answer, err) < 0)
		return -1;
	if (status == 404)
		return gone(image, err);
	if (status == 201 || status == 200)
		return 0;
	return err_set(err, EX_PROTOCOL, "engine-refused",
	    "engine: tag %s as %s:%s: %s (HTTP %d)", image, name, tag,
	    json_str(answer, "message", "no message"), status);
}

int
engine_untag(struct engine *e, const char *image, struct err *err)
{
	auto_buf struct buf path = { 0 };
	int status = 0;

	path_of(&path, image, "?noprune=true");
	return engine_call(e, "DELETE", path.data, NULL, &status, NULL, err);
}

int
engine_push(struct engine *e, const char *name, const char *tag,
    const char *auth, struct push *p, struct err *err)
{
	auto_buf struct buf path = { 0 };
	auto_strvec struct strvec headers = { 0 };
	struct engine_send send = { .headers = &headers, .idle_ms = IDLE_MS };
	struct err own = { 0 };
	int rc;

	path_of(&path, name, "/push?tag=");
	http_quote(&path, tag);
	strvec_addf(&headers, "X-Registry-Auth: %s", auth);
	rc = engine_stream(e, "POST", path.data, &send, push_read, p, &own);
	explicit_bzero(headers.v[0], strlen(headers.v[0]));
	if (rc == 0)
		rc = push_end(p, &own);
	if (rc == 0)
		return 0;
	*err = own;
	if (strcmp(own.code, "engine-refused") == 0)
		(void)classify(own.msg, err);
	return err_wrap(err, "push %s:%s", name, tag);
}
