/* tarstream: what GNU tar's and libarchive's readers make of it. */
#include "engine/tarstream.h"

#include <archive.h>
#include <archive_entry.h>
#include <stdlib.h>

#include "tap.h"

static int
collect(const void *p, size_t n, void *ctx, struct err *err)
{
	(void)err;
	buf_add(ctx, p, n);
	return 0;
}

static int
refuse(const void *p, size_t n, void *ctx, struct err *err)
{
	(void)p;
	(void)n;
	(void)ctx;
	return err_set(err, EX_IOERR, "write-failed", "no");
}

static void
add(struct tarstream *t, const char *path, const char *text, bool exec)
{
	struct err err = { 0 };

	ok(tarstream_file(t, path, strlen(text), exec, &err) == 0 &&
		tarstream_data(t, text, strlen(text), &err) == 0 &&
		tarstream_close(t, &err) == 0,
	    "writes a file");
}

int
main(void)
{
	struct buf out = { 0 };
	struct err err = { 0 };
	struct tarstream t = { .out = collect, .ctx = &out, .mtime = 86400 };
	struct archive *a = archive_read_new();
	struct archive_entry *e;
	struct buf names = { 0 };
	char name[90], part[301], flat[221], big[70000], fits[256];

	memset(part, 'd', 300);
	part[300] = '\0';
	memset(flat, 'f', 220);
	flat[220] = '\0';
	memset(name, 'n', 89);
	name[89] = '\0';
	memset(big, 'b', sizeof(big) - 1);
	big[sizeof(big) - 1] = '\0';
	(void)snprintf(fits, sizeof(fits), "%.100s/%.60s", part, name);
	ok(tarstream_dir(&t, "", &err) == 0, "the root");
	add(&t, "a", "hello", false);
	add(&t, "run.sh", "", true);
	ok(tarstream_dir(&t, "dir", &err) == 0, "a folder");
	ok(tarstream_link(&t, "dir/l", "../a", &err) == 0, "a link");
	ok(tarstream_link(&t, "dir/long", part, &err) == 0, "a long link");
	add(&t, fits, "in a prefix", false);
	add(&t, flat, "long", false);
	add(&t, "big", big, false);
	ok(tarstream_end(&t, &err) == 0, "ends");
	ok(out.len % 512 == 0 && out.len == t.bytes, "whole blocks, counted");
	ok(memcmp(out.data, "./\0", 3) == 0 && out.data[156] == '5' &&
		memcmp(out.data + 257, "ustar", 6) == 0,
	    "the first entry is a plain one");

	archive_read_support_format_tar(a);
	ok(archive_read_open_memory(a, out.data, out.len) == ARCHIVE_OK,
	    "libarchive opens it");
	while (archive_read_next_header(a, &e) == ARCHIVE_OK) {
		const char *path = archive_entry_pathname(e);

		buf_addf(&names, "%zu:%o:%lld:%zu ", strlen(path),
		    (unsigned)archive_entry_mode(e),
		    (long long)archive_entry_size(e),
		    archive_entry_symlink(e) != NULL
			? strlen(archive_entry_symlink(e))
			: 0);
		ok(archive_entry_mtime(e) == 86400 &&
			archive_entry_mtime_nsec(e) == 0,
		    "a whole second");
	}
	tap_str(names.data,
	    "2:40755:0:0 1:100644:5:0 6:100755:0:0 4:40755:0:0 "
	    "5:120777:0:4 8:120777:0:300 161:100644:11:0 220:100644:4:0 "
	    "3:100644:69999:0 ",
	    "every entry as it was written");
	archive_read_free(a);

	ok(tarstream_file(&t, "x", 3, false, &err) == 0, "a file of three");
	ok(tarstream_data(&t, "12", 2, &err) == 0 &&
		tarstream_close(&t, &err) < 0,
	    "two are not enough");
	tap_str(err.code, "source-changed", "and it says why");
	ok(tarstream_data(&t, "12", 2, &err) < 0, "four are too many");
	t.out = refuse;
	ok(tarstream_file(&t, "y", 70000, false, &err) == 0 &&
		tarstream_data(&t, big, 69999, &err) < 0 &&
		err.status == EX_IOERR,
	    "a reader that fails");
	tarstream_release(&t);
	buf_release(&out);
	buf_release(&names);
	return tap_end();
}
