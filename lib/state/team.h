/*
 * team - who may do what: teams own projects, users are members of teams.
 * Rows: a team {id, name, created_at, rev, members[]}, a member {team, user,
 * role, created_at} by names, a user {id, login, name, created_at, rev}.
 * Roles: admin, developer, viewer.  rcn-state itself asks the operating
 * system only: who may open the database may do all.
 *
 * Errors: EX_NOINPUT "not-found"; EX_DATAERR "exists", "bad-team"; EX_USAGE
 * "bad-slug".
 */
#ifndef STATE_TEAM_H
#define STATE_TEAM_H

#include "state/state.h"

json_t *team_add(struct state *, const char *name, struct err *);
json_t *team_get(struct state *, const char *name, struct err *);
json_t *team_list(struct state *, struct err *);
/* Not one that has projects. */
int team_remove(struct state *, const char *name, struct err *);

/* name: as people write it, may be NULL. */
json_t *user_add(struct state *, const char *login, const char *name,
    struct err *);
json_t *user_get(struct state *, const char *login, struct err *);
json_t *user_list(struct state *, struct err *);
int user_remove(struct state *, const char *login, struct err *);

/* Makes a member, or gives one another role. */
json_t *membership_set(struct state *, const char *team, const char *user,
    const char *role, struct err *);
int membership_remove(struct state *, const char *team, const char *user,
    struct err *);

#endif
