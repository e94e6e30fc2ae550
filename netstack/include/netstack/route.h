/* SPDX-License-Identifier: Apache-2.0 */
/* Addresses, routes and neighbours: configuration from outside. */
#pragma once

#include <stdint.h>

#include "netstack/types.h"
#include "util/cleanup.h"

/* An address on a link. Adding one adds the route of its prefix, as Linux does. */
struct net_ifaddr {
	net_link_id link;
	struct net_addr addr;
	struct net_addr peer;	   /* point to point; family 0 = none */
	struct net_addr broadcast; /* IPv4; family 0 = computed from the prefix */
	uint8_t prefix_len;
	uint8_t dad;	      /* IPv6: 1 = detect duplicates first (RFC 4862 5.4) */
	uint8_t tentative;    /* out: detection is running, or failed if @duplicate */
	uint8_t duplicate;    /* out */
	uint8_t deprecated;   /* not preferred as a source */
	uint8_t dynamic;      /* out: from router advertisements */
	net_time valid_until; /* 0 = for ever */
	net_time preferred_until;
};

/* 0; -EBADF (link), -EINVAL, -EEXIST, -ENOSPC, -ENOMEM. Deletion: -EADDRNOTAVAIL if not there. */
MUST_CHECK int net_addr_add(struct net_stack *stack, const struct net_ifaddr *addr);
int net_addr_del(struct net_stack *stack, net_link_id link, const struct net_addr *addr,
		 uint8_t prefix_len);

enum net_route_type {
	NET_ROUTE_UNICAST = 0,
	NET_ROUTE_UNREACHABLE = 1, /* EHOSTUNREACH, ICMP host unreachable */
	NET_ROUTE_BLACKHOLE = 2,   /* EINVAL, silent */
	NET_ROUTE_PROHIBIT = 3,	   /* EACCES, ICMP administratively prohibited */
};

enum net_route_origin {
	NET_ROUTE_ORIGIN_STATIC = 0,
	NET_ROUTE_ORIGIN_KERNEL = 1, /* made with an address */
	NET_ROUTE_ORIGIN_RA = 2,
};

/* Longest prefix wins, then the smallest metric, then the oldest. */
struct net_route {
	struct net_addr dst; /* prefix; the family says which table */
	uint8_t prefix_len;
	uint8_t type;		 /* enum net_route_type */
	uint8_t origin;		 /* enum net_route_origin */
	struct net_addr gateway; /* family 0 = on link */
	struct net_addr prefsrc; /* family 0 = by selection */
	net_link_id link;	 /* 0 = found through the gateway */
	uint32_t metric;
	uint32_t mtu;	      /* 0 = of the link */
	net_time valid_until; /* 0 = for ever */
};

/* 0; -EINVAL, -EBADF (link), -EEXIST, -ENETUNREACH (gateway not on link), -ENOSPC, -ENOMEM. */
MUST_CHECK int net_route_add(struct net_stack *stack, const struct net_route *route);
/* Deletes the first route with that prefix; gateway, link and metric must match where given.
 * 0 or -ESRCH. */
int net_route_del(struct net_stack *stack, const struct net_route *route);

/* What a packet from @src (or NULL) to @dst would take. 0 or the errno that connect() would give.
 */
int net_route_lookup(struct net_stack *stack, const struct net_addr *dst,
		     const struct net_addr *src, net_link_id bound, struct net_route *ret,
		     struct net_addr *ret_src);

/* Numbers of Linux's NUD_* states. */
enum net_neigh_state {
	NET_NEIGH_NONE = 0,
	NET_NEIGH_INCOMPLETE = 0x01,
	NET_NEIGH_REACHABLE = 0x02,
	NET_NEIGH_STALE = 0x04,
	NET_NEIGH_DELAY = 0x08,
	NET_NEIGH_PROBE = 0x10,
	NET_NEIGH_FAILED = 0x20,
	NET_NEIGH_PERMANENT = 0x80,
};

struct net_neigh {
	net_link_id link;
	struct net_addr addr;
	uint8_t mac[6];
	uint8_t state; /* enum net_neigh_state */
	bool router;
};

/* Adds or replaces an entry (PERMANENT or STALE). 0, -EBADF, -EINVAL, -ENOSPC. */
int net_neigh_set(struct net_stack *stack, const struct net_neigh *neigh);
/* 0 or -ENOENT. */
int net_neigh_del(struct net_stack *stack, net_link_id link, const struct net_addr *addr);
