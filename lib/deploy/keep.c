#include "deploy/keep.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/conf.h"
#include "base/crypto.h"
#include "base/json.h"
#include "engine/container.h"
#include "engine/image.h"

enum { HOLDER_HEX = 12 };

struct image { /* borrowed from the engine's list */
	const json_t *row;
	const char *project;
	int64_t created;
	const char *why; /* it stays; NULL: it goes */
};

struct sweep {
	struct engine *e;
	const struct keep *k;
	json_t *images, *containers;
	struct image *v;
	size_t n;
};

static bool
has(const json_t *list, const char *text)
{
	const json_t *s;
	size_t i;

	json_array_foreach(list, i, s)
		if (strcmp(json_string_value(s), text) == 0)
			return true;
	return false;
}

/* By project, the newest first. */
static int
in_order(const void *a, const void *b)
{
	const struct image *x = a, *y = b;
	int by = strcmp(x->project, y->project);

	if (by != 0)
		return by;
	return (x->created < y->created) - (x->created > y->created);
}

static void
collect(struct sweep *s)
{
	const json_t *row;
	size_t i;

	s->v = mem_zalloc(json_array_size(s->images) + 1, sizeof(*s->v));
	json_array_foreach(s->images, i, row) {
		const json_t *tags = json_object_get(row, "RepoTags");

		if (json_array_size(tags) == 0 ||
		    strcmp(json_string_value(json_array_get(tags, 0)),
			"<none>:<none>") == 0)
			continue;
		s->v[s->n++] = (struct image){ .row = row,
			.project = container_label(row, "rcn.project"),
			.created = json_int(row, "Created", 0) };
	}
	if (s->n > 1)
		qsort(s->v, s->n, sizeof(*s->v), in_order);
}

static bool
is_holder(const json_t *container)
{
	return container_label(container, "rcn.keep")[0] != '\0';
}

static bool
in_use(const struct sweep *s, const json_t *image)
{
	const char *id = json_str(image, "Id", "");
	const json_t *c;
	size_t i;

	json_array_foreach(s->containers, i, c)
		if (!is_holder(c) &&
		    strcmp(json_str(c, "ImageID", ""), id) == 0)
			return true;
	return false;
}

static bool
is_wanted(const struct sweep *s, const json_t *image)
{
	const json_t *tag;
	size_t i;

	json_array_foreach(json_object_get(image, "RepoTags"), i, tag)
		if (has(s->k->wanted, json_string_value(tag)))
			return true;
	return false;
}

static void
judge(struct sweep *s)
{
	int64_t now = clock_wall_ms() / 1000, nth = 0;

	for (size_t i = 0; i < s->n; i++) {
		struct image *m = &s->v[i];

		if (i > 0 && strcmp(m->project, s->v[i - 1].project) != 0)
			nth = 0;
		if (in_use(s, m->row))
			m->why = "in use";
		else if (is_wanted(s, m->row))
			m->why = "live, or for a rollback";
		else if (!has(s->k->known, m->project) && nth <= s->k->count)
			m->why = "one of the newest";
		else if (now - m->created < s->k->grace_s)
			m->why = "young";
		nth++;
	}
}

static char *
holder_name(const json_t *image)
{
	char hex[SHA256_HEX];
	const char *id = json_str(image, "Id", "");

	sha256_hex(id, strlen(id), hex);
	return mem_printf("rcn-keep-%.*s", HOLDER_HEX, hex);
}

/* The container that holds it, or NULL. */
static const json_t *
holder_of(const struct sweep *s, const json_t *image)
{
	const char *id = json_str(image, "Id", "");
	const json_t *c;
	size_t i;

	json_array_foreach(s->containers, i, c)
		if (is_holder(c) && strcmp(json_str(c, "ImageID", ""), id) == 0)
			return c;
	return NULL;
}

static int
hold(const struct sweep *s, const json_t *image, struct err *err)
{
	const char *tag =
	    json_string_value(json_array_get(json_object_get(image, "RepoTags"),
		0));
	auto_free char *name = holder_name(image);
	const char *installation = conf_installation(err);
	struct err taken = { 0 };
	json_auto_t *spec = NULL;
	char id[CONTAINER_ID];

	if (installation == NULL)
		return -1;
	spec = json_pack("{s:s, s:[s], s:b, s:{s:s, s:s}}", "Image", tag, "Cmd",
	    "-", "NetworkDisabled", true, "Labels", "rcn.installation",
	    installation, "rcn.keep", container_label(image, "rcn.project"));
	if (container_create(s->e, name, spec, id, &taken) < 0 &&
	    strcmp(taken.code, "name-taken") != 0 &&
	    strcmp(taken.code, "image-gone") != 0) {
		*err = taken;
		return -1;
	}
	return 0;
}

/* 1 it is gone, 0 something uses it, -1. */
static int
let_go(const struct sweep *s, const json_t *image, struct err *err)
{
	const json_t *holder = holder_of(s, image), *tag;
	int gone = 1;
	size_t i;

	if (holder != NULL &&
	    container_remove(s->e, json_str(holder, "Id", ""), err) < 0)
		return -1;
	json_array_foreach(json_object_get(image, "RepoTags"), i, tag)
		if (gone == 1)
			gone = engine_image_remove(s->e, json_string_value(tag),
			    err);
	return gone;
}

static int
act(const struct sweep *s, struct image *m, struct err *err)
{
	int gone;

	if (s->k->dry)
		return 0;
	if (m->why != NULL)
		return holder_of(s, m->row) == NULL ? hold(s, m->row, err) : 0;
	gone = let_go(s, m->row, err);
	if (gone == 0)
		m->why = "in use";
	return gone < 0 ? -1 : 0;
}

/* What holds an image that somebody has removed by force. */
static int
drop_idle_holders(const struct sweep *s, struct err *err)
{
	const json_t *c, *image;
	size_t i, j;

	json_array_foreach(s->containers, i, c) {
		bool found = !is_holder(c);

		json_array_foreach(s->images, j, image)
			if (strcmp(json_str(image, "Id", ""),
				json_str(c, "ImageID", "")) == 0)
				found = true;
		if (!found && !s->k->dry &&
		    container_remove(s->e, json_str(c, "Id", ""), err) < 0)
			return -1;
	}
	return 0;
}

static json_t *
run(struct sweep *s, struct err *err)
{
	json_t *rows = json_array();

	collect(s);
	judge(s);
	for (size_t i = 0; i < s->n; i++) {
		struct image *m = &s->v[i];

		if (act(s, m, err) < 0) {
			json_decref(rows);
			return NULL;
		}
		json_array_append_new(rows,
		    json_pack("{s:s, s:O, s:s, s:I, s:s, s:s}", "kind", "image",
			"ref",
			json_array_get(json_object_get(m->row, "RepoTags"), 0),
			"project", m->project, "bytes",
			(json_int_t)json_int(m->row, "Size", 0), "action",
			m->why != NULL ? "keep" : "remove", "why",
			m->why != NULL ? m->why : "no rollback needs it"));
	}
	if (drop_idle_holders(s, err) == 0)
		return rows;
	json_decref(rows);
	return NULL;
}

json_t *
keep_images(struct engine *e, const struct keep *k, struct err *err)
{
	const char *installation = conf_installation(err);
	struct sweep s = { .e = e, .k = k };
	auto_free char *label = NULL;
	json_t *rows = NULL;

	if (installation == NULL)
		return NULL;
	label = mem_printf("rcn.installation=%s", installation);
	s.containers = container_list(e, label, err);
	s.images =
	    s.containers != NULL ? engine_image_list(e, label, err) : NULL;
	if (s.images != NULL)
		rows = run(&s, err);
	free(s.v);
	json_decref(s.images);
	json_decref(s.containers);
	return rows;
}
