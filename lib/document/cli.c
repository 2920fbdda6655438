#include "document/cli.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/cleanup.h"
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

/* What getopt gives for a row that has no letter. */
enum { ROW = 256 };

static void
set(const struct cli_option *row)
{
	if (row->text != NULL)
		*row->text = optarg;
	else if (row->list != NULL)
		strvec_add(row->list, optarg);
	else if (row->flag != NULL)
		*row->flag = true;
	else
		*row->choice = row->value;
}

static const struct cli_option *
row_of(const struct cli_option *rows, int c)
{
	if (c >= ROW)
		return &rows[c - ROW];
	for (; rows->name != NULL; rows++)
		if (rows->letter != 0 && rows->letter == c)
			return rows;
	return NULL;
}

static const struct option common[] = { CLI_LONG };
enum { COMMON = sizeof(common) / sizeof(*common) };

/* getopt's two tables: what every program takes, then the rows. */
static void
tables(enum cli_how how, const struct cli_option *rows, struct buf *shorts,
    struct option longs[COMMON + CLI_ROWS + 1])
{
	bool plain = (how & CLI_PLAIN) != 0;
	size_t skip = plain ? 1 : 0, n = COMMON - skip;

	memcpy(longs, &common[skip], n * sizeof(*longs));
	buf_adds(shorts, plain ? "hqvV" : CLI_SHORT);
	for (int i = 0; rows[i].name != NULL; i++) {
		bool value = rows[i].text != NULL || rows[i].list != NULL;

		assert(i < CLI_ROWS);
		longs[n++] = (struct option){ rows[i].name,
			value ? required_argument : no_argument, NULL,
			ROW + i };
		if (rows[i].letter != 0)
			buf_addf(shorts, "%c%s", rows[i].letter,
			    value ? ":" : "");
	}
}

int
cli_take(const struct cli *cli, enum cli_how how, const struct cli_option *rows,
    int argc, char **argv)
{
	struct option longs[COMMON + CLI_ROWS + 1] = { 0 };
	auto_buf struct buf shorts = { 0 };
	int c, status;

	tables(how, rows, &shorts, longs);
	while ((c = getopt_long(argc, argv, shorts.data, longs, NULL)) != -1) {
		const struct cli_option *row = row_of(rows, c);

		if (row != NULL)
			set(row);
		else if ((status = cli_common(cli, c)) != CLI_GO)
			return status;
	}
	if ((how & CLI_OPERANDS) == 0 && optind < argc)
		return cli_usage(cli, "%s: not an option", argv[optind]);
	return CLI_GO;
}

int
cli_take_stdout(struct err *err)
{
	auto_fd int null = open("/dev/null", O_WRONLY | O_CLOEXEC);
	auto_fd int out = fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 3);

	if (null < 0 || out < 0 || dup2(null, STDOUT_FILENO) < 0)
		return err_sys(err, EX_OSERR, "os-error", "standard output");
	return fd_steal(&out);
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
