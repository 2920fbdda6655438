/*
 * rcn-dockerfile - reads documents with a `plan`, fills the template that fits
 * it, writes the documents with `dockerfile`; or, with --print, the text.
 * It reads nothing but share/templates and may open no socket.
 */
#include <stdio.h>
#include <string.h>

#include "base/conf.h"
#include "base/io.h"
#include "base/json.h"
#include "base/log.h"
#include "base/sandbox.h"
#include "document/cli.h"
#include "document/document.h"
#include "parse/dockerfile.h"
#include "plan/plan.h"
#include "template/data.h"
#include "template/template.h"
#include "template/words.h"

static const struct cli cli = { "rcn-dockerfile",
	"usage: rcn-dockerfile [-hpqvV] [-d FILE]\n" };

enum { TEMPLATE_MAX = 64 << 10 };

struct dockerfile {
	int print; /* where the text goes with --print, else -1 */
};

/* A binary is alone in its image, unless something there needs a system. */
static const char *
output_of(const struct plan *plan)
{
	bool alone = plan->artifacts.n > 0 && plan->packages.n == 0;

	for (size_t i = 0; i < plan->n_processes; i++)
		alone = alone && !plan->processes[i].command.shell;
	for (size_t i = 0; i < plan->release.n; i++)
		alone = alone && !plan->release.v[i].shell;
	if (plan->output != NULL && strcmp(plan->output, "binary") == 0)
		return alone ? "binary" : "server";
	return plan->output;
}

/* share/templates/RUNTIME-OUTPUT.dockerfile */
static int
read_template(const struct plan *plan, struct buf *text, struct buf *name,
    struct err *err)
{
	auto_buf struct buf path = { 0 };

	const char *output = output_of(plan);

	if (plan->runtime == NULL || output == NULL ||
	    word_check("runtime", plan->runtime, err) < 0 ||
	    word_check("output", output, err) < 0)
		return err->status != 0 ? -1
					: err_set(err, EX_DATAERR, "bad-plan",
					      "plan: no runtime or no output");
	buf_addf(name, "%s-%s.dockerfile", plan->runtime, output);
	buf_addf(&path, "%s/templates/%s", conf_share_dir(), name->data);
	if (io_read_file(path.data, TEMPLATE_MAX, text, err) < 0) {
		err->status = EX_DATAERR;
		err->code = "no-template";
		return -1;
	}
	return 0;
}

/* The images that it starts or copies from; what does not read as a
 * Dockerfile is not handed on. */
static json_t *
bases_of(const struct buf *text, const char *template, struct err *err)
{
	json_auto_t *df =
	    dockerfile_parse(text->data, text->len, NULL, template, err);

	return df != NULL ? json_incref(json_object_get(df, "bases")) : NULL;
}

static json_t *
own_section(const struct plan *plan)
{
	json_t *o = json_pack("{s:s, s:s}", "path", plan->dockerfile, "context",
	    plan->context != NULL ? plan->context : ".");

	if (plan->target != NULL)
		json_object_set_new(o, "target", json_text(plan->target));
	json_object_set_new(o, "bases", json_strvec(&plan->bases));
	return o;
}

static json_t *
generated_section(const struct plan *plan, const char *slug, struct err *err)
{
	auto_buf struct buf template = { 0 }, name = { 0 }, text = { 0 };
	json_auto_t *data = NULL;
	json_t *bases;
	struct template_args args = { .escape = word_escape };

	if (read_template(plan, &template, &name, err) < 0 ||
	    (data = data_of_plan(plan, slug, err)) == NULL)
		return NULL;
	args.data = data;
	if (template_render(&text, buf_str(&template), name.data, &args, err) <
	    0)
		return NULL;
	if ((bases = bases_of(&text, name.data, err)) == NULL)
		return NULL;
	return json_pack("{s:s, s:s, s:o}", "text", text.data, "context", ".",
	    "bases", bases);
}

/* What is never wanted in an image: our own files beside the defaults. */
static json_t *
ignore_of(const struct plan *plan)
{
	if (plan_is(plan, "dockerfile"))
		return json_array();
	return json_pack("[s, s, s, s, s]", "rcn.json", "Procfile",
	    "Staticfile", "Dockerfile", ".dockerignore");
}

static int
key(json_t *doc, void *ctx, char hex[65], struct err *err)
{
	json_t *plan = doc_need(doc, "plan", err);
	struct plan p = { 0 };
	auto_buf struct buf text = { 0 }, name = { 0 };
	json_auto_t *all = NULL;

	(void)ctx;
	if (plan == NULL || plan_decode(&p, plan, err) < 0) {
		plan_release(&p);
		return -1;
	}
	if (!plan_is(&p, "dockerfile"))
		(void)read_template(&p, &text, &name, err);
	plan_release(&p);
	if (err->status != 0)
		return -1;
	all = json_pack("{s:O, s:s, s:s, s:s}", "plan", plan, "template",
	    buf_str(&text), "slug", doc_slug(doc), "version", RCN_VERSION);
	json_hash(all, hex);
	return 0;
}

static int
print(struct dockerfile *d, const json_t *section, struct err *err)
{
	const char *text = json_str(section, "text", NULL);

	if (text == NULL) {
		log_note("the repository has its own: %s",
		    json_str(section, "path", ""));
		return 0;
	}
	if (io_write_all(d->print, text, strlen(text)) < 0)
		return err_sys(err, EX_IOERR, "write-failed",
		    "standard output");
	return 0;
}

static json_t *
run(json_t *doc, void *ctx, struct err *err)
{
	struct dockerfile *d = ctx;
	json_t *section = doc_need(doc, "plan", err), *o;
	auto_plan struct plan plan = { 0 };

	if (section == NULL || plan_decode(&plan, section, err) < 0)
		return NULL;
	if (plan_is(&plan, "dockerfile"))
		o = own_section(&plan);
	else
		o = generated_section(&plan, doc_slug(doc), err);
	if (o == NULL)
		return NULL;
	json_object_set_new(o, "ignore", ignore_of(&plan));
	json_object_set_new(o, "secrets", json_array());
	if (d->print >= 0 && print(d, o, err) < 0) {
		json_decref(o);
		return NULL;
	}
	return o;
}

/* What it still needs when it has given up the rest. */
static int
confine(struct err *err)
{
	struct sandbox box = { 0 };
	int got;

	if (doc_file() != NULL)
		strvec_add(&box.read, doc_file());
	strvec_add(&box.read, conf_share_dir());
	got = sandbox_enter(&box, err);
	sandbox_release(&box);
	return got;
}

int
main(int argc, char **argv)
{
	struct stage stage = {
		.name = "rcn-dockerfile",
		.section = "dockerfile",
		.key = key,
		.run = run,
		.builds = true,
	};
	struct dockerfile d = { .print = -1 };
	bool print_it = false;
	const struct cli_option options[] = {
		{ "print", 'p', .flag = &print_it },
		{ 0 },
	};
	struct err err = { 0 };
	int status;

	cli_begin(&cli);
	status = cli_take(&cli, CLI_FILTER, options, argc, argv);
	if (status != CLI_GO)
		return status;
	if (print_it) {
		stage.key = NULL;
		stage.builds = false;
		if ((d.print = cli_take_stdout(&err)) < 0)
			return doc_fail(&err);
	}
	return confine(&err) < 0 ? doc_fail(&err) : doc_filter(&stage, &d);
}
