/*
 * rcn-run - a command for once: in a new container with the image, variables
 * and limits of an app, or with --exec in one of its instances.  Standard
 * streams are passed through, a terminal is one there too, and the command's
 * status is this program's.  Nothing of it is left.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/conf.h"
#include "base/json.h"
#include "base/log.h"
#include "base/mask.h"
#include "base/stop.h"
#include "base/text.h"
#include "deploy/app.h"
#include "deploy/image.h"
#include "deploy/oneoff.h"
#include "deploy/spec.h"
#include "document/cli.h"
#include "registry/creds.h"
#include "state/deployment.h"
#include "state/env.h"
#include "state/environment.h"

static const struct cli cli = {
	"rcn-run",
	"usage: rcn-run [-hqVv] [--environment name] slug "
	"[command [argument ...]]\n"
	"       rcn-run [-qv] --exec [--environment name] [--index n]\n"
	"           [--process name] slug [command [argument ...]]\n",
};

struct options {
	const char *slug, *environment, *process;
	int index;
	bool exec;
	struct strvec argv;
};

/* ---- what a container is to be like ---- */

/* The one that is live, or, where the app is stopped, was last. */
static json_t *
last_live(struct state *st, const struct options *o, const json_t *environment,
    struct err *err)
{
	const char *live = json_str(environment, "live", NULL);
	json_auto_t *list = NULL;
	json_t *row;
	size_t i;

	if (live != NULL)
		return deployment_get(st, live, err);
	list = deployment_list(st, o->slug, o->environment, 0, 100, err);
	if (list == NULL)
		return NULL;
	json_array_foreach(list, i, row) {
		if (json_str(row, "live_at", NULL) != NULL)
			return json_incref(row);
	}
	err_set(err, EX_NOINPUT, "app-missing", "%s (%s) has never been live",
	    o->slug, o->environment);
	return NULL;
}

/* What a build alone is given is not for here. */
static json_t *
variables(struct state *st, const char *environment, int64_t version,
    struct err *err)
{
	json_t *all = env_resolve(st, environment, version, err), *v;
	const char *key;
	void *next;

	json_object_foreach_safe(all, next, key, v) {
		if (strcmp(json_str(v, "phase", "run"), "build") == 0)
			json_object_del(all, key);
	}
	return all;
}

static json_t *
describe(struct engine *e, const json_t *doc, const json_t *env,
    const struct strvec *argv, json_t **networks, struct err *err)
{
	auto_app struct app app = { 0 };
	AUTO(image_release) struct image image = { 0 };
	struct spec spec = { .app = &app,
		.process = "run",
		.argv = argv,
		.installation = "",
		.network = conf_get("NETWORK", "rcn"),
		.address = "" };

	if (app_read(&app, doc, env, false, err) < 0 ||
	    image_ensure(e, doc, creds_header, &image, err) < 0)
		return NULL;
	spec.image = image.ref;
	spec.image_id = image.id;
	*networks = json_deep_copy(app.networks);
	return spec_make(&spec);
}

/* 1 described, 0 the database does not know the app, -1. */
static int
from_state(const struct options *o, struct engine *e, json_t **spec,
    json_t **networks, struct err *err)
{
	auto_state struct state *st = NULL;
	json_auto_t *environment = NULL, *row = NULL, *doc = NULL;
	auto_wiped json_t *env = NULL;

	if (state_open(&st, "", DB_READ, err) < 0 ||
	    (environment = environment_get(st, o->slug, o->environment, err)) ==
		NULL) {
		if (strcmp(err->code, "state-missing") != 0 &&
		    strcmp(err->code, "not-found") != 0)
			return -1;
		*err = (struct err){ 0 };
		return 0;
	}
	if ((row = last_live(st, o, environment, err)) == NULL)
		return -1;
	doc = deployment_document(st, json_str(row, "id", ""), err);
	if (doc == NULL)
		return err->status != 0
			   ? -1
			   : err_set(err, EX_NOINPUT, "app-missing",
				 "%s (%s): nothing was kept of its deployment",
				 o->slug, o->environment);
	env = variables(st, json_str(environment, "id", ""),
	    json_int(row, "env_version", 0), err);
	if (env == NULL)
		return -1;
	*spec = describe(e, doc, env, &o->argv, networks, err);
	return *spec != NULL ? 1 : -1;
}

/* ---- what is asked for ---- */

static int
run(const struct options *o, struct oneoff *one, int *status, struct err *err)
{
	json_auto_t *networks = NULL;
	auto_wiped json_t *spec = NULL;
	auto_free char *like = NULL;
	int found = from_state(o, one->e, &spec, &networks, err);

	if (found < 0)
		return -1;
	if (found == 0) {
		like = oneoff_instance(one, NULL, -1, err);
		if (like == NULL)
			return -1;
		spec = oneoff_like(one->e, like, &networks, err);
		if (spec == NULL)
			return -1;
	}
	return oneoff_run(one, spec, networks, status, err);
}

static int
work(const struct options *o, int *status, struct err *err)
{
	auto_engine struct engine *e = NULL;
	struct oneoff one = { .slug = o->slug,
		.environment = o->environment,
		.argv = &o->argv,
		.tty = isatty(0) == 1 && isatty(1) == 1 };
	auto_free char *id = NULL;

	if (engine_open(&e, NULL, err) < 0)
		return -1;
	one.e = e;
	if (!o->exec)
		return run(o, &one, status, err);
	id = oneoff_instance(&one, o->process, o->index, err);
	return id != NULL ? oneoff_exec(&one, id, status, err) : -1;
}

/* ---- options ---- */

enum { ENVIRONMENT = 256, EXEC, INDEX, PROCESS };

static const struct option longopts[] = {
	{ "environment", required_argument, NULL, ENVIRONMENT },
	{ "exec", no_argument, NULL, EXEC },
	{ "help", no_argument, NULL, 'h' },
	{ "index", required_argument, NULL, INDEX },
	{ "process", required_argument, NULL, PROCESS },
	{ "quiet", no_argument, NULL, 'q' },
	{ "verbose", no_argument, NULL, 'v' },
	{ "version", no_argument, NULL, 'V' },
	{ 0 },
};

static int
take_index(struct options *o)
{
	struct err err = { 0 };
	uint64_t v = 0;

	if (parse_u64(optarg, 0, SCALE_MAX, &v, &err) < 0)
		return cli_usage(&cli, "--index: %s", err.msg);
	o->index = (int)v;
	return CLI_GO;
}

static int
take(struct options *o, int argc, char **argv)
{
	int c, status;

	while ((c = getopt_long(argc, argv, "+hqvV", longopts, NULL)) != -1)
		switch (c) {
		case ENVIRONMENT:
			o->environment = optarg;
			break;
		case EXEC:
			o->exec = true;
			break;
		case INDEX:
			if ((status = take_index(o)) != CLI_GO)
				return status;
			break;
		case PROCESS:
			o->process = optarg;
			break;
		default:
			if ((status = cli_common(&cli, c)) != CLI_GO)
				return status;
		}
	if (!o->exec && (o->process != NULL || o->index >= 0))
		return cli_usage(&cli, "--process and --index go with --exec");
	if (optind >= argc)
		return cli_usage(&cli, "no app is named");
	o->slug = argv[optind++];
	if (!text_is_slug(o->slug) || !text_is_slug(o->environment))
		return cli_usage(&cli, "%s, %s: not names", o->slug,
		    o->environment);
	if (optind < argc && strcmp(argv[optind], "--") == 0)
		optind++;
	for (; optind < argc; optind++)
		strvec_add(&o->argv, argv[optind]);
	if (o->argv.n == 0)
		strvec_add(&o->argv, "sh");
	return CLI_GO;
}

int
main(int argc, char **argv)
{
	struct options o = { .environment = "production", .index = -1 };
	struct err err = { 0 };
	int status, ended = 0;

	log_init(cli.name);
	json_init();
	mask_no_dump();
	status = take(&o, argc, argv);
	if (status != CLI_GO)
		return status;
	status = work(&o, &ended, &err) < 0 ? err.status : ended;
	if (err.sys == EPIPE)
		stop_by_pipe();
	if (err.status != 0)
		err_print(&err);
	strvec_release(&o.argv);
	return cli_end(status);
}
