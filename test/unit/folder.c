/* Folders: sizes, ages, and taking away without following a link. */
#include "base/folder.h"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/io.h"
#include "tap.h"

static char dir[] = "/tmp/rcn-folder.XXXXXX";

static char *
below(const char *name)
{
	return mem_printf("%s/%s", dir, name);
}

static void
put(const char *name, size_t bytes, time_t when)
{
	auto_free char *path = below(name);
	auto_free char *text = mem_zalloc(1, bytes + 1);
	struct timespec t[2] = { { .tv_sec = when }, { .tv_sec = when } };
	struct err err = { 0 };

	(void)io_replace(path, 0600, text, bytes, &err);
	(void)utimensat(AT_FDCWD, path, t, 0);
}

static void
age(const char *name, time_t when)
{
	auto_free char *path = below(name);
	struct timespec t[2] = { { .tv_sec = when }, { .tv_sec = when } };

	(void)utimensat(AT_FDCWD, path, t, AT_SYMLINK_NOFOLLOW);
}

static bool
there(const char *name)
{
	auto_free char *path = below(name);

	return access(path, F_OK) == 0;
}

static void
test_list(void)
{
	auto_folder struct folder f = { 0 };
	auto_free char *a = below("a");
	auto_free char *deep = below("a/deep");
	struct err err = { 0 };

	ok(folder_list(deep, &f, &err) == 0 && f.n == 0,
	    "one that is not there is empty");
	ok(mkdir(a, 0700) == 0 && mkdir(deep, 0700) == 0, "folders");
	put("a/deep/big", 100000, 1000);
	put("old", 5000, 2000);
	put("new", 10, 9000);
	age("a/deep", 3000);
	age("a", 1000);
	ok(folder_list(dir, &f, &err) == 0 && f.n == 3, "three");
	tap_str(f.v[0].name, "new", "the newest first");
	tap_str(f.v[1].name, "a", "a folder is as new as the newest in it");
	ok(f.v[1].bytes >= 100000 && f.v[1].bytes < 200000,
	    "and as big as all in it");
	tap_str(f.v[2].name, "old", "the oldest last");
}

static void
test_remove(void)
{
	auto_free char *outside = below("outside");
	auto_free char *link = below("a/link");
	auto_free char *to = below("to");
	struct err err = { 0 };

	ok(mkdir(outside, 0700) == 0 && symlink(outside, link) == 0 &&
		symlink(outside, to) == 0,
	    "links");
	put("outside/kept", 1, 1);
	ok(folder_remove(dir, "a", &err) == 0 && !there("a"),
	    "a folder with all in it");
	ok(there("outside/kept"), "what a link in it names stays");
	ok(folder_remove(dir, "to", &err) == 0 && there("outside/kept"),
	    "a link alone");
	ok(folder_remove(dir, "a", &err) == 0, "what is gone is fine");
	ok(folder_remove(dir, "old", &err) == 0 && !there("old"), "a file");
	ok(folder_remove("/nowhere/at/all", "x", &err) == 0,
	    "so is a folder that is not there");
	(void)folder_remove(dir, "outside", &err);
	(void)folder_remove(dir, "new", &err);
	ok(rmdir(dir) == 0, "nothing is left");
}

int
main(void)
{
	if (mkdtemp(dir) == NULL)
		return 1;
	test_list();
	test_remove();
	return tap_end();
}
