#include "proxy/traefik_text.h"

#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/text.h"

void
traefik_yaml(struct buf *out, const json_t *doc)
{
	auto_buf struct buf text = { 0 };
	bool inside = false;

	json_write(&text, doc, JSON_COMPACT);
	for (const char *s = buf_str(&text); *s != '\0'; s++) {
		if (inside && *s == '\\') {
			buf_add(out, s++, 2);
			continue;
		}
		if (*s == '"')
			inside = !inside;
		if (inside && *s == '{')
			buf_adds(out, "\\u007b");
		else
			buf_addc(out, *s);
	}
	buf_addc(out, '\n');
}

void
traefik_rule(struct buf *out, const struct strvec *hosts)
{
	for (size_t i = 0; i < hosts->n; i++)
		buf_addf(out, "%sHost(`%s`)", i > 0 ? " || " : "", hosts->v[i]);
}

void
traefik_rule_hosts(const char *rule, struct strvec *hosts)
{
	const char *end;

	while ((rule = strstr(rule, "Host(`")) != NULL) {
		rule += strlen("Host(`");
		end = strchr(rule, '`');
		if (end == NULL)
			return;
		strvec_addn(hosts, rule, (size_t)(end - rule));
		rule = end;
	}
}

/* name="value" of a metric's labels; false: another value, or none. */
static bool
labelled(const char *labels, size_t n, const char *name, const char *value)
{
	auto_free char *want = mem_printf("%s=\"%s\"", name, value);
	const char *at = memmem(labels, n, want, strlen(want));

	return at != NULL && (at == labels || at[-1] == ',');
}

static void
add(int64_t *sum, double value)
{
	if (__builtin_add_overflow(*sum, (int64_t)value, sum))
		*sum = INT64_MAX;
}

static void
count_line(const char *line, size_t n, const char *service,
    struct proxy_counts *c)
{
	static const char *const bad[] = { "502", "503", "504" };
	static const char name[] = "traefik_service_requests_total{";
	const char *end = memchr(line, '}', n);
	double value;

	if (!text_starts(line, name) || end == NULL)
		return;
	line += strlen(name);
	if (end < line ||
	    !labelled(line, (size_t)(end - line), "service", service))
		return;
	value = strtod(end + 1, NULL);
	if (!(value >= 0 && value < 9e15))
		return;
	add(&c->requests, value);
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
		if (labelled(line, (size_t)(end - line), "code", bad[i]))
			add(&c->errors, value);
}

void
traefik_count(const char *text, const char *service, struct proxy_counts *c)
{
	c->requests = c->errors = 0;
	while (*text != '\0') {
		size_t n = strcspn(text, "\n");

		count_line(text, n, service, c);
		text += n + (text[n] == '\n');
	}
}
