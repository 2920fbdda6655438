/*
 * spec - the one place where a container of ours is described.
 * spec_make() gives what the engine is asked to create; spec_hash() a hash of
 * all that makes one instance behave as another does: image, variables'
 * version, command, mounts, limits, network, and the deployment
 * of the last restart.  An instance with an equal hash need not be replaced.
 */
#ifndef DEPLOY_SPEC_H
#define DEPLOY_SPEC_H

#include <jansson.h>
#include "deploy/app.h"

struct spec {
	const struct app *app;
	const char *process; /* "web", "release" */
	int index;
	const struct strvec *argv; /* n is 0: the image's own */
	const char *image, *image_id; /* what to create from; what it is */
	const char *installation, *network;
	const char *address; /* "": the engine chooses */
	int port; /* 0: serves nothing */
};

json_t *spec_make(const struct spec *); /* new reference */
void spec_hash(const struct spec *, char hex[65]);

#endif
