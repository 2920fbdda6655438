#include "document/cli.h"

#include <errno.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "base/exit.h"
#include "base/log.h"
#include "base/stop.h"
#include "document/document.h"

void
cli_begin(const struct cli *cli)
{
	log_init(cli->name);
	json_init();
	stop_init();
}

int
cli_end(int status)
{
	bool bad = ferror(stdout) != 0;

	if (fclose(stdout) == 0 && !bad)
		return status;
	if (errno == EPIPE)
		stop_by_pipe();
	log_raw("%s: standard output: %s\n", log_name(), strerror(errno));
	return EX_IOERR;
}

int
cli_common(const struct cli *cli, int opt)
{
	switch (opt) {
	case 'd':
		doc_from_file(optarg);
		return CLI_GO;
	case 'h':
		(void)fputs(cli->usage, stdout);
		return cli_end(0);
	case 'q':
		log_verbose(-1);
		return CLI_GO;
	case 'v':
		log_verbose(1);
		return CLI_GO;
	case 'V':
		(void)printf("%s %s\n", cli->name, RCN_VERSION);
		return cli_end(0);
	default:
		log_raw("%s", cli->usage);
		return EX_USAGE;
	}
}

int
cli_usage(const struct cli *cli, const char *fmt, ...)
{
	auto_buf struct buf b = { 0 };
	va_list ap;

	va_start(ap, fmt);
	buf_vaddf(&b, fmt, ap);
	va_end(ap);
	log_raw("%s: %s\n%s", cli->name, b.data, cli->usage);
	return EX_USAGE;
}
