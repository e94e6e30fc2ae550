/* SPDX-License-Identifier: Apache-2.0 */
/* IPv4 receive path (RFC 791, RFC 1122 3.2). */
#include "ip/ip.h"

static enum drop check_source(struct ip *ip, struct link *link, const struct pkt *pkt)
{
	const struct net_addr *src = &pkt->ip.src;

	if (addr_is_multicast(src) || addr_is_limited_broadcast(src))
		return DROP_IP4_SRC_ADDR;
	if (pkt->ip.local || link->kind == NET_LINK_LOOPBACK)
		return DROP_NONE;
	/* RFC 1122 3.2.1.3 (g): 127/8 never on the wire. */
	if (src->v4[0] == 127)
		return DROP_IP4_SRC_ADDR;
	switch (ip_local_type(ip, src, NULL)) {
	case IP_LOCAL_US:
		return DROP_IP_LOOP;
	case IP_LOCAL_BROADCAST:
		return DROP_IP4_SRC_ADDR;
	case IP_LOCAL_NONE:
		break;
	}
	return DROP_NONE;
}

/* Whether the packet is for us; sets the kind of its destination. */
static enum drop check_dest(struct ip *ip, struct link *link, struct pkt *pkt)
{
	const struct net_addr *dst = &pkt->ip.dst;

	if (addr_is_any(dst))
		return DROP_IP4_DST_ADDR;
	if (dst->v4[0] == 127 && link->kind != NET_LINK_LOOPBACK)
		return DROP_IP4_DST_ADDR;
	if (addr_is_multicast(dst)) {
		static const uint8_t all_hosts[4] = {224, 0, 0, 1};

		pkt->ip.multicast = true;
		if (memcmp(dst->v4, all_hosts, 4) && !mcast_find(link, dst))
			return DROP_MCAST_NOT_JOINED;
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
	return DROP_IP_NOT_US;
}

static enum drop check_options(struct ip *ip, struct pkt *pkt, unsigned len)
{
	uint32_t has;
	unsigned bad_at = 0;
	enum drop why = ip4_parse_opts(&has, &bad_at, pkt_data(pkt) + IP4_HDR_LEN, len);

	if (why != DROP_NONE) {
		pkt->l3_off = pkt->off;
		icmp4_error(ip, pkt, ICMP4_PARAM, 0, (IP4_HDR_LEN + bad_at) << 24);
		return why;
	}
	/* Linux's accept_source_route = 0. */
	return has & IP4_OPT_SOURCE_ROUTE ? DROP_IP4_SOURCE_ROUTE : DROP_NONE;
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
	why = check_source(ip, link, pkt);
	if (why == DROP_NONE && hdr.hdr_len > IP4_HDR_LEN)
		why = check_options(ip, pkt, hdr.hdr_len - IP4_HDR_LEN);
	if (why != DROP_NONE) {
		MIB_INC(ip->core, Ip_InAddrErrors);
		core_drop(ip->core, pkt, why);
		return;
	}
	why = check_dest(ip, link, pkt);
	if (why == DROP_IP_NOT_US && ip->core->tun.ip_forward && !pkt->ip.link_multi) {
		ip4_forward(ip, link, pkt);
		return;
	}
	if (why != DROP_NONE) {
		MIB_INC(ip->core, Ip_InAddrErrors);
		core_drop(ip->core, pkt, why);
		return;
	}
	count_in(ip, pkt);
	pkt_pull(pkt, hdr.hdr_len);
	if (hdr.frag_off || (hdr.flags & IP4_MF)) {
		struct reasm_in in = {hdr.src,	 hdr.dst,      hdr.id,
				      hdr.proto, hdr.frag_off, hdr.flags & IP4_MF};

		pkt = reasm_input(ip, link, pkt, &in);
		if (!pkt)
			return;
	}
	ip_deliver(ip, link, pkt, hdr.proto);
}
