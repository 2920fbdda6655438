/*
 * shell - for tests that compare with what git and tar make of a tree: a
 * temporary folder, scripts in it, and a walk as text.
 *	auto_text char *id = sh("git -C r rev-parse HEAD");
 */
#ifndef TEST_SHELL_H
#define TEST_SHELL_H

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/log.h"
#include "base/proc.h"
#include "source/tree.h"

static char root[] = "/tmp/rcn-unit-XXXXXX";

/* A script in the temporary folder; what it prints, without the newline. */
__attribute__((format(printf, 1, 2), unused)) static char *
sh(const char *fmt, ...)
{
	auto_buf struct buf script = { 0 };
	struct buf out = { 0 };
	struct err err = { 0 };
	int status = -1;
	va_list ap;

	buf_adds(&script,
	    "set -e; export HOME=$PWD GIT_CONFIG_NOSYSTEM=1 "
	    "GIT_AUTHOR_NAME=a GIT_AUTHOR_EMAIL=a@b GIT_COMMITTER_NAME=a "
	    "GIT_COMMITTER_EMAIL=a@b;");
	va_start(ap, fmt);
	buf_vaddf(&script, fmt, ap);
	va_end(ap);
	char *argv[] = { (char[]){ "sh" }, (char[]){ "-c" }, script.data,
		NULL };
	struct proc p = { .argv = argv, .cwd = root, .out = &out };
	if (proc_run(&p, &status, &err) < 0)
		err_print(&err);
	if (status != 0)
		printf("# status %d: %s\n", status, script.data);
	while (out.len > 0 && out.data[out.len - 1] == '\n')
		buf_cut(&out, out.len - 1);
	buf_add(&out, "", 0);
	return buf_steal(&out);
}

#define auto_text AUTO(cleanup_free)

__attribute__((unused)) static int
dump(const struct tree_entry *e, void *ctx, struct err *err)
{
	(void)err;
	buf_addf(ctx, "%c %s %s %llu\n", "fxdld"[e->type], e -> path,
	    e -> target != NULL ? e -> target : "",
	    (unsigned long long)e->size);
	return 0;
}

static void
shell_begin(const char *name)
{
	log_init(name);
	if (mkdtemp(root) == NULL) {
		perror(root);
		exit(1);
	}
}

static void
shell_end(void)
{
	auto_text char *gone = sh("chmod -R u+w . && rm -rf \"$PWD\"");
}

#endif
