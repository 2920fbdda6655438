#include "document/document.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/io.h"
#include "base/log.h"
#include "base/mask.h"
#include "base/stop.h"
#include "document/settings.h"

static const char *file;

void
doc_from_file(const char *path)
{
	file = path;
}

const char *
doc_file(void)
{
	return file;
}

int
doc_fail(const struct err *err)
{
	err_print(err);
	return err->status;
}

/* ---- reading: objects back to back, given as soon as they are whole ---- */

struct input {
	int fd;
	const char *name;
	char data[8192];
	size_t at, len;
	size_t taken; /* bytes of the object being read */
	bool end, bad; /* end of file; read error */
};

/* The next byte, or -1. */
static int
next_byte(struct input *in)
{
	ssize_t n;

	if (in->at < in->len)
		return (unsigned char)in->data[in->at++];
	if (in->end)
		return -1;
	n = io_read(in->fd, in->data, sizeof(in->data));
	in->bad = n < 0;
	in->end = n <= 0;
	if (n <= 0)
		return -1;
	in->at = 0;
	in->len = (size_t)n;
	return (unsigned char)in->data[in->at++];
}

/* For jansson: a byte a time, since what it reads ahead is lost. */
static size_t
feed(void *to, size_t n, void *ctx)
{
	struct input *in = ctx;
	int c;

	if (n == 0 || in->taken > DOC_MAX || (c = next_byte(in)) < 0)
		return 0;
	in->taken++;
	*(char *)to = (char)c;
	return 1;
}

/* 1 an object, 0 end of input, -1 failed. */
static int
next_object(struct input *in, json_t **doc, struct err *err)
{
	json_error_t why;
	int c;

	do
		c = next_byte(in);
	while (c == ' ' || c == '\t' || c == '\n' || c == '\r');
	if (c < 0 && in->bad)
		return err_set(err, EX_IOERR, "read-failed", "%s: cannot read",
		    in->name);
	if (c < 0)
		return 0;
	in->at--;
	in->taken = 0;
	*doc = json_load_callback(feed, in,
	    JSON_REJECT_DUPLICATES | JSON_DISABLE_EOF_CHECK, &why);
	if (*doc != NULL && json_is_object(*doc))
		return 1;
	if (*doc != NULL) {
		json_decref(*doc);
		return err_set(err, EX_DATAERR, "bad-document",
		    "%s: not a JSON object", in->name);
	}
	if (in->taken > DOC_MAX)
		return err_set(err, EX_DATAERR, "too-large",
		    "%s: a document of more than %d bytes", in->name, DOC_MAX);
	if (in->end)
		return err_set(err, EX_NOINPUT, "no-document",
		    "%s: ends inside a document: the program before died",
		    in->name);
	return err_set(err, EX_DATAERR, "bad-json", "%s:%d:%d: %s", in->name,
	    why.line, why.column, why.text);
}

/* ---- writing ---- */

static void
nobody_reads(void)
{
	struct pollfd p = { .fd = 1 };

	if (poll(&p, 1, 0) == 1 && (p.revents & POLLERR) != 0)
		stop_by_pipe();
}

static int
emit(const json_t *doc)
{
	auto_buf struct buf b = { 0 };

	json_write(&b, doc, JSON_COMPACT);
	buf_addc(&b, '\n');
	if (io_write_all(1, b.data, b.len) == 0)
		return 0;
	if (errno == EPIPE)
		stop_by_pipe();
	log_raw("%s: standard output: %s\n", log_name(), strerror(errno));
	return EX_IOERR;
}

/* ---- one document through one stage ---- */

static int
error_status(const json_t *doc)
{
	int64_t status = json_int(doc, "error.status", 0);

	return status > 0 && status < 256 ? (int)status : EX_SOFTWARE;
}

/* A text of ours about a stranger's things: clean, and without secrets. */
static json_t *
clean_text(const char *s)
{
	auto_buf struct buf b = { 0 };

	buf_adds(&b, s);
	mask_text(&b);
	return json_textn(b.data, b.len);
}

static void
set_error(json_t *doc, const struct stage *stage, const struct err *err)
{
	json_t *e = json_object();

	json_object_set_new(e, "stage", json_text(stage->name));
	json_object_set_new(e, "status", json_integer(err->status));
	json_object_set_new(e, "code", json_text(err->code));
	json_object_set_new(e, "message", clean_text(err->msg));
	if (err->hint[0] != '\0')
		json_object_set_new(e, "hint", clean_text(err->hint));
	json_object_set_new(e, "retryable", json_boolean(err_retryable(err)));
	json_object_set_new(doc, "error", e);
	if (!stage->amends)
		json_object_del(doc, stage->section);
}

static void
add_timing(json_t *doc, const struct stage *stage, int64_t wall, int64_t ms)
{
	json_t *rows = json_object_get(doc, "timings");
	char at[CLOCK_TEXT];

	if (!json_is_array(rows)) {
		rows = json_array();
		json_object_set_new(doc, "timings", rows);
	}
	clock_text(wall, at);
	json_array_append_new(rows,
	    json_pack("{s:s, s:s, s:I}", "stage", stage->name, "started_at", at,
		"milliseconds", (json_int_t)ms));
}

/* The document's section set to what run() gave, and its key. */
static void
set_section(json_t *doc, const struct stage *stage, json_t *section,
    const char *key)
{
	if (stage->key != NULL)
		json_object_set_new(section, "key", json_string(key));
	json_object_set(doc, stage->section, section);
}

/* Several: each row has the section and what else differs. */
static int
emit_each(const json_t *doc, const struct stage *stage, json_t *rows,
    const char *key)
{
	json_t *row, *section;
	size_t i;
	int bad = 0;

	json_array_foreach(rows, i, row) {
		json_auto_t *one = json_copy((json_t *)(uintptr_t)doc);

		(void)json_object_update(one, row);
		section = json_object_get(one, stage->section);
		if (json_is_object(section))
			set_section(one, stage, section, key);
		if (emit(one) != 0)
			bad = EX_IOERR;
	}
	return bad;
}

/* A stage that settles does so whatever else a document says. */
static int
check(const struct stage *stage, const json_t *doc, struct err *err)
{
	int64_t version = json_int(doc, "rcn.version", 0);
	const json_t *project = json_object_get(doc, "project");

	if (version == DOC_VERSION)
		return project == NULL || stage->settles
			   ? 0
			   : settings_check(project, "document: project", err);
	err_set(err, EX_DATAERR, "bad-document",
	    "document: rcn.version is %lld, not %d", (long long)version,
	    DOC_VERSION);
	return err_hint(err, "see rcn-document(5)");
}

/* 1: the section that is there still holds. */
static int
holds(const struct stage *stage, json_t *doc, void *ctx, char key[65],
    struct err *err)
{
	const char *old =
	    json_str(json_object_get(doc, stage->section), "key", NULL);

	key[0] = '\0';
	if (stage->key == NULL)
		return 0;
	if (stage->key(doc, ctx, key, err) < 0)
		return -1;
	if (old == NULL || strcmp(old, key) != 0)
		return 0;
	return stage->current != NULL ? stage->current(doc, ctx, err) : 1;
}

static int
work(const struct stage *stage, json_t *doc, void *ctx)
{
	bool had_error = json_object_get(doc, "error") != NULL;
	int64_t began = clock_ms(), wall = clock_wall_ms();
	json_auto_t *result = NULL;
	struct err err = { 0 };
	char key[65] = "";
	int same, bad;

	same = check(stage, doc, &err);
	if (same == 0)
		same = holds(stage, doc, ctx, key, &err);
	if (same == 1 && !had_error)
		return emit(doc);
	if (same >= 0 && stop_asked() && !stage->settles && !stage->finishes)
		same = stop_err(&err);
	if (same >= 0)
		result = stage->run(doc, ctx, &err);
	add_timing(doc, stage, wall, clock_ms() - began);
	if (json_is_array(result))
		return emit_each(doc, stage, result, key);
	if (result != NULL)
		set_section(doc, stage, result, key);
	else
		err_print(&err);
	if (result == NULL && !had_error)
		set_error(doc, stage, &err);
	bad = emit(doc);
	if (bad != 0)
		return bad;
	if (had_error)
		return error_status(doc);
	return result == NULL ? err.status : 0;
}

static int
one(const struct stage *stage, json_t *doc, void *ctx)
{
	if (json_object_get(doc, "error") != NULL && !stage->settles) {
		int bad = emit(doc);

		return bad != 0 ? bad : error_status(doc);
	}
	nobody_reads();
	if (stage->builds && doc_without_build(doc))
		return emit(doc);
	if (!stage->settles && !stage->finishes)
		return work(stage, doc, ctx);
	stop_hold(true);
	int status = work(stage, doc, ctx);
	stop_hold(false);
	return status;
}

static int
all(doc_fn *each, struct input *in, void *ctx)
{
	int status = 0, got;
	size_t count = 0;
	struct err err = { 0 };
	json_t *doc = NULL;

	while ((got = next_object(in, &doc, &err)) == 1) {
		int this = each(doc, ctx);

		json_decref(doc);
		count++;
		if (status == 0)
			status = this;
	}
	if (got == 0 && count == 0) {
		err_set(&err, EX_NOINPUT, "no-document",
		    "%s: no document: the program before died", in->name);
		got = -1;
	}
	if (got < 0) {
		err_print(&err);
		return status != 0 ? status : err.status;
	}
	return status;
}

int
doc_each(doc_fn *each, void *ctx)
{
	struct input *in = mem_zalloc(1, sizeof(*in));
	struct err err = { 0 };
	int status;

	in->name = file != NULL ? file : "standard input";
	if (file != NULL)
		in->fd = open(file, O_RDONLY | O_CLOEXEC);
	if (in->fd < 0) {
		err_sys(&err, EX_NOINPUT, "file-missing", "%s", file);
		status = doc_fail(&err);
	} else if (file == NULL && isatty(0)) {
		err_set(&err, EX_USAGE, "no-document",
		    "standard input is a terminal: a document is expected");
		err_hint(&err, "see %s(1) and rcn(7) for pipelines",
		    log_name());
		status = doc_fail(&err);
	} else {
		status = all(each, in, ctx);
	}
	if (in->fd > 0)
		(void)close(in->fd);
	free(in);
	return status;
}

struct filter {
	const struct stage *stage;
	void *ctx;
};

static int
filter(json_t *doc, void *ctx)
{
	const struct filter *f = ctx;

	return one(f->stage, doc, f->ctx);
}

int
doc_filter(const struct stage *stage, void *ctx)
{
	return doc_each(filter, &(struct filter){ stage, ctx });
}

int
doc_first(const struct stage *stage, json_t *seed, void *ctx)
{
	int status = one(stage, seed, ctx);

	json_decref(seed);
	return status;
}

char *
doc_secret_path(const char *name)
{
	const char *dir = getenv("RCN_SECRETS");

	return dir == NULL || *dir == '\0' ? NULL
					   : mem_printf("%s/%s", dir, name);
}

void
doc_warn(json_t *section, const char *fmt, ...)
{
	json_t *list = json_object_get(section, "warnings");
	auto_buf struct buf b = { 0 };
	va_list ap;

	va_start(ap, fmt);
	buf_vaddf(&b, fmt, ap);
	va_end(ap);
	log_warn("%s", b.data);
	if (!json_is_array(list)) {
		list = json_array();
		json_object_set_new(section, "warnings", list);
	}
	json_array_append_new(list, clean_text(b.data));
}
