/* What a worker sleeps on; and what it asks the engine by itself. */
#include "work/wake.h"

#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/json.h"
#include "base/log.h"
#include "tap.h"
#include "work/knock.h"

static char dir[] = "/tmp/rcn-wake.XXXXXX";

static char *
file(const char *name)
{
	return mem_printf("%s/%s", dir, name);
}

static void
add(const char *name, const char *text)
{
	auto_free char *path = file(name);
	auto_fd int fd = open(path, O_WRONLY | O_CREAT | O_APPEND, 0600);

	if (write(fd, text, strlen(text)) < 0)
		perror(path);
}

static void
test_writes(void)
{
	auto_free char *db = file("state.db");
	struct wake w;
	struct err err = { 0 };

	ok(wake_init(&w, 60000, &err) == 0, "begun %s", err.msg);
	add("state.db-wal", "");
	wake_watch(&w, db);
	ok(wake_wait(&w, 30) == 0, "nothing: time over");
	add("state.db", "x");
	add("state.db-shm", "x");
	ok(wake_wait(&w, 30) == 0, "not the log of writes: nobody wakes");
	add("state.db-wal", "x");
	ok(wake_wait(&w, 5000) == WAKE_WRITE, "written to");
	ok(wake_wait(&w, 30) == 0, "said once");
	ok(wake_wait(&w, 5000) == WAKE_WRITE, "and again, for the commit");
	ok(wake_wait(&w, 200) == 0, "that is all until the poll");
	w.poll_ms = 20;
	for (int i = 0; i < WAKE_POLLS; i++)
		ok(wake_wait(&w, 5000) == WAKE_WRITE, "poll %d", i);
	ok(wake_wait(&w, 100) == 0, "then it is old");
	wake_close(&w);
}

/* A few times, and then no more. */
static void
is_told(struct wake *w, const char *what)
{
	int n = 0;

	while (n < 20 && wake_wait(w, 400) == WAKE_WRITE)
		n++;
	ok(n >= WAKE_POLLS && n <= WAKE_POLLS + 2, "%s: %d times", what, n);
}

static void
test_net(void)
{
	auto_free char *db = file("late/spool.db");
	auto_free char *folder = file("late");
	auto_free char *wal = file("late/spool.db-wal");
	struct wake w;
	struct err err = { 0 };
	char program[] = "mkdir";
	char *made[] = { program, folder, NULL };

	wake_init(&w, 20, &err);
	wake_watch(&w, db);
	ok(wake_wait(&w, 50) == 0, "no folder yet");
	if (fork() == 0) {
		execvp(made[0], made);
		_exit(1);
	}
	ok(wake_wait(&w, 5000) == WAKE_CHILD, "a child has ended");
	while (waitpid(-1, NULL, WNOHANG) > 0)
		;
	add("late/spool.db-wal", "x");
	is_told(&w, "seen by looking");
	close(w.inotify);
	w.inotify = -1;
	w.file[0].watch = -1;
	add("late/spool.db-wal", "x");
	is_told(&w, "without inotify too");
	kill(getpid(), SIGTERM);
	ok(wake_wait(&w, 5000) == WAKE_STOP, "asked to end");
	wake_close(&w);
	wake_child();
	unlink(wal);
	rmdir(folder);
}

/* An engine that gives one answer. */
static pid_t
engine(const char *answer)
{
	auto_free char *path = file("engine.sock");
	auto_free char *host = mem_printf("unix://%s", path);
	struct sockaddr_un at = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM, 0), c;
	char data[512];
	pid_t pid;

	setenv("DOCKER_HOST", host, 1);
	memcpy(at.sun_path, path, strlen(path));
	unlink(path);
	if (bind(fd, (struct sockaddr *)&at, sizeof(at)) < 0 ||
	    listen(fd, 5) < 0)
		return -1;
	pid = fork();
	if (pid == 0) {
		c = accept(fd, NULL, NULL);
		if (read(c, data, sizeof(data)) > 0 && answer != NULL)
			(void)!write(c, answer, strlen(answer));
		if (answer == NULL)
			pause();
		_exit(0);
	}
	close(fd);
	return pid;
}

static void
gone(pid_t pid)
{
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
}

static void
test_knock(void)
{
	struct err err = { 0 };
	pid_t pid, peer;
	json_t *got;

	pid = engine("HTTP/1.0 200 OK\r\n\r\nOK");
	ok(knock(5000, &peer), "it answers");
	ok(peer == getpid(), "whose socket it is");
	gone(pid);
	ok(!knock(1000, &peer), "it is gone");
	pid = engine("HTTP/1.0 500 Oh\r\n\r\n");
	ok(!knock(1000, NULL), "it answers, but not well");
	gone(pid);
	pid = engine(NULL);
	ok(!knock(50, NULL), "it is there and says nothing");
	gone(pid);
	pid = engine("HTTP/1.0 200 OK\r\nA: b\r\n\r\n{\"x\":1}\n");
	got = knock_get("/info", 5000, &err);
	ok(json_int(got, "x", 0) == 1, "an answer %s", err.msg);
	json_decref(got);
	gone(pid);
	ok(knock_get("/info", 1000, &err) == NULL &&
		strcmp(err.code, "engine-down") == 0,
	    "none: engine-down");
}

int
main(void)
{
	static const char *const names[] = { "state.db", "state.db-wal",
		"state.db-shm", "engine.sock" };

	log_init("wake");
	json_init();
	if (mkdtemp(dir) == NULL)
		return 1;
	test_writes();
	test_net();
	test_knock();
	for (size_t i = 0; i < 4; i++) {
		auto_free char *path = file(names[i]);

		unlink(path);
	}
	rmdir(dir);
	return tap_end();
}
