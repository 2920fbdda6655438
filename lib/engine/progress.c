#include "engine/progress.h"

#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/io.h"
#include "base/json.h"
#include "base/log.h"
#include "base/mask.h"
#include "base/text.h"

enum { REDRAW_MS = 100, COLUMNS = 80, NAME_MAX_BYTES = 400 };

static bool
is_internal(const struct trace_step *s)
{
	return text_starts(s->name, "[internal]");
}

/* ---- a terminal ---- */

static size_t
columns(void)
{
	struct winsize w = { 0 };

	if (ioctl(2, TIOCGWINSZ, &w) < 0 || w.ws_col < 20)
		return COLUMNS;
	return w.ws_col;
}

/* s, cut to n columns; a character counts as one. */
static void
add_cut(struct buf *b, const char *s, size_t n)
{
	for (; *s != '\0' && n > 0; n--) {
		buf_addc(b, *s++);
		while (((unsigned char)*s & 0xc0) == 0x80)
			buf_addc(b, *s++);
	}
}

static void
add_wipe(struct progress *p, struct buf *b)
{
	for (; p->drawn > 0; p->drawn--)
		buf_adds(b, "\033[A\033[2K");
	buf_addc(b, '\r');
}

static const char *
last_line(const struct progress *p, int step)
{
	for (size_t i = 1; i <= PROGRESS_LINES; i++) {
		const struct progress_line *l =
		    &p->lines[(p->next + PROGRESS_LINES - i) % PROGRESS_LINES];

		if (l->text == NULL)
			return NULL;
		if (l->step == step)
			return l->text;
	}
	return NULL;
}

static void
add_running(struct progress *p, struct buf *b)
{
	size_t width = columns() - 1;
	int64_t now = clock_wall_ms();

	for (size_t i = 0; i < p->trace.n && p->drawn < PROGRESS_SHOWN; i++) {
		const struct trace_step *s = &p->trace.steps[i];
		auto_buf struct buf line = { 0 };
		const char *said;

		if (s->number == 0 || s->ended != 0)
			continue;
		buf_addf(&line, "%5llds  %s",
		    (long long)(now > s->began ? (now - s->began) / 1000 : 0),
		    s->name);
		said = last_line(p, s->number);
		if (said != NULL)
			buf_addf(&line, "  | %s", said);
		mask_text(&line);
		add_cut(b, line.data, width);
		buf_addc(b, '\n');
		p->drawn++;
	}
}

/* text, if any, stays; what runs is drawn below it. */
static void
draw(struct progress *p, const char *text)
{
	auto_buf struct buf b = { 0 };

	add_wipe(p, &b);
	buf_adds(&b, text);
	add_running(p, &b);
	p->drawn_at = clock_ms();
	(void)io_write_all(2, b.data, b.len);
}

static void
draw_ended(struct progress *p, const struct trace_step *s, int64_t ms)
{
	auto_buf struct buf name = { 0 }, line = { 0 };
	size_t width = columns() - 1;

	if (is_internal(s) && s->failed == NULL) {
		draw(p, "");
		return;
	}
	buf_adds(&name, s->name);
	mask_text(&name);
	if (s->failed != NULL)
		buf_adds(&line, "failed  ");
	else if (s->cached)
		buf_adds(&line, "cached  ");
	else
		buf_addf(&line, "%4lld.%llds  ", (long long)ms / 1000,
		    (long long)ms / 100 % 10);
	add_cut(&line, buf_str(&name), width - line.len);
	buf_addc(&line, '\n');
	draw(p, line.data);
}

/* ---- both ---- */

static void
keep(struct progress *p, int step, const char *text)
{
	struct progress_line *l = &p->lines[p->next];

	free(l->text);
	l->step = step;
	l->text = mem_strndup(text, strnlen(text, NAME_MAX_BYTES));
	p->next = (p->next + 1) % PROGRESS_LINES;
}

static void
say(const struct trace_step *s, enum trace_what what, const char *text,
    int64_t at)
{
	int n = s != NULL ? s->number : 0;

	if (s == NULL || what == TRACE_WARNING) {
		log_raw("#%d WARNING %s\n", n, text);
		return;
	}
	switch (what) {
	case TRACE_BEGAN:
		log_raw("#%d %.*s\n", n, (int)NAME_MAX_BYTES, s->name);
		break;
	case TRACE_ENDED:
		if (s->failed != NULL)
			log_raw("#%d ERROR %s\n", n, s->failed);
		else if (s->cached)
			log_raw("#%d CACHED\n", n);
		else
			log_raw("#%d DONE %lld.%llds\n", n,
			    (long long)at / 1000, (long long)at / 100 % 10);
		break;
	case TRACE_LOG:
		log_raw("#%d %lld.%03lld %s\n", n, (long long)at / 1000,
		    (long long)at % 1000, text);
		break;
	case TRACE_WARNING:
		break;
	}
}

static void
on_event(const struct trace_step *s, enum trace_what what, const char *text,
    int64_t at, void *ctx)
{
	struct progress *p = ctx;

	if (what == TRACE_LOG)
		keep(p, s->number, text);
	if (what == TRACE_WARNING && !strvec_has(&p->warnings, text))
		strvec_add(&p->warnings, text);
	if (p->quiet)
		return;
	if (!p->terminal)
		say(s, what, text, at);
	else if (what == TRACE_ENDED)
		draw_ended(p, s, at);
	else
		progress_tick(p);
}

void
progress_begin(struct progress *p)
{
	const char *term = getenv("TERM");

	p->trace.event = on_event;
	p->trace.ctx = p;
	p->quiet = log_level() < 0;
	p->terminal = isatty(2) && term != NULL && strcmp(term, "dumb") != 0;
}

int
progress_trace(struct progress *p, const void *data, size_t n, struct err *err)
{
	return trace_add(&p->trace, data, n, err);
}

void
progress_text(struct progress *p, const char *text)
{
	keep(p, 0, text);
	if (p->quiet)
		return;
	if (p->terminal)
		draw(p, "");
	log_raw("%s\n", text);
}

void
progress_tick(struct progress *p)
{
	if (p->terminal && !p->quiet && clock_ms() - p->drawn_at >= REDRAW_MS)
		draw(p, "");
}

void
progress_end(struct progress *p)
{
	auto_buf struct buf b = { 0 };

	trace_end(&p->trace);
	if (p->quiet || !p->terminal)
		return;
	add_wipe(p, &b);
	(void)io_write_all(2, b.data, b.len);
}

void
progress_tail(struct progress *p, const struct trace_step *s)
{
	const struct progress_line *found[PROGRESS_TAIL];
	int step = s != NULL ? s->number : 0;
	size_t n = 0;

	if (!p->quiet && !p->terminal)
		return;
	for (size_t i = 1; i <= PROGRESS_LINES && n < PROGRESS_TAIL; i++) {
		const struct progress_line *l =
		    &p->lines[(p->next + PROGRESS_LINES - i) % PROGRESS_LINES];

		if (l->text != NULL && l->step == step)
			found[n++] = l;
	}
	while (n > 0)
		log_raw("  %s\n", found[--n]->text);
}

const struct trace_step *
progress_failed(const struct progress *p)
{
	const struct trace_step *found = NULL;

	/* What was cut off by another's failure fails by "canceled". */
	for (size_t i = 0; i < p->trace.n; i++) {
		const struct trace_step *s = &p->trace.steps[i];

		if (s->failed != NULL &&
		    (found == NULL || strstr(found->failed, "cancel") != NULL))
			found = s;
	}
	return found;
}

json_t *
progress_steps(const struct progress *p)
{
	json_t *list = json_array();

	for (size_t i = 0; i < p->trace.n; i++) {
		const struct trace_step *s = &p->trace.steps[i];
		auto_buf struct buf name = { 0 };

		if (s->number == 0 || is_internal(s))
			continue;
		buf_add(&name, s->name, strnlen(s->name, NAME_MAX_BYTES));
		mask_text(&name);
		json_array_append_new(list,
		    json_pack("{s:o, s:I, s:b}", "name",
			json_textn(buf_str(&name), name.len), "milliseconds",
			(json_int_t)s->spent, "cached", s->cached));
	}
	return list;
}

void
progress_release(struct progress *p)
{
	for (size_t i = 0; i < PROGRESS_LINES; i++)
		free(p->lines[i].text);
	strvec_release(&p->warnings);
	trace_release(&p->trace);
}
