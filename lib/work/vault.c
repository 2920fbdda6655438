#include "work/vault.h"

#include <pwd.h>
#include <string.h>
#include <sys/stat.h>

#include "base/buf.h"
#include "base/conf.h"
#include "base/folder.h"
#include "base/io.h"
#include "base/json.h"
#include "base/log.h"
#include "state/deployment.h"
#include "state/secrets.h"

static int
root(struct buf *path, struct err *err)
{
	if (conf_run_path(path, "secrets", err) < 0)
		return -1;
	/* Who fetches is another user and only passes through. */
	if (chmod(path->data, 0711) < 0)
		return err_sys(err, EX_CANTCREAT, "cannot-create", "%s",
		    path->data);
	return 0;
}

static int
take_away(const char *job, struct err *err)
{
	auto_folder struct folder all = { 0 };
	auto_buf struct buf path = { 0 };
	size_t n = strlen(job);

	if (root(&path, err) < 0 || folder_list(path.data, &all, err) < 0)
		return -1;
	for (size_t i = 0; i < all.n; i++)
		if (strncmp(all.v[i].name, job, n) == 0 &&
		    all.v[i].name[n] == '.' &&
		    folder_remove(path.data, all.v[i].name, err) < 0)
			return -1;
	return 0;
}

static int
make(struct vault *v, const struct hold *h, struct err *err)
{
	auto_buf struct buf path = { 0 };

	if (take_away(h->id, err) < 0 || root(&path, err) < 0)
		return -1;
	buf_addf(&path, "/%s.%lld", h->id, (long long)h->epoch);
	v->path = mem_strdup(path.data);
	if (mkdir(v->path, 0711) < 0)
		return err_sys(err, EX_CANTCREAT, "cannot-create", "%s",
		    v->path);
	return 0;
}

int
vault_open(struct vault *v, struct hold *h, const char *user, struct err *err)
{
	const struct passwd *pw = *user != '\0' ? getpwnam(user) : NULL;
	json_auto_t *row = NULL;

	if (make(v, h, err) < 0)
		return -1;
	row = deployment_get(h->st, json_str(h->job, "deployment", ""), err);
	if (row == NULL)
		return -1;
	return secrets_write(h->st, row, v->path,
	    pw != NULL ? pw->pw_uid : geteuid(),
	    pw != NULL ? pw->pw_gid : getegid(), err);
}

int
vault_token(struct vault *v, struct hold *h, struct err *err)
{
	if (make(v, h, err) < 0)
		return -1;
	return secrets_write_token(h->st, json_str(h->job, "project", ""),
	    v->path, err);
}

void
vault_close(struct vault *v)
{
	struct err err = { 0 };
	char *name;

	if (v->path == NULL)
		return;
	name = strrchr(v->path, '/');
	*name++ = '\0';
	if (folder_remove(v->path, name, &err) < 0)
		log_warn("%s", err.msg);
	free(v->path);
	v->path = NULL;
}

/* The folder is looked at first: whose is there ran by then, so that one that
 * is made meanwhile is not taken for one that is over. */
int
vault_sweep(struct state *st, struct err *err)
{
	auto_folder struct folder all = { 0 };
	auto_buf struct buf path = { 0 };

	buf_addf(&path, "%s/secrets", conf_run_dir());
	if (folder_list(path.data, &all, err) < 0)
		return -1;
	for (size_t i = 0; i < all.n; i++) {
		const char *name = all.v[i].name;
		auto_free char *id = mem_strndup(name, strcspn(name, "."));
		struct err why = { 0 };
		json_auto_t *job = job_get(st, id, &why);

		if (job == NULL && why.status != EX_NOINPUT) {
			*err = why;
			return -1;
		}
		if (strcmp(json_str(job, "status", ""), "running") != 0 &&
		    folder_remove(path.data, name, err) < 0)
			return -1;
	}
	return 0;
}
