/*
 * tree_ops - what a kind of tree gives to tree.c; nobody else includes this.
 * A kind knows folders that it has open (union tree_at) and plain names in
 * them; paths, order, links, limits and rules are tree.c's.  The opener makes
 * a struct that begins with a struct tree, sets ops and the root folder
 * level[0].at, and may then call everything of tree.h.
 */
#ifndef SOURCE_TREE_OPS_H
#define SOURCE_TREE_OPS_H

#include <stdbool.h>
#include "source/tree.h"

union tree_at {
	int fd;
	void *obj;
	size_t node;
};

struct tree_item {
	char *name, *target; /* owned; target NULL unless TREE_LINK */
	enum tree_type type;
	uint64_t size;
	unsigned char stamp[TREE_STAMP]; /* if stamped */
	bool stamped;
	int64_t mtime_ns;
};

struct tree_list {
	struct tree_item *v;
	size_t n, cap;
};

struct tree_ops {
	const char *name; /* "git" */
	/* A folder in a folder: 1 open, 0 no folder there, -1 failed. */
	int (*enter)(struct tree *, union tree_at, const char *name,
	    union tree_at *, struct err *);
	void (*leave)(struct tree *, union tree_at);
	/* All entries, in any order; names are checked by tree.c. */
	int (*list)(struct tree *, union tree_at, struct tree_list *,
	    struct err *);
	/* Adds one item if it is there: 1, 0, -1. */
	int (*look)(struct tree *, union tree_at, const char *name,
	    struct tree_list *, struct err *);
	int (*pipe)(struct tree *, union tree_at, const char *name, tree_sink *,
	    void *, struct err *);
	/* NULL: the tree has no name of its own but tree_id(). */
	int (*id)(struct tree *, union tree_at, struct buf *, struct err *);
	void (*close)(struct tree *); /* frees the struct too */
};

/* The folders on the way to the last path asked for stay open, so that a walk
 * with a read of each file opens every folder about once. */
struct tree_level {
	char *name; /* owned; NULL for the root */
	union tree_at at;
};

struct tree {
	const struct tree_ops *ops;
	const struct ignore *ignore; /* borrowed, or NULL */
	uint64_t left_out;
	struct buf path, target; /* of the entry that tree_stat() told */
	size_t depth; /* level[depth] is the deepest open folder */
	struct tree_level level[TREE_DEPTH_MAX + 1];
};

/* name needs no NUL; target may be NULL. */
void tree_list_add(struct tree_list *, const char *name, size_t, enum tree_type,
    uint64_t size, const char *target, size_t);
/* Of the last one added: at most TREE_STAMP bytes, and its time. */
void tree_list_stamp(struct tree_list *, const void *, size_t,
    int64_t mtime_ns);

#endif
