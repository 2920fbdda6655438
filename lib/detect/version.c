#include "detect/scan.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/json.h"
#include "base/text.h"
#include "parse/semver.h"
#include "parse/toml.h"

void
claims_add(struct claims *c, const char *value, const char *file, int line)
{
	auto_buf struct buf b = { 0 };

	if (value == NULL || c->n == CLAIMS_MAX)
		return;
	value += strspn(value, " \t\r\n");
	text_printable(&b, value, strcspn(value, "\r\n#"));
	while (b.len > 0 && isspace((unsigned char)b.data[b.len - 1]))
		buf_cut(&b, b.len - 1);
	if (b.len == 0)
		return;
	c->v[c->n++] = (struct claim){
		.value = buf_steal(&b), .file = mem_strdup(file), .line = line
	};
}

void
claims_release(struct claims *c)
{
	for (size_t i = 0; i < c->n; i++) {
		free(c->v[i].value);
		free(c->v[i].file);
	}
	c->n = 0;
}

/* A file that only says a version: its first line that says something. */
void
claims_file(struct claims *c, struct scan *app, const char *file)
{
	auto_buf struct buf text = { 0 }, line = { 0 };
	const char *s;
	int n = 0;

	if (!scan_peek(app, file, &text))
		return;
	for (s = text.data; line_next(&s, &line);) {
		n++;
		if (line.len > 0 && line.data[0] != '#') {
			claims_add(c, line.data, file, n);
			return;
		}
	}
}

/* mise.toml: [tools] node = "22", go = ["1.25", "1.24"], or a table. */
static void
claims_mise(struct claims *c, struct scan *app, const char *tool)
{
	static const char *const files[] = { "mise.toml", ".mise.toml",
		".config/mise.toml", NULL };
	const char *file = scan_first(app, files);
	auto_buf struct buf text = { 0 };
	struct err err = { 0 };
	json_auto_t *toml = NULL;
	const json_t *v;

	if (file == NULL || !scan_peek(app, file, &text))
		return;
	toml = toml_parse(text.data, text.len, TOML_PLAIN, file, &err);
	v = json_object_get(json_object_get(toml, "tools"), tool);
	if (json_is_array(v))
		v = json_array_get(v, 0);
	claims_add(c,
	    json_is_string(v) ? json_string_value(v)
			      : json_str(v, "version", NULL),
	    file, line_of(text.data, tool));
}

/* .tool-versions: "nodejs 22.1.0" */
void
claims_tool(struct claims *c, struct scan *app, const char *tool)
{
	auto_buf struct buf text = { 0 }, line = { 0 };
	const char *s;
	size_t k = strlen(tool);
	int n = 0;

	claims_mise(c, app, tool);
	if (!scan_peek(app, ".tool-versions", &text))
		return;
	for (s = text.data; line_next(&s, &line);) {
		n++;
		if (strncmp(buf_str(&line), tool, k) == 0 &&
		    isspace((unsigned char)line.data[k])) {
			const char *v = line.data + k;

			v += strspn(v, " \t");
			line.data[(size_t)(v - line.data) + strcspn(v, " \t")] =
			    '\0';
			claims_add(c, v, ".tool-versions", n);
		}
	}
}

/* How many parts make a line of releases: 1 for node (24), 2 for python. */
static int
line_parts(const json_t *table)
{
	return (int)json_int(table, "line", 1);
}

static bool
same_line(const struct semver *a, const struct semver *b, int n)
{
	return memcmp(a->part, b->part, (size_t)n * sizeof(a->part[0])) == 0;
}

static void
version_text(const struct semver *v, int n, struct buf *b)
{
	for (int i = 0; i < n; i++)
		buf_addf(b, "%s%u", i > 0 ? "." : "", v->part[i]);
}

/* "lts/jod" and its like as a range; or s itself. */
static const char *
alias(const json_t *table, const char *s, struct buf *b)
{
	static const char *const newest[] = { "node", "latest", "current",
		"stable", "*", NULL };
	json_t *names = json_object_get(table, "lts"), *line;

	for (size_t i = 0; names != NULL && newest[i] != NULL; i++)
		if (strcasecmp(s, newest[i]) == 0)
			return i == 4 ? s : json_str(table, "newest", s);
	if (strncasecmp(s, "python-", 7) == 0)
		return s + 7;
	if (strncasecmp(s, "ruby-", 5) == 0)
		return s + 5;
	if (strncasecmp(s, "lts", 3) != 0 || names == NULL)
		return s;
	s += strcspn(s, "/");
	s += *s == '/';
	if (*s == '\0' || *s == '*')
		return json_str(table, "default", s);
	for (; *s != '\0'; s++)
		buf_addc(b, tolower((unsigned char)*s));
	line = json_object_get(names, b->data);
	return json_is_string(line) ? json_string_value(line) : "lts?";
}

/*
 * The release for a range: of the default line if the range allows it, else
 * of the newest long-term line, else the newest.
 */
static bool
pick(const json_t *table, const char *range, struct semver *best)
{
	struct semver v, def = { 0 };
	int rank = 0, n = line_parts(table);
	size_t i;
	json_t *one, *longterm = json_object_get(table, "longterm");

	(void)semver_parse(&def, json_str(table, "default", "0"));
	json_array_foreach(json_object_get(table, "versions"), i, one) {
		auto_buf struct buf line = { 0 };
		int mine = 1;

		if (!semver_parse(&v, json_string_value(one)) ||
		    semver_match(range, &v) != 1)
			continue;
		version_text(&v, n, &line);
		if (same_line(&v, &def, n))
			mine = 3;
		else if (json_object_get(longterm, line.data) != NULL)
			mine = 2;
		if (mine > rank) {
			rank = mine;
			*best = v;
		}
	}
	return rank > 0;
}

/* The newest known release that shares best's first n parts. */
static struct semver
newest_like(const json_t *table, const struct semver *best, int n)
{
	struct semver v;
	size_t i;
	json_t *one;

	json_array_foreach(json_object_get(table, "versions"), i, one)
		if (semver_parse(&v, json_string_value(one)) &&
		    same_line(&v, best, n))
			return v;
	return *best;
}

/* A plain version past all that is known, "31", is younger than the table. */
static bool
is_newer(const json_t *table, const char *wanted, struct semver *v)
{
	struct semver known;
	size_t i;
	json_t *one;

	if (!semver_parse(v, wanted + strspn(wanted, "~^=")))
		return false;
	json_array_foreach(json_object_get(table, "versions"), i, one)
		if (semver_parse(&known, json_string_value(one)) &&
		    semver_compare(&known, v) >= 0)
			return false;
	return true;
}

static bool
resolve(const json_t *table, const char *wanted, struct buf *out,
    struct semver *full)
{
	auto_buf struct buf name = { 0 };
	const char *range = alias(table, wanted, &name);

	if (semver_parse(full, range) && full->given == 3) {
		version_text(full, 3, out);
		return true;
	}
	if (!pick(table, range, full)) {
		if (!is_newer(table, range, full))
			return false;
		version_text(full, full->given, out);
		return true;
	}
	for (int n = line_parts(table); n < 3; n++) {
		struct semver top = newest_like(table, full, n);

		if (semver_match(range, &top) == 1) {
			version_text(full, n, out);
			return true;
		}
	}
	version_text(full, 3, out);
	return true;
}

bool
version_resolve(const json_t *table, const char *wanted, struct buf *out)
{
	struct semver full;

	return resolve(table, wanted, out, &full);
}

static void
place(struct buf *b, const struct claim *c)
{
	if (c->line > 0)
		buf_addf(b, "%s:%d", c->file, c->line);
	else
		buf_adds(b, c->file);
}

/* What the others say: told as overridden, warned of if it contradicts. */
static void
compare_claims(struct scan *app, const json_t *table, const struct claims *c,
    size_t won, const struct semver *full, struct buf *over)
{
	for (size_t i = 0; i < c->n; i++) {
		auto_buf struct buf where = { 0 }, name = { 0 };

		if (i == won || strcmp(c->v[i].value, c->v[won].value) == 0)
			continue;
		place(&where, &c->v[i]);
		buf_addf(over, "%s\"%s\" (%s)", over->len > 0 ? ", " : "",
		    c->v[i].value, where.data);
		if (i > won &&
		    semver_match(alias(table, c->v[i].value, &name), full) == 0)
			plan_warn(app->plan,
			    "%s: \"%s\" contradicts \"%s\" of %s, which is "
			    "taken",
			    where.data, c->v[i].value, c->v[won].value,
			    c->v[won].file);
	}
}

static void
warn_eol(struct scan *app, const char *runtime, const json_t *table,
    const struct semver *full)
{
	auto_buf struct buf line = { 0 };
	const char *end;
	char today[16];
	time_t now = time(NULL);
	struct tm tm;

	version_text(full, line_parts(table), &line);
	end = json_string_value(json_object_get(json_object_get(table, "end"),
	    line.data));
	if (end == NULL || gmtime_r(&now, &tm) == NULL ||
	    strftime(today, sizeof(today), "%Y-%m-%d", &tm) == 0 ||
	    strcmp(today, end) < 0)
		return;
	plan_warn(app->plan, "%s %s has had no security fixes since %s; %s has",
	    runtime, line.data, end, json_str(table, "default", "a newer one"));
}

static void
use_default(struct scan *app, const char *runtime, const json_t *table,
    const struct claims *c)
{
	const char *def = json_str(table, "default", NULL);

	plan_set(&app->plan->version, def);
	plan_add_why(app->plan, "version", def, "the default", 0,
	    c->n > 0 ? c->v[0].value : NULL);
	if (c->n == 0)
		plan_warn(app->plan,
		    "no version of %s is asked for: %s is used; write it to "
		    "%s to keep it",
		    runtime, def, json_str(table, "file", "rcn.json"));
}

void
version_choose(struct scan *app, const char *runtime, struct claims *c)
{
	const json_t *table = json_object_get(app->versions, runtime);
	struct setting set = scan_setting(app, "version");
	struct semver full = { 0 };
	auto_claims struct claims all = { 0 };

	if (json_is_string(set.v))
		claims_add(&all, json_string_value(set.v),
		    set.file != NULL ? set.file : "project", set.line);
	for (size_t i = 0; i < c->n; i++)
		claims_add(&all, c->v[i].value, c->v[i].file, c->v[i].line);
	for (size_t i = 0; i < all.n; i++) {
		auto_buf struct buf version = { 0 }, over = { 0 },
				    where = { 0 };

		if (resolve(table, all.v[i].value, &version, &full)) {
			compare_claims(app, table, &all, i, &full, &over);
			plan_set(&app->plan->version, version.data);
			plan_add_why(app->plan, "version", version.data,
			    all.v[i].file, all.v[i].line,
			    over.len > 0 ? over.data : NULL);
			warn_eol(app, runtime, table, &full);
			return;
		}
		place(&where, &all.v[i]);
		plan_warn(app->plan, "%s: \"%s\": no known %s satisfies it",
		    where.data, all.v[i].value, runtime);
	}
	use_default(app, runtime, table, &all);
}
