/* SPDX-License-Identifier: Apache-2.0 */
/* The table of links, their state, and the way of frames through one: from the driver to its framing, from
 * its senders to the discipline and the edge where they leave. */
#include "link/link.h"

#include <ctype.h>
#include <errno.h>
#include <net/if.h>
#include <stdlib.h>
#include <string.h>

#include "link/qdisc.h"

#define TX_QUEUE_DEFAULT 1000
#define MTU_MIN 68 /* RFC 791 */
#define MTU_MAX 65536
#define DEPTH_MAX 8 /* software links on top of each other */

#define ALL_OFFLOADS                                                                               \
	(NET_LINK_CSUM | NET_LINK_TSO4 | NET_LINK_TSO6 | NET_LINK_USO | NET_LINK_TSO_ECN)

int links_init(struct links *ls, struct net_core *core)
{
	int r;

	memset(ls, 0, sizeof(*ls));
	ls->core = core;
	ls->next_id = NET_LINK_LOOPBACK_ID;
	list_init(&ls->all);
	list_init(&ls->ready);
	list_init(&ls->neigh_lru);
	list_init(&ls->proxies);
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
	/* The last are on top: they go before what they stand on. */
	while ((link = list_last_entry(&ls->all, struct link, all)))
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

static struct link *find_name(const struct links *ls, const char *name)
{
	struct link *link;

	list_for_each_entry(link, &ls->all, all) if (!strcmp(link->name, name)) return link;
	return NULL;
}

static bool mtu_ok(uint32_t mtu)
{
	return mtu >= MTU_MIN && mtu <= MTU_MAX;
}

/* Fills in what a software link may leave open. */
static void config_complete(struct links *ls, struct net_link_config *cfg)
{
	const struct link *lower = link_find(ls, cfg->lower);

	if (cfg->type == NET_LINK_PORT)
		return;
	cfg->kind = NET_LINK_ETHER;
	cfg->offloads = ALL_OFFLOADS;
	if (!cfg->mtu)
		cfg->mtu = cfg->type == NET_LINK_VLAN && lower ? lower->mtu : 1500;
	if (!eth_is_zero(cfg->mac))
		return;
	if (cfg->type == NET_LINK_VLAN && lower) {
		memcpy(cfg->mac, lower->mac, 6);
		return;
	}
	rng_bytes(&ls->core->rng, cfg->mac, 6);
	cfg->mac[0] = (uint8_t)((cfg->mac[0] & 0xfe) | 2); /* unicast, locally administered */
}

static int config_check(const struct links *ls, const struct net_link_config *cfg)
{
	if (!name_ok(cfg->name) || !mtu_ok(cfg->mtu) || cfg->type > NET_LINK_VETH)
		return -EINVAL;
	if (cfg->kind == NET_LINK_ETHER && (eth_is_multi(cfg->mac) || eth_is_zero(cfg->mac)))
		return -EINVAL;
	if (find_name(ls, cfg->name))
		return -EEXIST;
	if (cfg->type == NET_LINK_VLAN) {
		int r = vlan_check(link_find(ls, cfg->lower), cfg);

		if (r < 0)
			return r;
	}
	return ls->count >= ls->core->lim.links ? -ENOSPC : 0;
}

static void tx_fire(struct timer *timer);
static void tx_run(struct work *work);

static struct link *link_alloc(struct links *ls, const struct net_link_config *cfg)
{
	static const uint8_t hosts[6] = {0x01, 0x00, 0x5e, 0, 0, 1};
	static const uint8_t nodes[6] = {0x33, 0x33, 0, 0, 0, 1};
	struct link *link = calloc(1, sizeof(*link));

	if (!link)
		return NULL;
	link->links = ls;
	link->kind = cfg->kind;
	link->type = cfg->type;
	memcpy(link->name, cfg->name, sizeof(link->name));
	memcpy(link->mac, cfg->mac, sizeof(link->mac));
	link->mtu = cfg->mtu;
	link->offloads = cfg->offloads & NET_LINK_CSUM ? cfg->offloads : 0;
	link->autoconf = cfg->autoconf;
	link->up = !cfg->down;
	link->conf = ls->core->confs.def;
	link->conf.v6[NET_CONF6_mtu] = (int32_t)cfg->mtu;
	link->tx_queue_len = cfg->tx_queue ? cfg->tx_queue : TX_QUEUE_DEFAULT;
	pktq_init(&link->tx, cfg->kind == NET_LINK_LOOPBACK ? ls->core->lim.loopback_pkts : 0);
	pktq_init(&link->rx, link->tx_queue_len);
	timer_init(&link->tx_timer, tx_fire);
	work_init(&link->tx_work, tx_run);
	work_init(&link->rx_work, veth_run);
	list_init(&link->addrs);
	list_init(&link->groups);
	list_init(&link->uppers);
	list_init(&link->maddrs);
	if (cfg->kind == NET_LINK_ETHER &&
	    (link_maddr_add(link, hosts) < 0 || link_maddr_add(link, nodes) < 0)) {
		link_maddr_flush(link);
		free(link);
		return NULL;
	}
	return link;
}

/* What the type needs. */
static int link_setup(struct link *link, const struct net_link_config *cfg)
{
	struct net_qdisc fast = {.kind = NET_QDISC_PFIFO_FAST};

	if (link->kind == NET_LINK_LOOPBACK)
		return 0;
	switch (link->type) {
	case NET_LINK_PORT:
		return qdisc_new(&link->qdisc, link, &fast);
	case NET_LINK_VLAN:
		link->lower = link_find(link->links, cfg->lower);
		link->vlan_id = cfg->vlan_id;
		link->vlan_proto = cfg->vlan_proto ? cfg->vlan_proto : ETH_TYPE_VLAN;
		list_push_back(&link->lower->uppers, &link->upper_list);
		return 0;
	case NET_LINK_BRIDGE:
		return bridge_new(link);
	case NET_LINK_DUMMY:
		link->noarp = true; /* nobody could answer */
		return 0;
	case NET_LINK_VETH:
		return 0;
	}
	return -EINVAL;
}

int link_new(struct links *ls, struct link **ret, const struct net_link_config *given)
{
	struct net_link_config cfg = *given;
	struct link *link;
	int r;

	config_complete(ls, &cfg);
	r = config_check(ls, &cfg);
	if (r < 0)
		return r;
	link = link_alloc(ls, &cfg);
	if (!link)
		return -ENOMEM;
	link->id = ls->next_id++;
	link->mac_set = !eth_is_zero(given->mac);
	r = link_setup(link, &cfg);
	if (r < 0) {
		link_maddr_flush(link);
		free(link);
		return r;
	}
	if (link->kind == NET_LINK_LOOPBACK)
		ls->lo = link;
	list_push_back(&ls->all, &link->all);
	ls->count++;
	link_notify(link, false);
	*ret = link;
	return 0;
}

static void flush_output(struct link *link)
{
	struct pkt *pkt;

	while (link->qdisc && (pkt = link->qdisc->ops->peel(link->qdisc)))
		pkt_free(pkt);
	pktq_flush(&link->tx);
	pktq_flush(&link->rx);
	link->gso.whole = pkt_free(link->gso.whole);
	timer_cancel(&link->links->core->timers, &link->tx_timer);
	list_remove(&link->ready);
}

void link_free(struct link *link)
{
	struct links *ls = link->links;
	struct link *other;

	while ((other = list_first_entry(&link->uppers, struct link, upper_list)))
		link_free(other);
	if (link->port)
		bridge_del_port(link);
	if (link->bridge)
		bridge_free(link);
	other = link->peer;
	if (other) {
		other->peer = NULL;
		link->peer = NULL;
		link_free(other);
	}
	list_remove(&link->upper_list);
	if (ls->up.link_gone)
		ls->up.link_gone(ls->up.ctx, link, true);
	neigh_flush(ls, link, true);
	proxy_flush(ls, link);
	flush_output(link);
	qdisc_free(link->qdisc);
	link_maddr_flush(link);
	work_cancel(&link->tx_work);
	work_cancel(&link->rx_work);
	link_notify(link, true);
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

/* Links that stand on this one, or face it, run or stop running with it. */
static void tell_dependents(struct link *link)
{
	struct link *upper;

	list_for_each_entry(upper, &link->uppers, upper_list) link_notify(upper, false);
	if (link->peer)
		link_notify(link->peer, false);
	if (link->port)
		bridge_port_changed(link);
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
	link_notify(link, false);
	tell_dependents(link);
}

int link_set_mtu(struct link *link, uint32_t mtu)
{
	struct links *ls = link->links;
	struct link *upper;

	if (!mtu_ok(mtu) || (link->lower && mtu > link->lower->mtu))
		return -EINVAL;
	link->mtu = mtu;
	link->mtu_set = true;
	link->conf.v6[NET_CONF6_mtu] = (int32_t)mtu;
	link->ip6_mtu = 0;
	list_for_each_entry(upper, &link->uppers, upper_list) if (upper->mtu > mtu)
		(void)link_set_mtu(upper, mtu);
	if (link->port)
		bridge_port_changed(link);
	ls->up.link_changed(ls->up.ctx, link);
	link_notify(link, false);
	return 0;
}

int link_set_mac(struct link *link, const uint8_t mac[6])
{
	struct links *ls = link->links;

	if (link->kind != NET_LINK_ETHER || eth_is_multi(mac) || eth_is_zero(mac))
		return -EINVAL;
	if (!memcmp(link->mac, mac, 6))
		return 0;
	memcpy(link->mac, mac, 6);
	link->mac_set = true;
	neigh_flush(ls, link, false);
	if (link->port)
		bridge_port_changed(link);
	if (link->up)
		ls->up.link_readdressed(ls->up.ctx, link);
	link_notify(link, false);
	return 0;
}

int link_set_name(struct link *link, const char *name)
{
	char copy[16] = "";
	size_t n = strnlen(name, 16);

	if (n == 16)
		return -EINVAL;
	memcpy(copy, name, n);
	if (!name_ok(copy))
		return -EINVAL;
	if (!strcmp(link->name, copy))
		return 0;
	if (find_name(link->links, copy))
		return -EEXIST;
	memcpy(link->name, copy, sizeof(copy));
	link->links->up.link_changed(link->links->up.ctx, link); /* rules name links */
	link_notify(link, false);
	return 0;
}

bool link_carrier(const struct link *link)
{
	switch (link->type) {
	case NET_LINK_VLAN:
		return link->lower->up && link_carrier(link->lower);
	case NET_LINK_VETH:
		return link->peer && link->peer->up;
	case NET_LINK_BRIDGE:
		return bridge_carrier(link->bridge);
	case NET_LINK_PORT:
	case NET_LINK_DUMMY:
		break;
	}
	return true;
}

uint32_t link_flags(const struct link *link)
{
	uint32_t flags = 0;

	if (link->up)
		flags |= IFF_UP | (link_carrier(link) ? (uint32_t)IFF_RUNNING : 0);
	if (link->promisc)
		flags |= IFF_PROMISC;
	if (link->allmulti)
		flags |= IFF_ALLMULTI;
	switch (link->kind) {
	case NET_LINK_LOOPBACK:
		return flags | IFF_LOOPBACK;
	case NET_LINK_ETHER:
		return flags | IFF_BROADCAST | (link->noarp ? (uint32_t)IFF_NOARP : 0) |
		       (link->type == NET_LINK_DUMMY ? 0 : (uint32_t)IFF_MULTICAST);
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
	ret->type = link->type;
	memcpy(ret->name, link->name, sizeof(ret->name));
	memcpy(ret->mac, link->mac, sizeof(ret->mac));
	ret->mtu = link->mtu;
	ret->min_mtu = MTU_MIN;
	ret->max_mtu = link->lower ? link->lower->mtu : MTU_MAX;
	ret->flags = link_flags(link);
	ret->tx_queue_len = link->tx_queue_len;
	ret->offloads = link->offloads;
	ret->lower = link->lower ? link->lower->id : link->peer ? link->peer->id : 0;
	ret->master = link->port ? bridge_of_port(link->port)->id : 0;
	ret->vlan_id = link->vlan_id;
	ret->vlan_proto = link->vlan_proto;
	ret->promiscuity = link->promisc;
	ret->allmulti = link->allmulti;
	ret->port_state = link->port ? bridge_port_state(link) : 0;
}

void link_notify(struct link *link, bool gone)
{
	struct net_change *c = change_new(&link->links->core->changes, NET_CHANGE_LINK, gone);

	if (c)
		link_info(link, &c->link);
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
	pkt->at = PKT_AT_NET;
	pkt->l3_off = 0;
	pkt->ethertype = first >> 4 == 6 ? ETH_TYPE_IP6 : ETH_TYPE_IP4;
	if (first >> 4 == 4 || first >> 4 == 6)
		ls->up.input(ls->up.ctx, link, pkt, pkt->ethertype);
	else
		core_drop(ls->core, pkt, DROP_ETH_TYPE);
}

void link_input(struct link *link, struct pkt *pkt)
{
	struct net_core *core = link->links->core;

	pkt->ip = (struct pkt_ip){.link = link->id};
	pkt->l3_off = 0;
	pkt->at = PKT_AT_FRAME;
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
	link_tap(link, pkt, false);
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
		link_tap(link, pkt, false);
		link->stats.rx_packets++;
		link->stats.rx_bytes += pkt->len;
	}
	ip_frame_input(link, pkt);
}

static void make_ready(struct link *link)
{
	if (!list_linked(&link->ready))
		list_push_back(&link->links->ready, &link->ready);
}

/* The discipline has something, now or later. */
static void tx_kick(struct link *link)
{
	if (link->type == NET_LINK_PORT)
		make_ready(link);
	else
		work_mark(&link->links->core->works, &link->tx_work);
}

static void tx_fire(struct timer *timer)
{
	tx_kick(container_of(timer, struct link, tx_timer));
}

static struct pkt *tx_dequeue(struct link *link)
{
	net_time next;
	struct pkt *pkt = qdisc_dequeue(link->qdisc, &next);

	if (!pkt && next != NET_TIME_NEVER)
		timer_arm(&link->links->core->timers, &link->tx_timer, next);
	return pkt;
}

/* Software links pump themselves. */
static void tx_run(struct work *work)
{
	struct link *link = container_of(work, struct link, tx_work);
	struct pkt *pkt;

	for (int i = 0; i < 64 && link->qdisc; i++) {
		pkt = tx_dequeue(link);
		if (!pkt)
			return;
		link_xmit(link, pkt);
	}
	work_mark(&link->links->core->works, &link->tx_work);
}

void link_xmit(struct link *link, struct pkt *pkt)
{
	struct links *ls = link->links;

	if (ls->depth >= DEPTH_MAX) {
		link->stats.tx_errors++;
		core_drop(ls->core, pkt, DROP_LINK_LOOP);
		return;
	}
	link->stats.tx_packets++;
	link->stats.tx_bytes += pkt->len;
	ls->depth++;
	switch (link->type) {
	case NET_LINK_VLAN:
		vlan_xmit(link, pkt);
		break;
	case NET_LINK_BRIDGE:
		bridge_xmit(link, pkt);
		break;
	case NET_LINK_VETH:
		veth_xmit(link, pkt);
		break;
	case NET_LINK_PORT: /* not reached: the driver pulls */
	case NET_LINK_DUMMY:
		pkt_free(pkt);
		break;
	}
	ls->depth--;
}

int link_output(struct link *link, struct pkt *pkt)
{
	struct links *ls = link->links;
	int r;

	pkt->at = link->kind == NET_LINK_ETHER ? PKT_AT_FRAME : PKT_AT_NET;
	pkt->ip.link = link->id;
	if (!link->up) {
		core_drop(ls->core, pkt, DROP_LINK_DOWN);
		return -ENETDOWN;
	}
	link_tap(link, pkt, true);
	if (!link->qdisc) {
		link_xmit(link, pkt);
		return 0;
	}
	r = qdisc_enqueue(link->qdisc, pkt);
	tx_kick(link);
	return r;
}

size_t link_queued(const struct link *link)
{
	size_t n = link->kind == NET_LINK_LOOPBACK ? link->tx.count : link->rx.count;

	if (link->qdisc)
		n += link->qdisc->cfg.stats.qlen;
	return n + (link->gso.whole != NULL);
}

bool link_ready(const struct link *link)
{
	return list_linked(&link->ready);
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
	uint16_t type;
	size_t l3 = ether_l3(link, pkt, &type);
	struct wire_gso g;

	if (wire_find_l4(&g, pkt_data(pkt), pkt->lin_len, l3, type == ETH_TYPE_IP6))
		pkt->offload.hdr_len = g.payload;
}

struct pkt *link_take_output(struct link *link)
{
	for (;;) {
		struct pkt *pkt = gso_next(link, &link->gso);

		if (!pkt) {
			pkt = link->qdisc ? tx_dequeue(link) : NULL;
			if (!pkt) {
				list_remove(&link->ready);
				return NULL;
			}
			if (pkt->offload.gso_type) {
				if (!link_takes_gso(link, &pkt->offload)) {
					gso_start(link, &link->gso, pkt);
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
