/*
 * registry - ask an OCI registry about manifests (distribution-spec 1.1).
 * One struct is one host and a kept connection.  Nothing is asked before the
 * first call; credentials are looked up (creds.h) when a challenge comes:
 * Basic, or Bearer with a token from the realm (Docker Hub's and Harbor's
 * form, anonymous where there are no credentials), kept per scope until it
 * runs out.  The scheme is https, with RCN_CA_BUNDLE beside the system's
 * CAs; http on loopback, unless the server there wants TLS, and for hosts in
 * RCN_INSECURE_REGISTRIES ("HOST[:PORT] ...").  Redirects are followed, never
 * from https to http, and Authorization stays with the host it is for.
 *	auto_registry struct registry *r = registry_open(ref.host);
 *	if (registry_manifest(r, &ref, &m, err) < 0) ...
 *
 * Errors: EX_UNAVAILABLE "registry-down", EX_NOPERM "registry-denied",
 * EX_NOINPUT "manifest-unknown", EX_TEMPFAIL "registry-limit" (429),
 * EX_PROTOCOL "digest-mismatch", "tls-failed", "bad-answer"; those of creds.h.
 */
#ifndef REGISTRY_REGISTRY_H
#define REGISTRY_REGISTRY_H

#include "base/buf.h"
#include "base/err.h"
#include "registry/ref.h"

enum { DIGEST_TEXT = 72 }; /* "sha256:" and 64 digits */

struct registry;

struct manifest {
	char digest[DIGEST_TEXT]; /* of the body, computed here */
	char *type; /* its media type */
	struct buf body; /* as it came */
};

struct registry *registry_open(const char *host);
void registry_close(struct registry *);

/* By digest if the name has one, else by tag.  The digest of what came is
 * compared with the one asked for and the one that the registry says. */
int registry_manifest(struct registry *, const struct ref *, struct manifest *,
    struct err *);
/* 1 there, 0 not, -1 failed. */
int registry_has(struct registry *, const struct ref *, struct err *);
void manifest_release(struct manifest *);

static inline void
registry_cleanup(struct registry **r)
{
	registry_close(*r);
}

#define auto_registry AUTO(registry_cleanup)
#define auto_manifest AUTO(manifest_release)

#endif
