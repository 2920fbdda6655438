/*
 * hook - the handlers of rcn-hookd: judge by the head, verify the bytes, read
 * them, record what they say.  Functions of a request and a response; the
 * only thing they change is the spool.
 *	POST /api/webhooks/github	a delivery
 *	GET /healthz			200
 */
#ifndef HOOK_HOOK_H
#define HOOK_HOOK_H

#include "hook/secrets.h"
#include "serve/message.h"
#include "state/spool.h"

#define HOOK_PATH "/api/webhooks/github"

struct hook {
	struct secrets *secrets; /* borrowed */
	struct spool *spool; /* borrowed */
	const char *tmp; /* folder for what a form holds */
	bool open; /* a transaction of the spool */
	struct err broken; /* what has failed in it */
};

/* ctx is a struct hook; serve.h says what they return. */
int hook_judge(const struct request *, struct response *, void *ctx,
    struct err *);
int hook_handle(const struct request *, struct response *, void *ctx,
    struct err *);
int hook_flush(void *ctx, struct err *);

#endif
