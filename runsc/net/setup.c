/* SPDX-License-Identifier: Apache-2.0 */
/* --network=sandbox: adopts the interfaces of the container's network namespace.
 *
 * Whatever a manager (CNI, netavark, docker, ip) set up there is read through rtnetlink, the
 * addresses are taken away from the host's stack (its routes go with them), so that it neither
 * answers ARP nor resets connections it does not know, and the interface is opened for the
 * sandbox's stack.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/if_addr.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <arpa/inet.h>

#include "cli/log.h"
#include "net/nl.h"
#include "tap/open.h"

struct reading {
	struct net_plan *plan;
	struct cause *cause;
	int r;
};

static int link_by_ifindex(const struct net_plan *plan, int ifindex)
{
	for (uint32_t i = 0; i < plan->n_links; i++) {
		if (plan->links[i].ifindex == ifindex)
			return (int)i;
	}
	return -1;
}

static void read_link(struct nl_object *obj, void *arg)
{
	struct rtnl_link *link = (struct rtnl_link *)obj;
	struct reading *rd = arg;
	struct net_plan_link *to = &rd->plan->links[rd->plan->n_links];
	unsigned flags = rtnl_link_get_flags(link);
	struct nl_addr *mac = rtnl_link_get_addr(link);

	if (rd->r < 0 || (flags & IFF_LOOPBACK) || !(flags & IFF_UP))
		return;
	if (rd->plan->n_links == NET_MAX_LINKS) {
		rd->r = cause_set(rd->cause, -E2BIG, "network namespace: more than %d interfaces",
				  NET_MAX_LINKS);
		return;
	}
	*to = (struct net_plan_link){0};
	snprintf(to->name, sizeof(to->name), "%s", rtnl_link_get_name(link));
	to->ifindex = rtnl_link_get_ifindex(link);
	to->mtu = rtnl_link_get_mtu(link);
	if (!mac || nl_addr_get_len(mac) != sizeof(to->mac)) {
		log_warn("interface %s has no Ethernet header and is left out", to->name);
		return;
	}
	memcpy(to->mac, nl_addr_get_binary_addr(mac), sizeof(to->mac));
	rd->plan->n_links++;
}

static void read_addr(struct nl_object *obj, void *arg)
{
	struct rtnl_addr *addr = (struct rtnl_addr *)obj;
	struct reading *rd = arg;
	struct nl_addr *local = rtnl_addr_get_local(addr);
	int at = link_by_ifindex(rd->plan, rtnl_addr_get_ifindex(addr));
	struct net_plan_link *link;
	struct net_plan_addr *to;

	if (rd->r < 0 || at < 0 || !local || (rtnl_addr_get_flags(addr) & IFA_F_DADFAILED))
		return;
	link = &rd->plan->links[at];
	if (link->n_addrs == NET_MAX_ADDRS) {
		rd->r = cause_set(rd->cause, -E2BIG, "interface %s: more than %d addresses",
				  link->name, NET_MAX_ADDRS);
		return;
	}
	to = &link->addrs[link->n_addrs];
	to->family = rtnl_addr_get_family(addr);
	if (to->family != AF_INET && to->family != AF_INET6)
		return;
	memcpy(to->addr, nl_addr_get_binary_addr(local), nl_addr_get_len(local));
	to->prefix_len = (uint8_t)rtnl_addr_get_prefixlen(addr);
	link->n_addrs++;
}

static void copy_addr(uint8_t to[16], struct nl_addr *from)
{
	unsigned len = nl_addr_get_len(from);

	memcpy(to, nl_addr_get_binary_addr(from), len < 16 ? len : 16);
}

static void read_route(struct nl_object *obj, void *arg)
{
	struct rtnl_route *route = (struct rtnl_route *)obj;
	struct reading *rd = arg;
	struct nl_addr *dst = rtnl_route_get_dst(route), *gateway;
	struct rtnl_nexthop *hop;
	struct net_plan_route *to;
	int at;

	/* Routes that an address makes (protocol kernel) are made again by the sandbox's stack. */
	if (rd->r < 0 || rtnl_route_get_type(route) != RTN_UNICAST ||
	    rtnl_route_get_protocol(route) == RTPROT_KERNEL || !rtnl_route_get_nnexthops(route))
		return;
	if (rtnl_route_get_table(route) != RT_TABLE_MAIN) {
		if (rtnl_route_get_table(route) != RT_TABLE_LOCAL)
			log_warn("routes of table %u are left out: only the main table is adopted",
				 rtnl_route_get_table(route));
		return;
	}
	hop = rtnl_route_nexthop_n(route, 0);
	at = link_by_ifindex(rd->plan, rtnl_route_nh_get_ifindex(hop));
	if (at < 0)
		return;
	if (rd->plan->n_routes == NET_MAX_ROUTES) {
		rd->r = cause_set(rd->cause, -E2BIG, "network namespace: more than %d routes",
				  NET_MAX_ROUTES);
		return;
	}
	to = &rd->plan->routes[rd->plan->n_routes++];
	*to = (struct net_plan_route){.family = rtnl_route_get_family(route),
				      .link = (uint32_t)at,
				      .metric = rtnl_route_get_priority(route),
				      .from_host = true,
				      .protocol = rtnl_route_get_protocol(route)};
	if (dst) {
		copy_addr(to->dst, dst);
		to->dst_len = (uint8_t)nl_addr_get_prefixlen(dst);
	}
	gateway = rtnl_route_nh_get_gateway(hop);
	if (gateway && nl_addr_get_len(gateway) == (to->family == AF_INET ? 4 : 16)) {
		to->has_gateway = true;
		copy_addr(to->gateway, gateway);
	}
}

static void read_neigh(struct nl_object *obj, void *arg)
{
	struct rtnl_neigh *neigh = (struct rtnl_neigh *)obj;
	struct reading *rd = arg;
	struct nl_addr *dst = rtnl_neigh_get_dst(neigh), *mac = rtnl_neigh_get_lladdr(neigh);
	int at = link_by_ifindex(rd->plan, rtnl_neigh_get_ifindex(neigh));
	struct net_plan_neigh *to;

	if (rd->r < 0 || at < 0 || !dst || !mac || nl_addr_get_len(mac) != 6 ||
	    !(rtnl_neigh_get_state(neigh) & NUD_PERMANENT) ||
	    (rtnl_neigh_get_family(neigh) != AF_INET && rtnl_neigh_get_family(neigh) != AF_INET6) ||
	    rd->plan->n_neighs == NET_MAX_NEIGHS)
		return;
	to = &rd->plan->neighs[rd->plan->n_neighs++];
	*to = (struct net_plan_neigh){.family = rtnl_neigh_get_family(neigh), .link = (uint32_t)at};
	copy_addr(to->addr, dst);
	memcpy(to->mac, nl_addr_get_binary_addr(mac), 6);
}

static int walk(struct nl_sock *sk, int alloc_result, struct nl_cache **cache,
		void (*fn)(struct nl_object *, void *), struct reading *rd)
{
	(void)sk;
	if (alloc_result < 0)
		return cause_errno(rd->cause, nl_errno(alloc_result),
				   "reading the network namespace");
	nl_cache_foreach(*cache, fn, rd);
	nl_cache_free(*cache);
	return rd->r;
}

static int read_plan(struct nl_sock *sk, struct net_plan *plan, struct cause *cause)
{
	struct reading rd = {.plan = plan, .cause = cause};
	struct nl_cache *cache;
	int r;

	*plan = (struct net_plan){.version = NET_PLAN_VERSION};
	r = walk(sk, rtnl_link_alloc_cache(sk, AF_UNSPEC, &cache), &cache, read_link, &rd);
	if (r >= 0)
		r = walk(sk, rtnl_addr_alloc_cache(sk, &cache), &cache, read_addr, &rd);
	if (r >= 0)
		r = walk(sk, rtnl_route_alloc_cache(sk, AF_INET, 0, &cache), &cache, read_route,
			 &rd);
	if (r >= 0)
		r = walk(sk, rtnl_route_alloc_cache(sk, AF_INET6, 0, &cache), &cache, read_route,
			 &rd);
	if (r >= 0)
		r = walk(sk, rtnl_neigh_alloc_cache(sk, &cache), &cache, read_neigh, &rd);
	return r;
}

/* The host must not invent addresses again (router advertisements, link-local). */
static bool set_ipv6_disabled(const char *name, bool disabled)
{
	char path[128], now = '0';
	int fd;
	bool changed;

	snprintf(path, sizeof(path), "/proc/sys/net/ipv6/conf/%s/disable_ipv6", name);
	fd = open(path, O_RDWR | O_CLOEXEC);
	if (fd < 0)
		return false;
	changed = read(fd, &now, 1) == 1 && (now == '1') != disabled &&
		  pwrite(fd, disabled ? "1" : "0", 1, 0) == 1;
	close(fd);
	return changed;
}

static int take_addresses(struct nl_sock *sk, struct net_plan_link *link, struct cause *cause)
{
	for (uint32_t i = 0; i < link->n_addrs; i++) {
		int r = nl_addr_change(sk, link->ifindex, &link->addrs[i], false, 0);

		/* Removing one may remove others (secondary addresses). */
		if (r < 0 && r != -EADDRNOTAVAIL && r != -ENODEV)
			return cause_errno(cause, r, "interface %s: removing its addresses",
					   link->name);
	}
	link->had_ipv6 = set_ipv6_disabled(link->name, true);
	return 0;
}

static int open_links(struct nl_sock *sk, struct net_plan *plan, int fds[NET_MAX_LINKS],
		      struct cause *cause)
{
	for (uint32_t i = 0; i < plan->n_links; i++) {
		struct net_plan_link *link = &plan->links[i];
		struct tap_link tap;
		int r = tap_open_afpacket(link->name, &tap);

		if (r < 0)
			return cause_errno(cause, r, "interface %s", link->name);
		fds[i] = tap.fd;
		link->offloads = tap.offloads;
		r = take_addresses(sk, link, cause);
		if (r < 0)
			return r;
	}
	return 0;
}

static int restore_route(struct nl_sock *sk, const struct net_plan *plan,
			 const struct net_plan_route *from)
{
	unsigned len = from->family == AF_INET ? 4 : 16;
	struct rtnl_route *route = rtnl_route_alloc();
	struct rtnl_nexthop *hop = rtnl_route_nh_alloc();
	struct nl_addr *dst = nl_addr_build(from->family, from->dst, len);
	int r = -NLE_NOMEM;

	if (route && hop && dst) {
		nl_addr_set_prefixlen(dst, from->dst_len);
		rtnl_route_set_family(route, (uint8_t)from->family);
		rtnl_route_set_dst(route, dst);
		rtnl_route_set_table(route, RT_TABLE_MAIN);
		rtnl_route_set_protocol(route, from->protocol);
		rtnl_route_set_priority(route, from->metric);
		rtnl_route_nh_set_ifindex(hop, plan->links[from->link].ifindex);
		if (from->has_gateway) {
			struct nl_addr *gw = nl_addr_build(from->family, from->gateway, len);

			if (gw) {
				rtnl_route_nh_set_gateway(hop, gw);
				nl_addr_put(gw);
			}
		} else {
			rtnl_route_set_scope(route, RT_SCOPE_LINK);
		}
		rtnl_route_add_nexthop(route, hop);
		hop = NULL; /* the route's now */
		r = rtnl_route_add(sk, route, 0);
	}
	if (hop)
		rtnl_route_nh_free(hop);
	if (dst)
		nl_addr_put(dst);
	if (route)
		rtnl_route_put(route);
	return nl_errno(r);
}

/* In the namespace already. */
static void give_back(struct nl_sock *sk, const struct net_plan *plan)
{
	for (uint32_t i = 0; i < plan->n_links; i++) {
		const struct net_plan_link *link = &plan->links[i];

		if (link->had_ipv6)
			(void)set_ipv6_disabled(link->name, false);
		for (uint32_t j = 0; j < link->n_addrs; j++)
			(void)nl_addr_change(sk, link->ifindex, &link->addrs[j], true,
					     link->addrs[j].family == AF_INET6 ? IFA_F_NODAD : 0);
	}
	/* On-link routes first: gateways must be reachable when their route is added. */
	for (int pass = 0; pass < 2; pass++) {
		for (uint32_t i = 0; i < plan->n_routes; i++) {
			const struct net_plan_route *route = &plan->routes[i];

			if (route->from_host && route->has_gateway == (pass == 1))
				(void)restore_route(sk, plan, route);
		}
	}
}

static int adopt_here(struct net_plan *plan, int fds[NET_MAX_LINKS], struct cause *cause)
{
	CLEANUP(nl_close_freep) struct nl_sock *sk = NULL;
	int r = nl_open(&sk, cause);

	if (r < 0)
		return r;
	r = read_plan(sk, plan, cause);
	if (r < 0)
		return r;
	r = open_links(sk, plan, fds, cause);
	if (r < 0) {
		give_back(sk, plan);
		for (uint32_t i = 0; i < plan->n_links; i++) {
			if (fds[i] >= 0)
				close(fds[i]);
			fds[i] = -1;
		}
	}
	return r;
}

int net_adopt(int netns_fd, struct net_plan *plan, int fds[NET_MAX_LINKS], struct cause *cause)
{
	int home, r;

	for (int i = 0; i < NET_MAX_LINKS; i++)
		fds[i] = -1;
	home = netns_enter(netns_fd, cause);
	if (home < 0)
		return home;
	r = adopt_here(plan, fds, cause);
	netns_leave(home);
	return r;
}

void net_restore(int netns_fd, const struct net_plan *plan)
{
	CLEANUP(nl_close_freep) struct nl_sock *sk = NULL;
	struct cause ignored;
	int home = netns_enter(netns_fd, &ignored);

	if (home < 0)
		return;
	if (nl_open(&sk, &ignored) >= 0)
		give_back(sk, plan);
	netns_leave(home);
}

bool net_plan_address(const struct net_plan *plan, int family, char *buf, size_t size)
{
	for (uint32_t i = 0; i < plan->n_links; i++) {
		for (uint32_t j = 0; j < plan->links[i].n_addrs; j++) {
			const struct net_plan_addr *a = &plan->links[i].addrs[j];

			if (a->family == family && !(family == AF_INET6 && a->addr[0] == 0xfe &&
						     (a->addr[1] & 0xc0) == 0x80))
				return inet_ntop(family, a->addr, buf, (socklen_t)size) != NULL;
		}
	}
	return false;
}
