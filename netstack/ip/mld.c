/* SPDX-License-Identifier: Apache-2.0 */
/* MLD, host side (RFC 2710, RFC 3810): version 2 reports, answers to queries of both versions. */
#include <netinet/in.h>

#include "ip/ip.h"
#include "wire/checksum.h"

unsigned mld_version(struct ip *ip, struct link *link)
{
	int32_t all = ip->core->confs.all.v6[NET_CONF6_force_mld_version];
	int32_t forced = MAX(all, link->conf.v6[NET_CONF6_force_mld_version]);
	const struct link_ip *li = link->ip;

	if (forced == 1 || forced == 2)
		return (unsigned)forced;
	return li && ip->core->now < li->mld_v1_until ? 1 : 2;
}

/* RFC 3590 4: the source is link-local, or "::" while there is none. False: the link is gone. */
static bool make_path(struct mcast_group *g, struct ip_path *path, const struct net_addr *dst)
{
	if (ip_path_init(g->ip, path, dst, NULL, g->link->id) == 0 && addr_is_link_local6(&path->src))
		return true;
	if (!path->link)
		return false;
	path->src = (struct net_addr){.family = AF_INET6};
	path->error = 0;
	return true;
}

static void transmit(struct mcast_group *g, struct pkt *pkt, const struct net_addr *dst)
{
	struct ip *ip = g->ip;
	struct ip_path path;
	uint64_t sum;

	if (!make_path(g, &path, dst)) {
		core_drop(ip->core, pkt, DROP_IP_NO_ROUTE);
		return;
	}
	sum = csum_pseudo(&path.src, &path.dst, IPPROTO_ICMPV6, pkt->len);
	sum = csum_join(sum, pkt_csum(pkt, 0, pkt->len));
	wire_put16(pkt_data(pkt) + ICMP_CSUM_OFFSET, csum_fold(sum));
	path.hop_limit = 1;
	MIB_INC(ip->core, Icmp6_OutMsgs);
	(void)ip6_output_ra(ip, &path, pkt, IPPROTO_ICMPV6);
}

void mld_send(struct mcast_group *g, uint8_t type, const struct net_addr *sources, uint32_t n)
{
	/* What fits into the linear part behind the headers; the filters of hosts are small. */
	struct mcast_record rec = {type, g->group, sources, MIN(n, 12u)};
	bool old = mld_version(g->ip, g->link) == 1;
	bool leave = type == MCAST_TO_INCLUDE || type == MCAST_BLOCK;
	size_t len = old ? 24 : 28 + 16 * (size_t)rec.nsources;
	struct net_addr dst = addr_all_nodes6();
	struct pkt *pkt = pkt_new(&g->ip->core->pool, PKT_HEADROOM);
	struct wr out;

	if (!pkt) {
		core_drop(g->ip->core, NULL, DROP_NO_MEMORY);
		return;
	}
	wr_init(&out, pkt_put(pkt, len), len);
	if (old) {
		mld_emit1(&out, leave ? ICMP6_MLD_DONE : ICMP6_MLD_REPORT, &g->group);
		dst = leave ? addr_all_routers6() : g->group;
	} else {
		mld_emit2(&out, &rec, 1);
		dst.v6[15] = 0x16; /* ff02::16 */
	}
	transmit(g, pkt, &dst);
}

static enum drop handle(struct ip *ip, struct link *link, struct pkt *pkt,
			const struct icmp_hdr *hdr)
{
	struct mcast_query q;
	enum drop why;
	struct rd in;

	/* RFC 3810 6.2: link-local source, hop limit 1. */
	if (!addr_is_link_local6(&pkt->ip.src) || pkt->ip.hop_limit != 1)
		return DROP_MCAST_MALFORMED;
	if (!pkt_pullup(pkt, MIN(pkt->len, 256u)))
		return DROP_MCAST_MALFORMED;
	pkt_rd(pkt, &in);
	rd_skip(&in, 4);
	if (hdr->type == ICMP6_MLD_REPORT) {
		why = mld_parse_query(&q, &in); /* same layout */
		if (why == DROP_NONE && q.group.family && !pkt->ip.local)
			mcast_heard(link, &q.group);
		return why;
	}
	if (hdr->type != ICMP6_MLD_QUERY)
		return DROP_NONE;
	why = mld_parse_query(&q, &in);
	if (why == DROP_NONE)
		mcast_query(ip, link, &q, AF_INET6);
	return why;
}

void mld_input(struct ip *ip, struct link *link, struct pkt *pkt, const struct icmp_hdr *hdr)
{
	core_drop(ip->core, pkt, handle(ip, link, pkt, hdr));
}
