/*
 * rcn-retire - reads a document with a proven `route`, ends the instances
 * that no longer serve, or, given `error`, those that the failed deployment
 * started; writes `retired`.  --slug SLUG repairs without a document.
 */
#include <stdio.h>

#include "base/exit.h"
#include "base/text.h"
#include "deploy/settle.h"
#include "document/cli.h"
#include "document/document.h"

static const struct cli cli = {
	"rcn-retire",
	"usage: rcn-retire [-hqVv] [-d file]\n"
	"       rcn-retire [-qv] --slug slug [--environment name]\n",
};

static json_t *
run(json_t *doc, void *ctx, struct err *err)
{
	(void)ctx;
	return settle_run(doc, err);
}

/* One document for each environment that was looked at. */
static json_t *
repair(json_t *doc, void *ctx, struct err *err)
{
	json_auto_t *all = settle_repair(doc_slug(doc), ctx, err);
	json_t *rows = json_array(), *section, *deployment;
	const char *environment;

	if (all == NULL) {
		json_decref(rows);
		return NULL;
	}
	json_object_foreach(all, environment, section) {
		deployment = json_copy(json_object_get(doc, "deployment"));
		json_object_set_new(deployment, "environment",
		    json_text(environment));
		json_array_append_new(rows,
		    json_pack("{s:O, s:o}", "retired", section, "deployment",
			deployment));
	}
	return rows;
}

static int
take(struct doc_origin *o, int argc, char **argv)
{
	const struct cli_option options[] = {
		{ "environment", .text = &o->environment },
		{ "slug", .text = &o->slug },
		{ 0 },
	};
	int status = cli_take(&cli, CLI_FILTER, options, argc, argv);

	if (status != CLI_GO)
		return status;
	if (o->slug == NULL && o->environment != NULL)
		return cli_usage(&cli, "--environment goes with --slug");
	return CLI_GO;
}

int
main(int argc, char **argv)
{
	static const struct stage settle = {
		.name = "rcn-retire",
		.section = "retired",
		.settles = true,
		.run = run,
	};
	static const struct stage by_slug = {
		.name = "rcn-retire",
		.section = "retired",
		.run = repair,
	};
	struct doc_origin o = { .base = "app" };
	struct err err = { 0 };
	json_t *seed;
	char *environment;
	int status;

	cli_begin(&cli);
	status = take(&o, argc, argv);
	if (status != CLI_GO)
		return status;
	if (o.slug == NULL)
		return cli_end(doc_filter(&settle, NULL));
	environment = o.environment != NULL ? mem_strdup(o.environment) : NULL;
	seed = doc_seed(&o, &err);
	status = seed != NULL ? doc_first(&by_slug, seed, environment)
			      : doc_fail(&err);
	free(environment);
	return cli_end(status);
}
