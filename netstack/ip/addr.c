/* SPDX-License-Identifier: Apache-2.0 */
/* Addresses of links, and what a destination address is to us.
 *
 * Weak host model, as Linux: an address is ours whatever link a packet comes in on, except that
 * link-local IPv6 addresses belong to their link.
 */
#include <errno.h>
#include <stdlib.h>

#include "ip/ip.h"

static uint64_t addr_hash(struct ip *ip, const struct net_addr *addr)
{
	(void)ip;
	/* Not keyed: only our own addresses are in the table, so nobody else makes chains long. */
	return hash_u64(addr->quad[0] ^ (addr->quad[1] << 17 | addr->quad[1] >> 47) ^ addr->family);
}

bool ifaddr_usable(const struct ifaddr *ia)
{
	return (!ia->tentative || ia->optimistic) && !ia->duplicate;
}

struct ifaddr *ifaddr_find(struct ip *ip, const struct net_addr *addr)
{
	hash_for_each_match(node, &ip->locals, addr_hash(ip, addr))
	{
		struct local_entry *e = hash_entry(node, struct local_entry, node);

		if (!e->broadcast && addr_eq(&e->ia->addr, addr) &&
		    (!addr->scope || (uint32_t)e->ia->link->id == addr->scope))
			return e->ia;
	}
	return NULL;
}

struct ifaddr *ifaddr_on_link(struct link *link, const struct net_addr *addr)
{
	struct ifaddr *ia;

	list_for_each_entry(ia, &link->addrs, link_list) if (addr_eq(&ia->addr, addr)) return ia;
	return NULL;
}

/* Whole prefixes of the loopback are ours (127.0.0.0/8). */
static bool in_loopback_prefix(struct ip *ip, const struct net_addr *addr)
{
	struct ifaddr *ia;

	if (!ip->links->lo || addr->family != AF_INET)
		return false;
	list_for_each_entry(
		ia, &ip->links->lo->addrs,
		link_list) if (addr_in_prefix(addr, &ia->addr, ia->prefix_len)) return true;
	return false;
}

/* "ip route add local PREFIX dev lo". */
static bool has_local_route(struct ip *ip, const struct net_addr *addr)
{
	struct ip_flow flow = {.dst = *addr};
	struct fib_result res;

	return fib_lookup(ip, &flow, &res) == 0 && res.rt->r.type == NET_ROUTE_LOCAL;
}

bool ip_route_local(struct ip *ip, struct link *link, const struct pkt *pkt)
{
	struct ip_flow flow = {.dst = pkt->ip.dst,
			       .src = pkt->ip.src,
			       .iif = link->id,
			       .mark = pkt->mark,
			       .tos = pkt->ip.tos,
			       .proto = pkt->ip.proto};
	struct fib_result res;

	return ip->nlocal_routes && fib_lookup(ip, &flow, &res) == 0 &&
	       res.rt->r.type == NET_ROUTE_LOCAL;
}

enum ip_local_type ip_local_type(struct ip *ip, const struct net_addr *addr,
				 const struct link *link)
{
	uint64_t h = addr_hash(ip, addr);

	hash_for_each_match(node, &ip->locals, h)
	{
		struct local_entry *e = hash_entry(node, struct local_entry, node);
		struct ifaddr *ia = e->ia;

		if (e->broadcast) {
			if (addr_eq(&ia->broadcast, addr))
				return IP_LOCAL_BROADCAST;
			continue;
		}
		if (addr_eq(&ia->addr, addr) && !ia->duplicate &&
		    (!link || !addr_is_link_local6(addr) || ia->link == link))
			return IP_LOCAL_US;
	}
	if (in_loopback_prefix(ip, addr))
		return IP_LOCAL_US;
	if (ip->nlocal_routes && has_local_route(ip, addr))
		return IP_LOCAL_US;
	return addr_is_limited_broadcast(addr) ? IP_LOCAL_BROADCAST : IP_LOCAL_NONE;
}

static void default_broadcast(struct ifaddr *ia, const struct net_addr *given)
{
	if (ia->addr.family != AF_INET || ia->link->kind != NET_LINK_ETHER)
		return;
	if (given->family == AF_INET) {
		ia->broadcast = *given;
	} else if (ia->prefix_len < 31) {
		ia->broadcast = addr_prefix(&ia->addr, ia->prefix_len);
		for (unsigned bit = ia->prefix_len; bit < 32; bit++)
			ia->broadcast.v4[bit / 8] |= (uint8_t)(0x80 >> bit % 8);
	}
}

static int config_check(struct ip *ip, struct link *link, const struct net_ifaddr *from)
{
	const struct net_addr *a = &from->addr;

	if (a->family != AF_INET && a->family != AF_INET6)
		return -EINVAL;
	if (from->prefix_len > addr_bits(a->family) || addr_is_multicast(a) || addr_is_any(a) ||
	    addr_is_limited_broadcast(a))
		return -EINVAL;
	if (a->family == AF_INET6 && (link->mtu < 1280 || addr_is_mapped(a)))
		return -EINVAL;
	if (ifaddr_on_link(link, a))
		return -EEXIST;
	return ip->naddrs >= ip->core->lim.addresses ? -ENOSPC : 0;
}

/* When the address next changes by itself. */
static net_time next_change(const struct ifaddr *ia)
{
	net_time at = NET_TIME_NEVER;

	if (ia->valid_until)
		at = ia->valid_until;
	if (ia->preferred_until && !ia->deprecated)
		at = MIN(at, ia->preferred_until);
	if (ia->info.temporary && !ia->temp_renewed)
		at = MIN(at, temp_addr_next(ia));
	return at;
}

void ifaddr_arm(struct ifaddr *ia)
{
	struct timers *ts = &ia->ip->core->timers;
	net_time at = next_change(ia);

	if (at == NET_TIME_NEVER)
		timer_cancel(ts, &ia->timer);
	else
		timer_arm(ts, &ia->timer, at);
}

/* Lifetimes: deprecated when the preferred one ends, gone when the valid one does. */
static void lifetime_fire(struct timer *timer)
{
	struct ifaddr *ia = container_of(timer, struct ifaddr, timer);
	struct net_core *core = ia->ip->core;

	if (ia->tentative) {
		dad_fire(ia);
		return;
	}
	if (ia->valid_until && core->now >= ia->valid_until) {
		ifaddr_free(ia);
		return;
	}
	if (ia->info.temporary && !ia->temp_renewed && core->now >= temp_addr_next(ia))
		temp_addr_renew(ia);
	if (ia->preferred_until && core->now >= ia->preferred_until && !ia->deprecated) {
		ia->deprecated = true;
		ip_changed(ia->ip);
		ifaddr_notify(ia, false);
	}
	ifaddr_arm(ia);
}

void ifaddr_notify(const struct ifaddr *ia, bool gone)
{
	struct net_change *c = change_new(&ia->ip->core->changes, NET_CHANGE_ADDR, gone);

	if (c)
		ifaddr_info(ia, &c->addr);
}

/* IPv4: a later address of the same prefix is secondary: no route, not chosen before the first. */
static bool is_secondary(const struct link *link, const struct net_addr *addr, uint8_t len)
{
	struct ifaddr *other;

	if (addr->family != AF_INET)
		return false;
	list_for_each_entry(other, &link->addrs, link_list)
	{
		if (!other->info.secondary && other->addr.family == AF_INET &&
		    other->prefix_len == len && !other->peer.family &&
		    addr_in_prefix(&other->addr, addr, len))
			return true;
	}
	return false;
}

static struct ifaddr *ifaddr_new(struct ip *ip, struct link *link, const struct net_ifaddr *from)
{
	struct ifaddr *ia = calloc(1, sizeof(*ia));

	if (!ia)
		return NULL;
	ia->ip = ip;
	ia->link = link;
	ia->addr = from->addr;
	ia->addr.scope = 0;
	ia->peer = from->peer;
	ia->prefix_len = from->prefix_len;
	ia->deprecated = from->deprecated;
	ia->dynamic = from->dynamic;
	ia->valid_until = from->valid_until;
	ia->preferred_until = from->preferred_until;
	ia->info = *from;
	ia->info.created = ia->info.updated = ip->core->now;
	ia->info.secondary = is_secondary(link, &ia->addr, ia->prefix_len);
	timer_init(&ia->timer, lifetime_fire);
	default_broadcast(ia, &from->broadcast);
	ia->local = (struct local_entry){.ia = ia};
	ia->bcast = (struct local_entry){.ia = ia, .broadcast = true};
	return ia;
}

static bool needs_dad(const struct ifaddr *ia)
{
	const struct link *link = ia->link;

	return ia->info.dad && ia->addr.family == AF_INET6 && link->kind == NET_LINK_ETHER &&
	       !link->noarp && link->conf.v6[NET_CONF6_dad_transmits] > 0 &&
	       MAX(link->conf.v6[NET_CONF6_accept_dad],
		   ia->ip->core->confs.all.v6[NET_CONF6_accept_dad]) > 0;
}

int ifaddr_add(struct ip *ip, struct link *link, const struct net_ifaddr *from)
{
	struct ifaddr *ia;
	int r;

	r = config_check(ip, link, from);
	if (r < 0)
		return r;
	ia = ifaddr_new(ip, link, from);
	if (!ia)
		return -ENOMEM;
	hash_insert(&ip->locals, &ia->local.node, addr_hash(ip, &ia->addr));
	if (ia->broadcast.family)
		hash_insert(&ip->locals, &ia->bcast.node, addr_hash(ip, &ia->broadcast));
	list_push_back(&link->addrs, &ia->link_list);
	ip->naddrs++;
	route_add_prefix(ip, ia);
	ip_changed(ip);
	if (ia->addr.family == AF_INET6 && link->kind == NET_LINK_ETHER) {
		struct net_addr group = addr_solicited_node(&ia->addr);

		(void)mcast_join(ip, link, &group);
	}
	if (needs_dad(ia))
		dad_start(ia);
	else
		ifaddr_arm(ia);
	ifaddr_notify(ia, false);
	if (ia->addr.family == AF_INET && link->up && link->kind == NET_LINK_ETHER &&
	    conf4_or(link, NET_CONF4_arp_notify))
		arp_announce(link, &ia->addr);
	return 0;
}

int ifaddr_set(struct ip *ip, struct link *link, const struct net_ifaddr *from)
{
	struct ifaddr *ia = ifaddr_on_link(link, &from->addr);

	if (!ia || ia->prefix_len != from->prefix_len)
		return ifaddr_add(ip, link, from);
	route_del_prefix(ip, ia);
	ia->valid_until = from->valid_until;
	ia->preferred_until = from->preferred_until;
	ia->deprecated = from->deprecated;
	ia->dynamic = false;
	ia->info.no_prefix_route = from->no_prefix_route;
	ia->info.manage_temp = from->manage_temp;
	ia->info.route_metric = from->route_metric;
	ia->info.proto = from->proto;
	ia->info.scope = from->scope;
	memcpy(ia->info.label, from->label, sizeof(from->label));
	ia->info.updated = ip->core->now;
	route_add_prefix(ip, ia);
	ip_changed(ip);
	if (!ia->tentative)
		ifaddr_arm(ia);
	ifaddr_notify(ia, false);
	return 0;
}

/* The other addresses of a primary's prefix go with it, or the next becomes primary
 * (net.ipv4.conf.*.promote_secondaries). */
static void secondaries_follow(struct ifaddr *gone)
{
	struct link *link = gone->link;
	bool promote = conf4_or(link, NET_CONF4_promote_secondaries);
	struct ifaddr *ia;

	if (gone->addr.family != AF_INET || gone->info.secondary)
		return;
	list_for_each_entry_safe(ia, &link->addrs, link_list)
	{
		if (ia == gone || !ia->info.secondary || ia->prefix_len != gone->prefix_len ||
		    !addr_in_prefix(&ia->addr, &gone->addr, gone->prefix_len))
			continue;
		if (promote) {
			ia->info.secondary = false;
			ifaddr_notify(ia, false);
			return;
		}
		ifaddr_free(ia);
	}
}

void ifaddr_free(struct ifaddr *ia)
{
	struct ip *ip = ia->ip;
	struct ifaddr *temp;

	secondaries_follow(ia);
	if (ia->addr.family == AF_INET6 && ia->link->kind == NET_LINK_ETHER) {
		struct net_addr group = addr_solicited_node(&ia->addr);

		mcast_leave(ip, ia->link, &group);
	}
	list_for_each_entry(temp, &ia->link->addrs, link_list) if (temp->temp_of == ia)
		temp->temp_of = NULL;
	timer_cancel(&ip->core->timers, &ia->timer);
	hash_remove(&ip->locals, &ia->local.node);
	hash_remove(&ip->locals, &ia->bcast.node);
	list_remove(&ia->link_list);
	route_del_prefix(ip, ia);
	ip->naddrs--;
	ip_changed(ip);
	ifaddr_notify(ia, true);
	free(ia);
}

/* RT_SCOPE_* of an IPv6 address. */
static uint8_t scope6(const struct net_addr *a)
{
	if (addr_is_loopback(a))
		return 254; /* host */
	return addr_is_link_local6(a) ? 253 : 0;
}

void ifaddr_info(const struct ifaddr *ia, struct net_ifaddr *ret)
{
	*ret = ia->info;
	ret->link = ia->link->id;
	ret->addr = ia->addr;
	ret->peer = ia->peer;
	ret->broadcast = ia->broadcast;
	ret->prefix_len = ia->prefix_len;
	ret->tentative = ia->tentative;
	ret->optimistic = ia->optimistic;
	ret->duplicate = ia->duplicate;
	ret->deprecated = ia->deprecated;
	ret->dynamic = ia->dynamic;
	ret->valid_until = ia->valid_until;
	ret->preferred_until = ia->preferred_until;
	if (ia->addr.family == AF_INET6)
		ret->scope = scope6(&ia->addr);
	else if (ia->link->kind == NET_LINK_LOOPBACK && !ret->scope)
		ret->scope = 254;
	if (!ret->label[0] && ia->addr.family == AF_INET)
		memcpy(ret->label, ia->link->name, sizeof(ret->label));
}
