/*
 * rcn-gc - takes away what nobody needs any more: images beyond those for a
 * rollback, build cache, logs, documents and mirrors beyond their budgets;
 * writes a JSON object for each, what and why.
 */
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/conf.h"
#include "base/folder.h"
#include "base/io.h"
#include "base/json.h"
#include "base/log.h"
#include "deploy/keep.h"
#include "document/cli.h"
#include "engine/image.h"
#include "state/images.h"
#include "state/prune.h"

static const struct cli cli = {
	"rcn-gc",
	"usage: rcn-gc [-hqVv] [--dry-run]\n",
};

struct limits {
	uint64_t images, grace_s, cache, logs, documents, mirrors;
	bool dry;
};

static int
limits_read(struct limits *l, struct err *err)
{
	const uint64_t gib = 1 << 30, most = UINT64_C(1) << 50;

	if (conf_u64("KEEP_IMAGES", 5, 0, 1000, &l->images, err) < 0 ||
	    conf_u64("GC_GRACE", 3600, 0, 31536000, &l->grace_s, err) < 0 ||
	    conf_u64("KEEP_CACHE", 20 * gib, 0, most, &l->cache, err) < 0 ||
	    conf_u64("KEEP_LOGS", gib, 0, most, &l->logs, err) < 0 ||
	    conf_u64("KEEP_DOCUMENTS", gib / 4, 0, most, &l->documents, err) <
		0 ||
	    conf_u64("KEEP_MIRRORS", 10 * gib, 0, most, &l->mirrors, err) < 0)
		return -1;
	return 0;
}

static void
say(const json_t *row)
{
	auto_buf struct buf line = { 0 };

	json_write(&line, row, JSON_COMPACT);
	printf("%s\n", line.data);
}

/* Without a database all projects are by hand. */
static int
rows_of(const struct limits *l, json_t **rows, struct err *err)
{
	auto_state struct state *st = NULL;
	auto_free char *actor = state_actor();
	struct err none = { 0 };

	if (state_open(&st, actor, DB_READ, &none) < 0) {
		if (strcmp(none.code, "state-missing") != 0) {
			*err = none;
			return -1;
		}
		*rows = json_pack("{s:[], s:[]}", "known", "wanted");
		return 0;
	}
	*rows = state_images(st, (int64_t)l->images, err);
	return *rows != NULL ? 0 : -1;
}

static int
images(struct engine *e, const struct limits *l, struct err *err)
{
	json_auto_t *rows = NULL;
	json_auto_t *done = NULL;
	struct keep k = { .count = (int64_t)l->images,
		.grace_s = (int64_t)l->grace_s,
		.dry = l->dry };
	const json_t *row;
	size_t i;

	if (rows_of(l, &rows, err) < 0)
		return -1;
	k.known = json_object_get(rows, "known");
	k.wanted = json_object_get(rows, "wanted");
	done = keep_images(e, &k, err);
	if (done == NULL)
		return -1;
	json_array_foreach(done, i, row)
		say(row);
	return 0;
}

static int
build_cache(struct engine *e, const struct limits *l, struct err *err)
{
	int64_t bytes, freed = 0;

	if (engine_cache_size(e, &bytes, err) < 0)
		return -1;
	if (bytes > (int64_t)l->cache) {
		freed = bytes - (int64_t)l->cache;
		if (!l->dry &&
		    engine_cache_prune(e, (int64_t)l->cache, &freed, err) < 0)
			return -1;
		json_auto_t *row = json_pack("{s:s, s:I, s:s, s:s}", "kind",
		    "build-cache", "bytes", (json_int_t)freed, "action",
		    "remove", "why", "over RCN_KEEP_CACHE");
		say(row);
	}
	return 0;
}

/* One that is being written, or read from, is left alone: 1, 0, -1. */
static int
take_away(const char *sub, const char *path, const char *name, struct err *err)
{
	auto_buf struct buf lock = { 0 };
	auto_fd int fd = -1;
	struct err held = { 0 };

	if (strcmp(sub, "mirrors") == 0) {
		if (conf_run_path(&lock, "mirrors", err) < 0)
			return -1;
		buf_addf(&lock, "/%s.lock", name);
		if (io_lock(lock.data, 0, &fd, &held) < 0)
			return 0;
	}
	return folder_remove(path, name, err) < 0 ? -1 : 1;
}

/* The newest stay until the budget is used; what is young stays too. */
static int
budget(const char *kind, const char *sub, uint64_t bytes,
    const struct limits *l, struct err *err)
{
	auto_folder struct folder f = { 0 };
	auto_free char *path = mem_printf("%s/%s", conf_state_dir(), sub);
	int64_t now = clock_wall_ms() / 1000;
	uint64_t sum = 0;
	int done;

	if (folder_list(path, &f, err) < 0)
		return -1;
	for (size_t i = 0; i < f.n; i++) {
		const struct folder_item *it = &f.v[i];

		sum += (uint64_t)it->bytes;
		if (sum <= bytes ||
		    now - it->changed.tv_sec < (int64_t)l->grace_s)
			continue;
		done = l->dry ? 1 : take_away(sub, path, it->name, err);
		if (done < 0)
			return -1;
		if (done == 0)
			continue;
		json_auto_t *row = json_pack("{s:s, s:s, s:o, s:I, s:s, s:s}",
		    "kind", kind, "folder", path, "name", json_text(it->name),
		    "bytes", (json_int_t)it->bytes, "action", "remove", "why",
		    "over its budget");
		say(row);
	}
	return 0;
}

/* Each part is tried, whatever became of the others. */
/* Rows of the database, where there is one. */
static int
rows(const struct limits *l, struct err *err)
{
	auto_state struct state *st = NULL;
	auto_free char *actor = state_actor();
	json_auto_t *gone = NULL;
	struct prune p = { .dry = l->dry };
	struct err none = { 0 };
	const json_t *row;
	size_t i;

	if (prune_settings(&p, err) < 0)
		return -1;
	if (state_open(&st, actor, l->dry ? DB_READ : 0, &none) < 0) {
		if (strcmp(none.code, "state-missing") == 0)
			return 0;
		*err = none;
		return -1;
	}
	gone = state_prune(st, &p, err);
	json_array_foreach(gone, i, row)
		say(row);
	return gone != NULL ? 0 : -1;
}

static int
run(const struct limits *l)
{
	auto_engine struct engine *e = NULL;
	struct err err[7] = { 0 };
	int status = 0;

	if (engine_open(&e, NULL, &err[0]) == 0) {
		(void)images(e, l, &err[1]);
		(void)build_cache(e, l, &err[2]);
	}
	(void)budget("log", "logs", l->logs, l, &err[3]);
	(void)budget("document", "deploys", l->documents, l, &err[4]);
	(void)budget("mirror", "mirrors", l->mirrors, l, &err[5]);
	(void)rows(l, &err[6]);
	for (size_t i = 0; i < sizeof(err) / sizeof(*err); i++) {
		if (err[i].status == 0)
			continue;
		err_print(&err[i]);
		status = status != 0 ? status : err[i].status;
	}
	return status;
}

int
main(int argc, char **argv)
{
	struct limits l = { 0 };
	const struct cli_option options[] = {
		{ "dry-run", .flag = &l.dry },
		{ 0 },
	};
	struct err err = { 0 };
	int status;

	cli_begin(&cli);
	status = cli_take(&cli, CLI_PLAIN, options, argc, argv);
	if (status != CLI_GO)
		return status;
	if (limits_read(&l, &err) < 0) {
		err_print(&err);
		return err.status;
	}
	return cli_end(run(&l));
}
