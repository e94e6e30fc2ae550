/* SPDX-License-Identifier: Apache-2.0 */
/* Routing, private to ip/ and stack/: tables of routes (route.c), rules that choose a table (rule.c), and
 * the way within a multipath route (nexthop.c). */
#pragma once

#include "core/core.h"
#include "ip/flow.h"
#include "link/link.h"
#include "netstack/route.h"

struct ip;
struct ifaddr;

#define IP_PREFIX_LENS 129

struct fib_table {
	struct list list; /* in ip->tables[] */
	struct ip *ip;
	uint16_t family;
	uint32_t id;
	struct hash hash;		  /* (prefix, length) -> struct route */
	uint32_t per_len[IP_PREFIX_LENS]; /* how many routes have that length */
	uint32_t count;
};

struct route {
	struct hnode node;
	struct list all;
	struct list same; /* in the first route of the same prefix: by metric, then preference */
	struct fib_table *table;
	struct net_route r;
	struct link *link;			 /* of the only way, or the first */
	struct link *hop_link[NET_ROUTE_HOPS_MAX]; /* of r.hops */
	struct timer timer;
	struct ip *ip;
};

struct rule {
	struct list list; /* in ip->rules[], by priority */
	struct net_rule r;
	net_link_id iif, oif; /* of the names: -1 = no such link now */
};

/* What a lookup found. */
struct fib_result {
	struct route *rt;
	struct link *link; /* NULL: none needed (unreachable and its kin) */
	struct net_addr gateway;
	uint32_t table;
};

/* Table @id of @family; NULL: there is none (@make: no memory). */
struct fib_table *fib_table(struct ip *ip, uint16_t family, uint32_t id, bool make);
/* Rules, tables, nexthop. 0: a route of type UNICAST, LOCAL, BROADCAST or MULTICAST; else the errno of the
 * route or rule that said no, -ENETUNREACH if none said anything. */
int fib_lookup(struct ip *ip, const struct ip_flow *flow, struct fib_result *ret);
/* One table; false: nothing there for this flow. @suppress: routes of at most this length do not count
 * (-1: all do). A route of any type. */
bool fib_table_lookup(struct fib_table *t, const struct ip_flow *flow, int suppress,
		      struct fib_result *ret);
/* Picks the way of a route for a flow; false: none is up. */
bool nexthop_choose(struct route *rt, const struct ip_flow *flow, struct fib_result *ret);

int route_add(struct ip *ip, const struct net_route *from);
int route_change(struct ip *ip, const struct net_route *from, unsigned how);
int route_del(struct ip *ip, const struct net_route *key);
void route_free(struct route *rt);
/* All routes over @link. */
void routes_flush(struct ip *ip, struct link *link);
void routes_free(struct ip *ip);
void route_notify(const struct route *rt, bool gone);
/* The prefix route of an address. */
void route_add_prefix(struct ip *ip, struct ifaddr *ia);
void route_del_prefix(struct ip *ip, struct ifaddr *ia);

/* rule.c */
int rules_init(struct ip *ip);
void rules_free(struct ip *ip);
int rule_add(struct ip *ip, const struct net_rule *from);
int rule_del(struct ip *ip, const struct net_rule *key);
/* Names of links changed. */
void rules_resolve(struct ip *ip);
