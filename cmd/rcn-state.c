/*
 * rcn-state - the platform's memory: reads and changes projects, their
 * environments, variables, deployments and jobs in the database of the state
 * folder; writes what it has found or made as JSON, one document a line, or
 * on a terminal as a table.  The verbs are in cmd/state.
 */
#include <stdio.h>
#include <string.h>

#include "base/json.h"
#include "base/log.h"
#include "cmd/state/frame.h"
#include "cmd/state/verbs.h"

static const struct verb *const files[] = {
	verbs_init,
	verbs_project,
	verbs_environment,
	verbs_domain,
	verbs_env,
	verbs_credential,
	verbs_key,
	verbs_backup,
	verbs_team,
	verbs_deployment,
	verbs_queue,
	verbs_gc,
	verbs_audit,
};
enum { FILES = sizeof(files) / sizeof(files[0]), COLUMNS = 79, INDENT = 11 };

static struct cli cli = { .name = "rcn-state" };

/* ---- usage: the table itself ---- */

/* One verb's lines, broken where a word ends and no bracket is open. */
static void
add_line(struct buf *out, const char *begin, const struct verb *v)
{
	auto_free char *text = mem_printf("rcn-state %s%s%s", v->name,
	    *v->usage != '\0' ? " " : "", v->usage);
	size_t column = strlen(begin);
	const char *p = text;

	buf_adds(out, begin);
	while (*p != '\0') {
		size_t n = 0, open = 0;

		for (; p[n] != '\0' && (p[n] != ' ' || open > 0); n++)
			open += (p[n] == '[') - (size_t)(p[n] == ']');
		if (p != text && column + 1 + n > COLUMNS) {
			buf_addf(out, "\n%*s", INDENT, "");
			column = INDENT;
		} else if (p != text) {
			buf_addc(out, ' ');
			column++;
		}
		buf_add(out, p, n);
		column += n;
		p += n;
		p += *p == ' ';
	}
	buf_addc(out, '\n');
}

/* Of all verbs, or of those whose name begins with this word. */
static void
usage(struct buf *out, const char *word)
{
	size_t n = word != NULL ? strlen(word) : 0;
	const char *begin = "usage: ";

	if (word == NULL) {
		add_line(out, begin,
		    &(struct verb){
			.name = "[-hqVv] [--json | --table] verb ...",
			.usage = "" });
		begin = "       ";
	}
	for (size_t i = 0; i < FILES; i++)
		for (const struct verb *v = files[i]; v->name != NULL; v++) {
			if (word != NULL && (strncmp(v->name, word, n) != 0 ||
						v->name[n] != ' '))
				continue;
			add_line(out, begin, v);
			begin = "       ";
		}
}

/* ---- which verb ---- */

/* The verb that argv begins with; *words: how many of argv name it. */
static const struct verb *
find(int argc, char **argv, int *words)
{
	for (size_t i = 0; i < FILES; i++)
		for (const struct verb *v = files[i]; v->name != NULL; v++) {
			size_t n = strcspn(v->name, " ");

			*words = v->name[n] == '\0' ? 1 : 2;
			if (argc < *words || strlen(argv[0]) != n ||
			    memcmp(argv[0], v->name, n) != 0)
				continue;
			if (*words == 1 ||
			    strcmp(argv[1], v->name + n + 1) == 0)
				return v;
		}
	return NULL;
}

static int
no_verb(int argc, char **argv)
{
	auto_buf struct buf some = { 0 };

	if (argc == 0)
		return cli_usage(&cli, "which verb?");
	usage(&some, argv[0]);
	if (some.len == 0)
		return cli_usage(&cli, "%s: no such verb", argv[0]);
	log_raw("rcn-state: %s%s%s: no such verb\n%s", argv[0],
	    argc > 1 ? " " : "", argc > 1 ? argv[1] : "", some.data);
	return EX_USAGE;
}

static int
run(int argc, char **argv)
{
	struct err err = { 0 };
	const struct verb *v;
	int words, status;

	v = find(argc, argv, &words);
	if (v == NULL)
		return no_verb(argc, argv);
	status = v->run(v, argc - words + 1, argv + words - 1, &err);
	if (status >= 0) {
		frame_end();
		return status;
	}
	err_print(&err);
	return err.status;
}

int
main(int argc, char **argv)
{
	static const struct option longopts[] = { FRAME_LONG, { 0 } };
	auto_buf struct buf text = { 0 };
	int c, status;

	usage(&text, NULL);
	cli.usage = text.data;
	log_init(cli.name);
	json_init();
	while ((c = getopt_long(argc, argv, "+" FRAME_SHORT, longopts, NULL)) !=
	       -1)
		if (frame_option(c) < 0 &&
		    (status = cli_common(&cli, c)) != CLI_GO)
			return status;
	return cli_end(run(argc - optind, argv + optind));
}
