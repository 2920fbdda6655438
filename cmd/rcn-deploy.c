/*
 * rcn-deploy - reads a document with `image` or `push`, runs the release
 * command, starts new instances beside the old and lets each prove that it
 * answers; writes `service`.  --image REF makes it the first program.
 */
#include <stdio.h>
#include <string.h>

#include "base/exit.h"
#include "base/io.h"
#include "deploy/deploy.h"
#include "document/cli.h"
#include "document/document.h"
#include "parse/envfile.h"
#include "registry/creds.h"
#include "registry/ref.h"

static const struct cli cli = {
	"rcn-deploy",
	"usage: rcn-deploy [-hqVv] [-d file] [--env-file file] "
	"[--host host ...]\n"
	"       rcn-deploy [-qv] --image ref [--env-file file] "
	"[--environment name]\n"
	"                  [--host host ...] [--project file] "
	"[--slug slug]\n",
};

struct options {
	const char *env_file, *image;
	struct doc_origin origin;
	struct strvec hosts;
	json_t *env; /* read at the first document */
	bool own_env;
};

/* --env-file, else what lies beside the document, else none. */
static int
load_env(struct options *o, struct err *err)
{
	auto_free char *beside = NULL;

	if (o->env != NULL)
		return 0;
	o->own_env = o->env_file != NULL;
	if (!o->own_env) {
		beside = doc_secret_path("env.json");
		if (beside == NULL || access(beside, F_OK) != 0) {
			o->env = json_object();
			return 0;
		}
	}
	o->env = envfile_load(o->own_env ? o->env_file : beside, "run", err);
	return o->env != NULL ? 0 : -1;
}

static struct deploy
given(const struct options *o)
{
	return (struct deploy){
		.env = o->env,
		.own_env = o->own_env,
		.hosts = o->hosts,
		.auth = creds_header,
	};
}

static int
key(json_t *doc, void *ctx, char hex[65], struct err *err)
{
	struct deploy d;

	if (load_env(ctx, err) < 0)
		return -1;
	d = given(ctx);
	return deploy_key(doc, &d, hex, err);
}

static int
current(json_t *doc, void *ctx, struct err *err)
{
	(void)ctx;
	return deploy_current(doc, err);
}

/* The engine's addresses have it in their path. */
static int
check_image(const json_t *doc, const char *path, struct err *err)
{
	const char *text = json_str(doc, path, NULL);
	auto_ref struct ref ref = { 0 };

	return text == NULL || ref_parse(text, &ref, err) == 0
		   ? 0
		   : err_wrap(err, "document: %s", path);
}

static json_t *
run(json_t *doc, void *ctx, struct err *err)
{
	struct deploy d;

	if (check_image(doc, "image.ref", err) < 0 ||
	    check_image(doc, "push.ref", err) < 0 || load_env(ctx, err) < 0)
		return NULL;
	d = given(ctx);
	return deploy_run(doc, &d, err);
}

static int
first(const struct stage *stage, struct options *o)
{
	struct err err = { 0 };
	json_t *seed;

	o->origin.base = o->image;
	seed = doc_seed(&o->origin, &err);
	if (seed == NULL)
		return doc_fail(&err);
	json_object_set_new(json_object_get(seed, "deployment"), "trigger",
	    json_string("image"));
	json_object_set_new(seed, "image",
	    json_pack("{s:o}", "ref", json_text(o->image)));
	return doc_first(stage, seed, o);
}

static int
take(struct options *o, int argc, char **argv)
{
	const struct cli_option options[] = {
		{ "env-file", .text = &o->env_file },
		{ "environment", .text = &o->origin.environment },
		{ "host", .list = &o->hosts },
		{ "image", .text = &o->image },
		{ "project", .text = &o->origin.project_file },
		{ "slug", .text = &o->origin.slug },
		{ 0 },
	};
	int status = cli_take(&cli, CLI_FILTER, options, argc, argv);

	if (status != CLI_GO)
		return status;
	if (o->image == NULL &&
	    (o->origin.environment != NULL || o->origin.slug != NULL ||
		o->origin.project_file != NULL))
		return cli_usage(&cli, "--environment, --project and --slug "
				       "go with --image");
	if (o->image != NULL && *o->image == '\0')
		return cli_usage(&cli, "--image: empty");
	return CLI_GO;
}

int
main(int argc, char **argv)
{
	static const struct stage stage = {
		.name = "rcn-deploy",
		.section = "service",
		.key = key,
		.current = current,
		.run = run,
	};
	struct options o = { 0 };
	int status;

	cli_begin(&cli);
	status = take(&o, argc, argv);
	if (status == CLI_GO)
		status = cli_end(o.image != NULL ? first(&stage, &o)
						 : doc_filter(&stage, &o));
	strvec_release(&o.hosts);
	json_decref(o.env);
	return status;
}
