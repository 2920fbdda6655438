#include "engine/image.h"

#include <string.h>

#include "base/json.h"
#include "base/log.h"
#include "engine/refused.h"

static void
path_of(struct buf *path, const char *ref, const char *what)
{
	buf_adds(path, "/images/");
	http_quote(path, ref);
	buf_adds(path, what);
}

int
engine_image_look(struct engine *e, const char *ref, json_t **out,
    struct err *err)
{
	auto_buf struct buf path = { 0 };
	json_auto_t *got = NULL;
	int status = 0;

	path_of(&path, ref, "/json");
	if (engine_call(e, "GET", path.data, NULL, &status, &got, err) < 0)
		return -1;
	if (status == 404)
		return 0;
	if (status != 200)
		return err_set(err, EX_UNAVAILABLE, "engine-refused",
		    "engine: image %s: %s", ref,
		    json_str(got, "message", "refused without a reason"));
	if (out != NULL)
		*out = json_incref(got);
	return 1;
}

void
engine_image_host(const char *ref, struct buf *host)
{
	size_t n = strcspn(ref, "/");

	/* A first part without a dot or a port is a user of Docker Hub. */
	if (ref[n] == '/' &&
	    (memchr(ref, '.', n) != NULL || memchr(ref, ':', n) != NULL ||
		(n == 9 && memcmp(ref, "localhost", 9) == 0)))
		buf_add(host, ref, n);
	else
		buf_adds(host, "docker.io");
}

/* The tag of a reference that has no digest, or NULL. */
static const char *
tag_of(const char *ref)
{
	const char *slash = strrchr(ref, '/');

	return strchr(slash != NULL ? slash : ref, ':');
}

static int
on_object(json_t *o, void *ctx, struct err *err)
{
	char **failed = ctx;
	const char *said = engine_stream_error(o);

	(void)err;
	if (said != NULL && *failed == NULL)
		*failed = mem_strdup(said);
	else if (said == NULL && json_str(o, "id", NULL) == NULL)
		log_info("%s", json_str(o, "status", ""));
	return 0;
}

/* The engine's words; it answers an error as a status or in its stream. */
static int
not_pulled(const char *ref, const char *said, struct err *err)
{
#define MISSING EX_NOINPUT, "image-missing", NULL
	static const struct refusal rows[] = {
		{ "not found", MISSING },
		{ "manifest unknown", MISSING },
		{ "no matching manifest", MISSING },
		{ "invalid reference", MISSING },
		{ "", EX_UNAVAILABLE, "registry-down", NULL },
	};
	auto_buf struct buf host = { 0 };

	if (engine_is_full(said))
		return engine_full(ref, said, err);
	(void)refused(rows, said, err);
	err_wrap(err, "image %s", ref);
	if (err->status != EX_NOPERM)
		return -1;
	engine_image_host(ref, &host);
	return err_hint(err,
	    "log in to it (docker login %s), or check the "
	    "image's name",
	    host.data);
}

int
engine_image_pull(struct engine *e, const char *ref, const char *auth,
    struct err *err)
{
	const char *tag = strchr(ref, '@') == NULL ? tag_of(ref) : NULL;
	auto_free char *name =
	    mem_strndup(ref, tag != NULL ? (size_t)(tag - ref) : strlen(ref));
	AUTO(buf_wipe) struct buf header = { 0 };
	auto_strvec struct strvec headers = { 0 };
	auto_buf struct buf path = { 0 };
	auto_free char *failed = NULL;
	struct engine_send send = { .headers = &headers };
	struct err why = { 0 };

	buf_adds(&path, "/images/create?fromImage=");
	http_quote(&path, name);
	if (strchr(ref, '@') == NULL) {
		buf_adds(&path, "&tag=");
		http_quote(&path, tag != NULL ? tag + 1 : "latest");
	}
	if (auth != NULL) {
		buf_addf(&header, "X-Registry-Auth: %s", auth);
		strvec_add(&headers, header.data);
	}
	log_info("pulling %s", ref);
	if (engine_stream(e, "POST", path.data, &send, on_object, &failed,
		&why) == 0)
		return failed == NULL ? 0 : not_pulled(ref, failed, err);
	if (strcmp(why.code, "engine-refused") == 0)
		return not_pulled(ref, why.msg, err);
	*err = why;
	return -1;
}

json_t *
engine_image_layers(struct engine *e, const char *ref, struct err *err)
{
	auto_buf struct buf path = { 0 };
	json_auto_t *history = NULL;
	json_t *list;

	path_of(&path, ref, "/history");
	if (engine_call(e, "GET", path.data, NULL, NULL, &history, err) < 0)
		return NULL;
	list = json_array();
	for (size_t i = json_array_size(history); i-- > 0;) {
		int64_t bytes = json_int(json_array_get(history, i), "Size", 0);

		if (bytes > 0)
			json_array_append_new(list,
			    json_pack("{s:I}", "bytes", (json_int_t)bytes));
	}
	return list;
}

json_t *
engine_image_list(struct engine *e, const char *label, struct err *err)
{
	return engine_list(e, "/images/json?all=0", label, err);
}

int
engine_image_remove(struct engine *e, const char *ref, struct err *err)
{
	auto_buf struct buf path = { 0 };
	json_auto_t *out = NULL;
	int status = 0;

	path_of(&path, ref, "");
	if (engine_call(e, "DELETE", path.data, NULL, &status, &out, err) < 0)
		return -1;
	if (status == 200 || status == 404)
		return 1;
	if (status == 409)
		return 0;
	return err_set(err, EX_UNAVAILABLE, "engine-refused",
	    "engine: remove image %s: %s", ref,
	    json_str(out, "message", "refused without a reason"));
}

int
engine_cache_size(struct engine *e, int64_t *bytes, struct err *err)
{
	json_auto_t *out = NULL;
	const json_t *row;
	size_t i;

	*bytes = 0;
	if (engine_call(e, "GET", "/system/df", NULL, NULL, &out, err) < 0)
		return -1;
	json_array_foreach(json_object_get(out, "BuildCache"), i, row)
		if (!json_bool(row, "Shared", false))
			*bytes += json_int(row, "Size", 0);
	return 0;
}

/* `all`: what RUN --mount=type=cache and pulled bases left counts too. */
int
engine_cache_prune(struct engine *e, int64_t keep, int64_t *freed,
    struct err *err)
{
	auto_free char *path =
	    mem_printf("/build/prune?all=1&keep-storage=%lld", (long long)keep);
	json_auto_t *out = NULL;

	if (engine_call(e, "POST", path, NULL, NULL, &out, err) < 0)
		return -1;
	*freed = json_int(out, "SpaceReclaimed", 0);
	return 0;
}
