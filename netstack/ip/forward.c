/* SPDX-License-Identifier: Apache-2.0 */
/* Forwarding, when switched on: hop limit, route, MTU (RFC 1812 5, RFC 8200 3). Off by default. */
#include "ip/ip.h"

#include "wire/checksum.h"

/* A path for somebody else's packet: its source stays. */
static int forward_path(struct ip *ip, struct ip_path *path, const struct pkt *pkt)
{
	int r = ip_path_init(ip, path, &pkt->ip.dst, NULL, 0);

	if (r < 0)
		return r;
	path->src = pkt->ip.src;
	return 0;
}

/* Length that a next hop would see: of one segment, for a super-segment. */
static uint32_t wire_len(const struct pkt *pkt)
{
	if (!pkt->offload.gso_type)
		return pkt->len;
	return MIN(pkt->len, (uint32_t)pkt->offload.gso_size + 120);
}

static enum drop forward4(struct ip *ip, struct link *link, struct pkt *pkt, struct ip_path *path)
{
	struct ip4_hdr hdr;
	uint8_t opts[40];
	struct rd in;
	struct wr out;

	(void)link;
	if (pkt->ip.hop_limit <= 1) {
		icmp4_error(ip, pkt, ICMP4_TIME_EXCEEDED, 0, 0);
		return DROP_IP_HOP_LIMIT;
	}
	if (forward_path(ip, path, pkt) < 0) {
		icmp4_error(ip, pkt, ICMP4_UNREACH, ICMP4_NET_UNREACH, 0);
		return DROP_IP_NO_ROUTE;
	}
	if (path->type != IP_DST_UNICAST)
		return DROP_IP4_DST_ADDR;
	pkt_rd(pkt, &in);
	if (ip4_parse(&hdr, &in) != DROP_NONE)
		return DROP_IP4_HDR_LEN;
	if (wire_len(pkt) > path->route_mtu && (hdr.flags & IP4_DF)) {
		icmp4_error(ip, pkt, ICMP4_UNREACH, ICMP4_FRAG_NEEDED, path->route_mtu);
		return DROP_IP_TOO_BIG;
	}
	if (!pkt_make_writable(pkt))
		return DROP_NO_MEMORY;
	hdr.ttl--;
	memcpy(opts, pkt_data(pkt) + IP4_HDR_LEN, hdr.hdr_len - IP4_HDR_LEN);
	wr_init(&out, pkt_data(pkt), hdr.hdr_len);
	ip4_emit(&out, &hdr, hdr.hdr_len > IP4_HDR_LEN ? opts : NULL);
	return DROP_NONE;
}

void ip4_forward(struct ip *ip, struct link *link, struct pkt *pkt)
{
	struct ip_path path;
	enum drop why = forward4(ip, link, pkt, &path);

	if (why != DROP_NONE) {
		core_drop(ip->core, pkt, why);
		return;
	}
	MIB_INC(ip->core, Ip_ForwDatagrams);
	path.pmtudisc = IP_PMTU_INTERFACE;
	path.link_mtu = path.route_mtu;
	(void)ip4_send(ip, &path, pkt, true);
}

static enum drop forward6(struct ip *ip, struct pkt *pkt, struct ip_path *path)
{
	struct ip6_hdr_v hdr;
	struct rd in;
	struct wr out;

	if (addr_is_link_local6(&pkt->ip.src) || addr_is_link_local6(&pkt->ip.dst) ||
	    addr_is_any(&pkt->ip.src))
		return DROP_IP6_SRC_ADDR;
	if (pkt->ip.hop_limit <= 1) {
		icmp6_error(ip, pkt, ICMP6_TIME_EXCEEDED_, 0, 0);
		return DROP_IP_HOP_LIMIT;
	}
	if (forward_path(ip, path, pkt) < 0) {
		MIB_INC(ip->core, Ip6_InNoRoutes);
		icmp6_error(ip, pkt, ICMP6_UNREACH, 0, 0);
		return DROP_IP_NO_ROUTE;
	}
	if (path->type != IP_DST_UNICAST)
		return DROP_IP6_DST_ADDR;
	if (wire_len(pkt) > path->route_mtu) {
		MIB_INC(ip->core, Ip6_InTooBigErrors);
		icmp6_error(ip, pkt, ICMP6_TOO_BIG, 0, path->route_mtu);
		return DROP_IP_TOO_BIG;
	}
	pkt_rd(pkt, &in);
	if (ip6_parse(&hdr, &in) != DROP_NONE)
		return DROP_IP6_TRUNCATED;
	if (!pkt_make_writable(pkt))
		return DROP_NO_MEMORY;
	hdr.hop_limit--;
	wr_init(&out, pkt_data(pkt), IP6_HDR_LEN);
	ip6_emit(&out, &hdr);
	return DROP_NONE;
}

void ip6_forward(struct ip *ip, struct link *link, struct pkt *pkt)
{
	struct ip_path path;
	enum drop why = forward6(ip, pkt, &path);

	(void)link;
	if (why != DROP_NONE) {
		core_drop(ip->core, pkt, why);
		return;
	}
	MIB_INC(ip->core, Ip6_OutForwDatagrams);
	(void)ip_xmit(ip, &path, pkt);
}
