/*
 * project - what is deployed: a slug, a repository, settings.
 * A row is {id, slug, team, team_id, repository (its key, giturl.h),
 * repository_url, branch, settings{}, previews, preview_forks, preview_host,
 * env_version, created_at, updated_at, removed_at, rev, environments[]}, those
 * as in environment.h; what is not there has no member.
 *
 * Settings come in as one object, `project` of rcn-document(5): repository
 * (any URL), branch, hosts (production's), previews, preview_forks and
 * preview_host have columns of their own, all else is kept as it is.
 *
 * What rcn-hookd knows of repositories (credential.h) is written anew after
 * the commit; so none of these changes is part of a larger transaction.
 *
 * Errors: EX_NOINPUT "not-found"; EX_DATAERR "exists", "bad-project",
 * "bad-host", "host-taken"; EX_USAGE "bad-slug", "bad-url".
 */
#ifndef STATE_PROJECT_H
#define STATE_PROJECT_H

#include "state/state.h"

/* Makes its environment production, too.  settings.team: a team's name, by
 * default "default". */
json_t *project_add(struct state *, const char *slug, const json_t *settings,
    struct err *);
json_t *project_get(struct state *, const char *slug, struct err *);
/* A merge patch: null takes a setting away.  hosts: production's whole list.
 * A branch moves production along, if it followed the project's. */
json_t *project_set(struct state *, const char *slug, const json_t *patch,
    struct err *);
/* By slug, after that one (NULL: from the first), at most limit. */
json_t *project_list(struct state *, const char *after_slug, int limit,
    struct err *);
/*
 * Queues the teardown of each environment; rows go with the last one's end,
 * at once if nothing was ever deployed.  0 gone, 1 queued, -1.
 */
int project_remove(struct state *, const char *slug, struct err *);
/* Those of a giturl_key(), without removed ones. */
json_t *project_of_repository(struct state *, const char *key, struct err *);

/* For other parts of state: the row without its environments. */
json_t *project_row(struct state *, const char *slug, struct err *);

#endif
