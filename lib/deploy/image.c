#include "deploy/image.h"

#include <string.h>

#include "base/buf.h"
#include "base/json.h"
#include "base/log.h"
#include "base/text.h"
#include "engine/image.h"

void
image_release(struct image *image)
{
	free(image->ref);
	free(image->id);
	*image = (struct image){ 0 };
}

/* "10000/tcp" alone among those that are EXPOSEd, or 0. */
static int
only_port(const json_t *inspected)
{
	json_t *ports = json_at(inspected, "Config.ExposedPorts");
	const char *name = json_object_iter_key(json_object_iter(ports));
	auto_free char *text = NULL;
	struct err err = { 0 };
	uint64_t port;

	if (json_object_size(ports) != 1 || text_ends(name, "/udp"))
		return 0;
	text = mem_strndup(name, strcspn(name, "/"));
	return parse_u64(text, 1, 65535, &port, &err) == 0 ? (int)port : 0;
}

/* 1 the engine has it, 0 it has not. */
static int
look(struct engine *e, const char *ref, struct image *image, struct err *err)
{
	json_auto_t *out = NULL;
	int found = ref != NULL ? engine_image_look(e, ref, &out, err) : 0;

	if (found != 1)
		return found;
	image->ref = mem_strdup(ref);
	image->id = mem_strdup(json_str(out, "Id", ""));
	image->port = only_port(out);
	return 1;
}

static int
gone(const char *ref, struct err *err)
{
	*err = (struct err){ 0 };
	err_set(err, EX_NOINPUT, "image-gone",
	    "image %s: neither on the engine nor in its registry", ref);
	return err_hint(err, "build it again, or see how it is spelt");
}

static int
fetch(struct engine *e, const char *ref, image_auth_fn *auth, struct err *err)
{
	AUTO(buf_wipe) struct buf header = { 0 };
	auto_buf struct buf host = { 0 };

	engine_image_host(ref, &host);
	if (auth != NULL && auth(host.data, &header, err) < 0)
		return -1;
	log_note("pulling %s", ref);
	if (engine_image_pull(e, ref, header.data, err) == 0)
		return 0;
	if (err->status == EX_NOINPUT)
		return gone(ref, err);
	if (err->hint[0] == '\0')
		err_hint(err, "the engine does not have it: build it, or see "
			      "that its registry answers");
	return -1;
}

/* One that was built here and never pushed is in no registry. */
static const char *
remote(const json_t *doc)
{
	const char *pushed = json_str(doc, "push.ref", NULL);

	if (pushed != NULL || json_str(doc, "image.id", NULL) != NULL)
		return pushed;
	return json_str(doc, "image.ref", NULL);
}

int
image_named(const json_t *doc, struct err *err)
{
	if (json_str(doc, "image.ref", NULL) != NULL ||
	    json_str(doc, "push.ref", NULL) != NULL)
		return 0;
	err_set(err, EX_DATAERR, "section-missing",
	    "document: no image and no push section");
	return err_hint(err,
	    "rcn-build writes it, or name one: rcn-deploy --image REF");
}

int
image_ensure(struct engine *e, const json_t *doc, image_auth_fn *auth,
    struct image *image, struct err *err)
{
	const char *built = json_str(doc, "image.ref", NULL);
	const char *pushed = json_str(doc, "push.ref", NULL);
	const char *far = remote(doc);
	int found;

	found = look(e, built, image, err);
	if (found == 0)
		found = look(e, pushed, image, err);
	if (found != 0)
		return found < 0 ? -1 : 0;
	if (far == NULL)
		return gone(built, err);
	if (fetch(e, far, auth, err) < 0)
		return -1;
	found = look(e, far, image, err);
	return found == 0 ? gone(far, err) : found < 0 ? -1 : 0;
}
