/* SPDX-License-Identifier: Apache-2.0 */
/* NETLINK_ROUTE: dispatch, pictures of the configuration, and notifications as the difference of two
 * pictures: whatever a change brings with it (routes of an address, addresses of a link) is told.
 */
#include <errno.h>
#include <arpa/inet.h>
#include <net/if.h>
#include <stdlib.h>
#include <string.h>

#include "core/clock.h"
#include "net/netns.h"
#include "netlink/rt.h"
#include "netstack/change.h"
#include "task/task.h"

#define GROWTH 8 /* entries more than there were when counted */

#define TAKE_PART(part, n, array, count, call)                                                     \
	do {                                                                                       \
		if (!(parts & (part)))                                                             \
			break;                                                                     \
		size_t have_ = call(stack, NULL, 0) + GROWTH;                                      \
                                                                                                   \
		(array) = calloc(have_, sizeof(*(array)));                                         \
		if (!(array)) {                                                                    \
			r = -ENOMEM;                                                               \
			break;                                                                     \
		}                                                                                  \
		(count) = MIN(call(stack, (array), have_), have_);                                 \
	} while (0)

int rt_snap_take(struct netns *ns, struct rt_snap *ret, unsigned parts)
{
	struct net_stack *stack = netns_lock(ns);
	struct rt_snap s = { 0 };
	int r = 0;

	TAKE_PART(RT_LINKS, n, s.links, s.n_links, net_info_links);
	TAKE_PART(RT_ADDRS, n, s.addrs, s.n_addrs, net_info_addrs);
	TAKE_PART(RT_ROUTES, n, s.routes, s.n_routes, net_info_routes);
	TAKE_PART(RT_NEIGHS, n, s.neighs, s.n_neighs, net_info_neighs);
	netns_unlock_query(ns);
	if (r < 0)
		rt_snap_fini(&s);
	*ret = s;
	return r;
}

void rt_snap_fini(struct rt_snap *s)
{
	free(s->links);
	free(s->addrs);
	free(s->routes);
	free(s->neighs);
	*s = (struct rt_snap){ 0 };
}

const struct net_link_info *rt_link(const struct rt_snap *s, net_link_id id)
{
	for (size_t i = 0; i < s->n_links; i++) {
		if (s->links[i].link == id)
			return &s->links[i];
	}
	return NULL;
}

const struct net_link_info *rt_link_named(const struct rt_snap *s, const char *name)
{
	for (size_t i = 0; i < s->n_links; i++) {
		if (strcmp(s->links[i].name, name) == 0)
			return &s->links[i];
	}
	return NULL;
}

int rt_addr(struct nl_req *rq, const struct nl_attr *a, int family, struct net_addr *ret)
{
	memset(ret, 0, sizeof(*ret));
	if (!a->data)
		return 0;
	if (a->len < rt_addr_len(family))
		return nl_fail_attr(rq, -EINVAL, "Invalid address length", a->data);
	ret->family = (uint16_t)family;
	memcpy(ret->bytes, a->data, rt_addr_len(family));
	return 0;
}

bool rt_is_prefix(const struct net_addr *a, unsigned len)
{
	for (unsigned i = 0; i < rt_addr_len(a->family); i++) {
		unsigned keep = len > i * 8 ? MIN(len - i * 8, 8u) : 0;

		if (a->bytes[i] & (0xffu >> keep))
			return false;
	}
	return true;
}

struct rt_hdr rt_reply(const struct nl_req *rq, uint16_t type)
{
	return (struct rt_hdr){ .type = type, .flags = rq->dump ? NLM_F_MULTI : 0,
				.seq = rq->hdr.nlmsg_seq, .port = rq->sock->port };
}

/* --- notifications -------------------------------------------------------------------------------- */

static void tell_rdnss(struct nl_out *o, const struct net_rdnss *r)
{
	struct nduseroptmsg m = { .nduseropt_family = AF_INET6, .nduseropt_ifindex = r->link,
				  .nduseropt_icmp_type = 134,
				  .nduseropt_opts_len = (uint16_t)(8 + 16 * r->nservers) };
	uint8_t opt[8] = { 25, (uint8_t)(1 + 2 * r->nservers) };
	uint32_t lifetime = htonl(r->lifetime_s);

	memcpy(opt + 4, &lifetime, sizeof(lifetime));
	nl_begin(o, RTM_NEWNDUSEROPT, 0, 0, 0, &m, sizeof(m));
	nl_raw(o, opt, sizeof(opt));
	for (unsigned i = 0; i < r->nservers; i++)
		nl_raw(o, r->servers[i].v6, 16);
	nl_put(o, NDUSEROPT_SRCADDR, r->router.v6, 16);
	nl_end(o);
}

static void tell_prefix(struct nl_out *o, const struct net_prefix_info *p)
{
	struct prefixmsg m = { .prefix_family = AF_INET6, .prefix_ifindex = p->link,
			       .prefix_type = 3, .prefix_len = p->len,
			       .prefix_flags = (uint8_t)((p->on_link ? 1 : 0) |
							 (p->autonomous ? 2 : 0)) };
	struct prefix_cacheinfo ci = { .preferred_time = p->preferred_s, .valid_time = p->valid_s };

	nl_begin(o, RTM_NEWPREFIX, 0, 0, 0, &m, sizeof(m));
	nl_put(o, PREFIX_ADDRESS, p->prefix.v6, 16);
	nl_put(o, PREFIX_CACHEINFO, &ci, sizeof(ci));
	nl_end(o);
}

static bool v4(const struct net_addr *a)
{
	return a->family == AF_INET;
}

static uint32_t build_change(struct nl_out *o, struct net_stack *stack, const struct net_change *c)
{
	struct rt_hdr h = { 0 };
	struct net_link_info l;
	struct net_qdisc q;

	switch (c->kind) {
	case NET_CHANGE_LINK:
		h.type = c->gone ? RTM_DELLINK : RTM_NEWLINK;
		rt_put_link(o, &h, &c->link, stack);
		return RTNLGRP_LINK;
	case NET_CHANGE_ADDR:
		h.type = c->gone ? RTM_DELADDR : RTM_NEWADDR;
		rt_put_addr(o, &h, &c->addr, net_info_link(stack, c->addr.link, &l) == 0 ? &l : NULL);
		return v4(&c->addr.addr) ? RTNLGRP_IPV4_IFADDR : RTNLGRP_IPV6_IFADDR;
	case NET_CHANGE_ROUTE:
		h.type = c->gone ? RTM_DELROUTE : RTM_NEWROUTE;
		rt_put_route(o, &h, &c->route);
		return v4(&c->route.dst) ? RTNLGRP_IPV4_ROUTE : RTNLGRP_IPV6_ROUTE;
	case NET_CHANGE_RULE:
		h.type = c->gone ? RTM_DELRULE : RTM_NEWRULE;
		rt_put_rule(o, &h, &c->rule);
		return c->rule.family == AF_INET ? RTNLGRP_IPV4_RULE : RTNLGRP_IPV6_RULE;
	case NET_CHANGE_NEIGH:
		h.type = c->gone ? RTM_DELNEIGH : RTM_NEWNEIGH;
		rt_put_neigh(o, &h, &c->neigh);
		return RTNLGRP_NEIGH;
	case NET_CHANGE_FDB:
		h.type = c->gone ? RTM_DELNEIGH : RTM_NEWNEIGH;
		rt_put_fdb(o, &h, &c->fdb);
		return RTNLGRP_NEIGH;
	case NET_CHANGE_QDISC:
		h.type = c->gone ? RTM_DELQDISC : RTM_NEWQDISC;
		if (net_qdisc_get(stack, c->qdisc, &q) == 0)
			rt_put_qdisc(o, &h, &q);
		return RTNLGRP_TC;
	case NET_CHANGE_RDNSS:
		tell_rdnss(o, &c->rdnss);
		return RTNLGRP_ND_USEROPT;
	case NET_CHANGE_PREFIX:
		tell_prefix(o, &c->prefix);
		return RTNLGRP_IPV6_PREFIX;
	}
	return 0;
}

void rt_changed(struct netns *ns, struct net_stack *stack, const struct net_change *c)
{
	struct nl_out o = { 0 };
	uint32_t group = build_change(&o, stack, c);

	nl_multicast(ns, NETLINK_ROUTE, group, &o, NULL);
	nl_out_fini(&o);
}

/* The stack keeps changes while there are members of any group. */
static void members_changed(struct netns *ns)
{
	bool any = false;

	for (uint32_t g = 1; !any && g <= RTNLGRP_MAX; g++)
		any = nl_has_listeners(ns, NETLINK_ROUTE, g);

	struct net_stack *stack = netns_lock(ns);

	(void)net_changes_watch(stack, any);
	netns_unlock_query(ns);
}

/* --- dispatch ------------------------------------------------------------------------------------- */

static int route_request(struct nl_req *rq)
{
	uint16_t type = rq->hdr.nlmsg_type;
	/* Every object has four types: NEW, DEL, GET, SET. */
	bool get = (type & 3) == 2;
	/* In NEW and DEL requests the bits of a dump mean EXCL, REPLACE and so on. */
	int r;

	if (!get)
		rq->dump = false;
	if (type > RTM_MAX)
		return -EOPNOTSUPP;
	if (!get) {
		r = nl_need_admin(rq);
		if (r < 0)
			return r;
	}
	switch (type) {
	case RTM_NEWLINK:
	case RTM_DELLINK:
	case RTM_GETLINK:
	case RTM_SETLINK:
		return rt_link_request(rq);
	case RTM_NEWADDR:
	case RTM_DELADDR:
	case RTM_GETADDR:
		return rt_addr_request(rq);
	case RTM_NEWROUTE:
	case RTM_DELROUTE:
	case RTM_GETROUTE:
		return rt_route_request(rq);
	case RTM_NEWNEIGH:
	case RTM_DELNEIGH:
	case RTM_GETNEIGH:
		return rq->body[0] == AF_BRIDGE ? rt_fdb_request(rq) : rt_neigh_request(rq);
	case RTM_NEWRULE:
	case RTM_DELRULE:
	case RTM_GETRULE:
		return rt_rule_request(rq);
	case RTM_NEWQDISC:
	case RTM_DELQDISC:
	case RTM_GETQDISC:
	case RTM_NEWTCLASS:
	case RTM_DELTCLASS:
	case RTM_GETTCLASS:
	case RTM_NEWTFILTER:
	case RTM_DELTFILTER:
	case RTM_GETTFILTER:
		return rt_tc_request(rq);
	case RTM_GETNETCONF:
		return rt_netconf_request(rq);
	case RTM_GETADDRLABEL:
	case RTM_GETMDB:
	case RTM_GETNEXTHOP:
	case RTM_GETMULTICAST:
	case RTM_GETANYCAST:
		return rq->dump ? 0 : -EOPNOTSUPP; /* there are none */
	default:
		return -EOPNOTSUPP;
	}
}

const struct nl_proto nl_route = { .number = NETLINK_ROUTE, .groups = RTNLGRP_MAX,
				   .user_recv = true, .min_len = 1, .request = route_request,
				   .members = members_changed };
