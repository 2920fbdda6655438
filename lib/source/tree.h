/*
 * tree - a read-only source tree: a folder, a git commit or a tar file.
 *	struct tree *t = NULL;
 *	if (tree_open_dir(&t, "app", err) < 0)
 *		return -1;
 *	got = tree_read(t, "package.json", 1 << 20, &text, err);
 *	tree_close(t);
 *
 * Paths are bytes, relative, "/" between, no empty, "." or ".." part; "" is
 * the root.  Names need not be UTF-8: they are told as they are (tree_survey()
 * names them).  Walks are depth first, a folder before what is in it, the
 * entries of a folder in bytewise order of their plain names ("foo",
 * "foo/bar", "foo.c": not git's order), so equal trees give equal streams.
 * Links are told, not followed, save by tree_read() and tree_find(): inside
 * the tree, 8 deep.  A link in the middle of any other path: not there.
 * Sockets, pipes and devices are no part of a tree.
 *
 * A walk holds the entries of the folders it is in, some 230 bytes for each.
 * Past a limit below: EX_DATAERR "tree-too-large"; a path that leaves the
 * tree, or a name that is "", ".", "..", holds "/" or NUL or is there twice,
 * or in a commit is ".git" in any case: EX_DATAERR "path-unsafe"; a link that
 * leaves it, when followed: EX_DATAERR "link-leaves-tree".  All name the path.
 *
 * One object per opener: who never calls tree_open_git() does not link
 * libgit2.  A new kind of tree is one file that fills a struct tree_ops.
 */
#ifndef SOURCE_TREE_H
#define SOURCE_TREE_H

#include <stddef.h>
#include <stdint.h>
#include "base/buf.h"
#include "base/err.h"
#include "source/ignore.h"

struct tree;

enum {
	TREE_DEPTH_MAX = 128, /* parts of a path */
	TREE_PATH_MAX = 4096, /* bytes of a path */
	TREE_ENTRIES_MAX = 1000000, /* of a walk, those left out too */
	TREE_LINKS_MAX = 8,
	TREE_STAMP = 32,
};
#define TREE_BYTES_MAX (UINT64_C(64) << 30) /* sizes of a walk, summed */

/* TREE_MODULE: a git submodule, an empty folder. */
enum tree_type { TREE_FILE, TREE_EXEC, TREE_DIR, TREE_LINK, TREE_MODULE };

struct tree_entry { /* borrowed, until the next call */
	const char *path;
	const char *target; /* TREE_LINK, else NULL */
	enum tree_type type;
	uint64_t size; /* TREE_FILE, TREE_EXEC, else 0 */
	/* Of what a walk tells, files and links: TREE_STAMP bytes that are
	 * others whenever the contents may be; NULL: nobody knows.  And when
	 * it was changed, nanoseconds since 1970; 0: the kind has no times. */
	const unsigned char *stamp;
	int64_t mtime_ns;
};

/* fn: 0 go on, 1 do not enter this folder, -1 stop: the walk returns -1, and
 * *err is as fn left it.  fn may call everything but tree_walk's like. */
typedef int tree_fn(const struct tree_entry *, void *, struct err *);
typedef int tree_sink(const void *, size_t, void *, struct err *);

/* Missing: EX_NOINPUT "source-missing". */
int tree_open_dir(struct tree **, const char *path, struct err *);
/* repo is a git directory (bare, or a work tree's .git); rev is whatever names
 * a commit; no such: EX_NOINPUT "no-such-commit". */
int tree_open_git(struct tree **, const char *repo, const char *rev,
    struct err *);

/* Of the commit that a tree was opened at; ENCODING of the commit is undone,
 * but bytes that are no UTF-8 may be left. */
struct tree_commit {
	char id[65];
	struct buf author, message; /* "Name <mail>"; the first line */
	int64_t time; /* of the commit, seconds since 1970 */
};
/* 1 filled, 0 the tree is not of a commit.  In the object of tree_open_git()
 * and for its trees only. */
int tree_git_commit(struct tree *, struct tree_commit *, struct err *);
void tree_commit_release(struct tree_commit *);

/*
 * A regular file, plain or compressed (gzip, bzip2, xz, zstd: unpacked once
 * into a file without a name in $TMPDIR, else /var/tmp).  fd stays the
 * caller's and must stay open; its offset is moved.  Folders that are not told
 * are made up; hard links are files; not a tar: EX_DATAERR "bad-tar".
 */
int tree_open_tar(struct tree **, int fd, struct err *);
void tree_close(struct tree *); /* NULL is fine */

/* From now on "" is this folder; not there: EX_NOINPUT "root-missing". */
int tree_root(struct tree *, const char *path, struct err *);
/*
 * From now on what the rules leave out is not there, for every call alike:
 * tree_stat() says 0, walks pass it by and do not enter it.  Borrowed; NULL
 * ends it.
 */
void tree_filter(struct tree *, const struct ignore *);
/* Entries that the last whole walk left out; a folder counts as one. */
uint64_t tree_left_out(const struct tree *);

/* 1 there, 0 not there, -1 failed. */
int tree_stat(struct tree *, const char *, struct tree_entry *, struct err *);
/* The same, after links: where (appended) is where it really is. */
int tree_find(struct tree *, const char *, struct buf *where,
    struct tree_entry *, struct err *);
/* 1 appended, 0 no file there, -1 failed; more than max: EX_DATAERR
 * "too-large". */
int tree_read(struct tree *, const char *, size_t max, struct buf *,
    struct err *);
/*
 * A file in pieces, in constant memory.  Of a commit: below 4 MiB whole; a
 * bigger one that is loose as it is unpacked, and one of a pack out of
 * `git cat-file`, a child that reads nobody's configuration.  That one streams
 * too, unless the pack has it as a delta (git makes none of files over 512
 * MiB): then the child holds file and base.  Without a git to run, or the
 * right to, it is whole.
 * The file of a folder may have changed since its size was told: count.
 */
int tree_pipe(struct tree *, const char *, tree_sink *, void *, struct err *);
/* What is in the folder root, not root itself. */
int tree_walk(struct tree *, const char *root, tree_fn *, void *, struct err *);
/* Walks it all, so that what is refused is refused now. */
int tree_check(struct tree *, struct err *);

/* SHA-256 of all that a walk tells and of the contents of its files. */
int tree_id(struct tree *, char hex[65], struct err *);
/* Appends "git:OID" (of the whole root folder), else "sha256:" tree_id(). */
int tree_name(struct tree *, struct buf *, struct err *);

#endif
