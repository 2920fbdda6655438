#include "deploy/address.h"

#include <string.h>
#include <unistd.h>

#include "base/conf.h"
#include "base/io.h"
#include "base/json.h"
#include "engine/container.h"

static void
take(struct addresses *a, const char *text)
{
	char host[ADDRESS_TEXT];
	size_t n = strcspn(text, ":");
	uint32_t address;

	if (n == 0 || n >= sizeof(host))
		return;
	memcpy(host, text, n);
	host[n] = '\0';
	if (address_parse(host, &address) < 0)
		return;
	if (a->n == a->cap) {
		a->cap = a->cap == 0 ? 64 : a->cap * 2;
		a->used = mem_realloc(a->used, a->cap, sizeof(*a->used));
	}
	a->used[a->n++] = address;
}

static void
take_all(struct addresses *a, const struct route *r, size_t n)
{
	for (size_t i = 0; i < n; i++)
		for (size_t k = 0; k < r[i].addrs.n; k++)
			take(a, r[i].addrs.v[k]);
}

void
addresses_used(struct addresses *a, const json_t *containers,
    const char *network, const struct routes *routes)
{
	json_t *c, *net;
	size_t i;

	json_array_foreach(containers, i, c) {
		net = json_object_get(json_at(c, "NetworkSettings.Networks"),
		    network);
		take(a, container_label(c, "rcn.address"));
		take(a, json_str(net, "IPAddress", ""));
		take(a, json_str(net, "IPAMConfig.IPv4Address", ""));
	}
	take_all(a, routes->v, routes->n);
	take_all(a, routes->bad, routes->why.n);
}

static int
read_last(struct addresses *a, struct err *err)
{
	auto_buf struct buf text = { 0 };
	uint32_t last;

	if (io_read_maybe(a->path, 64, &text, err) < 0)
		return -1;
	if (address_parse(buf_str(&text), &last) == 0 && last >= a->first &&
	    last < a->last)
		a->next = last + 1;
	return 0;
}

int
addresses_open(struct addresses *a, struct engine *e, const struct network *net,
    struct err *err)
{
	auto_buf struct buf path = { 0 };
	auto_routes struct routes routes = { 0 };
	json_auto_t *all = NULL;

	*a = (struct addresses){ .lock = -1,
		.first = net->first,
		.last = net->last,
		.next = net->first };
	if (conf_run_path(&path, "lock", err) < 0)
		return -1;
	a->path = mem_printf("%s/addresses.last", path.data);
	buf_adds(&path, "/addresses");
	if (io_lock(path.data, -1, &a->lock, err) < 0 ||
	    (all = container_list(e, NULL, err)) == NULL ||
	    routes_load(&routes, err) < 0 || read_last(a, err) < 0) {
		addresses_close(a);
		return -1;
	}
	addresses_used(a, all, net->name, &routes);
	return 0;
}

static bool
is_used(const struct addresses *a, uint32_t address)
{
	for (size_t i = 0; i < a->n; i++)
		if (a->used[i] == address)
			return true;
	return false;
}

int
addresses_next(struct addresses *a, char out[ADDRESS_TEXT], struct err *err)
{
	for (uint32_t left = a->last - a->first + 1; left > 0; left--) {
		uint32_t address = a->next;

		a->next = address == a->last ? a->first : address + 1;
		if (is_used(a, address))
			continue;
		address_text(address, out);
		take(a, out);
		return io_replace(a->path, 0600, out, strlen(out), err);
	}
	err_set(err, EX_UNAVAILABLE, "no-address",
	    "network: all fixed addresses are taken");
	return err_hint(err, "remove what is not needed: rcn-retire --slug");
}

void
addresses_close(struct addresses *a)
{
	if (a->lock >= 0)
		close(a->lock);
	free(a->path);
	free(a->used);
	*a = (struct addresses){ .lock = -1 };
}
