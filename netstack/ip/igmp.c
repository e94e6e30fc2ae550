/* SPDX-License-Identifier: Apache-2.0 */
/* IGMP, host side (RFC 2236, RFC 3376): version 3 reports, answers to queries of all versions. */
#include <netinet/in.h>

#include "ip/ip.h"

static void send_report(struct mcast_group *g, struct pkt *pkt, const struct net_addr *dst)
{
	struct ip *ip = g->ip;
	struct ip_path path;

	/* Without an address yet the source is 0.0.0.0 (RFC 3376 4.2.13). */
	if (ip_path_init(ip, &path, dst, NULL, g->link->id) < 0) {
		core_drop(ip->core, pkt, DROP_IP_NO_ROUTE);
		return;
	}
	path.hop_limit = 1;
	path.tos = 0xc0;
	path.pmtudisc = IP_PMTU_DONT;
	(void)ip4_output_ra(ip, &path, pkt, IPPROTO_IGMP);
}

void igmp_report(struct mcast_group *g, bool leave)
{
	struct mcast_record rec = {leave ? 3 : g->reports_left ? 4 : 2, g->group};
	struct net_addr dst = addr4(0xe0000016); /* 224.0.0.22 */
	struct pkt *pkt = pkt_new(&g->ip->core->pool, PKT_HEADROOM);
	struct wr out;

	if (!pkt) {
		core_drop(g->ip->core, NULL, DROP_NO_MEMORY);
		return;
	}
	wr_init(&out, pkt_put(pkt, 16), 16);
	igmp_emit3(&out, &rec, 1);
	send_report(g, pkt, &dst);
}

static enum drop handle(struct ip *ip, struct link *link, struct pkt *pkt)
{
	struct mcast_query q;
	struct net_addr group;
	uint8_t type;
	enum drop why;
	struct rd in;

	if (!pkt_pullup(pkt, pkt->len))
		return DROP_MCAST_MALFORMED;
	pkt_rd(pkt, &in);
	why = igmp_parse(&type, &q, &group, &in);
	if (why != DROP_NONE)
		return why;
	switch (type) {
	case IGMP_QUERY:
		mcast_query(ip, link, &q, AF_INET);
		return DROP_NONE;
	case IGMP_V1_REPORT:
	case IGMP_V2_REPORT:
		mcast_heard(link, &group);
		return DROP_NONE;
	default:
		return DROP_NONE; /* leaves and v3 reports are for routers */
	}
}

void igmp_input(void *ctx, struct pkt *pkt)
{
	struct ip *ip = ctx;
	struct link *link = link_find(ip->links, pkt->ip.link);

	core_drop(ip->core, pkt, link ? handle(ip, link, pkt) : DROP_LINK_DOWN);
}
