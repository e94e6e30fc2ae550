/* SPDX-License-Identifier: Apache-2.0 */
/* MLD, host side (RFC 2710, RFC 3810): version 2 reports, answers to queries of both versions. */
#include <netinet/in.h>

#include "ip/ip.h"
#include "wire/checksum.h"

#define REPORT_LEN 28

void mld_report(struct mcast_group *g, bool leave)
{
	struct ip *ip = g->ip;
	struct mcast_record rec = {leave ? 3 : g->reports_left ? 4 : 2, g->group};
	struct net_addr dst = addr_all_nodes6();
	struct ip_path path;
	struct pkt *pkt;
	struct wr out;

	dst.v6[15] = 0x16; /* ff02::16 */
	/* RFC 3590 4: the source is link-local, or "::" while there is none. */
	if (ip_path_init(ip, &path, &dst, NULL, g->link->id) < 0 ||
	    !addr_is_link_local6(&path.src)) {
		struct net_addr any = {.family = AF_INET6};

		if (!path.link)
			return;
		path.src = any;
		path.error = 0;
	}
	pkt = pkt_new(&ip->core->pool, PKT_HEADROOM);
	if (!pkt) {
		core_drop(ip->core, NULL, DROP_NO_MEMORY);
		return;
	}

	uint8_t *at = pkt_put(pkt, REPORT_LEN);
	uint64_t sum;

	wr_init(&out, at, REPORT_LEN);
	mld_emit2(&out, &rec, 1);
	sum = csum_pseudo(&path.src, &path.dst, IPPROTO_ICMPV6, REPORT_LEN);
	wire_put16(at + ICMP_CSUM_OFFSET, csum_fold(csum_add(sum, at, REPORT_LEN)));
	path.hop_limit = 1;
	MIB_INC(ip->core, Icmp6_OutMsgs);
	(void)ip6_output_ra(ip, &path, pkt, IPPROTO_ICMPV6);
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
		if (why == DROP_NONE && q.group.family)
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
