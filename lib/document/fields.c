/* What stages ask of a document, and the seed of a first program. */
#include "document/document.h"

#include <string.h>

#include "base/crypto.h"
#include "base/text.h"
#include "document/settings.h"

static const struct {
	const char *section, *program;
} owners[] = {
	{ "project", "rcn-detect, rcn-fetch or rcn-deploy --image" },
	{ "deployment", "rcn-detect, rcn-fetch or rcn-deploy --image" },
	{ "source", "rcn-fetch or rcn-detect" },
	{ "plan", "rcn-detect" },
	{ "dockerfile", "rcn-dockerfile" },
	{ "image", "rcn-build" },
	{ "push", "rcn-push" },
	{ "service", "rcn-deploy" },
	{ "route", "rcn-route" },
};

json_t *
doc_need(const json_t *doc, const char *section, struct err *err)
{
	json_t *v = json_object_get(doc, section);

	if (json_is_object(v))
		return v;
	err_set(err, EX_DATAERR, "section-missing", "document: no %s section",
	    section);
	for (size_t i = 0; i < sizeof(owners) / sizeof(*owners); i++)
		if (strcmp(owners[i].section, section) == 0)
			err_hint(err, "%s writes it: put it before",
			    owners[i].program);
	return NULL;
}

const char *
doc_slug(const json_t *doc)
{
	return json_str(doc, "project.slug", "app");
}

const char *
doc_environment(const json_t *doc)
{
	return json_str(doc, "deployment.environment", "production");
}

const char *
doc_deployment(const json_t *doc)
{
	return json_str(doc, "deployment.id", "unknown");
}

int
doc_attempt(const json_t *doc)
{
	return (int)json_int(doc, "deployment.attempt", 1);
}

bool
doc_without_build(const json_t *doc)
{
	static const char *const triggers[] = { "rollback", "image", "scale",
		"restart", "start" };
	const char *trigger = json_str(doc, "deployment.trigger", "");
	bool image = json_str(doc, "image.ref", NULL) != NULL ||
		     json_str(doc, "push.ref", NULL) != NULL;

	if (strcmp(trigger, "env") == 0)
		return image &&
		       !json_bool(doc, "deployment.build_changed", false);
	for (size_t i = 0; i < sizeof(triggers) / sizeof(*triggers); i++)
		if (strcmp(trigger, triggers[i]) == 0)
			return image;
	return false;
}

/* The last part of a path, address or image reference, as a DNS label. */
static void
slug_of(const char *base, struct buf *out)
{
	auto_free char *name = mem_strdup(base);
	size_t n = strlen(name);
	char *part;

	while (n > 1 && name[n - 1] == '/')
		name[--n] = '\0';
	part = strrchr(name, '/');
	part = part != NULL ? part + 1 : name;
	part[strcspn(part, "@:")] = '\0';
	if (text_ends(part, ".git"))
		part[strlen(part) - 4] = '\0';
	text_slug(out, part);
}

/* --project FILE, or {} */
static json_t *
project_of(const struct doc_origin *o, struct err *err)
{
	json_t *p;

	if (o->project_file == NULL)
		return json_object();
	p = json_parse_file(o->project_file, DOC_MAX, err);
	if (p != NULL && settings_check(p, o->project_file, err) < 0) {
		json_decref(p);
		return NULL;
	}
	return p;
}

json_t *
doc_seed(const struct doc_origin *o, struct err *err)
{
	json_auto_t *project = project_of(o, err);
	auto_buf struct buf slug = { 0 };
	const char *environment = o->environment;
	char id[UUID_TEXT];

	if (project == NULL)
		return NULL;
	if (o->slug != NULL)
		buf_adds(&slug, o->slug);
	else if (json_str(project, "slug", NULL) != NULL)
		buf_adds(&slug, json_str(project, "slug", ""));
	else
		slug_of(o->base, &slug);
	if (environment == NULL)
		environment = "production";
	if (!text_is_slug(buf_str(&slug)) || !text_is_slug(environment)) {
		err_set(err, EX_USAGE, "bad-slug",
		    "%s: not a name: lower case letters, digits and hyphens, "
		    "40 at most",
		    text_is_slug(environment) ? slug.data : environment);
		return NULL;
	}
	json_object_set_new(project, "slug", json_string(slug.data));
	uuid7(id);
	return json_pack("{s:{s:i}, s:O, s:{s:s, s:s, s:s, s:i}}", "rcn",
	    "version", DOC_VERSION, "project", project, "deployment", "id", id,
	    "environment", environment, "trigger", "cli", "attempt", 1);
}
