#include "parse/gemfile.h"

#include <ctype.h>
#include <string.h>

#include "base/buf.h"
#include "base/json.h"
#include "base/text.h"

/* The next line of s without its end; *line is a copy. */
static bool
next_line(const char **s, const char *end, struct buf *line)
{
	const char *stop;

	if (*s >= end)
		return false;
	stop = memchr(*s, '\n', (size_t)(end - *s));
	if (stop == NULL)
		stop = end;
	buf_clear(line);
	buf_add(line, *s, (size_t)(stop - *s));
	while (line->len > 0 &&
	       isspace((unsigned char)line->data[line->len - 1]))
		buf_cut(line, line->len - 1);
	*s = stop + 1;
	return true;
}

/* The string that s begins with, quoted either way; what follows, or NULL. */
static const char *
quoted(const char *s, struct buf *out)
{
	const char *end;

	s += strspn(s, " \t(");
	if (*s != '"' && *s != '\'')
		return NULL;
	end = strchr(s + 1, *s);
	if (end == NULL)
		return NULL;
	buf_add(out, s + 1, (size_t)(end - s - 1));
	return end + 1;
}

/* What follows a word at the start of a line, or NULL. */
static const char *
after_word(const char *s, const char *word)
{
	size_t n = strlen(word);

	s += strspn(s, " \t");
	return strncmp(s, word, n) == 0 && strchr(" \t(\"'", s[n]) != NULL &&
		       s[n] != '\0'
		   ? s + n
		   : NULL;
}

/* ruby "3.4.1", ruby ">= 3.2", "< 3.5", ruby file: ".ruby-version" */
static void
take_ruby(json_t *o, const char *s, int line)
{
	auto_buf struct buf range = { 0 };
	const char *file = strstr(s, "file:");
	const char *next;

	if (file != NULL) {
		if (quoted(file + 5, &range) != NULL)
			json_object_set_new(o, "ruby_file",
			    json_text(range.data));
		return;
	}
	while ((next = quoted(s, &range)) != NULL) {
		next += strspn(next, " \t");
		if (*next != ',')
			break;
		s = next + 1;
		s += strspn(s, " \t");
		if (*s != '"' && *s != '\'')
			break;
		buf_adds(&range, ", ");
	}
	if (range.len == 0)
		return;
	json_object_set_new(o, "ruby", json_text(range.data));
	json_object_set_new(o, "ruby_line", json_integer(line));
}

json_t *
gemfile_parse(const char *text, size_t n)
{
	json_t *o = json_pack("{s:{}}", "gems");
	json_t *gems = json_object_get(o, "gems");
	auto_buf struct buf line = { 0 };
	const char *s = text;
	int at = 0;

	while (next_line(&s, text + n, &line)) {
		auto_buf struct buf name = { 0 };
		const char *rest;

		at++;
		if ((rest = after_word(buf_str(&line), "gem")) != NULL &&
		    quoted(rest, &name) != NULL && name.len > 0)
			json_object_set_new(gems, name.data, json_integer(at));
		else if ((rest = after_word(buf_str(&line), "ruby")) != NULL)
			take_ruby(o, rest, at);
	}
	return o;
}

/* "    rails (8.0.1)", four blanks: a gem that is installed. */
static void
take_spec(json_t *gems, const char *s, int line)
{
	size_t n = strcspn(s, " ");
	auto_free char *name = mem_strndup(s, n);
	const char *open = strchr(s, '(');
	size_t len = open != NULL ? strcspn(open + 1, ")") : 0;

	if (n == 0 || !text_is_utf8(name, n))
		return;
	json_object_set_new(gems, name,
	    json_pack("{s:o, s:i}", "version",
		json_textn(open != NULL ? open + 1 : "", len), "line", line));
}

static void
take_lock_line(json_t *o, const char *section, const char *s, int line)
{
	size_t indent = strspn(s, " ");
	const char *word = s + indent;

	if (strcmp(section, "RUBY VERSION") == 0) {
		if (!text_starts(word, "ruby "))
			return;
		json_object_set_new(o, "ruby",
		    json_textn(word + 5, strspn(word + 5, "0123456789.")));
		json_object_set_new(o, "ruby_line", json_integer(line));
	} else if (strcmp(section, "BUNDLED WITH") == 0) {
		json_object_set_new(o, "bundler", json_text(word));
	} else if (strcmp(section, "PLATFORMS") == 0) {
		json_array_append_new(json_object_get(o, "platforms"),
		    json_text(word));
	} else if (indent == 4 && (strcmp(section, "GEM") == 0 ||
				      strcmp(section, "GIT") == 0 ||
				      strcmp(section, "PATH") == 0)) {
		take_spec(json_object_get(o, "gems"), word, line);
	}
}

json_t *
gemlock_parse(const char *text, size_t n)
{
	json_t *o = json_pack("{s:{}, s:[]}", "gems", "platforms");
	auto_buf struct buf line = { 0 }, section = { 0 };
	const char *s = text;
	int at = 0;

	while (next_line(&s, text + n, &line)) {
		at++;
		if (line.len == 0)
			continue;
		if (line.data[0] != ' ') {
			buf_clear(&section);
			buf_adds(&section, line.data);
			if (strcmp(line.data, "PATH") == 0)
				json_object_set_new(o, "path", json_true());
			if (strcmp(line.data, "GIT") == 0)
				json_object_set_new(o, "git", json_true());
			continue;
		}
		take_lock_line(o, buf_str(&section), line.data, at);
	}
	return o;
}
