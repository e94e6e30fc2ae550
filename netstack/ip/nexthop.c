/* SPDX-License-Identifier: Apache-2.0 */
/* The way within a route. Of several, the flow's hash picks one by weight (RFC 2992's aim: a flow keeps its
 * way); ways that are down do not take part, nor do IPv6 gateways that do not answer while others do. */
#include "ip/ip.h"

static bool link_fits(const struct link *link, const struct ip_flow *flow)
{
	return link && link->up && (!flow->oif || link->id == flow->oif);
}

/* Whether the gateway is known not to answer. */
static bool silent(struct ip *ip, struct link *link, const struct net_addr *gateway)
{
	const struct neigh *n;

	if (gateway->family != AF_INET6)
		return false;
	n = neigh_find(ip->links, link, gateway);
	return n && (n->state & (NET_NEIGH_FAILED | NET_NEIGH_INCOMPLETE));
}

/* net.ipv4.fib_multipath_hash_policy: 0 addresses, 1 ports too. */
static uint32_t flow_hash(struct ip *ip, const struct ip_flow *flow)
{
	struct {
		uint64_t a[4];
		uint32_t ports;
		uint32_t proto;
	} key = {{flow->src.quad[0], flow->src.quad[1], flow->dst.quad[0], flow->dst.quad[1]}, 0, 0};
	bool v6 = flow->dst.family == AF_INET6;

	if ((v6 ? ip->core->tun.ip6_multipath_hash_policy : ip->core->tun.ip_multipath_hash_policy) == 1) {
		key.ports = (uint32_t)flow->sport << 16 | flow->dport;
		key.proto = flow->proto;
	}
	return (uint32_t)siphash(&ip->core->key, &key, sizeof(key));
}

static unsigned weight(const struct net_nexthop *hop)
{
	return hop->weight ? hop->weight : 1;
}

static bool choose_of_many(struct route *rt, const struct ip_flow *flow, struct fib_result *ret)
{
	uint32_t total = 0, usable = 0, dumb = 0;
	uint64_t at;

	for (unsigned i = 0; i < rt->r.nhops; i++) {
		if (!link_fits(rt->hop_link[i], flow))
			continue;
		usable |= 1u << i;
		if (silent(rt->ip, rt->hop_link[i], &rt->r.hops[i].gateway))
			dumb |= 1u << i;
	}
	if (usable & ~dumb)
		usable &= ~dumb;
	for (unsigned i = 0; i < rt->r.nhops; i++)
		if (usable & 1u << i)
			total += weight(&rt->r.hops[i]);
	if (!total)
		return false;
	at = (uint64_t)flow_hash(rt->ip, flow) * total >> 32;
	for (unsigned i = 0; i < rt->r.nhops; i++) {
		if (!(usable & 1u << i))
			continue;
		if (at < weight(&rt->r.hops[i])) {
			ret->link = rt->hop_link[i];
			ret->gateway = rt->r.hops[i].gateway;
			return true;
		}
		at -= weight(&rt->r.hops[i]);
	}
	return false;
}

bool nexthop_choose(struct route *rt, const struct ip_flow *flow, struct fib_result *ret)
{
	ret->rt = rt;
	ret->table = rt->table->id;
	ret->link = rt->link;
	ret->gateway = rt->r.gateway;
	switch (rt->r.type) {
	case NET_ROUTE_UNREACHABLE:
	case NET_ROUTE_BLACKHOLE:
	case NET_ROUTE_PROHIBIT:
	case NET_ROUTE_THROW:
	case NET_ROUTE_LOCAL:
		return true;
	default:
		break;
	}
	if (rt->r.nhops)
		return choose_of_many(rt, flow, ret);
	return link_fits(rt->link, flow);
}
