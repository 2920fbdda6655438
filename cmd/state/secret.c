/* Secrets come in by a file, standard input or a terminal; never by argv. */
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <termios.h>

#include "base/io.h"
#include "base/mask.h"
#include "base/stop.h"
#include "cmd/state/verbs.h"

/* A line; a signal ends the wait, so that the terminal gets its echo back. */
static int
read_line(size_t max, struct buf *text, struct err *err)
{
	char c;

	stop_init();
	while (text->len <= max) {
		if (io_wait(0, POLLIN, -1, err) < 0)
			return -1;
		if (io_read(0, &c, 1) != 1 || c == '\n')
			return 0;
		buf_addc(text, c);
	}
	return err_set(err, EX_DATAERR, "too-large",
	    "standard input: more than %zu bytes", max);
}

static int
ask(const char *prompt, size_t max, struct buf *text, struct err *err)
{
	struct termios was, silent;
	int bad;

	if (tcgetattr(0, &was) < 0)
		return err_sys(err, EX_IOERR, "read-failed", "terminal");
	silent = was;
	silent.c_lflag &= ~(tcflag_t)ECHO;
	(void)tcsetattr(0, TCSAFLUSH, &silent);
	fprintf(stderr, "%s: ", prompt);
	bad = read_line(max, text, err);
	(void)tcsetattr(0, TCSAFLUSH, &was);
	fputc('\n', stderr);
	return bad;
}

int
verb_secret(const char *path, const char *prompt, size_t max, struct buf *text,
    struct err *err)
{
	bool in = path == NULL || strcmp(path, "-") == 0;
	const char *name = in ? "standard input" : path;
	int bad;

	mask_no_dump();
	/* Room beforehand, so that nothing is copied and left behind. */
	buf_grow(text, max + 65536);
	if (in && isatty(0) == 1)
		bad = ask(prompt, max, text, err);
	else if (in)
		bad = io_read_fd(0, max + 1, text, name, err);
	else
		bad = io_read_file(path, max + 1, text, err);
	if (bad < 0)
		return -1;
	if (text->len > 0 && text->data[text->len - 1] == '\n')
		buf_cut(text, text->len - 1);
	if (text->len > max)
		return err_set(err, EX_DATAERR, "too-large",
		    "%s: more than %zu bytes", name, max);
	if (memchr(buf_str(text), '\0', text->len) != NULL)
		return err_set(err, EX_DATAERR, "bad-secret",
		    "%s: has a NUL byte in it", name);
	return 0;
}
