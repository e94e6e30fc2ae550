/* SPDX-License-Identifier: Apache-2.0 */
/* Ethernet framing and demultiplexing (RFC 894, RFC 2464; 802.1Q priority tags). */
#include "link/link.h"

#include <errno.h>
#include <string.h>

int ether_output(struct link *link, struct pkt *pkt, const uint8_t dst[6], uint16_t type)
{
	struct eth_hdr eth = {.type = type};
	uint8_t *at = pkt_push(pkt, ETH_HDR_LEN);
	struct wr out;

	if (!at) {
		core_drop(link->links->core, pkt, DROP_NO_MEMORY);
		return -ENOMEM;
	}
	memcpy(eth.dst, dst, 6);
	memcpy(eth.src, link->mac, 6);
	wr_init(&out, at, ETH_HDR_LEN);
	eth_emit(&out, &eth);
	return link_output(link, pkt);
}

/* Reads the header, and an 802.1Q tag of VLAN 0 (priority only). */
static enum drop read_header(struct pkt *pkt, struct eth_hdr *eth)
{
	struct rd in;
	enum drop why;

	if (!pkt_pullup(pkt, ETH_HDR_LEN))
		return DROP_ETH_TRUNCATED;
	pkt_rd(pkt, &in);
	why = eth_parse(eth, &in);
	if (why != DROP_NONE)
		return why;
	pkt_pull(pkt, ETH_HDR_LEN);
	if (eth->type != ETH_TYPE_VLAN)
		return DROP_NONE;
	if (!pkt_pullup(pkt, 4))
		return DROP_ETH_TRUNCATED;
	pkt_rd(pkt, &in);

	uint16_t tci = rd_be16(&in);

	eth->type = rd_be16(&in);
	if (tci & 0xfff)
		return DROP_ETH_VLAN;
	pkt_pull(pkt, 4);
	return DROP_NONE;
}

void ether_input(struct link *link, struct pkt *pkt)
{
	struct links *ls = link->links;
	struct eth_hdr eth;
	enum drop why = read_header(pkt, &eth);

	if (why == DROP_NONE && !eth_is_multi(eth.dst) && memcmp(eth.dst, link->mac, 6))
		why = DROP_ETH_OTHER_HOST;
	if (why != DROP_NONE) {
		if (why != DROP_ETH_OTHER_HOST)
			link->stats.rx_errors++;
		core_drop(ls->core, pkt, why);
		return;
	}
	pkt->ip.link_multi = eth_is_multi(eth.dst);
	if (pkt->ip.link_multi && !eth_is_broadcast(eth.dst))
		link->stats.rx_multicast++;
	switch (eth.type) {
	case ETH_TYPE_IP4:
	case ETH_TYPE_IP6:
		ls->up.input(ls->up.ctx, link, pkt, eth.type);
		return;
	case ETH_TYPE_ARP:
		arp_input(link, pkt);
		return;
	default:
		core_drop(ls->core, pkt, DROP_ETH_TYPE);
		return;
	}
}
