/* SPDX-License-Identifier: Apache-2.0 */
/* Exceptions to the routes, per destination: learned path MTUs (RFC 1191, RFC 8201), forgotten after
 * net.ipv4.route.mtu_expires, and next hops of redirects (RFC 1122 3.2.2.2, RFC 4861 8.3). The oldest goes
 * when the table is full.
 */
#include <stdlib.h>

#include "ip/ip.h"

#define PMTU_MIN6 1280 /* RFC 8201 4 */
#define REDIRECT_LIFETIME NET_SEC(300)

struct pmtu {
	struct hnode node;
	struct list lru;
	struct net_addr dst;
	uint32_t mtu; /* 0 = none */
	bool locked;  /* IPv4: smaller than we believe: fragments are better */
	net_time until;
	struct net_addr gateway; /* of a redirect; family 0 = none */
	net_link_id link;
	net_time gateway_until;
};

static uint64_t pmtu_hash(struct ip *ip, const struct net_addr *dst)
{
	return siphash(&ip->core->key, dst->bytes, 16) ^ dst->family;
}

static struct pmtu *pmtu_find(struct ip *ip, const struct net_addr *dst)
{
	hash_for_each_match(node, &ip->pmtus, pmtu_hash(ip, dst))
	{
		struct pmtu *p = hash_entry(node, struct pmtu, node);

		if (addr_eq(&p->dst, dst))
			return p;
	}
	return NULL;
}

static void pmtu_free(struct ip *ip, struct pmtu *p)
{
	if (p->gateway.family)
		ip_changed(ip);
	hash_remove(&ip->pmtus, &p->node);
	list_remove(&p->lru);
	ip->npmtus--;
	ip->pmtu_gen++;
	free(p);
}

static struct pmtu *pmtu_make(struct ip *ip, const struct net_addr *dst)
{
	struct pmtu *p = pmtu_find(ip, dst);

	if (!p) {
		if (ip->npmtus >= ip->core->lim.pmtu_entries && ip->npmtus)
			pmtu_free(ip, list_first_entry(&ip->pmtu_lru, struct pmtu, lru));
		p = calloc(1, sizeof(*p));
		if (!p)
			return NULL;
		p->dst = *dst;
		p->dst.scope = 0;
		list_init(&p->lru);
		hash_insert(&ip->pmtus, &p->node, pmtu_hash(ip, dst));
		ip->npmtus++;
	}
	list_remove(&p->lru);
	list_push_back(&ip->pmtu_lru, &p->lru);
	return p;
}

uint32_t pmtu_get(struct ip *ip, const struct net_addr *dst, bool *locked)
{
	struct pmtu *p = ip->npmtus ? pmtu_find(ip, dst) : NULL;

	*locked = false;
	if (!p || !p->mtu)
		return 0;
	if (ip->core->now >= p->until) {
		p->mtu = 0;
		if (!p->gateway.family)
			pmtu_free(ip, p);
		return 0;
	}
	*locked = p->locked;
	return p->mtu;
}

bool pmtu_learn(struct ip *ip, const struct net_addr *dst, uint32_t mtu)
{
	const struct net_tunables *tun = &ip->core->tun;
	bool v4 = dst->family == AF_INET;
	uint32_t min = v4 ? (uint32_t)tun->ip_min_pmtu : PMTU_MIN6;
	struct pmtu *p = pmtu_find(ip, dst);
	bool fresh = p && p->mtu && ip->core->now < p->until;

	/* RFC 1191 6.1: an estimate is never raised by ICMP. */
	if (fresh && MAX(mtu, min) >= p->mtu)
		return false;
	p = pmtu_make(ip, dst);
	if (!p)
		return false;
	p->locked = v4 && mtu < min;
	p->mtu = MAX(mtu, min);
	p->until = ip->core->now + NET_SEC(v4 ? tun->ip_mtu_expires_s : tun->ip6_mtu_expires_s);
	ip->pmtu_gen++;
	return true;
}

void pmtu_forget(struct ip *ip, const struct net_addr *dst)
{
	struct pmtu *p = pmtu_find(ip, dst);

	if (p)
		pmtu_free(ip, p);
}

void pmtu_flush(struct ip *ip)
{
	struct pmtu *p;

	while ((p = list_first_entry(&ip->pmtu_lru, struct pmtu, lru)))
		pmtu_free(ip, p);
}

bool redirect_get(struct ip *ip, const struct net_addr *dst, const struct link *link,
		  struct net_addr *ret)
{
	struct pmtu *p = ip->npmtus ? pmtu_find(ip, dst) : NULL;

	if (!p || !p->gateway.family || p->link != link->id)
		return false;
	if (ip->core->now >= p->gateway_until) {
		p->gateway.family = 0;
		return false;
	}
	*ret = p->gateway;
	return true;
}

void redirect_learn(struct ip *ip, const struct net_addr *dst, const struct net_addr *gateway,
		    const struct link *link)
{
	struct pmtu *p = pmtu_make(ip, dst);

	if (!p)
		return;
	p->gateway = *gateway;
	p->gateway.scope = 0;
	p->link = link->id;
	p->gateway_until = ip->core->now + REDIRECT_LIFETIME;
	ip_changed(ip);
}
