/*
 * verbs - what rcn-state is made of: a row for each verb, a file for each
 * kind of thing.  A file ends in its rows; cmd/rcn-state.c lists the files.
 *
 *	static int
 *	get(const struct verb *v, int argc, char **argv, struct err *err)
 *	{
 *		auto_state struct state *st = NULL;
 *		const char *slug;
 *		int status = verb_args(v, argc, argv, NULL, &slug, 1, 1);
 *
 *		if (status != CLI_GO)
 *			return status;
 *		if (verb_open(&st, DB_READ, err) < 0)
 *			return -1;
 *		return verb_show(v, project_get(st, slug, err));
 *	}
 *
 * A verb ends at once when it is interrupted: a transaction is whole or
 * nothing.  One that is a stage calls stop_init() before doc_filter().
 */
#ifndef CMD_STATE_VERBS_H
#define CMD_STATE_VERBS_H

#include <jansson.h>
#include "base/buf.h"
#include "document/cli.h"
#include "state/state.h"

struct verb {
	const char *name; /* "project get"; or one word */
	const char *usage; /* what follows it: "slug [--limit n]", or "" */
	/* Of a table: paths in a row, "NAME=path" for another heading. */
	const char *columns;
	/* An exit status, or -1 and err; argv[0] is the verb's last word. */
	int (*run)(const struct verb *, int argc, char **argv, struct err *);
};

extern const struct verb verbs_init[], verbs_project[], verbs_environment[],
    verbs_domain[], verbs_env[], verbs_credential[], verbs_key[], verbs_team[],
    verbs_audit[], verbs_deployment[], verbs_queue[], verbs_gc[],
    verbs_backup[];

/*
 * Options of a verb, long ones only, wherever they stand; the common ones
 * (-h -q -v -V, --json, --table) are every verb's.
 */
struct flag {
	const char *name; /* NULL ends the list */
	enum { FLAG_SET, FLAG_TEXT, FLAG_LIST } kind;
	void *to; /* bool *, const char **, struct strvec * */
};
/* CLI_GO, or the status to end with.  words[0..max) are set, to NULL where
 * there is no more; flags may be NULL. */
int verb_args(const struct verb *, int argc, char **argv, const struct flag *,
    const char **words, size_t min, size_t max);
/* "rcn-state: text" and the verb's usage on stderr; returns 64. */
int verb_usage(const struct verb *, const char *, ...)
    __attribute__((format(printf, 2, 3)));

/* Makes the parts of the state folder that are not there, and gives each to
 * its user. */
int verb_parts(struct err *);

/* The database, as who runs this; flags as of state_open(). */
int verb_open(struct state **, unsigned flags, struct err *);

/*
 * Shows a row, or each of a list, which is stolen; may be called again for
 * more.  JSON, one a line, or on a terminal a table.  NULL: -1, else 0.
 */
int verb_show(const struct verb *, json_t *);

/* A JSON object from a file, "-" for standard input. */
json_t *verb_file(const char *path, struct err *);
/*
 * What must not stand in argv: a file's text, standard input's ("-", NULL),
 * or, where that is a terminal, a line typed unseen after the prompt.  One
 * newline at its end is left out, NUL is EX_DATAERR "bad-secret"; appended to
 * text, which has room for max bytes from then on: buf_wipe() it.
 */
int verb_secret(const char *path, const char *prompt, size_t max,
    struct buf *text, struct err *);
/* A number from 1 on, at most max; NULL text: def. */
int verb_number(const char *text, int64_t def, int64_t max, int64_t *,
    struct err *);

#endif
