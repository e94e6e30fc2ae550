/* SPDX-License-Identifier: Apache-2.0 */
/* The neighbour cache and its reachability machine (RFC 4861 7.3), for ARP and ND alike.
 *
 * States are Linux's. REACHABLE ends by comparison at use, not by a timer, so an idle stack sleeps.
 * Timers run only while INCOMPLETE, DELAY or PROBE.
 */
#include "link/link.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

static uint64_t neigh_hash(struct links *ls, const struct link *link, const struct net_addr *addr)
{
	struct {
		uint64_t q[2];
		uint64_t link;
	} key = {{addr->quad[0], addr->quad[1]}, (uint64_t)link->id << 16 | addr->family};

	return siphash(&ls->core->key, &key, sizeof(key));
}

struct neigh *neigh_find(struct links *ls, struct link *link, const struct net_addr *addr)
{
	uint64_t h = neigh_hash(ls, link, addr);

	hash_for_each_match(node, &ls->neighs, h)
	{
		struct neigh *n = hash_entry(node, struct neigh, node);

		if (n->link == link && n->addr.family == addr->family &&
		    n->addr.quad[0] == addr->quad[0] && n->addr.quad[1] == addr->quad[1])
			return n;
	}
	return NULL;
}

static struct timers *timers(const struct neigh *n)
{
	return &n->link->links->core->timers;
}

static net_time now(const struct neigh *n)
{
	return n->link->links->core->now;
}

/* A setting of net.ipv4.neigh.* or net.ipv6.neigh.* of the entry's link. */
static int32_t conf(const struct neigh *n, enum net_neigh_conf which)
{
	return n->addr.family == AF_INET ? n->link->conf.neigh4[which] : n->link->conf.neigh6[which];
}

static net_dur retrans(const struct neigh *n)
{
	if (n->link->retrans && n->addr.family == AF_INET6)
		return n->link->retrans;
	return NET_MS(conf(n, NET_NEIGH_CONF_retrans_time_ms));
}

static uint8_t state_now(const struct neigh *n)
{
	/* REACHABLE ends by comparison, not by a timer. */
	if (n->state == NET_NEIGH_REACHABLE && now(n) - n->confirmed > n->reachable)
		return NET_NEIGH_STALE;
	return n->state;
}

void neigh_info(const struct neigh *n, struct net_neigh *ret)
{
	*ret = (struct net_neigh){
		.link = n->link->id,
		.addr = n->addr,
		.state = state_now(n),
		.router = n->router,
		.probes = n->probes,
		.protocol = n->protocol,
		.used = n->used,
		.confirmed = n->confirmed,
		.updated = n->updated,
	};
	memcpy(ret->mac, n->mac, sizeof(ret->mac));
}

static void notify(const struct neigh *n, bool gone)
{
	struct net_change *c = change_new(&n->link->links->core->changes, NET_CHANGE_NEIGH, gone);

	if (c)
		neigh_info(n, &c->neigh);
}

static void neigh_fire(struct timer *timer);

void neigh_free(struct links *ls, struct neigh *n)
{
	notify(n, true);
	timer_cancel(&ls->core->timers, &n->timer);
	for (struct pkt *pkt; (pkt = pktq_pop(&n->pending));)
		core_drop(ls->core, pkt, DROP_NEIGH_FAILED);
	hash_remove(&ls->neighs, &n->node);
	list_remove(&n->lru);
	ls->neigh_count--;
	ls->neigh_gen++;
	free(n);
}

/* Makes room: the least recently used entry that nobody waits for. */
static bool neigh_evict(struct links *ls)
{
	struct neigh *n;

	list_for_each_entry(n, &ls->neigh_lru, lru)
	{
		if ((n->state & (NET_NEIGH_PERMANENT | NET_NEIGH_NOARP)) || n->pending.count)
			continue;
		neigh_free(ls, n);
		return true;
	}
	return false;
}

struct neigh *neigh_get(struct links *ls, struct link *link, const struct net_addr *addr)
{
	struct neigh *n = neigh_find(ls, link, addr);

	if (n)
		return n;
	if (ls->neigh_count >= ls->core->lim.neighbours && !neigh_evict(ls))
		return NULL;
	n = calloc(1, sizeof(*n));
	if (!n)
		return NULL;
	n->link = link;
	n->addr = *addr;
	n->state = NET_NEIGH_NONE;
	timer_init(&n->timer, neigh_fire);
	n->updated = ls->core->now;
	pktq_init(&n->pending, MIN(ls->core->lim.neigh_pending,
				   (uint32_t)conf(n, NET_NEIGH_CONF_unres_qlen)));
	hash_insert(&ls->neighs, &n->node, neigh_hash(ls, link, addr));
	list_push_back(&ls->neigh_lru, &n->lru);
	ls->neigh_count++;
	return n;
}

/* The source of the first packet that waits, for arp_announce; NULL: none. */
static const struct net_addr *waiting_source(struct neigh *n)
{
	struct pkt *pkt = pktq_first(&n->pending);
	struct ip4_hdr hdr;
	struct rd in;

	if (!pkt)
		return NULL;
	pkt_rd(pkt, &in);
	if (ip4_parse(&hdr, &in) != DROP_NONE)
		return NULL;
	n->want = hdr.src;
	return &n->want;
}

static void solicit(struct neigh *n, bool unicast)
{
	struct links *ls = n->link->links;
	const uint8_t *mac = unicast ? n->mac : NULL;

	n->probes++;
	if (n->addr.family == AF_INET)
		arp_solicit(n->link, &n->addr, waiting_source(n), mac);
	else
		ls->up.solicit6(ls->up.ctx, n->link, &n->addr, mac);
	timer_arm(timers(n), &n->timer, now(n) + retrans(n));
}

static void set_state(struct neigh *n, uint8_t state)
{
	bool changed = n->state != state;

	n->state = state;
	if (changed) {
		n->updated = now(n);
		notify(n, false);
	}
	if (state != NET_NEIGH_INCOMPLETE && state != NET_NEIGH_DELAY && state != NET_NEIGH_PROBE)
		timer_cancel(timers(n), &n->timer);
}

static void set_reachable(struct neigh *n)
{
	struct net_core *core = n->link->links->core;
	net_dur base = n->link->reachable && n->addr.family == AF_INET6
			       ? n->link->reachable
			       : NET_MS(conf(n, NET_NEIGH_CONF_base_reachable_time_ms));

	/* RFC 4861 6.3.2: uniformly between 0.5 and 1.5 of the base. */
	n->reachable = base / 2 + base * rng_below(&core->rng, 1024) / 1024;
	n->confirmed = core->now;
	set_state(n, NET_NEIGH_REACHABLE);
}

static void fail(struct neigh *n)
{
	struct links *ls = n->link->links;
	struct link *link = n->link;
	struct list all;

	set_state(n, NET_NEIGH_FAILED);
	/* Detach first: the error that goes up may come back here, or free the entry. */
	list_init(&all);
	list_splice_back(&all, &n->pending.head);
	n->pending.count = 0;
	for (struct pkt *pkt; (pkt = list_pop_entry(&all, struct pkt, link));) {
		ls->core->drops.count[DROP_NEIGH_FAILED]++;
		ls->up.unreachable(ls->up.ctx, link, pkt);
	}
}

static void neigh_fire(struct timer *timer)
{
	struct neigh *n = container_of(timer, struct neigh, timer);

	switch (n->state) {
	case NET_NEIGH_INCOMPLETE:
		if (n->probes < conf(n, NET_NEIGH_CONF_mcast_solicit))
			solicit(n, false);
		else
			fail(n);
		break;
	case NET_NEIGH_DELAY:
		set_state(n, NET_NEIGH_PROBE);
		n->probes = 0;
		solicit(n, true);
		break;
	case NET_NEIGH_PROBE:
		if (n->probes < conf(n, NET_NEIGH_CONF_ucast_solicit))
			solicit(n, true);
		else if (n->probes < conf(n, NET_NEIGH_CONF_ucast_solicit) +
					     conf(n, NET_NEIGH_CONF_mcast_resolicit))
			solicit(n, false);
		else
			fail(n);
		break;
	default:
		break;
	}
}

static uint16_t ethertype_of(const struct neigh *n)
{
	return n->addr.family == AF_INET ? ETH_TYPE_IP4 : ETH_TYPE_IP6;
}

static int enqueue(struct neigh *n, struct pkt *pkt)
{
	struct net_core *core = n->link->links->core;

	/* RFC 1122 2.3.2.2, RFC 4861 7.2.2: keep the latest; the oldest goes. */
	if (pktq_full(&n->pending)) {
		struct pkt *oldest = pktq_pop(&n->pending);

		if (!oldest) {
			core_drop(core, pkt, DROP_NEIGH_QUEUE_FULL);
			return -ENOBUFS;
		}
		core_drop(core, oldest, DROP_NEIGH_QUEUE_FULL);
	}
	pktq_push(&n->pending, pkt);
	return 0;
}

int neigh_output(struct neigh *n, struct pkt *pkt, uint16_t type)
{
	struct links *ls = n->link->links;

	if (n->used != ls->core->now) {
		n->used = ls->core->now;
		list_remove(&n->lru);
		list_push_back(&ls->neigh_lru, &n->lru);
	}
	switch (n->state) {
	case NET_NEIGH_REACHABLE:
		if (ls->core->now - n->confirmed <= n->reachable)
			return ether_output(n->link, pkt, n->mac, type);
		/* fall through */
	case NET_NEIGH_STALE:
		set_state(n, NET_NEIGH_DELAY);
		timer_arm(timers(n), &n->timer,
			  ls->core->now + NET_SEC(conf(n, NET_NEIGH_CONF_delay_first_probe_time)));
		return ether_output(n->link, pkt, n->mac, type);
	case NET_NEIGH_DELAY:
	case NET_NEIGH_PROBE:
	case NET_NEIGH_NOARP:
	case NET_NEIGH_PERMANENT:
		return ether_output(n->link, pkt, n->mac, type);
	case NET_NEIGH_INCOMPLETE:
		return enqueue(n, pkt);
	default: { /* NONE, FAILED: begin */
		int r = enqueue(n, pkt);

		set_state(n, NET_NEIGH_INCOMPLETE);
		n->probes = 0;
		solicit(n, false);
		return r;
	}
	}
}

static void flush_pending(struct neigh *n)
{
	struct pkt *pkt;

	while ((pkt = pktq_pop(&n->pending)))
		(void)ether_output(n->link, pkt, n->mac, ethertype_of(n));
}

/* An answer for an entry that had no address yet (RFC 4861 7.2.5). */
static void resolve(struct neigh *n, const uint8_t *mac, unsigned how)
{
	memcpy(n->mac, mac, 6);
	if (how & NEIGH_SOLICITED)
		set_reachable(n);
	else
		set_state(n, NET_NEIGH_STALE);
	flush_pending(n);
}

void neigh_update(struct links *ls, struct link *link, const struct net_addr *addr,
		  const uint8_t *mac, unsigned how)
{
	struct neigh *n = neigh_find(ls, link, addr);

	if (mac && (eth_is_multi(mac) || eth_is_zero(mac)))
		return;
	if (!n && (how & NEIGH_CREATE) && mac)
		n = neigh_get(ls, link, addr);
	if (!n || (n->state & (NET_NEIGH_PERMANENT | NET_NEIGH_NOARP)))
		return;
	if (how & NEIGH_HAS_ROUTER)
		n->router = how & NEIGH_IS_ROUTER;

	bool known = n->state &
		     (NET_NEIGH_REACHABLE | NET_NEIGH_STALE | NET_NEIGH_DELAY | NET_NEIGH_PROBE);

	if (!known) {
		if (mac)
			resolve(n, mac, how);
		return;
	}

	bool differs = mac && memcmp(mac, n->mac, 6);

	if (differs && !(how & NEIGH_OVERRIDE)) {
		if (n->state == NET_NEIGH_REACHABLE)
			set_state(n, NET_NEIGH_STALE);
		return;
	}
	if (differs) {
		memcpy(n->mac, mac, 6);
		n->updated = now(n);
		notify(n, false);
	}
	if (how & NEIGH_SOLICITED)
		set_reachable(n);
	else if (differs)
		set_state(n, NET_NEIGH_STALE);
}

void neigh_confirm(struct neigh *n)
{
	if (n->state == NET_NEIGH_REACHABLE)
		n->confirmed = now(n);
	else if (n->state & (NET_NEIGH_STALE | NET_NEIGH_DELAY | NET_NEIGH_PROBE))
		set_reachable(n);
}

void neigh_suspect(struct neigh *n)
{
	if (n->state == NET_NEIGH_REACHABLE)
		set_state(n, NET_NEIGH_STALE);
}

int neigh_set(struct links *ls, struct link *link, const struct net_neigh *from)
{
	const uint8_t ok = NET_NEIGH_PERMANENT | NET_NEIGH_STALE | NET_NEIGH_REACHABLE |
			   NET_NEIGH_NOARP | NET_NEIGH_DELAY | NET_NEIGH_PROBE;
	struct neigh *n;

	if (link->kind != NET_LINK_ETHER || eth_is_multi(from->mac))
		return -EINVAL;
	if (!(from->state & ok) || (from->state & (from->state - 1)))
		return -EINVAL;
	n = neigh_get(ls, link, &from->addr);
	if (!n)
		return -ENOSPC;
	memcpy(n->mac, from->mac, 6);
	n->router = from->router;
	n->protocol = from->protocol;
	n->updated = now(n);
	if (n->state == from->state)
		notify(n, false);
	switch (from->state) {
	case NET_NEIGH_REACHABLE:
		set_reachable(n);
		break;
	case NET_NEIGH_DELAY:
	case NET_NEIGH_PROBE:
		set_state(n, NET_NEIGH_PROBE);
		n->probes = 0;
		solicit(n, true);
		break;
	default:
		set_state(n, from->state);
		break;
	}
	flush_pending(n);
	return 0;
}

int neigh_probe_now(struct links *ls, struct link *link, const struct net_addr *addr)
{
	struct neigh *n;

	if (link->kind != NET_LINK_ETHER || link->noarp)
		return -EINVAL;
	n = neigh_get(ls, link, addr);
	if (!n)
		return -ENOSPC;
	if (n->state == NET_NEIGH_NONE || n->state == NET_NEIGH_FAILED) {
		set_state(n, NET_NEIGH_INCOMPLETE);
		n->probes = 0;
		solicit(n, false);
	} else if (state_now(n) == NET_NEIGH_STALE) {
		set_state(n, NET_NEIGH_PROBE);
		n->probes = 0;
		solicit(n, true);
	}
	return 0;
}

void neigh_flush(struct links *ls, struct link *link, bool permanent_too)
{
	struct neigh *n;

	list_for_each_entry_safe(n, &ls->neigh_lru,
				 lru) if (n->link == link &&
					  (permanent_too || n->state != NET_NEIGH_PERMANENT))
		neigh_free(ls, n);
}
