/*
 * rcn-detect - finds what the app of a source tree is, and writes `plan`.
 * Given DIR, --git or --tar it is the first program and writes rcn, project,
 * deployment and source, too; else it is a filter that takes `source`.
 * Before the first byte of the tree is read it gives up sockets and all files
 * but the source and share/.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/conf.h"
#include "base/io.h"
#include "base/json.h"
#include "base/log.h"
#include "base/sandbox.h"
#include "detect/detect.h"
#include "base/text.h"
#include "document/cli.h"
#include "document/document.h"
#include "source/origin.h"

static const struct cli cli = { "rcn-detect",
	"usage: rcn-detect [-ehqvV] [-d FILE]\n"
	"       rcn-detect [-ehqvV] [--root DIR] [--project FILE] [--slug "
	"SLUG]\n"
	"           [--environment NAME] DIR | --git REPO [--commit REV] | "
	"--tar FILE\n" };

struct detect {
	json_t *versions;
	struct origin from; /* dir, git or tar, where it is the first */
	bool first, confined, explain;
	int out; /* where the text goes with --explain */
};

/* Once, for the first document: what is read later lies below. */
static int
confine(struct detect *d, const char *path, struct err *err)
{
	struct sandbox box = { 0 };
	int got;

	if (d->confined)
		return 0;
	d->confined = true;
	strvec_add(&box.read, path);
	strvec_add(&box.read, conf_share_dir());
	if (doc_file() != NULL)
		strvec_add(&box.read, doc_file());
	got = sandbox_enter(&box, err);
	sandbox_release(&box);
	return got;
}

static const char *
given_path(const struct origin *o)
{
	return o->git != NULL ? o->git : o->tar != NULL ? o->tar : o->dir;
}

/* The document's `source`, open; the first program makes it. */
static int
open_source(struct detect *d, json_t *doc, struct source *s, struct err *err)
{
	json_t *section = json_object_get(doc, "source");

	if (section != NULL || !d->first) {
		if ((section = doc_need(doc, "source", err)) == NULL ||
		    confine(d, json_str(section, "path", ""), err) < 0)
			return -1;
		return source_open(s, section, err);
	}
	if (confine(d, given_path(&d->from), err) < 0)
		return -1;
	if (d->from.root == NULL)
		d->from.root = json_str(doc, "project.root", NULL);
	if ((section = origin_section(&d->from, s, err)) == NULL)
		return -1;
	json_object_set_new(doc, "source", section);
	return 0;
}

static void
explain(const struct plan *plan, struct buf *b)
{
	for (size_t i = 0; i < plan->n_why; i++) {
		const struct plan_why *w = &plan->why[i];

		buf_addf(b, "%-16s %s", w->fact,
		    w->value != NULL ? w->value : "");
		if (w->file != NULL)
			buf_addf(b, w->line > 0 ? "  (%s:%d" : "  (%s", w->file,
			    w->line);
		if (w->over != NULL)
			buf_addf(b, "%sover %s", w->file != NULL ? ", " : "  (",
			    w->over);
		buf_adds(b, w->file != NULL || w->over != NULL ? ")\n" : "\n");
	}
	for (size_t i = 0; i < plan->n_candidates; i++)
		buf_addf(b, "%-16s %s  (%s)\n", "candidate",
		    plan->candidates[i].path, plan->candidates[i].runtime);
	for (size_t i = 0; i < plan->warnings.n; i++)
		buf_addf(b, "%-16s %s\n", "warning", plan->warnings.v[i]);
}

static int
say(const struct detect *d, const struct plan *plan, struct err *err)
{
	auto_buf struct buf b = { 0 }, clean = { 0 };

	if (!d->explain) {
		for (size_t i = 0; i < plan->warnings.n; i++)
			log_warn("%s", plan->warnings.v[i]);
		return 0;
	}
	explain(plan, &b);
	text_printable(&clean, buf_str(&b), b.len);
	if (io_write_all(d->out, buf_str(&clean), clean.len) < 0)
		return err_sys(err, EX_IOERR, "write-failed",
		    "standard output");
	return 0;
}

static int
key(json_t *doc, void *ctx, char hex[65], struct err *err)
{
	struct detect *d = ctx;
	auto_source struct source s = { .fd = -1 };
	json_t *source = json_object_get(doc, "source"), *all;

	if (source == NULL && open_source(d, doc, &s, err) < 0)
		return -1;
	source = json_object_get(doc, "source");
	all = json_pack("{s:O*, s:O*, s:O*, s:O, s:s}", "tree",
	    json_object_get(source, "tree"), "root",
	    json_object_get(source, "root"), "project",
	    json_object_get(doc, "project"), "versions", d->versions, "rcn",
	    RCN_VERSION);
	json_hash(all, hex);
	json_decref(all);
	return 0;
}

static void
warn_list(struct plan *plan, const struct strvec *list, const char *what)
{
	for (size_t i = 0; i < list->n; i++)
		plan_warn(plan, "%s: %s", list->v[i], what);
}

/* What of the tree the build will miss. */
static int
survey(struct source *s, struct plan *plan, struct err *err)
{
	auto_survey struct survey v = { 0 };

	if (source_survey(s, &v, err) < 0)
		return -1;
	warn_list(plan, &v.modules,
	    "is a submodule: its files are not in the build");
	warn_list(plan, &v.lfs,
	    "is a Git LFS pointer: the file itself is not in the build");
	warn_list(plan, &v.odd, "this name is not UTF-8");
	return 0;
}

static json_t *
run(json_t *doc, void *ctx, struct err *err)
{
	struct detect *d = ctx;
	auto_source struct source s = { .fd = -1 };
	auto_plan struct plan plan = { 0 };

	if (open_source(d, doc, &s, err) < 0 ||
	    detect_plan(s.tree, &s.rules, json_object_get(doc, "project"),
		d->versions, &plan, err) < 0 ||
	    survey(&s, &plan, err) < 0 || say(d, &plan, err) < 0)
		return NULL;
	return plan_encode(&plan);
}

/* The first program's document, before its source is looked at. */
static json_t *
seed_of(const struct detect *d, struct doc_origin *o, struct err *err)
{
	auto_free char *path = realpath(given_path(&d->from), NULL);
	json_t *seed;

	if (path == NULL) {
		err_sys(err, EX_NOINPUT, "source-missing", "%s",
		    given_path(&d->from));
		return NULL;
	}
	o->base = path;
	seed = doc_seed(o, err);
	o->base = NULL;
	return seed;
}

static int
start(const struct stage *stage, struct detect *d, struct doc_origin *o)
{
	struct err err = { 0 };
	json_t *seed = NULL;
	int status;

	d->versions = detect_open(&err);
	if (err.status == 0 && d->first)
		seed = seed_of(d, o, &err);
	if (err.status == 0 && d->explain)
		d->out = cli_take_stdout(&err);
	if (err.status != 0)
		status = doc_fail(&err);
	else if (seed != NULL)
		status = doc_first(stage, seed, d);
	else
		status = doc_filter(stage, d);
	json_decref(d->versions);
	return status;
}

static int
take(struct detect *d, struct doc_origin *o, int argc, char **argv)
{
	struct origin *from = &d->from;
	const struct cli_option options[] = {
		{ "commit", .text = &from->rev },
		{ "environment", .text = &o->environment },
		{ "explain", 'e', .flag = &d->explain },
		{ "git", .text = &from->git },
		{ "project", .text = &o->project_file },
		{ "root", .text = &from->root },
		{ "slug", .text = &o->slug },
		{ "tar", .text = &from->tar },
		{ 0 },
	};
	int given, status = cli_take(&cli, CLI_OPERANDS, options, argc, argv);

	if (status != CLI_GO)
		return status;
	if (optind < argc)
		from->dir = argv[optind++];
	given = (from->dir != NULL) + (from->git != NULL) + (from->tar != NULL);
	d->first = given == 1;
	if (optind < argc || given > 1)
		return cli_usage(&cli, "one of DIR, --git and --tar");
	if (!d->first && (from->rev != NULL || from->root != NULL ||
			     o->environment != NULL ||
			     o->project_file != NULL || o->slug != NULL))
		return cli_usage(&cli, "a filter takes no source");
	if (from->rev != NULL && from->git == NULL)
		return cli_usage(&cli, "--commit needs --git");
	return CLI_GO;
}

int
main(int argc, char **argv)
{
	struct stage stage = {
		.name = "rcn-detect",
		.section = "plan",
		.key = key,
		.run = run,
		.builds = true,
	};
	struct detect d = { 0 };
	struct doc_origin o = { 0 };
	int status;

	cli_begin(&cli);
	status = take(&d, &o, argc, argv);
	if (status != CLI_GO)
		return status;
	if (d.explain) {
		stage.key = NULL;
		stage.builds = false;
	}
	return start(&stage, &d, &o);
}
