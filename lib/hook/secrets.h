/*
 * secrets - the webhook secrets that this daemon's key opens.
 * DIR/repositories.json is written whole by rcn-state:
 *	{"version": 1,
 *	 "repositories": [{"key": "github.com/o/n", "key_id": "...",
 *	    "sealed": ["BASE64", ...]}, ...],
 *	 "default": ["BASE64", ...], "default_key_id": "..."}
 * Each is a sealed box of libsodium for DIR/key-KEYID (32 raw bytes), and
 * holds {"repository": KEY or "*", "secret": TEXT}: one that has been moved
 * to another row opens and is not taken.  A box is opened at its first use;
 * the key stays in its file meanwhile.
 */
#ifndef HOOK_SECRETS_H
#define HOOK_SECRETS_H

#include "base/buf.h"
#include "base/err.h"

struct secrets;

/* No file is no secrets.  EX_DATAERR "bad-hook-file", EX_OSERR "os-error". */
int secrets_open(struct secrets **, const char *dir, struct err *);
void secrets_close(struct secrets *); /* wiped */
/* 1 read again since the file is another, 0 it is not; -1: what was stays. */
int secrets_refresh(struct secrets *, struct err *);
size_t secrets_count(const struct secrets *); /* repositories */

/*
 * Who has signed: adds the key of each repository that ends in one of names
 * and whose secret gives this HMAC-SHA256 of the bytes, and "*" for a default
 * secret.  At most a dozen are tried, one at least is computed.  Where none
 * has, and the file has become another meanwhile, it is asked once more.
 */
void secrets_match(struct secrets *, const struct strvec *names, const void *,
    size_t, const unsigned char mac[32], struct strvec *keys);

#endif
