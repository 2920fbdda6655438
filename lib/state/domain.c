/* Hosts of environments. */
#include "state/environment.h"

#include <ctype.h>
#include <string.h>

#include "base/crypto.h"
#include "base/json.h"
#include "base/text.h"
#include "state/project.h"

enum { HOSTS_MAX = 128 }; /* of a route */

#define DOMAIN                                                             \
	"SELECT d.id, p.slug AS project, e.name AS environment, d.host,"   \
	" d.created_at FROM domains d JOIN projects p ON p.id = d.project" \
	" JOIN environments e ON e.id = d.environment"

static int
check_host(struct state *st, const json_t *env, const char *host,
    struct err *err)
{
	json_auto_t *there = NULL;

	if (!text_is_host(host))
		return err_set(err, EX_DATAERR, "bad-host", "%s: not a host",
		    host);
	if (json_array_size(json_object_get(env, "hosts")) >= HOSTS_MAX)
		return err_set(err, EX_DATAERR, "bad-host",
		    "%s: %d hosts at most", host, HOSTS_MAX);
	there = db_first(st->db, DOMAIN " WHERE d.host = :host",
	    ARGS(ARG_TEXT("host", host)), err);
	if (there == NULL)
		return err->status != 0 ? -1 : 0;
	if (strcmp(json_str(there, "project", ""),
		json_str(env, "project", "")) == 0)
		return err_set(err, EX_DATAERR, "exists",
		    "%s: exists, in environment %s", host,
		    json_str(there, "environment", ""));
	return err_set(err, EX_CONFIG, "host-taken", "%s: project %s has it",
	    host, json_str(there, "project", ""));
}

static int
insert_host(struct state *st, const char *project, const char *environment,
    const char *host, struct err *err)
{
	json_auto_t *env = environment_get(st, project, environment, err);
	char now[CLOCK_TEXT], id[UUID_TEXT];

	if (env == NULL || check_host(st, env, host, err) < 0)
		return -1;
	clock_now_text(now);
	uuid7(id);
	if (db_run(st->db,
		"INSERT INTO domains (id, project, environment, host,"
		" created_at) VALUES (:id, :project, :environment, :host,"
		" :now)",
		ARGS(ARG_TEXT("id", id),
		    ARG_TEXT("project", json_str(env, "project_id", "")),
		    ARG_TEXT("environment", json_str(env, "id", "")),
		    ARG_TEXT("host", host), ARG_TEXT("now", now)),
		err) < 0)
		return -1;
	return state_event(st,
	    &(struct event){ .kind = "domain.added",
		.project = json_str(env, "project_id", NULL),
		.environment = json_str(env, "id", NULL),
		.data = json_pack("{s:s}", "host", host) },
	    err);
}

/* Hosts are compared as DNS does: no case, no dot at the end. */
static char *
lower(const char *host)
{
	char *s = mem_strdup(host);
	size_t n = strlen(s);

	for (size_t i = 0; i < n; i++)
		s[i] = (char)tolower((unsigned char)s[i]);
	if (n > 1 && s[n - 1] == '.')
		s[n - 1] = '\0';
	return s;
}

json_t *
domain_add(struct state *st, const char *project, const char *environment,
    const char *host, struct err *err)
{
	auto_free char *name = lower(host);

	if (db_begin(st->db, err) < 0 ||
	    db_end(st->db, insert_host(st, project, environment, name, err),
		err) < 0)
		return NULL;
	return db_first(st->db, DOMAIN " WHERE d.host = :host",
	    ARGS(ARG_TEXT("host", name)), err);
}

static int
delete_host(struct state *st, const char *project, const char *host,
    struct err *err)
{
	json_auto_t *row = db_first(st->db,
	    "SELECT d.id, d.project, d.environment FROM domains d"
	    " JOIN projects p ON p.id = d.project"
	    " WHERE d.host = :host AND p.slug = :project",
	    ARGS(ARG_TEXT("host", host), ARG_TEXT("project", project)), err);

	if (row == NULL)
		return err->status != 0 ? -1
					: err_set(err, EX_NOINPUT, "not-found",
					      "project %s: host %s: not there",
					      project, host);
	if (db_run(st->db, "DELETE FROM domains WHERE id = :id",
		ARGS(ARG_TEXT("id", json_str(row, "id", ""))), err) < 0)
		return -1;
	return state_event(st,
	    &(struct event){ .kind = "domain.removed",
		.project = json_str(row, "project", NULL),
		.environment = json_str(row, "environment", NULL),
		.data = json_pack("{s:s}", "host", host) },
	    err);
}

int
domain_remove(struct state *st, const char *project, const char *host,
    struct err *err)
{
	auto_free char *name = lower(host);

	if (db_begin(st->db, err) < 0)
		return -1;
	return db_end(st->db, delete_host(st, project, name, err), err);
}

json_t *
domain_list(struct state *st, const char *project, struct err *err)
{
	json_auto_t *owner = NULL;

	if (project == NULL)
		return db_list(st->db, DOMAIN " ORDER BY d.host", NO_ARGS, err);
	owner = project_row(st, project, err);
	if (owner == NULL)
		return NULL;
	return db_list(st->db, DOMAIN " WHERE d.project = :id ORDER BY d.host",
	    ARGS(ARG_TEXT("id", json_str(owner, "id", ""))), err);
}
