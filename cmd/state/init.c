/* rcn-state init: the state folder, its parts, the database. */
#include <dirent.h>
#include <fcntl.h>
#include <pwd.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/conf.h"
#include "base/io.h"
#include "base/json.h"
#include "cmd/state/verbs.h"
#include "state/credential.h"
#include "state/key.h"
#include "state/schema.h"

/* setting: names another user whose part it is. */
static const struct {
	const char *name, *setting, *user;
} parts[] = {
	{ "hook", "HOOK_USER", "rcn-hook" },
	{ "keys", NULL, NULL },
	{ "logs", NULL, NULL },
	{ "logs/gone", NULL, NULL },
	{ "mirrors", "SOURCE_USER", "rcn-source" },
};

static int
cannot(const char *path, struct err *err)
{
	return err_sys(err, EX_CANTCREAT, "cannot-create", "%s", path);
}

/* All that root has put into a folder that was its own until now. */
static int
give_files(const char *path, const struct passwd *pw, struct err *err)
{
	DIR *d = opendir(path);
	struct dirent *e;
	int bad = d == NULL;

	while (!bad && (e = readdir(d)) != NULL)
		if (strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0)
			bad = fchownat(dirfd(d), e->d_name, pw->pw_uid,
				  pw->pw_gid, AT_SYMLINK_NOFOLLOW) < 0;
	if (bad)
		(void)cannot(path, err);
	if (d != NULL)
		(void)closedir(d);
	return bad ? -1 : 0;
}

static int
give(const char *path, const char *user, struct err *err)
{
	const struct passwd *pw =
	    geteuid() == 0 && *user != '\0' ? getpwnam(user) : NULL;
	struct stat sb;

	if (chmod(path, 0700) < 0 || lstat(path, &sb) < 0)
		return cannot(path, err);
	if (pw == NULL || sb.st_uid == pw->pw_uid)
		return 0;
	/* What another user may have put there is not touched. */
	if (sb.st_uid == 0 && give_files(path, pw, err) < 0)
		return -1;
	return lchown(path, pw->pw_uid, pw->pw_gid) < 0 ? cannot(path, err) : 0;
}

/*
 * As root the folder is let through to those whose part is in it; all that is
 * in it stays closed to them.
 */
int
verb_parts(struct err *err)
{
	const char *dir = conf_state_dir();

	for (size_t i = 0; i < sizeof(parts) / sizeof(*parts); i++) {
		auto_free char *path = mem_printf("%s/%s", dir, parts[i].name);
		const char *setting = parts[i].setting;

		if (io_mkdirs(path, 0700, err) < 0 ||
		    give(path,
			setting != NULL ? conf_get(setting, parts[i].user) : "",
			err) < 0)
			return -1;
	}
	if (geteuid() == 0 && chmod(dir, 0711) < 0)
		return cannot(dir, err);
	return 0;
}

static int
init(const struct verb *v, int argc, char **argv, struct err *err)
{
	auto_state struct state *st = NULL;
	const char *dir = conf_state_dir();
	int status = verb_args(v, argc, argv, NULL, NULL, 0, 0);

	if (status != CLI_GO)
		return status;
	if (verb_open(&st, DB_CREATE, err) < 0 || verb_parts(err) < 0 ||
	    key_init(st, err) < 0 || hook_publish(st, err) < 0)
		return -1;
	return verb_show(v, json_pack("{s:o, s:i}", "state_dir", json_text(dir),
				"version", schema_version));
}

const struct verb verbs_init[] = {
	{ "init", "", NULL, init },
	{ 0 },
};
