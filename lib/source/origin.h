/*
 * origin - the `source` section of a document, and the tree that it names.
 * A first program makes the section of what it was given:
 *	struct origin from = { .dir = "app", .root = project_root };
 *	struct source s = { 0 };
 *	section = origin_section(&from, &s, err);
 * and every later one opens the same files, with the same left out:
 *	if (source_open(&s, json_object_get(doc, "source"), err) < 0)
 *		...
 *	if (source_verify(&s, section, err) < 0)
 *		...
 *	source_close(&s);
 * These two link libgit2 and libarchive (3 ms of a program's start, measured),
 * but set up only what the kind needs; the others do not link libarchive.
 */
#ifndef SOURCE_ORIGIN_H
#define SOURCE_ORIGIN_H

#include <jansson.h>
#include "source/tree.h"

struct origin { /* dir, git or tar; the others NULL */
	const char *dir;
	const char *git, *rev; /* rev NULL: HEAD */
	const char *tar;
	const char *root; /* folder of the app in it; NULL or "": all */
};

struct source {
	struct tree *tree; /* rooted, and filtered by rules */
	struct ignore rules;
	int fd; /* of a tar; else unused */
};

/*
 * The section, a new reference: kind, absolute path, root, tree, and of a
 * commit its id, author, message and time.  s is open after it, to be closed.
 */
json_t *origin_section(const struct origin *, struct source *s, struct err *);

/* The same of a tree that is open already and rooted; path is absolute. */
json_t *source_section(struct source *, const char *kind, const char *path,
    const char *root, struct err *);

/* NULL section: EX_DATAERR "section-missing". */
int source_open(struct source *, const json_t *section, struct err *);
void source_close(struct source *); /* also after a failure; again is fine */
/*
 * Are these still the files that the section names?  No: EX_TEMPFAIL
 * "source-changed".  A folder or tar is read whole; a commit never changes.
 */
int source_verify(struct source *, const json_t *section, struct err *);

/*
 * The rules: the default list, then the lines of DOCKERFILE.dockerignore if
 * there is one, else of .dockerignore.  source_open() has dockerfile NULL, and
 * source.tree is always of those.  1: DOCKERFILE.dockerignore decides from now
 * on; 0: nothing has changed; -1 failed.
 */
int source_rules(struct source *, const char *dockerfile, struct err *);

/* What a person should know of a tree before it is built. */
struct survey {
	uint64_t files, bytes;
	uint64_t left_out;
	struct strvec modules; /* submodules, whose files are not here */
	struct strvec lfs; /* Git LFS pointers in place of files */
	struct strvec odd; /* names that are not UTF-8 */
};
/* The lists end after 20 names. */
int source_survey(struct source *, struct survey *, struct err *);
void survey_release(struct survey *);

#define auto_source AUTO(source_close)
#define auto_survey AUTO(survey_release)

#endif
