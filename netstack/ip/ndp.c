/* SPDX-License-Identifier: Apache-2.0 */
/* Neighbour discovery, host side (RFC 4861 7), as the address resolution of the neighbour table. */
#include <netinet/in.h>

#include "ip/ip.h"
#include "wire/checksum.h"

/* Sends an ND message over @link. @src NULL: chosen. */
static void ndp_send(struct ip *ip, struct link *link, const struct net_addr *src,
		     const struct net_addr *dst, uint8_t type, uint32_t rest,
		     const struct net_addr *target, uint8_t opt, const uint8_t *lla,
		     const uint8_t *mac)
{
	size_t len = ICMP_HDR_LEN + (target ? 16u : 0u) + (lla ? 8u : 0u);
	struct ip_path path;
	struct pkt *pkt;
	struct wr out;

	if (ip_path_init(ip, &path, dst, NULL, link->id) < 0 && !src)
		return;
	if (src) {
		path.src = *src;
		path.error = 0;
	}
	if (!path.link)
		return;
	pkt = pkt_new(&ip->core->pool, PKT_HEADROOM);
	if (!pkt) {
		core_drop(ip->core, NULL, DROP_NO_MEMORY);
		return;
	}

	uint8_t *at = pkt_put(pkt, len);
	uint64_t sum;

	wr_init(&out, at, len);
	ndp_emit(&out, type, rest, target, opt, lla);
	sum = csum_pseudo(&path.src, &path.dst, IPPROTO_ICMPV6, (uint32_t)len);
	wire_put16(at + ICMP_CSUM_OFFSET, csum_fold(csum_add(sum, at, len)));
	MIB_INC(ip->core, Icmp6_OutMsgs);
	path.hop_limit = 255;
	path.link = link;
	if (!mac) {
		(void)ip6_output(ip, &path, pkt, IPPROTO_ICMPV6);
		return;
	}

	/* Straight to a known address, past the neighbour table (which asked). */
	struct ip6_hdr_v hdr = {.payload_len = (uint16_t)len,
				.next = IPPROTO_ICMPV6,
				.hop_limit = 255,
				.src = path.src,
				.dst = path.dst};
	uint8_t *l3 = pkt_push(pkt, IP6_HDR_LEN);

	wr_init(&out, l3, IP6_HDR_LEN);
	ip6_emit(&out, &hdr);
	(void)ether_output(link, pkt, mac, ETH_TYPE_IP6);
}

void ndp_solicit_from(struct ip *ip, struct link *link, const struct net_addr *src,
		      const struct net_addr *target, const uint8_t *mac)
{
	struct net_addr group = addr_solicited_node(target);
	bool from_any = src && addr_is_any(src);

	ndp_send(ip, link, src, mac ? target : &group, ICMP6_NS, 0, target, 1,
		 from_any ? NULL : link->mac, mac);
}

/* Link-local targets are asked for from a link-local address, others from one of the same kind. */
void ndp_solicit(void *ctx, struct link *link, const struct net_addr *target, const uint8_t *mac)
{
	struct ip *ip = ctx;
	struct ifaddr *ia = src_select(ip, target, target, link);

	if (!ia)
		return;
	ndp_solicit_from(ip, link, &ia->addr, target, mac);
}

void ndp_announce(struct ip *ip, struct ifaddr *ia)
{
	struct net_addr all = addr_all_nodes6();

	ndp_send(ip, ia->link, &ia->addr, &all, ICMP6_NA, NDP_NA_OVERRIDE, &ia->addr, 2,
		 ia->link->mac, NULL);
}

void ndp_router_solicit(struct ip *ip, struct link *link)
{
	struct net_addr dst = addr_all_routers6();

	ndp_send(ip, link, NULL, &dst, ICMP6_RS, 0, NULL, 1, link->mac, NULL);
}

static void advertise(struct ip *ip, struct link *link, const struct net_addr *to,
		      const struct net_addr *target)
{
	struct net_addr all = addr_all_nodes6();
	bool any = addr_is_any(to);
	uint32_t flags = NDP_NA_OVERRIDE | (any ? 0 : NDP_NA_SOLICITED) |
			 (ip->core->tun.ip6_forwarding ? NDP_NA_ROUTER : 0);

	ndp_send(ip, link, target, any ? &all : to, ICMP6_NA, flags, target, 2, link->mac, NULL);
}

/* RFC 4861 7.1.1, 7.2.3, 7.2.4. */
static enum drop solicitation(struct ip *ip, struct link *link, struct pkt *pkt, struct rd *in)
{
	const struct net_addr *src = &pkt->ip.src;
	struct net_addr target;
	struct ndp_opts opts;
	struct ifaddr *ia;
	bool dad = addr_is_any(src);

	if (ndp_parse_target(&target, in) != DROP_NONE || ndp_parse_opts(&opts, in) != DROP_NONE ||
	    addr_is_multicast(&target))
		return DROP_NDP_MALFORMED;
	if (dad && opts.has_slla)
		return DROP_NDP_MALFORMED;
	ia = ifaddr_on_link(link, &target);
	if (!ia)
		return DROP_NDP_NOT_US;
	if (ia->tentative) {
		/* RFC 4862 5.4.3: another node tries the same address. */
		if (dad)
			slaac_dad_conflict(ia);
		return DROP_NDP_NOT_US;
	}
	if (ia->duplicate)
		return DROP_NDP_NOT_US;
	if (!dad && opts.has_slla)
		neigh_update(ip->links, link, src, opts.slla, NEIGH_OVERRIDE | NEIGH_CREATE);
	advertise(ip, link, src, &target);
	return DROP_NONE;
}

/* RFC 4861 7.1.2, 7.2.5. */
static enum drop advertisement(struct ip *ip, struct link *link, struct pkt *pkt, struct rd *in,
			       uint32_t flags)
{
	struct net_addr target;
	struct ndp_opts opts;
	struct ifaddr *ia;
	unsigned how = NEIGH_HAS_ROUTER;

	if (ndp_parse_target(&target, in) != DROP_NONE || ndp_parse_opts(&opts, in) != DROP_NONE ||
	    addr_is_multicast(&target))
		return DROP_NDP_MALFORMED;
	if (pkt->ip.multicast && (flags & NDP_NA_SOLICITED))
		return DROP_NDP_MALFORMED;
	ia = ifaddr_on_link(link, &target);
	if (ia) { /* somebody claims our address */
		if (ia->tentative)
			slaac_dad_conflict(ia);
		return DROP_NDP_NOT_US;
	}
	if (flags & NDP_NA_SOLICITED)
		how |= NEIGH_SOLICITED;
	if (flags & NDP_NA_OVERRIDE)
		how |= NEIGH_OVERRIDE;
	if (flags & NDP_NA_ROUTER)
		how |= NEIGH_IS_ROUTER;
	neigh_update(ip->links, link, &target, opts.has_tlla ? opts.tlla : NULL, how);
	return DROP_NONE;
}

static enum drop router_advertisement(struct ip *ip, struct link *link, struct pkt *pkt,
				      struct rd *in, uint32_t rest)
{
	struct ndp_ra ra;
	struct ndp_opts opts;

	if (!addr_is_link_local6(&pkt->ip.src) || ndp_parse_ra(&ra, rest, in) != DROP_NONE ||
	    ndp_parse_opts(&opts, in) != DROP_NONE)
		return DROP_NDP_MALFORMED;
	if (!link->autoconf || !ip->core->tun.ip6_accept_ra || ip->core->tun.ip6_forwarding)
		return DROP_NDP_NOT_US;
	if (opts.has_slla)
		neigh_update(ip->links, link, &pkt->ip.src, opts.slla,
			     NEIGH_OVERRIDE | NEIGH_CREATE | NEIGH_HAS_ROUTER | NEIGH_IS_ROUTER);
	slaac_ra(ip, link, &pkt->ip.src, &ra, &opts);
	return DROP_NONE;
}

static enum drop handle(struct ip *ip, struct link *link, struct pkt *pkt,
			const struct icmp_hdr *hdr)
{
	struct rd in;

	/* RFC 4861 6.1, 7.1: not forwarded, code 0. */
	if (pkt->ip.hop_limit != 255)
		return DROP_NDP_HOP_LIMIT;
	if (hdr->code || link->kind != NET_LINK_ETHER)
		return DROP_NDP_MALFORMED;
	if (!pkt_pullup(pkt, pkt->len))
		return DROP_NDP_MALFORMED;
	pkt_rd(pkt, &in);
	rd_skip(&in, ICMP_HDR_LEN);
	switch (hdr->type) {
	case ICMP6_NS:
		return solicitation(ip, link, pkt, &in);
	case ICMP6_NA:
		return advertisement(ip, link, pkt, &in, hdr->rest);
	case ICMP6_RA:
		return router_advertisement(ip, link, pkt, &in, hdr->rest);
	default: /* solicitations are for routers; redirects are not obeyed */
		return DROP_NDP_NOT_US;
	}
}

void ndp_input(struct ip *ip, struct link *link, struct pkt *pkt, const struct icmp_hdr *hdr)
{
	core_drop(ip->core, pkt, handle(ip, link, pkt, hdr));
}
