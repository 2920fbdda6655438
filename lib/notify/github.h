/*
 * github - tells GitHub, or what answers as it does, how a deployment goes:
 * a commit status, and one comment on a pull request that is kept up to date.
 *	struct github g = { .api = "https://api.github.com",
 *		.repository = "octocat/hello", .token = token };
 *	github_status(&g, sha, &status, err);
 *	github_release(&g);
 * Source: docs.github.com, "REST API endpoints for commit statuses" and "for
 * issue comments", version 2022-11-28.
 *
 * Errors: EX_NOPERM "notify-denied" (401, 403, with what mends it);
 * EX_NOINPUT "notify-missing" (404: GitHub says that too where the token may
 * not see the repository); EX_DATAERR "notify-refused" (422 and the like);
 * EX_TEMPFAIL "notify-later" (rate limits); EX_UNAVAILABLE "notify-down" (5xx,
 * and those of http.h).
 */
#ifndef NOTIFY_GITHUB_H
#define NOTIFY_GITHUB_H

#include <stdint.h>
#include "base/cleanup.h"
#include "base/err.h"
#include "http/http.h"

struct github {
	const char *api; /* without a slash at the end */
	const char *repository; /* "owner/name" */
	const char *token; /* borrowed; never in a message */
	struct http *http; /* made at the first call */
};

enum { GITHUB_DESCRIPTION_MAX = 140 };

struct github_status {
	const char *state; /* "pending", "success", "failure" or "error" */
	const char *context; /* one status per context and commit */
	const char *description; /* cut at 140 characters */
	const char *url; /* where to look, or NULL */
};

void github_release(struct github *);
#define auto_github AUTO(github_release)

int github_status(struct github *, const char *commit,
    const struct github_status *, struct err *);
/* The comment that has the marker (an HTML comment) is replaced; without one
 * it is made.  Looks at the newest 1,000 comments at most. */
int github_comment(struct github *, int64_t pull_request, const char *marker,
    const char *text, struct err *);

#endif
