/* SPDX-License-Identifier: Apache-2.0 */
/* The table of links, their state, and the edge where frames leave. */
#include "link/link.h"

#include <ctype.h>
#include <errno.h>
#include <net/if.h>
#include <stdlib.h>
#include <string.h>

#define TX_QUEUE_DEFAULT 1000
#define MTU_MIN 68 /* RFC 791 */
#define MTU_MAX 65536

int links_init(struct links *ls, struct net_core *core)
{
	int r;

	memset(ls, 0, sizeof(*ls));
	ls->core = core;
	ls->next_id = NET_LINK_LOOPBACK_ID;
	list_init(&ls->all);
	list_init(&ls->ready);
	list_init(&ls->neigh_lru);
	work_init(&ls->loop_work, loopback_run);
	r = hash_init(&ls->neighs, 6);
	if (r < 0)
		return -ENOMEM;
	return 0;
}

void links_fini(struct links *ls)
{
	struct link *link;

	if (!ls->core)
		return;
	while ((link = list_first_entry(&ls->all, struct link, all)))
		link_free(link);
	work_cancel(&ls->loop_work);
	hash_fini(&ls->neighs);
}

static bool name_ok(const char name[16])
{
	size_t n = strnlen(name, 16);

	if (!n || n == 16 || !strcmp(name, ".") || !strcmp(name, ".."))
		return false;
	for (size_t i = 0; i < n; i++) {
		unsigned char c = (unsigned char)name[i];

		if (c == '/' || c == ':' || c <= ' ' || c == 0x7f)
			return false;
	}
	return true;
}

static bool mtu_ok(uint32_t mtu)
{
	return mtu >= MTU_MIN && mtu <= MTU_MAX;
}

static int config_check(const struct links *ls, const struct net_link_config *cfg)
{
	struct link *link;

	if (!name_ok(cfg->name) || !mtu_ok(cfg->mtu))
		return -EINVAL;
	if (cfg->kind == NET_LINK_ETHER && (eth_is_multi(cfg->mac) || eth_is_zero(cfg->mac)))
		return -EINVAL;
	list_for_each_entry(link, &ls->all, all) if (!strcmp(link->name, cfg->name)) return -EEXIST;
	return ls->count >= ls->core->lim.links ? -ENOSPC : 0;
}

int link_new(struct links *ls, struct link **ret, const struct net_link_config *cfg)
{
	struct link *link;
	int r;

	r = config_check(ls, cfg);
	if (r < 0)
		return r;
	link = calloc(1, sizeof(*link));
	if (!link)
		return -ENOMEM;

	link->links = ls;
	link->id = ls->next_id++;
	link->kind = cfg->kind;
	memcpy(link->name, cfg->name, sizeof(link->name));
	memcpy(link->mac, cfg->mac, sizeof(link->mac));
	link->mtu = cfg->mtu;
	link->offloads = cfg->offloads;
	if (!(link->offloads & NET_LINK_CSUM))
		link->offloads = 0;
	link->autoconf = cfg->autoconf;
	link->up = true;
	pktq_init(&link->tx, cfg->tx_queue ? cfg->tx_queue : TX_QUEUE_DEFAULT);
	if (cfg->kind == NET_LINK_LOOPBACK) {
		link->tx.limit = ls->core->lim.loopback_pkts;
		ls->lo = link;
	}
	list_init(&link->addrs);
	list_init(&link->groups);
	list_push_back(&ls->all, &link->all);
	ls->count++;
	*ret = link;
	return 0;
}

static void flush_output(struct link *link)
{
	pktq_flush(&link->tx);
	link->gso = pkt_free(link->gso);
	list_remove(&link->ready);
}

void link_free(struct link *link)
{
	struct links *ls = link->links;

	if (ls->up.link_gone)
		ls->up.link_gone(ls->up.ctx, link, true);
	neigh_flush(ls, link, true);
	flush_output(link);
	list_remove(&link->all);
	ls->count--;
	if (ls->lo == link)
		ls->lo = NULL;
	free(link);
}

struct link *link_find(const struct links *ls, net_link_id id)
{
	struct link *link;

	list_for_each_entry(link, &ls->all, all) if (link->id == id) return link;
	return NULL;
}

void link_set_up(struct link *link, bool up)
{
	struct links *ls = link->links;

	if (link->up == up)
		return;
	link->up = up;
	if (!up) {
		neigh_flush(ls, link, false);
		flush_output(link);
		ls->up.link_gone(ls->up.ctx, link, false);
	}
	ls->up.link_changed(ls->up.ctx, link);
}

uint32_t link_flags(const struct link *link)
{
	uint32_t flags = 0;

	if (link->up)
		flags |= IFF_UP | IFF_RUNNING;
	if (link->promisc)
		flags |= IFF_PROMISC;
	switch (link->kind) {
	case NET_LINK_LOOPBACK:
		return flags | IFF_LOOPBACK;
	case NET_LINK_ETHER:
		return flags | IFF_BROADCAST | IFF_MULTICAST;
	case NET_LINK_IP:
		return flags | IFF_POINTOPOINT | IFF_NOARP | IFF_MULTICAST;
	}
	return flags;
}

void link_info(const struct link *link, struct net_link_info *ret)
{
	*ret = link->stats;
	ret->link = link->id;
	ret->kind = link->kind;
	memcpy(ret->name, link->name, sizeof(ret->name));
	memcpy(ret->mac, link->mac, sizeof(ret->mac));
	ret->mtu = link->mtu;
	ret->flags = link_flags(link);
	ret->tx_queue_len = link->tx.limit;
	ret->offloads = link->offloads;
}

/* Whether the metadata that came with a frame describes it. */
static bool offload_ok(const struct pkt *pkt)
{
	const struct net_offload *o = &pkt->offload;
	unsigned type = o->gso_type & ~(unsigned)NET_GSO_ECN;

	if (o->flags & ~(NET_OFFLOAD_NEEDS_CSUM | NET_OFFLOAD_DATA_VALID))
		return false;
	if ((o->flags & NET_OFFLOAD_NEEDS_CSUM) &&
	    (uint32_t)o->csum_start + o->csum_offset + 2 > pkt->len)
		return false;
	switch (type) {
	case NET_GSO_NONE:
		return !(o->gso_type & NET_GSO_ECN);
	case NET_GSO_TCP4:
	case NET_GSO_TCP6:
	case NET_GSO_UDP_L4:
		return o->gso_size > 0;
	default:
		return false;
	}
}

static void ip_frame_input(struct link *link, struct pkt *pkt)
{
	struct links *ls = link->links;
	uint8_t first = 0;

	pkt_read(pkt, 0, &first, 1);
	if (first >> 4 == 4)
		ls->up.input(ls->up.ctx, link, pkt, ETH_TYPE_IP4);
	else if (first >> 4 == 6)
		ls->up.input(ls->up.ctx, link, pkt, ETH_TYPE_IP6);
	else
		core_drop(ls->core, pkt, DROP_ETH_TYPE);
}

void link_input(struct link *link, struct pkt *pkt)
{
	struct net_core *core = link->links->core;

	pkt->ip = (struct pkt_ip){.link = link->id};
	pkt->l3_off = 0;
	pkt->rx_time = core->now;
	if (!link->up) {
		link->stats.rx_dropped++;
		core_drop(core, pkt, DROP_LINK_DOWN);
		return;
	}
	link->stats.rx_packets++;
	link->stats.rx_bytes += pkt->len;
	if (!offload_ok(pkt)) {
		link->stats.rx_errors++;
		core_drop(core, pkt, DROP_LINK_OFFLOAD);
		return;
	}
	if (!pkt->offload.gso_type)
		pkt->offload.gso_size = 0;
	pkt->offload.hdr_len = 0; /* a hint of the far side: not trusted, not needed */
	if (link->kind == NET_LINK_ETHER)
		ether_input(link, pkt);
	else
		ip_frame_input(link, pkt);
}

void link_input_local(struct link *link, struct pkt *pkt)
{
	struct net_core *core = link->links->core;

	pkt->ip = (struct pkt_ip){.link = link->id, .local = true};
	pkt->l3_off = 0;
	pkt->rx_time = core->now;
	if (link->kind == NET_LINK_LOOPBACK) {
		link->stats.rx_packets++;
		link->stats.rx_bytes += pkt->len;
	}
	ip_frame_input(link, pkt);
}

int link_output(struct link *link, struct pkt *pkt)
{
	struct links *ls = link->links;

	if (!link->up) {
		core_drop(ls->core, pkt, DROP_LINK_DOWN);
		return -ENETDOWN;
	}
	if (pktq_full(&link->tx)) {
		link->stats.tx_dropped++;
		core_drop(ls->core, pkt, DROP_LINK_TX_FULL);
		return -ENOBUFS;
	}
	pktq_push(&link->tx, pkt);
	if (!list_linked(&link->ready))
		list_push_back(&ls->ready, &link->ready);
	return 0;
}

static bool link_takes_gso(const struct link *link, const struct net_offload *o)
{
	if ((o->gso_type & NET_GSO_ECN) && !(link->offloads & NET_LINK_TSO_ECN))
		return false;
	switch (o->gso_type & ~(unsigned)NET_GSO_ECN) {
	case NET_GSO_TCP4:
		return link->offloads & NET_LINK_TSO4;
	case NET_GSO_TCP6:
		return link->offloads & NET_LINK_TSO6;
	case NET_GSO_UDP_L4:
		return link->offloads & NET_LINK_USO;
	default:
		return false;
	}
}

/* Makes a frame fit what the far side accepts. NULL: it was dropped. */
static struct pkt *edge(struct link *link, struct pkt *pkt)
{
	struct net_core *core = link->links->core;

	if ((pkt->offload.flags & NET_OFFLOAD_NEEDS_CSUM) && !(link->offloads & NET_LINK_CSUM) &&
	    !pkt_csum_finish(pkt)) {
		link->stats.tx_errors++;
		core_drop(core, pkt, DROP_LINK_OFFLOAD);
		return NULL;
	}
	pkt->offload.flags &= (uint8_t)~NET_OFFLOAD_DATA_VALID;
	link->stats.tx_packets++;
	link->stats.tx_bytes += pkt->len;
	return pkt;
}

/* Fills the header length that virtio wants with a super-segment. */
static void note_hdr_len(struct link *link, struct pkt *pkt)
{
	size_t l3 = link->kind == NET_LINK_ETHER ? ETH_HDR_LEN : 0;
	struct wire_gso g;
	uint8_t version = 0;

	pkt_read(pkt, l3, &version, 1);
	if (wire_find_l4(&g, pkt_data(pkt), pkt->lin_len, l3, version >> 4 == 6))
		pkt->offload.hdr_len = g.payload;
}

struct pkt *link_take_output(struct link *link)
{
	for (;;) {
		struct pkt *pkt = gso_next(link);

		if (!pkt) {
			pkt = pktq_pop(&link->tx);
			if (!pkt) {
				list_remove(&link->ready);
				return NULL;
			}
			if (pkt->offload.gso_type) {
				if (!link_takes_gso(link, &pkt->offload)) {
					gso_start(link, pkt);
					continue;
				}
				note_hdr_len(link, pkt);
			}
		}
		pkt = edge(link, pkt);
		if (pkt)
			return pkt;
	}
}
