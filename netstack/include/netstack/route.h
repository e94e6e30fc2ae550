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
	uint8_t optimistic;   /* IPv6: usable while detection runs (RFC 4429) */
	uint8_t tentative;    /* out: detection is running, or failed if @duplicate */
	uint8_t duplicate;    /* out */
	uint8_t deprecated;   /* not preferred as a source */
	uint8_t dynamic;      /* out: from router advertisements */
	uint8_t temporary;    /* out: RFC 8981 */
	uint8_t stable;	      /* out: RFC 7217 */
	uint8_t secondary;    /* out: IPv4, another address of the prefix came first */
	uint8_t no_prefix_route; /* make no route of the prefix */
	uint8_t manage_temp;  /* temporary addresses are made after this one */
	uint8_t scope;	      /* RT_SCOPE_*; 0 = universe (IPv6: out) */
	uint8_t proto;	      /* IFAPROT_*, kept */
	char label[16];	      /* IPv4; empty = name of the link */
	uint32_t route_metric; /* of the prefix route; 0 = default */
	net_time valid_until; /* 0 = for ever */
	net_time preferred_until;
	net_time created, updated; /* out */
};

/* 0; -EBADF (link), -EINVAL, -EEXIST, -ENOSPC, -ENOMEM. Deletion: -EADDRNOTAVAIL if not there. */
MUST_CHECK int net_addr_add(struct net_stack *stack, const struct net_ifaddr *addr);
/* The same, but an address that is there gets the lifetimes, flags and metric of @addr. */
MUST_CHECK int net_addr_set(struct net_stack *stack, const struct net_ifaddr *addr);
int net_addr_del(struct net_stack *stack, net_link_id link, const struct net_addr *addr,
		 uint8_t prefix_len);

/* Tables by number, as Linux: 1..2^32-1. A table exists while it has routes. */
#define NET_TABLE_DEFAULT 253
#define NET_TABLE_MAIN 254
#define NET_TABLE_LOCAL 255

enum net_route_type {
	NET_ROUTE_UNICAST = 0,
	NET_ROUTE_UNREACHABLE = 1, /* EHOSTUNREACH, ICMP host unreachable */
	NET_ROUTE_BLACKHOLE = 2,   /* EINVAL, silent */
	NET_ROUTE_PROHIBIT = 3,	   /* EACCES, ICMP administratively prohibited */
	NET_ROUTE_THROW = 4,	   /* ends the search of this table */
	NET_ROUTE_LOCAL = 5,	   /* ours (IPv4 and IPv6: ip route add local PREFIX dev lo) */
	NET_ROUTE_BROADCAST = 6,   /* out only */
	NET_ROUTE_MULTICAST = 7,   /* only says which link groups go to */
};

enum net_route_origin {
	NET_ROUTE_ORIGIN_STATIC = 0,
	NET_ROUTE_ORIGIN_KERNEL = 1, /* made with an address */
	NET_ROUTE_ORIGIN_RA = 2,
};

#define NET_ROUTE_HOPS_MAX 8
#define NET_RTAX_MAX 17 /* Linux's RTAX_* number the metrics */

#define NET_HOP_ONLINK 4 /* RTNH_F_ONLINK: the gateway is reachable without a route to it */
#define NET_HOP_DOWN 16	 /* out: RTNH_F_LINKDOWN */

/* One way of a multipath route. */
struct net_nexthop {
	struct net_addr gateway; /* family 0 = on link */
	net_link_id link;	 /* 0 = found through the gateway */
	uint16_t weight;	 /* 1..256; 0 means 1 */
	uint8_t flags;		 /* NET_HOP_* */
};

/* Longest prefix wins, then the smallest metric, then the oldest. */
struct net_route {
	struct net_addr dst; /* prefix; the family says which table */
	uint8_t prefix_len;
	uint8_t type;		 /* enum net_route_type */
	uint8_t origin;		 /* enum net_route_origin */
	uint8_t protocol;	 /* RTPROT_*; 0 = by origin */
	uint8_t scope;		 /* RT_SCOPE_*, kept; 0 = universe */
	uint8_t tos;		 /* IPv4: only for packets of this TOS; 0 = all */
	uint8_t pref;		 /* IPv6, RFC 4191: 0 medium, 1 high, 3 low */
	uint8_t flags;		 /* NET_HOP_ONLINK of @gateway */
	struct net_addr gateway; /* family 0 = on link */
	struct net_addr prefsrc; /* family 0 = by selection */
	net_link_id link;	 /* 0 = found through the gateway */
	uint32_t table;		 /* 0 = main */
	uint32_t metric;	 /* IPv6: 0 = 1024 */
	uint32_t mtu;	      /* 0 = of the link */
	net_time valid_until; /* 0 = for ever */
	uint32_t metrics[NET_RTAX_MAX + 1]; /* RTAX_*; [RTAX_LOCK] is a bit mask of numbers; [RTAX_MTU]
					     * and @mtu are one */
	uint8_t nhops;		 /* 0: @gateway and @link are the only way */
	struct net_nexthop hops[NET_ROUTE_HOPS_MAX];
};

/* Linux's NLM_F_* of RTM_NEWROUTE. */
#define NET_ROUTE_REPLACE 0x100
#define NET_ROUTE_EXCL 0x200
#define NET_ROUTE_CREATE 0x400
#define NET_ROUTE_APPEND 0x800

/* RTM_NEWROUTE: @how says what to do about a route of the same prefix, TOS and metric. 0; errors of
 * net_route_add(); -ENOENT (REPLACE without CREATE, and none there). IPv6 APPEND (or CREATE without
 * EXCL) adds a way to the route that is there. */
MUST_CHECK int net_route_change(struct net_stack *stack, const struct net_route *route, unsigned how);

/* 0; -EINVAL, -EBADF (link), -EEXIST, -ENETUNREACH (gateway not on link), -ENOSPC, -ENOMEM. */
MUST_CHECK int net_route_add(struct net_stack *stack, const struct net_route *route);
/* Deletes the first route with that prefix; gateway, link and metric must match where given.
 * 0 or -ESRCH. */
int net_route_del(struct net_stack *stack, const struct net_route *route);

/* What routing looks at, for "ip route get". */
struct net_route_query {
	struct net_addr dst, src; /* src family 0 = choose */
	net_link_id oif, iif;	  /* iif: as if received there */
	uint32_t mark, uid;
	uint8_t tos, proto;
	uint16_t sport, dport;
};

/* 0 or Linux's errno. @ret: the route, @gateway and @link those of the way chosen, nhops 0; @ret_src:
 * the source. Local destinations give type LOCAL, table 255, link lo. */
int net_route_get(struct net_stack *stack, const struct net_route_query *q, struct net_route *ret,
		  struct net_addr *ret_src);
/* Routes of table 255, which addresses make: like net_info_routes(). */
size_t net_info_local_routes(const struct net_stack *stack, struct net_route *ret, size_t max);

enum net_rule_action {
	NET_RULE_TABLE = 1,
	NET_RULE_GOTO = 2,
	NET_RULE_NOP = 3,
	NET_RULE_BLACKHOLE = 6,
	NET_RULE_UNREACHABLE = 7,
	NET_RULE_PROHIBIT = 8,
};

/* A rule of policy routing. Zero means "any" throughout. Numbers of actions are FR_ACT_*. */
struct net_rule {
	uint16_t family; /* AF_INET, AF_INET6 */
	uint32_t priority;
	uint8_t has_priority; /* add: 0 = just before the first that is not of priority 0 */
	uint8_t action;	      /* enum net_rule_action */
	uint32_t table;
	uint32_t target; /* GOTO: priority to go on at */
	struct net_addr src, dst;
	uint8_t src_len, dst_len;
	uint8_t invert; /* "not" */
	uint8_t tos;
	char iif[16], oif[16]; /* by name: a link may come later; iif "lo" = sent by us */
	uint32_t mark, mark_mask;
	uint8_t ip_proto;
	uint16_t sport[2], dport[2]; /* ranges */
	uint8_t has_uid;
	uint32_t uid[2];
	int32_t suppress_prefix_len; /* -1 = none; a route of at most this length is passed over */
	uint8_t protocol;	     /* RTPROT_*, kept */
	uint8_t l3mdev;		     /* refused */
};

/* 0; -EINVAL, -EEXIST, -ENOSPC, -ENOMEM; -EOPNOTSUPP (l3mdev). Each family starts with 0: table local,
 * 32766: main and (IPv4) 32767: default. */
MUST_CHECK int net_rule_add(struct net_stack *stack, const struct net_rule *rule);
/* Deletes the first rule that agrees in all that @rule gives. 0 or -ENOENT. Local delivery does not
 * depend on the rule of priority 0. */
int net_rule_del(struct net_stack *stack, const struct net_rule *rule);
size_t net_info_rules(const struct net_stack *stack, uint16_t family, struct net_rule *ret, size_t max);

/* Forgets learned MTUs and redirects. */
void net_route_flush_cache(struct net_stack *stack);

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
	NET_NEIGH_NOARP = 0x40,
	NET_NEIGH_PERMANENT = 0x80,
};

struct net_neigh {
	net_link_id link;
	struct net_addr addr;
	uint8_t mac[6];
	uint8_t state; /* enum net_neigh_state */
	bool router;
	bool proxy; /* an address that we answer for (proxy ARP, proxy ND): nothing else counts */
	uint8_t probes;		       /* out */
	uint8_t protocol;	       /* RTPROT_*, kept */
	net_time used, confirmed, updated; /* out */
};

/* Adds or replaces an entry (any state but INCOMPLETE and FAILED). 0, -EBADF, -EINVAL, -ENOSPC. */
int net_neigh_set(struct net_stack *stack, const struct net_neigh *neigh);
/* 0 or -ENOENT. */
int net_neigh_del(struct net_stack *stack, net_link_id link, const struct net_addr *addr);
/* The same for a proxy entry. */
int net_neigh_del_proxy(struct net_stack *stack, net_link_id link, const struct net_addr *addr);
/* Adds an entry if there is none and probes it now (NTF_USE). 0, -EBADF, -EINVAL, -ENOSPC. */
int net_neigh_probe(struct net_stack *stack, net_link_id link, const struct net_addr *addr);
