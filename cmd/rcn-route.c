/*
 * rcn-route - reads documents with `service`, gives the project's hosts to
 * its new instances, proves it, and writes `route`.  --withdraw takes a route
 * away; --sync makes the proxy's files anew from the route files.
 */
#include <stdio.h>

#include "base/conf.h"
#include "base/log.h"
#include "base/text.h"
#include "deploy/reroute.h"
#include "document/cli.h"
#include "document/document.h"
#include "proxy/proxy.h"

static const struct cli cli = {
	"rcn-route",
	"usage: rcn-route [-hqvV] [-d FILE] [--host HOST ...]\n"
	"       rcn-route [-qv] --withdraw --slug SLUG [--environment NAME]\n"
	"       rcn-route [-qv] --check | --print | --sync\n",
};

enum { ROUTE, CHECK, PRINT, SYNC, WITHDRAW };

struct options {
	int mode;
	struct strvec hosts;
	const char *slug, *environment;
};

static int
key(json_t *doc, void *ctx, char hex[65], struct err *err)
{
	const struct options *o = ctx;

	return reroute_key(doc, &o->hosts, hex, err);
}

static int
current(json_t *doc, void *ctx, struct err *err)
{
	const struct options *o = ctx;

	return reroute_current(doc, &o->hosts, err);
}

static json_t *
run(json_t *doc, void *ctx, struct err *err)
{
	const struct options *o = ctx;

	return reroute_run(doc, &o->hosts, err);
}

/* ---- the other modes ---- */

static int
sync_files(struct err *err)
{
	auto_proxy struct proxy *p = NULL;
	int runs;

	if (proxy_open(&p, err) < 0 || (runs = proxy_sync(p, err)) < 0)
		return -1;
	if (runs == 0)
		log_note("%s does not run; its files are ready", proxy_name(p));
	return 0;
}

static int
check(struct err *err)
{
	auto_proxy struct proxy *p = NULL;

	return proxy_open(&p, err) < 0 ? -1 : proxy_check(p, NULL, err);
}

static void
print_setting(const char *name, const char *value)
{
	auto_buf struct buf word = { 0 };

	proxy_word(&word, value);
	(void)printf("%s=%s\n", name, buf_str(&word));
}

/* What sh/rcn-proxy and other scripts need, to be read by eval. */
static int
print_settings(struct err *err)
{
	auto_buf struct buf line = { 0 }, http = { 0 };
	auto_proxy struct proxy *p = NULL;

	if (proxy_open(&p, err) < 0)
		return -1;
	proxy_command(p, &line);
	proxy_http(&http);
	print_setting("proxy", proxy_name(p));
	print_setting("http", buf_str(&http));
	print_setting("run", conf_run_dir());
	print_setting("command", buf_str(&line));
	return 0;
}

static int
other(const struct options *o)
{
	struct err err = { 0 };
	int bad = 0;

	switch (o->mode) {
	case WITHDRAW:
		bad = reroute_withdraw(o->slug, o->environment, &err);
		break;
	case SYNC:
		bad = sync_files(&err);
		break;
	case CHECK:
		bad = check(&err);
		break;
	case PRINT:
		bad = print_settings(&err);
		break;
	case ROUTE:
		break;
	}
	return cli_end(bad < 0 ? doc_fail(&err) : 0);
}

static int
take(struct options *o, int argc, char **argv)
{
	const struct cli_option options[] = {
		{ "check", .choice = &o->mode, .value = CHECK },
		{ "environment", .text = &o->environment },
		{ "host", .list = &o->hosts },
		{ "print", .choice = &o->mode, .value = PRINT },
		{ "slug", .text = &o->slug },
		{ "sync", .choice = &o->mode, .value = SYNC },
		{ "withdraw", .choice = &o->mode, .value = WITHDRAW },
		{ 0 },
	};
	int status = cli_take(&cli, CLI_FILTER, options, argc, argv);

	if (status != CLI_GO)
		return status;
	if (o->mode != ROUTE && o->hosts.n > 0)
		return cli_usage(&cli, "--host is for routing");
	if ((o->mode == WITHDRAW) != (o->slug != NULL))
		return cli_usage(&cli, "--withdraw and --slug go together");
	if (!text_is_slug(o->environment) ||
	    (o->slug != NULL && !text_is_slug(o->slug)))
		return cli_usage(&cli,
		    "--slug and --environment: lower case letters, digits "
		    "and hyphens");
	return CLI_GO;
}

int
main(int argc, char **argv)
{
	static const struct stage stage = {
		.name = "rcn-route",
		.section = "route",
		.key = key,
		.current = current,
		.run = run,
	};
	struct options o = { .environment = "production" };
	int status;

	cli_begin(&cli);
	status = take(&o, argc, argv);
	if (status == CLI_GO)
		status = o.mode != ROUTE ? other(&o) : doc_filter(&stage, &o);
	strvec_release(&o.hosts);
	return status;
}
