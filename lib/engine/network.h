/*
 * network - the one bridge network that instances live in.
 * Its subnet is the setting RCN_SUBNET, its name RCN_NETWORK.  The engine
 * gives addresses to other containers (a database, say) from the lower half;
 * the upper half is ours, for fixed addresses that survive a restart of the
 * engine.  Before it is made the subnet is compared with the host's routes
 * and the engine's other networks: EX_CONFIG "subnet-taken", naming who has
 * it.  A network that is there is used as it is, if it leaves a range free:
 * else EX_CONFIG "network-unfit".
 */
#ifndef ENGINE_NETWORK_H
#define ENGINE_NETWORK_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>
#include "base/err.h"
#include "engine/engine.h"

enum { ADDRESS_TEXT = 16 };

struct subnet {
	uint32_t base; /* host byte order */
	int prefix;
};

struct network {
	char name[64], id[72];
	struct subnet subnet;
	uint32_t first, last; /* the fixed addresses */
};

int network_ensure(struct engine *, const char *name, const char *subnet,
    struct network *, struct err *);

/* Puts a container into another network too; being there is fine. */
int network_join(struct engine *, const char *name, const char *container,
    struct err *);

int subnet_parse(const char *, struct subnet *); /* -1: not one */
bool subnet_overlap(const struct subnet *, const struct subnet *);
void address_text(uint32_t, char out[ADDRESS_TEXT]);
int address_parse(const char *, uint32_t *); /* -1: not one */
/*
 * text is that of /proc/net/route.  The first route that overlaps, but for
 * the default one: its device.
 */
bool route_overlaps(const char *text, const struct subnet *, char device[32]);
/* From an inspected network; -1: no range is left for fixed addresses. */
int network_read(const json_t *, struct network *);

#endif
