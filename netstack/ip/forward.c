/* SPDX-License-Identifier: Apache-2.0 */
/* Forwarding, when switched on: hop limit, route, MTU (RFC 1812 5, RFC 8200 3). Off by default. */
#include <errno.h>

#include "ip/ip.h"

#include "wire/checksum.h"

/* A path for somebody else's packet: its source stays. */
static int forward_path(struct ip *ip, struct ip_path *path, struct link *in, const struct pkt *pkt)
{
	struct ip_flow flow = {.dst = pkt->ip.dst,
			       .src = pkt->ip.src,
			       .iif = in->id,
			       .mark = pkt->mark,
			       .tos = pkt->ip.tos,
			       .proto = pkt->ip.proto};

	return ip_path_forward(ip, path, &flow);
}

/* MTU for somebody else's packet: what ICMP taught us counts only where it is asked for, since anybody could
 * have sent that. */
static uint32_t forward_mtu(struct ip *ip, struct ip_path *path)
{
	if (path->dst.family == AF_INET && !ip->core->tun.ip_forward_use_pmtu)
		return path->route_mtu;
	return ip_path_mtu(ip, path);
}

/* Length that a next hop would see: of one segment, for a super-segment. */
static uint32_t wire_len(const struct pkt *pkt)
{
	if (!pkt->offload.gso_type)
		return pkt->len;
	return MIN(pkt->len, (uint32_t)pkt->offload.gso_size + 120);
}

/* No way on: what the sender is told depends on why. */
static enum drop refuse4(struct ip *ip, struct pkt *pkt, int err)
{
	switch (err) {
	case -EINVAL:
		return DROP_IP_BLACKHOLE;
	case -EACCES:
		icmp4_error(ip, pkt, ICMP4_UNREACH, ICMP4_ADMIN, 0);
		return DROP_IP_NO_ROUTE;
	case -EHOSTUNREACH:
		icmp4_error(ip, pkt, ICMP4_UNREACH, ICMP4_HOST_UNREACH, 0);
		return DROP_IP_NO_ROUTE;
	default:
		icmp4_error(ip, pkt, ICMP4_UNREACH, ICMP4_NET_UNREACH, 0);
		return DROP_IP_NO_ROUTE;
	}
}

static enum drop refuse6(struct ip *ip, struct pkt *pkt, int err)
{
	MIB_INC(ip->core, Ip6_InNoRoutes);
	if (err == -EINVAL)
		return DROP_IP_BLACKHOLE;
	/* RFC 4443 3.1: 0 no route, 1 prohibited. */
	icmp6_error(ip, pkt, ICMP6_UNREACH, err == -EACCES, 0);
	return DROP_IP_NO_ROUTE;
}

static enum drop forward4(struct ip *ip, struct link *link, struct pkt *pkt, struct ip_path *path)
{
	struct ip4_hdr hdr;
	uint8_t opts[40];
	uint32_t mtu;
	struct rd in;
	struct wr out;

	int r;

	if (pkt->ip.hop_limit <= 1) {
		icmp4_error(ip, pkt, ICMP4_TIME_EXCEEDED, 0, 0);
		return DROP_IP_HOP_LIMIT;
	}
	r = forward_path(ip, path, link, pkt);
	if (r < 0) {
		MIB_INC(ip->core, IpExt_InNoRoutes);
		return refuse4(ip, pkt, r);
	}
	if (path->type != IP_DST_UNICAST)
		return DROP_IP4_DST_ADDR;
	pkt_rd(pkt, &in);
	if (ip4_parse(&hdr, &in) != DROP_NONE)
		return DROP_IP4_HDR_LEN;
	mtu = forward_mtu(ip, path);
	if (wire_len(pkt) > mtu && (hdr.flags & IP4_DF)) {
		MIB_INC(ip->core, Ip_FragFails);
		icmp4_error(ip, pkt, ICMP4_UNREACH, ICMP4_FRAG_NEEDED, mtu);
		return DROP_IP_TOO_BIG;
	}
	redirect_maybe(ip, link, pkt, path);
	if (!pkt_make_writable(pkt))
		return DROP_NO_MEMORY;
	hdr.ttl--;
	memcpy(opts, pkt_data(pkt) + IP4_HDR_LEN, hdr.hdr_len - IP4_HDR_LEN);
	wr_init(&out, pkt_data(pkt), hdr.hdr_len);
	ip4_emit(&out, &hdr, hdr.hdr_len > IP4_HDR_LEN ? opts : NULL);
	if (hdr.hdr_len > IP4_HDR_LEN) {
		struct ifaddr *ia = src_select(ip, &pkt->ip.dst, &path->next_hop, path->link, 0);

		if (ia)
			opts4_stamp(ip, pkt, &ia->addr);
	}
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
	if (!ip_hook_run(ip, IP_HOOK_FORWARD, link, path.link, pkt))
		return;
	MIB_INC(ip->core, Ip_ForwDatagrams);
	path.pmtudisc = IP_PMTU_INTERFACE;
	path.link_mtu = forward_mtu(ip, &path);
	(void)ip4_send(ip, &path, pkt, true);
}

static enum drop forward6(struct ip *ip, struct link *link, struct pkt *pkt, struct ip_path *path)
{
	struct ip6_hdr_v hdr;
	uint32_t mtu;
	struct rd in;
	struct wr out;
	int r;

	if (addr_is_link_local6(&pkt->ip.src) || addr_is_link_local6(&pkt->ip.dst) ||
	    addr_is_any(&pkt->ip.src))
		return DROP_IP6_SRC_ADDR;
	if (pkt->ip.hop_limit <= 1) {
		icmp6_error(ip, pkt, ICMP6_TIME_EXCEEDED_, 0, 0);
		return DROP_IP_HOP_LIMIT;
	}
	r = forward_path(ip, path, link, pkt);
	if (r < 0)
		return refuse6(ip, pkt, r);
	if (path->type != IP_DST_UNICAST)
		return DROP_IP6_DST_ADDR;
	mtu = forward_mtu(ip, path);
	if (wire_len(pkt) > mtu) {
		MIB_INC(ip->core, Ip6_InTooBigErrors);
		icmp6_error(ip, pkt, ICMP6_TOO_BIG, 0, mtu);
		return DROP_IP_TOO_BIG;
	}
	redirect_maybe(ip, link, pkt, path);
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
	enum drop why = forward6(ip, link, pkt, &path);

	if (why != DROP_NONE) {
		core_drop(ip->core, pkt, why);
		return;
	}
	if (!ip_hook_run(ip, IP_HOOK_FORWARD, link, path.link, pkt) ||
	    !ip_hook_run(ip, IP_HOOK_POSTROUTING, NULL, path.link, pkt))
		return;
	MIB_INC(ip->core, Ip6_OutForwDatagrams);
	(void)ip_xmit(ip, &path, pkt);
}
