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
	return !ia->tentative && !ia->duplicate;
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

/* Lifetimes: deprecated when the preferred one ends, gone when the valid one does. */
static void lifetime_fire(struct timer *timer)
{
	struct ifaddr *ia = container_of(timer, struct ifaddr, timer);
	struct net_core *core = ia->ip->core;

	if (ia->tentative) {
		slaac_dad_start(ia);
		return;
	}
	if (ia->valid_until && core->now >= ia->valid_until) {
		ifaddr_free(ia);
		return;
	}
	if (ia->preferred_until && core->now >= ia->preferred_until && !ia->deprecated) {
		ia->deprecated = true;
		ip_changed(ia->ip);
	}
	if (ia->valid_until)
		timer_arm(&core->timers, &ia->timer,
			  ia->deprecated || !ia->preferred_until ? ia->valid_until
								 : ia->preferred_until);
}

int ifaddr_add(struct ip *ip, struct link *link, const struct net_ifaddr *from)
{
	struct ifaddr *ia;
	int r;

	r = config_check(ip, link, from);
	if (r < 0)
		return r;
	ia = calloc(1, sizeof(*ia));
	if (!ia)
		return -ENOMEM;

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
	timer_init(&ia->timer, lifetime_fire);
	default_broadcast(ia, &from->broadcast);
	ia->local = (struct local_entry){.ia = ia};
	ia->bcast = (struct local_entry){.ia = ia, .broadcast = true};
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
	if (from->dad && ia->addr.family == AF_INET6 && link->kind == NET_LINK_ETHER &&
	    ip->core->tun.ip6_dad_transmits > 0) {
		ia->tentative = true;
		ia->dad_left = (uint8_t)MIN(ip->core->tun.ip6_dad_transmits, 255);
		slaac_dad_start(ia);
	} else if (ia->valid_until) {
		timer_arm(&ip->core->timers, &ia->timer, ip->core->now);
	}
	return 0;
}

void ifaddr_free(struct ifaddr *ia)
{
	struct ip *ip = ia->ip;

	if (ia->addr.family == AF_INET6 && ia->link->kind == NET_LINK_ETHER) {
		struct net_addr group = addr_solicited_node(&ia->addr);

		mcast_leave(ip, ia->link, &group);
	}
	timer_cancel(&ip->core->timers, &ia->timer);
	hash_remove(&ip->locals, &ia->local.node);
	hash_remove(&ip->locals, &ia->bcast.node);
	list_remove(&ia->link_list);
	route_del_prefix(ip, ia);
	ip->naddrs--;
	ip_changed(ip);
	free(ia);
}

void ifaddr_info(const struct ifaddr *ia, struct net_ifaddr *ret)
{
	*ret = (struct net_ifaddr){
		.link = ia->link->id,
		.addr = ia->addr,
		.peer = ia->peer,
		.broadcast = ia->broadcast,
		.prefix_len = ia->prefix_len,
		.tentative = ia->tentative,
		.duplicate = ia->duplicate,
		.deprecated = ia->deprecated,
		.dynamic = ia->dynamic,
		.valid_until = ia->valid_until,
		.preferred_until = ia->preferred_until,
	};
}
