#include "base/sandbox.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/landlock.h>
#include <seccomp.h>
#include <stdint.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/log.h"

#define READ_RIGHTS (LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_READ_DIR)
#define FILE_RIGHTS                                                     \
	(LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_WRITE_FILE | \
	    LANDLOCK_ACCESS_FS_EXECUTE)
/* All of ABI 1, which every kernel with Landlock knows. */
#define ALL_RIGHTS ((LANDLOCK_ACCESS_FS_MAKE_SYM << 1) - 1)

void
sandbox_release(struct sandbox *s)
{
	strvec_release(&s->read);
	strvec_release(&s->write);
}

static int
allow(int ruleset, const char *path, uint64_t rights, struct err *err)
{
	struct landlock_path_beneath_attr rule = { .allowed_access = rights };
	auto_fd int fd = open(path, O_PATH | O_CLOEXEC);
	struct stat st;

	if (fd < 0)
		return 0;
	if (fstat(fd, &st) == 0 && !S_ISDIR(st.st_mode))
		rule.allowed_access &= FILE_RIGHTS;
	rule.parent_fd = fd;
	if (syscall(SYS_landlock_add_rule, ruleset, LANDLOCK_RULE_PATH_BENEATH,
		&rule, 0) < 0)
		return err_sys(err, EX_OSERR, "sandbox-failed", "%s", path);
	return 0;
}

static int
without(const struct sandbox *s, const char *what, struct err *err)
{
	if (s->required)
		return err_set(err, EX_OSERR, "sandbox-failed",
		    "no %s in this kernel", what);
	log_info("no %s in this kernel: going on without", what);
	return 0;
}

static int
landlock(const struct sandbox *s, struct err *err)
{
	uint64_t handled = ALL_RIGHTS;
	struct landlock_ruleset_attr attr = { 0 };
	auto_fd int fd = -1;

	if (s->exec)
		handled &= ~(uint64_t)LANDLOCK_ACCESS_FS_EXECUTE;
	attr.handled_access_fs = handled;
	fd = (int)syscall(SYS_landlock_create_ruleset, &attr, sizeof(attr), 0);

	if (fd < 0)
		return without(s, "Landlock", err);
	for (size_t i = 0; i < s->read.n; i++)
		if (allow(fd, s->read.v[i], READ_RIGHTS, err) < 0)
			return -1;
#ifdef __SANITIZE_ADDRESS__ /* the search for leaks reads its own tasks */
	if (allow(fd, "/proc", READ_RIGHTS, err) < 0)
		return -1;
#endif
	for (size_t i = 0; i < s->write.n; i++)
		if (allow(fd, s->write.v[i],
			ALL_RIGHTS & ~(uint64_t)LANDLOCK_ACCESS_FS_EXECUTE,
			err) < 0)
			return -1;
	if (syscall(SYS_landlock_restrict_self, fd, 0) < 0)
		return err_sys(err, EX_OSERR, "sandbox-failed", "landlock");
	return 0;
}

static int
seccomp(const struct sandbox *s, struct err *err)
{
	static const int denied[] = {
		SCMP_SYS(socket),
		SCMP_SYS(connect),
		SCMP_SYS(process_vm_readv),
		SCMP_SYS(bpf),
		SCMP_SYS(io_uring_setup),
		SCMP_SYS(mount),
#ifndef __SANITIZE_ADDRESS__ /* whose search for leaks is a ptrace(2) */
		SCMP_SYS(ptrace),
#endif
	};
	scmp_filter_ctx ctx = seccomp_init(SCMP_ACT_ALLOW);
	int rc = ctx == NULL ? -1 : 0;

	for (size_t i = 0; rc == 0 && i < sizeof(denied) / sizeof(*denied); i++)
		rc = seccomp_rule_add(ctx, SCMP_ACT_ERRNO(EPERM), denied[i], 0);
	if (rc == 0 && !s->exec)
		rc = seccomp_rule_add(ctx, SCMP_ACT_ERRNO(EPERM),
		    SCMP_SYS(execve), 0);
	if (rc == 0)
		rc = seccomp_load(ctx);
	if (ctx != NULL)
		seccomp_release(ctx);
	if (rc == -EINVAL || rc == -ENOSYS)
		return without(s, "seccomp", err);
	if (rc != 0) {
		errno = rc < 0 ? -rc : rc;
		return err_sys(err, EX_OSERR, "sandbox-failed", "seccomp");
	}
	return 0;
}

int
sandbox_enter(const struct sandbox *s, struct err *err)
{
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		return err_sys(err, EX_OSERR, "sandbox-failed", "no_new_privs");
	if (landlock(s, err) < 0)
		return -1;
	return seccomp(s, err);
}
