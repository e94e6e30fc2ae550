/* SPDX-License-Identifier: Apache-2.0 */
/* Bridges: links of type NET_LINK_BRIDGE, whose ports are given with net_link_set_master().
 *
 * Learns source addresses, floods what it does not know, delivers to itself what is for it (802.1D
 * 7.7; no spanning tree, no VLAN filtering). Frames to 01:80:c2:00:00:0X are not forwarded.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "netstack/types.h"
#include "util/cleanup.h"

struct net_bridge {
	uint32_t ageing_ms; /* 300 000 by default; 0 = never remember */
	uint32_t fdb_max;   /* entries that may be learned; 0 = 65536 */
	uint32_t fdb_count; /* out */
};

/* 0, -EBADF, -EINVAL (not a bridge). */
int net_bridge_get(const struct net_stack *stack, net_link_id bridge, struct net_bridge *ret);
int net_bridge_set(struct net_stack *stack, net_link_id bridge, const struct net_bridge *set);

/* What a port may do: all on by default. 0, -EBADF, -EINVAL (no port). */
struct net_bridge_port {
	bool learning, flood, mcast_flood, bcast_flood;
	bool hairpin;	/* off by default: may send back where it came from */
	bool isolated;	/* off by default: no frames to other isolated ports */
	uint8_t state;	/* BR_STATE_*: 0 disabled, 3 forwarding (set by link state), 4 blocking */
};

int net_bridge_port_get(const struct net_stack *stack, net_link_id port, struct net_bridge_port *ret);
int net_bridge_port_set(struct net_stack *stack, net_link_id port, const struct net_bridge_port *set);

/* An entry of the forwarding table. @port: where frames to @mac go; the bridge itself for its own and
 * its ports' addresses. */
struct net_fdb {
	net_link_id bridge;
	net_link_id port;
	uint8_t mac[6];
	bool permanent; /* never ages, never moves */
	bool local;	/* permanent, and ours: frames go up */
	net_dur age;	/* out: since it was last seen */
};

/* Adds or replaces. 0, -EBADF, -EINVAL, -ENOSPC, -ENOMEM. */
int net_fdb_set(struct net_stack *stack, const struct net_fdb *entry);
/* 0, -EBADF, -ENOENT. */
int net_fdb_del(struct net_stack *stack, net_link_id bridge, const uint8_t mac[6]);
/* @bridge 0: of all. As the dumps of netstack/info.h. */
size_t net_info_fdb(const struct net_stack *stack, net_link_id bridge, struct net_fdb *ret, size_t max);
