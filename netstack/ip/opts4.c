/* SPDX-License-Identifier: Apache-2.0 */
/* IPv4 options of received packets: checked, and where they ask for it filled in: record route, time stamps
 * (RFC 791 3.1). Source routes are refused unless net.ipv4.conf.*.accept_source_route allows them, and never
 * followed (RFC 7126 4.3, 4.4): a list that is used up is delivered. */
#include "ip/ip.h"

/* Puts @out (and the time) where the options leave room, and makes the header checksum right again. */
void opts4_stamp(struct ip *ip, struct pkt *pkt, const struct net_addr *out)
{
	net_time wall = ip->core->now + ip->core->wall_offset;
	uint32_t ms = (uint32_t)(wall / NET_MS(1) % 86400000);
	size_t hdr_len = pkt->ip.hdr_len;

	if (hdr_len > IP4_HDR_LEN && pkt_make_writable(pkt))
		ip4_stamp_opts(pkt_data(pkt), hdr_len, out, ms);
}

enum drop opts4_input(struct ip *ip, struct link *link, struct pkt *pkt, unsigned hdr_len)
{
	uint32_t has;
	unsigned bad_at = 0;
	enum drop why = ip4_parse_opts(&has, &bad_at, pkt_data(pkt) + IP4_HDR_LEN, hdr_len - IP4_HDR_LEN);

	if (why != DROP_NONE) {
		icmp4_error(ip, pkt, ICMP4_PARAM, 0, (IP4_HDR_LEN + bad_at) << 24);
		return why;
	}
	if ((has & IP4_OPT_SOURCE_ROUTE) && !conf4_and(link, NET_CONF4_accept_source_route))
		return DROP_IP4_SOURCE_ROUTE;
	return DROP_NONE;
}
