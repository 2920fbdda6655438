/*
 * crypto - SHA-256, HMAC, hex, base64, random bytes, UUIDv7.
 * Low-level digest calls on purpose: they need no provider set-up, which
 * costs more than the hashes of a small document.
 */
#ifndef BASE_CRYPTO_H
#define BASE_CRYPTO_H

#include <stddef.h>
#include <stdint.h>
#include "base/buf.h"
#include "base/err.h"

enum { SHA256_BYTES = 32, SHA256_HEX = 65, UUID_TEXT = 37 };

struct sha256 {
	uint64_t opaque[16];
};

void sha256_begin(struct sha256 *);
void sha256_add(struct sha256 *, const void *, size_t);
/* A length in front, so that "ab","c" and "a","bc" differ. */
void sha256_field(struct sha256 *, const void *, size_t);
void sha256_text(struct sha256 *, const char *); /* field of a C string */
void sha256_end(struct sha256 *, unsigned char out[SHA256_BYTES]);
void sha256_end_hex(struct sha256 *, char out[SHA256_HEX]);
void sha256_hex(const void *, size_t, char out[SHA256_HEX]);

void hmac_sha256(const void *key, size_t, const void *data, size_t,
    unsigned char out[SHA256_BYTES]);
void hex_encode(const void *, size_t, char *out); /* 2n + 1 bytes */

enum base64 { BASE64_STD, BASE64_URL }; /* URL: RFC 4648 5, with padding */
void base64_encode(struct buf *, const void *, size_t, enum base64);
int base64_decode(struct buf *, const char *, size_t); /* both; -1 bad */

void random_bytes(void *, size_t);
void uuid7(char out[UUID_TEXT]); /* RFC 9562, lower case */

#endif
