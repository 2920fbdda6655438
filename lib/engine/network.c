#include "engine/network.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "base/conf.h"
#include "base/io.h"
#include "base/json.h"
#include "base/log.h"
#include "base/text.h"

enum { PREFIX_MIN = 8, PREFIX_MAX = 28, ROUTES_MAX = 1 << 20 };

static uint32_t
mask_of(int prefix)
{
	return prefix == 0 ? 0 : ~(uint32_t)0 << (32 - prefix);
}

int
address_parse(const char *s, uint32_t *out)
{
	struct in_addr a;

	if (s == NULL || inet_pton(AF_INET, s, &a) != 1)
		return -1;
	*out = ntohl(a.s_addr);
	return 0;
}

void
address_text(uint32_t a, char out[ADDRESS_TEXT])
{
	struct in_addr in = { .s_addr = htonl(a) };

	(void)inet_ntop(AF_INET, &in, out, ADDRESS_TEXT);
}

int
subnet_parse(const char *s, struct subnet *out)
{
	char host[ADDRESS_TEXT];
	const char *slash = s != NULL ? strchr(s, '/') : NULL;
	struct err err = { 0 };
	uint64_t prefix;
	size_t n;

	if (slash == NULL || (n = (size_t)(slash - s)) >= sizeof(host))
		return -1;
	memcpy(host, s, n);
	host[n] = '\0';
	if (address_parse(host, &out->base) < 0 ||
	    parse_u64(slash + 1, 0, 32, &prefix, &err) < 0)
		return -1;
	out->prefix = (int)prefix;
	return (out->base & ~mask_of(out->prefix)) == 0 ? 0 : -1;
}

bool
subnet_overlap(const struct subnet *a, const struct subnet *b)
{
	int prefix = a->prefix < b->prefix ? a->prefix : b->prefix;

	return ((a->base ^ b->base) & mask_of(prefix)) == 0;
}

bool
route_overlaps(const char *text, const struct subnet *s, char device[32])
{
	const char *line = strchr(text, '\n');

	for (; line != NULL; line = strchr(line + 1, '\n')) {
		char dest[9], mask[9];
		struct subnet route;

		if (sscanf(line + 1,
			"%31s %8[0-9A-Fa-f] %*s %*s %*s %*s %*s "
			"%8[0-9A-Fa-f]",
			device, dest, mask) != 3 ||
		    strtoul(mask, NULL, 16) == 0)
			continue;
		route.base = ntohl((uint32_t)strtoul(dest, NULL, 16));
		route.prefix = __builtin_popcountl(strtoul(mask, NULL, 16));
		if (subnet_overlap(&route, s))
			return true;
	}
	return false;
}

static int
taken(struct err *err, const char *subnet, const char *by, const char *name)
{
	err_set(err, EX_CONFIG, "subnet-taken",
	    "network: RCN_SUBNET %s overlaps %s %s", subnet, by, name);
	return err_hint(err,
	    "set RCN_SUBNET to a private range that nobody uses, such as "
	    "10.213.0.0/16");
}

/* The engine's networks first: their names say more than a device does. */
static int
check_free(struct engine *e, const char *text, const struct subnet *s,
    struct err *err)
{
	json_auto_t *list = NULL;
	auto_buf struct buf routes = { 0 };
	json_t *net, *conf;
	struct subnet other;
	char device[32];
	size_t i, j;

	if (engine_call(e, "GET", "/networks", NULL, NULL, &list, err) < 0)
		return -1;
	json_array_foreach(list, i, net) {
		json_array_foreach(json_at(net, "IPAM.Config"), j, conf) {
			if (subnet_parse(json_str(conf, "Subnet", NULL),
				&other) == 0 &&
			    subnet_overlap(&other, s))
				return taken(err, text, "the engine's network",
				    json_str(net, "Name", "?"));
		}
	}
	if (io_read_maybe("/proc/net/route", ROUTES_MAX, &routes, err) < 0)
		return -1;
	if (route_overlaps(buf_str(&routes), s, device))
		return taken(err, text, "a route of this host by", device);
	return 0;
}

static json_t *
network_spec(const char *name, const char *text, const struct subnet *s,
    struct err *err)
{
	const char *installation = conf_installation(err);
	char gateway[ADDRESS_TEXT], base[ADDRESS_TEXT], range[32];

	if (installation == NULL)
		return NULL;
	address_text(s->base, base);
	address_text(s->base + 1, gateway);
	(void)snprintf(range, sizeof(range), "%s/%d", base, s->prefix + 1);
	return json_pack("{s:s, s:b, s:s, s:{s:s, s:[{s:s, s:s, s:s}]}, "
			 "s:{s:s}}",
	    "Name", name, "CheckDuplicate", 1, "Driver", "bridge", "IPAM",
	    "Driver", "default", "Config", "Subnet", text, "IPRange", range,
	    "Gateway", gateway, "Labels", "rcn.installation", installation);
}

int
network_read(const json_t *net, struct network *out)
{
	const json_t *conf = json_array_get(json_at(net, "IPAM.Config"), 0);
	struct subnet range;

	(void)snprintf(out->id, sizeof(out->id), "%s", json_str(net, "Id", ""));
	if (subnet_parse(json_str(conf, "Subnet", NULL), &out->subnet) < 0 ||
	    subnet_parse(json_str(conf, "IPRange", NULL), &range) < 0)
		return -1;
	out->first = range.base + ~mask_of(range.prefix) + 1;
	out->last = out->subnet.base + ~mask_of(out->subnet.prefix) - 1;
	return out->first > out->subnet.base && out->first <= out->last ? 0
									: -1;
}

/* 1 found, 0 not there. */
static int
find(struct engine *e, const char *name, struct network *out, struct err *err)
{
	auto_buf struct buf path = { 0 };
	json_auto_t *net = NULL;
	int status = 0;

	buf_adds(&path, "/networks/");
	http_quote(&path, name);
	if (engine_call(e, "GET", path.data, NULL, &status, &net, err) < 0)
		return -1;
	if (status == 404)
		return 0;
	if (status != 200)
		return err_set(err, EX_UNAVAILABLE, "engine-refused",
		    "engine: network %s: %s", name,
		    json_str(net, "message", "refused without a reason"));
	if (network_read(net, out) == 0)
		return 1;
	err_set(err, EX_CONFIG, "network-unfit",
	    "network: %s is there but leaves no range for fixed addresses",
	    name);
	return err_hint(err,
	    "set RCN_NETWORK to another name, or remove it: docker network "
	    "rm %s",
	    name);
}

static int
create(struct engine *e, const char *name, const char *text, struct err *err)
{
	json_auto_t *spec = NULL;
	json_auto_t *out = NULL;
	struct subnet s;
	int status = 0;

	if (subnet_parse(text, &s) < 0 || s.prefix < PREFIX_MIN ||
	    s.prefix > PREFIX_MAX)
		return err_set(err, EX_CONFIG, "bad-setting",
		    "RCN_SUBNET: %s: not a subnet such as 172.30.0.0/16, /%d "
		    "to /%d",
		    text, PREFIX_MIN, PREFIX_MAX);
	if (check_free(e, text, &s, err) < 0)
		return -1;
	spec = network_spec(name, text, &s, err);
	if (spec == NULL || engine_call(e, "POST", "/networks/create", spec,
				&status, &out, err) < 0)
		return -1;
	if (status < 300 || status == 409)
		return 0;
	if (status == 403)
		return taken(err, text,
		    "another network:", json_str(out, "message", ""));
	return err_set(err, EX_UNAVAILABLE, "engine-refused",
	    "engine: create network %s: %s", name,
	    json_str(out, "message", "refused without a reason"));
}

static int
make(struct engine *e, const char *name, const char *subnet,
    struct network *out, struct err *err)
{
	auto_buf struct buf lock = { 0 };
	auto_fd int fd = -1;
	int found;

	if (conf_run_path(&lock, "lock", err) < 0)
		return -1;
	buf_adds(&lock, "/network");
	if (io_lock(lock.data, -1, &fd, err) < 0)
		return -1;
	found = find(e, name, out, err);
	if (found != 0)
		return found;
	if (create(e, name, subnet, err) < 0)
		return -1;
	log_info("network %s made, %s", name, subnet);
	return find(e, name, out, err);
}

int
network_ensure(struct engine *e, const char *name, const char *subnet,
    struct network *out, struct err *err)
{
	struct subnet wish;
	int found;

	*out = (struct network){ 0 };
	(void)snprintf(out->name, sizeof(out->name), "%s", name);
	found = find(e, name, out, err);
	if (found == 0)
		found = make(e, name, subnet, out, err);
	if (found < 0)
		return -1;
	if (found == 0)
		return err_set(err, EX_UNAVAILABLE, "engine-refused",
		    "engine: network %s was made and is not there", name);
	if (subnet_parse(subnet, &wish) == 0 &&
	    (wish.base != out->subnet.base ||
		wish.prefix != out->subnet.prefix))
		log_info("network %s has another subnet than RCN_SUBNET %s",
		    name, subnet);
	return 0;
}

int
network_join(struct engine *e, const char *name, const char *container,
    struct err *err)
{
	auto_buf struct buf path = { 0 };
	json_auto_t *body = json_pack("{s:s}", "Container", container);
	json_auto_t *out = NULL;
	int status = 0;

	buf_adds(&path, "/networks/");
	http_quote(&path, name);
	buf_adds(&path, "/connect");
	if (engine_call(e, "POST", path.data, body, &status, &out, err) < 0)
		return -1;
	if (status < 300)
		return 0;
	err_set(err, status == 404 ? EX_CONFIG : EX_UNAVAILABLE,
	    status == 404 ? "network-missing" : "engine-refused",
	    "engine: join network %s: %s", name,
	    json_str(out, "message", "refused without a reason"));
	return err_hint(err,
	    "docker network create %s, or take it out of "
	    "project.networks",
	    name);
}
