/* SPDX-License-Identifier: Apache-2.0 */
/* IPv6 receive path: header, extension headers in order (RFC 8200 4), delivery. */
#include <netinet/in.h>

#include "ip/ip.h"

static enum drop check_source(struct link *link, const struct pkt *pkt)
{
	const struct net_addr *src = &pkt->ip.src;

	if (addr_is_multicast(src))
		return DROP_IP6_SRC_ADDR;
	if (pkt->ip.local || link->kind == NET_LINK_LOOPBACK)
		return DROP_NONE;
	/* RFC 4291 2.5.3; mapped addresses never on the wire (RFC 4942 2.2). */
	if (addr_is_loopback(src) || addr_is_mapped(src))
		return DROP_IP6_SRC_ADDR;
	return DROP_NONE;
}

static enum drop check_dest(struct ip *ip, struct link *link, struct pkt *pkt)
{
	const struct net_addr *dst = &pkt->ip.dst;
	const struct mcast_group *g;

	if (addr_is_any(dst))
		return DROP_IP6_DST_ADDR;
	if (addr_is_loopback(dst) && link->kind != NET_LINK_LOOPBACK)
		return DROP_IP6_DST_ADDR;
	if (addr_is_multicast(dst)) {
		struct net_addr all = addr_all_nodes6();

		pkt->ip.multicast = true;
		/* RFC 4291 2.7: scope 0 is reserved, scope 1 stays in the node. */
		if (addr_mcast_scope6(dst) == 0 || (addr_mcast_scope6(dst) == 1 && !pkt->ip.local))
			return DROP_IP6_DST_ADDR;
		if (addr_eq(dst, &all))
			return DROP_NONE;
		g = mcast_find(link, dst);
		if (!g)
			return DROP_MCAST_NOT_JOINED;
		/* Solicitations and queries are for everyone who listens at all. */
		if (pkt->ip.proto != IPPROTO_ICMPV6 && pkt->ip.proto != IP6_EXT_HOPOPTS &&
		    !mcast_filter_passes(&g->now, &pkt->ip.src))
			return DROP_MCAST_SOURCE;
		return DROP_NONE;
	}
	if (ip_is_local(ip, dst, link) || ip_route_local(ip, link, pkt))
		return DROP_NONE;
	return DROP_IP_NOT_US;
}

static enum drop parse(struct link *link, struct pkt *pkt, struct ip6_hdr_v *hdr)
{
	enum drop why;
	struct rd in;

	if (!pkt_pullup(pkt, IP6_HDR_LEN))
		return DROP_IP6_TRUNCATED;
	pkt_rd(pkt, &in);
	why = ip6_parse(hdr, &in);
	if (why != DROP_NONE)
		return why;
	/* Jumbograms (payload length 0 with a hop-by-hop header) are not supported. */
	if (hdr->payload_len > pkt->len - IP6_HDR_LEN)
		return DROP_IP6_PAYLOAD_LEN;
	pkt_trim(pkt, IP6_HDR_LEN + (size_t)hdr->payload_len);
	pkt->l3_off = pkt->off;
	pkt->ip.src = hdr->src;
	pkt->ip.dst = hdr->dst;
	if (addr_needs_scope(&hdr->src))
		pkt->ip.src.scope = (uint32_t)link->id;
	if (addr_needs_scope(&hdr->dst))
		pkt->ip.dst.scope = (uint32_t)link->id;
	pkt->ip.link = link->id;
	pkt->ip.proto = hdr->next;
	pkt->ip.hop_limit = hdr->hop_limit;
	pkt->ip.tos = hdr->tclass;
	pkt->ip.hdr_len = IP6_HDR_LEN;
	return DROP_NONE;
}

/* Offset of the view in the packet. */
static uint32_t view_off(const struct pkt *pkt)
{
	return pkt->off - pkt->l3_off;
}

/* What to do about an option that we do not know (RFC 8200 4.2). */
static enum drop bad_option(struct ip *ip, struct pkt *pkt, enum ip6_opt_act act, unsigned at)
{
	uint32_t pointer = view_off(pkt) + at;

	if (act == IP6_OPT_ICMP || (act == IP6_OPT_ICMP_UNICAST && !pkt->ip.multicast))
		icmp6_error(ip, pkt, ICMP6_PARAM, 2, pointer);
	else if (act == IP6_OPT_BAD && !pkt->ip.multicast)
		icmp6_error(ip, pkt, ICMP6_PARAM, 0, pointer);
	return DROP_IP6_OPTION;
}

static enum drop options(struct ip *ip, struct pkt *pkt, uint8_t *next)
{
	struct ip6_ext ext;
	enum ip6_opt_act act;
	unsigned bad_at;
	int alert = -1;
	enum drop why;
	struct rd in;

	(void)pkt_pullup(pkt, MIN(pkt->len, 256u));
	pkt_rd(pkt, &in);
	why = ip6_parse_opts(&ext, &act, &bad_at, &alert, &in);
	if (why != DROP_NONE)
		return why;
	if (act != IP6_OPT_OK)
		return bad_option(ip, pkt, act, bad_at);
	pkt->ip.sport = (uint16_t)view_off(pkt);
	pkt_pull(pkt, ext.len);
	*next = ext.next;
	return DROP_NONE;
}

static enum drop routing(struct ip *ip, struct pkt *pkt, uint8_t *next)
{
	struct ip6_routing rh;
	enum drop why;
	struct rd in;

	(void)pkt_pullup(pkt, MIN(pkt->len, 256u));
	pkt_rd(pkt, &in);
	why = ip6_parse_routing(&rh, &in);
	if (why != DROP_NONE)
		return why;
	/* RFC 8200 4.4, RFC 5095: unknown types are ignored when used up, else refused. */
	if (rh.segments_left) {
		icmp6_error(ip, pkt, ICMP6_PARAM, 0, view_off(pkt) + 2);
		return DROP_IP6_ROUTING;
	}
	pkt->ip.sport = (uint16_t)view_off(pkt);
	pkt_pull(pkt, rh.len);
	*next = rh.next;
	return DROP_NONE;
}

/* Returns the whole packet or NULL (kept, or dropped). */
static struct pkt *fragment(struct ip *ip, struct link *link, struct pkt *pkt, uint8_t *next)
{
	struct ip6_frag f;
	struct rd in;

	if (!pkt_pullup(pkt, MIN(pkt->len, (uint32_t)IP6_FRAG_LEN))) {
		core_drop(ip->core, pkt, DROP_NO_MEMORY);
		return NULL;
	}
	pkt_rd(pkt, &in);
	if (ip6_parse_frag(&f, &in) != DROP_NONE) {
		core_drop(ip->core, pkt, DROP_IP6_EXT_TRUNCATED);
		return NULL;
	}
	pkt->ip.sport = (uint16_t)view_off(pkt);
	pkt_pull(pkt, IP6_FRAG_LEN);
	*next = f.next;
	if (!f.off && !f.more) /* RFC 6946: an atomic fragment stands alone */
		return pkt;

	struct reasm_in r = {pkt->ip.src, pkt->ip.dst, f.id, f.next, f.off, f.more};

	pkt = reasm_input(ip, link, pkt, &r);
	if (pkt)
		*next = pkt->ip.proto;
	return pkt;
}

/* Walks the extension headers. Returns the packet with the view at the upper layer, or NULL. */
static struct pkt *walk(struct ip *ip, struct link *link, struct pkt *pkt, uint8_t *next)
{
	enum drop why = DROP_NONE;

	for (int n = 0; why == DROP_NONE; n++) {
		if (n == IP6_EXT_MAX) {
			why = DROP_IP6_EXT_LIMIT;
			break;
		}
		switch (*next) {
		case IP6_EXT_HOPOPTS:
			if (n) { /* RFC 8200 4.1: only directly behind the header */
				icmp6_error(ip, pkt, ICMP6_PARAM, 1, pkt->ip.sport);
				why = DROP_IP6_EXT_ORDER;
				break;
			}
			why = options(ip, pkt, next);
			break;
		case IP6_EXT_DSTOPTS:
			why = options(ip, pkt, next);
			break;
		case IP6_EXT_ROUTING:
			why = routing(ip, pkt, next);
			break;
		case IP6_EXT_FRAGMENT:
			pkt = fragment(ip, link, pkt, next);
			if (!pkt)
				return NULL;
			break;
		case IP6_EXT_NONE:
			why = DROP_IP_NO_PROTO; /* RFC 8200 4.7: nothing follows, silently */
			break;
		default:
			pkt->ip.hdr_len = (uint16_t)view_off(pkt);
			return pkt;
		}
	}
	core_drop(ip->core, pkt, why);
	return NULL;
}

void ip6_input(struct ip *ip, struct link *link, struct pkt *pkt)
{
	struct ip6_hdr_v hdr;
	enum drop why;

	MIB_INC(ip->core, Ip6_InReceives);
	if (link->conf.v6[NET_CONF6_disable_ipv6]) {
		MIB_INC(ip->core, Ip6_InDiscards);
		core_drop(ip->core, pkt, DROP_IP_DISABLED);
		return;
	}
	why = parse(link, pkt, &hdr);
	if (why != DROP_NONE) {
		MIB_INC(ip->core, Ip6_InHdrErrors);
		core_drop(ip->core, pkt, why);
		return;
	}
	MIB_ADD(ip->core, Ip6_InOctets, pkt->len);
	why = check_source(link, pkt);
	bool fragment = hdr.next == IP6_EXT_FRAGMENT;

	if (why == DROP_NONE && !fragment && !ip_hook_run(ip, IP_HOOK_PREROUTING, link, NULL, pkt))
		return;
	if (why == DROP_NONE)
		why = check_dest(ip, link, pkt);
	if (why == DROP_IP_NOT_US && link->conf.v6[NET_CONF6_forwarding] && !pkt->ip.link_multi) {
		ip6_forward(ip, link, pkt);
		return;
	}
	if (why != DROP_NONE) {
		MIB_INC(ip->core, Ip6_InAddrErrors);
		core_drop(ip->core, pkt, why);
		return;
	}
	if (pkt->ip.multicast)
		MIB_INC(ip->core, Ip6_InMcastPkts);

	uint8_t next = hdr.next;

	if (!fragment && !ip_hook_run(ip, IP_HOOK_INPUT, link, NULL, pkt))
		return;
	pkt_pull(pkt, IP6_HDR_LEN);
	pkt = walk(ip, link, pkt, &next);
	if (pkt && (!fragment || ip_hook_reassembled(ip, link, pkt, next)))
		ip_deliver(ip, link, pkt, next);
}
