/*
 * event - a delivery of GitHub's, Gitea's or Forgejo's as ours: what is told
 * to the worker, and nothing of what else is in the body.
 *
 *	{"delivery": ID, "event": "push" | "branch_deleted" | "pull_request",
 *	 "provider": "github" | "gitea" | "forgejo",
 *	 "repository": {"keys": [...], "full_name": "o/n", "clone_url": URL,
 *	    "fork": false},
 *	 "branch": "main", "before": SHA, "commit": SHA, "forced": false,
 *	 "message": first line, "author": name, "actor": login,
 *	 "pull_request": {"number": 12, "action": "opened" | "synchronize" |
 *	    "reopened" | "closed", "fork": false, "head_branch": "x",
 *	    "base_branch": "main", "head_url": URL}}
 *
 * before is not there for a new branch, commit not for a deleted one; of a
 * pull request branch and commit are those of its head.
 */
#ifndef HOOK_EVENT_H
#define HOOK_EVENT_H

#include <jansson.h>
#include "base/buf.h"
#include "base/err.h"

enum event_kind { EVENT_RECORD, EVENT_PING, EVENT_IGNORE };

struct event {
	enum event_kind kind;
	const char *reason; /* static, of an ignored one: "a tag" */
	json_t *delivery; /* EVENT_RECORD, without repository.keys */
	struct strvec keys; /* giturl_key() of the addresses it gives itself */
};

/*
 * name is the header's ("push"), id the delivery's, json the verified body.
 * EX_DATAERR "bad-json", "too-large" (what matters of it), "bad-delivery".
 */
int event_read(struct event *, const char *provider, const char *name,
    const char *id, const char *json, size_t, struct err *);
void event_release(struct event *);
#define auto_event AUTO(event_release)

#endif
