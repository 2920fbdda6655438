#define OPENSSL_API_COMPAT 0x10100000L

#include "base/crypto.h"

#include <openssl/sha.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/exit.h"

_Static_assert(sizeof(SHA256_CTX) <= sizeof(struct sha256), "opaque too small");

static SHA256_CTX *
ctx_of(struct sha256 *s)
{
	/* cppcheck-suppress ctuuninitvar ; SHA256_Init() fills it */
	return (SHA256_CTX *)(void *)s->opaque;
}

void
sha256_begin(struct sha256 *s)
{
	(void)SHA256_Init(ctx_of(s));
}

void
sha256_add(struct sha256 *s, const void *p, size_t n)
{
	(void)SHA256_Update(ctx_of(s), p, n);
}

void
sha256_field(struct sha256 *s, const void *p, size_t n)
{
	unsigned char len[8];

	for (int i = 0; i < 8; i++)
		len[i] = (unsigned char)((uint64_t)n >> (8 * i));
	sha256_add(s, len, sizeof(len));
	sha256_add(s, p, n);
}

void
sha256_text(struct sha256 *s, const char *text)
{
	sha256_field(s, text, strlen(text));
}

void
sha256_end(struct sha256 *s, unsigned char out[SHA256_BYTES])
{
	(void)SHA256_Final(out, ctx_of(s));
}

void
sha256_end_hex(struct sha256 *s, char out[SHA256_HEX])
{
	unsigned char raw[SHA256_BYTES];

	sha256_end(s, raw);
	hex_encode(raw, sizeof(raw), out);
}

void
sha256_hex(const void *p, size_t n, char out[SHA256_HEX])
{
	struct sha256 s;

	sha256_begin(&s);
	sha256_add(&s, p, n);
	sha256_end_hex(&s, out);
}

/* RFC 2104. */
void
hmac_sha256(const void *key, size_t nkey, const void *data, size_t n,
    unsigned char out[SHA256_BYTES])
{
	unsigned char k[64] = { 0 }, pad[64];
	struct sha256 s;

	if (nkey > sizeof(k)) {
		sha256_begin(&s);
		sha256_add(&s, key, nkey);
		sha256_end(&s, k);
	} else if (nkey > 0) {
		memcpy(k, key, nkey);
	}
	for (size_t i = 0; i < sizeof(k); i++)
		pad[i] = k[i] ^ 0x36;
	sha256_begin(&s);
	sha256_add(&s, pad, sizeof(pad));
	sha256_add(&s, data, n);
	sha256_end(&s, out);
	for (size_t i = 0; i < sizeof(k); i++)
		pad[i] = k[i] ^ 0x5c;
	sha256_begin(&s);
	sha256_add(&s, pad, sizeof(pad));
	sha256_add(&s, out, SHA256_BYTES);
	sha256_end(&s, out);
	explicit_bzero(k, sizeof(k));
	explicit_bzero(pad, sizeof(pad));
}

void
hex_encode(const void *data, size_t n, char *out)
{
	static const char digits[] = "0123456789abcdef";
	const unsigned char *p = data;

	for (size_t i = 0; i < n; i++) {
		out[2 * i] = digits[p[i] >> 4];
		out[2 * i + 1] = digits[p[i] & 15];
	}
	out[2 * n] = '\0';
}

static const char std64[] =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
static const char url64[] =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

void
base64_encode(struct buf *b, const void *data, size_t n, enum base64 kind)
{
	const char *set = kind == BASE64_URL ? url64 : std64;
	const unsigned char *p = data;

	for (size_t i = 0; i < n; i += 3) {
		uint32_t v = (uint32_t)p[i] << 16;

		if (i + 1 < n)
			v |= (uint32_t)p[i + 1] << 8;
		if (i + 2 < n)
			v |= p[i + 2];
		buf_addc(b, set[v >> 18]);
		buf_addc(b, set[v >> 12 & 63]);
		buf_addc(b, i + 1 < n ? set[v >> 6 & 63] : '=');
		buf_addc(b, i + 2 < n ? set[v & 63] : '=');
	}
}

static int
digit64(int c)
{
	const char *p;

	if (c == '\0')
		return -1;
	if ((p = strchr(std64, c)) != NULL)
		return (int)(p - std64);
	if ((p = strchr(url64, c)) != NULL)
		return (int)(p - url64);
	return -1;
}

int
base64_decode(struct buf *b, const char *s, size_t n)
{
	uint32_t v = 0;
	int bits = 0;

	while (n > 0 && s[n - 1] == '=')
		n--;
	for (size_t i = 0; i < n; i++) {
		int d = digit64(s[i]);

		if (d < 0)
			return -1;
		v = v << 6 | (uint32_t)d;
		bits += 6;
		if (bits >= 8) {
			bits -= 8;
			buf_addc(b, (int)(v >> bits & 255));
		}
	}
	return n % 4 == 1 ? -1 : 0;
}

void
random_bytes(void *p, size_t n)
{
	if (getrandom(p, n, 0) != (ssize_t)n)
		_exit(EX_OSERR);
}

void
uuid7(char out[UUID_TEXT])
{
	uint64_t ms = (uint64_t)clock_wall_ms();
	unsigned char u[16];
	char hex[33];

	random_bytes(u, sizeof(u));
	for (int i = 0; i < 6; i++)
		u[i] = (unsigned char)(ms >> (8 * (5 - i)));
	u[6] = (unsigned char)((u[6] & 15) | 0x70);
	u[8] = (unsigned char)((u[8] & 0x3f) | 0x80);
	hex_encode(u, sizeof(u), hex);
	(void)snprintf(out, UUID_TEXT, "%.8s-%.4s-%.4s-%.4s-%.12s", hex,
	    hex + 8, hex + 12, hex + 16, hex + 20);
}
