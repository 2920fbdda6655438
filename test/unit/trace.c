/* trace: BuildKit's progress as an engine sent it, and as nobody should. */
#include "engine/trace.h"

#include <stdlib.h>

#include "base/buf.h"
#include "base/crypto.h"
#include "base/io.h"
#include "base/json.h"
#include "engine/build.h"
#include "tap.h"

static void
see(const struct trace_step *s, enum trace_what what, const char *text,
    int64_t at, void *ctx)
{
	static const char *const words[] = { "began", "ended", "log", "warn" };
	struct buf *b = ctx;

	(void)at;
	buf_addf(b, "%d %s", s != NULL ? s->number : 0, words[what]);
	if (what == TRACE_BEGAN)
		buf_addf(b, " %s", s->name);
	else if (what == TRACE_ENDED)
		buf_addf(b, " %s",
		    s->failed != NULL ? s->failed
		    : s->cached       ? "cached"
				      : "done");
	else
		buf_addf(b, " %s", text);
	buf_addc(b, '\n');
}

/* The traces of a recorded answer, a message at a time. */
static void
play(const char *path, struct trace *t)
{
	auto_buf struct buf text = { 0 };
	struct err err = { 0 };
	char *save = NULL, *line;

	if (io_read_file(path, 1 << 20, &text, &err) < 0) {
		ok(false, "%s", err.msg);
		return;
	}
	for (line = strtok_r(text.data, "\n", &save); line != NULL;
	     line = strtok_r(NULL, "\n", &save)) {
		json_auto_t *o = json_parse(line, strlen(line), path, &err);
		const char *aux = json_str(o, "aux", NULL);
		auto_buf struct buf bytes = { 0 };

		if (aux == NULL)
			continue;
		(void)base64_decode(&bytes, aux, strlen(aux));
		if (trace_add(t, bytes.data, bytes.len, &err) < 0)
			ok(false, "%s", err.msg);
	}
	trace_end(t);
}

static int
raw(const char *bytes, size_t n)
{
	struct trace t = { 0 };
	struct err err = { 0 };
	int rc = trace_add(&t, bytes, n, &err);

	trace_release(&t);
	return rc;
}

#define RAW(s) raw("" s, sizeof(s) - 1)

/* The same two builds on engines 20.10.24 and 29.1.3. */
static void
test_recorded(const char *ok_path, const char *failed_path)
{
	struct buf said = { 0 };
	struct trace t = { .event = see, .ctx = &said };

	play(ok_path, &t);
	ok(strstr(said.data, " began [4/4] RUN echo one; echo two >&2; "
			     "printf three\n") != NULL,
	    "a step by its name");
	ok(strstr(said.data, " log one\n") != NULL &&
		strstr(said.data, " log two\n") != NULL &&
		strstr(said.data, " log three\n") != NULL,
	    "its lines, the last one without an end too");
	ok(strstr(said.data, "ended done\n") != NULL, "and its end");
	trace_release(&t);
	buf_clear(&said);
	t = (struct trace){ .event = see, .ctx = &said };
	play(failed_path, &t);
	ok(strstr(said.data, " log last words\n") != NULL,
	    "what a failing step said");
	ok(strstr(said.data, "exit code: 7\n") != NULL, "and why it failed");
	trace_release(&t);
	buf_release(&said);
}

/* Vertex "d" begins at 1 s; a log of two pieces and a control byte. */
static void
test_pieces(void)
{
	static const char began[] = "\x0a\x0b\x0a\x01"
				    "d\x1a\x02"
				    "ab\x2a\x02\x08\x01";
	static const char log1[] = "\x1a\x0b\x0a\x01"
				   "d\x12\x02\x08\x02\x22\x02"
				   "on";
	static const char log2[] = "\x1a\x0d\x0a\x01"
				   "d\x12\x02\x08\x02\x22\x04"
				   "e\033\n!";
	struct buf said = { 0 };
	struct trace t = { .event = see, .ctx = &said };
	struct err err = { 0 };

	ok(trace_add(&t, began, sizeof(began) - 1, &err) == 0 &&
		trace_add(&t, log1, sizeof(log1) - 1, &err) == 0 &&
		trace_add(&t, log2, sizeof(log2) - 1, &err) == 0,
	    "reads pieces");
	tap_str(said.data, "1 began ab\n1 log one?\n", "a line is whole");
	trace_end(&t);
	tap_str(said.data, "1 began ab\n1 log one?\n1 log !\n", "the rest");
	trace_release(&t);
	buf_release(&said);
}

static void
test_bad(void)
{
	ok(RAW("") == 0, "nothing is a trace of nothing");
	ok(RAW("\x0a\x7f") < 0, "a length past the end");
	ok(RAW("\x0a\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01") < 0,
	    "a length of 2^64 - 1");
	ok(RAW("\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01") < 0,
	    "a number of more than 64 bits");
	ok(RAW("\x0b") < 0, "a group");
	ok(RAW("\x0a") < 0, "half a field");
	ok(RAW("\x39\x01") < 0, "half a fixed number");
	ok(RAW("\x78\x01\x7d\x01\x02\x03\x04\x79\x01\x02\x03\x04\x05\x06\x07"
	       "\x08") == 0,
	    "fields that we do not know");
}

static void
test_line(void)
{
	static const char text[] = "FROM a AS build\n"
				   "# RUN npm ci\n"
				   "RUN npm ci && \\\n"
				   "    npm run build\n"
				   "copy  . /x\n"
				   "RUN last";

	ok(build_line(text, "[build 2/3] RUN npm ci &&     npm run build") == 3,
	    "a continued instruction, by its first line");
	ok(build_line(text, "[build 3/3] COPY . /x") == 5, "in any case");
	ok(build_line(text, "[stage-1 1/1] RUN last") == 6,
	    "at the end of the file");
	ok(build_line(text, "[1/1] RUN other") == 0, "one that is not there");
	ok(build_line(text, "exporting to image") == 0, "no instruction");
	ok(build_line("", "[1/1] RUN x") == 0, "an empty Dockerfile");
}

int
main(void)
{
	json_init();
	test_recorded("test/records/build-ok.jsonl",
	    "test/records/build-failed.jsonl");
	test_recorded("test/records/build-29-ok.jsonl",
	    "test/records/build-29-failed.jsonl");
	test_pieces();
	test_bad();
	test_line();
	return tap_end();
}
