/*
 * scan - what every runtime's detector works with: the tree, the settings, the
 * plan that is being filled, and the words to say why.
 */
#ifndef DETECT_SCAN_H
#define DETECT_SCAN_H

#include <jansson.h>
#include <stdbool.h>
#include "base/buf.h"
#include "base/err.h"
#include "plan/plan.h"
#include "source/tree.h"

enum {
	SCAN_FILE_MAX = 4 << 20, /* of a manifest */
	SCAN_SOURCE_MAX = 256 << 10, /* of a source file that is looked into */
	SCAN_DEPTH = 5, /* folders that are looked into */
	SCAN_FILES = 8000, /* names that are kept */
	CLAIMS_MAX = 12,
};

struct scan {
	struct tree *tree;
	const struct ignore *rules; /* the tree is filtered by them */
	const json_t *project, *versions; /* borrowed */
	json_t *rcn; /* rcn.json, or NULL */
	struct buf rcn_text;
	struct plan *plan;
	json_t *procfile; /* [{name, command, line}], or NULL */
	struct strvec files; /* paths of files, a walk without what is built */
	struct buf misses; /* "package.json has no start", for no-runtime */
};

/* A runtime's plan(): 1 the plan is made, 0 not this one, -1 failed. */
struct runtime {
	const char *name;
	const char *looks_for; /* "package.json" */
	int (*plan)(struct scan *, struct err *);
};
extern const struct runtime runtime_bun, runtime_deno, runtime_dockerfile,
    runtime_dotnet, runtime_elixir, runtime_go, runtime_java, runtime_nodejs,
    runtime_php, runtime_python, runtime_ruby, runtime_rust, runtime_static;

/* Look at what the rules leave out, too: for files that are in no image. */
void scan_unfilter(struct scan *, bool);
bool scan_has(struct scan *, const char *path); /* a file */
bool scan_is_program(struct scan *, const char *path); /* to execute */
bool scan_has_dir(struct scan *, const char *path);
/* The first of names (a NULL ends them) that is there, or NULL. */
const char *scan_first(struct scan *, const char *const *names);
/* 1 appended, 0 not there, -1 failed. */
int scan_read(struct scan *, const char *path, size_t max, struct buf *,
    struct err *);
/* A source file that may be looked into: false if not there or too large. */
bool scan_peek(struct scan *, const char *path, struct buf *);
/* A name that a shell and a Dockerfile take for no more than a name. */
bool scan_is_plain(const char *);
/* Where a file's text holds word, as its line; 0: it does not. */
int scan_mentions(struct scan *, const char *path, const char *word);
/*
 * plan.assets: what of the tree a compiled program may read when it runs,
 * templates, pages, migrations; whole folders where no source is among them.
 */
void scan_assets(struct scan *, bool (*is_source)(const char *name));
/*
 * Where package.json only says how assets are built for a program that is
 * not Node's: plan.node, what installs and (build) its script that builds.
 * 1 there is one, 0 nothing to build, -1 failed.
 */
int node_assets(struct scan *, bool build, struct err *);
/* The plan of a package.json: what Node runs, or (bun) what Bun does. */
int node_family(struct scan *, bool bun, struct err *);
void scan_miss(struct scan *, const char *, ...)
    __attribute__((format(printf, 2, 3)));

/* A setting of the project or of rcn.json, and where it was made. */
struct setting {
	json_t *v; /* borrowed, NULL: nobody set it */
	const char *file; /* "rcn.json", or NULL: the project */
	int line;
};
struct setting scan_setting(const struct scan *, const char *key);
/* Its string, or NULL; adds a why for fact. */
const char *scan_set_string(struct scan *, const char *key, char **member);
/* true: the list was set. */
bool scan_set_commands(struct scan *, const char *key, struct commands *);
int scan_load_settings(struct scan *, struct err *);

void scan_why(struct scan *, const char *fact, const char *value,
    const char *file, int line);

/* Lines of a text: 1 for the first; 0: not there. */
int line_at(const char *text, const char *at);
const char *line_after(const char *); /* where the next begins, or NULL */
/* The first line that begins with key, blanks in front allowed. */
int line_of(const char *text, const char *key);
/* Copies a line without its end and without blanks around; next is where to
 * go on, NULL at the end: for (s = text; line_next(&s, &b);) */
bool line_next(const char **text, struct buf *);

/*
 * Versions.  Who says which version is wanted, the strongest first.
 */
struct claim {
	char *value, *file;
	int line;
};
struct claims {
	struct claim v[CLAIMS_MAX];
	size_t n;
};
void claims_add(struct claims *, const char *value, const char *file, int line);
/* A file that only says a version; a line "tool version" of .tool-versions. */
void claims_file(struct claims *, struct scan *, const char *file);
void claims_tool(struct claims *, struct scan *, const char *tool);
void claims_release(struct claims *);
#define auto_claims AUTO(claims_release)

/*
 * Sets plan.version to the newest known release that the strongest claim
 * allows, else to the default; says why, what was overridden, and warns of
 * what contradicts, is not known or has reached its end.
 */
void version_choose(struct scan *, const char *runtime, struct claims *);
/* "24", "22.3", "22.3.0": as short as it may be.  false: none satisfies. */
bool version_resolve(const json_t *table, const char *wanted, struct buf *);

/*
 * Start commands, as text a shell would take.
 */

/* Words of a command without shell syntax; false: it needs a shell. */
bool start_words(const char *text, struct strvec *);
/* The name of the development server that text runs, or NULL; instead
 * (appended, may stay empty) is the same without it. */
const char *start_dev(const char *text, struct buf *instead);
/* What text names that is not in the tree and will not be made by the build
 * (appended), as true. */
bool start_missing(struct scan *, const char *text, struct buf *what);
/* The web process, unless text names what is missing: then a warning. */
bool start_believe(struct scan *, const char *text, const char *file, int line);
/* An argv where that is enough, else a string for a shell. */
void start_set(struct command *, const char *text);
/*
 * The web process as somebody wrote it down: `start` or `processes.web` of
 * the project or rcn.json, else the Procfile's; a development server or what
 * names a missing file in the Procfile is passed over, with a warning.
 * true: plan has it.
 */
bool start_given(struct scan *);
/* Settings of install, build, release, packages ... over what was found. */
void scan_override(struct scan *);
/* "pkg.mod" below the folder dir ("" is the root): the file it is in
 * (appended). */
bool python_module(struct scan *, const char *dir, const char *module,
    struct buf *path);

#endif
