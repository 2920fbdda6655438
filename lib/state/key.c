#include "state/key.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sodium.h>
#include <string.h>
#include <sys/stat.h>

#include "base/conf.h"
#include "base/io.h"
#include "base/json.h"
#include "base/mask.h"
#include "base/text.h"
#include "state/credential.h"

/*
 * Files
 */

static const char *
dir_name(enum holder h)
{
	return h == HOLDER_HOOK ? "hook" : "keys";
}

static void
dir_path(struct buf *b, enum holder h)
{
	buf_addf(b, "%s/%s", conf_state_dir(), dir_name(h));
}

void
key_path(struct buf *b, enum holder h, const char *id)
{
	dir_path(b, h);
	buf_addf(b, "/%s-%s", h == HOLDER_HOOK ? "key" : "secret", id);
}

static int
fill(int fd, const struct stat *owner, const void *p, size_t n)
{
	if (geteuid() == 0 && fchown(fd, owner->st_uid, owner->st_gid) < 0)
		return -1;
	return io_write_all(fd, p, n) < 0 || fsync(fd) < 0 ? -1 : 0;
}

/* Its name is new and nothing names it yet: no need to rename it in. */
static int
write_private(enum holder h, const char *id,
    const unsigned char private[SEAL_KEY], struct err *err)
{
	auto_buf struct buf dir = { 0 };
	auto_buf struct buf path = { 0 };
	auto_fd int fd = -1;
	struct stat sb;

	if (conf_state_path(&dir, dir_name(h), err) < 0)
		return -1;
	key_path(&path, h, id);
	fd = open(path.data,
	    O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd < 0 || stat(dir.data, &sb) < 0 ||
	    fill(fd, &sb, private, SEAL_KEY) < 0) {
		err_sys(err, EX_CANTCREAT, "cannot-create", "%s", path.data);
		if (fd >= 0)
			(void)unlink(path.data);
		return -1;
	}
	return io_fsync_dir(dir.data, err);
}

/* The folder may be another's: what he puts there is not believed. */
static int
read_private(enum holder h, const char *id, unsigned char private[SEAL_KEY])
{
	auto_buf struct buf path = { 0 };
	auto_fd int fd = -1;
	struct stat sb;

	key_path(&path, h, id);
	fd = open(path.data, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	if (fd < 0)
		return -1;
	if (fstat(fd, &sb) < 0 || !S_ISREG(sb.st_mode) ||
	    sb.st_size != SEAL_KEY ||
	    io_read(fd, private, SEAL_KEY) != SEAL_KEY) {
		errno = EINVAL;
		return -1;
	}
	return 0;
}

/* Gone first, then zeroed: nobody finds half of it. */
static int
wipe_private(enum holder h, const char *id, struct err *err)
{
	static const unsigned char zeros[SEAL_KEY];
	auto_buf struct buf path = { 0 };
	auto_fd int fd = -1;

	key_path(&path, h, id);
	fd = open(path.data, O_WRONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	if (fd < 0 && errno == ENOENT)
		return 0;
	if (unlink(path.data) < 0)
		return err_sys(err, EX_IOERR, "remove-failed", "%s", path.data);
	if (fd >= 0 && (io_write_all(fd, zeros, SEAL_KEY) < 0 || fsync(fd) < 0))
		return err_sys(err, EX_IOERR, "write-failed", "%s", path.data);
	return 0;
}

/*
 * Rows
 */

static int
lost(const char *id, enum holder h, int why, struct err *err)
{
	auto_buf struct buf path = { 0 };

	key_path(&path, h, id);
	errno = why;
	err_sys(err, EX_NOPERM, "no-key", "%s", path.data);
	return err_hint(err,
	    why == EACCES ? "run as the user who owns the state folder"
			  : "restore it from a backup: rcn-state restore");
}

int
key_load(struct state *st, const char *id, unsigned char public[SEAL_KEY],
    unsigned char private[SEAL_KEY], struct err *err)
{
	auto_rows struct db_rows *r = NULL;
	unsigned char of[SEAL_KEY];
	enum holder h;
	size_t n = 0;
	const void *p;
	int more;

	if (db_query(st->db, &r,
		"SELECT holder, public FROM keys WHERE id = :id",
		ARGS(ARG_TEXT("id", id)), err) < 0 ||
	    (more = db_next(r, err)) < 0)
		return -1;
	if (more == 0)
		return err_set(err, EX_NOPERM, "no-key", "key %s is gone", id);
	h = strcmp(db_text(r, 0), "hook") == 0 ? HOLDER_HOOK : HOLDER_SECRET;
	p = db_blob(r, 1, &n);
	if (read_private(h, id, private) < 0)
		return lost(id, h, errno, err);
	if (n != SEAL_KEY || crypto_scalarmult_base(of, private) != 0 ||
	    memcmp(of, p, SEAL_KEY) != 0) {
		explicit_bzero(private, SEAL_KEY);
		return lost(id, h, EINVAL, err);
	}
	memcpy(public, of, SEAL_KEY);
	return 0;
}

static int
make(struct state *st, enum holder h, char id[UUID_TEXT], struct err *err)
{
	unsigned char public[SEAL_KEY], private[SEAL_KEY];
	char now[CLOCK_TEXT];
	int bad;

	mask_no_dump();
	if (sodium_init() < 0 || crypto_box_keypair(public, private) != 0)
		return err_set(err, EX_SOFTWARE, "state-bug",
		    "libsodium: cannot begin");
	uuid7(id);
	bad = write_private(h, id, private, err);
	explicit_bzero(private, sizeof(private));
	if (bad < 0)
		return -1;
	clock_now_text(now);
	return db_run(st->db,
		   "INSERT INTO keys (id, holder, public, created_at)"
		   " VALUES (:id, :holder, :public, :now)",
		   ARGS(ARG_TEXT("id", id), ARG_TEXT("holder", holder_text(h)),
		       ARG_BLOB("public", public, sizeof(public)),
		       ARG_TEXT("now", now)),
		   err) < 0
		   ? -1
		   : 0;
}

json_t *
key_list(struct state *st, struct err *err)
{
	return db_list(st->db,
	    "SELECT id, holder, created_at FROM keys"
	    " WHERE retired_at IS NULL ORDER BY holder",
	    NO_ARGS, err);
}

static json_t *
current(struct state *st, enum holder h, struct err *err)
{
	return db_first(st->db,
	    "SELECT id FROM keys WHERE holder = :holder"
	    " AND retired_at IS NULL",
	    ARGS(ARG_TEXT("holder", holder_text(h))), err);
}

/* 1: it was made, 0: it was there. */
static int
ensure(struct state *st, enum holder h, struct err *err)
{
	json_auto_t *row = current(st, h, err);
	unsigned char public[SEAL_KEY], private[SEAL_KEY];
	char id[UUID_TEXT];

	if (row == NULL && err->status != 0)
		return -1;
	if (row == NULL)
		return make(st, h, id, err) < 0 ? -1 : 1;
	if (key_load(st, json_str(row, "id", ""), public, private, err) < 0)
		return -1;
	explicit_bzero(private, sizeof(private));
	return 0;
}

static int
ensure_all(struct state *st, struct err *err)
{
	int made, any = 0;

	for (int h = 0; h < HOLDERS; h++) {
		if ((made = ensure(st, (enum holder)h, err)) < 0)
			return -1;
		any |= made;
	}
	return any == 0 ? 0
			: state_event(st,
			      &(struct event){ .kind = "key.created" }, err);
}

/*
 * Rotation
 */

/* What no row names any more: the file goes, then, with the commit, the row
 * that tells of it. */
static int
forget(struct state *st, struct err *err)
{
	json_auto_t *old = db_list(st->db,
	    "SELECT id, holder FROM keys WHERE retired_at IS NOT NULL", NO_ARGS,
	    err);
	json_t *row;
	size_t i;

	if (old == NULL)
		return -1;
	json_array_foreach(old, i, row) {
		const char *id = json_str(row, "id", "");
		enum holder h = strcmp(json_str(row, "holder", ""), "hook") == 0
				    ? HOLDER_HOOK
				    : HOLDER_SECRET;

		if (wipe_private(h, id, err) < 0 ||
		    db_run(st->db, "DELETE FROM keys WHERE id = :id",
			ARGS(ARG_TEXT("id", id)), err) < 0)
			return -1;
	}
	return 0;
}

static int
named(struct state *st, struct strvec *ids, struct err *err)
{
	auto_rows struct db_rows *r = NULL;
	int more;

	if (db_query(st->db, &r, "SELECT id FROM keys", NO_ARGS, err) < 0)
		return -1;
	while ((more = db_next(r, err)) > 0)
		strvec_add(ids, db_text(r, 0));
	return more;
}

/* Of a process that was killed before its row was there.  Under the write
 * lock nobody is in between. */
static int
sweep(enum holder h, const struct strvec *ids, struct err *err)
{
	const char *prefix = h == HOLDER_HOOK ? "key-" : "secret-";
	auto_buf struct buf path = { 0 };
	const struct dirent *e;
	int bad = 0;
	DIR *d;

	dir_path(&path, h);
	if ((d = opendir(path.data)) == NULL)
		return 0;
	while (bad == 0 && (e = readdir(d)) != NULL) {
		const char *id = e->d_name + strlen(prefix);

		if (text_starts(e->d_name, prefix) &&
		    strlen(id) == UUID_TEXT - 1 && !strvec_has(ids, id))
			bad = wipe_private(h, id, err);
	}
	closedir(d);
	return bad;
}

static int
forget_all(struct state *st, struct err *err)
{
	auto_strvec struct strvec ids = { 0 };

	if (forget(st, err) < 0 || named(st, &ids, err) < 0)
		return -1;
	for (int h = 0; h < HOLDERS; h++)
		if (sweep((enum holder)h, &ids, err) < 0)
			return -1;
	return 0;
}

static int
settle(struct state *st, struct err *err)
{
	if (hook_publish(st, err) < 0 || db_begin(st->db, err) < 0)
		return -1;
	return db_end(st->db, forget_all(st, err), err);
}

int
key_init(struct state *st, struct err *err)
{
	if (db_begin(st->db, err) < 0 ||
	    db_end(st->db, ensure_all(st, err), err) < 0)
		return -1;
	return settle(st, err);
}

static int
reseal(struct state *st, enum holder h, const char *update, const char *id,
    const char *key, const void *sealed, size_t n, struct err *err)
{
	AUTO(buf_wipe) struct buf plain = { 0 };
	auto_buf struct buf box = { 0 };
	char now[UUID_TEXT];

	if (seal_open_bytes(st, key, sealed, n, &plain, err) < 0 ||
	    seal_bytes(st, h, plain.data, plain.len, &box, now, err) < 0)
		return -1;
	return db_run(st->db, update,
	    ARGS(ARG_TEXT("id", id), ARG_TEXT("key", now),
		ARG_BLOB("sealed", box.data, box.len)),
	    err);
}

/* One row a time, by the index on key_id: memory stays what it is. */
static int
reseal_all(struct state *st, enum holder h, const char *select,
    const char *update, int64_t *rows, struct err *err)
{
	for (;;) {
		auto_rows struct db_rows *r = NULL;
		auto_free char *id = NULL;
		auto_free char *key = NULL;
		auto_buf struct buf sealed = { 0 };
		const void *p;
		size_t n;
		int more;

		if (db_query(st->db, &r, select,
			ARGS(ARG_TEXT("holder", holder_text(h))), err) < 0 ||
		    (more = db_next(r, err)) < 0)
			return -1;
		if (more == 0)
			return 0;
		id = mem_strdup(db_text(r, 0));
		key = mem_strdup(db_text(r, 1));
		p = db_blob(r, 2, &n);
		buf_add(&sealed, p, n);
		if (reseal(st, h, update, id, key, sealed.data, sealed.len,
			err) < 0)
			return -1;
		++*rows;
	}
}

#define OLD(table)                                               \
	"SELECT t.id, t.key_id, t.sealed FROM " table            \
	" t JOIN keys k ON k.id = t.key_id"                      \
	" WHERE k.holder = :holder AND k.retired_at IS NOT NULL" \
	" LIMIT 1"
#define ANEW(table)                                            \
	"UPDATE " table " SET sealed = :sealed, key_id = :key" \
	" WHERE id = :id"

static int
rotate_locked(struct state *st, enum holder h, char id[UUID_TEXT],
    int64_t *rows, struct err *err)
{
	char now[CLOCK_TEXT];
	int64_t n = 0;

	clock_now_text(now);
	if (db_run(st->db,
		"UPDATE keys SET retired_at = :now WHERE holder = :holder"
		" AND retired_at IS NULL",
		ARGS(ARG_TEXT("now", now), ARG_TEXT("holder", holder_text(h))),
		err) < 0 ||
	    make(st, h, id, err) < 0 ||
	    reseal_all(st, h, OLD("env_vars"), ANEW("env_vars"), &n, err) < 0 ||
	    reseal_all(st, h, OLD("credentials"), ANEW("credentials"), &n,
		err) < 0)
		return -1;
	*rows += n;
	return state_event(st,
	    &(struct event){ .kind = "key.rotated",
		.data = json_pack("{s:s, s:s, s:I}", "holder", holder_text(h),
		    "key", id, "rows", (json_int_t)n) },
	    err);
}

static int
rotate(struct state *st, enum holder h, int64_t *rows, struct err *err)
{
	char id[UUID_TEXT] = "";
	struct err ignored = { 0 };

	if (db_begin(st->db, err) < 0)
		return -1;
	if (db_end(st->db, rotate_locked(st, h, id, rows, err), err) == 0)
		return 0;
	if (id[0] != '\0')
		(void)wipe_private(h, id, &ignored);
	return -1;
}

int
key_rotate(struct state *st, int64_t *rows, struct err *err)
{
	*rows = 0;
	for (int h = 0; h < HOLDERS; h++)
		if (rotate(st, (enum holder)h, rows, err) < 0)
			return -1;
	return settle(st, err);
}
