/*
 * rcn-worker - works off the queue of rcn-state(1): takes deliveries from the
 * spool, runs the pipeline for each deployment, repairs what a crash left.
 * Stays, and starts itself with --once for each job.
 */
#include <stdio.h>

#include "base/conf.h"
#include "base/text.h"
#include "document/cli.h"
#include "work/worker.h"

static const struct cli cli = {
	"rcn-worker",
	"usage: rcn-worker [-hqVv] [--jobs N]\n"
	"       rcn-worker [-qv] --once\n",
};

struct options {
	uint64_t jobs;
	bool once;
};

static int
take(struct options *o, int argc, char **argv)
{
	const char *jobs = NULL;
	const struct cli_option options[] = {
		{ "jobs", .text = &jobs },
		{ "once", .flag = &o->once },
		{ 0 },
	};
	struct err err = { 0 };
	int status = cli_take(&cli, CLI_PLAIN, options, argc, argv);

	if (status != CLI_GO)
		return status;
	if (jobs != NULL && parse_u64(jobs, 1, 64, &o->jobs, &err) < 0)
		return cli_usage(&cli, "--jobs %s", err.msg);
	return CLI_GO;
}

int
main(int argc, char **argv)
{
	struct worker_settings set = { 0 };
	struct options o = { 0 };
	struct err err = { 0 };
	int status, got;

	cli_begin(&cli);
	status = take(&o, argc, argv);
	if (status != CLI_GO)
		return status;
	if (worker_settings(&set, &err) < 0 ||
	    (o.jobs == 0 && conf_u64("JOBS", 2, 1, 64, &o.jobs, &err) < 0)) {
		err_print(&err);
		return err.status;
	}
	got = o.once ? worker_once(&set, &err)
		     : worker_run(&set, argv[0], (int)o.jobs, &err);
	if (got < 0) {
		err_print(&err);
		return err.status;
	}
	return cli_end(o.once && got == 0 ? EX_NO : 0);
}
