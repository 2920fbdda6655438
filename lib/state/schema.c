/*
 * The tables.  Ids are UUIDv7 as text; times RFC 3339 UTC with milliseconds;
 * mutable rows have rev, one more at each change.  What orders things is a
 * number (number, seq, env_version), never the clock.  Waits are a boot's id
 * and milliseconds of CLOCK_BOOTTIME: a clock that is set changes nothing.
 */
#include "state/schema.h"

static const char people[] =
    "CREATE TABLE settings ("
    " key TEXT PRIMARY KEY,"
    " value TEXT NOT NULL"
    ") STRICT, WITHOUT ROWID;"

    "CREATE TABLE teams ("
    " id TEXT PRIMARY KEY,"
    " name TEXT NOT NULL UNIQUE,"
    " created_at TEXT NOT NULL,"
    " rev INTEGER NOT NULL DEFAULT 1"
    ") STRICT;"

    "CREATE TABLE users ("
    " id TEXT PRIMARY KEY,"
    " login TEXT NOT NULL UNIQUE,"
    " name TEXT,"
    " created_at TEXT NOT NULL,"
    " rev INTEGER NOT NULL DEFAULT 1"
    ") STRICT;"

    "CREATE TABLE memberships ("
    " team TEXT NOT NULL REFERENCES teams ON DELETE CASCADE,"
    " user TEXT NOT NULL REFERENCES users ON DELETE CASCADE,"
    " role TEXT NOT NULL CHECK (role IN ('admin', 'developer', 'viewer')),"
    " created_at TEXT NOT NULL,"
    " PRIMARY KEY (team, user)"
    ") STRICT;"
    "CREATE INDEX memberships_user ON memberships (user);";

static const char projects[] =
    /* repository: giturl_key() of repository_url, "" without one.
     * settings: `project` of rcn-document(5) less slug, repository, hosts. */
    "CREATE TABLE projects ("
    " id TEXT PRIMARY KEY,"
    " team TEXT NOT NULL REFERENCES teams,"
    " slug TEXT NOT NULL UNIQUE,"
    " repository TEXT NOT NULL DEFAULT '',"
    " repository_url TEXT,"
    " branch TEXT NOT NULL DEFAULT 'main',"
    " settings TEXT NOT NULL DEFAULT '{}',"
    " next_number INTEGER NOT NULL DEFAULT 1,"
    " env_version INTEGER NOT NULL DEFAULT 0,"
    " previews INTEGER NOT NULL DEFAULT 0," /* pull requests make pr-N */
    " preview_forks INTEGER NOT NULL DEFAULT 0,"
    " preview_host TEXT," /* "pr-*.app.example": * is the number */
    " created_at TEXT NOT NULL,"
    " updated_at TEXT NOT NULL,"
    " removed_at TEXT," /* goes with the last teardown */
    " rev INTEGER NOT NULL DEFAULT 1"
    ") STRICT;"
    "CREATE INDEX projects_repository ON projects (repository);"
    "CREATE INDEX projects_team ON projects (team);"

    /* live: the deployment that serves; paused: pushes deploy nothing;
     * stopped: an operator has stopped it. */
    "CREATE TABLE environments ("
    " id TEXT PRIMARY KEY,"
    " project TEXT NOT NULL REFERENCES projects ON DELETE CASCADE,"
    " name TEXT NOT NULL,"
    " kind TEXT NOT NULL CHECK (kind IN ('production', 'preview')),"
    " branch TEXT," /* pushes to it deploy here; NULL: none do */
    " pull_request INTEGER,"
    " live TEXT,"
    " paused TEXT," /* why */
    " stopped INTEGER NOT NULL DEFAULT 0,"
    " restart TEXT," /* deployment id that instances' spec carries */
    " scale TEXT NOT NULL DEFAULT '{}'," /* process: count */
    " created_at TEXT NOT NULL,"
    " updated_at TEXT NOT NULL,"
    " removed_at TEXT," /* its teardown is asked for: deploys nothing */
    " rev INTEGER NOT NULL DEFAULT 1,"
    " UNIQUE (project, name)"
    ") STRICT;"

    "CREATE TABLE domains ("
    " id TEXT PRIMARY KEY,"
    " project TEXT NOT NULL REFERENCES projects ON DELETE CASCADE,"
    " environment TEXT NOT NULL REFERENCES environments ON DELETE CASCADE,"
    " host TEXT NOT NULL UNIQUE,"
    " created_at TEXT NOT NULL"
    ") STRICT;"
    "CREATE INDEX domains_environment ON domains (environment);"
    "CREATE INDEX domains_project ON domains (project);";

static const char secrets[] =
    /* holder: whose private key opens it. */
    "CREATE TABLE keys ("
    " id TEXT PRIMARY KEY,"
    " holder TEXT NOT NULL CHECK (holder IN ('secret', 'hook')),"
    " public BLOB NOT NULL,"
    " created_at TEXT NOT NULL,"
    " retired_at TEXT"
    ") STRICT;"
    "CREATE UNIQUE INDEX keys_current ON keys (holder)"
    " WHERE retired_at IS NULL;"

    /* Valid for version v: since <= v, and until NULL or > v. */
    "CREATE TABLE env_vars ("
    " id TEXT PRIMARY KEY,"
    " project TEXT NOT NULL REFERENCES projects ON DELETE CASCADE,"
    " scope TEXT NOT NULL,"
    " phase TEXT NOT NULL CHECK (phase IN ('run', 'build', 'both')),"
    " key TEXT NOT NULL,"
    " sealed BLOB NOT NULL,"
    " key_id TEXT NOT NULL REFERENCES keys,"
    " is_secret INTEGER NOT NULL DEFAULT 1,"
    " since INTEGER NOT NULL,"
    " until INTEGER,"
    " created_at TEXT NOT NULL"
    ") STRICT;"
    "CREATE INDEX env_vars_project ON env_vars (project, since);"
    "CREATE UNIQUE INDEX env_vars_current ON env_vars (project, scope, key)"
    " WHERE until IS NULL;"
    "CREATE INDEX env_vars_key_id ON env_vars (key_id);"

    /* What a holder needs beside variables: git-key, git-token,
     * git-known-hosts, webhook, registry (a config.json), github-token.
     * project NULL: of the whole installation. */
    "CREATE TABLE credentials ("
    " id TEXT PRIMARY KEY,"
    " project TEXT REFERENCES projects ON DELETE CASCADE,"
    " kind TEXT NOT NULL,"
    " public TEXT," /* a deploy key's public half */
    " sealed BLOB NOT NULL,"
    " key_id TEXT NOT NULL REFERENCES keys,"
    " created_at TEXT NOT NULL,"
    " rev INTEGER NOT NULL DEFAULT 1"
    ") STRICT;"
    "CREATE UNIQUE INDEX credentials_kind"
    " ON credentials (coalesce(project, ''), kind);"
    "CREATE INDEX credentials_project ON credentials (project, kind);"
    "CREATE INDEX credentials_key_id ON credentials (key_id);";

static const char work[] =
    /* settings: the project section that it runs with.  document: the last
     * that was saved.  of: the deployment whose image it takes. */
    "CREATE TABLE deployments ("
    " id TEXT PRIMARY KEY,"
    " project TEXT NOT NULL REFERENCES projects ON DELETE CASCADE,"
    " environment TEXT NOT NULL REFERENCES environments ON DELETE CASCADE,"
    " number INTEGER NOT NULL,"
    " trigger TEXT NOT NULL CHECK (trigger IN ('push', 'pull_request',"
    "  'cli', 'api', 'image', 'rollback', 'redeploy', 'env', 'scale',"
    "  'restart', 'start')),"
    " state TEXT NOT NULL CHECK (state IN ('pending', 'building',"
    "  'deploying', 'live', 'superseded', 'stopped', 'cancelled',"
    "  'failed')),"
    " actor TEXT NOT NULL,"
    " branch TEXT,"
    " commit_id TEXT,"
    " message TEXT,"
    " author TEXT,"
    " pull_request INTEGER,"
    " of TEXT,"
    " settings TEXT NOT NULL DEFAULT '{}',"
    " env_version INTEGER NOT NULL DEFAULT 0,"
    " build_changed INTEGER NOT NULL DEFAULT 0,"
    " image_ref TEXT,"
    " image_digest TEXT,"
    " document TEXT,"
    " error TEXT," /* as in a document */
    " reason TEXT," /* why it ended so, for people */
    " attempt INTEGER NOT NULL DEFAULT 0,"
    " cancel TEXT," /* asked for: why */
    " created_at TEXT NOT NULL,"
    " started_at TEXT,"
    " deploying_at TEXT,"
    " live_at TEXT,"
    " ended_at TEXT,"
    " log TEXT," /* a key of the log store */
    " rev INTEGER NOT NULL DEFAULT 1,"
    " UNIQUE (project, number)"
    ") STRICT;"
    "CREATE UNIQUE INDEX deployments_live ON deployments (environment)"
    " WHERE state = 'live';"
    "CREATE UNIQUE INDEX deployments_running ON deployments (environment)"
    " WHERE state IN ('building', 'deploying');"
    /* What waits, in an environment with a long past. */
    "CREATE INDEX deployments_state"
    " ON deployments (environment, state, number);"
    "CREATE INDEX deployments_environment"
    " ON deployments (environment, number);"
    /* Most have none any more. */
    "CREATE INDEX deployments_document ON deployments (environment, number)"
    " WHERE document IS NOT NULL;"
    /* Rollback asks for those that once were live. */
    "CREATE INDEX deployments_was_live ON deployments (environment, number)"
    " WHERE live_at IS NOT NULL;"

    /* run_*: not before; lease_*: held until; of this boot. */
    "CREATE TABLE jobs ("
    " seq INTEGER PRIMARY KEY,"
    " id TEXT NOT NULL UNIQUE,"
    " kind TEXT NOT NULL CHECK (kind IN ('deploy', 'stop', 'teardown',"
    "  'notify', 'gc', 'repair')),"
    " project TEXT REFERENCES projects ON DELETE CASCADE,"
    " environment TEXT REFERENCES environments ON DELETE CASCADE,"
    " deployment TEXT REFERENCES deployments ON DELETE CASCADE,"
    " payload TEXT NOT NULL DEFAULT '{}',"
    " status TEXT NOT NULL CHECK (status IN ('queued', 'running', 'done',"
    "  'failed', 'cancelled')),"
    " run_boot TEXT,"
    " run_at INTEGER NOT NULL DEFAULT 0,"
    " attempts INTEGER NOT NULL DEFAULT 0,"
    " crashes INTEGER NOT NULL DEFAULT 0,"
    " epoch INTEGER NOT NULL DEFAULT 0,"
    " worker TEXT,"
    " lease_boot TEXT,"
    " lease_until INTEGER,"
    " process_group INTEGER,"
    " error TEXT,"
    " created_at TEXT NOT NULL,"
    " ended_at TEXT,"
    " rev INTEGER NOT NULL DEFAULT 1"
    ") STRICT;"
    "CREATE INDEX jobs_queued ON jobs (seq) WHERE status = 'queued';"
    "CREATE INDEX jobs_running ON jobs (seq) WHERE status = 'running';"
    /* Asked at each claim: an environment's past is long. */
    "CREATE INDEX jobs_open ON jobs (environment)"
    " WHERE status IN ('queued', 'running');"
    "CREATE INDEX jobs_deployment ON jobs (deployment);"
    "CREATE INDEX jobs_environment ON jobs (environment);"
    "CREATE INDEX jobs_project ON jobs (project);";

static const char feed[] =
    /* Webhook deliveries that have been fanned out: never twice. */
    "CREATE TABLE deliveries ("
    " id TEXT PRIMARY KEY,"
    " result TEXT NOT NULL," /* JSON: deployments made, or why none */
    " created_at TEXT NOT NULL"
    ") STRICT;"

    /* Append only; hash: of the row and of the hash before it. */
    "CREATE TABLE events ("
    " seq INTEGER PRIMARY KEY,"
    " id TEXT NOT NULL UNIQUE,"
    " at TEXT NOT NULL,"
    " kind TEXT NOT NULL,"
    " actor TEXT NOT NULL,"
    " team TEXT,"
    " project TEXT,"
    " environment TEXT,"
    " deployment TEXT,"
    " data TEXT NOT NULL DEFAULT '{}',"
    " hash TEXT NOT NULL"
    ") STRICT;"
    "CREATE INDEX events_project ON events (project, seq);"
    "CREATE INDEX events_deployment ON events (deployment, seq);"
    "CREATE TRIGGER events_kept BEFORE DELETE ON events"
    " BEGIN SELECT RAISE(ABORT, 'events are append-only'); END;"
    "CREATE TRIGGER events_as_written BEFORE UPDATE ON events"
    " BEGIN SELECT RAISE(ABORT, 'events are append-only'); END;";

static const char *const first[] = { people, projects, secrets, work, feed,
	NULL };

const char *const *const schema_migrations[] = { first };
const int schema_version =
    (int)(sizeof(schema_migrations) / sizeof(*schema_migrations));
