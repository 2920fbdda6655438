/* rcn-state init: the state folder, its parts, the database. */
#include <errno.h>
#include <pwd.h>
#include <string.h>
#include <sys/stat.h>

#include "base/conf.h"
#include "base/io.h"
#include "base/json.h"
#include "cmd/state/verbs.h"
#include "state/schema.h"

/* owner: the setting that names another user, and its default. */
static const struct {
	const char *name, *setting, *owner;
} parts[] = {
	{ "hook", "HOOK_USER", "rcn-hook" },
	{ "keys", NULL, NULL },
	{ "logs", NULL, NULL },
	{ "logs/gone", NULL, NULL },
	{ "mirrors", "SOURCE_USER", "rcn-source" },
};

/* The user whom a part is to belong to; NULL: us. */
static const struct passwd *
owner_of(size_t i)
{
	const char *name;

	if (parts[i].setting == NULL || geteuid() != 0)
		return NULL;
	name = conf_get(parts[i].setting, parts[i].owner);
	return *name != '\0' ? getpwnam(name) : NULL;
}

/* Others must pass through the state folder to get to their part; what is in
 * it stays closed to them. */
static int
make_parts(const char *dir, struct err *err)
{
	bool open = false;

	for (size_t i = 0; i < sizeof(parts) / sizeof(*parts); i++) {
		auto_free char *path = mem_printf("%s/%s", dir, parts[i].name);
		const struct passwd *pw = owner_of(i);

		if (io_mkdirs(path, 0700, err) < 0)
			return -1;
		if (chmod(path, 0700) < 0 ||
		    (pw != NULL && lchown(path, pw->pw_uid, pw->pw_gid) < 0))
			return err_sys(err, EX_CANTCREAT, "cannot-create", "%s",
			    path);
		open = open || pw != NULL;
	}
	if (open && chmod(dir, 0711) < 0)
		return err_sys(err, EX_CANTCREAT, "cannot-create", "%s", dir);
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
	if (verb_open(&st, DB_CREATE, err) < 0 || make_parts(dir, err) < 0)
		return -1;
	return verb_show(v, json_pack("{s:o, s:i}", "state_dir", json_text(dir),
				"version", schema_version));
}

const struct verb verbs_init[] = {
	{ "init", "", NULL, init },
	{ 0 },
};
