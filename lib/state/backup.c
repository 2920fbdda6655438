#include "state/backup.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sodium.h>
#include <string.h>
#include <sys/stat.h>

#include "base/conf.h"
#include "base/folder.h"
#include "base/io.h"
#include "base/json.h"
#include "base/mask.h"
#include "base/text.h"
#include "state/deployment.h"
#include "state/schema.h"
#include "state/seal.h"
#include "state/stream.h"

#define UNPACKED ".restore"

enum { TRIES = 5 };

/* One at a time: what a killed one has left is the next one's to remove. */
static int
lock_folder(int *fd, struct err *err)
{
	auto_free char *path = mem_printf("%s/backup.lock", conf_state_dir());

	return io_lock(path, 0, fd, err);
}

/*
 * Writing
 */

static int
send_fd(struct stream *s, const char *name, int fd, struct err *err)
{
	unsigned char piece[STREAM_PIECE];
	ssize_t n;

	if (stream_put(s, STREAM_FILE, name, strlen(name), err) < 0)
		return -1;
	while ((n = io_read(fd, piece, sizeof(piece))) > 0)
		if (stream_put(s, STREAM_DATA, piece, (size_t)n, err) < 0)
			break;
	explicit_bzero(piece, sizeof(piece));
	if (n < 0)
		err_sys(err, EX_IOERR, "read-failed", "%s", name);
	return n == 0 ? 0 : -1;
}

/* 1 sent, 0 it is not there, -1. */
static int
send_file(struct stream *s, const char *name, const char *path, struct err *err)
{
	auto_fd int fd =
	    open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);

	if (fd < 0 && errno == ENOENT)
		return 0;
	if (fd < 0)
		return err_sys(err, errno == EACCES ? EX_NOPERM : EX_NOINPUT,
		    "file-unreadable", "%s", path);
	return send_fd(s, name, fd, err) < 0 ? -1 : 1;
}

static int
send_own(struct stream *s, const char *name, struct err *err)
{
	auto_free char *path = mem_printf("%s/%s", conf_state_dir(), name);

	return send_file(s, name, path, err);
}

/*
 * The copy that is sent, and the private keys that it names.
 */
struct copy {
	char *path;
	struct strvec names;
	struct buf keys; /* one after the other */
};

static int
send_keys(struct stream *s, const struct copy *c, struct err *err)
{
	for (size_t i = 0; i < c->names.n; i++) {
		const char *name = c->names.v[i];

		if (stream_put(s, STREAM_FILE, name, strlen(name), err) < 0 ||
		    stream_put(s, STREAM_DATA, c->keys.data + i * SEAL_KEY,
			SEAL_KEY, err) < 0)
			return -1;
	}
	return 0;
}

static int
send_routes(struct stream *s, struct err *err)
{
	auto_free char *path = mem_printf("%s/routes", conf_state_dir());
	const struct dirent *e;
	DIR *d = opendir(path);
	int bad = 0;

	if (d == NULL)
		return 0;
	while (bad == 0 && (e = readdir(d)) != NULL) {
		auto_free char *name = mem_printf("routes/%s", e->d_name);

		if (e->d_name[0] != '.' && text_ends(e->d_name, ".json"))
			bad = send_own(s, name, err) < 0 ? -1 : 0;
	}
	closedir(d);
	return bad;
}

static int
send_settings(struct stream *s, struct err *err)
{
	const char *path = conf_path();
	auto_fd int fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);

	if (fd < 0 && errno == ENOENT)
		return 0;
	if (fd < 0)
		return err_sys(err, EX_NOPERM, "file-unreadable", "%s", path);
	return send_fd(s, "rcn.conf", fd, err);
}

static int
send_all(struct stream *s, const struct copy *c, struct err *err)
{
	static const char *const own[] = { "installation", "env.key" };

	for (size_t i = 0; i < sizeof(own) / sizeof(*own); i++)
		if (send_own(s, own[i], err) < 0)
			return -1;
	if (send_keys(s, c, err) < 0 || send_routes(s, err) < 0 ||
	    send_settings(s, err) < 0 ||
	    send_file(s, "state.db", c->path, err) <= 0)
		return -1;
	return stream_put(s, STREAM_END, "", 0, err);
}

static void
remove_database(const char *path)
{
	static const char *const ends[] = { "", "-wal", "-shm", "-journal" };

	for (size_t i = 0; i < sizeof(ends) / sizeof(*ends); i++) {
		auto_free char *one = mem_printf("%s%s", path, ends[i]);

		(void)unlink(one);
	}
}

static void
copy_release(struct copy *c)
{
	if (c->path != NULL)
		remove_database(c->path);
	free(c->path);
	strvec_release(&c->names);
	buf_wipe(&c->keys);
}

static json_t *
keys_of(const char *path, struct err *err)
{
	struct db *db = NULL;
	json_t *keys;

	if (db_open(&db, path, 0, err) < 0)
		return NULL;
	keys = db_list(db, "SELECT id, holder FROM keys", NO_ARGS, err);
	db_close(db);
	return keys;
}

static char *
key_name(const json_t *key)
{
	return mem_printf("%s-%s",
	    strcmp(json_str(key, "holder", ""), "hook") == 0 ? "hook/key"
							     : "keys/secret",
	    json_str(key, "id", ""));
}

/* 1; 0 one is gone, it was rotated since the copy; -1. */
static int
load_keys(struct copy *c, const json_t *keys, struct err *err)
{
	json_t *key;
	size_t i;
	int got;

	buf_clear(&c->keys);
	strvec_clear(&c->names);
	buf_grow(&c->keys, json_array_size(keys) * SEAL_KEY + 65536);
	json_array_foreach((json_t *)(uintptr_t)keys, i, key) {
		auto_free char *name = key_name(key);
		auto_free char *path =
		    mem_printf("%s/%s", conf_state_dir(), name);

		got = io_read_maybe(path, SEAL_KEY, &c->keys, err);
		if (got <= 0)
			return got;
		strvec_add(&c->names, name);
	}
	return c->keys.len == c->names.n * SEAL_KEY ? 1 : 0;
}

/* Another connection makes the copy: ours may hold the write lock, without
 * which no key is wiped. */
static int
make_copy(struct copy *c, struct err *err)
{
	auto_free char *path = mem_printf("%s/state.db", conf_state_dir());
	struct db *db = NULL;
	int rc;

	remove_database(c->path);
	if (db_open(&db, path, 0, err) < 0)
		return -1;
	rc = db_copy(db, c->path, err);
	db_close(db);
	return rc;
}

/* 1, 0 keys were rotated meanwhile, -1. */
static int
try_copy(struct state *st, struct copy *c, bool locked, struct err *err)
{
	json_auto_t *keys = NULL;
	bool held = locked;
	int got = -1;

	if (locked && db_begin(st->db, err) < 0)
		return -1;
	if (make_copy(c, err) == 0 && (keys = keys_of(c->path, err)) != NULL) {
		held = locked || db_begin(st->db, err) == 0;
		got = held ? load_keys(c, keys, err) : -1;
	}
	if (held)
		db_rollback(st->db);
	return got;
}

/* Others go on writing, unless they rotate keys all the time. */
static int
copy_of(struct state *st, struct copy *c, struct err *err)
{
	int got = 0;

	for (int i = 0; got == 0 && i < TRIES; i++)
		got = try_copy(st, c, i == TRIES - 1, err);
	if (got == 0)
		return err_set(err, EX_NOPERM, "no-key",
		    "%s: a private key is not there", conf_state_dir());
	return got < 0 ? -1 : 0;
}

int
backup_write(struct state *st, int fd, const struct buf *passphrase,
    struct err *err)
{
	AUTO(copy_release) struct copy c = { 0 };
	auto_stream struct stream s = { 0 };
	auto_fd int lock = -1;

	mask_no_dump();
	if (lock_folder(&lock, err) < 0)
		return -1;
	c.path = mem_printf("%s/.backup.db", conf_state_dir());
	if (copy_of(st, &c, err) < 0 ||
	    stream_begin(&s, fd, passphrase, err) < 0)
		return -1;
	return send_all(&s, &c, err);
}

/*
 * Reading
 */

static int
bad(struct err *err, const char *why)
{
	return err_set(err, EX_DATAERR, "bad-backup", "backup: %s", why);
}

/* Only what we write: two levels, no name that leads elsewhere. */
static bool
is_name(const char *name)
{
	static const char *const whole[] = { "installation", "env.key",
		"rcn.conf", "state.db" };
	static const char *const begins[] = { "keys/secret-", "hook/key-",
		"routes/" };

	for (size_t i = 0; i < sizeof(whole) / sizeof(*whole); i++)
		if (strcmp(name, whole[i]) == 0)
			return true;
	for (size_t i = 0; i < sizeof(begins) / sizeof(*begins); i++)
		if (text_starts(name, begins[i]) &&
		    strchr(name + strlen(begins[i]), '/') == NULL)
			return strlen(name) < 200;
	return false;
}

struct unpacking {
	const char *dir;
	int fd; /* the file at hand, or -1 */
	struct strvec names;
};

static void
unpacking_release(struct unpacking *u)
{
	if (u->fd >= 0)
		(void)close(u->fd);
	strvec_release(&u->names);
}

static int
end_file(struct unpacking *u, struct err *err)
{
	int fd = u->fd;

	u->fd = -1;
	if (fd < 0)
		return 0;
	if (fsync(fd) < 0 || close(fd) < 0)
		return err_sys(err, EX_IOERR, "write-failed", "%s", u->dir);
	return 0;
}

static int
begin_file(struct unpacking *u, const struct buf *name, struct err *err)
{
	auto_free char *path = mem_printf("%s/%s", u->dir, buf_str(name));

	if (end_file(u, err) < 0)
		return -1;
	if (strlen(buf_str(name)) != name->len || !is_name(buf_str(name)))
		return bad(err, "a file of another name");
	u->fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC,
	    0600);
	if (u->fd < 0)
		return io_cannot_create(err, path);
	strvec_add(&u->names, name->data);
	return 0;
}

static int
unpack(struct stream *s, struct unpacking *u, struct err *err)
{
	AUTO(buf_wipe) struct buf b = { 0 };
	static const char *const dirs[] = { "keys", "hook", "routes" };
	int kind;

	if (mkdir(u->dir, 0700) < 0)
		return io_cannot_create(err, u->dir);
	for (size_t i = 0; i < sizeof(dirs) / sizeof(*dirs); i++) {
		auto_free char *path = mem_printf("%s/%s", u->dir, dirs[i]);

		if (mkdir(path, 0700) < 0)
			return io_cannot_create(err, path);
	}
	while ((kind = stream_get(s, &b, err)) != STREAM_END) {
		if (kind < 0)
			return -1;
		if (kind == STREAM_FILE) {
			if (begin_file(u, &b, err) < 0)
				return -1;
		} else if (u->fd < 0) {
			return bad(err, "data without a file");
		} else if (io_write_all(u->fd, b.data, b.len) < 0) {
			return err_sys(err, EX_IOERR, "write-failed", "%s",
			    u->dir);
		}
	}
	if (!strvec_has(&u->names, "state.db"))
		return bad(err, "no database in it");
	return end_file(u, err);
}

/* Is it one that we can use, and are its keys there? */
static int
check(const struct unpacking *u, struct err *err)
{
	auto_free char *path = mem_printf("%s/state.db", u->dir);
	struct db *db = NULL;
	json_auto_t *keys = NULL;
	json_t *key;
	int64_t v = 0;
	size_t i;
	int rc;

	if (db_open(&db, path, 0, err) < 0)
		return -1;
	rc = db_number(db, "PRAGMA user_version", NO_ARGS, &v, err);
	if (rc == 0)
		keys = db_list(db, "SELECT id, holder FROM keys", NO_ARGS, err);
	db_close(db);
	if (keys == NULL)
		return -1;
	if (v > schema_version)
		return err_set(err, EX_CONFIG, "state-newer",
		    "backup: of version %lld, this program knows %d",
		    (long long)v, schema_version);
	json_array_foreach(keys, i, key) {
		auto_free char *name = key_name(key);

		if (!strvec_has(&u->names, name))
			return bad(err, "a key is not in it");
	}
	return 0;
}

/* What is there already: 1 in use, 0 nothing of worth, -1. */
static int
in_use(struct err *err)
{
	auto_free char *path = mem_printf("%s/state.db", conf_state_dir());
	struct db *db = NULL;
	struct err why = { 0 };
	int64_t n = 1;

	if (access(path, F_OK) < 0)
		return 0;
	if (db_open(&db, path, DB_READ, &why) < 0 ||
	    db_number(db, "SELECT count(*) FROM projects", NO_ARGS, &n, &why) <
		0)
		n = 1;
	db_close(db);
	if (n == 0)
		return 0;
	err_set(err, EX_DATAERR, "exists", "%s: has projects in it", path);
	err_hint(err, "--force replaces it and keeps a copy beside it");
	return 1;
}

/* The keys that the old database names go with it. */
static int
keys_aside(const char *aside, struct err *err)
{
	auto_free char *hook = mem_printf("%s/hook", conf_state_dir());
	auto_free char *keys = mem_printf("%s/keys", conf_state_dir());
	auto_free char *to = mem_printf("%s/keys", aside);
	const struct dirent *e;
	int bad_name = 0;
	DIR *d;

	if (rename(keys, to) < 0 && errno != ENOENT)
		return err_sys(err, EX_IOERR, "write-failed", "%s", to);
	if ((d = opendir(hook)) == NULL)
		return 0;
	while (bad_name == 0 && (e = readdir(d)) != NULL) {
		auto_free char *from = mem_printf("%s/%s", hook, e->d_name);
		auto_free char *one = mem_printf("%s/%s", aside, e->d_name);

		if (text_starts(e->d_name, "key-") && rename(from, one) < 0)
			bad_name =
			    err_sys(err, EX_IOERR, "write-failed", "%s", one);
	}
	closedir(d);
	return bad_name;
}

static int
set_aside(struct err *err)
{
	auto_free char *path = mem_printf("%s/state.db", conf_state_dir());
	auto_free char *aside = NULL;
	auto_free char *copy = NULL;
	char now[CLOCK_TEXT];
	struct db *db = NULL;
	struct err why = { 0 };

	if (access(path, F_OK) < 0)
		return 0;
	clock_now_text(now);
	aside = mem_printf("%s/before-restore.%s", conf_state_dir(), now);
	copy = mem_printf("%s/state.db", aside);
	if (mkdir(aside, 0700) < 0)
		return io_cannot_create(err, aside);
	if (db_open(&db, path, 0, &why) < 0 || db_copy(db, copy, &why) < 0) {
		/* It is damaged: as it is, then. */
		if (rename(path, copy) < 0)
			err_sys(err, EX_IOERR, "write-failed", "%s", copy);
	}
	db_close(db);
	if (err->status != 0 || keys_aside(aside, err) < 0)
		return -1;
	remove_database(path);
	return io_fsync_dir(conf_state_dir(), err);
}

/* Keys go to whom their folder belongs; the database comes last. */
static int
place(const struct unpacking *u, const char *name, struct err *err)
{
	auto_free char *from = mem_printf("%s/%s", u->dir, name);
	auto_free char *to = mem_printf("%s/%s", conf_state_dir(), name);
	auto_free char *dir = mem_strdup(to);
	struct stat sb;

	*strrchr(dir, '/') = '\0';
	if (io_mkdirs(dir, 0700, err) < 0)
		return -1;
	if (stat(dir, &sb) < 0 ||
	    (geteuid() == 0 && lchown(from, sb.st_uid, sb.st_gid) < 0) ||
	    rename(from, to) < 0)
		return err_sys(err, EX_IOERR, "write-failed", "%s", to);
	return io_fsync_dir(dir, err);
}

static int
place_all(const struct unpacking *u, struct buf *settings, struct err *err)
{
	auto_free char *conf = mem_printf("%s/rcn.conf", u->dir);

	if (io_read_maybe(conf, 1 << 20, settings, err) < 0 ||
	    set_aside(err) < 0)
		return -1;
	for (size_t i = 0; i < u->names.n; i++) {
		const char *name = u->names.v[i];

		if (strcmp(name, "state.db") != 0 &&
		    strcmp(name, "rcn.conf") != 0 && place(u, name, err) < 0)
			return -1;
	}
	return place(u, "state.db", err);
}

int
backup_restore(int fd, const struct buf *passphrase, bool force,
    struct buf *settings, struct err *err)
{
	auto_free char *dir = mem_printf("%s/" UNPACKED, conf_state_dir());
	auto_buf struct buf state = { 0 };
	auto_stream struct stream s = { 0 };
	AUTO(unpacking_release) struct unpacking u = { .dir = dir, .fd = -1 };
	auto_fd int lock = -1;
	struct err ignored = { 0 };
	int done;

	mask_no_dump();
	if ((!force && in_use(err) != 0) ||
	    stream_open(&s, fd, passphrase, err) < 0 ||
	    conf_state_path(&state, "", err) < 0 ||
	    lock_folder(&lock, err) < 0 ||
	    folder_remove(state.data, UNPACKED, err) < 0)
		return -1;
	done = unpack(&s, &u, err) < 0 || check(&u, err) < 0 ||
		       place_all(&u, settings, err) < 0
		   ? -1
		   : 0;
	(void)folder_remove(state.data, UNPACKED, &ignored);
	return done;
}

/*
 * Bringing it up again
 */

static json_t *
add(struct state *st, const json_t *row, struct err *err)
{
	const char *image = json_str(row, "image_ref", NULL);
	bool built = json_str(row, "commit_id", NULL) != NULL || image == NULL;

	return deployment_add(st,
	    &(struct deployment_new){ .project = json_str(row, "project", ""),
		.environment = json_str(row, "environment", NULL),
		.trigger = built ? "redeploy" : "image",
		.of = built ? json_str(row, "live", NULL) : NULL,
		.image = built ? NULL : image },
	    err);
}

json_t *
backup_redeploy(struct state *st, struct err *err)
{
	json_auto_t *list = db_list(st->db,
	    "SELECT p.slug AS project, e.name AS environment, e.live,"
	    " d.commit_id, d.image_ref, EXISTS (SELECT 1 FROM deployments o"
	    " WHERE o.environment = e.id AND o.state IN ('pending',"
	    " 'building', 'deploying')) AS open"
	    " FROM environments e JOIN projects p ON p.id = e.project"
	    " JOIN deployments d ON d.id = e.live WHERE e.stopped = 0"
	    " AND e.removed_at IS NULL ORDER BY p.slug, e.name",
	    NO_ARGS, err);
	json_t *row;
	size_t i;

	json_array_foreach(list, i, row) {
		json_auto_t *new = NULL;
		struct err why = { 0 };

		if (json_int(row, "open", 0) != 0)
			json_object_set_new(row, "why",
			    json_text("another deployment is under way"));
		else if ((new = add(st, row, &why)) != NULL)
			json_object_set(row, "deployment",
			    json_object_get(new, "id"));
		else
			json_object_set_new(row, "why", json_text(why.msg));
		json_object_del(row, "open");
		json_object_del(row, "live");
		json_object_del(row, "commit_id");
		json_object_del(row, "image_ref");
	}
	return ptr_steal(&list);
}
