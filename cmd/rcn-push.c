/*
 * rcn-push - reads a document with `image`, has the engine push it to the
 * registry that is set, asks the registry for what arrived and compares
 * digests; writes `push`.  Without a registry it says so and does nothing.
 */
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/conf.h"
#include "base/log.h"
#include "base/stop.h"
#include "document/cli.h"
#include "document/document.h"
#include "engine/image.h"
#include "engine/push.h"
#include "registry/creds.h"
#include "registry/ref.h"
#include "registry/registry.h"

enum { NOTE_MS = 5000 };

static const struct cli cli = {
	"rcn-push",
	"usage: rcn-push [-hqVv] [-d file] [--registry host[:port][/prefix]]\n",
};

struct options {
	const char *registry; /* NULL: the setting's */
	struct engine *engine; /* opened at the first push */
	struct registry *asked; /* of the host asked last */
	char *host;
	int64_t noted;
};

/* ---- where to ---- */

/* "" where none is set. */
static const char *
registry_of(const struct options *o)
{
	return o->registry != NULL ? o->registry : conf_get("REGISTRY", "");
}

/* REGISTRY/SLUG:TAG.  A host must be written: "team" alone would mean Docker
 * Hub's team, and hardly anybody means that. */
static int
place(const struct options *o, const char *slug, const char *tag,
    struct ref *ref, struct err *err)
{
	const char *r = registry_of(o);
	size_t n = strlen(r);
	auto_free char *text = NULL;
	struct err own = { 0 };

	while (n > 0 && r[n - 1] == '/')
		n--;
	text = mem_printf("%.*s/%s:%s", (int)n, r, slug, tag);
	if (ref_parse(text, ref, &own) == 0 && !ref->bare)
		return 0;
	err_set(err, o->registry != NULL ? EX_USAGE : EX_CONFIG, "bad-setting",
	    "%s: %.300s: not a registry",
	    o->registry != NULL ? "--registry" : "RCN_REGISTRY", r);
	return err_hint(err,
	    "HOST[:PORT]/PREFIX, as registry.example.org/team");
}

/* The tag is the image's own: it is never moved, so neither is the copy. */
static int
target(const json_t *doc, const struct options *o, struct ref *ref,
    struct err *err)
{
	auto_ref struct ref image = { 0 };

	if (ref_parse(json_str(doc, "image.ref", ""), &image, err) < 0) {
		(void)err_wrap(err, "document: image.ref");
		return -1;
	}
	return place(o, doc_slug(doc), image.tag != NULL ? image.tag : "latest",
	    ref, err);
}

/* ---- the same as before? ---- */

static int
key(json_t *doc, void *ctx, char hex[65], struct err *err)
{
	const struct options *o = ctx;
	const char *old = json_str(doc, "push.key", "");
	auto_ref struct ref to = { 0 };
	auto_buf struct buf name = { 0 };
	json_auto_t *v = NULL;

	if (doc_without_build(doc) && strlen(old) == 64) {
		(void)snprintf(hex, 65, "%s", old);
		return 0;
	}
	if (*registry_of(o) != '\0' &&
	    json_str(doc, "image.ref", NULL) != NULL) {
		if (target(doc, o, &to, err) < 0)
			return -1;
		ref_name(&to, &name);
	}
	v = json_pack("{s:s, s:s, s:s}", "id", json_str(doc, "image.id", ""),
	    "ref", json_str(doc, "image.ref", ""), "to", buf_str(&name));
	json_hash(v, hex);
	return 0;
}

static struct registry *
registry_at(struct options *o, const char *host)
{
	if (o->asked != NULL && strcmp(o->host, host) == 0)
		return o->asked;
	registry_close(o->asked);
	free(o->host);
	o->host = mem_strdup(host);
	o->asked = registry_open(host);
	return o->asked;
}

static int
current(json_t *doc, void *ctx, struct err *err)
{
	const char *text = json_str(doc, "push.ref", NULL);
	auto_ref struct ref ref = { 0 };
	struct err bad = { 0 };

	if (doc_without_build(doc) || json_str(doc, "push.skipped", NULL))
		return 1;
	if (text == NULL || ref_parse(text, &ref, &bad) < 0)
		return 0;
	return registry_has(registry_at(ctx, ref.host), &ref, err);
}

/* ---- the push ---- */

/* A line when a layer is up, and every few seconds while one is on its way. */
static void
note(const struct push *p, const struct push_layer *l, void *ctx)
{
	struct options *o = ctx;
	bool done = l->state != PUSH_SEEN;

	if (l->state == PUSH_EXISTING) {
		log_info("%s: is there", l->id);
		return;
	}
	if (!done && clock_ms() - o->noted < NOTE_MS)
		return;
	o->noted = clock_ms();
	if (done && l->bytes == 0)
		log_note("%s: %s", l->id,
		    l->state == PUSH_MOUNTED ? "mounted" : "pushed");
	else if (done)
		log_note("%s: %s, %llu bytes", l->id,
		    l->state == PUSH_MOUNTED ? "mounted" : "pushed",
		    (unsigned long long)l->bytes);
	else if (l->bytes > 0)
		log_note("%s: %llu bytes so far, %u of %zu layers there", l->id,
		    (unsigned long long)l->bytes,
		    push_count(p, PUSH_UPLOADED) +
			push_count(p, PUSH_EXISTING) +
			push_count(p, PUSH_MOUNTED),
		    p->n);
}

/* The registry's own word for what the engine says it has pushed. */
static int
prove(struct options *o, const struct ref *to, struct push *p, struct err *err)
{
	auto_manifest struct manifest m = { 0 };
	json_auto_t *manifest = NULL;
	struct err ignored = { 0 };

	if (registry_manifest(registry_at(o, to->host), to, &m, err) < 0)
		return err_wrap(err, "pushed, but not proven");
	if (strcmp(m.digest, p->digest) != 0)
		return err_set(err, EX_PROTOCOL, "digest-mismatch",
		    "registry %s: %s:%s is %s, pushed was %s", to->host,
		    to->path, to->tag, m.digest, p->digest);
	manifest = json_parse(m.body.data, m.body.len, "manifest", &ignored);
	push_sizes(p, manifest);
	return 0;
}

static int
push_and_prove(struct options *o, const struct ref *to, const char *name,
    struct push *p, struct err *err)
{
	AUTO(buf_wipe) struct buf auth = { 0 };

	if (creds_header(to->host, &auth, err) < 0 ||
	    engine_push(o->engine, name, to->tag, auth.data, p, err) < 0)
		return -1;
	return prove(o, to, p, err);
}

/* Names the image, pushes it; the name goes again if that fails. */
static int
push(struct options *o, const char *image, const struct ref *to, struct push *p,
    struct err *err)
{
	auto_buf struct buf name = { 0 };
	auto_free char *full = NULL;
	struct err ignored = { 0 };
	int had;

	ref_name(to, &name);
	full = mem_printf("%s:%s", name.data, to->tag);
	if (o->engine == NULL && engine_open(&o->engine, NULL, err) < 0)
		return -1;
	had = engine_image_look(o->engine, full, NULL, err);
	if (had < 0 ||
	    engine_tag(o->engine, image, name.data, to->tag, err) < 0)
		return -1;
	if (push_and_prove(o, to, name.data, p, err) == 0)
		return 0;
	if (had == 0) {
		stop_hold(true);
		(void)engine_untag(o->engine, full, &ignored);
		stop_hold(false);
	}
	return -1;
}

static json_t *
section(const struct ref *to, const struct push *p)
{
	return json_pack("{s:o, s:s, s:s, s:{s:i, s:i, s:i}, s:I}", "ref",
	    json_sprintf("%s/%s@%s", to->host, to->path, p->digest), "tag",
	    to->tag, "digest", p->digest, "layers", "existing",
	    (int)push_count(p, PUSH_EXISTING), "mounted",
	    (int)push_count(p, PUSH_MOUNTED), "uploaded",
	    (int)push_count(p, PUSH_UPLOADED), "bytes",
	    (json_int_t)push_bytes(p));
}

static json_t *
run(json_t *doc, void *ctx, struct err *err)
{
	struct options *o = ctx;
	auto_ref struct ref to = { 0 };
	auto_push struct push p = { .note = note, .ctx = o };

	if (doc_without_build(doc))
		return json_pack("[{}]"); /* as it is */
	if (doc_need(doc, "image", err) == NULL)
		return NULL;
	if (*registry_of(o) == '\0')
		return json_pack("{s:s}", "skipped",
		    "no registry is set (RCN_REGISTRY)");
	if (target(doc, o, &to, err) < 0 ||
	    push(o, json_str(doc, "image.ref", ""), &to, &p, err) < 0)
		return NULL;
	log_note("%s/%s:%s: %s", to.host, to.path, to.tag, p.digest);
	return section(&to, &p);
}

static int
take(struct options *o, int argc, char **argv)
{
	const struct cli_option options[] = {
		{ "registry", .text = &o->registry },
		{ 0 },
	};
	auto_ref struct ref ref = { 0 };
	struct err err = { 0 };
	int status = cli_take(&cli, CLI_FILTER, options, argc, argv);

	if (status != CLI_GO)
		return status;
	if (o->registry != NULL &&
	    (*o->registry == '\0' || place(o, "x", "x", &ref, &err) < 0))
		return cli_usage(&cli, "--registry: %s: not HOST[:PORT]/PREFIX",
		    o->registry);
	return CLI_GO;
}

int
main(int argc, char **argv)
{
	static const struct stage stage = {
		.name = "rcn-push",
		.section = "push",
		.key = key,
		.current = current,
		.run = run,
	};
	struct options o = { 0 };
	int status;

	cli_begin(&cli);
	status = take(&o, argc, argv);
	if (status != CLI_GO)
		return status;
	status = doc_filter(&stage, &o);
	engine_close(o.engine);
	registry_close(o.asked);
	free(o.host);
	return cli_end(status);
}
