/* SPDX-License-Identifier: Apache-2.0 */
/* IGMP, host side (RFC 1112, RFC 2236, RFC 3376): the version of the oldest querier that was heard. */
#include <netinet/in.h>

#include "ip/ip.h"

unsigned igmp_version(struct ip *ip, struct link *link)
{
	int32_t forced = conf4_max(link, NET_CONF4_force_igmp_version);
	const struct link_ip *li = link->ip;

	if (forced >= 1 && forced <= 3)
		return (unsigned)forced;
	if (li && ip->core->now < li->igmp_v1_until)
		return 1;
	return li && ip->core->now < li->igmp_v2_until ? 2 : 3;
}

static void transmit(struct mcast_group *g, struct pkt *pkt, const struct net_addr *dst)
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

/* The older message for a record; NULL destination: there is none. */
static void send_old(struct mcast_group *g, uint8_t type, unsigned version)
{
	bool leave = type == MCAST_TO_INCLUDE || type == MCAST_BLOCK;
	struct net_addr routers = addr4(0xe0000002);
	struct pkt *pkt;
	struct wr out;

	if (leave && version == 1)
		return;
	pkt = pkt_new(&g->ip->core->pool, PKT_HEADROOM);
	if (!pkt) {
		core_drop(g->ip->core, NULL, DROP_NO_MEMORY);
		return;
	}
	wr_init(&out, pkt_put(pkt, 8), 8);
	igmp_emit2(&out,
		   leave	  ? IGMP_LEAVE
		   : version == 1 ? IGMP_V1_REPORT
				  : IGMP_V2_REPORT,
		   &g->group);
	transmit(g, pkt, leave ? &routers : &g->group);
}

void igmp_send(struct mcast_group *g, uint8_t type, const struct net_addr *sources, uint32_t n)
{
	struct net_addr dst = addr4(0xe0000016); /* 224.0.0.22 */
	struct mcast_record rec = {type, g->group, sources, MIN(n, (uint32_t)MCAST_QUERY_SOURCES)};
	unsigned version = igmp_version(g->ip, g->link);
	size_t len = 16 + 4 * (size_t)rec.nsources;
	struct pkt *pkt;
	struct wr out;

	if (version < 3) {
		send_old(g, type, version);
		return;
	}
	pkt = pkt_new(&g->ip->core->pool, PKT_HEADROOM);
	if (!pkt) {
		core_drop(g->ip->core, NULL, DROP_NO_MEMORY);
		return;
	}
	wr_init(&out, pkt_put(pkt, len), len);
	igmp_emit3(&out, &rec, 1);
	transmit(g, pkt, &dst);
}

static enum drop handle(struct ip *ip, struct link *link, struct pkt *pkt)
{
	struct mcast_query q;
	struct net_addr group;
	uint8_t type;
	enum drop why;
	struct rd in;

	if (!pkt_pullup(pkt, MIN(pkt->len, 256u)) || pkt->len > pkt->lin_len)
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
		if (!pkt->ip.local)
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
