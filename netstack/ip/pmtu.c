/* SPDX-License-Identifier: Apache-2.0 */
/* Learned path MTUs (RFC 1191, RFC 8201): per destination, forgotten after ten minutes, oldest
 * out when the table is full.
 */
#include <stdlib.h>

#include "ip/ip.h"

#define PMTU_LIFETIME NET_SEC(600) /* RFC 1191 6.3 */
#define PMTU_MIN4 552		   /* Linux's min_pmtu: a forged smaller one is not believed */
#define PMTU_MIN6 1280		   /* RFC 8201 4 */

struct pmtu {
	struct hnode node;
	struct list lru;
	struct net_addr dst;
	uint32_t mtu;
	net_time until;
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
	hash_remove(&ip->pmtus, &p->node);
	list_remove(&p->lru);
	ip->npmtus--;
	ip->pmtu_gen++;
	free(p);
}

uint32_t pmtu_get(struct ip *ip, const struct net_addr *dst)
{
	struct pmtu *p;

	if (!ip->npmtus)
		return 0;
	p = pmtu_find(ip, dst);
	if (!p)
		return 0;
	if (ip->core->now >= p->until) {
		pmtu_free(ip, p);
		return 0;
	}
	return p->mtu;
}

bool pmtu_learn(struct ip *ip, const struct net_addr *dst, uint32_t mtu)
{
	uint32_t min = dst->family == AF_INET ? PMTU_MIN4 : PMTU_MIN6;
	struct pmtu *p = pmtu_find(ip, dst);

	mtu = MAX(mtu, min);
	if (p && ip->core->now < p->until && mtu >= p->mtu)
		return false; /* RFC 1191 6.1: an estimate is never raised by ICMP */
	if (!p) {
		if (ip->npmtus >= ip->core->lim.pmtu_entries)
			pmtu_free(ip, list_first_entry(&ip->pmtu_lru, struct pmtu, lru));
		p = calloc(1, sizeof(*p));
		if (!p)
			return false;
		p->dst = *dst;
		p->dst.scope = 0;
		hash_insert(&ip->pmtus, &p->node, pmtu_hash(ip, dst));
		ip->npmtus++;
	}
	list_remove(&p->lru);
	list_push_back(&ip->pmtu_lru, &p->lru);
	p->mtu = mtu;
	p->until = ip->core->now + PMTU_LIFETIME;
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
