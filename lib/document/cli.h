/*
 * cli - the options of a program, and its first and last lines.
 *	static const struct cli cli = { "rcn-x", "usage: rcn-x [-hqvV] ..." };
 *	const struct cli_option options[] = {
 *		{ "env-file", .text = &o.env_file },
 *		{ "host", .list = &o.hosts },
 *		{ "rebuild", .flag = &o.rebuild },
 *		{ 0 },
 *	};
 *	cli_begin(&cli);
 *	status = cli_take(&cli, CLI_FILTER, options, argc, argv);
 *	if (status != CLI_GO)
 *		return status;
 *	if (o.tag != NULL && o.env_file == NULL)
 *		return cli_usage(&cli, "--tag goes with --env-file");
 *	...
 *	return cli_end(status);
 * A row names the one place that it sets, in the order of the page.  Every
 * program takes -h usage on stdout, -q less, -v more, -V version, and one
 * that reads documents -d FILE.
 */
#ifndef DOCUMENT_CLI_H
#define DOCUMENT_CLI_H

#include <getopt.h>
#include <stdbool.h>
#include "base/buf.h"
#include "base/err.h"

struct cli {
	const char *name;
	const char *usage; /* as SYNOPSIS, lines end with \n */
};

enum cli_how {
	CLI_FILTER = 0, /* takes -d; an argument that is no option is misuse */
	CLI_PLAIN = 1, /* it reads no documents: no -d */
	CLI_OPERANDS = 2, /* they are at argv[optind] */
};

struct cli_option { /* --name, or --name VALUE, borrowed from argv */
	const char *name;
	char letter; /* -e is the same; 0: none */
	const char **text; /* = VALUE; of two the last */
	struct strvec *list; /* each VALUE, added */
	bool *flag; /* = true */
	int *choice; /* = value; of several the last */
	int value;
};

enum { CLI_GO = -1, CLI_ROWS = 16 };

#define CLI_SHORT "d:hqvV"
#define CLI_LONG                                      \
	{ "document", required_argument, NULL, 'd' }, \
	    { "help", no_argument, NULL, 'h' },       \
	    { "quiet", no_argument, NULL, 'q' },      \
	    { "verbose", no_argument, NULL, 'v' },    \
	{                                             \
		"version", no_argument, NULL, 'V'     \
	}

void cli_begin(const struct cli *); /* log, json, stop: first in main */
/*
 * CLI_GO, or the exit status: after -h and -V, and of misuse, which is said.
 * At most CLI_ROWS rows, then an empty one.
 */
int cli_take(const struct cli *, enum cli_how, const struct cli_option *,
    int argc, char **argv);
/* For a getopt_long() of one's own: what it gave that is none of the
 * program's; CLI_SHORT, CLI_LONG first in the table. */
int cli_common(const struct cli *, int opt); /* CLI_GO, or exit status */
/* "rcn-x: text", usage to stderr; returns 64. */
int cli_usage(const struct cli *, const char *, ...)
    __attribute__((format(printf, 2, 3)));
/* A text is to take the place of the documents: stdout is moved to a new
 * descriptor, which is returned, and what is written to it is lost; or -1. */
int cli_take_stdout(struct err *);
/* Closes stdout, checked: status, or 74 if something was not written; ends
 * by SIGPIPE if nobody reads. */
int cli_end(int status);

#endif
