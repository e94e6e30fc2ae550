/* SPDX-License-Identifier: Apache-2.0 */
/* Neighbour discovery, host side (RFC 4861 7), as the address resolution of the neighbour table. */
#include <netinet/in.h>

#include "ip/ip.h"
#include "wire/checksum.h"

/* Sends an ND message over @link. @src NULL: chosen. */
static void ndp_send(struct ip *ip, struct link *link, const struct net_addr *src,
		     const struct net_addr *dst, uint8_t type, uint32_t rest,
		     const struct net_addr *target, uint8_t opt, const uint8_t *lla,
		     const uint8_t *mac, const uint8_t *nonce)
{
	size_t len = ICMP_HDR_LEN + (target ? 16u : 0u) + (lla ? 8u : 0u) + (nonce ? 8u : 0u);
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
	if (nonce)
		ndp_emit_nonce(&out, nonce);
	sum = csum_pseudo(&path.src, &path.dst, IPPROTO_ICMPV6, (uint32_t)len);
	wire_put16(at + ICMP_CSUM_OFFSET, csum_fold(csum_add(sum, at, len)));
	MIB_INC(ip->core, Icmp6_OutMsgs);
	path.hop_limit = 255;
	path.tos = (uint8_t)link->conf.v6[NET_CONF6_ndisc_tclass];
	path.link = link;
	if (!mac) {
		(void)ip6_output(ip, &path, pkt, IPPROTO_ICMPV6);
		return;
	}

	/* Straight to a known address, past the neighbour table (which asked). */
	struct ip6_hdr_v hdr = {.tclass = path.tos,
				.payload_len = (uint16_t)len,
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
		      const struct net_addr *target, const uint8_t *mac, const uint8_t *nonce)
{
	struct net_addr group = addr_solicited_node(target);
	const struct ifaddr *ia = src ? ifaddr_on_link(link, src) : NULL;
	/* RFC 4429 3.3: an optimistic address must not enter anybody's cache. */
	bool quiet = (src && addr_is_any(src)) || (ia && ia->optimistic);

	ndp_send(ip, link, src, mac ? target : &group, ICMP6_NS, 0, target, 1,
		 quiet ? NULL : link->mac, mac, nonce);
}

/* Link-local targets are asked for from a link-local address, others from one of the same kind. */
void ndp_solicit(void *ctx, struct link *link, const struct net_addr *target, const uint8_t *mac)
{
	struct ip *ip = ctx;
	struct ifaddr *ia = src_select(ip, target, target, link, 0);

	if (!ia)
		return;
	ndp_solicit_from(ip, link, &ia->addr, target, mac, NULL);
}

void ndp_announce(struct ip *ip, struct ifaddr *ia)
{
	struct net_addr all = addr_all_nodes6();

	ndp_send(ip, ia->link, &ia->addr, &all, ICMP6_NA, NDP_NA_OVERRIDE, &ia->addr, 2,
		 ia->link->mac, NULL, NULL);
}

void ndp_router_solicit(struct ip *ip, struct link *link)
{
	struct net_addr dst = addr_all_routers6();

	ndp_send(ip, link, NULL, &dst, ICMP6_RS, 0, NULL, 1, link->mac, NULL, NULL);
}

static void advertise(struct ip *ip, struct link *link, const struct net_addr *to,
		      const struct net_addr *src, const struct net_addr *target, bool override)
{
	struct net_addr all = addr_all_nodes6();
	bool any = addr_is_any(to);
	uint32_t flags = (override ? NDP_NA_OVERRIDE : 0) | (any ? 0 : NDP_NA_SOLICITED) |
			 (link->conf.v6[NET_CONF6_forwarding] ? NDP_NA_ROUTER : 0);

	ndp_send(ip, link, src, any ? &all : to, ICMP6_NA, flags, target, 2, link->mac, NULL, NULL);
}

/* RFC 4389: for an address that we answer for, if we forward there. */
static enum drop proxy(struct ip *ip, struct link *link, struct pkt *pkt, const struct net_addr *target,
		       const struct ndp_opts *opts)
{
	const struct net_addr *src = &pkt->ip.src;

	if (!(link->conf.v6[NET_CONF6_proxy_ndp] || ip->core->confs.all.v6[NET_CONF6_proxy_ndp]) ||
	    !link->conf.v6[NET_CONF6_forwarding] || !proxy_find(ip->links, link, target) ||
	    addr_is_any(src))
		return DROP_NDP_NOT_US;
	if (opts->has_slla)
		neigh_update(ip->links, link, src, opts->slla, NEIGH_OVERRIDE | NEIGH_CREATE);
	advertise(ip, link, src, NULL, target, false);
	return DROP_NONE;
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
		return proxy(ip, link, pkt, &target, &opts);
	if (ia->tentative && !(ia->optimistic && !dad)) {
		/* RFC 4862 5.4.3: another node tries the same address. */
		if (dad)
			dad_heard(ia, opts.has_nonce ? opts.nonce : NULL);
		return DROP_NDP_NOT_US;
	}
	if (ia->duplicate)
		return DROP_NDP_NOT_US;
	if (!dad && opts.has_slla)
		neigh_update(ip->links, link, src, opts.slla, NEIGH_OVERRIDE | NEIGH_CREATE);
	advertise(ip, link, src, &target, &target, !ia->optimistic);
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
			dad_conflict(ia);
		return DROP_NDP_NOT_US;
	}
	if (!(flags & NDP_NA_SOLICITED) && link->conf.v6[NET_CONF6_drop_unsolicited_na])
		return DROP_NDP_NOT_US;
	if (flags & NDP_NA_SOLICITED)
		how |= NEIGH_SOLICITED;
	if (flags & NDP_NA_OVERRIDE)
		how |= NEIGH_OVERRIDE;
	if (flags & NDP_NA_ROUTER)
		how |= NEIGH_IS_ROUTER;
	neigh_update(ip->links, link, &target, opts.has_tlla ? opts.tlla : NULL, how);
	return DROP_NONE;
}

/* net.ipv6.conf.*.accept_ra: 1 unless the link forwards, 2 even then. */
static bool accepts_ra(const struct link *link)
{
	int32_t accept = link->conf.v6[NET_CONF6_accept_ra];

	return link->autoconf && (link->conf.v6[NET_CONF6_forwarding] ? accept == 2 : accept > 0);
}

static enum drop router_advertisement(struct ip *ip, struct link *link, struct pkt *pkt,
				      struct rd *in, uint32_t rest)
{
	struct ndp_ra ra;
	struct ndp_opts opts;

	if (!addr_is_link_local6(&pkt->ip.src) || ndp_parse_ra(&ra, rest, in) != DROP_NONE ||
	    ndp_parse_opts(&opts, in) != DROP_NONE)
		return DROP_NDP_MALFORMED;
	if (!accepts_ra(link))
		return DROP_NDP_NOT_US;
	if (!link->conf.v6[NET_CONF6_accept_ra_from_local] && ip_is_local(ip, &pkt->ip.src, link))
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
	case ICMP6_REDIRECT:
		return redirect_input6(ip, link, pkt, &in);
	default: /* router solicitations are for router daemons */
		return DROP_NDP_NOT_US;
	}
}

void ndp_input(struct ip *ip, struct link *link, struct pkt *pkt, const struct icmp_hdr *hdr)
{
	core_drop(ip->core, pkt, handle(ip, link, pkt, hdr));
}

void ndp_redirect(struct ip *ip, struct link *link, struct pkt *pkt, const struct net_addr *target,
		  const struct net_addr *dst)
{
	struct neigh *n = neigh_find(ip->links, link, target);
	const uint8_t *lla = n && n->state != NET_NEIGH_INCOMPLETE && n->state != NET_NEIGH_FAILED &&
					     n->state != NET_NEIGH_NONE
				     ? n->mac
				     : NULL;
	struct ip_path path;
	struct pkt *msg;
	uint64_t sum;
	size_t len = ICMP_HDR_LEN + 32 + (lla ? 8u : 0u);
	struct wr out;

	if (ip_path_init(ip, &path, &pkt->ip.src, NULL, link->id) < 0)
		return;
	/* RFC 4861 4.5: from our link-local address. */
	if (!addr_is_link_local6(&path.src)) {
		struct ifaddr *ia;

		list_for_each_entry(ia, &link->addrs, link_list) if (addr_is_link_local6(&ia->addr) &&
								     ifaddr_usable(ia)) path.src =
			ia->addr;
	}
	msg = addr_is_link_local6(&path.src) ? pkt_new(&ip->core->pool, PKT_HEADROOM) : NULL;
	if (!msg)
		return;
	wr_init(&out, pkt_put(msg, len), len);
	ndp_emit_redirect(&out, target, dst, lla);
	sum = csum_pseudo(&path.src, &path.dst, IPPROTO_ICMPV6, msg->len);
	wire_put16(pkt_data(msg) + ICMP_CSUM_OFFSET,
		   csum_fold(csum_join(sum, pkt_csum(msg, 0, msg->len))));
	path.hop_limit = 255;
	MIB_INC(ip->core, Icmp6_OutMsgs);
	(void)ip6_output(ip, &path, msg, IPPROTO_ICMPV6);
}
