/* SPDX-License-Identifier: Apache-2.0 */
/* ARP (RFC 826), as the address resolution of the neighbour table. A sender that we know is updated
 * by whatever it broadcasts; a new entry is made only for one who asks for us (RFC 826's merge
 * flag).
 */
#include "link/link.h"

#include <string.h>

static void arp_send(struct link *link, const struct arp_pkt *arp, const uint8_t dst[6])
{
	struct pkt *pkt = pkt_new(&link->links->core->pool, PKT_HEADROOM);
	struct wr out;

	if (!pkt) {
		core_drop(link->links->core, NULL, DROP_NO_MEMORY);
		return;
	}
	wr_init(&out, pkt_put(pkt, ARP_LEN), ARP_LEN);
	arp_emit(&out, arp);
	(void)ether_output(link, pkt, dst, ETH_TYPE_ARP);
}

static const uint8_t broadcast[6] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff};

void arp_solicit(struct link *link, const struct net_addr *target, const struct net_addr *want,
		 const uint8_t *mac)
{
	struct links *ls = link->links;
	struct arp_pkt arp = {.op = ARP_REQUEST, .tpa = *target};

	if (!ls->up.src4(ls->up.ctx, link, target, want, &arp.spa))
		return;
	memcpy(arp.sha, link->mac, 6);
	arp_send(link, &arp, mac ? mac : broadcast);
}

void arp_announce(struct link *link, const struct net_addr *addr)
{
	struct arp_pkt arp = {.op = ARP_REQUEST, .spa = *addr, .tpa = *addr};

	memcpy(arp.sha, link->mac, 6);
	arp_send(link, &arp, broadcast);
}

static void arp_reply(struct link *link, const struct arp_pkt *req)
{
	struct arp_pkt arp = {.op = ARP_REPLY, .spa = req->tpa, .tpa = req->spa};

	memcpy(arp.sha, link->mac, 6);
	memcpy(arp.tha, req->sha, 6);
	arp_send(link, &arp, req->sha);
}

/* net.ipv4.conf.*.arp_accept: a gratuitous packet may make an entry. */
static bool gratuitous(const struct arp_pkt *arp)
{
	return arp->spa.word[0] == arp->tpa.word[0];
}

/* What the sender says about itself. */
static void learn(struct link *link, const struct pkt *pkt, const struct arp_pkt *arp, bool ours)
{
	unsigned how = NEIGH_OVERRIDE;

	if (!arp->spa.word[0])
		return;
	if (gratuitous(arp) && conf4_or(link, NET_CONF4_drop_gratuitous_arp))
		return;
	if (arp->op == ARP_REPLY && ours && !pkt->ip.link_multi)
		how |= NEIGH_SOLICITED;
	if ((ours && arp->op == ARP_REQUEST) ||
	    (gratuitous(arp) && conf4_or(link, NET_CONF4_arp_accept)))
		how |= NEIGH_CREATE;
	neigh_update(link->links, link, &arp->spa, arp->sha, how);
}

static enum drop arp_handle(struct link *link, struct pkt *pkt)
{
	struct links *ls = link->links;
	enum arp_answer answer;
	struct arp_pkt arp;
	enum drop why;
	struct rd in;

	if (link->noarp)
		return DROP_ARP_NOT_US;
	if (!pkt_pullup(pkt, ARP_LEN))
		return DROP_ARP_TRUNCATED;
	pkt_rd(pkt, &in);
	why = arp_parse(&arp, &in);
	if (why != DROP_NONE)
		return why;
	/* Our own address from elsewhere: a conflict; never learn it (RFC 5227 2.4 defence is not
	 * ours: addresses are configured from outside). */
	if (ls->up.owns4(ls->up.ctx, link, &arp.spa))
		return DROP_ARP_MALFORMED;

	bool ours = ls->up.owns4(ls->up.ctx, link, &arp.tpa);

	learn(link, pkt, &arp, ours);
	if (arp.op != ARP_REQUEST)
		return ours ? DROP_NONE : DROP_ARP_NOT_US;
	answer = ls->up.answer4(ls->up.ctx, link, &arp.spa, &arp.tpa);
	if (answer == ARP_PROXY)
		neigh_update(ls, link, &arp.spa, arp.sha, NEIGH_OVERRIDE | NEIGH_CREATE);
	if (answer == ARP_OURS || answer == ARP_PROXY)
		arp_reply(link, &arp);
	return answer == ARP_IGNORE ? DROP_ARP_NOT_US : DROP_NONE;
}

void arp_input(struct link *link, struct pkt *pkt)
{
	core_drop(link->links->core, pkt, arp_handle(link, pkt));
}
