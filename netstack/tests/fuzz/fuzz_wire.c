/* SPDX-License-Identifier: Apache-2.0 */
/* Every stateless parser on the same bytes, and the printer. */
#include <stdint.h>

#include "wire/wire.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	union {
		struct eth_hdr eth;
		struct arp_pkt arp;
		struct ip4_hdr ip4;
		struct ip6_hdr_v ip6;
		struct ip6_routing routing;
		struct ip6_frag frag;
		struct udp_hdr udp;
		struct icmp_hdr icmp;
		struct ndp_ra ra;
		struct ndp_opts ndp;
		struct mcast_query query;
		struct ip6_ext ext;
		struct wire_gso gso;
	} u;
	struct net_addr group;
	enum ip6_opt_act act;
	uint8_t type, kept[40];
	unsigned bad;
	uint32_t has;
	int alert;
	char text[200];
	struct rd in;

#define TRY(call)                                                                                  \
	rd_init(&in, data, size);                                                                  \
	(void)call
	TRY(eth_parse(&u.eth, &in));
	TRY(arp_parse(&u.arp, &in));
	TRY(ip4_parse(&u.ip4, &in));
	TRY(ip6_parse(&u.ip6, &in));
	TRY(ip6_parse_routing(&u.routing, &in));
	TRY(ip6_parse_frag(&u.frag, &in));
	TRY(ip6_parse_opts(&u.ext, &act, &bad, &alert, &in));
	TRY(udp_parse(&u.udp, &in, size));
	TRY(icmp_parse(&u.icmp, &in));
	TRY(ndp_parse_ra(&u.ra, 0, &in));
	TRY(ndp_parse_opts(&u.ndp, &in));
	TRY(igmp_parse(&type, &u.query, &group, &in));
	TRY(mld_parse_query(&u.query, &in));
	if (size <= 40) {
		(void)ip4_parse_opts(&has, &bad, data, size);
		(void)ip4_copy_opts(kept, data, size);
	}
	(void)wire_find_l4(&u.gso, data, size, 0, false);
	(void)wire_find_l4(&u.gso, data, size, 0, true);
	(void)wire_print(text, sizeof(text), data, size, 0);
	(void)wire_print(text, sizeof(text), data, size, ETH_TYPE_IP4);
	(void)wire_print(text, sizeof(text), data, size, ETH_TYPE_IP6);
	return 0;
}
