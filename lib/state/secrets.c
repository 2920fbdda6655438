#include "state/secrets.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "base/buf.h"
#include "base/io.h"
#include "base/json.h"
#include "state/credential.h"
#include "state/env.h"

/* A folder of the run; nobody else has put anything there yet. */
struct place {
	const char *folder;
	uid_t uid;
	gid_t gid;
};

static int
own(int fd, const struct place *p)
{
	return geteuid() != 0 ? 0 : fchown(fd, p->uid, p->gid);
}

static int
make_dir(const struct place *p, const char *name, struct err *err)
{
	auto_free char *path = mem_printf("%s/%s", p->folder, name);
	auto_fd int fd = -1;

	if (mkdir(path, 0700) < 0 && errno != EEXIST)
		return io_cannot_create(err, path);
	fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0 || own(fd, p) < 0)
		return io_cannot_create(err, path);
	return 0;
}

static int
make_file(const struct place *p, const char *name, const void *data, size_t n,
    struct err *err)
{
	auto_free char *path = mem_printf("%s/%s", p->folder, name);
	auto_fd int fd = open(path,
	    O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);

	if (fd < 0 || own(fd, p) < 0)
		return io_cannot_create(err, path);
	return io_write_all(fd, data, n) < 0
		   ? err_sys(err, EX_IOERR, "write-failed", "%s", path)
		   : 0;
}

static int
write_env(const struct place *p, const json_t *all, struct err *err)
{
	AUTO(buf_wipe) struct buf text = { 0 };

	/* Grown beforehand: no copy is left behind. */
	buf_grow(&text, json_dumpb(all, NULL, 0, JSON_COMPACT) + 1);
	json_write(&text, all, JSON_COMPACT);
	buf_addc(&text, '\n');
	return make_file(p, "env.json", text.data, text.len, err);
}

static int
write_build(const struct place *p, json_t *all, struct err *err)
{
	const char *key;
	json_t *v;

	if (make_dir(p, "build", err) < 0)
		return -1;
	json_object_foreach(all, key, v) {
		auto_free char *name = mem_printf("build/%s", key);
		const char *value = json_str(v, "value", "");

		if (strcmp(json_str(v, "phase", "run"), "run") == 0)
			continue;
		if (make_file(p, name, value, strlen(value), err) < 0)
			return -1;
	}
	return 0;
}

static int
write_credential(struct state *st, const struct place *p, const char *project,
    const char *kind, const char *dir, const char *name, struct err *err)
{
	AUTO(buf_wipe) struct buf value = { 0 };
	int got = credential_open(st, project, kind, false, &value, err);

	if (got <= 0)
		return got;
	if (dir != NULL && make_dir(p, dir, err) < 0)
		return -1;
	return make_file(p, name, value.data, value.len, err);
}

int
secrets_write(struct state *st, const json_t *row, const char *folder,
    uid_t uid, gid_t gid, struct err *err)
{
	const struct place ours = { folder, geteuid(), getegid() };
	const struct place git = { folder, uid, gid };
	const char *project = json_str(row, "project", NULL);
	auto_wiped json_t *all =
	    env_resolve(st, json_str(row, "environment_id", ""),
		json_int(row, "env_version", 0), err);

	if (all == NULL || write_env(&ours, all, err) < 0 ||
	    write_build(&ours, all, err) < 0 ||
	    write_credential(st, &ours, project, "registry", "registry",
		"registry/config.json", err) < 0 ||
	    write_credential(st, &git, project, "git-key", "git", "git/key",
		err) < 0 ||
	    write_credential(st, &git, project, "git-known-hosts", "git",
		"git/known_hosts", err) < 0 ||
	    write_credential(st, &git, project, "git-token", "git", "git/token",
		err) < 0)
		return -1;
	return 0;
}

int
secrets_write_token(struct state *st, const char *project, const char *folder,
    struct err *err)
{
	const struct place ours = { folder, geteuid(), getegid() };

	return write_credential(st, &ours, project, "github-token", NULL,
	    "github-token", err);
}
