#include "source/origin.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/text.h"

enum { IGNORE_MAX = 1 << 20, SURVEY_MAX = 20, POINTER_MAX = 1024 };

/* ---- rules ---- */

/* Appends the rules of a file: 1, 0 no such file, -1. */
static int
add_rules(struct source *s, const char *path, struct err *err)
{
	auto_buf struct buf text = { 0 };
	int got = tree_read(s->tree, path, IGNORE_MAX, &text, err);

	if (got == 1 &&
	    ignore_text(&s->rules, text.data, text.len, path, err) < 0)
		return -1;
	return got;
}

int
source_rules(struct source *s, const char *dockerfile, struct err *err)
{
	auto_free char *own = NULL;
	struct tree_entry e;
	int got;

	if (dockerfile != NULL) {
		own = mem_printf("%s.dockerignore", dockerfile);
		tree_filter(s->tree, NULL);
		got = tree_stat(s->tree, own, &e, err);
		tree_filter(s->tree, &s->rules);
		if (got != 1)
			return got;
	}
	tree_filter(s->tree, NULL);
	ignore_release(&s->rules);
	ignore_defaults(&s->rules);
	got = add_rules(s, own != NULL ? own : ".dockerignore", err);
	tree_filter(s->tree, &s->rules);
	return got < 0 ? -1 : own != NULL;
}

void
source_close(struct source *s)
{
	if (s->tree == NULL)
		return;
	tree_close(s->tree);
	ignore_release(&s->rules);
	if (s->fd >= 0)
		(void)close(s->fd);
	*s = (struct source){ .fd = -1 };
}

/* ---- the section ---- */

static void
add_commit(struct tree *t, json_t *section)
{
	struct tree_commit c = { 0 };
	struct err none = { 0 };
	char at[CLOCK_TEXT];

	if (tree_git_commit(t, &c, &none) != 1)
		return;
	clock_text(c.time * 1000, at);
	json_object_set_new(section, "commit", json_string(c.id));
	json_object_set_new(section, "author",
	    json_textn(buf_str(&c.author), c.author.len));
	json_object_set_new(section, "message",
	    json_textn(buf_str(&c.message), c.message.len));
	json_object_set_new(section, "committed_at", json_string(at));
	tree_commit_release(&c);
}

json_t *
source_section(struct source *s, const char *kind, const char *path,
    const char *root, struct err *err)
{
	auto_buf struct buf name = { 0 };
	json_t *section;

	if (!text_is_utf8(path, strlen(path))) {
		err_set(err, EX_DATAERR, "path-unsafe",
		    "%s: a source whose path is not UTF-8", path);
		return NULL;
	}
	if (tree_name(s->tree, &name, err) < 0)
		return NULL;
	section = json_pack("{s:s, s:s, s:o, s:s}", "kind", kind, "path", path,
	    "root", json_text(root != NULL ? root : ""), "tree", name.data);
	if (strcmp(kind, "git") == 0)
		add_commit(s->tree, section);
	return section;
}

int
source_verify(struct source *s, const json_t *section, struct err *err)
{
	const char *was = json_str(section, "tree", "");
	auto_buf struct buf name = { 0 };

	if (tree_name(s->tree, &name, err) < 0)
		return -1;
	if (strcmp(name.data, was) == 0)
		return 0;
	err_set(err, EX_TEMPFAIL, "source-changed",
	    "%s: changed since it was looked at",
	    json_str(section, "path", ""));
	return err_hint(err, "run rcn-detect again");
}

/* ---- survey ---- */

void
survey_release(struct survey *v)
{
	strvec_release(&v->modules);
	strvec_release(&v->lfs);
	strvec_release(&v->odd);
}

static void
note(struct strvec *list, const char *path)
{
	if (list->n < SURVEY_MAX && !strvec_has(list, path))
		strvec_add(list, path);
}

struct look {
	struct survey *v;
	struct tree *t;
	struct strvec small; /* what may be a pointer */
	bool lfs; /* .gitattributes speaks of it */
};

static int
see(const struct tree_entry *e, void *ctx, struct err *err)
{
	struct look *l = ctx;

	(void)err;
	if (!text_is_utf8(e->path, strlen(e->path)))
		note(&l->v->odd, e->path);
	if (e->type == TREE_MODULE)
		note(&l->v->modules, e->path);
	if (e->type != TREE_FILE && e->type != TREE_EXEC)
		return 0;
	l->v->files++;
	l->v->bytes += e->size;
	if (l->lfs && e->size > 0 && e->size < POINTER_MAX)
		strvec_add(&l->small, e->path);
	return 0;
}

static int
empty(const struct tree_entry *e, void *ctx, struct err *err)
{
	(void)e;
	(void)err;
	*(bool *)ctx = false;
	return -1;
}

/* A folder or tar has no submodules, but .gitmodules says where they were. */
static int
see_modules(struct look *l, struct err *err)
{
	auto_buf struct buf text = { 0 };
	char *save = NULL;
	int got = tree_read(l->t, ".gitmodules", IGNORE_MAX, &text, err);

	if (got != 1)
		return got;
	for (char *line = strtok_r(text.data, "\n", &save); line != NULL;
	     line = strtok_r(NULL, "\n", &save)) {
		char path[TREE_PATH_MAX + 1];
		struct err none = { 0 };
		struct tree_entry e;
		bool nothing = true;

		if (sscanf(line, " path = %4096[^\r\n]", path) != 1)
			continue;
		got = tree_stat(l->t, path, &e, &none);
		if (got == 1 && e.type == TREE_DIR)
			(void)tree_walk(l->t, path, empty, &nothing, &none);
		if (got == 0 || (got == 1 && e.type == TREE_DIR && nothing))
			note(&l->v->modules, path);
	}
	return 0;
}

static int
see_pointers(struct look *l, struct err *err)
{
	static const char mark[] = "version https://git-lfs.github.com/spec/";
	auto_buf struct buf text = { 0 };

	for (size_t i = 0; i < l->small.n && l->v->lfs.n < SURVEY_MAX; i++) {
		buf_clear(&text);
		if (tree_read(l->t, l->small.v[i], POINTER_MAX, &text, err) < 0)
			return -1;
		if (text_starts(buf_str(&text), mark))
			note(&l->v->lfs, l->small.v[i]);
	}
	return 0;
}

/* Files about files are often left out of a build; here they count. */
static int
see_attributes(struct source *s, struct look *l, struct err *err)
{
	auto_buf struct buf text = { 0 };
	int got;

	tree_filter(s->tree, NULL);
	got = tree_read(s->tree, ".gitattributes", IGNORE_MAX, &text, err);
	l->lfs = got == 1 && strstr(text.data, "filter=lfs") != NULL;
	if (got >= 0)
		got = see_modules(l, err);
	tree_filter(s->tree, &s->rules);
	return got < 0 ? -1 : 0;
}

int
source_survey(struct source *s, struct survey *v, struct err *err)
{
	struct look l = { .v = v, .t = s->tree };
	int rc = see_attributes(s, &l, err);

	if (rc == 0)
		rc = tree_walk(s->tree, "", see, &l, err);
	v->left_out = tree_left_out(s->tree);
	if (rc == 0)
		rc = see_pointers(&l, err);
	strvec_release(&l.small);
	return rc;
}
