#include "proxy/haproxy_stat.h"

#include <stdbool.h>
#include <string.h>

enum column {
	BACKEND,
	SERVER,
	STATUS,
	ADDR,
	SCUR,
	REQUESTS,
	ECON,
	ERESP,
	COLUMNS,
};

static const char *const names[COLUMNS] = {
	[BACKEND] = "pxname",
	[SERVER] = "svname",
	[STATUS] = "status",
	[ADDR] = "addr",
	[SCUR] = "scur",
	[REQUESTS] = "req_tot",
	[ECON] = "econ",
	[ERESP] = "eresp",
};

/* The next field, ended by NUL; *s moves on, NULL after the last. */
static char *
field(char **s)
{
	char *start = *s, *in = start, *out = start;
	bool quoted = *in == '"';

	if (quoted)
		in++;
	for (; *in != '\0'; in++) {
		if (quoted && *in == '"' && in[1] != '"') {
			quoted = false;
			continue;
		}
		if (quoted && *in == '"')
			in++;
		else if (!quoted && *in == ',')
			break;
		*out++ = *in;
	}
	*s = *in == ',' ? in + 1 : NULL;
	*out = '\0';
	return start;
}

static int64_t
number(const char *s)
{
	int64_t n = 0;

	for (; *s >= '0' && *s <= '9'; s++)
		if (__builtin_mul_overflow(n, 10, &n) ||
		    __builtin_add_overflow(n, *s - '0', &n))
			return INT64_MAX;
	return n;
}

static int
header(char *line, int where[COLUMNS], struct err *err)
{
	for (int c = 0; c < COLUMNS; c++)
		where[c] = -1;
	if (strncmp(line, "# ", 2) == 0)
		line += 2;
	for (int i = 0; line != NULL; i++) {
		const char *name = field(&line);

		for (int c = 0; c < COLUMNS; c++)
			if (strcmp(names[c], name) == 0)
				where[c] = i;
	}
	for (int c = 0; c < COLUMNS; c++)
		if (where[c] < 0)
			return err_set(err, EX_PROTOCOL, "proxy-protocol",
			    "haproxy: show stat: no column %s", names[c]);
	return 0;
}

static void
row(char *line, const int where[COLUMNS], haproxy_stat_fn *fn, void *ctx)
{
	const char *v[COLUMNS];
	struct haproxy_stat st;

	for (int c = 0; c < COLUMNS; c++)
		v[c] = "";
	for (int i = 0; line != NULL; i++) {
		const char *value = field(&line);

		for (int c = 0; c < COLUMNS; c++)
			if (where[c] == i)
				v[c] = value;
	}
	st = (struct haproxy_stat){
		.backend = v[BACKEND],
		.server = v[SERVER],
		.status = v[STATUS],
		.addr = v[ADDR],
		.scur = number(v[SCUR]),
		.requests = number(v[REQUESTS]),
	};
	if (__builtin_add_overflow(number(v[ECON]), number(v[ERESP]),
		&st.errors))
		st.errors = INT64_MAX;
	fn(&st, ctx);
}

int
haproxy_stat_read(char *text, haproxy_stat_fn *fn, void *ctx, struct err *err)
{
	int where[COLUMNS];
	bool first = true;
	char *end;

	for (; text != NULL; text = end) {
		end = strchr(text, '\n');
		if (end != NULL)
			*end++ = '\0';
		if (*text == '\0')
			continue;
		if (!first)
			row(text, where, fn, ctx);
		else if (header(text, where, err) < 0)
			return -1;
		first = false;
	}
	if (first)
		return err_set(err, EX_PROTOCOL, "proxy-protocol",
		    "haproxy: show stat: no answer");
	return 0;
}
