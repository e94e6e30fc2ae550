/* SPDX-License-Identifier: Apache-2.0 */
/* Paths: the routing decision, cached until something it depends on changes. */
#include "ip/path.h"

#include <errno.h>
#include <linux/rtnetlink.h>

#include "ip/ip.h"

/* The destination "any" means this host (Linux; RFC 1122 3.2.1.3 only forbids it on the wire). */
static void fix_any(struct ip_path *path)
{
	if (!addr_is_any(&path->dst))
		return;
	if (path->dst.family == AF_INET)
		path->dst = addr4(0x7f000001);
	else
		path->dst.v6[15] = 1;
}

static net_link_id wanted_link(const struct ip_path *path)
{
	if (addr_needs_scope(&path->dst) && path->dst.scope)
		return (net_link_id)path->dst.scope;
	return path->bound;
}

static struct link *first_ether(struct ip *ip)
{
	struct link *link;

	list_for_each_entry(link, &ip->links->all,
			    all) if (link->up && link->kind != NET_LINK_LOOPBACK) return link;
	return NULL;
}

static struct ip_flow flow_of(const struct ip_path *path)
{
	struct ip_flow flow = {
		.dst = path->dst,
		.oif = wanted_link(path),
		.iif = path->iif,
		.mark = path->mark,
		.uid = path->uid,
		.tos = path->tos,
		.proto = path->proto,
		.sport = path->sport,
		.dport = path->dport,
	};

	if (path->src_fixed)
		flow.src = path->src;
	return flow;
}

/* The link for multicast and limited broadcast: as asked, that of the source, a route's, the first.
 */
static int group_link(struct ip *ip, struct ip_path *path)
{
	net_link_id want = wanted_link(path);
	struct ip_flow flow = flow_of(path);
	struct fib_result res;

	if (want) {
		path->link = link_find(ip->links, want);
		return path->link ? 0 : -ENODEV;
	}
	if (path->src_fixed) {
		struct ifaddr *ia = ifaddr_find(ip, &path->src);

		if (ia) {
			path->link = ia->link;
			return 0;
		}
	}
	if (fib_lookup(ip, &flow, &res) == 0 && res.link)
		path->link = res.link;
	else
		path->link = first_ether(ip);
	return path->link ? 0 : -ENETUNREACH;
}

static int unicast_route(struct ip *ip, struct ip_path *path, struct fib_result *res)
{
	struct ip_flow flow = flow_of(path);
	int r = fib_lookup(ip, &flow, res);

	if (r < 0) {
		/* Bound to a link without a route: on link, as Linux does for IPv4. */
		struct link *link = path->bound ? link_find(ip->links, path->bound) : NULL;

		*res = (struct fib_result){0};
		if (r != -ENETUNREACH || !link || path->dst.family != AF_INET)
			return r;
		path->link = link;
		return 0;
	}
	if (res->rt->r.type == NET_ROUTE_LOCAL) {
		path->type = IP_DST_LOCAL;
		path->link = ip->links->lo;
		return 0;
	}
	if (path->dont_route && res->gateway.family)
		return -ENETUNREACH;
	if (res->rt->r.type == NET_ROUTE_BROADCAST)
		path->type = IP_DST_BROADCAST;
	path->link = res->link;
	if (res->gateway.family)
		path->next_hop = res->gateway;
	(void)redirect_get(ip, &path->dst, path->link, &path->next_hop);
	return 0;
}

/* Chooses or checks the source. */
static int pick_source(struct ip *ip, struct ip_path *path, const struct route *rt)
{
	struct ifaddr *ia;

	if (path->src_fixed) {
		if (path->nonlocal_src || ip_is_local(ip, &path->src, NULL))
			return 0;
		return path->dst.family == AF_INET ? -EINVAL : -EADDRNOTAVAIL;
	}
	if (path->local && !addr_is_multicast(&path->dst)) {
		path->src = path->dst;
		path->src.scope = 0;
		return 0;
	}
	if (rt && rt->r.prefsrc.family) {
		path->src = rt->r.prefsrc;
		return 0;
	}
	ia = src_select(ip, &path->dst, &path->next_hop, path->link, path->prefer);
	if (ia) {
		path->src = ia->addr;
		return 0;
	}
	/* RFC 1122 3.2.1.3: 0.0.0.0 as a source only while an address is being learned. */
	if (path->dst.family == AF_INET &&
	    (path->type == IP_DST_BROADCAST || path->type == IP_DST_MULTICAST)) {
		path->src = (struct net_addr){.family = AF_INET};
		return 0;
	}
	return path->dst.family == AF_INET ? -ENETUNREACH : -EADDRNOTAVAIL;
}

static uint32_t link_ip_mtu(const struct link *link, uint16_t family)
{
	if (family == AF_INET6 && link->ip6_mtu)
		return MIN(link->ip6_mtu, link->mtu);
	return link->mtu;
}

static int resolve(struct ip *ip, struct ip_path *path)
{
	struct fib_result res = {0};
	const struct route *rt;
	enum ip_local_type type;
	struct link *on = NULL;
	int r = 0;

	fix_any(path);
	path->local = false;
	path->neigh = NULL;
	path->link = NULL;
	path->route = NULL;
	path->next_hop = path->dst;
	path->type = IP_DST_UNICAST;
	if (addr_needs_scope(&path->dst) && path->dst.scope)
		on = link_find(ip->links, (net_link_id)path->dst.scope);
	type = ip_local_type(ip, &path->dst, on);
	if (addr_is_multicast(&path->dst)) {
		path->type = IP_DST_MULTICAST;
		r = group_link(ip, path);
	} else if (addr_is_limited_broadcast(&path->dst)) {
		path->type = IP_DST_BROADCAST;
		r = group_link(ip, path);
	} else if (type == IP_LOCAL_US) {
		path->type = IP_DST_LOCAL;
		path->link = ip->links->lo;
	} else if (addr_is_loopback(&path->dst)) {
		return -ENETUNREACH;
	} else {
		if (type == IP_LOCAL_BROADCAST)
			path->type = IP_DST_BROADCAST;
		r = unicast_route(ip, path, &res);
	}
	if (r < 0)
		return r;
	rt = path->route = res.rt;
	if (!path->link || !path->link->up)
		return -ENETUNREACH;
	if (path->dst.family == AF_INET6 && path->link->mtu < 1280)
		return -ENETUNREACH;
	path->local = path->link->kind == NET_LINK_LOOPBACK;
	if (addr_needs_scope(&path->dst))
		path->dst.scope = (uint32_t)path->link->id;
	path->link_mtu = link_ip_mtu(path->link, path->dst.family);
	path->route_mtu = rt && rt->r.mtu ? MIN(rt->r.mtu, path->link_mtu) : path->link_mtu;
	return pick_source(ip, path, rt);
}

static int refresh(struct ip *ip, struct ip_path *path)
{
	path->gen = ip->gen;
	path->pmtu_gen = ip->pmtu_gen - 1;
	path->error = resolve(ip, path);
	if (path->error == 0) {
		(void)ip_path_mtu(ip, path);
		ip_path_init_id(ip, path);
	}
	return path->error;
}

int ip_path_init_flow(struct ip *ip, struct ip_path *path, const struct ip_path_want *want)
{
	const struct ip_flow *f = &want->flow;

	*path = (struct ip_path){
		.dst = f->dst,
		.bound = f->oif,
		.mark = f->mark,
		.uid = f->uid,
		.tos = f->tos,
		.proto = f->proto,
		.sport = f->sport,
		.dport = f->dport,
		.prefer = want->prefer,
		.dont_route = want->dont_route,
		.nonlocal_src = want->nonlocal_src,
		.pmtudisc = IP_PMTU_WANT,
	};
	if (f->src.family && !addr_is_any(&f->src)) {
		path->src = f->src;
		path->src_fixed = true;
	}
	return refresh(ip, path);
}

int ip_path_forward(struct ip *ip, struct ip_path *path, const struct ip_flow *flow)
{
	*path = (struct ip_path){
		.dst = flow->dst,
		.src = flow->src,
		.src_fixed = true,
		.nonlocal_src = true,
		.iif = flow->iif,
		.mark = flow->mark,
		.tos = flow->tos,
		.proto = flow->proto,
		.pmtudisc = IP_PMTU_WANT,
	};
	return refresh(ip, path);
}

int ip_path_init(struct ip *ip, struct ip_path *path, const struct net_addr *dst,
		 const struct net_addr *src, net_link_id bound)
{
	struct ip_path_want want = {.flow = {.dst = *dst, .oif = bound}};

	if (src)
		want.flow.src = *src;
	return ip_path_init_flow(ip, path, &want);
}

uint32_t ip_path_metric(struct ip *ip, const struct ip_path *path, unsigned which)
{
	if (path->gen != ip->gen || path->error || !path->route || which > NET_RTAX_MAX)
		return 0;
	return path->route->r.metrics[which];
}

int ip_path_check(struct ip *ip, struct ip_path *path)
{
	if (path->gen == ip->gen)
		return path->error;
	return refresh(ip, path);
}

uint32_t ip_path_mtu(struct ip *ip, struct ip_path *path)
{
	if (path->pmtu_gen != ip->pmtu_gen) {
		bool route_locked = path->route && path->gen == ip->gen &&
				    (path->route->r.metrics[RTAX_LOCK] & 1u << RTAX_MTU);
		bool small = false;
		uint32_t learned = path->local || route_locked ? 0 : pmtu_get(ip, &path->dst, &small);

		path->mtu = path->route_mtu;
		path->mtu_locked = route_locked || small;
		if (learned && learned < path->mtu)
			path->mtu = learned;
		path->pmtu_gen = ip->pmtu_gen;
	}
	return path->mtu;
}

static struct neigh *path_neigh(struct ip *ip, struct ip_path *path)
{
	struct links *ls = ip->links;

	if (path->type != IP_DST_UNICAST || !path->link || path->link->kind != NET_LINK_ETHER)
		return NULL;
	if (path->neigh && path->neigh_gen == ls->neigh_gen)
		return path->neigh;
	return neigh_find(ls, path->link, &path->next_hop);
}

void ip_path_confirm(struct ip *ip, struct ip_path *path)
{
	struct neigh *n = path->gen == ip->gen && !path->error ? path_neigh(ip, path) : NULL;

	if (n)
		neigh_confirm(n);
}

void ip_path_suspect(struct ip *ip, struct ip_path *path)
{
	struct neigh *n = path->gen == ip->gen && !path->error ? path_neigh(ip, path) : NULL;

	if (n)
		neigh_suspect(n);
	pmtu_forget(ip, &path->dst);
}

void ip_udp_gro(struct ip *ip, int delta)
{
	ip->links->udp_gro = (uint32_t)((int64_t)ip->links->udp_gro + delta);
}

size_t ip_path_queued(const struct ip_path *path)
{
	return path->link ? link_queued(path->link) : 0;
}

int ip_xmit(struct ip *ip, struct ip_path *path, struct pkt *pkt)
{
	static const uint8_t broadcast[6] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff};
	struct link *link = path->link;
	uint16_t type = path->dst.family == AF_INET ? ETH_TYPE_IP4 : ETH_TYPE_IP6;
	uint8_t mac[6];

	pkt->at = PKT_AT_NET;
	pkt->ethertype = type;
	pkt->prio = path->prio;
	pkt->mark = path->mark;
	if (link->kind == NET_LINK_LOOPBACK)
		return loopback_output(link, pkt);
	if (link->kind == NET_LINK_IP)
		return link_output(link, pkt);
	if (link->noarp && path->type != IP_DST_MULTICAST && path->type != IP_DST_BROADCAST)
		return ether_output(link, pkt, link->mac, type);
	if (path->type == IP_DST_BROADCAST)
		return ether_output(link, pkt, broadcast, type);
	if (path->type == IP_DST_MULTICAST) {
		eth_mcast_mac(mac, &path->dst);
		return ether_output(link, pkt, mac, type);
	}
	if (!path->neigh || path->neigh_gen != ip->links->neigh_gen) {
		path->neigh = neigh_get(ip->links, link, &path->next_hop);
		path->neigh_gen = ip->links->neigh_gen;
		if (!path->neigh) {
			core_drop(ip->core, pkt, DROP_NEIGH_TABLE_FULL);
			return -ENOBUFS;
		}
	}
	return neigh_output(path->neigh, pkt, type);
}

int ip_output(struct ip *ip, struct ip_path *path, struct pkt *pkt, uint8_t proto)
{
	int r = ip_path_check(ip, path);

	if (r < 0) {
		if (path->dst.family == AF_INET)
			MIB_INC(ip->core, Ip_OutNoRoutes);
		else
			MIB_INC(ip->core, Ip6_OutNoRoutes);
		core_drop(ip->core, pkt, DROP_IP_NO_ROUTE);
		return r;
	}
	if (path->dst.family == AF_INET)
		return ip4_output(ip, path, pkt, proto);
	return ip6_output(ip, path, pkt, proto);
}

void ip_set_proto(struct ip *ip, uint8_t proto, const struct ip_proto *ops)
{
	ip->protos[proto] = *ops;
}
