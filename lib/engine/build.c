#include "engine/build.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/crypto.h"
#include "base/json.h"
#include "base/log.h"
#include "base/stop.h"
#include "base/text.h"
#include "engine/progress.h"
#include "engine/session.h"

enum { CANCEL_MS = 5000 };

/* One build while it runs. */
struct job {
	const struct build *b;
	struct progress progress;
	struct http *http;
	struct tarstream tar;
	struct manifest manifest;
	struct session_what what;
	struct session *session; /* NULL: by tar */
	char *id; /* of the image */
	bool answered; /* the engine has come to its end of it */
	char *failed; /* what the engine said */
};

void
built_release(struct built *r)
{
	free(r->id);
	json_decref(r->steps);
	strvec_release(&r->warnings);
	*r = (struct built){ 0 };
}

/* ---- the context ---- */

static int
on_block(const void *p, size_t n, void *ctx, struct err *err)
{
	struct job *j = ctx;

	return http_push(j->http, p, n, err);
}

static int
on_data(const void *p, size_t n, void *ctx, struct err *err)
{
	struct job *j = ctx;

	return tarstream_data(&j->tar, p, n, err);
}

static bool
is_ours(const char *path)
{
	size_t n = sizeof(BUILD_FOLDER) - 1;

	return strncmp(path, BUILD_FOLDER, n) == 0 &&
	       (path[n] == '\0' || path[n] == '/');
}

static int
on_entry(const struct build_entry *e, void *ctx, struct err *err)
{
	struct job *j = ctx;
	const struct engine_context *c = j->b->context;

	if (j->b->path == NULL && is_ours(e->path))
		return 0;
	switch (e->type) {
	case BUILD_DIR:
		return tarstream_dir(&j->tar, e->path, err);
	case BUILD_LINK:
		return tarstream_link(&j->tar, e->path, e->target, err);
	case BUILD_FILE:
	case BUILD_EXEC:
		break;
	}
	if (tarstream_file(&j->tar, e->path, e->size, e->type == BUILD_EXEC,
		err) < 0)
		return -1;
	if (c->read(c->ctx, e->path, on_data, j, err) < 0 ||
	    tarstream_close(&j->tar, err) < 0)
		return err_wrap(err, "%s", e->path);
	return 0;
}

static int
add_dockerfile(struct job *j, struct err *err)
{
	size_t n = strlen(j->b->text);

	if (tarstream_dir(&j->tar, BUILD_FOLDER, err) < 0 ||
	    tarstream_file(&j->tar, BUILD_FOLDER "/Dockerfile", n, false, err) <
		0 ||
	    tarstream_data(&j->tar, j->b->text, n, err) < 0)
		return -1;
	return tarstream_close(&j->tar, err);
}

static int
push_context(struct http *http, void *ctx, struct err *err)
{
	struct job *j = ctx;
	const struct engine_context *c = j->b->context;

	j->http = http;
	j->tar.out = on_block;
	j->tar.ctx = j;
	j->tar.mtime = c->mtime;
	if (tarstream_dir(&j->tar, "", err) < 0)
		return -1;
	if (j->b->path == NULL && add_dockerfile(j, err) < 0)
		return -1;
	if (c->walk(c->ctx, on_entry, j, err) < 0)
		return -1;
	return tarstream_end(&j->tar, err);
}

/* ---- the answer ---- */

static int
take_trace(struct job *j, const json_t *o, struct err *err)
{
	const char *text = json_str(o, "aux", NULL);
	auto_buf struct buf bytes = { 0 };

	if (text == NULL || base64_decode(&bytes, text, strlen(text)) < 0)
		return err_set(err, EX_PROTOCOL, "bad-answer",
		    "engine: the build's progress is not base64");
	return progress_trace(&j->progress, bytes.data, bytes.len, err);
}

/* Buildah's output: pieces that may hold several lines. */
static void
take_text(struct job *j, const char *text)
{
	while (*text != '\0') {
		size_t n = strcspn(text, "\n");
		auto_free char *line = mem_strndup(text, n);

		if (n > 0)
			progress_text(&j->progress, line);
		text += n + (text[n] == '\n');
	}
}

static int
on_object(json_t *o, void *ctx, struct err *err)
{
	struct job *j = ctx;
	const char *id = json_str(o, "id", ""), *said, *made;

	if ((said = engine_stream_error(o)) != NULL) {
		if (j->failed == NULL)
			j->failed = mem_strdup(said);
		return 0;
	}
	if (strcmp(id, "moby.buildkit.trace") == 0)
		return take_trace(j, o, err);
	if ((made = json_str(o, "aux.ID", NULL)) != NULL) {
		free(j->id);
		j->id = mem_strdup(made);
	}
	if (j->progress.trace.n == 0 &&
	    (said = json_str(o, "stream", NULL)) != NULL)
		take_text(j, said);
	return 0;
}

static void
on_tick(void *ctx)
{
	struct job *j = ctx;

	progress_tick(&j->progress);
}

/* ---- what went wrong ---- */

/* White space in runs counts as one blank, a continued line as joined. */
static void
squeeze(struct buf *b, const char *s, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		if (s[i] == '\\' && i + 1 < n && s[i + 1] == '\n')
			i++;
		else if (isspace((unsigned char)s[i]) == 0)
			buf_addc(b, s[i]);
		else if (b->len > 0 && b->data[b->len - 1] != ' ')
			buf_addc(b, ' ');
	}
	while (b->len > 0 && b->data[b->len - 1] == ' ')
		buf_cut(b, b->len - 1);
}

/* The length of an instruction, its continued lines included. */
static size_t
instruction(const char *s)
{
	size_t n = strcspn(s, "\n");

	while (s[n] == '\n' && n > 0 && s[n - 1] == '\\')
		n += 1 + strcspn(s + n + 1, "\n");
	return n;
}

int
build_line(const char *text, const char *step)
{
	const char *end = *step == '[' ? strstr(step, "] ") : NULL;
	auto_buf struct buf want = { 0 };
	int line = 1;

	if (end == NULL)
		return 0;
	squeeze(&want, end + 2, strlen(end + 2));
	while (*text != '\0') {
		auto_buf struct buf have = { 0 };
		size_t n = instruction(text);

		squeeze(&have, text, n);
		if (want.len > 0 && have.len == want.len &&
		    strcasecmp(have.data, want.data) == 0)
			return line;
		for (size_t i = 0; i < n; i++)
			line += text[i] == '\n';
		text += n;
		if (*text == '\n')
			text++, line++;
	}
	return 0;
}

/* N of the last "exit code: N", or -1. */
static int
exit_code(const char *said)
{
	static const char mark[] = "exit code: ";
	const char *at = NULL;

	for (const char *p = said; (p = strstr(p, mark)) != NULL; p++)
		at = p + sizeof(mark) - 1;
	return at != NULL && isdigit((unsigned char)*at)
		   ? (int)strtol(at, NULL, 10)
		   : -1;
}

static bool
says(const char *said, const char *const *words)
{
	for (; *words != NULL; words++)
		if (strstr(said, *words) != NULL)
			return true;
	return false;
}

static int
bad_dockerfile(const struct job *j, struct err *err)
{
	const char *said = strstr(j->failed, "dockerfile parse error");
	const char *at = strstr(j->failed, "line ");
	long line = at != NULL ? strtol(at + 5, NULL, 10) : 0;
	const char *name = j->b->path != NULL ? j->b->path : "Dockerfile";

	if (said == NULL)
		said = j->failed;
	if (line > 0)
		return err_set(err, EX_DATAERR, "bad-dockerfile", "%s:%ld: %s",
		    name, line, said);
	return err_set(err, EX_DATAERR, "bad-dockerfile", "%s: %s", name, said);
}

static int
bad_base(const struct job *j, const struct trace_step *s, struct err *err)
{
	static const char *const denied[] = { "401", "403", "denied",
		"unauthorized", "no active session", NULL };
	static const char *const missing[] = { "not found", "unknown", NULL };

	if (says(j->failed, denied)) {
		err_set(err, EX_NOPERM, "registry-denied", "%s: %s", s->name,
		    j->failed);
		return err_hint(err, "log in to its registry (docker login), "
				     "and write the image out in FROM");
	}
	if (says(j->failed, missing))
		return err_set(err, EX_NOINPUT, "image-missing", "%s: %s",
		    s->name, j->failed);
	return err_set(err, EX_UNAVAILABLE, "registry-down", "%s: %s", s->name,
	    j->failed);
}

static int
bad_step(struct job *j, const struct trace_step *s, struct err *err)
{
	const char *name = s != NULL ? s->name : "build";
	const char *file = j->b->path != NULL ? j->b->path : "Dockerfile";
	int code = exit_code(j->failed), line = build_line(j->b->text, name);
	auto_buf struct buf where = { 0 };

	progress_tail(&j->progress, s);
	if (line > 0)
		buf_addf(&where, "%s:%d: ", file, line);
	if (code >= 0)
		return err_set(err, EX_DATAERR, "build-failed",
		    "%s%.300s: exit code %d", buf_str(&where), name, code);
	return err_set(err, EX_DATAERR, "build-failed", "%s%.300s: %s",
	    buf_str(&where), name, j->failed);
}

static int
explain(struct job *j, struct err *err)
{
	static const char *const parse[] = { "parse error",
		"unknown instruction", "target stage", "invalid target",
		"Cannot locate specified Dockerfile",
		"failed to read dockerfile", "file with no instructions",
		"no build stage in current context", NULL };
	static const char *const mounts[] = { "secret ", "no active session",
		"ssh agent", NULL };
	const struct trace_step *s = progress_failed(&j->progress);

	if (engine_is_full(j->failed))
		return engine_full("build", j->failed, err);
	if (exit_code(j->failed) < 0 && says(j->failed, parse))
		return bad_dockerfile(j, err);
	if (s != NULL && (strstr(s->name, "load metadata for") != NULL ||
			     strstr(s->name, "] FROM ") != NULL))
		return bad_base(j, s, err);
	bad_step(j, s, err);
	if (exit_code(j->failed) >= 0)
		return -1;
	if (s != NULL && strstr(s->name, "] COPY ") != NULL &&
	    strstr(j->failed, "not found") != NULL)
		err_hint(err, "is it in the commit, and not left out by "
			      ".dockerignore or the default list "
			      "(rcn-build(1))?");
	else if (says(j->failed, mounts))
		err_hint(err, "secret and ssh mounts need a BuildKit session, "
			      "which this build has not");
	return -1;
}

/* ---- the call ---- */

static void
add_json(struct buf *path, const char *name, const json_t *v)
{
	auto_buf struct buf text = { 0 };

	if (v == NULL || json_object_size(v) == 0)
		return;
	json_write(&text, v, JSON_COMPACT | JSON_SORT_KEYS);
	buf_addf(path, "&%s=", name);
	http_quote(path, text.data);
}

static void
make_path(const struct job *j, const char *id, struct buf *path)
{
	const struct build *b = j->b;

	buf_addf(path, "/build?version=2&rm=1&forcerm=1&buildid=%s&t=", id);
	http_quote(path, b->ref);
	buf_adds(path, "&dockerfile=");
	if (j->session != NULL)
		buf_addf(path, "Dockerfile&remote=client-session&session=%s",
		    session_id(j->session));
	else
		http_quote(path,
		    b->path != NULL ? b->path : BUILD_FOLDER "/Dockerfile");
	if (b->target != NULL) {
		buf_adds(path, "&target=");
		http_quote(path, b->target);
	}
	if (b->rebuild)
		buf_adds(path, "&nocache=1");
	add_json(path, "buildargs", b->args);
	add_json(path, "labels", b->labels);
}

static int
drop(json_t *o, void *ctx, struct err *err)
{
	(void)o;
	(void)ctx;
	(void)err;
	return 0;
}

/* The connection is gone; Docker ends the build then, this makes it sure. */
static void
cancel(struct engine *e, const char *id)
{
	auto_free char *path = mem_printf("/build/cancel?id=%s", id);
	const struct engine_send soon = { .total_ms = CANCEL_MS };
	struct err ignored = { 0 };

	stop_hold(true);
	if (!text_starts(engine_name(e), "podman"))
		(void)engine_stream(e, "POST", path, &soon, drop, NULL,
		    &ignored);
	stop_hold(false);
}

static int
finish(struct job *j, struct err *err)
{
	if (j->failed != NULL)
		return explain(j, err);
	if (j->id != NULL)
		return 0;
	return err_set(err, EX_UNAVAILABLE, "engine-down",
	    "engine: the build ended without an image and without an error");
}

static int
serve(struct http *http, void *ctx, struct err *err)
{
	struct job *j = ctx;

	return session_serve(j->session, http, err);
}

/* What failed on our side first is the cause, and not what the engine makes
 * of it ("context canceled"); but that a session was lost, it may explain. */
static bool
our_fault(const struct job *j, int rc, struct err *err)
{
	const struct err *first =
	    j->session != NULL ? session_err(j->session) : NULL;

	if (first == NULL || (rc == 0 && j->failed == NULL) ||
	    (rc < 0 && strcmp(err->code, "cancelled") == 0) ||
	    (strcmp(first->code, "session-lost") == 0 &&
		(j->failed != NULL ||
		    (rc < 0 && strcmp(err->code, "engine-down") == 0))))
		return false;
	*err = *first;
	return true;
}

/* The engine has none: a tar goes, if that will do. */
static int
without(const struct build_session *s, struct err *err)
{
	if (!s->required) {
		log_note("the engine has no sessions: all of the context is "
			 "sent on each build; no secrets, no login for a base "
			 "that the build fetches");
		return 0;
	}
	err_set(err, EX_CONFIG, "build-secret",
	    "engine: it has no sessions: a secret would stay in its build "
	    "cache and in the image");
	return err_hint(err, "build on a Docker Engine, or give secrets to "
			     "the app at run time");
}

/* 0: with a session, or without: by tar. */
static int
open_session(struct engine *e, struct job *j, struct err *err)
{
	const struct build_session *s = j->b->session;
	int got;

	j->manifest = (struct manifest){ .fd = -1, .lock = -1 };
	if (s == NULL)
		return 0;
	if (text_starts(engine_name(e), "podman"))
		return without(s, err);
	if (manifest_open(&j->manifest, s->manifest, j->b->context, err) < 0)
		return -1;
	j->what = (struct session_what){ .context = &j->manifest,
		.source = j->b->context,
		.dockerfile = j->b->text,
		.credentials = s->credentials,
		.secret = s->secret,
		.ctx = s->ctx };
	got = session_open(&j->session, e, &j->what, err);
	return got == 0 ? without(s, err) : got < 0 ? -1 : 0;
}

static int
stream(struct engine *e, struct job *j, struct err *err)
{
	static const char type[] = "Content-Type: application/x-tar";
	auto_strvec struct strvec headers = { 0 };
	auto_buf struct buf path = { 0 };
	struct engine_send send = { .headers = &headers,
		.push = j->session == NULL ? push_context : NULL,
		.serve = j->session != NULL ? serve : NULL,
		.tick = on_tick,
		.ctx = j,
		.total_ms = j->b->timeout_ms };
	unsigned char random[8];
	char id[2 * sizeof(random) + 1];
	int rc;

	random_bytes(random, sizeof(random));
	hex_encode(random, sizeof(random), id);
	strvec_add(&headers, type);
	make_path(j, id, &path);
	rc = engine_stream(e, "POST", path.data, &send, on_object, j, err);
	progress_end(&j->progress);
	j->answered = rc == 0;
	if (rc < 0 && strcmp(err->code, "engine-down") != 0)
		cancel(e, id);
	if (our_fault(j, rc, err))
		return -1;
	if (rc == 0)
		return finish(j, err);
	if (j->failed != NULL && strcmp(err->code, "cancelled") != 0 &&
	    strcmp(err->code, "engine-down") != 0)
		return explain(j, err);
	if (strcmp(err->code, "timeout") == 0) {
		err_set(err, EX_TEMPFAIL, "timeout",
		    "build: not done within %lld s",
		    (long long)j->b->timeout_ms / 1000);
		return err_hint(err, "project.limits.build_timeout");
	}
	return -1;
}

int
build_run(struct engine *e, const struct build *b, struct built *out,
    struct err *err)
{
	struct job *j = mem_zalloc(1, sizeof(*j));
	int rc;

	j->b = b;
	progress_begin(&j->progress);
	rc = open_session(e, j, err);
	if (rc == 0)
		rc = stream(e, j, err);
	out->session = j->session != NULL;
	out->context_bytes =
	    out->session ? session_sent(j->session) : j->tar.bytes;
	session_close(j->session);
	manifest_close(&j->manifest, j->answered);
	if (rc == 0) {
		out->id = ptr_steal(&j->id);
		out->steps = progress_steps(&j->progress);
		for (size_t i = 0; i < j->progress.warnings.n; i++)
			strvec_add(&out->warnings, j->progress.warnings.v[i]);
	}
	progress_release(&j->progress);
	tarstream_release(&j->tar);
	free(j->id);
	free(j->failed);
	free(j);
	return rc;
}
