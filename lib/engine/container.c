#include "engine/container.h"

#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "base/json.h"

enum { LINE_MAX_BYTES = 16384 };

static int
gone(struct err *err, const char *id)
{
	return err_set(err, EX_NOINPUT, "container-gone",
	    "engine: container %.12s is not there", id);
}

/* POST /containers/ID/verb; the statuses that mean "done", 0-terminated. */
static int
act(struct engine *e, const char *method, const char *id, const char *verb,
    const json_t *body, const int *fine, struct err *err)
{
	auto_buf struct buf path = { 0 };
	json_auto_t *out = NULL;
	int status = 0;

	buf_addf(&path, "/containers/%s%s", id, verb);
	if (engine_call(e, method, path.data, body, &status, &out, err) < 0)
		return -1;
	for (; *fine != 0; fine++)
		if (status == *fine)
			return 0;
	if (status == 404)
		return gone(err, id);
	return err_set(err, status >= 500 ? EX_UNAVAILABLE : EX_TEMPFAIL,
	    "engine-refused", "engine: %s container %.12s: %s", verb + 1, id,
	    json_str(out, "message", "refused without a reason"));
}

json_t *
container_list(struct engine *e, const char *label, struct err *err)
{
	return engine_list(e, "/containers/json?all=1", label, err);
}

int
container_create(struct engine *e, const char *name, const json_t *spec,
    char id[CONTAINER_ID], struct err *err)
{
	auto_buf struct buf path = { 0 };
	json_auto_t *out = NULL;
	const char *said;
	int status = 0, n;

	buf_adds(&path, "/containers/create?name=");
	http_quote(&path, name);
	if (engine_call(e, "POST", path.data, spec, &status, &out, err) < 0)
		return -1;
	said = json_str(out, "message", "refused without a reason");
	if (status == 404)
		return err_set(err, EX_NOINPUT, "image-gone",
		    "engine: create %s: %s", name, said);
	if (status == 409)
		return err_set(err, EX_TEMPFAIL, "name-taken",
		    "engine: create %s: %s", name, said);
	if (status >= 300)
		return err_set(err, status >= 500 ? EX_UNAVAILABLE : EX_DATAERR,
		    "engine-refused", "engine: create %s: %s", name, said);
	n = snprintf(id, CONTAINER_ID, "%s", json_str(out, "Id", ""));
	if (n <= 0 || n >= CONTAINER_ID)
		return err_set(err, EX_PROTOCOL, "engine-answer",
		    "engine: create %s: no id in the answer", name);
	return 0;
}

int
container_start(struct engine *e, const char *id, struct err *err)
{
	auto_buf struct buf path = { 0 };
	json_auto_t *out = NULL;
	const char *said;
	int status = 0;

	buf_addf(&path, "/containers/%s/start", id);
	if (engine_call(e, "POST", path.data, NULL, &status, &out, err) < 0)
		return -1;
	said = json_str(out, "message", "refused without a reason");
	if (status < 400)
		return 0;
	if (status == 404 && strstr(said, "No such container") != NULL)
		return gone(err, id);
	if (status == 403)
		return err_set(err, EX_TEMPFAIL, "address-taken",
		    "engine: start: %s", said);
	if (status < 500 || strstr(said, "OCI runtime") != NULL)
		return err_set(err, EX_DATAERR, "not-startable",
		    "engine: start: %s", said);
	return err_set(err, EX_UNAVAILABLE, "engine-refused",
	    "engine: start: %s", said);
}

int
container_stop(struct engine *e, const char *id, int seconds, struct err *err)
{
	static const int fine[] = { 204, 304, 404, 0 };
	char verb[32];

	(void)snprintf(verb, sizeof(verb), "/stop?t=%d", seconds);
	return act(e, "POST", id, verb, NULL, fine, err);
}

int
container_kill(struct engine *e, const char *id, const char *signal,
    struct err *err)
{
	static const int fine[] = { 204, 404, 409, 0 };
	auto_buf struct buf verb = { 0 };

	buf_adds(&verb, "/kill?signal=");
	http_quote(&verb, signal);
	return act(e, "POST", id, verb.data, NULL, fine, err);
}

int
container_rename(struct engine *e, const char *id, const char *name,
    struct err *err)
{
	static const int fine[] = { 204, 404, 0 };
	auto_buf struct buf verb = { 0 };

	buf_adds(&verb, "/rename?name=");
	http_quote(&verb, name);
	return act(e, "POST", id, verb.data, NULL, fine, err);
}

/* 409: somebody else is removing it. */
int
container_remove(struct engine *e, const char *id, struct err *err)
{
	static const int fine[] = { 204, 404, 409, 0 };

	return act(e, "DELETE", id, "?force=1&v=1", NULL, fine, err);
}

int
container_restart_policy(struct engine *e, const char *id, const char *name,
    struct err *err)
{
	static const int fine[] = { 200, 0 };
	json_auto_t *body =
	    json_pack("{s:{s:s}}", "RestartPolicy", "Name", name);

	return act(e, "POST", id, "/update", body, fine, err);
}

json_t *
container_inspect(struct engine *e, const char *id, struct err *err)
{
	auto_buf struct buf path = { 0 };
	json_t *out = NULL;
	int status = 0;

	buf_addf(&path, "/containers/%s/json", id);
	if (engine_call(e, "GET", path.data, NULL, &status, &out, err) < 0)
		return NULL;
	if (status == 200 && json_is_object(out))
		return out;
	if (status == 404)
		gone(err, id);
	else
		err_set(err, EX_UNAVAILABLE, "engine-refused",
		    "engine: inspect container %.12s: %s", id,
		    json_str(out, "message", "refused without a reason"));
	json_decref(out);
	return NULL;
}

void
container_state_read(const json_t *inspected, struct container_state *s)
{
	const json_t *state = json_object_get(inspected, "State");

	*s = (struct container_state){
		.running = json_bool(state, "Running", false),
		.oom = json_bool(state, "OOMKilled", false),
		.created =
		    strcmp(json_str(state, "Status", ""), "created") == 0,
		.pid = (int)json_int(state, "Pid", 0),
		.exit_code = (int)json_int(state, "ExitCode", 0),
	};
	(void)snprintf(s->error, sizeof(s->error), "%.150s",
	    json_str(state, "Error", ""));
}

int
container_state(struct engine *e, const char *id, struct container_state *s,
    struct err *err)
{
	json_auto_t *c = container_inspect(e, id, err);

	if (c == NULL)
		return -1;
	container_state_read(c, s);
	return 0;
}

/* Names hold dots, so json_at() cannot be asked for them. */
const char *
container_label(const json_t *c, const char *name)
{
	const json_t *labels = json_object_get(c, "Labels");
	const char *s;

	if (labels == NULL)
		labels = json_at(c, "Config.Labels");
	s = json_string_value(json_object_get(labels, name));
	return s != NULL ? s : "";
}

/* ---- logs: frames of [stream, 0, 0, 0, length] and payload, or raw ---- */

static void
log_line(struct log_frames *f, int stream)
{
	struct buf *b = &f->line[stream];

	if (b->len > 0 && b->data[b->len - 1] == '\r')
		buf_cut(b, b->len - 1);
	f->fn(stream, buf_str(b), b->len, f->ctx);
	buf_clear(b);
}

static void
log_bytes(struct log_frames *f, int stream, const char *p, size_t n)
{
	struct buf *b = &f->line[stream];

	while (n > 0) {
		const char *end = memchr(p, '\n', n);
		size_t part = end != NULL ? (size_t)(end - p) : n;

		if (part > LINE_MAX_BYTES - b->len)
			part = LINE_MAX_BYTES - b->len;
		buf_add(b, p, part);
		p += part;
		n -= part;
		if (b->len == LINE_MAX_BYTES || (n > 0 && *p == '\n')) {
			log_line(f, stream);
			if (n > 0 && *p == '\n') {
				p++;
				n--;
			}
		}
	}
}

static void
log_head(struct log_frames *f)
{
	f->stream = f->head[0] == 2 ? 2 : 1;
	f->left = (size_t)f->head[4] << 24 | (size_t)f->head[5] << 16 |
		  (size_t)f->head[6] << 8 | f->head[7];
	f->have = 0;
}

void
log_frames_add(struct log_frames *f, const void *data, size_t n)
{
	const char *p = data;

	if (f->tty) {
		log_bytes(f, 1, p, n);
		return;
	}
	while (n > 0) {
		if (f->left == 0) {
			f->head[f->have++] = (unsigned char)*p++;
			n--;
			if (f->have == sizeof(f->head))
				log_head(f);
			continue;
		}
		size_t part = n < f->left ? n : f->left;

		log_bytes(f, f->stream, p, part);
		p += part;
		n -= part;
		f->left -= part;
	}
}

void
log_frames_end(struct log_frames *f)
{
	for (int i = 1; i <= 2; i++) {
		if (f->line[i].len > 0)
			log_line(f, i);
		buf_release(&f->line[i]);
	}
}

static int
log_more(const void *p, size_t n, void *ctx, struct err *err)
{
	(void)err;
	log_frames_add(ctx, p, n);
	return 0;
}

int
container_logs(struct engine *e, const char *id, const struct container_logs *q,
    container_line_fn *fn, void *ctx, struct err *err)
{
	struct log_frames f = { .tty = q->tty, .fn = fn, .ctx = ctx };
	auto_buf struct buf path = { 0 };
	int r;

	buf_addf(&path, "/containers/%s/logs?stdout=1&stderr=1&tail=", id);
	if (q->tail < 0)
		buf_adds(&path, "all");
	else
		buf_addf(&path, "%d", q->tail);
	if (q->times)
		buf_adds(&path, "&timestamps=1");
	if (q->follow)
		buf_adds(&path, "&follow=1");
	if (q->since != NULL)
		buf_addf(&path, "&since=%s", q->since);
	r = engine_raw(e, path.data, log_more, &f, err);
	log_frames_end(&f);
	return r;
}

int
container_log(struct engine *e, const char *id, bool tty, int tail,
    container_line_fn *fn, void *ctx, struct err *err)
{
	const struct container_logs q = { .tty = tty, .tail = tail };

	return container_logs(e, id, &q, fn, ctx, err);
}
