/* The options of a program: rows, and what is misuse. */
#include "tap.h"

#include <unistd.h>

#include "document/cli.h"
#include "document/document.h"

static const struct cli cli = { "rcn-x", "usage: rcn-x\n" };

static struct {
	const char *text, *other;
	struct strvec list;
	bool flag;
	int choice;
} o;

static struct strvec argv; /* texts of o are borrowed from it */

static int
take(enum cli_how how, const char *const *words)
{
	const struct cli_option rows[] = {
		{ "choose-a", .choice = &o.choice, .value = 1 },
		{ "choose-b", .choice = &o.choice, .value = 2 },
		{ "flag", 'f', .flag = &o.flag },
		{ "list", .list = &o.list },
		{ "other", .text = &o.other },
		{ "text", 't', .text = &o.text },
		{ 0 },
	};

	strvec_release(&argv);
	strvec_release(&o.list);
	memset(&o, 0, sizeof(o));
	strvec_add(&argv, "rcn-x");
	for (; *words != NULL; words++)
		strvec_add(&argv, *words);
	optind = 0; /* begin anew */
	return cli_take(&cli, how, rows, (int)argv.n, argv.v);
}

#define TAKE(how, ...) take(how, (const char *const[]){ __VA_ARGS__, NULL })

static void
rows(void)
{
	ok(TAKE(CLI_FILTER, "--text", "a", "--other=b", "--list", "c", "--list",
	       "d", "--flag", "--choose-a", "--choose-b") == CLI_GO,
	    "one of each");
	tap_str(o.text, "a", "a text");
	tap_str(o.other, "b", "another");
	ok(o.list.n == 2 && strcmp(o.list.v[1], "d") == 0, "a list");
	ok(o.flag, "a flag");
	ok(o.choice == 2, "the last choice");
	ok(TAKE(CLI_FILTER, "-ft", "a", "-t", "b") == CLI_GO && o.flag,
	    "letters");
	tap_str(o.text, "b", "the last text");
	ok(o.other == NULL && o.choice == 0, "what is not given is not set");
	ok(TAKE(CLI_FILTER, "-d", "f", "-v") == CLI_GO, "what all take");
	tap_str(doc_file(), "f", "the document's file");
}

static void
misuse(void)
{
	ok(TAKE(CLI_FILTER, "--text") == EX_USAGE, "no value");
	ok(TAKE(CLI_FILTER, "--flag=x") == EX_USAGE, "one too many");
	ok(TAKE(CLI_FILTER, "--nothing") == EX_USAGE, "no such option");
	ok(TAKE(CLI_FILTER, "-x") == EX_USAGE, "no such letter");
	ok(TAKE(CLI_FILTER, "operand") == EX_USAGE, "an operand");
	ok(TAKE(CLI_PLAIN, "operand") == EX_USAGE, "an operand of a plain one");
	ok(TAKE(CLI_PLAIN, "-d", "f") == EX_USAGE, "-d where nothing is read");
	ok(TAKE(CLI_PLAIN, "--document", "f") == EX_USAGE, "nor in full");
	ok(TAKE(CLI_PLAIN, "-v", "--flag") == CLI_GO && o.flag, "the rest is");
	ok(TAKE(CLI_OPERANDS, "a", "--flag", "b") == CLI_GO && optind == 2 &&
		o.flag,
	    "operands are left, last");
}

int
main(void)
{
	if (freopen("/dev/null", "w", stderr) == NULL)
		return EX_OSERR;
	rows();
	misuse();
	strvec_release(&argv);
	strvec_release(&o.list);
	return tap_end();
}
