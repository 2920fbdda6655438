#include "deploy/listen.h"

#include <arpa/inet.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "base/io.h"

enum { ESTABLISHED = 1, LISTENING = 10, TABLE_MAX = 16 << 20 };

struct row {
	struct in6_addr local, remote; /* IPv4: mapped */
	unsigned port, state;
};

/* The kernel prints each 32-bit word of an address in host byte order. */
static void
address(const char *hex, bool six, struct in6_addr *out)
{
	uint32_t word[4] = { 0, 0, htonl(0xffff), 0 };

	char one[9] = "";

	for (int i = six ? 0 : 3; i < 4; i++, hex += 8) {
		memcpy(one, hex, 8);
		word[i] = (uint32_t)strtoul(one, NULL, 16);
	}
	memcpy(out, word, sizeof(*out));
}

static bool
parse_row(const char *line, bool six, struct row *r)
{
	char local[33], remote[33], port[9], state[9];
	size_t want = six ? 32 : 8;

	if (sscanf(line,
		" %*[0-9]: %32[0-9A-Fa-f]:%8[0-9A-Fa-f] %32[0-9A-Fa-f]:"
		"%*[0-9A-Fa-f] %8[0-9A-Fa-f]",
		local, port, remote, state) != 4 ||
	    strlen(local) != want || strlen(remote) != want)
		return false;
	r->port = (unsigned)strtoul(port, NULL, 16);
	r->state = (unsigned)strtoul(state, NULL, 16);
	address(local, six, &r->local);
	address(remote, six, &r->remote);
	return true;
}

static bool
is_loopback(const struct in6_addr *a)
{
	return IN6_IS_ADDR_LOOPBACK(a) ||
	       (IN6_IS_ADDR_V4MAPPED(a) && a->s6_addr[12] == 127);
}

static bool
is_resolver(const struct in6_addr *a)
{
	static const unsigned char ip[4] = { 127, 0, 0, 11 };

	return IN6_IS_ADDR_V4MAPPED(a) && memcmp(a->s6_addr + 12, ip, 4) == 0;
}

static void
add(struct listeners *l, const struct row *r)
{
	struct listener one = { .port = (int)r->port,
		.loopback = is_loopback(&r->local) };
	char text[INET6_ADDRSTRLEN];
	size_t i;

	if (l->n == LISTEN_MAX || is_resolver(&r->local))
		return;
	if (IN6_IS_ADDR_V4MAPPED(&r->local)) {
		(void)inet_ntop(AF_INET, r->local.s6_addr + 12, text,
		    sizeof(text));
		(void)snprintf(one.address, sizeof(one.address), "%.15s:%u",
		    text, r->port);
	} else {
		(void)inet_ntop(AF_INET6, &r->local, text, sizeof(text));
		(void)snprintf(one.address, sizeof(one.address), "[%.39s]:%u",
		    text, r->port & 0xffff);
	}
	for (i = 0; i < l->n; i++)
		if (strcmp(l->v[i].address, one.address) == 0)
			return;
	for (i = l->n++; i > 0 && l->v[i - 1].port > one.port; i--)
		l->v[i] = l->v[i - 1];
	l->v[i] = one;
}

void
listen_parse(const char *text, bool six, struct listeners *l)
{
	struct row r;

	for (const char *p = text; p != NULL && *p != '\0';
	     p = strchr(p, '\n'), p = p != NULL ? p + 1 : NULL)
		if (parse_row(p, six, &r) && r.state == LISTENING)
			add(l, &r);
}

int
listen_count(const char *text, bool six, int port)
{
	struct row r;
	int n = 0;

	for (const char *p = text; p != NULL && *p != '\0';
	     p = strchr(p, '\n'), p = p != NULL ? p + 1 : NULL)
		if (parse_row(p, six, &r) && r.state == ESTABLISHED &&
		    (int)r.port == port && !is_loopback(&r.remote))
			n++;
	return n;
}

static int
table(int pid, bool six, struct buf *b)
{
	struct err err = { 0 };
	char path[64];

	buf_clear(b);
	(void)snprintf(path, sizeof(path), "/proc/%d/net/tcp%s", pid,
	    six ? "6" : "");
	if (pid <= 0)
		return -1;
	/* a kernel without IPv6 has no tcp6 */
	if (io_read_maybe(path, TABLE_MAX, b, &err) < (six ? 0 : 1))
		return -1;
	return 0;
}

int
listen_of(int pid, struct listeners *l)
{
	auto_buf struct buf b = { 0 };

	l->n = 0;
	if (table(pid, false, &b) < 0)
		return -1;
	listen_parse(buf_str(&b), false, l);
	if (table(pid, true, &b) < 0)
		return -1;
	listen_parse(buf_str(&b), true, l);
	return 0;
}

int
listen_connections(int pid, int port)
{
	auto_buf struct buf b = { 0 };
	int n;

	if (table(pid, false, &b) < 0)
		return -1;
	n = listen_count(buf_str(&b), false, port);
	if (table(pid, true, &b) < 0)
		return -1;
	return n + listen_count(buf_str(&b), true, port);
}

void
listen_text(const struct listeners *l, char *out, size_t size)
{
	size_t at = 0;

	(void)snprintf(out, size, "nothing");
	for (size_t i = 0; i < l->n && at < size; i++)
		at += (size_t)snprintf(out + at, size - at, "%s%s",
		    i == 0          ? ""
		    : i + 1 == l->n ? " and "
				    : ", ",
		    l->v[i].address);
}

int
listen_choose(const struct listeners *l, int port)
{
	int other = 0;

	for (size_t i = 0; i < l->n; i++) {
		if (l->v[i].loopback)
			continue;
		if (l->v[i].port == port ||
		    (other != 0 && l->v[i].port != other))
			return port;
		other = l->v[i].port;
	}
	return other != 0 ? other : port;
}
