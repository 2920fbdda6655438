#include "deploy/image.h"

#include <string.h>

#include "base/buf.h"
#include "base/json.h"
#include "base/text.h"

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
	auto_buf struct buf path = { 0 };
	json_auto_t *out = NULL;
	int status = 0;

	buf_adds(&path, "/images/");
	http_quote(&path, ref);
	buf_adds(&path, "/json");
	if (engine_call(e, "GET", path.data, NULL, &status, &out, err) < 0)
		return -1;
	if (status == 404)
		return 0;
	if (status != 200)
		return err_set(err, EX_UNAVAILABLE, "engine-refused",
		    "engine: image %s: %s", ref,
		    json_str(out, "message", "refused without a reason"));
	image->ref = mem_strdup(ref);
	image->id = mem_strdup(json_str(out, "Id", ""));
	image->port = only_port(out);
	return 1;
}

int
image_ensure(struct engine *e, const json_t *doc, struct image *image,
    struct err *err)
{
	const char *built = json_str(doc, "image.ref", NULL);
	const char *pushed = json_str(doc, "push.ref", NULL);
	int found = 0;

	if (built == NULL && pushed == NULL) {
		err_set(err, EX_DATAERR, "section-missing",
		    "document: no image and no push section");
		return err_hint(err,
		    "rcn-build writes it, or name one: rcn-deploy --image REF");
	}
	if (built != NULL)
		found = look(e, built, image, err);
	if (found == 0 && pushed != NULL)
		found = look(e, pushed, image, err);
	if (found != 0)
		return found < 0 ? -1 : 0;
	err_set(err, EX_NOINPUT, "image-gone", "engine: no image %s",
	    pushed != NULL ? pushed : built);
	return err_hint(err, "build it again, or pull it: docker pull %s",
	    pushed != NULL ? pushed : built);
}
