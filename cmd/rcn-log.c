/*
 * rcn-log - prints the log of a deployment, or what an app's instances say
 * and have said; -f goes on until the deployment, or its reader, ends.
 * Reads STATE_DIR/logs, the state database, and the engine; changes nothing.
 */
#include <assert.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/conf.h"
#include "base/exit.h"
#include "base/json.h"
#include "base/log.h"
#include "base/text.h"
#include "deploy/applog.h"
#include "document/cli.h"
#include "state/find.h"
#include "work/logread.h"

static const struct cli cli = {
	"rcn-log",
	"usage: rcn-log [-fhqVv] [--from byte] [--text] deployment\n"
	"       rcn-log [-fqv] --app slug [--environment name]\n"
	"           [--process name] [--since time] [--tail lines] [--text]\n",
};

enum { TAIL = 100, UUID = 36 };

struct options {
	const char *deployment;
	int64_t from;
	bool text, follow;
	struct applog app;
};

/* ---- a deployment ---- */

struct reader {
	const struct options *o;
	struct state *st; /* NULL: there is no database */
	char id[UUID + 1];
	json_t *row; /* the deployment, as last asked */
	bool cut; /* the line before goes on */
};

static void
reader_release(struct reader *r)
{
	json_decref(r->row);
	state_close(r->st);
}

static void
print_deployment(const char *line, size_t n, void *ctx)
{
	struct reader *r = ctx;
	auto_buf struct buf b = { 0 };
	struct logline l;

	if (!r->o->text || !logline_parse(&l, line, n)) {
		(void)fwrite(line, 1, n, stdout);
		(void)putchar('\n');
	} else {
		size_t skip =
		    l.stage_len > 4 && text_starts(l.stage, "rcn-") ? 4 : 0;

		if (!r->cut)
			(void)printf("%-10.*s ", (int)(l.stage_len - skip),
			    l.stage + skip);
		text_printable(&b, l.text, l.text_len);
		(void)fputs(buf_str(&b), stdout);
		r->cut = l.cut;
		if (!l.cut)
			(void)putchar('\n');
	}
	if (r->o->follow)
		(void)fflush(stdout);
}

static int
is_over(void *ctx, struct err *err)
{
	struct reader *r = ctx;

	json_decref(r->row);
	r->row = find_deployment(r->st, r->id, err);
	return r->row == NULL ? -1 : find_is_over(r->row);
}

/* The id; of an id nothing else is needed, so there may be no database. */
static int
resolve(struct reader *r, struct err *err)
{
	const char *name = r->o->deployment;
	const char *id = name;

	assert(name != NULL);
	if (state_open(&r->st, "", DB_READ, err) < 0) {
		if (strlen(name) != UUID ||
		    strspn(name, "0123456789abcdef-") != UUID ||
		    strcmp(err->code, "state-missing") != 0)
			return -1;
		*err = (struct err){ 0 };
	} else {
		r->row = find_deployment(r->st, name, err);
		if (r->row == NULL)
			return -1;
		id = json_str(r->row, "id", "");
	}
	(void)snprintf(r->id, sizeof(r->id), "%s", id);
	return 0;
}

/* What became of it: 0 live, or 1. */
static int
outcome(const struct reader *r, const char *end)
{
	const char *state = json_str(r->row, "state", "");
	const char *reason = json_str(r->row, "reason", NULL);

	if (*end == '\0' && *state != '\0' && strcmp(state, "live") != 0)
		log_note("%s %s%s%s", r->o->deployment, state,
		    reason != NULL ? ": " : "", reason != NULL ? reason : "");
	if (*end == '\0')
		end = state;
	return strcmp(end, "live") == 0 ? 0 : EX_NO;
}

static int
deployment(const struct options *o, struct err *err)
{
	AUTO(reader_release) struct reader r = { .o = o };
	auto_free char *path = NULL;
	struct logread log = { .from = o->from,
		.follow = o->follow,
		.wake = conf_state_dir(),
		.line = print_deployment,
		.ctx = &r };

	if (resolve(&r, err) < 0)
		return -1;
	path = mem_printf("%s/logs/%s.log", conf_state_dir(), r.id);
	log.path = path;
	log.over = r.st != NULL ? is_over : NULL;
	if (logread_run(&log, err) < 0)
		return -1;
	return o->follow ? outcome(&r, log.end) : 0;
}

/* ---- an app ---- */

static void
print_app(const struct applog_line *l, void *ctx)
{
	static const char *const kinds[] = { "", "out", "err", "saved", "end" };
	const struct options *o = ctx;
	auto_buf struct buf b = { 0 };
	const char *name = l->instance;

	if (!o->text) {
		(void)printf("%s %s %s ", *l->time != '\0' ? l->time : "-",
		    name, kinds[l->kind]);
		(void)fwrite(l->text, 1, l->len, stdout);
	} else {
		name += text_starts(name, o->app.slug) ? strlen(o->app.slug) + 1
						       : 0;
		text_printable(&b, l->text, l->len);
		(void)printf("%s %s %s", name,
		    l->kind == APPLOG_END ? "-" : "|", buf_str(&b));
	}
	(void)putchar('\n');
	if (o->follow)
		(void)fflush(stdout);
}

/* "10m" ago, or a time as RFC 3339 has it. */
static int
take_since(const char *s, int64_t *since, struct err *err)
{
	static const char units[] = "smhd";
	static const int seconds[] = { 1, 60, 3600, 86400 };
	size_t n = strlen(s);
	const char *unit = n > 1 ? strchr(units, s[n - 1]) : NULL;
	auto_free char *number = mem_strndup(s, n > 0 ? n - 1 : 0);
	uint64_t v = 0;

	if (unit != NULL && parse_u64(number, 0, INT32_MAX, &v, err) == 0) {
		*since =
		    clock_wall_ms() / 1000 - (int64_t)v * seconds[unit - units];
		return 0;
	}
	*err = (struct err){ 0 };
	*since = applog_seconds(s);
	if (*since != 0)
		return 0;
	return err_set(err, EX_USAGE, "bad-time",
	    "%s: neither 90s, 10m, 2h, 1d nor 2026-11-24T10:00:00Z", s);
}

/* ---- options ---- */

enum { APP = 256, ENVIRONMENT, FROM, PROCESS, SINCE, TAIL_, TEXT };

static const struct option longopts[] = {
	{ "app", required_argument, NULL, APP },
	{ "environment", required_argument, NULL, ENVIRONMENT },
	{ "follow", no_argument, NULL, 'f' },
	{ "from", required_argument, NULL, FROM },
	{ "help", no_argument, NULL, 'h' },
	{ "process", required_argument, NULL, PROCESS },
	{ "quiet", no_argument, NULL, 'q' },
	{ "since", required_argument, NULL, SINCE },
	{ "tail", required_argument, NULL, TAIL_ },
	{ "text", no_argument, NULL, TEXT },
	{ "verbose", no_argument, NULL, 'v' },
	{ "version", no_argument, NULL, 'V' },
	{ 0 },
};

static int
number(const char *option, uint64_t max, uint64_t *v)
{
	struct err err = { 0 };

	if (parse_u64(optarg, 0, max, v, &err) == 0)
		return CLI_GO;
	return cli_usage(&cli, "--%s: %s", option, err.msg);
}

static int
take_one(struct options *o, int c)
{
	struct err err = { 0 };
	uint64_t v = 0;
	int status = CLI_GO;

	switch (c) {
	case APP:
		o->app.slug = optarg;
		break;
	case ENVIRONMENT:
		o->app.environment = optarg;
		break;
	case FROM:
		status = number("from", INT64_MAX, &v);
		o->from = (int64_t)v;
		break;
	case PROCESS:
		o->app.process = optarg;
		break;
	case SINCE:
		if (take_since(optarg, &o->app.since, &err) < 0)
			status = cli_usage(&cli, "--since: %s", err.msg);
		break;
	case TAIL_:
		if (strcmp(optarg, "all") == 0) {
			o->app.tail = -1;
			break;
		}
		status = number("tail", INT32_MAX, &v);
		o->app.tail = (int)v;
		break;
	case TEXT:
		o->text = true;
		break;
	case 'f':
		o->follow = true;
		break;
	default:
		return cli_common(&cli, c);
	}
	return status;
}

static int
take(struct options *o, int argc, char **argv)
{
	int c, status;

	while ((c = getopt_long(argc, argv, "fhqvV", longopts, NULL)) != -1)
		if ((status = take_one(o, c)) != CLI_GO)
			return status;
	argv += optind;
	argc -= optind;
	o->deployment = argc > 0 ? argv[0] : NULL;
	o->app.follow = o->follow;
	if (argc > 1)
		return cli_usage(&cli, "%s: one is enough", argv[1]);
	if ((o->deployment == NULL) == (o->app.slug == NULL))
		return cli_usage(&cli, "a deployment, or --app");
	if (o->deployment != NULL &&
	    (o->app.environment != NULL || o->app.process != NULL ||
		o->app.since != 0 || o->app.tail != TAIL))
		return cli_usage(&cli,
		    "--environment, --process, --since and --tail go with "
		    "--app");
	if (o->app.slug != NULL && o->from != 0)
		return cli_usage(&cli, "--from goes with a deployment");
	if (o->app.slug != NULL && !text_is_slug(o->app.slug))
		return cli_usage(&cli, "--app %s: not a slug", o->app.slug);
	return CLI_GO;
}

int
main(int argc, char **argv)
{
	struct options o = { .app = { .tail = TAIL, .line = print_app } };
	struct err err = { 0 };
	int status;

	log_init(cli.name);
	json_init();
	/* It has nothing to undo when its reader goes. */
	(void)signal(SIGPIPE, SIG_DFL);
	status = take(&o, argc, argv);
	if (status != CLI_GO)
		return status;
	o.text |= isatty(1) == 1;
	o.app.ctx = &o;
	status = o.app.slug != NULL ? applog_run(&o.app, &err)
				    : deployment(&o, &err);
	if (status < 0) {
		err_print(&err);
		status = err.status;
	}
	return cli_end(status);
}
