/* The openers of all kinds: apart, for libarchive's sake. */
#include "source/origin.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/json.h"

static int
open_tar(struct source *s, const char *path, struct err *err)
{
	s->fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	if (s->fd < 0)
		return err_sys(err, errno == EACCES ? EX_NOPERM : EX_NOINPUT,
		    "source-missing", "%s", path);
	if (tree_open_tar(&s->tree, s->fd, err) < 0) {
		(void)close(s->fd);
		return err_wrap(err, "%s", path);
	}
	return 0;
}

static int
open_tree(struct source *s, const struct origin *o, struct err *err)
{
	int rc;

	*s = (struct source){ .fd = -1 };
	if (o->dir != NULL)
		rc = tree_open_dir(&s->tree, o->dir, err);
	else if (o->git != NULL)
		rc = tree_open_git(&s->tree, o->git,
		    o->rev != NULL ? o->rev : "HEAD", err);
	else
		rc = open_tar(s, o->tar, err);
	if (rc == 0 && o->root != NULL)
		rc = tree_root(s->tree, o->root, err);
	if (rc == 0)
		rc = source_rules(s, NULL, err);
	if (rc < 0)
		source_close(s);
	return rc < 0 ? -1 : 0;
}

int
source_open(struct source *s, const json_t *section, struct err *err)
{
	const char *kind = json_str(section, "kind", "");
	const char *path = json_str(section, "path", NULL);
	struct origin o = { .root = json_str(section, "root", NULL),
		.rev = json_str(section, "commit", NULL) };

	*s = (struct source){ .fd = -1 };
	if (section == NULL || path == NULL) {
		err_set(err, EX_DATAERR, "section-missing",
		    "document: no source section");
		return err_hint(err, "rcn-fetch or rcn-detect writes it");
	}
	if (strcmp(kind, "dir") == 0)
		o.dir = path;
	else if (strcmp(kind, "git") == 0)
		o.git = path;
	else if (strcmp(kind, "tar") == 0)
		o.tar = path;
	else
		return err_set(err, EX_DATAERR, "bad-document",
		    "document: source.kind: %s: not dir, git or tar", kind);
	return open_tree(s, &o, err);
}

json_t *
origin_section(const struct origin *o, struct source *s, struct err *err)
{
	const char *given = o->dir != NULL   ? o->dir
			    : o->git != NULL ? o->git
					     : o->tar;
	const char *kind = o->dir != NULL   ? "dir"
			   : o->git != NULL ? "git"
					    : "tar";
	auto_free char *path = NULL;

	if (open_tree(s, o, err) < 0)
		return NULL;
	path = realpath(given, NULL);
	if (path == NULL) {
		err_sys(err, EX_NOINPUT, "source-missing", "%s", given);
		return NULL;
	}
	return source_section(s, kind, path, o->root, err);
}
