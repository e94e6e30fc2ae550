/* SPDX-License-Identifier: Apache-2.0 */
/* Ethernet framing and demultiplexing (RFC 894, RFC 2464; 802.1Q tags): to the bridge, to the VLAN, up. */
#include "link/link.h"

#include <errno.h>
#include <string.h>

#define VLAN_HDR_LEN 4

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
	pkt->at = PKT_AT_FRAME;
	return link_output(link, pkt);
}

static bool is_tag(uint16_t type)
{
	return type == ETH_TYPE_VLAN || type == ETH_TYPE_QINQ;
}

size_t ether_l3(const struct link *link, struct pkt *pkt, uint16_t *type)
{
	size_t l3 = ETH_HDR_LEN;

	if (link->kind != NET_LINK_ETHER) {
		uint8_t version = 0;

		pkt_read(pkt, 0, &version, 1);
		*type = version >> 4 == 6 ? ETH_TYPE_IP6 : ETH_TYPE_IP4;
		return 0;
	}
	*type = 0;
	for (int tags = 0; tags < 3; tags++) {
		uint8_t be[2] = {0};

		pkt_read(pkt, l3 - 2, be, 2);
		*type = wire_get16(be);
		if (!is_tag(*type))
			break;
		l3 += VLAN_HDR_LEN;
	}
	return l3;
}

/* Reads the header; the view stays. */
static enum drop read_header(struct pkt *pkt, struct eth_hdr *eth)
{
	struct rd in;

	if (!pkt_pullup(pkt, ETH_HDR_LEN))
		return DROP_ETH_TRUNCATED;
	pkt_rd(pkt, &in);
	return eth_parse(eth, &in);
}

/* Takes the outer tag out of a tagged frame: the addresses move to where the payload's type is. */
static enum drop untag(struct pkt *pkt)
{
	uint8_t macs[12];

	if (!pkt_pullup(pkt, ETH_HDR_LEN + VLAN_HDR_LEN))
		return DROP_ETH_TRUNCATED;
	if (!pkt_make_writable(pkt))
		return DROP_NO_MEMORY;
	memcpy(macs, pkt_data(pkt), sizeof(macs));
	pkt_pull(pkt, VLAN_HDR_LEN);
	memcpy(pkt_data(pkt), macs, sizeof(macs));
	return DROP_NONE;
}

/* Whether the address filter lets the frame in; says what it is. */
static enum drop filter(struct link *link, struct pkt *pkt, const struct eth_hdr *eth)
{
	if (!eth_is_multi(eth->dst)) {
		if (!memcmp(eth->dst, link->mac, 6))
			return DROP_NONE;
		return DROP_ETH_OTHER_HOST;
	}
	pkt->ip.link_multi = true;
	if (eth_is_broadcast(eth->dst))
		return DROP_NONE;
	if (!link->promisc && !link->allmulti && !link_maddr_has(link, eth->dst))
		return DROP_ETH_MULTICAST;
	link->stats.rx_multicast++;
	return DROP_NONE;
}

/* To the protocols. The view is at the Ethernet header. */
static void dispatch(struct link *link, struct pkt *pkt, const struct eth_hdr *eth)
{
	struct links *ls = link->links;

	pkt_pull(pkt, ETH_HDR_LEN);
	pkt->at = PKT_AT_NET;
	pkt->ethertype = eth->type;
	pkt->l3_off = 0;
	switch (eth->type) {
	case ETH_TYPE_IP4:
	case ETH_TYPE_IP6:
		ls->up.input(ls->up.ctx, link, pkt, eth->type);
		return;
	case ETH_TYPE_ARP:
		arp_input(link, pkt);
		return;
	default:
		link->stats.rx_nohandler++;
		core_drop(ls->core, pkt, DROP_ETH_TYPE);
		return;
	}
}

static void tagged_input(struct link *link, struct pkt *pkt, uint16_t proto)
{
	uint8_t be[2] = {0};
	enum drop why = DROP_ETH_TRUNCATED;
	struct link *vlan;
	uint16_t tci;

	pkt_read(pkt, ETH_HDR_LEN, be, sizeof(be));
	tci = wire_get16(be);
	vlan = vlan_find(link, proto, tci & 0xfff);
	if (!vlan && (tci & 0xfff))
		why = DROP_ETH_VLAN;
	else
		why = untag(pkt);
	if (why != DROP_NONE) {
		link->stats.rx_dropped++;
		core_drop(link->links->core, pkt, why);
	} else if (vlan) {
		pkt->prio = (uint8_t)(tci >> 13);
		link_input(vlan, pkt);
	} else { /* priority only: the frame is the link's own */
		ether_input_local(link, pkt);
	}
}

void ether_input_local(struct link *link, struct pkt *pkt)
{
	struct net_core *core = link->links->core;
	struct eth_hdr eth;
	enum drop why = read_header(pkt, &eth);

	if (why == DROP_NONE && is_tag(eth.type)) {
		/* A promiscuous link hears its VLANs' other hosts, too: they filter by themselves. */
		tagged_input(link, pkt, eth.type);
		return;
	}
	if (why == DROP_NONE)
		why = filter(link, pkt, &eth);
	if (why == DROP_NONE) {
		dispatch(link, pkt, &eth);
		return;
	}
	if (why == DROP_ETH_TRUNCATED)
		link->stats.rx_errors++;
	core_drop(core, pkt, why);
}

void ether_input(struct link *link, struct pkt *pkt)
{
	struct eth_hdr eth;

	if (link->port && read_header(pkt, &eth) == DROP_NONE && bridge_input(link->port, pkt))
		return;
	ether_input_local(link, pkt);
}
