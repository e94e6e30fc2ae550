/* SPDX-License-Identifier: Apache-2.0 */
/* Where a packet may come from: martian sources (RFC 1122 3.2.1.3, RFC 1812 5.3.7) and the reverse path
 * filter (RFC 3704; net.ipv4.conf.*.rp_filter: 1 strict, 2 loose). */
#include "ip/ip.h"

enum { RPF_OFF = 0, RPF_STRICT = 1, RPF_LOOSE = 2 };

/* Whether @link is one of the ways of what was found. */
static bool over_link(const struct fib_result *res, const struct link *link)
{
	if (res->link == link)
		return true;
	for (unsigned i = 0; i < res->rt->r.nhops; i++)
		if (res->rt->hop_link[i] == link)
			return true;
	return false;
}

static enum drop reverse_path(struct ip *ip, struct link *link, const struct pkt *pkt)
{
	struct ip_flow flow = {.dst = pkt->ip.src, .src = pkt->ip.dst, .tos = pkt->ip.tos};
	int32_t mode = conf4_max(link, NET_CONF4_rp_filter);
	struct fib_result res;

	if (mode == RPF_OFF)
		return DROP_NONE;
	if (conf4_or(link, NET_CONF4_src_valid_mark))
		flow.mark = pkt->mark;
	if (fib_lookup(ip, &flow, &res) < 0 || res.rt->r.type != NET_ROUTE_UNICAST)
		return DROP_IP_RP_FILTER;
	return mode == RPF_STRICT && !over_link(&res, link) ? DROP_IP_RP_FILTER : DROP_NONE;
}

enum drop rpf_check4(struct ip *ip, struct link *link, const struct pkt *pkt)
{
	const struct net_addr *src = &pkt->ip.src;

	if (addr_is_multicast(src) || addr_is_limited_broadcast(src))
		return DROP_IP4_SRC_ADDR;
	if (pkt->ip.local || link->kind == NET_LINK_LOOPBACK)
		return DROP_NONE;
	/* RFC 1122 3.2.1.3 (g): 127/8 never on the wire. */
	if (src->v4[0] == 127 && !conf4_or(link, NET_CONF4_route_localnet))
		return DROP_IP4_SRC_ADDR;
	/* (a): this host on this network, only while it looks for its address or its groups. */
	if (src->v4[0] == 0) {
		bool learning = addr_is_any(src) && (addr_is_limited_broadcast(&pkt->ip.dst) ||
						     addr_is_multicast(&pkt->ip.dst));

		return learning ? DROP_NONE : DROP_IP4_SRC_ADDR;
	}
	switch (ip_local_type(ip, src, NULL)) {
	case IP_LOCAL_US:
		return conf4_or(link, NET_CONF4_accept_local) ? DROP_NONE : DROP_IP_LOOP;
	case IP_LOCAL_BROADCAST:
		return DROP_IP4_SRC_ADDR;
	case IP_LOCAL_NONE:
		break;
	}
	return reverse_path(ip, link, pkt);
}
