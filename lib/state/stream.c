#include "state/stream.h"

#include <errno.h>
#include <sodium.h>
#include <string.h>

#include "base/io.h"
#include "state/backup.h"

#define MAGIC "rcn-backup 1\n"

#define SALT crypto_pwhash_SALTBYTES
#define HEADER crypto_secretstream_xchacha20poly1305_HEADERBYTES
#define MORE crypto_secretstream_xchacha20poly1305_ABYTES
#define KEY crypto_secretstream_xchacha20poly1305_KEYBYTES

/* Argon2id: 64 MiB three times; what a file may ask of us. */
enum { OPS = 3, MEM = 64 << 20, OPS_MAX = 16, MEM_MAX = 1 << 30 };
enum { START = sizeof(MAGIC) - 1 + SALT + 16 + HEADER };
enum { SEALED = 1 + STREAM_PIECE + MORE };

_Static_assert(sizeof(crypto_secretstream_xchacha20poly1305_state) <=
		   sizeof(((struct stream *)0)->state),
    "opaque too small");

static crypto_secretstream_xchacha20poly1305_state *
state_of(struct stream *s)
{
	return (void *)s->state;
}

static int
bad(struct err *err, const char *why)
{
	return err_set(err, EX_DATAERR, "bad-backup", "backup: %s", why);
}

static void
put_number(unsigned char *p, uint64_t v, size_t bytes)
{
	for (size_t i = 0; i < bytes; i++)
		p[i] = (unsigned char)(v >> (8 * i));
}

static uint64_t
get_number(const unsigned char *p, size_t bytes)
{
	uint64_t v = 0;

	for (size_t i = 0; i < bytes; i++)
		v |= (uint64_t)p[i] << (8 * i);
	return v;
}

static int
derive(unsigned char key[KEY], const struct buf *passphrase,
    const unsigned char *salt, uint64_t ops, uint64_t mem, struct err *err)
{
	if (crypto_pwhash(key, KEY, buf_str(passphrase), passphrase->len, salt,
		ops, (size_t)mem, crypto_pwhash_ALG_ARGON2ID13) == 0)
		return 0;
	errno = ENOMEM;
	return err_sys(err, EX_OSERR, "out-of-memory",
	    "backup: the passphrase takes %llu MiB",
	    (unsigned long long)mem >> 20);
}

int
stream_begin(struct stream *s, int fd, const struct buf *passphrase,
    struct err *err)
{
	unsigned char key[KEY], start[START], *p = start;
	int rc;

	if (sodium_init() < 0)
		return err_set(err, EX_SOFTWARE, "state-bug",
		    "libsodium: cannot begin");
	if (passphrase->len < PASSPHRASE_MIN)
		return err_set(err, EX_DATAERR, "bad-passphrase",
		    "passphrase: shorter than %d bytes", PASSPHRASE_MIN);
	s->fd = fd;
	memcpy(p, MAGIC, sizeof(MAGIC) - 1);
	p += sizeof(MAGIC) - 1;
	randombytes_buf(p, SALT);
	put_number(p + SALT, OPS, 8);
	put_number(p + SALT + 8, MEM, 8);
	rc = derive(key, passphrase, p, OPS, MEM, err);
	if (rc == 0)
		(void)
		    crypto_secretstream_xchacha20poly1305_init_push(state_of(s),
			p + SALT + 16, key);
	explicit_bzero(key, sizeof(key));
	if (rc == 0 && io_write_all(fd, start, sizeof(start)) < 0)
		rc = err_sys(err, EX_IOERR, "write-failed", "backup");
	return rc;
}

int
stream_put(struct stream *s, int kind, const void *data, size_t n,
    struct err *err)
{
	unsigned char plain[1 + STREAM_PIECE], out[4 + SEALED];
	unsigned char tag =
	    kind == STREAM_END ? crypto_secretstream_xchacha20poly1305_TAG_FINAL
			       : 0;

	plain[0] = (unsigned char)kind;
	memcpy(plain + 1, data, n);
	put_number(out, 1 + n + MORE, 4);
	(void)crypto_secretstream_xchacha20poly1305_push(state_of(s), out + 4,
	    NULL, plain, 1 + n, NULL, 0, tag);
	explicit_bzero(plain, 1 + n);
	if (io_write_all(s->fd, out, 4 + 1 + n + MORE) < 0 ||
	    (kind == STREAM_END && fsync(s->fd) < 0 && errno != EINVAL &&
		errno != EROFS))
		return err_sys(err, EX_IOERR, "write-failed", "backup");
	return 0;
}

/* 1 all of it, 0 the end of the file is before it, -1. */
static int
read_all(int fd, unsigned char *p, size_t n, struct err *err)
{
	while (n > 0) {
		ssize_t k = io_read(fd, p, n);

		if (k < 0)
			return err_sys(err, EX_IOERR, "read-failed", "backup");
		if (k == 0)
			return 0;
		p += k;
		n -= (size_t)k;
	}
	return 1;
}

int
stream_open(struct stream *s, int fd, const struct buf *passphrase,
    struct err *err)
{
	unsigned char key[KEY], start[START];
	const unsigned char *p = start + sizeof(MAGIC) - 1;
	uint64_t ops, mem;
	int rc;

	if (sodium_init() < 0)
		return err_set(err, EX_SOFTWARE, "state-bug",
		    "libsodium: cannot begin");
	s->fd = fd;
	if ((rc = read_all(fd, start, sizeof(start), err)) < 0)
		return -1;
	if (rc == 0 || memcmp(start, MAGIC, sizeof(MAGIC) - 1) != 0)
		return bad(err, "this file is none");
	ops = get_number(p + SALT, 8);
	mem = get_number(p + SALT + 8, 8);
	if (ops < 1 || ops > OPS_MAX || mem < crypto_pwhash_MEMLIMIT_MIN ||
	    mem > MEM_MAX)
		return bad(err, "its numbers are none of ours");
	rc = derive(key, passphrase, p, ops, mem, err);
	if (rc == 0 &&
	    crypto_secretstream_xchacha20poly1305_init_pull(state_of(s),
		p + SALT + 16, key) != 0)
		rc = bad(err, "its header is damaged");
	explicit_bzero(key, sizeof(key));
	return rc;
}

int
stream_get(struct stream *s, struct buf *b, struct err *err)
{
	unsigned char size[4], in[SEALED], plain[1 + STREAM_PIECE], tag;
	unsigned long long n;
	int got = read_all(s->fd, size, sizeof(size), err), kind;
	uint64_t most;

	if (got == 0)
		return bad(err, "cut short");
	most = got < 0 ? 0 : get_number(size, 4);
	if (got > 0 && (most <= MORE || most > SEALED))
		return bad(err, "damaged");
	if (got < 0 || (got = read_all(s->fd, in, most, err)) < 0)
		return -1;
	if (got == 0)
		return bad(err, "cut short");
	if (crypto_secretstream_xchacha20poly1305_pull(state_of(s), plain, &n,
		&tag, in, most, NULL, 0) != 0)
		return bad(err, "another passphrase, or damaged");
	kind = plain[0];
	buf_clear(b);
	buf_add(b, plain + 1, n - 1);
	explicit_bzero(plain, sizeof(plain));
	if ((kind == STREAM_END) !=
	    (tag == crypto_secretstream_xchacha20poly1305_TAG_FINAL))
		return bad(err, "damaged");
	return kind;
}

void
stream_release(struct stream *s)
{
	explicit_bzero(s, sizeof(*s));
}
