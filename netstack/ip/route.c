/* SPDX-License-Identifier: Apache-2.0 */
/* Tables of routes: in each one hash keyed by prefix and length, probed from the longest length in use to
 * the shortest. The first route of a prefix is in the hash; others of the same prefix hang off it, smallest
 * metric first, then by router preference (RFC 4191).
 */
#include <errno.h>
#include <linux/rtnetlink.h>
#include <stdlib.h>

#include "ip/ip.h"

#define METRIC_DEFAULT6 1024

/* --- tables ------------------------------------------------------------------------------------ */

struct fib_table *fib_table(struct ip *ip, uint16_t family, uint32_t id, bool make)
{
	bool v6 = family == AF_INET6;
	struct fib_table *t;

	if (id == NET_TABLE_MAIN && ip->main_table[v6])
		return ip->main_table[v6];
	list_for_each_entry(t, &ip->tables[v6], list) if (t->id == id) return t;
	if (!make)
		return NULL;
	t = calloc(1, sizeof(*t));
	if (!t)
		return NULL;
	if (hash_init(&t->hash, 4) < 0) {
		free(t);
		return NULL;
	}
	t->ip = ip;
	t->family = family;
	t->id = id;
	list_push_back(&ip->tables[v6], &t->list);
	if (id == NET_TABLE_MAIN)
		ip->main_table[v6] = t;
	return t;
}

static void table_free(struct fib_table *t)
{
	list_remove(&t->list);
	hash_fini(&t->hash);
	free(t);
}

static uint64_t route_hash(struct ip *ip, const struct net_addr *prefix, unsigned len)
{
	return siphash(&ip->core->key, prefix->bytes, 16) + len * 0x9e3779b97f4a7c15ull;
}

/* First route of exactly this prefix. */
static struct route *prefix_find(struct fib_table *t, const struct net_addr *prefix, unsigned len)
{
	hash_for_each_match(node, &t->hash, route_hash(t->ip, prefix, len))
	{
		struct route *rt = hash_entry(node, struct route, node);

		if (rt->r.prefix_len == len && addr_eq(&rt->r.dst, prefix))
			return rt;
	}
	return NULL;
}

static bool fits(struct route *rt, const struct ip_flow *flow, struct fib_result *ret)
{
	if (rt->r.tos && rt->r.tos != (flow->tos & 0xfc))
		return false;
	return nexthop_choose(rt, flow, ret);
}

/* RFC 4191 3.2, RFC 4861 6.3.6: among equal metrics a router that answers comes before one that does not,
 * whatever their preference. */
static bool gateway_silent(const struct fib_result *res)
{
	const struct neigh *n;

	if (res->gateway.family != AF_INET6 || res->rt->r.nhops)
		return false;
	n = neigh_find(res->rt->ip->links, res->link, &res->gateway);
	return n && (n->state & (NET_NEIGH_FAILED | NET_NEIGH_INCOMPLETE));
}

static bool chain_lookup(struct route *first, const struct ip_flow *flow, struct fib_result *ret)
{
	struct fib_result second = {0}, res;
	struct route *rt = first;
	struct list *at = NULL;

	for (;;) {
		if (second.rt && rt->r.metric != second.rt->r.metric)
			break;
		if (fits(rt, flow, &res)) {
			if (!gateway_silent(&res)) {
				*ret = res;
				return true;
			}
			if (!second.rt)
				second = res;
		}
		at = at ? list_next(&first->same, at) : list_first(&first->same);
		if (!at)
			break;
		rt = list_entry(at, struct route, same);
	}
	*ret = second;
	return second.rt;
}

bool fib_table_lookup(struct fib_table *t, const struct ip_flow *flow, int suppress,
		      struct fib_result *ret)
{
	for (int len = (int)addr_bits(t->family); len >= 0; len--) {
		if (!t->per_len[len])
			continue;

		struct net_addr prefix = addr_prefix(&flow->dst, (unsigned)len);
		struct route *first = prefix_find(t, &prefix, (unsigned)len);

		if (first && chain_lookup(first, flow, ret))
			return len > suppress;
	}
	return false;
}

/* --- one prefix ---------------------------------------------------------------------------------- */

static unsigned rank(const struct route *rt)
{
	return rt->r.pref == 1 ? 0 : rt->r.pref == 3 ? 2 : 1;
}

static bool before(const struct route *a, const struct route *b)
{
	if (a->r.tos != b->r.tos)
		return a->r.tos > b->r.tos;
	if (a->r.metric != b->r.metric)
		return a->r.metric < b->r.metric;
	return rank(a) < rank(b);
}

/* Puts @rt in front of the first one that it comes before; @first_of_equals: or is equal to. */
static void chain_insert(struct route *rt, bool first_of_equals)
{
	struct fib_table *t = rt->table;
	struct route *first = prefix_find(t, &rt->r.dst, rt->r.prefix_len);
	uint64_t h = route_hash(t->ip, &rt->r.dst, rt->r.prefix_len);
	struct route *other;

	t->per_len[rt->r.prefix_len]++;
	t->count++;
	list_init(&rt->same);
	if (!first) {
		hash_insert(&t->hash, &rt->node, h);
		return;
	}
	if (before(rt, first) || (first_of_equals && !before(first, rt))) {
		hash_remove(&t->hash, &first->node);
		list_splice_back(&rt->same, &first->same);
		list_push_front(&rt->same, &first->same);
		hash_insert(&t->hash, &rt->node, h);
		return;
	}
	list_for_each_entry(other, &first->same, same)
	{
		if (before(rt, other) || (first_of_equals && !before(other, rt))) {
			list_insert_before(&other->same, &rt->same);
			return;
		}
	}
	list_push_back(&first->same, &rt->same);
}

static void chain_remove(struct route *rt)
{
	struct fib_table *t = rt->table;

	t->per_len[rt->r.prefix_len]--;
	t->count--;
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

void route_notify(const struct route *rt, bool gone)
{
	struct net_change *c = change_new(&rt->ip->core->changes, NET_CHANGE_ROUTE, gone);

	if (c)
		c->route = rt->r;
}

void route_free(struct route *rt)
{
	struct ip *ip = rt->ip;
	struct fib_table *t = rt->table;

	route_notify(rt, true);
	timer_cancel(&ip->core->timers, &rt->timer);
	chain_remove(rt);
	list_remove(&rt->all);
	ip->nroutes--;
	ip->nlocal_routes -= rt->r.type == NET_ROUTE_LOCAL;
	ip_changed(ip);
	free(rt);
	if (!t->count && t->id != NET_TABLE_MAIN)
		table_free(t);
}

void routes_free(struct ip *ip)
{
	struct route *rt;
	struct fib_table *t;

	while ((rt = list_first_entry(&ip->all_routes, struct route, all)))
		route_free(rt);
	for (int i = 0; i < 2; i++) {
		while ((t = list_first_entry(&ip->tables[i], struct fib_table, list)))
			table_free(t);
		ip->main_table[i] = NULL;
	}
}

static void route_fire(struct timer *timer)
{
	route_free(container_of(timer, struct route, timer));
}

/* --- configuration ------------------------------------------------------------------------------- */

static int gateway_check(const struct net_addr *gw, uint16_t family)
{
	if (gw->family && (gw->family != family || addr_is_any(gw) || addr_is_multicast(gw)))
		return -EINVAL;
	return 0;
}

static int config_check(const struct net_route *from)
{
	uint16_t family = from->dst.family;

	if (family != AF_INET && family != AF_INET6)
		return -EINVAL;
	if (from->prefix_len > addr_bits(family) || from->type > NET_ROUTE_MULTICAST ||
	    from->nhops > NET_ROUTE_HOPS_MAX)
		return -EINVAL;
	if (gateway_check(&from->gateway, family) < 0)
		return -EINVAL;
	for (unsigned i = 0; i < from->nhops; i++)
		if (gateway_check(&from->hops[i].gateway, family) < 0 || from->hops[i].weight > 256)
			return -EINVAL;
	if (from->prefsrc.family && from->prefsrc.family != family)
		return -EINVAL;
	if (from->mtu && (from->mtu < 68 || from->mtu > 65536))
		return -EINVAL;
	return 0;
}

/* Where a gateway is on link. */
static int gateway_link(struct ip *ip, struct link **ret, const struct net_addr *gw, net_link_id want)
{
	struct ip_flow flow = {.dst = *gw, .oif = want};
	struct fib_result res;

	if (gw->scope)
		flow.oif = (net_link_id)gw->scope;
	if (flow.oif && addr_is_link_local6(gw)) {
		*ret = link_find(ip->links, flow.oif);
		return *ret ? 0 : -EBADF;
	}
	if (fib_lookup(ip, &flow, &res) < 0 || res.rt->r.type != NET_ROUTE_UNICAST || res.gateway.family)
		return -ENETUNREACH;
	*ret = res.link;
	return 0;
}

/* The link of one way: as given, or where its gateway is on link. */
static int hop_link(struct ip *ip, struct link **ret, const struct net_addr *gw, net_link_id want)
{
	*ret = NULL;
	if (want) {
		*ret = link_find(ip->links, want);
		return *ret ? 0 : -EBADF;
	}
	if (!gw->family)
		return -EINVAL;
	return gateway_link(ip, ret, gw, 0);
}

/* Fills in the links of a new route. */
static int find_links(struct ip *ip, struct route *rt)
{
	struct net_route *r = &rt->r;

	switch ((enum net_route_type)r->type) {
	case NET_ROUTE_UNREACHABLE:
	case NET_ROUTE_BLACKHOLE:
	case NET_ROUTE_PROHIBIT:
	case NET_ROUTE_THROW:
		r->link = 0;
		return 0;
	case NET_ROUTE_LOCAL:
		rt->link = ip->links->lo;
		r->link = rt->link ? rt->link->id : 0;
		return rt->link ? 0 : -ENODEV;
	case NET_ROUTE_UNICAST:
	case NET_ROUTE_BROADCAST:
	case NET_ROUTE_MULTICAST:
		break;
	}
	for (unsigned i = 0; i < r->nhops; i++) {
		int e = hop_link(ip, &rt->hop_link[i], &r->hops[i].gateway, r->hops[i].link);

		if (e < 0)
			return e;
		r->hops[i].link = rt->hop_link[i]->id;
		r->hops[i].gateway.scope = 0;
	}
	if (r->nhops) {
		rt->link = rt->hop_link[0];
	} else {
		int e = hop_link(ip, &rt->link, &r->gateway, r->link);

		if (e < 0)
			return e;
	}
	r->link = rt->link->id;
	return 0;
}

static uint8_t default_protocol(uint8_t origin)
{
	switch (origin) {
	case NET_ROUTE_ORIGIN_KERNEL:
		return RTPROT_KERNEL;
	case NET_ROUTE_ORIGIN_RA:
		return RTPROT_RA;
	default:
		return RTPROT_BOOT;
	}
}

static uint8_t default_scope(const struct net_route *r)
{
	if (r->type == NET_ROUTE_LOCAL)
		return RT_SCOPE_HOST;
	if (r->dst.family == AF_INET && r->type == NET_ROUTE_UNICAST && !r->gateway.family && !r->nhops)
		return RT_SCOPE_LINK;
	return RT_SCOPE_UNIVERSE;
}

static int route_new(struct ip *ip, struct route **ret, const struct net_route *from)
{
	struct route *rt;
	int r = config_check(from);

	if (r < 0)
		return r;
	if (ip->nroutes >= ip->core->lim.routes)
		return -ENOSPC;
	rt = calloc(1, sizeof(*rt));
	if (!rt)
		return -ENOMEM;
	rt->ip = ip;
	rt->r = *from;
	rt->r.dst = addr_prefix(&from->dst, from->prefix_len);
	r = find_links(ip, rt);
	rt->r.gateway.scope = 0;
	rt->r.table = from->table ? from->table : NET_TABLE_MAIN;
	if (!rt->r.metric && from->dst.family == AF_INET6)
		rt->r.metric = METRIC_DEFAULT6;
	if (!rt->r.protocol)
		rt->r.protocol = default_protocol(from->origin);
	if (!rt->r.scope)
		rt->r.scope = default_scope(&rt->r);
	if (rt->r.metrics[RTAX_MTU])
		rt->r.mtu = rt->r.metrics[RTAX_MTU];
	rt->r.metrics[RTAX_MTU] = rt->r.mtu;
	if (r == 0) {
		rt->table = fib_table(ip, from->dst.family, rt->r.table, true);
		r = rt->table ? 0 : -ENOMEM;
	}
	if (r < 0) {
		free(rt);
		return r;
	}
	timer_init(&rt->timer, route_fire);
	*ret = rt;
	return 0;
}

static void route_insert(struct route *rt, bool first_of_equals)
{
	struct ip *ip = rt->ip;

	if (rt->r.valid_until)
		timer_arm(&ip->core->timers, &rt->timer, rt->r.valid_until);
	chain_insert(rt, first_of_equals);
	list_push_back(&ip->all_routes, &rt->all);
	ip->nroutes++;
	ip->nlocal_routes += rt->r.type == NET_ROUTE_LOCAL;
	ip_changed(ip);
	route_notify(rt, false);
}

static void route_discard(struct route *rt)
{
	struct fib_table *t = rt->table;

	free(rt);
	if (!t->count && t->id != NET_TABLE_MAIN)
		table_free(t);
}

static bool same_ways(const struct route *a, const struct route *b)
{
	if (a->r.nhops != b->r.nhops)
		return false;
	for (unsigned i = 0; i < a->r.nhops; i++)
		if (a->hop_link[i] != b->hop_link[i] ||
		    !addr_eq(&a->r.hops[i].gateway, &b->r.hops[i].gateway))
			return false;
	return a->link == b->link && addr_eq(&a->r.gateway, &b->r.gateway);
}

/* The same in the eyes of a second "add". */
static bool identical(const struct route *a, const struct route *b)
{
	return a->r.type == b->r.type && same_ways(a, b);
}

/* The first route of @rt's prefix, TOS and metric; @twin: one that is identical. */
static struct route *find_equal(const struct route *rt, struct route **twin)
{
	struct route *first = prefix_find(rt->table, &rt->r.dst, rt->r.prefix_len);
	struct route *equal = NULL, *other;

	*twin = NULL;
	if (!first)
		return NULL;
	if (first->r.metric == rt->r.metric && first->r.tos == rt->r.tos) {
		equal = first;
		if (identical(first, rt))
			*twin = first;
	}
	list_for_each_entry(other, &first->same, same)
	{
		if (other->r.metric != rt->r.metric || other->r.tos != rt->r.tos)
			continue;
		equal = equal ? equal : other;
		if (!*twin && identical(other, rt))
			*twin = other;
	}
	return equal;
}

/* IPv6: another gateway of the same route. */
static int add_way(struct route *rt, const struct route *more)
{
	unsigned n = rt->r.nhops ? rt->r.nhops : 1;

	if (n == NET_ROUTE_HOPS_MAX)
		return -ENOSPC;
	if (!rt->r.nhops) {
		rt->r.hops[0] = (struct net_nexthop){.gateway = rt->r.gateway, .link = rt->r.link};
		rt->hop_link[0] = rt->link;
		rt->r.gateway = (struct net_addr){0};
	}
	rt->r.hops[n] = (struct net_nexthop){.gateway = more->r.gateway, .link = more->r.link};
	rt->hop_link[n] = more->link;
	rt->r.nhops = (uint8_t)(n + 1);
	ip_changed(rt->ip);
	route_notify(rt, false);
	return 0;
}

static bool can_be_ways(const struct route *a, const struct route *b)
{
	return a->r.dst.family == AF_INET6 && a->r.type == NET_ROUTE_UNICAST && b->r.type == a->r.type &&
	       (a->r.gateway.family || a->r.nhops) && b->r.gateway.family && !b->r.nhops &&
	       a->r.origin != NET_ROUTE_ORIGIN_RA;
}

static int change_prefix(struct route *rt, unsigned how, bool *kept)
{
	struct route *twin;
	struct route *equal = find_equal(rt, &twin);

	if (!equal) {
		if (!(how & NET_ROUTE_CREATE))
			return -ENOENT;
		route_insert(rt, false);
		*kept = true;
		return 0;
	}
	if (how & NET_ROUTE_EXCL)
		return -EEXIST;
	if (how & NET_ROUTE_REPLACE) {
		if (twin && twin != equal)
			return -EEXIST;
		route_insert(rt, true);
		*kept = true;
		route_free(equal);
		return 0;
	}
	if (twin)
		return -EEXIST;
	if (!(how & NET_ROUTE_CREATE))
		return -ENOENT;
	if (can_be_ways(equal, rt))
		return add_way(equal, rt);
	route_insert(rt, !(how & NET_ROUTE_APPEND));
	*kept = true;
	return 0;
}

int route_change(struct ip *ip, const struct net_route *from, unsigned how)
{
	struct route *rt;
	bool kept = false;
	int r = route_new(ip, &rt, from);

	if (r < 0)
		return r;
	r = change_prefix(rt, how, &kept);
	if (!kept)
		route_discard(rt);
	return r;
}

int route_add(struct ip *ip, const struct net_route *from)
{
	struct route *rt, *twin;
	int r = route_new(ip, &rt, from);

	if (r < 0)
		return r;
	(void)find_equal(rt, &twin);
	if (twin) {
		route_discard(rt);
		return -EEXIST;
	}
	route_insert(rt, false);
	return 0;
}

static bool has_way(const struct route *rt, const struct net_addr *gw, net_link_id link)
{
	bool any = !rt->r.nhops;

	if (any)
		return (!gw->family || addr_eq(&rt->r.gateway, gw)) && (!link || rt->r.link == link);
	for (unsigned i = 0; i < rt->r.nhops; i++)
		if ((!gw->family || addr_eq(&rt->r.hops[i].gateway, gw)) &&
		    (!link || rt->r.hops[i].link == link))
			return true;
	return false;
}

static bool key_matches(const struct route *rt, const struct net_route *key)
{
	if (!has_way(rt, &key->gateway, key->link))
		return false;
	if (key->nhops && key->nhops != rt->r.nhops)
		return false;
	for (unsigned i = 0; i < key->nhops; i++)
		if (!has_way(rt, &key->hops[i].gateway, key->hops[i].link))
			return false;
	if ((key->type && rt->r.type != key->type) || (key->tos && rt->r.tos != key->tos) ||
	    (key->protocol && rt->r.protocol != key->protocol))
		return false;
	if (key->prefsrc.family && !addr_eq(&key->prefsrc, &rt->r.prefsrc))
		return false;
	return !key->metric || rt->r.metric == key->metric;
}

/* IPv6: a gateway of several goes alone. False: it was the last. */
static bool del_way(struct route *rt, const struct net_route *key)
{
	unsigned i = 0;

	if (key->dst.family != AF_INET6 || rt->r.nhops < 2 || key->nhops || !key->gateway.family)
		return false;
	while (i < rt->r.nhops && !addr_eq(&rt->r.hops[i].gateway, &key->gateway))
		i++;
	rt->r.nhops--;
	for (; i < rt->r.nhops; i++) {
		rt->r.hops[i] = rt->r.hops[i + 1];
		rt->hop_link[i] = rt->hop_link[i + 1];
	}
	rt->link = rt->hop_link[0];
	rt->r.link = rt->link->id;
	ip_changed(rt->ip);
	route_notify(rt, false);
	return true;
}

int route_del(struct ip *ip, const struct net_route *key)
{
	struct net_addr prefix = addr_prefix(&key->dst, key->prefix_len);
	struct fib_table *t;
	struct route *first, *rt, *hit = NULL;

	if (config_check(key) < 0)
		return -EINVAL;
	t = fib_table(ip, key->dst.family, key->table ? key->table : NET_TABLE_MAIN, false);
	first = t ? prefix_find(t, &prefix, key->prefix_len) : NULL;
	if (!first)
		return -ESRCH;
	if (key_matches(first, key))
		hit = first;
	list_for_each_entry(rt, &first->same, same) if (!hit && key_matches(rt, key)) hit = rt;
	if (!hit)
		return -ESRCH;
	if (!del_way(hit, key))
		route_free(hit);
	return 0;
}

static bool uses_link(const struct route *rt, const struct link *link)
{
	if (rt->link == link)
		return true;
	for (unsigned i = 0; i < rt->r.nhops; i++)
		if (rt->hop_link[i] == link)
			return true;
	return false;
}

void routes_flush(struct ip *ip, struct link *link)
{
	struct route *rt;

	list_for_each_entry_safe(rt, &ip->all_routes, all) if (uses_link(rt, link)) route_free(rt);
}

/* --- routes of addresses --------------------------------------------------------------------------- */

static struct net_route prefix_route(const struct ifaddr *ia)
{
	bool v4 = ia->addr.family == AF_INET;

	return (struct net_route){
		.dst = addr_prefix(ia->peer.family ? &ia->peer : &ia->addr, ia->prefix_len),
		.prefix_len = ia->prefix_len,
		.origin = NET_ROUTE_ORIGIN_KERNEL,
		.link = ia->link->id,
		.prefsrc = v4 ? ia->addr : (struct net_addr){0},
		.metric = ia->info.route_metric ? ia->info.route_metric : v4 ? 0 : 256,
	};
}

void route_add_prefix(struct ip *ip, struct ifaddr *ia)
{
	struct net_route r = prefix_route(ia);

	if (ia->link->kind == NET_LINK_LOOPBACK || ia->info.no_prefix_route || ia->info.secondary)
		return;
	if (!ia->peer.family && ia->prefix_len == addr_bits(ia->addr.family))
		return; /* a host address: local only */
	(void)route_change(ip, &r, NET_ROUTE_CREATE | NET_ROUTE_APPEND); /* another may have made it */
}

void route_del_prefix(struct ip *ip, struct ifaddr *ia)
{
	struct net_route r = prefix_route(ia);
	struct ifaddr *other;
	struct route *rt;

	list_for_each_entry_safe(rt, &ip->all_routes, all)
	{
		if (rt->r.origin != NET_ROUTE_ORIGIN_KERNEL && rt->r.prefsrc.family &&
		    addr_eq(&rt->r.prefsrc, &ia->addr) && !ip_is_local(ip, &ia->addr, NULL))
			route_free(rt); /* it could not be sent from any more */
	}
	/* Another address of the same prefix keeps it. */
	list_for_each_entry(other, &ia->link->addrs, link_list)
	{
		if (other == ia || other->prefix_len != ia->prefix_len || other->info.no_prefix_route ||
		    !addr_in_prefix(other->peer.family ? &other->peer : &other->addr, &r.dst,
				    r.prefix_len))
			continue;
		list_for_each_entry(rt, &ip->all_routes, all)
		{
			if (rt->r.origin == NET_ROUTE_ORIGIN_KERNEL &&
			    addr_eq(&rt->r.prefsrc, &ia->addr) && rt->link == ia->link)
				rt->r.prefsrc = other->addr;
		}
		return;
	}
	list_for_each_entry_safe(rt, &ip->all_routes, all)
	{
		if (rt->r.origin == NET_ROUTE_ORIGIN_KERNEL && rt->link == ia->link &&
		    rt->r.prefix_len == r.prefix_len && addr_eq(&rt->r.dst, &r.dst))
			route_free(rt);
	}
}
