/* What all verbs do alike: options, the database, output. */
#include "cmd/state/verbs.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/io.h"
#include "base/json.h"
#include "base/log.h"
#include "base/stop.h"
#include "base/text.h"
#include "cmd/state/frame.h"

enum { FLAGS_MAX = 16, FILE_MAX = 4 << 20, CELL_MAX = 60 };

static enum { AUTO_FORM, JSON_FORM, TABLE_FORM } form;

/* ---- options ---- */

int
frame_option(int opt)
{
	switch (opt) {
	case OPT_JSON:
		form = JSON_FORM;
		return 0;
	case OPT_TABLE:
		form = TABLE_FORM;
		return 0;
	case 'q':
		log_verbose(-1);
		return 0;
	case 'v':
		log_verbose(1);
		return 0;
	default:
		return -1;
	}
}

int
verb_usage(const struct verb *v, const char *fmt, ...)
{
	auto_buf struct buf b = { 0 };
	va_list ap;

	va_start(ap, fmt);
	buf_vaddf(&b, fmt, ap);
	va_end(ap);
	log_raw("rcn-state: %s\nusage: rcn-state %s %s\n", b.data, v->name,
	    v->usage);
	return EX_USAGE;
}

static void
take(const struct flag *f)
{
	switch (f->kind) {
	case FLAG_SET:
		*(bool *)f->to = true;
		break;
	case FLAG_TEXT:
		*(const char **)f->to = optarg;
		break;
	case FLAG_LIST:
		strvec_add(f->to, optarg);
		break;
	}
}

/* -h, -V, or what is no option at all. */
static int
other(const struct verb *v, int c, const char *word)
{
	switch (c) {
	case 'h':
		printf("usage: rcn-state %s%s%s\n", v->name,
		    *v->usage != '\0' ? " " : "", v->usage);
		return 0;
	case 'V':
		printf("rcn-state %s\n", RCN_VERSION);
		return 0;
	default:
		return verb_usage(v, "%s: no such option, or without its value",
		    word);
	}
}

int
verb_args(const struct verb *v, int argc, char **argv, const struct flag *flags,
    const char **words, size_t min, size_t max)
{
	struct option longopts[FLAGS_MAX + FRAME_OPTIONS + 1] = { FRAME_LONG };
	size_t n = 0;
	int c;

	for (; flags != NULL && flags[n].name != NULL && n < FLAGS_MAX; n++)
		longopts[FRAME_OPTIONS + n] = (struct option){ flags[n].name,
			flags[n].kind == FLAG_SET ? no_argument
						  : required_argument,
			NULL, OPT_FIRST + (int)n };
	optind = 0;
	opterr = 0;
	while ((c = getopt_long(argc, argv, FRAME_SHORT, longopts, NULL)) !=
	       -1) {
		if (c >= OPT_FIRST && flags != NULL)
			take(&flags[c - OPT_FIRST]);
		else if (frame_option(c) < 0)
			return other(v, c, argv[optind - 1]);
	}
	n = (size_t)(argc - optind);
	if (n < min || n > max)
		return verb_usage(v,
		    n < min ? "too few words" : "too many words");
	for (size_t i = 0; i < max; i++)
		words[i] = i < n ? argv[optind + (int)i] : NULL;
	return CLI_GO;
}

int
verb_number(const char *text, int64_t def, int64_t max, int64_t *n,
    struct err *err)
{
	uint64_t v;

	*n = def;
	if (text == NULL)
		return 0;
	if (parse_u64(text, 1, (uint64_t)max, &v, err) < 0)
		return -1;
	*n = (int64_t)v;
	return 0;
}

/* ---- what they work on ---- */

int
verb_open(struct state **st, unsigned flags, struct err *err)
{
	auto_free char *actor = state_actor();

	return state_open(st, actor, flags, err);
}

json_t *
verb_file(const char *path, struct err *err)
{
	bool in = strcmp(path, "-") == 0;
	const char *name = in ? "standard input" : path;
	auto_buf struct buf text = { 0 };
	json_t *v;

	if (in ? io_read_fd(0, FILE_MAX, &text, name, err) < 0
	       : io_read_file(path, FILE_MAX, &text, err) < 0)
		return NULL;
	v = json_parse(buf_str(&text), text.len, name, err);
	if (v == NULL || json_is_object(v))
		return v;
	json_decref(v);
	err_set(err, EX_DATAERR, "bad-json", "%s: not a JSON object", name);
	return NULL;
}

/* ---- output: JSON, or rows kept for a table ---- */

static json_t *rows;
static const char *columns;
static bool single; /* one thing, not a list of one */

static bool
is_table(void)
{
	return form == TABLE_FORM || (form == AUTO_FORM && isatty(1) == 1);
}

static void
show(const struct verb *v, const json_t *row)
{
	auto_buf struct buf line = { 0 };

	if (!is_table()) {
		json_write(&line, row, JSON_COMPACT);
		puts(line.data);
		return;
	}
	if (rows == NULL)
		rows = json_array();
	columns = v->columns;
	json_array_append_new(rows, json_incref((json_t *)(uintptr_t)row));
}

int
verb_show(const struct verb *v, json_t *stolen)
{
	json_auto_t *value = stolen;
	json_t *row;
	size_t i;

	if (value == NULL)
		return -1;
	single = json_is_object(value);
	if (single)
		show(v, value);
	else
		json_array_foreach(value, i, row)
			show(v, row);
	if (ferror(stdout) && errno == EPIPE)
		stop_by_pipe();
	return 0;
}

/* A value as people read it: names of a list, else compact JSON. */
static void
text_of(struct buf *out, const json_t *v)
{
	auto_buf struct buf plain = { 0 };
	json_t *one;
	size_t i;

	if (json_is_string(v)) {
		buf_adds(&plain, json_string_value(v));
	} else if (json_is_boolean(v)) {
		buf_adds(&plain, json_is_true(v) ? "yes" : "no");
	} else if (json_is_array(v)) {
		json_array_foreach(v, i, one) {
			const char *name = json_str(one, "name", NULL);

			if (i > 0)
				buf_addc(&plain, ',');
			if (name != NULL)
				buf_adds(&plain, name);
			else
				text_of(&plain, one);
		}
	} else if (v != NULL && !json_is_null(v)) {
		json_write(&plain, v, JSON_COMPACT | JSON_ENCODE_ANY);
	}
	for (i = 0; i < plain.len; i++)
		if (plain.data[i] == '\n' || plain.data[i] == '\t')
			plain.data[i] = ' ';
	text_printable(out, buf_str(&plain), plain.len);
}

/* In characters, as a terminal counts the most of them. */
static size_t
width(const char *s)
{
	size_t n = 0;

	for (; *s != '\0'; s++)
		n += ((unsigned char)*s & 0xc0) != 0x80;
	return n;
}

/* At most CELL_MAX characters; the end of a longer text is "...". */
static void
shorten(struct buf *cell)
{
	size_t n = 0, at = 0;

	if (cell->len == 0 || width(cell->data) <= CELL_MAX)
		return;
	for (; n <= CELL_MAX - 3; at++)
		n += ((unsigned char)cell->data[at] & 0xc0) != 0x80;
	buf_cut(cell, at - 1);
	buf_adds(cell, "...");
}

static void
pad(const char *text, size_t to, bool last)
{
	fputs(text, stdout);
	for (size_t n = width(text); !last && n < to + 2; n++)
		putchar(' ');
}

/* One thing: a line for each of its members. */
static void
print_single(const json_t *row)
{
	const char *name;
	size_t most = 0;
	json_t *v;

	json_object_foreach((json_t *)(uintptr_t)row, name, v)
		if (width(name) > most)
			most = width(name);
	json_object_foreach((json_t *)(uintptr_t)row, name, v) {
		auto_buf struct buf cell = { 0 };

		text_of(&cell, v);
		pad(name, most, false);
		puts(buf_str(&cell));
	}
}

struct column {
	char *name, *path;
	size_t most;
	struct strvec cells;
};

static size_t
columns_of(const char *spec, struct column *c, size_t max)
{
	size_t n = 0;

	while (*spec != '\0' && n < max) {
		size_t len = strcspn(spec, " ");
		const char *eq = memchr(spec, '=', len);
		size_t name = eq != NULL ? (size_t)(eq - spec) : len;

		c[n].name = mem_strndup(spec, name);
		c[n].path = eq != NULL ? mem_strndup(eq + 1, len - name - 1)
				       : mem_strdup(c[n].name);
		c[n].most = width(c[n].name);
		spec += len;
		spec += *spec == ' ';
		n++;
	}
	return n;
}

static void
fill(struct column *c, const json_t *row)
{
	auto_buf struct buf cell = { 0 };

	text_of(&cell, json_at(row, c->path));
	shorten(&cell);
	if (cell.len == 0)
		buf_addc(&cell, '-');
	if (width(cell.data) > c->most)
		c->most = width(cell.data);
	strvec_add(&c->cells, cell.data);
}

static void
print_rows(void)
{
	struct column c[12] = { 0 };
	size_t i, k, n = columns_of(columns, c, sizeof(c) / sizeof(*c));
	json_t *row;

	json_array_foreach(rows, i, row)
		for (k = 0; k < n; k++)
			fill(&c[k], row);
	for (k = 0; k < n; k++) {
		for (char *p = c[k].name; *p != '\0'; p++)
			if (*p == '_')
				*p = ' ';
		pad(c[k].name, c[k].most, k + 1 == n);
	}
	putchar('\n');
	json_array_foreach(rows, i, row) {
		for (k = 0; k < n && i < c[k].cells.n; k++)
			pad(c[k].cells.v[i], c[k].most, k + 1 == n);
		putchar('\n');
	}
	for (k = 0; k < n; k++) {
		free(c[k].name);
		free(c[k].path);
		strvec_release(&c[k].cells);
	}
}

void
frame_end(void)
{
	if (rows == NULL)
		return;
	if (single)
		print_single(json_array_get(rows, 0));
	else
		print_rows();
	json_decref(rows);
	rows = NULL;
}
