/* SPDX-License-Identifier: Apache-2.0 */
/* Routes: one hash keyed by prefix and length, probed from the longest length in use to the
 * shortest. The first route of a prefix is in the hash; others of the same prefix hang off it,
 * smallest metric first.
 */
#include <errno.h>
#include <stdlib.h>

#include "ip/ip.h"

static struct route_table *table_of(struct ip *ip, uint16_t family)
{
	return &ip->routes[family == AF_INET6];
}

static uint64_t route_hash(struct ip *ip, const struct net_addr *prefix, unsigned len)
{
	return siphash(&ip->core->key, prefix->bytes, 16) + len * 0x9e3779b97f4a7c15ull;
}

/* First route of exactly this prefix. */
static struct route *prefix_find(struct ip *ip, const struct net_addr *prefix, unsigned len)
{
	struct route_table *t = table_of(ip, prefix->family);

	hash_for_each_match(node, &t->hash, route_hash(ip, prefix, len))
	{
		struct route *rt = hash_entry(node, struct route, node);

		if (rt->r.prefix_len == len && addr_eq(&rt->r.dst, prefix))
			return rt;
	}
	return NULL;
}

static bool route_fits(const struct route *rt, net_link_id bound)
{
	if (rt->r.type != NET_ROUTE_UNICAST)
		return true;
	return rt->link->up && (!bound || rt->link->id == bound);
}

struct route *route_lookup(struct ip *ip, const struct net_addr *dst, net_link_id bound)
{
	struct route_table *t = table_of(ip, dst->family);

	for (int len = (int)addr_bits(dst->family); len >= 0; len--) {
		if (!t->per_len[len])
			continue;

		struct net_addr prefix = addr_prefix(dst, (unsigned)len);
		struct route *first = prefix_find(ip, &prefix, (unsigned)len);
		struct route *rt;

		if (!first)
			continue;
		if (route_fits(first, bound))
			return first;
		list_for_each_entry(rt, &first->same, same) if (route_fits(rt, bound)) return rt;
	}
	return NULL;
}

/* Puts @rt in front of the first one with a larger metric. */
static void chain_insert(struct ip *ip, struct route *rt)
{
	struct route_table *t = table_of(ip, rt->r.dst.family);
	struct route *first = prefix_find(ip, &rt->r.dst, rt->r.prefix_len);
	struct route *other;

	t->per_len[rt->r.prefix_len]++;
	list_init(&rt->same);
	if (!first) {
		hash_insert(&t->hash, &rt->node, route_hash(ip, &rt->r.dst, rt->r.prefix_len));
		return;
	}
	if (rt->r.metric < first->r.metric) {
		hash_remove(&t->hash, &first->node);
		list_splice_back(&rt->same, &first->same);
		list_push_front(&rt->same, &first->same);
		hash_insert(&t->hash, &rt->node, route_hash(ip, &rt->r.dst, rt->r.prefix_len));
		return;
	}
	list_for_each_entry(other, &first->same, same)
	{
		if (rt->r.metric < other->r.metric) {
			list_insert_before(&other->same, &rt->same);
			return;
		}
	}
	list_push_back(&first->same, &rt->same);
}

static void chain_remove(struct ip *ip, struct route *rt)
{
	struct route_table *t = table_of(ip, rt->r.dst.family);

	t->per_len[rt->r.prefix_len]--;
	if (!hash_linked(&rt->node)) {
		list_remove(&rt->same);
		return;
	}

	uint64_t h = rt->node.hash;
	struct route *next = list_first_entry(&rt->same, struct route, same);

	hash_remove(&t->hash, &rt->node);
	if (!next)
		return;
	list_remove(&next->same);
	list_splice_back(&next->same, &rt->same);
	hash_insert(&t->hash, &next->node, h);
}

void route_free(struct route *rt)
{
	struct ip *ip = rt->ip;

	timer_cancel(&ip->core->timers, &rt->timer);
	chain_remove(ip, rt);
	list_remove(&rt->all);
	ip->nroutes--;
	ip_changed(ip);
	free(rt);
}

static void route_fire(struct timer *timer)
{
	route_free(container_of(timer, struct route, timer));
}

static int config_check(const struct net_route *from)
{
	uint16_t family = from->dst.family;

	if (family != AF_INET && family != AF_INET6)
		return -EINVAL;
	if (from->prefix_len > addr_bits(family) || from->type > NET_ROUTE_PROHIBIT)
		return -EINVAL;
	if (from->gateway.family &&
	    (from->gateway.family != family || addr_is_any(&from->gateway) ||
	     addr_is_multicast(&from->gateway)))
		return -EINVAL;
	if (from->prefsrc.family && from->prefsrc.family != family)
		return -EINVAL;
	if (from->mtu && (from->mtu < 68 || from->mtu > 65536))
		return -EINVAL;
	return 0;
}

/* The link of a route: as given, or where its gateway is on link. */
static int find_link(struct ip *ip, struct link **ret, const struct net_route *from)
{
	struct route *via;

	*ret = NULL;
	if (from->type != NET_ROUTE_UNICAST)
		return 0;
	if (from->link) {
		*ret = link_find(ip->links, from->link);
		return *ret ? 0 : -EBADF;
	}
	if (!from->gateway.family)
		return -EINVAL;
	if (from->gateway.scope) {
		*ret = link_find(ip->links, (net_link_id)from->gateway.scope);
		return *ret ? 0 : -EBADF;
	}
	via = route_lookup(ip, &from->gateway, 0);
	if (!via || via->r.type != NET_ROUTE_UNICAST || via->r.gateway.family)
		return -ENETUNREACH;
	*ret = via->link;
	return 0;
}

static bool same_route(const struct route *rt, const struct net_route *key, const struct link *link)
{
	return rt->r.metric == key->metric && rt->link == link &&
	       addr_eq(&rt->r.gateway, &key->gateway) && rt->r.type == key->type;
}

static bool exists(struct ip *ip, const struct net_addr *prefix, const struct net_route *from,
		   const struct link *link)
{
	struct route *first = prefix_find(ip, prefix, from->prefix_len);
	struct route *rt;

	if (!first)
		return false;
	if (same_route(first, from, link))
		return true;
	list_for_each_entry(rt, &first->same, same) if (same_route(rt, from, link)) return true;
	return false;
}

int route_add(struct ip *ip, const struct net_route *from)
{
	struct net_addr prefix = addr_prefix(&from->dst, from->prefix_len);
	struct link *link;
	struct route *rt;
	int r;

	r = config_check(from);
	if (r < 0)
		return r;
	r = find_link(ip, &link, from);
	if (r < 0)
		return r;
	if (exists(ip, &prefix, from, link))
		return -EEXIST;
	if (ip->nroutes >= ip->core->lim.routes)
		return -ENOSPC;
	rt = calloc(1, sizeof(*rt));
	if (!rt)
		return -ENOMEM;

	rt->ip = ip;
	rt->r = *from;
	rt->r.dst = prefix;
	rt->r.gateway.scope = 0;
	rt->link = link;
	rt->r.link = link ? link->id : 0;
	timer_init(&rt->timer, route_fire);
	if (from->valid_until)
		timer_arm(&ip->core->timers, &rt->timer, from->valid_until);
	chain_insert(ip, rt);
	list_push_back(&ip->all_routes, &rt->all);
	ip->nroutes++;
	ip_changed(ip);
	return 0;
}

static bool key_matches(const struct route *rt, const struct net_route *key)
{
	if (key->gateway.family && !addr_eq(&rt->r.gateway, &key->gateway))
		return false;
	if (key->link && rt->r.link != key->link)
		return false;
	return !key->metric || rt->r.metric == key->metric;
}

int route_del(struct ip *ip, const struct net_route *key)
{
	struct net_addr prefix = addr_prefix(&key->dst, key->prefix_len);
	struct route *first, *rt;

	if (config_check(key) < 0)
		return -EINVAL;
	first = prefix_find(ip, &prefix, key->prefix_len);
	if (!first)
		return -ESRCH;
	if (key_matches(first, key)) {
		route_free(first);
		return 0;
	}
	list_for_each_entry(rt, &first->same, same)
	{
		if (key_matches(rt, key)) {
			route_free(rt);
			return 0;
		}
	}
	return -ESRCH;
}

void routes_flush(struct ip *ip, struct link *link)
{
	struct route *rt;

	list_for_each_entry_safe(rt, &ip->all_routes, all) if (rt->link == link) route_free(rt);
}

static struct net_route prefix_route(const struct ifaddr *ia)
{
	return (struct net_route){
		.dst = addr_prefix(&ia->addr, ia->prefix_len),
		.prefix_len = ia->prefix_len,
		.origin = NET_ROUTE_ORIGIN_KERNEL,
		.link = ia->link->id,
		.prefsrc = ia->addr.family == AF_INET ? ia->addr : (struct net_addr){0},
		.metric = ia->addr.family == AF_INET ? 0 : 256,
	};
}

void route_add_prefix(struct ip *ip, struct ifaddr *ia)
{
	struct net_route r = prefix_route(ia);

	if (ia->link->kind == NET_LINK_LOOPBACK)
		return;
	if (ia->peer.family) {
		r.dst = ia->peer;
		r.prefix_len = ia->prefix_len;
	} else if (ia->prefix_len == addr_bits(ia->addr.family)) {
		return; /* a host address: local only */
	}
	(void)route_add(ip, &r); /* another address may have made it: then it stays that one's */
}

void route_del_prefix(struct ip *ip, struct ifaddr *ia)
{
	struct net_route r = prefix_route(ia);
	struct ifaddr *other;
	struct route *rt;

	/* Another address of the same prefix keeps it. */
	list_for_each_entry(other, &ia->link->addrs,
			    link_list) if (other != ia && other->prefix_len == ia->prefix_len &&
					   addr_in_prefix(&other->addr, &r.dst, r.prefix_len))
	{
		list_for_each_entry(rt, &ip->all_routes,
				    all) if (addr_eq(&rt->r.prefsrc, &ia->addr)) rt->r.prefsrc =
			other->addr;
		return;
	}
	r.prefsrc = (struct net_addr){0};
	if (ia->peer.family)
		r.dst = ia->peer;
	list_for_each_entry_safe(rt, &ip->all_routes,
				 all) if (rt->r.origin == NET_ROUTE_ORIGIN_KERNEL &&
					  rt->link == ia->link &&
					  rt->r.prefix_len == r.prefix_len &&
					  addr_eq(&rt->r.dst, &r.dst)) route_free(rt);
}
