#include "parse/dockerfile.h"

#include <ctype.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/buf.h"
#include "base/json.h"

enum { WORDS_MAX = 64, STAGES_MAX = 256 };

struct stage {
	char *name; /* lower case, or NULL */
	size_t parent; /* index of the stage it is FROM, or itself */
	json_t *ports;
	bool command;
	int line;
};

struct parse {
	const char *p, *end, *what;
	int line, first; /* of the next line; of the instruction */
	char escape;
	struct buf text; /* the instruction, continuations joined */
	struct strvec heredocs; /* words that end what it opened */
	json_t *args; /* defaults of ARGs before the first FROM */
	struct stage *stages;
	size_t n_stages;
	json_t *bases;
	struct err *err;
};

static void
parse_release(struct parse *f)
{
	for (size_t i = 0; i < f->n_stages; i++) {
		free(f->stages[i].name);
		json_decref(f->stages[i].ports);
	}
	free(f->stages);
	buf_release(&f->text);
	strvec_release(&f->heredocs);
	json_decref(f->args);
	json_decref(f->bases);
}

static bool
get_line(struct parse *f, const char **s, size_t *n)
{
	const char *eol;

	if (f->p >= f->end)
		return false;
	eol = memchr(f->p, '\n', (size_t)(f->end - f->p));
	*s = f->p;
	*n = (size_t)((eol != NULL ? eol : f->end) - f->p);
	f->p += *n + (eol != NULL);
	f->line++;
	while (*n > 0 && isspace((unsigned char)(*s)[*n - 1]))
		(*n)--;
	while (*n > 0 && isspace((unsigned char)**s)) {
		(*s)++;
		(*n)--;
	}
	return true;
}

/* "# escape=`" before anything else. */
static void
read_directives(struct parse *f)
{
	struct parse save = *f;
	const char *s;
	size_t n;

	while (get_line(f, &s, &n) && n > 0 && *s == '#') {
		auto_free char *line = mem_strndup(s, n);
		char *eq = strchr(line, '=');

		if (eq == NULL)
			break;
		if (strncasecmp(line + 1 + strspn(line + 1, " \t"), "escape",
			6) == 0)
			f->escape = eq[1 + strspn(eq + 1, " \t")];
	}
	f->p = save.p;
	f->line = save.line;
}

/* The next instruction into text; false at the end. */
static bool
next_instruction(struct parse *f)
{
	const char *s;
	size_t n;
	bool more = false;

	buf_clear(&f->text);
	while (get_line(f, &s, &n)) {
		if (n == 0 || *s == '#')
			continue;
		if (f->text.len == 0)
			f->first = f->line;
		more = s[n - 1] == f->escape;
		buf_add(&f->text, s, more ? n - 1 : n);
		if (!more)
			break;
	}
	return f->text.len > 0;
}

/* Words that open here-documents: RUN <<EOF, COPY <<-"A" <<B /x. */
static void
find_heredocs(struct parse *f)
{
	const char *s = f->text.data;

	strvec_clear(&f->heredocs);
	if (strncasecmp(s, "RUN", 3) != 0 && strncasecmp(s, "COPY", 4) != 0 &&
	    strncasecmp(s, "ADD", 3) != 0)
		return;
	while ((s = strstr(s, "<<")) != NULL) {
		size_t n;

		s += 2;
		s += *s == '-';
		s += *s == '"' || *s == '\'';
		n = strspn(s, "ABCDEFGHIJKLMNOPQRSTUVWXYZ_"
			      "abcdefghijklmnopqrstuvwxyz0123456789");
		if (n > 0 && f->heredocs.n < WORDS_MAX)
			strvec_addn(&f->heredocs, s, n);
	}
}

static void
skip_heredocs(struct parse *f)
{
	for (size_t i = 0; i < f->heredocs.n; i++) {
		const char *word = f->heredocs.v[i], *s;
		size_t n, len = strlen(word);

		while (get_line(f, &s, &n))
			if (n == len && memcmp(s, word, n) == 0)
				break;
	}
}

/* Adds a $NAME, ${NAME}, ${NAME:-default}; false: it has no value. */
static bool
add_variable(const struct parse *f, struct buf *b, const char **s)
{
	const char *p = *s + 1, *value;
	bool brace = *p == '{';
	size_t n;
	auto_free char *name = NULL, *def = NULL;

	p += brace;
	n = strspn(p, "ABCDEFGHIJKLMNOPQRSTUVWXYZ_"
		      "abcdefghijklmnopqrstuvwxyz0123456789");
	name = mem_strndup(p, n);
	p += n;
	if (brace) {
		n = strcspn(p, "}");
		if (n >= 2 && p[0] == ':' && p[1] == '-')
			def = mem_strndup(p + 2, n - 2);
		p += n + (p[n] == '}');
	}
	*s = p;
	value = json_string_value(json_object_get(f->args, name));
	if (value == NULL || *value == '\0')
		value = def;
	if (value == NULL)
		return false;
	buf_adds(b, value);
	return true;
}

static bool
expand(const struct parse *f, struct buf *b, const char *s)
{
	buf_add(b, "", 0);
	while (*s != '\0') {
		if (*s == '$') {
			if (!add_variable(f, b, &s))
				return false;
		} else if (*s == '"' || *s == '\'') {
			s++;
		} else {
			buf_addc(b, *s++);
		}
	}
	return b->len > 0;
}

static size_t
stage_named(const struct parse *f, const char *name)
{
	char *end;
	unsigned long i;

	for (i = f->n_stages; i-- > 0;)
		if (f->stages[i].name != NULL &&
		    strcasecmp(f->stages[i].name, name) == 0)
			return i;
	i = strtoul(name, &end, 10);
	return *name != '\0' && *end == '\0' && i < f->n_stages ? (size_t)i
								: STAGES_MAX;
}

static void
add_base(struct parse *f, const char *ref)
{
	json_t *name = json_text(ref), *one;
	size_t i;

	json_array_foreach(f->bases, i, one)
		if (json_equal(one, name)) {
			json_decref(name);
			return;
		}
	json_array_append_new(f->bases, name);
}

static void
on_from(struct parse *f, const struct strvec *w)
{
	auto_buf struct buf ref = { 0 };
	size_t i = 1, from;
	struct stage *one;

	while (i < w->n && strncmp(w->v[i], "--", 2) == 0)
		i++;
	if (i >= w->n || f->n_stages >= STAGES_MAX)
		return;
	from = STAGES_MAX;
	if (expand(f, &ref, w->v[i])) {
		from = stage_named(f, ref.data);
		if (from == STAGES_MAX && strcmp(ref.data, "scratch") != 0)
			add_base(f, ref.data);
	}
	f->stages = mem_realloc(f->stages, f->n_stages + 1, sizeof(*f->stages));
	one = &f->stages[f->n_stages];
	*one = (struct stage){ .ports = json_array(),
		.parent = from != STAGES_MAX ? from : f->n_stages };
	if (i + 2 < w->n && strcasecmp(w->v[i + 1], "AS") == 0)
		one->name = mem_strdup(w->v[i + 2]);
	f->n_stages++;
}

static void
on_expose(struct parse *f, struct stage *now, const struct strvec *w)
{
	for (size_t i = 1; i < w->n; i++) {
		auto_buf struct buf b = { 0 };
		char *end;
		unsigned long port;

		if (!expand(f, &b, w->v[i]))
			continue;
		port = strtoul(b.data, &end, 10);
		if (end == b.data || port == 0 || port > 65535 ||
		    (*end != '\0' && strcasecmp(end, "/tcp") != 0))
			continue;
		if (json_array_size(now->ports) == 0)
			now->line = f->first;
		json_array_append_new(now->ports,
		    json_integer((json_int_t)port));
	}
}

static void
on_copy(struct parse *f, const struct strvec *w)
{
	for (size_t i = 1; i < w->n; i++) {
		auto_buf struct buf ref = { 0 };

		if (strncmp(w->v[i], "--from=", 7) == 0 &&
		    expand(f, &ref, w->v[i] + 7) &&
		    stage_named(f, ref.data) == STAGES_MAX)
			add_base(f, ref.data);
	}
}

static void
on_arg(struct parse *f, const struct strvec *w)
{
	for (size_t i = 1; i < w->n; i++) {
		auto_buf struct buf value = { 0 };
		char *eq = strchr(w->v[i], '=');
		auto_free char *name = NULL;

		if (eq == NULL)
			continue;
		name = mem_strndup(w->v[i], (size_t)(eq - w->v[i]));
		if (expand(f, &value, eq + 1))
			json_object_set_new(f->args, name,
			    json_text(value.data));
	}
}

static void
on_instruction(struct parse *f)
{
	auto_strvec struct strvec w = { 0 };
	struct stage *now =
	    f->n_stages > 0 ? &f->stages[f->n_stages - 1] : NULL;
	const char *s = f->text.data, *name;

	while (w.n < WORDS_MAX && *(s += strspn(s, " \t")) != '\0') {
		strvec_addn(&w, s, strcspn(s, " \t"));
		s += strcspn(s, " \t");
	}
	if (w.n == 0)
		return;
	name = w.v[0];
	if (strcasecmp(name, "FROM") == 0)
		on_from(f, &w);
	else if (strcasecmp(name, "ARG") == 0)
		on_arg(f, &w);
	else if (now == NULL)
		return;
	else if (strcasecmp(name, "EXPOSE") == 0)
		on_expose(f, now, &w);
	else if (strcasecmp(name, "COPY") == 0)
		on_copy(f, &w);
	else if (strcasecmp(name, "CMD") == 0 ||
		 strcasecmp(name, "ENTRYPOINT") == 0)
		now->command = true;
}

/* The target with what it inherits from the stages it is FROM. */
static json_t *
result(struct parse *f, size_t target)
{
	json_t *names = json_array(), *ports = NULL;
	bool command = false;
	int line = 0;

	for (size_t i = 0; i < f->n_stages; i++)
		if (f->stages[i].name != NULL)
			json_array_append_new(names,
			    json_text(f->stages[i].name));
	for (size_t i = target;; i = f->stages[i].parent) {
		const struct stage *s = &f->stages[i];

		command = command || s->command;
		if (ports == NULL && json_array_size(s->ports) > 0) {
			ports = json_incref(s->ports);
			line = s->line;
		}
		if (s->parent == i)
			break;
	}
	return json_pack("{s:O, s:o, s:o, s:b, s:i}", "bases", f->bases,
	    "stages", names, "ports", ports != NULL ? ports : json_array(),
	    "command", command, "line", line);
}

json_t *
dockerfile_parse(const char *s, size_t n, const char *target, const char *what,
    struct err *err)
{
	struct parse f = { .p = s,
		.end = s + n,
		.what = what,
		.escape = '\\',
		.args = json_object(),
		.bases = json_array(),
		.err = err };
	json_t *out = NULL;
	size_t last;

	read_directives(&f);
	while (next_instruction(&f)) {
		find_heredocs(&f);
		on_instruction(&f);
		skip_heredocs(&f);
	}
	last = target != NULL ? stage_named(&f, target) : f.n_stages - 1;
	if (f.n_stages == 0)
		err_set(err, EX_DATAERR, "bad-dockerfile", "%s: has no FROM",
		    what);
	else if (last >= f.n_stages)
		err_set(err, EX_DATAERR, "bad-dockerfile",
		    "%s: has no stage '%s'", what, target);
	else
		out = result(&f, last);
	parse_release(&f);
	return out;
}
