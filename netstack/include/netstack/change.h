/* SPDX-License-Identifier: Apache-2.0 */
/* What changed in links, addresses, routes, neighbours and rules, in order: "ip monitor", and what a
 * name resolver learns from routers. Off until watched; bounded: what does not fit is told by @lost.
 */
#pragma once

#include "netstack/bridge.h"
#include "netstack/info.h"
#include "netstack/route.h"
#include "netstack/types.h"

enum net_change_kind {
	NET_CHANGE_LINK,
	NET_CHANGE_ADDR,
	NET_CHANGE_ROUTE,
	NET_CHANGE_RULE,
	NET_CHANGE_NEIGH,
	NET_CHANGE_FDB,
	NET_CHANGE_QDISC, /* link */
	NET_CHANGE_RDNSS, /* RFC 8106: servers of a router advertisement */
	NET_CHANGE_PREFIX, /* RTM_NEWPREFIX */
};

#define NET_RDNSS_MAX 8

struct net_rdnss {
	net_link_id link;
	struct net_addr router;
	uint32_t lifetime_s; /* 0 = no longer, UINT32_MAX = for ever */
	unsigned nservers;
	struct net_addr servers[NET_RDNSS_MAX];
	char search[256]; /* DNSSL: names, space between; empty = none */
	bool managed, other; /* DHCPv6 flags of the advertisement */
};

struct net_prefix_info {
	net_link_id link;
	struct net_addr prefix;
	uint8_t len;
	bool on_link, autonomous;
	uint32_t valid_s, preferred_s;
};

struct net_change {
	enum net_change_kind kind;
	bool gone;	/* deleted, else new or changed */
	uint32_t lost;	/* changes before this one that were not kept */
	union {
		struct net_link_info link;
		struct net_ifaddr addr;
		struct net_route route;
		struct net_rule rule;
		struct net_neigh neigh;
		struct net_fdb fdb;
		net_link_id qdisc;
		struct net_rdnss rdnss;
		struct net_prefix_info prefix;
	};
};

/* Starts or stops keeping changes (off at first; stopping forgets). -ENOMEM. */
int net_changes_watch(struct net_stack *stack, bool on);
/* Takes the next one. Returns whether there was one. */
bool net_changes_next(struct net_stack *stack, struct net_change *ret);
