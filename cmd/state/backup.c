/* rcn-state backup, restore */
#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/conf.h"
#include "base/io.h"
#include "base/json.h"
#include "base/log.h"
#include "cmd/state/verbs.h"
#include "state/backup.h"
#include "state/key.h"

/* Typed twice where it is typed: nobody could open the file otherwise. */
static int
new_passphrase(const char *file, struct buf *pass, struct err *err)
{
	AUTO(buf_wipe) struct buf again = { 0 };

	if (verb_secret(file, "passphrase", PASSPHRASE_MAX, pass, err) < 0)
		return -1;
	if ((file != NULL && strcmp(file, "-") != 0) || isatty(0) != 1)
		return 0;
	if (verb_secret(file, "again", PASSPHRASE_MAX, &again, err) < 0)
		return -1;
	if (strcmp(buf_str(pass), buf_str(&again)) == 0)
		return 0;
	return err_set(err, EX_DATAERR, "bad-passphrase",
	    "passphrase: not the same twice");
}

/* A file appears whole, or not at all. */
static int
into_file(struct state *st, const char *path, const struct buf *pass,
    struct err *err)
{
	auto_free char *copy = mem_strdup(path);
	const char *dir = dirname(copy);
	auto_free char *tmp =
	    mem_printf("%s/.rcn-%d-XXXXXX", dir, (int)getpid());
	auto_fd int fd = -1;
	int rc;

	io_sweep(dir);
	fd = mkostemp(tmp, O_CLOEXEC);
	if (fd < 0)
		return io_cannot_create(err, path);
	rc = backup_write(st, fd, pass, err);
	if (rc == 0 && rename(tmp, path) < 0)
		rc = err_sys(err, EX_IOERR, "write-failed", "%s", path);
	if (rc < 0) {
		(void)unlink(tmp);
		return -1;
	}
	return io_fsync_dir(dir, err);
}

static int
backup(const struct verb *v, int argc, char **argv, struct err *err)
{
	auto_state struct state *st = NULL;
	AUTO(buf_wipe) struct buf pass = { 0 };
	const char *path, *file = NULL;
	const struct flag flags[] = { { "passphrase-file", FLAG_TEXT, &file },
		{ 0 } };
	int status = verb_args(v, argc, argv, flags, &path, 1, 1);
	struct stat sb;

	if (status != CLI_GO)
		return status;
	if (strcmp(path, "-") == 0 && isatty(1) == 1)
		return verb_usage(v, "a backup is not for a terminal");
	if (verb_open(&st, 0, err) < 0 || new_passphrase(file, &pass, err) < 0)
		return -1;
	if (strcmp(path, "-") == 0)
		return backup_write(st, 1, &pass, err);
	if (into_file(st, path, &pass, err) < 0)
		return -1;
	if (stat(path, &sb) < 0)
		return err_sys(err, EX_IOERR, "read-failed", "%s", path);
	return verb_show(v, json_pack("{s:o, s:I}", "backup", json_text(path),
				"bytes", (json_int_t)sb.st_size));
}

/* Settings of the old host: in their place, if that is free. */
static int
put_settings(const struct buf *settings, struct err *err)
{
	auto_free char *aside =
	    mem_printf("%s/rcn.conf.restored", conf_state_dir());
	const char *path = conf_path();
	auto_buf struct buf now = { 0 };
	struct err why = { 0 };
	int there;

	if (settings->len == 0)
		return 0;
	there = io_read_maybe(path, 1 << 20, &now, err);
	if (there < 0 || (there == 1 && now.len == settings->len &&
			     memcmp(now.data, settings->data, now.len) == 0))
		return there < 0 ? -1 : 0;
	if (there == 0 &&
	    io_replace(path, 0600, settings->data, settings->len, &why) == 0)
		return 0;
	log_warn("settings of the backup are in %s", aside);
	return io_replace(aside, 0600, settings->data, settings->len, err);
}

static json_t *
bring_up(struct state *st, struct err *err)
{
	json_t *list;
	int64_t n;

	if (key_init(st, err) < 0 ||
	    state_event(st, &(struct event){ .kind = "state.restored" }, err) <
		0 ||
	    db_number(st->db, "SELECT count(*) FROM projects", NO_ARGS, &n,
		err) < 0 ||
	    (list = backup_redeploy(st, err)) == NULL)
		return NULL;
	return json_pack("{s:s, s:I, s:o}", "state_dir", conf_state_dir(),
	    "projects", (json_int_t)n, "deployments", list);
}

static int
restore(const struct verb *v, int argc, char **argv, struct err *err)
{
	auto_state struct state *st = NULL;
	AUTO(buf_wipe) struct buf pass = { 0 };
	AUTO(buf_wipe) struct buf settings = { 0 };
	const char *path, *file = NULL;
	bool force = false, in;
	const struct flag flags[] = {
		{ "force", FLAG_SET, &force },
		{ "passphrase-file", FLAG_TEXT, &file },
		{ 0 },
	};
	int status = verb_args(v, argc, argv, flags, &path, 1, 1);
	auto_fd int fd = -1;

	if (status != CLI_GO)
		return status;
	in = strcmp(path, "-") == 0;
	if (in && (file == NULL || strcmp(file, "-") == 0))
		return verb_usage(v, "backup and passphrase cannot both be "
				     "standard input");
	fd = in ? dup(0) : open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return err_sys(err, EX_NOINPUT, "file-missing", "%s", path);
	if (verb_secret(file, "passphrase", PASSPHRASE_MAX, &pass, err) < 0 ||
	    verb_parts(err) < 0 ||
	    backup_restore(fd, &pass, force, &settings, err) < 0 ||
	    verb_open(&st, DB_CREATE, err) < 0 ||
	    put_settings(&settings, err) < 0)
		return -1;
	return verb_show(v, bring_up(st, err));
}

const struct verb verbs_backup[] = {
	{ "backup", "[--passphrase-file file] file", NULL, backup },
	{ "restore", "[--force] [--passphrase-file file] file", NULL, restore },
	{ 0 },
};
