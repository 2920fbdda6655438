/*
 * app - what a document asks to be run, decoded once: `project` over `plan`
 * over defaults.  Deeper code reads this struct, not JSON.
 * Strings, `mounts`, `networks` and `expect` are borrowed from the document,
 * which must outlive it; the rest is released by app_release().
 */
#ifndef DEPLOY_APP_H
#define DEPLOY_APP_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>
#include "base/buf.h"
#include "base/err.h"
#include "plan/plan.h"

enum { PORT_DEFAULT = 10000, ENV_VERSION = 65, SCALE_MAX = 100 };

struct app_process {
	char *name;
	enum process_kind kind;
	struct strvec argv; /* n is 0: the image's own command */
	int scale;
	int port; /* 0: not said */
};

struct app {
	const char *slug, *environment, *deployment, *trigger;
	const char *restart; /* the last restart's deployment, or NULL */
	int attempt;
	char *key; /* "SLUG.ENVIRONMENT" */
	struct strvec hosts; /* of the route; the gate asks for the first */
	char *health_path; /* NULL: any path, any answer below 500 */
	int health_port; /* 0: the port that serves */
	const json_t *expect, *mounts, *networks;
	int64_t gate_ms, release_ms, drain_ms;
	int stop_s;
	int64_t memory, pids, cpus_milli;
	struct app_process *processes; /* web first */
	size_t n;
	struct commands release;
	const json_t *env; /* {KEY: {value, secret}}, borrowed */
	char env_version[ENV_VERSION];
	struct plan plan;
};

/* EX_DATAERR "bad-project", "bad-plan"; EX_CONFIG "strategy-unknown".
 * env NULL: no variables, no version, nothing of the disk is touched.
 * own_env: env was given by hand, so the version in the document is not its.
 * Nobody has judged the hosts, nor asked whose they are. */
int app_read(struct app *, const json_t *doc, const json_t *env, bool own_env,
    struct err *);
/* Those of --host in their place. */
void app_hosts(struct app *, const json_t *doc, const struct strvec *given);
void app_release(struct app *);
#define auto_app AUTO(app_release)

const char *app_variable(const struct app *, const char *name); /* or NULL */
/* A release command runs for what brings new code, not for a rerun. */
bool app_releases(const struct app *);

#endif
