/*
 * creds - who we are to a registry, as docker login has written it down.
 * The file is $RCN_SECRETS/registry/config.json where that is there, else
 * $DOCKER_CONFIG/config.json, else ~/.docker/config.json.  In it, in this
 * order: credHelpers[host] and credsStore (docker-credential-NAME is asked,
 * the host on its standard input), auths[host].  Keys may be addresses
 * ("https://host/v1/"); Docker Hub's is https://index.docker.io/v1/, whatever
 * name it is asked by.
 *	auto_creds struct creds c = { 0 };
 *	if (creds_find("registry.example.org:5000", &c, err) < 0) ...
 * What is found is named to mask.h, owned by the caller, wiped at release.
 *
 * Errors: EX_CONFIG "bad-credentials" (its text quotes nothing of the file),
 * EX_UNAVAILABLE "program-missing" (the helper), those of io.h.
 */
#ifndef REGISTRY_CREDS_H
#define REGISTRY_CREDS_H

#include "base/buf.h"
#include "base/err.h"

struct creds {
	char *user, *password; /* both or none */
	char *identity; /* a refresh token in place of a password */
};

int creds_find(const char *host, struct creds *, struct err *); /* 1, 0, -1 */
void creds_release(struct creds *);

/*
 * Appends the value of X-Registry-Auth: base64url of JSON, that of {} for who
 * has no credentials, since old engines refuse a push without the header.
 */
int creds_header(const char *host, struct buf *, struct err *);

#define auto_creds AUTO(creds_release)

#endif
