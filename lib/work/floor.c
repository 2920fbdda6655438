#include "work/floor.h"

#include <string.h>
#include <sys/statvfs.h>

#include "base/conf.h"
#include "base/io.h"
#include "base/json.h"
#include "work/knock.h"

enum { KNOCK_MS = 5000 };

static bool
disk_holds(const char *path, int64_t min, struct buf *why)
{
	struct statvfs s;
	int64_t free;

	/* Not there: another machine's, or not made yet. */
	if (statvfs(path, &s) < 0)
		return true;
	free = (int64_t)s.f_bavail * (int64_t)s.f_frsize;
	if (free >= min)
		return true;
	buf_addf(why,
	    "%s: %lld MiB of disk are free, a build wants %lld"
	    " (RCN_MIN_FREE_DISK)",
	    path, (long long)(free >> 20), (long long)(min >> 20));
	return false;
}

static bool
memory_holds(int64_t min, struct buf *why)
{
	auto_buf struct buf text = { 0 };
	struct err err = { 0 };
	const char *at;
	long long kib;

	if (io_read_file("/proc/meminfo", 1 << 16, &text, &err) < 0 ||
	    (at = strstr(text.data, "MemAvailable:")) == NULL)
		return true;
	kib = strtoll(at + strlen("MemAvailable:"), NULL, 10);
	if (kib * 1024 >= min)
		return true;
	buf_addf(why,
	    "%lld MiB of memory are free, a build wants %lld"
	    " (RCN_MIN_FREE_MEMORY)",
	    kib >> 10, (long long)(min >> 20));
	return false;
}

static bool
engine_holds(int64_t min, struct buf *why)
{
	struct err err = { 0 };
	json_auto_t *info = knock_get("/info", KNOCK_MS, &err);
	const char *root = json_str(info, "DockerRootDir", NULL);

	return root == NULL || disk_holds(root, min, why);
}

bool
floor_holds(int64_t min_disk, int64_t min_memory, struct buf *why)
{
	if (min_memory > 0 && !memory_holds(min_memory, why))
		return false;
	if (min_disk <= 0)
		return true;
	return disk_holds(conf_state_dir(), min_disk, why) &&
	       engine_holds(min_disk, why);
}
