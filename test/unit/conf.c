/* Settings and places, the installation's id, and the sandbox. */
#include "tap.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/conf.h"
#include "base/io.h"
#include "base/log.h"
#include "base/sandbox.h"

static char dir[] = "/tmp/rcn-conf-XXXXXX";

static void
test_settings(void)
{
	static const char text[] = "# c\n; d\nRCN_REGISTRY=\"r:5000/x y\"\n"
				   "PLAIN = no\nSQ='a\"b'\nNUM=12\nBAD=1x\n"
				   "DUP=1\nDUP=2\n";
	auto_free char *path = mem_printf("%s/rcn.conf", dir);
	struct err err = { 0 };
	uint64_t v = 0;

	ok(io_replace(path, 0600, text, sizeof(text) - 1, &err) == 0, "file");
	(void)setenv("RCN_CONF", path, 1);
	(void)setenv("RCN_STATE_DIR", dir, 1);
	(void)setenv("RCN_NUM2", "7", 1);
	ok(conf_check(&err) == 0, "the file is fine");
	tap_str(conf_get("REGISTRY", ""), "r:5000/x y", "quotes come off");
	tap_str(conf_get("SQ", ""), "a\"b", "single quotes too");
	tap_str(conf_get("PLAIN", ""), "no", "blanks around do not count");
	tap_str(conf_get("DUP", ""), "2", "the last counts");
	tap_str(conf_get("NONE", "def"), "def", "the default");
	(void)setenv("RCN_DUP", "3", 1);
	tap_str(conf_get("DUP", ""), "3", "the environment comes first");
	ok(conf_u64("NUM", 1, 0, 99, &v, &err) == 0 && v == 12, "a number");
	ok(conf_u64("NUM2", 1, 0, 99, &v, &err) == 0 && v == 7, "another");
	ok(conf_u64("NONE", 5, 0, 99, &v, &err) == 0 && v == 5, "its default");
	ok(conf_u64("BAD", 5, 0, 99, &v, &err) < 0 && err.status == EX_CONFIG &&
		strstr(err.msg, "RCN_BAD") != NULL,
	    "a bad number names the setting");
}

static void
test_installation(void)
{
	struct err err = { 0 };
	auto_free char *path = mem_printf("%s/installation", dir);
	auto_buf struct buf b = { 0 };
	const char *id = conf_installation(&err);

	ok(id != NULL && strlen(id) == 16, "an id is made");
	ok(io_read_file(path, 64, &b, &err) == 0 && memcmp(b.data, id, 16) == 0,
	    "and kept");
}

/* In a child, since there is no way back: a bit for each surprise. */
static int
inside(void)
{
	struct sandbox s = { 0 };
	struct err err = { 0 };
	auto_free char *in = mem_printf("%s/rcn.conf", dir);
	auto_free char *out = mem_printf("%s/new", dir);
	int bad = 0;

	strvec_add(&s.read, dir);
	strvec_add(&s.read, "/nonexistent");
	if (sandbox_enter(&s, &err) < 0)
		return 1;
	if (open(in, O_RDONLY | O_CLOEXEC) < 0)
		bad |= 2;
	if (socket(AF_UNIX, SOCK_STREAM, 0) >= 0 || errno != EPERM)
		bad |= 4;
	if (execl("/bin/true", "true", (char *)NULL) == 0 || errno == ENOENT)
		bad |= 8;
	if (access("/sys/kernel/security/landlock", F_OK) == 0 ||
	    open("/etc/passwd", O_RDONLY | O_CLOEXEC) < 0) {
		if (open("/etc/passwd", O_RDONLY | O_CLOEXEC) >= 0)
			bad |= 16;
		if (open(out, O_WRONLY | O_CREAT | O_CLOEXEC, 0600) >= 0)
			bad |= 32;
	}
	return bad;
}

static void
test_sandbox(void)
{
	int status = 0;
	pid_t pid;

	(void)fflush(stdout);
	if ((pid = fork()) == 0)
		_exit(inside());
	(void)waitpid(pid, &status, 0);
	ok(WIFEXITED(status) && WEXITSTATUS(status) == 0,
	    "reads its folder; no socket, exec, other file (%d)",
	    WEXITSTATUS(status));
}

int
main(void)
{
	log_init("conf");
	ok(mkdtemp(dir) != NULL, "a folder to work in");
	test_settings();
	test_installation();
	test_sandbox();
	for (int i = 0; i < 3; i++) {
		static const char *const names[] = { "rcn.conf", "installation",
			"installation.lock" };
		auto_free char *path = mem_printf("%s/%s", dir, names[i]);

		(void)unlink(path);
	}
	ok(rmdir(dir) == 0, "nothing else was written");
	return tap_end();
}
