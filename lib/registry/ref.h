/*
 * ref - names of images: [HOST[:PORT]/]PATH[:TAG][@DIGEST].
 * The first part is a host if it has a dot, a colon or an upper-case letter,
 * or is "localhost"; without one the host is docker.io, and a path of one
 * part is library/PATH there.  With neither tag nor digest the tag is latest.
 *	auto_ref struct ref r = { 0 };
 *	if (ref_parse("node:24", &r, err) < 0) ...
 *	r.host "docker.io", r.path "library/node", r.tag "24", r.digest NULL
 * Errors: EX_DATAERR "bad-image-name".
 */
#ifndef REGISTRY_REF_H
#define REGISTRY_REF_H

#include <stdbool.h>
#include "base/buf.h"
#include "base/err.h"

enum { REF_NAME_MAX = 255, REF_TAG_MAX = 128 };

struct ref {
	char *host, *path;
	char *tag, *digest; /* NULL: none; never both NULL */
	bool bare; /* no host was written */
};

int ref_parse(const char *, struct ref *, struct err *);
void ref_release(struct ref *);
/* Appends HOST/PATH, as engines take it and tell it. */
void ref_name(const struct ref *, struct buf *);

bool ref_is_tag(const char *);
bool ref_is_digest(const char *); /* sha256:HEX or sha512:HEX */

#define auto_ref AUTO(ref_release)

#endif
