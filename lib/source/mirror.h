/*
 * mirror - a bare copy of a repository, kept and brought up to date by git.
 *	struct mirror_want want = { .url = url, .branch = "main" };
 *	struct mirror m = { 0 };
 *	if (mirror_fetch(&want, &m, err) < 0)
 *		...
 *	mirror_release(&m);
 *
 * It lies in STATE_DIR/mirrors, named by the hash of its address, is locked
 * while it is written, and made again when it is gone or broken.  git does
 * the transport over https, http, ssh, git and file, never asks, checks what
 * it gets (fsck), and runs as the user of the setting FETCH_USER where we are
 * root.  FETCH_TIMEOUT: seconds for one transfer, 900.
 *
 * EX_UNAVAILABLE "fetch-failed": the network or the server, try again;
 * EX_NOPERM "fetch-denied"; EX_NOINPUT "no-such-repository" and
 * "no-such-commit"; EX_DATAERR "source-refused": what git's checks refuse,
 * and what tree.h says of trees.
 */
#ifndef SOURCE_MIRROR_H
#define SOURCE_MIRROR_H

#include "base/buf.h"
#include "base/err.h"

struct mirror_want {
	const char *url; /* of mirror_url() */
	const char *branch; /* or tag, or refs/...; NULL: the server's HEAD */
	const char *commit; /* or its beginning; NULL: the branch's newest */
	const char *root; /* this folder must be whole and safe; NULL: all */
	/* Files of credentials, each NULL or a path that ssh or git reads. */
	const char *key, *known_hosts, *token;
};

struct mirror {
	char *path; /* absolute */
	char id[65]; /* the commit */
	char *branch; /* NULL where nobody said and the server has no name */
};

/*
 * Checks an address and makes a local path absolute; new string or NULL.
 * EX_USAGE "bad-url": a scheme that is not fetched, an option in disguise, or
 * credentials in it, with a hint where they belong.
 */
char *mirror_url(const char *, struct err *);
/* Where the mirror of an address is, there or not. */
int mirror_path(const char *url, struct buf *, struct err *);
/* Fetches only what is not there: an exact commit that is needs no network. */
int mirror_fetch(const struct mirror_want *, struct mirror *, struct err *);
void mirror_release(struct mirror *);

#endif
