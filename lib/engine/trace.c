#include "engine/trace.h"

#include <string.h>

#include "base/text.h"
#include "engine/pb.h"

enum { STEPS_MAX = 10000, LINE_MAX_BYTES = 16 << 10 };

/* Milliseconds since 1970 of a Timestamp: 1 seconds, 2 nanoseconds. */
static int
timestamp(struct pb r, int64_t *ms)
{
	struct pb_field f;
	uint64_t seconds = 0, nanos = 0;
	int got;

	while ((got = pb_next(&r, &f)) == 1) {
		if (f.number == 1)
			seconds = f.value;
		else if (f.number == 2)
			nanos = f.value;
	}
	if (seconds > UINT64_C(1) << 40 || nanos > 999999999)
		return -1;
	*ms = (int64_t)(seconds * 1000 + nanos / 1000000);
	return got;
}

/* ---- steps ---- */

static struct trace_step *
step_of(struct trace *t, const struct pb *digest)
{
	size_t n = pb_length(digest);

	if (digest->p == NULL || n == 0)
		return NULL;
	for (size_t i = t->n; i-- > 0;)
		if (strlen(t->steps[i].digest) == n &&
		    memcmp(t->steps[i].digest, digest->p, n) == 0)
			return &t->steps[i];
	if (t->n == STEPS_MAX || memchr(digest->p, 0, n) != NULL)
		return NULL;
	if (t->n == t->cap) {
		t->cap = t->cap != 0 ? t->cap * 2 : 32;
		t->steps = mem_realloc(t->steps, t->cap, sizeof(*t->steps));
	}
	t->steps[t->n] = (struct trace_step){
		.digest = mem_strndup((const char *)digest->p, n),
		.name = mem_strdup(""),
	};
	return &t->steps[t->n++];
}

static void
tell(struct trace *t, const struct trace_step *s, enum trace_what what,
    const char *text, int64_t at)
{
	if (t->event != NULL)
		t->event(s, what, text, at, t->ctx);
}

/* A stranger's bytes as one clean line. */
static void
one_line(struct buf *b, const struct pb *r)
{
	text_printable(b, (const char *)r->p, pb_length(r));
	for (size_t i = 0; i < b->len; i++)
		if (b->data[i] == '\n' || b->data[i] == '\t')
			b->data[i] = ' ';
}

static void
replace(char **to, const struct pb *r)
{
	struct buf b = { 0 };

	one_line(&b, r);
	free(*to);
	*to = buf_steal(&b);
}

static void
line_out(struct trace *t, const struct trace_step *s, struct buf *line,
    int64_t at)
{
	struct pb r = { (const unsigned char *)buf_str(line), NULL };
	auto_buf struct buf clean = { 0 };

	r.end = r.p + line->len;
	one_line(&clean, &r);
	buf_clear(line);
	tell(t, s, TRACE_LOG, buf_str(&clean), at > 0 ? at : 0);
}

/* Lines that have no end and will get none. */
static void
rest_out(struct trace *t, struct trace_step *s, int64_t at)
{
	for (size_t i = 0; i < 2; i++)
		if (s->line[i].len > 0)
			line_out(t, s, &s->line[i], at);
}

/* What a vertex says now; fields that are not there say nothing. */
struct vertex {
	struct pb digest, name, error;
	bool cached;
	int64_t began, ended;
};

static void
take_vertex(struct trace *t, const struct vertex *v)
{
	struct trace_step *s = step_of(t, &v->digest);

	if (s == NULL)
		return;
	if (pb_length(&v->name) > 0)
		replace(&s->name, &v->name);
	s->cached = s->cached || v->cached;
	if (v->began != 0 && v->began != s->began) {
		s->began = v->began;
		s->ended = 0;
		if (s->number == 0) {
			s->number = ++t->begun;
			tell(t, s, TRACE_BEGAN, "", 0);
		}
	}
	if (pb_length(&v->error) > 0)
		replace(&s->failed, &v->error);
	if (v->ended != 0 && s->ended == 0 && s->number != 0) {
		s->ended = v->ended;
		if (v->ended > s->began)
			s->spent += v->ended - s->began;
		rest_out(t, s, v->ended - s->began);
		if (!s->over)
			tell(t, s, TRACE_ENDED, "", s->spent);
		s->over = true;
	}
}

static int
read_vertex(struct trace *t, struct pb r)
{
	struct vertex v = { 0 };
	struct pb_field f;
	int got;

	while ((got = pb_next(&r, &f)) == 1) {
		if (f.number == 1)
			v.digest = f.bytes;
		else if (f.number == 3)
			v.name = f.bytes;
		else if (f.number == 4)
			v.cached = f.value != 0;
		else if (f.number == 7)
			v.error = f.bytes;
		else if ((f.number == 5 && timestamp(f.bytes, &v.began) < 0) ||
			 (f.number == 6 && timestamp(f.bytes, &v.ended) < 0))
			return -1;
	}
	if (got == 0)
		take_vertex(t, &v);
	return got;
}

/* A message may end inside a line, or hold several. */
static void
take_log(struct trace *t, const struct trace_step *s, struct buf *line,
    const struct pb *msg, int64_t at)
{
	const unsigned char *p = msg->p;

	while (p != NULL && p < msg->end) {
		const unsigned char *nl =
		    memchr(p, '\n', (size_t)(msg->end - p));
		size_t n = (size_t)((nl != NULL ? nl : msg->end) - p);
		size_t room = LINE_MAX_BYTES - line->len;

		buf_add(line, p, n < room ? n : room);
		p += n;
		if (nl != NULL)
			p++;
		if (line->len > 0 && line->data[line->len - 1] == '\r')
			buf_cut(line, line->len - 1);
		if (nl != NULL || line->len == LINE_MAX_BYTES)
			line_out(t, s, line, s->began != 0 ? at - s->began : 0);
	}
}

/* VertexLog: 1 vertex, 2 time, 3 stream (1 stdout, 2 stderr), 4 bytes. */
static int
read_log(struct trace *t, struct pb r)
{
	struct pb digest = { 0 }, msg = { 0 };
	struct trace_step *s;
	struct pb_field f;
	bool second = false;
	int64_t at = 0;
	int got;

	while ((got = pb_next(&r, &f)) == 1) {
		if (f.number == 1)
			digest = f.bytes;
		else if (f.number == 2 && timestamp(f.bytes, &at) < 0)
			return -1;
		else if (f.number == 3)
			second = f.value == 2;
		else if (f.number == 4)
			msg = f.bytes;
	}
	s = got == 0 ? step_of(t, &digest) : NULL;
	if (s != NULL)
		take_log(t, s, &s->line[second], &msg, at);
	return got;
}

/* VertexWarning: 1 vertex, 3 short. */
static int
read_warning(struct trace *t, struct pb r)
{
	struct pb digest = { 0 }, text = { 0 };
	auto_buf struct buf clean = { 0 };
	struct pb_field f;
	int got;

	while ((got = pb_next(&r, &f)) == 1) {
		if (f.number == 1)
			digest = f.bytes;
		else if (f.number == 3)
			text = f.bytes;
	}
	if (got < 0 || pb_length(&text) == 0)
		return got;
	one_line(&clean, &text);
	tell(t, step_of(t, &digest), TRACE_WARNING, buf_str(&clean), 0);
	return 0;
}

int
trace_add(struct trace *t, const void *data, size_t n, struct err *err)
{
	struct pb r = { data, (const unsigned char *)data + n };
	struct pb_field f;
	int got, bad = 0;

	while (bad == 0 && (got = pb_next(&r, &f)) != 0) {
		if (got < 0)
			bad = -1;
		else if (f.number == 1)
			bad = read_vertex(t, f.bytes);
		else if (f.number == 3)
			bad = read_log(t, f.bytes);
		else if (f.number == 4)
			bad = read_warning(t, f.bytes);
	}
	if (bad == 0)
		return 0;
	return err_set(err, EX_PROTOCOL, "bad-answer",
	    "engine: the build's progress is not a BuildKit trace");
}

void
trace_end(struct trace *t)
{
	for (size_t i = 0; i < t->n; i++)
		rest_out(t, &t->steps[i], 0);
}

void
trace_release(struct trace *t)
{
	for (size_t i = 0; i < t->n; i++) {
		free(t->steps[i].digest);
		free(t->steps[i].name);
		free(t->steps[i].failed);
		buf_release(&t->steps[i].line[0]);
		buf_release(&t->steps[i].line[1]);
	}
	free(t->steps);
	*t = (struct trace){ 0 };
}
