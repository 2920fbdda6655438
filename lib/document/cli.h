/*
 * cli - the options that every program takes, and its first and last lines.
 *	static const struct cli cli = { "rcn-x", "usage: rcn-x [-hqvV] ..." };
 *	cli_begin(&cli);
 *	while ((c = getopt_long(argc, argv, CLI_SHORT "x:", longopts, NULL))
 *	    != -1) switch (c) {
 *	case 'x': ...
 *	default:
 *		if ((status = cli_common(&cli, c)) != CLI_GO)
 *			return status;
 *	}
 * -d FILE document from a file, -h usage on stdout, -q less, -v more, -V
 * version.  Long forms: CLI_LONG first in the table.
 */
#ifndef DOCUMENT_CLI_H
#define DOCUMENT_CLI_H

#include <getopt.h>

struct cli {
	const char *name;
	const char *usage; /* as SYNOPSIS, lines end with \n */
};

enum { CLI_GO = -1 };

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
int cli_common(const struct cli *, int opt); /* CLI_GO, or exit status */
/* "rcn-x: text", usage to stderr; returns 64. */
int cli_usage(const struct cli *, const char *, ...)
    __attribute__((format(printf, 2, 3)));
/* Closes stdout, checked: status, or 74 if something was not written; ends
 * by SIGPIPE if nobody reads. */
int cli_end(int status);

#endif
