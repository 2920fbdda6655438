#include "state/seal.h"

#include <sodium.h>
#include <string.h>

#include "base/mask.h"
#include "state/key.h"

_Static_assert(SEAL_KEY == crypto_box_PUBLICKEYBYTES &&
		   SEAL_KEY == crypto_box_SECRETKEYBYTES,
    "a key's size");

const char *
holder_text(enum holder h)
{
	return h == HOLDER_HOOK ? "hook" : "secret";
}

static int
ready(struct err *err)
{
	if (sodium_init() < 0)
		return err_set(err, EX_SOFTWARE, "state-bug",
		    "libsodium: cannot begin");
	return 0;
}

static int
current(struct state *st, enum holder h, unsigned char public[SEAL_KEY],
    char id[UUID_TEXT], struct err *err)
{
	auto_rows struct db_rows *r = NULL;
	const void *p;
	size_t n;
	int more;

	if (db_query(st->db, &r,
		"SELECT id, public FROM keys WHERE holder = :holder"
		" AND retired_at IS NULL",
		ARGS(ARG_TEXT("holder", holder_text(h))), err) < 0 ||
	    (more = db_next(r, err)) < 0)
		return -1;
	p = more > 0 ? db_blob(r, 1, &n) : NULL;
	if (p == NULL || n != SEAL_KEY) {
		err_set(err, EX_NOPERM, "no-key", "no key for holder %s",
		    holder_text(h));
		return err_hint(err, "rcn-state key init");
	}
	memcpy(public, p, SEAL_KEY);
	snprintf(id, UUID_TEXT, "%s", db_text(r, 0));
	return 0;
}

int
seal_bytes(struct state *st, enum holder h, const void *p, size_t n,
    struct buf *sealed, char id[UUID_TEXT], struct err *err)
{
	unsigned char public[SEAL_KEY];
	size_t size = n + crypto_box_SEALBYTES;

	if (ready(err) < 0 || current(st, h, public, id, err) < 0)
		return -1;
	buf_grow(sealed, size);
	if (crypto_box_seal((unsigned char *)sealed->data + sealed->len, p, n,
		public) != 0)
		return err_set(err, EX_DATAERR, "bad-seal",
		    "key %s: cannot seal for it", id);
	sealed->len += size;
	sealed->data[sealed->len] = '\0';
	return 0;
}

int
seal_value(struct state *st, enum holder h, const char *identity, const void *p,
    size_t n, struct buf *sealed, char id[UUID_TEXT], struct err *err)
{
	AUTO(buf_wipe) struct buf plain = { 0 };

	buf_grow(&plain, strlen(identity) + 1 + n);
	buf_add(&plain, identity, strlen(identity) + 1);
	buf_add(&plain, p, n);
	return seal_bytes(st, h, plain.data, plain.len, sealed, id, err);
}

int
seal_open_bytes(struct state *st, const char *id, const void *sealed, size_t n,
    struct buf *plain, struct err *err)
{
	unsigned char public[SEAL_KEY], private[SEAL_KEY];
	int bad;

	mask_no_dump();
	if (ready(err) < 0 || key_load(st, id, public, private, err) < 0)
		return -1;
	buf_grow(plain, n);
	bad = n < crypto_box_SEALBYTES ||
	      crypto_box_seal_open((unsigned char *)plain->data + plain->len,
		  sealed, n, public, private) != 0;
	explicit_bzero(private, sizeof(private));
	if (bad)
		return err_set(err, EX_DATAERR, "bad-seal",
		    "a value sealed for key %s does not open", id);
	plain->len += n - crypto_box_SEALBYTES;
	plain->data[plain->len] = '\0';
	return 0;
}

int
seal_open(struct state *st, const char *id, const char *identity,
    const void *sealed, size_t n, struct buf *plain, struct err *err)
{
	AUTO(buf_wipe) struct buf all = { 0 };
	size_t head = strlen(identity) + 1;

	if (seal_open_bytes(st, id, sealed, n, &all, err) < 0)
		return -1;
	if (all.len < head || memcmp(all.data, identity, head) != 0)
		return err_set(err, EX_DATAERR, "bad-seal",
		    "%s: what stands here was sealed for another row",
		    identity);
	buf_grow(plain, all.len - head);
	buf_add(plain, all.data + head, all.len - head);
	return 0;
}
