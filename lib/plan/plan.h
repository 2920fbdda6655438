/*
 * plan - what an app is, how it is built and what it runs: the `plan` section
 * of rcn-document(5) as a struct.  lib/detect fills it, rcn-dockerfile makes
 * a Dockerfile of it, rcn-deploy reads its processes and release commands.
 *	struct plan plan = { 0 };
 *	if (plan_decode(&plan, json_object_get(doc, "plan"), err) < 0) ...
 *	const struct process *web = plan_process(&plan, "web");
 *	plan_release(&plan);		or auto_plan
 * All members are owned by the plan; a NULL string means "not said".  Strings
 * may hold a stranger's bytes until plan_encode() makes them UTF-8.
 */
#ifndef PLAN_PLAN_H
#define PLAN_PLAN_H

#include <jansson.h>
#include <stdbool.h>
#include "base/buf.h"
#include "base/err.h"

/* An argv to execute as it is, or (shell) one string for /bin/sh -c. */
struct command {
	struct strvec argv; /* n is 0: the image's own command */
	bool shell; /* argv holds the one string */
};

struct commands {
	struct command *v;
	size_t n;
};

enum process_kind { PROCESS_WEB, PROCESS_WORKER, PROCESS_CRON };

struct process {
	char *name; /* as in the Procfile; a DNS label */
	enum process_kind kind;
	struct command command;
	int port; /* it insists on this one; 0: it listens on $PORT */
	char *schedule; /* PROCESS_CRON: schedule.h */
};

/*
 * What rcn.json or a project says of a process, o: its kind, left alone where
 * nothing is said, and its schedule (borrowed or NULL), which makes it a cron
 * process.  EX_DATAERR with code; what names it: "rcn.json: processes.tick".
 */
int process_setting(const json_t *o, const char *code, const char *what,
    enum process_kind *kind, const char **schedule, struct err *);

struct plan_why {
	char *fact, *value; /* "version", "22.21.1" */
	char *file; /* where it was read, or NULL */
	int line; /* 0: the file as a whole */
	char *over; /* what it overrode, or NULL */
};

struct plan_candidate {
	char *path, *runtime, *reason; /* an app in a folder below */
};

struct plan {
	char *runtime; /* dockerfile, go, nodejs, static ... */
	char *version; /* of the runtime, "24" or "24.11.1" */
	char *framework; /* next, vite, flask ... */
	char *package_manager, *package_manager_version;
	/* What the build leaves: with runtime it names the template.
	 * "server" a program; "standalone" one with its own dependencies;
	 * "static" files for a static server. */
	char *output;
	struct commands install, build, release;
	struct process *processes;
	size_t n_processes;
	char *static_root; /* folder of the files once built, "." for all */
	bool prune; /* leave development dependencies out of the image */
	bool prepare; /* installing runs a script that may need them */
	bool spa; /* an unknown path is answered with index.html */
	char *health_path;
	struct strvec manifests; /* all that install reads, copied first */
	struct strvec packages; /* distribution packages at run time */
	struct strvec build_packages; /* the same while building */
	struct strvec build_env; /* names of public build variables */
	/* What the build makes and all of it that is run; none: everything.
	 * Beside it the image has assets, paths of the tree. */
	struct strvec artifacts, assets;
	struct strvec extensions; /* of the runtime itself, as php's gd */
	char *node; /* version of Node where it only builds assets, or NULL */
	char *dockerfile, *context, *target; /* the repository's own */
	struct strvec bases; /* images that it starts from */
	struct plan_candidate *candidates;
	size_t n_candidates;
	struct plan_why *why;
	size_t n_why;
	struct strvec warnings;
};

void plan_release(struct plan *);
#define auto_plan AUTO(plan_release)

json_t *plan_encode(const struct plan *); /* new reference */
/* Missing members are zero; a wrong one: EX_DATAERR "bad-plan". */
int plan_decode(struct plan *, const json_t *, struct err *);

bool plan_is(const struct plan *, const char *runtime);
const struct process *plan_process(const struct plan *, const char *name);
/* Added at the end, zeroed but for the name, or the one that is there. */
struct process *plan_add_process(struct plan *, const char *name);
void plan_add_why(struct plan *, const char *fact, const char *value,
    const char *file, int line, const char *over);
void plan_warn(struct plan *, const char *, ...)
    __attribute__((format(printf, 2, 3)));
void plan_set(char **member, const char *value); /* copies, frees the old */

/* Appends what to execute: the argv, or /bin/sh -c TEXT. */
void command_argv(const struct command *, struct strvec *);
void command_text(const struct command *, struct buf *); /* for a person */
void command_shell(struct command *, const char *text);
void command_release(struct command *);
int command_decode(struct command *, const json_t *, const char *what,
    struct err *);
json_t *command_encode(const struct command *);
struct command *commands_add(struct commands *); /* zeroed */
void commands_release(struct commands *);
int commands_decode(struct commands *, const json_t *, const char *what,
    struct err *);

#endif
