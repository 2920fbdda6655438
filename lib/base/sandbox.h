/*
 * sandbox - give up what a parser of strangers' bytes does not need.
 * Called after opening what is needed and before the first strange byte:
 * no_new_privs; Landlock: reading below the given folders only, writing
 * nowhere (save below `write`); seccomp: no socket(2), no ptrace, no exec.
 * A kernel without Landlock or seccomp is logged with -v, not an error,
 * unless the sandbox is required.
 */
#ifndef BASE_SANDBOX_H
#define BASE_SANDBOX_H

#include <stdbool.h>
#include "base/buf.h"
#include "base/err.h"

struct sandbox {
	struct strvec read; /* folders or files; missing ones are skipped */
	struct strvec write;
	bool exec; /* allow execve(2) */
	bool required; /* a kernel without is EX_OSERR "sandbox-failed" */
};

void sandbox_release(struct sandbox *);
int sandbox_enter(const struct sandbox *, struct err *);

#endif
