/* SPDX-License-Identifier: Apache-2.0 */
/* IPv4 receive path (RFC 791, RFC 1122 3.2). */
#include "ip/ip.h"

/* Whether the packet is for us; sets the kind of its destination. */
static enum drop check_dest(struct ip *ip, struct link *link, struct pkt *pkt)
{
	const struct net_addr *dst = &pkt->ip.dst;
	const struct mcast_group *g;

	if (addr_is_any(dst))
		return DROP_IP4_DST_ADDR;
	if (dst->v4[0] == 127 && link->kind != NET_LINK_LOOPBACK &&
	    !conf4_or(link, NET_CONF4_route_localnet))
		return DROP_IP4_DST_ADDR;
	if (dst->v4[0] == 0)
		return DROP_IP4_DST_ADDR;
	if (addr_is_multicast(dst)) {
		static const uint8_t all_hosts[4] = {224, 0, 0, 1};

		pkt->ip.multicast = true;
		if (!memcmp(dst->v4, all_hosts, 4))
			return DROP_NONE;
		g = mcast_find(link, dst);
		if (!g)
			return DROP_MCAST_NOT_JOINED;
		/* IGMP itself is heard whoever sends it. */
		if (pkt->ip.proto != 2 && !mcast_filter_passes(&g->now, &pkt->ip.src))
			return DROP_MCAST_SOURCE;
		return DROP_NONE;
	}
	switch (ip_local_type(ip, dst, link)) {
	case IP_LOCAL_US:
		/* RFC 1122 3.3.6: a link-level broadcast of a unicast packet is not for transports
		 * that answer; they look at link_multi. */
		return DROP_NONE;
	case IP_LOCAL_BROADCAST:
		pkt->ip.broadcast = true;
		return DROP_NONE;
	case IP_LOCAL_NONE:
		break;
	}
	return ip_route_local(ip, link, pkt) ? DROP_NONE : DROP_IP_NOT_US;
}

/* Header checks; on success the view is the packet, trimmed to its length. */
static enum drop parse(struct ip *ip, struct link *link, struct pkt *pkt, struct ip4_hdr *hdr)
{
	enum drop why;
	struct rd in;

	if (!pkt_pullup(pkt, IP4_HDR_LEN))
		return DROP_IP4_TRUNCATED;
	pkt_rd(pkt, &in);
	why = ip4_parse(hdr, &in);
	if (why == DROP_IP4_HDR_LEN && pkt_pullup(pkt, MIN((uint32_t)IP4_HDR_MAX, pkt->len))) {
		pkt_rd(pkt, &in);
		why = ip4_parse(hdr, &in);
	}
	if (why != DROP_NONE)
		return why;
	if (hdr->total_len > pkt->len)
		return DROP_IP4_TOTAL_LEN;
	pkt_trim(pkt, hdr->total_len);
	if (!pkt->ip.local && !ip4_sum_ok(pkt_data(pkt), hdr->hdr_len)) {
		MIB_INC(ip->core, IpExt_InCsumErrors);
		return DROP_IP4_CHECKSUM;
	}
	pkt->ip.src = hdr->src;
	pkt->ip.dst = hdr->dst;
	pkt->ip.link = link->id;
	pkt->ip.proto = hdr->proto;
	pkt->ip.hop_limit = hdr->ttl;
	pkt->ip.tos = hdr->tos;
	pkt->ip.hdr_len = hdr->hdr_len;
	pkt->l3_off = pkt->off;
	return DROP_NONE;
}

static void count_in(struct ip *ip, const struct pkt *pkt)
{
	MIB_ADD(ip->core, IpExt_InOctets, pkt->len);
	if (pkt->ip.multicast)
		MIB_INC(ip->core, IpExt_InMcastPkts);
	if (pkt->ip.broadcast)
		MIB_INC(ip->core, IpExt_InBcastPkts);
}

void ip4_input(struct ip *ip, struct link *link, struct pkt *pkt)
{
	struct ip4_hdr hdr;
	enum drop why;

	MIB_INC(ip->core, Ip_InReceives);
	why = parse(ip, link, pkt, &hdr);
	if (why != DROP_NONE) {
		MIB_INC(ip->core, Ip_InHdrErrors);
		core_drop(ip->core, pkt, why);
		return;
	}
	why = rpf_check4(ip, link, pkt);
	if (why == DROP_NONE && hdr.hdr_len > IP4_HDR_LEN)
		why = opts4_input(ip, link, pkt, hdr.hdr_len);
	if (why != DROP_NONE) {
		MIB_INC(ip->core, Ip_InAddrErrors);
		core_drop(ip->core, pkt, why);
		return;
	}
	bool fragment = hdr.frag_off || (hdr.flags & IP4_MF);

	if (!fragment && !ip_hook_run(ip, IP_HOOK_PREROUTING, link, NULL, pkt))
		return;
	why = check_dest(ip, link, pkt);
	if (why == DROP_IP_NOT_US && link->conf.v4[NET_CONF4_forwarding] && !pkt->ip.link_multi) {
		ip4_forward(ip, link, pkt);
		return;
	}
	if (why != DROP_NONE) {
		MIB_INC(ip->core, Ip_InAddrErrors);
		core_drop(ip->core, pkt, why);
		return;
	}
	if (pkt->ip.link_multi && !pkt->ip.multicast && !pkt->ip.broadcast &&
	    conf4_or(link, NET_CONF4_drop_unicast_in_l2_multicast)) {
		core_drop(ip->core, pkt, DROP_ETH_OTHER_HOST);
		return;
	}
	count_in(ip, pkt);
	if (hdr.hdr_len > IP4_HDR_LEN)
		opts4_stamp(ip, pkt, &pkt->ip.dst);
	if (!fragment && !ip_hook_run(ip, IP_HOOK_INPUT, link, NULL, pkt))
		return;
	pkt_pull(pkt, hdr.hdr_len);
	if (fragment) {
		struct reasm_in in = {hdr.src,	 hdr.dst,      hdr.id,
				      hdr.proto, hdr.frag_off, hdr.flags & IP4_MF};

		pkt = reasm_input(ip, link, pkt, &in);
		if (!pkt || !ip_hook_reassembled(ip, link, pkt, hdr.proto))
			return;
	}
	ip_deliver(ip, link, pkt, hdr.proto);
}
