#include "state/sshkey.h"

#include <sodium.h>
#include <string.h>

#include "base/crypto.h"

#define MAGIC "openssh-key-v1" /* and its NUL */
#define BEGIN "-----BEGIN OPENSSH PRIVATE KEY-----\n"
#define END "-----END OPENSSH PRIVATE KEY-----\n"

enum { SEED = 32, BLOCK = 8, LINE = 70 };

static void
add_u32(struct buf *b, uint32_t v)
{
	for (int shift = 24; shift >= 0; shift -= 8)
		buf_addc(b, (int)(v >> shift & 255));
}

static void
add_string(struct buf *b, const void *p, size_t n)
{
	add_u32(b, (uint32_t)n);
	buf_add(b, p, n);
}

static void
add_text(struct buf *b, const char *s)
{
	add_string(b, s, strlen(s));
}

/* Twice a random number, the pair, the comment, 1 2 3 ... to a block. */
static void
add_pair(struct buf *out, const unsigned char public[SEED],
    const unsigned char private[2 * SEED], const char *comment)
{
	AUTO(buf_wipe) struct buf b = { 0 };
	uint32_t check;

	buf_grow(&b, 512 + strlen(comment));
	random_bytes(&check, sizeof(check));
	add_u32(&b, check);
	add_u32(&b, check);
	add_text(&b, "ssh-ed25519");
	add_string(&b, public, SEED);
	add_string(&b, private, (size_t)2 * SEED);
	add_text(&b, comment);
	for (int i = 1; b.len % BLOCK != 0; i++)
		buf_addc(&b, i);
	add_string(out, b.data, b.len);
}

static void
add_lines(struct buf *out, const struct buf *raw)
{
	AUTO(buf_wipe) struct buf text = { 0 };

	buf_grow(&text, 2 * raw->len + 8);
	base64_encode(&text, raw->data, raw->len, BASE64_STD);
	buf_grow(out, 2 * text.len + 256);
	buf_adds(out, BEGIN);
	for (size_t i = 0; i < text.len; i += LINE) {
		buf_add(out, text.data + i,
		    text.len - i < LINE ? text.len - i : LINE);
		buf_addc(out, '\n');
	}
	buf_adds(out, END);
}

void
sshkey_make(const char *comment, struct buf *private, struct buf *public)
{
	AUTO(buf_wipe) struct buf raw = { 0 };
	auto_buf struct buf blob = { 0 };
	unsigned char pk[SEED], sk[2 * SEED], seed[SEED];

	random_bytes(seed, sizeof(seed));
	(void)crypto_sign_ed25519_seed_keypair(pk, sk, seed);
	add_text(&blob, "ssh-ed25519");
	add_string(&blob, pk, sizeof(pk));
	buf_grow(&raw, 1024 + strlen(comment));
	buf_add(&raw, MAGIC, sizeof(MAGIC));
	add_text(&raw, "none"); /* cipher */
	add_text(&raw, "none"); /* how a passphrase becomes its key */
	add_text(&raw, "");
	add_u32(&raw, 1);
	add_string(&raw, blob.data, blob.len);
	add_pair(&raw, pk, sk, comment);
	add_lines(private, &raw);
	explicit_bzero(seed, sizeof(seed));
	explicit_bzero(sk, sizeof(sk));
	buf_adds(public, "ssh-ed25519 ");
	base64_encode(public, blob.data, blob.len, BASE64_STD);
	buf_addf(public, " %s", comment);
}

/*
 * Reading
 */

struct cursor {
	const unsigned char *p;
	size_t left;
};

static bool
get_string(struct cursor *c, const unsigned char **p, size_t *n)
{
	if (c->left < 4)
		return false;
	*n = (size_t)c->p[0] << 24 | (size_t)c->p[1] << 16 |
	     (size_t)c->p[2] << 8 | c->p[3];
	if (*n > c->left - 4)
		return false;
	*p = c->p + 4;
	c->p += 4 + *n;
	c->left -= 4 + *n;
	return true;
}

static int
bad(struct err *err, const char *why)
{
	err_set(err, EX_DATAERR, "bad-credential", "git-key: %s", why);
	return err_hint(err, "a private key without a passphrase; where none "
			     "is given one is made");
}

/* cipher, kdf, its options, how many, the first one's public half. */
static int
public_of(const struct buf *raw, struct buf *public, struct err *err)
{
	struct cursor c = { (const unsigned char *)raw->data, raw->len };
	const unsigned char *p, *type;
	size_t n, len;

	if (c.left < sizeof(MAGIC) || memcmp(c.p, MAGIC, sizeof(MAGIC)) != 0)
		return bad(err, "not in OpenSSH's form");
	c.p += sizeof(MAGIC);
	c.left -= sizeof(MAGIC);
	if (!get_string(&c, &p, &n))
		return bad(err, "cut short");
	if (n != 4 || memcmp(p, "none", 4) != 0)
		return bad(err, "it has a passphrase");
	if (!get_string(&c, &p, &n) || !get_string(&c, &p, &n) || c.left < 4)
		return bad(err, "cut short");
	c.p += 4;
	c.left -= 4;
	if (!get_string(&c, &p, &n))
		return bad(err, "cut short");
	c = (struct cursor){ p, n };
	if (!get_string(&c, &type, &len) || len > 64)
		return bad(err, "not in OpenSSH's form");
	buf_add(public, type, len);
	buf_addc(public, ' ');
	base64_encode(public, p, n, BASE64_STD);
	return 0;
}

int
sshkey_public(const char *private, size_t n, struct buf *public,
    struct err *err)
{
	AUTO(buf_wipe) struct buf text = { 0 };
	AUTO(buf_wipe) struct buf raw = { 0 };
	const char *body, *end;

	if (memmem(private, n, " PRIVATE KEY-----", 17) == NULL)
		return bad(err, "not a private key");
	if (memmem(private, n, "ENCRYPTED", 9) != NULL)
		return bad(err, "it has a passphrase");
	body = memmem(private, n, BEGIN, strlen(BEGIN));
	if (body == NULL)
		return 0;
	body += strlen(BEGIN);
	end = memmem(body, n - (size_t)(body - private), END, strlen(END) - 1);
	if (end == NULL)
		return bad(err, "cut short");
	buf_grow(&text, n);
	buf_grow(&raw, n);
	for (const char *p = body; p < end; p++)
		if (*p != '\n' && *p != '\r')
			buf_addc(&text, *p);
	if (base64_decode(&raw, buf_str(&text), text.len) < 0)
		return bad(err, "not base64");
	return public_of(&raw, public, err);
}
