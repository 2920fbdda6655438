/*
 * ignore - what of a tree is left out: .dockerignore, and a safe default list.
 *	struct ignore g = { 0 };
 *	ignore_defaults(&g);
 *	if (ignore_text(&g, text, len, ".dockerignore", err) < 0)
 *		...
 *	tree_filter(tree, &g);
 *	ignore_release(&g);
 *
 * The rules are Docker's: one pattern a line, relative to the root (a leading
 * "/" says nothing), "#" at the very start of a line is a comment, spaces
 * around a pattern are dropped, "*" "?" "[a-z]" "[^a]" stop at "/", "**" is
 * any number of folders, "\" takes the next character as it is, "!" brings
 * back.  The last rule that matches a path or a folder above it decides.
 * A pattern that is none ("[a", a lone "!"): EX_DATAERR "bad-ignore", with
 * file and line.
 *
 * Since the last rule decides, a line of the repository's own can bring back
 * what the default list leaves out: "!.env.production".
 */
#ifndef SOURCE_IGNORE_H
#define SOURCE_IGNORE_H

#include <stdbool.h>
#include <stddef.h>
#include "base/buf.h"
#include "base/err.h"

struct ignore_rule;

struct ignore {
	struct ignore_rule *v;
	size_t n, cap;
};

/*
 * The default list, in any folder: version control (.git .hg .svn); what
 * package managers and tools make again (node_modules bower_components
 * .next/cache .turbo .parcel-cache __pycache__ *.pyc .venv venv .tox
 * .mypy_cache .pytest_cache .ruff_cache); .DS_Store, Thumbs.db, our own .rcn;
 * and secrets: .env and .env.* but for .env.example .env.sample .env.template
 * .env.dist; private keys by the names that tools give them (id_rsa id_dsa
 * id_ecdsa id_ed25519 *.key *.ppk *.p12 *.pfx key.pem *-key.pem *_key.pem
 * private.pem privkey.pem); credentials of tools (.ssh .aws .netrc .pgpass
 * .git-credentials .docker/config.json .kube/config).  Other *.pem stay: most
 * are certificates that an app needs.  So do .npmrc and pip.conf, without
 * which an install would behave differently.
 */
void ignore_defaults(struct ignore *);
int ignore_text(struct ignore *, const char *, size_t, const char *file,
    struct err *);
void ignore_release(struct ignore *);

/* The patterns as they are matched, in order: what a document lists, and
 * what ignore_text() takes again, one a line. */
void ignore_list(const struct ignore *, struct strvec *);

/*
 * Matching, top down.  The rule that decides about path, given the one that
 * decided about the folder it is in (IGNORE_NONE for the root).
 */
enum { IGNORE_NONE = -1 };
int ignore_rule(const struct ignore *, const char *path, int above);
/* The same for any path, from the root. */
int ignore_decides(const struct ignore *, const char *path);
bool ignore_hides(const struct ignore *, int rule);
/* Could a later "!" bring back something inside the hidden folder? */
bool ignore_reaches(const struct ignore *, int rule, const char *folder);
/* "FILE:LINE" and the pattern of a rule, for a person. */
void ignore_why(const struct ignore *, int rule, struct buf *);

#define auto_ignore AUTO(ignore_release)

#endif
