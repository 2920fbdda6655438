/* What rcn-hookd is told: repositories, and secrets that only it opens. */
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "base/conf.h"
#include "base/crypto.h"
#include "base/io.h"
#include "base/json.h"
#include "state/credential.h"
#include "state/seal.h"

enum { FILE_MAX = 64 << 20, LOCK_MS = 10000 };

/* A project has another repository than when its webhook was sealed. */
static int
reseal(struct state *st, json_t *row, struct err *err)
{
	AUTO(buf_wipe) struct buf text = { 0 };
	auto_wiped json_t *v = NULL;
	auto_buf struct buf box = { 0 };
	const char *repository = json_str(row, "repository", "");
	char key[UUID_TEXT];

	if (credential_open(st, json_str(row, "slug", NULL), "webhook", true,
		&text, err) <= 0)
		return -1;
	v = json_pack("{s:s, s:s}", "repository", repository, "secret",
	    buf_str(&text));
	buf_wipe(&text);
	buf_grow(&text, 16384);
	json_write(&text, v, JSON_COMPACT);
	if (seal_bytes(st, HOLDER_HOOK, text.data, text.len, &box, key, err) <
	    0)
		return -1;
	return db_run(st->db,
	    "UPDATE credentials SET public = :repository, sealed = :sealed,"
	    " key_id = :key, rev = rev + 1 WHERE id = :id",
	    ARGS(ARG_TEXT("repository", repository),
		ARG_BLOB("sealed", box.data, box.len), ARG_TEXT("key", key),
		ARG_TEXT("id", json_str(row, "id", ""))),
	    err);
}

static int
follow_locked(struct state *st, struct err *err)
{
	json_auto_t *moved = db_list(st->db,
	    "SELECT c.id, p.slug, p.repository FROM credentials c"
	    " JOIN projects p ON p.id = c.project WHERE c.kind = 'webhook'"
	    " AND c.public <> p.repository",
	    NO_ARGS, err);
	json_t *row;
	size_t i;

	if (moved == NULL)
		return -1;
	json_array_foreach(moved, i, row)
		if (reseal(st, row, err) < 0)
			return -1;
	return 0;
}

static int
follow(struct state *st, struct err *err)
{
	int64_t n;

	if (db_number(st->db,
		"SELECT count(*) FROM credentials c JOIN projects p"
		" ON p.id = c.project WHERE c.kind = 'webhook'"
		" AND c.public <> p.repository",
		NO_ARGS, &n, err) < 0)
		return -1;
	if (n == 0)
		return 0;
	return db_begin(st->db, err) < 0
		   ? -1
		   : db_end(st->db, follow_locked(st, err), err);
}

static json_t *
boxed(struct db_rows *r, int column)
{
	auto_buf struct buf text = { 0 };
	const void *p;
	size_t n;

	p = db_blob(r, column, &n);
	base64_encode(&text, p, n, BASE64_STD);
	return json_text(buf_str(&text));
}

/* Rows come in the order of their repositories. */
static void
add(json_t *list, struct db_rows *r)
{
	json_t *last = json_array_get(list, json_array_size(list) - 1);
	const char *key = db_text(r, 0);

	if (last == NULL || strcmp(json_str(last, "key", ""), key) != 0) {
		last = json_pack("{s:s, s:s, s:[]}", "key", key, "key_id",
		    db_text(r, 1), "sealed");
		json_array_append_new(list, last);
	}
	if (db_is_null(r, 1))
		return;
	json_object_set_new(last, "key_id", json_text(db_text(r, 1)));
	json_array_append_new(json_object_get(last, "sealed"), boxed(r, 2));
}

static int
repositories(struct state *st, json_t *list, struct err *err)
{
	auto_rows struct db_rows *r = NULL;
	int more;

	if (db_query(st->db, &r,
		"SELECT p.repository, c.key_id, c.sealed FROM projects p"
		" LEFT JOIN credentials c ON c.project = p.id"
		" AND c.kind = 'webhook' WHERE p.repository <> ''"
		" AND p.removed_at IS NULL"
		" ORDER BY p.repository, p.slug",
		NO_ARGS, err) < 0)
		return -1;
	while ((more = db_next(r, err)) > 0)
		add(list, r);
	return more;
}

static int
fallback(struct state *st, json_t *all, struct err *err)
{
	auto_rows struct db_rows *r = NULL;
	json_t *list = json_array();
	int more;

	json_object_set_new(all, "default", list);
	if (db_query(st->db, &r,
		"SELECT key_id, sealed FROM credentials WHERE project IS NULL"
		" AND kind = 'webhook'",
		NO_ARGS, err) < 0)
		return -1;
	while ((more = db_next(r, err)) > 0) {
		json_object_set_new(all, "default_key_id",
		    json_text(db_text(r, 0)));
		json_array_append_new(list, boxed(r, 1));
	}
	return more;
}

/* One state of the database: a rotation may run beside this. */
static json_t *
told(struct state *st, struct err *err)
{
	json_auto_t *all =
	    json_pack("{s:i, s:[]}", "version", 1, "repositories");
	int bad;

	if (db_begin(st->db, err) < 0)
		return NULL;
	bad = repositories(st, json_object_get(all, "repositories"), err) < 0 ||
	      fallback(st, all, err) < 0;
	return db_end(st->db, bad ? -1 : 0, err) < 0 ? NULL : ptr_steal(&all);
}

/* The folder is the daemon's: a pipe there is not waited for, nor a link
 * followed. */
static bool
is_there(const char *path, const struct buf *text)
{
	auto_fd int fd =
	    open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	auto_buf struct buf old = { 0 };
	struct err ignored = { 0 };
	struct stat st;

	return fd >= 0 && fstat(fd, &st) == 0 && S_ISREG(st.st_mode) &&
	       io_read_fd(fd, FILE_MAX, &old, path, &ignored) == 0 &&
	       old.len == text->len &&
	       memcmp(old.data, text->data, old.len) == 0;
}

static int
replace(const char *path, const json_t *all, struct err *err)
{
	auto_buf struct buf text = { 0 };

	json_write(&text, all, JSON_COMPACT);
	buf_addc(&text, '\n');
	if (is_there(path, &text))
		return 0;
	/* The folder is the hook's and 0700; the file may stay ours. */
	return io_replace(path, 0644, text.data, text.len, err);
}

int
hook_publish(struct state *st, struct err *err)
{
	auto_buf struct buf path = { 0 };
	auto_buf struct buf lock = { 0 };
	json_auto_t *all = NULL;
	auto_fd int fd = -1;

	if (conf_state_path(&path, "hook", err) < 0)
		return -1;
	buf_adds(&path, "/repositories.json");
	buf_addf(&lock, "%s/publish.lock", conf_state_dir());
	/* Who has read last writes last. */
	if (io_lock(lock.data, LOCK_MS, &fd, err) < 0 || follow(st, err) < 0 ||
	    (all = told(st, err)) == NULL)
		return -1;
	return replace(path.data, all, err);
}
