/* SPDX-License-Identifier: Apache-2.0 */
/* rtnetlink (rtnetlink(7)): shared between the files of NETLINK_ROUTE. */
#pragma once

#include <linux/rtnetlink.h>

#include "netlink/netlink.h"
#include "netlink/notify.h"
#include "netstack/bridge.h"
#include "netstack/info.h"
#include "netstack/qdisc.h"
#include "netstack/route.h"
#include "netstack/stack.h"

/* The configuration of a namespace at one instant. */
struct rt_snap {
	struct net_link_info *links;
	struct net_ifaddr *addrs;
	struct net_route *routes;
	struct net_neigh *neighs;
	size_t n_links, n_addrs, n_routes, n_neighs;
};

enum rt_part {
	RT_LINKS = 1,
	RT_ADDRS = 2,
	RT_ROUTES = 4,
	RT_NEIGHS = 8,
	RT_ALL = 15,
};

/* 0 or -ENOMEM. */
int rt_snap_take(struct netns *ns, struct rt_snap *ret, unsigned parts);
void rt_snap_fini(struct rt_snap *s);
const struct net_link_info *rt_link(const struct rt_snap *s, net_link_id id);
const struct net_link_info *rt_link_named(const struct rt_snap *s, const char *name);

static inline size_t rt_addr_len(int family)
{
	return family == AF_INET ? 4 : 16;
}

/* Reads an address attribute of @family. 0 or -EINVAL. */
int rt_addr(struct nl_req *rq, const struct nl_attr *a, int family, struct net_addr *ret);
/* Whether all IPv6 and IPv4 addresses of a prefix have zero bits behind it. */
bool rt_is_prefix(const struct net_addr *a, unsigned len);

/* Messages. @type: RTM_NEW* or RTM_DEL*; @flags, @seq, @port of the message. */
struct rt_hdr {
	uint16_t type, flags;
	uint32_t seq, port;
};
struct rt_hdr rt_reply(const struct nl_req *rq, uint16_t type);
/* The stack is locked. */
void rt_put_link(struct nl_out *o, const struct rt_hdr *h, const struct net_link_info *l,
		 const struct net_stack *stack);
void rt_put_addr(struct nl_out *o, const struct rt_hdr *h, const struct net_ifaddr *a,
		 const struct net_link_info *l);
void rt_put_route(struct nl_out *o, const struct rt_hdr *h, const struct net_route *r);
void rt_put_neigh(struct nl_out *o, const struct rt_hdr *h, const struct net_neigh *n);
void rt_put_fdb(struct nl_out *o, const struct rt_hdr *h, const struct net_fdb *f);
void rt_put_rule(struct nl_out *o, const struct rt_hdr *h, const struct net_rule *r);
const char *rt_qdisc_name(enum net_qdisc_kind kind);
void rt_put_qdisc(struct nl_out *o, const struct rt_hdr *h, const struct net_qdisc *q);

/* Handlers, one per object. */
int rt_link_request(struct nl_req *rq);
int rt_addr_request(struct nl_req *rq);
int rt_route_request(struct nl_req *rq);
int rt_neigh_request(struct nl_req *rq);
int rt_rule_request(struct nl_req *rq);
int rt_tc_request(struct nl_req *rq);
int rt_fdb_request(struct nl_req *rq);
int rt_netconf_request(struct nl_req *rq);
