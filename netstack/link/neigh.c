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

static const struct net_tunables *tun(const struct neigh *n)
{
	return &n->link->links->core->tun;
}

static net_dur retrans(const struct neigh *n)
{
	return n->link->retrans ? n->link->retrans : NET_MS(tun(n)->neigh_retrans_ms);
}

static void neigh_fire(struct timer *timer);

void neigh_free(struct links *ls, struct neigh *n)
{
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
		if (n->state == NET_NEIGH_PERMANENT || n->pending.count)
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
	pktq_init(&n->pending, ls->core->lim.neigh_pending);
	hash_insert(&ls->neighs, &n->node, neigh_hash(ls, link, addr));
	list_push_back(&ls->neigh_lru, &n->lru);
	ls->neigh_count++;
	return n;
}

static void solicit(struct neigh *n, bool unicast)
{
	struct links *ls = n->link->links;
	const uint8_t *mac = unicast ? n->mac : NULL;

	n->probes++;
	if (n->addr.family == AF_INET)
		arp_solicit(n->link, &n->addr, mac);
	else
		ls->up.solicit6(ls->up.ctx, n->link, &n->addr, mac);
	timer_arm(timers(n), &n->timer, now(n) + retrans(n));
}

static void set_state(struct neigh *n, uint8_t state)
{
	n->state = state;
	if (state != NET_NEIGH_INCOMPLETE && state != NET_NEIGH_DELAY && state != NET_NEIGH_PROBE)
		timer_cancel(timers(n), &n->timer);
}

static void set_reachable(struct neigh *n)
{
	struct net_core *core = n->link->links->core;
	net_dur base =
		n->link->reachable ? n->link->reachable : NET_MS(core->tun.neigh_base_reachable_ms);

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
		if (n->probes < tun(n)->neigh_mcast_solicit)
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
		if (n->probes < tun(n)->neigh_ucast_solicit)
			solicit(n, true);
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
			  ls->core->now + NET_MS(ls->core->tun.neigh_delay_first_probe_ms));
		return ether_output(n->link, pkt, n->mac, type);
	case NET_NEIGH_DELAY:
	case NET_NEIGH_PROBE:
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
	if (!n || n->state == NET_NEIGH_PERMANENT)
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
	if (differs)
		memcpy(n->mac, mac, 6);
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
	struct neigh *n;

	if (link->kind != NET_LINK_ETHER || eth_is_multi(from->mac))
		return -EINVAL;
	if (from->state != NET_NEIGH_PERMANENT && from->state != NET_NEIGH_STALE)
		return -EINVAL;
	n = neigh_get(ls, link, &from->addr);
	if (!n)
		return -ENOSPC;
	memcpy(n->mac, from->mac, 6);
	n->router = from->router;
	set_state(n, from->state);
	flush_pending(n);
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
