/* SPDX-License-Identifier: Apache-2.0 */
/* A learning bridge (802.1D 7.7) over ports that are links: forwards, floods, and takes what is for the
 * bridge's own link. No spanning tree: a port forwards while it is up. */
#include "link/bridge.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define AGEING_DEFAULT NET_SEC(300)
#define FDB_MAX_DEFAULT 65536
#define STATE_DISABLED 0
#define STATE_FORWARDING 3
#define STATE_BLOCKING 4

int bridge_new(struct link *link)
{
	struct bridge *br = calloc(1, sizeof(*br));
	int r;

	if (!br)
		return -ENOMEM;
	br->link = link;
	br->ageing = AGEING_DEFAULT;
	br->max = FDB_MAX_DEFAULT;
	list_init(&br->ports);
	r = fdb_init(br);
	if (r < 0) {
		free(br);
		return r;
	}
	link->bridge = br;
	return 0;
}

void bridge_free(struct link *link)
{
	struct bridge *br = link->bridge;
	struct bridge_port *p;

	while ((p = list_first_entry(&br->ports, struct bridge_port, list)))
		bridge_del_port(p->link);
	fdb_fini(br);
	free(br);
	link->bridge = NULL;
}

struct link *bridge_of_port(const struct bridge_port *port)
{
	return port->bridge->link;
}

static bool forwards(const struct bridge_port *p)
{
	return p->link->up && p->cfg.state == STATE_FORWARDING;
}

uint8_t bridge_port_state(const struct link *link)
{
	return link->up ? link->port->cfg.state : STATE_DISABLED;
}

bool bridge_carrier(const struct bridge *br)
{
	struct bridge_port *p;

	list_for_each_entry(p, &br->ports, list) if (forwards(p) && link_carrier(p->link)) return true;
	return false;
}

/* The bridge has the lowest address and the smallest MTU of its ports, until a user sets them. */
static void follow_ports(struct bridge *br)
{
	struct link *link = br->link;
	const uint8_t *mac = NULL;
	struct bridge_port *p;
	uint32_t mtu = 0;

	list_for_each_entry(p, &br->ports, list)
	{
		if (!mac || memcmp(p->link->mac, mac, 6) < 0)
			mac = p->link->mac;
		if (!mtu || p->link->mtu < mtu)
			mtu = p->link->mtu;
	}
	if (mac && !link->mac_set && memcmp(mac, link->mac, 6)) {
		(void)link_set_mac(link, mac);
		link->mac_set = false;
	}
	if (mtu && !link->mtu_set && mtu != link->mtu) {
		(void)link_set_mtu(link, mtu);
		link->mtu_set = false;
	}
}

void bridge_port_changed(struct link *link)
{
	struct bridge *br = link->port->bridge;

	if (!link->up)
		fdb_flush(br, link, false);
	follow_ports(br);
	link_notify(br->link, false);
}

int bridge_add_port(struct link *bridge, struct link *link)
{
	struct bridge_port *p;

	if (!bridge->bridge || link->kind != NET_LINK_ETHER)
		return -EINVAL;
	if (link->bridge)
		return -ELOOP;
	/* A VLAN of the bridge as its port would send to itself for ever. */
	for (const struct link *l = link; l; l = l->lower)
		if (l == bridge)
			return -ELOOP;
	if (link->port)
		return link->port->bridge == bridge->bridge ? 0 : -EBUSY;
	p = calloc(1, sizeof(*p));
	if (!p)
		return -ENOMEM;
	p->link = link;
	p->bridge = bridge->bridge;
	p->cfg = (struct net_bridge_port){.learning = true,
					  .flood = true,
					  .mcast_flood = true,
					  .bcast_flood = true,
					  .state = STATE_FORWARDING};
	list_push_back(&bridge->bridge->ports, &p->list);
	link->port = p;
	link_promisc(link, 1);
	link_notify(link, false);
	bridge_port_changed(link);
	return 0;
}

void bridge_del_port(struct link *link)
{
	struct bridge_port *p = link->port;
	struct bridge *br = p->bridge;

	fdb_flush(br, link, true);
	list_remove(&p->list);
	link->port = NULL;
	free(p);
	link_promisc(link, -1);
	follow_ports(br);
	link_notify(br->link, false);
}

/* Sends a copy of @pkt over a port. @from: that it came from, NULL: the bridge itself. */
static void send_copy(struct bridge_port *to, const struct bridge_port *from, struct pkt *pkt)
{
	struct pkt *copy;

	if (!forwards(to) || (to == from && !to->cfg.hairpin))
		return;
	if (from && from->cfg.isolated && to->cfg.isolated)
		return;
	if (!pkt->offload.gso_type && pkt->len > to->link->mtu + ETH_HDR_LEN + 4) {
		to->link->stats.tx_dropped++;
		return;
	}
	copy = pkt_clone(pkt);
	if (copy)
		(void)link_output(to->link, copy);
}

static void flood(struct bridge *br, const struct bridge_port *from, struct pkt *pkt,
		  const uint8_t dst[6])
{
	struct bridge_port *p;

	list_for_each_entry(p, &br->ports, list)
	{
		bool wanted = eth_is_broadcast(dst) ? p->cfg.bcast_flood
			      : eth_is_multi(dst)   ? p->cfg.mcast_flood
						    : p->cfg.flood;

		if (wanted)
			send_copy(p, from, pkt);
	}
}

/* 802.1D 7.12.6: these stay on their LAN. */
static bool link_constrained(const uint8_t dst[6])
{
	static const uint8_t prefix[5] = {0x01, 0x80, 0xc2, 0, 0};

	return !memcmp(dst, prefix, 5) && dst[5] < 16;
}

static void deliver_up(struct bridge *br, struct pkt *pkt)
{
	struct links *ls = br->link->links;

	if (ls->depth >= 8) {
		core_drop(ls->core, pkt, DROP_LINK_LOOP);
		return;
	}
	ls->depth++;
	link_input(br->link, pkt);
	ls->depth--;
}

bool bridge_input(struct bridge_port *port, struct pkt *pkt)
{
	struct bridge *br = port->bridge;
	struct net_core *core = br->link->links->core;
	struct eth_hdr eth;
	struct fdb *e;
	struct rd in;

	pkt_rd(pkt, &in);
	if (eth_parse(&eth, &in) != DROP_NONE || link_constrained(eth.dst))
		return false;
	if (!br->link->up || !forwards(port) || eth_is_multi(eth.src) || eth_is_zero(eth.src)) {
		core_drop(core, pkt, DROP_BRIDGE_FILTERED);
		return true;
	}
	if (port->cfg.learning)
		fdb_learn(br, port->link, eth.src);
	if (eth_is_multi(eth.dst)) {
		flood(br, port, pkt, eth.dst);
		deliver_up(br, pkt);
		return true;
	}
	e = fdb_find(br, eth.dst);
	if (!memcmp(eth.dst, br->link->mac, 6) || !memcmp(eth.dst, port->link->mac, 6) ||
	    (e && e->local)) {
		/* The address of a port is the bridge's as well. */
		if (memcmp(eth.dst, br->link->mac, 6) && pkt_make_writable(pkt))
			pkt_write_linear(pkt, 0, br->link->mac, 6);
		deliver_up(br, pkt);
		return true;
	}
	if (e && e->to->port)
		send_copy(e->to->port, port, pkt);
	else
		flood(br, port, pkt, eth.dst);
	if (br->link->promisc)
		deliver_up(br, pkt);
	else
		pkt_free(pkt);
	return true;
}

void bridge_xmit(struct link *link, struct pkt *pkt)
{
	struct bridge *br = link->bridge;
	struct eth_hdr eth;
	struct fdb *e;
	struct rd in;

	if (!pkt_pullup(pkt, ETH_HDR_LEN)) {
		core_drop(link->links->core, pkt, DROP_ETH_TRUNCATED);
		return;
	}
	pkt_rd(pkt, &in);
	(void)eth_parse(&eth, &in);
	e = eth_is_multi(eth.dst) ? NULL : fdb_find(br, eth.dst);
	if (e && e->to->port)
		send_copy(e->to->port, NULL, pkt);
	else
		flood(br, NULL, pkt, eth.dst);
	pkt_free(pkt);
}

int bridge_get(const struct link *link, struct net_bridge *ret)
{
	if (!link->bridge)
		return -EINVAL;
	*ret = (struct net_bridge){.ageing_ms = (uint32_t)(link->bridge->ageing / NET_MS(1)),
				   .fdb_max = link->bridge->max,
				   .fdb_count = link->bridge->count};
	return 0;
}

int bridge_set(struct link *link, const struct net_bridge *set)
{
	if (!link->bridge)
		return -EINVAL;
	link->bridge->ageing = NET_MS(set->ageing_ms);
	link->bridge->max = set->fdb_max ? set->fdb_max : FDB_MAX_DEFAULT;
	link_notify(link, false);
	return 0;
}

int bridge_port_get(const struct link *link, struct net_bridge_port *ret)
{
	if (!link->port)
		return -EINVAL;
	*ret = link->port->cfg;
	ret->state = bridge_port_state(link);
	return 0;
}

int bridge_port_set(struct link *link, const struct net_bridge_port *set)
{
	if (!link->port || set->state > STATE_BLOCKING)
		return -EINVAL;
	link->port->cfg = *set;
	bridge_port_changed(link);
	return 0;
}
