/*
 * What an engine is told of a context: any names, an old manifest of any
 * bytes, any paths that a Dockerfile copies, and any packets of an engine.
 * Parts of the input end in 0xff: the old manifest; names, a line each (">"
 * and a link's target); paths; packets, a byte for the length before each.
 * links: lib/engine/diffcopy.c lib/engine/manifest.c lib/engine/pb.c
 * links: lib/base/*.c
 */
#include "engine/diffcopy.h"

#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/io.h"

int LLVMFuzzerTestOneInput(const uint8_t *, size_t);

/* ---- the call, in place of grpc.c ---- */

struct grpc_call {
	size_t queued, messages;
	bool ended;
};

void
grpc_send(struct grpc_call *c, const void *p, size_t n)
{
	if (p == NULL && n > 0)
		abort();
	c->queued += n;
	c->messages++;
}

void
grpc_end(struct grpc_call *c, enum grpc_status status, const char *message)
{
	if (status != GRPC_OK && message == NULL)
		abort();
	c->ended = true;
}

size_t
grpc_queued(const struct grpc_call *c)
{
	return c->queued;
}

/* ---- the context ---- */

struct part {
	const char *p;
	size_t n;
};

static struct part
take(struct part *all, char end)
{
	const char *at = memchr(all->p, (unsigned char)end, all->n);
	struct part got = { all->p,
		at != NULL ? (size_t)(at - all->p) : all->n };

	all->p += got.n + (at != NULL);
	all->n -= got.n + (at != NULL);
	return got;
}

static int
walk(void *ctx, build_entry_fn *fn, void *fn_ctx, struct err *err)
{
	struct part names = *(struct part *)ctx;

	while (names.n > 0) {
		struct part line = take(&names, '\n'), path = take(&line, '>');
		auto_free char *name = mem_strndup(path.p, path.n);
		auto_free char *target = mem_strndup(line.p, line.n);
		unsigned char stamp[BUILD_STAMP] = { (unsigned char)path.n };
		struct build_entry e = { .path = name,
			.target = target,
			.type = line.n > 0        ? BUILD_LINK
				: path.n % 3 == 0 ? BUILD_DIR
						  : BUILD_FILE,
			.size = 3,
			.stamp = path.n % 2 == 0 ? stamp : NULL,
			.time_ns = 5 };

		if (fn(&e, fn_ctx, err) < 0)
			return -1;
	}
	return 0;
}

static int
read_three(void *ctx, const char *path, tarstream_fn *fn, void *fn_ctx,
    struct err *err)
{
	(void)ctx;
	(void)path;
	return fn("abc", 3, fn_ctx, err);
}

static int
room(struct copy *c, void *ctx, struct err *err)
{
	struct grpc_call *call = ctx;

	(void)c;
	(void)err;
	call->queued = 0;
	return 0;
}

static void
talk(struct manifest *m, const struct engine_context *x, struct part paths,
    struct part packets)
{
	auto_strvec struct strvec only = { 0 };
	struct grpc_call call = { 0 };
	struct copy_source from = { .rows = m, .context = x, .only = &only };
	struct copy *c;
	struct err err = { 0 };

	while (paths.n > 0) {
		struct part line = take(&paths, '\n');

		strvec_addn(&only, line.p, line.n);
	}
	c = copy_new(&call, &from);
	for (int i = 0; i < 5000 && !call.ended; i++) {
		size_t n = packets.n > 0 ? (unsigned char)*packets.p : 0;

		n = n < packets.n ? n : packets.n - (packets.n > 0);
		if (packets.n > 0) {
			copy_message(c, packets.p + 1, n);
			packets.p += n + 1;
			packets.n -= n + 1;
		}
		call.queued = 0;
		if (copy_work(c, room, &call, &err) == 0 && packets.n == 0)
			break;
	}
	copy_closed(c);
	(void)copy_work(c, room, &call, &err);
	copy_free(c);
}

static void
check(struct manifest *m)
{
	auto_free char *last = NULL;
	struct manifest_row row;
	struct err err = { 0 };
	size_t at;

	for (size_t i = 0; i < m->n; i++) {
		if (manifest_row(m, i, &row, &err) < 0 || row.path[0] == '\0' ||
		    row.path[0] == '/' || strstr(row.path, "//") != NULL ||
		    strcmp(row.path, "..") == 0 ||
		    strncmp(row.path, "../", 3) == 0 ||
		    strstr(row.path, "/../") != NULL ||
		    (last != NULL && manifest_compare(last, row.path) >= 0))
			abort();
		free(last);
		last = mem_strdup(row.path);
		if (manifest_find(m, last, &at, &err) != 1 || at != i)
			abort();
	}
	if (strlen(m->key) != MANIFEST_KEY - 1 ||
	    strspn(m->key, "0123456789abcdef") != MANIFEST_KEY - 1)
		abort();
}

static void
put(const char *path, const struct part *what)
{
	auto_fd int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);

	if (io_write_all(fd, what->p, what->n) < 0)
		abort();
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	static char path[64], lock[80];
	struct part all = { (const char *)data, n };
	struct part old = take(&all, '\xff'), names = take(&all, '\xff');
	struct part paths = take(&all, '\xff');
	struct engine_context x = {
		.walk = walk, .read = read_three, .ctx = &names
	};
	struct manifest m;
	struct err err = { 0 };

	if (path[0] == '\0') {
		(void)snprintf(path, sizeof(path), "/dev/shm/rcn-fuzz-%ld",
		    (long)getpid());
		(void)snprintf(lock, sizeof(lock), "%s.lock", path);
		(void)setenv("TMPDIR", "/dev/shm", 1);
	}
	if (old.n > 0)
		put(path, &old);
	if (manifest_open(&m, old.n > 0 ? path : NULL, &x, &err) == 0) {
		check(&m);
		talk(&m, &x, paths, all);
	}
	manifest_close(&m, true);
	(void)unlink(path);
	(void)unlink(lock);
	return 0;
}
