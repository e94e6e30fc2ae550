/* SPDX-License-Identifier: Apache-2.0 */
/* netdevice(7), route(8) and arp(7) ioctls that change the namespace: ifconfig(8) and friends. */
#include <errno.h>
#include <linux/capability.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <net/if_arp.h>
#include <net/route.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

#include "net/netns.h"
#include "netlink/netlink.h"
#include "netstack/info.h"
#include "socket/netdev.h"
#include "task/task.h"

static int find_link(const struct net_stack *stack, const char *name, struct net_link_info *ret)
{
	char base[IFNAMSIZ];

	memcpy(base, name, IFNAMSIZ);
	base[IFNAMSIZ - 1] = '\0';
	base[strcspn(base, ":")] = '\0'; /* an alias is of its link */
	return net_info_link(stack, net_link_by_name(stack, base), ret);
}

static int v4_of(const struct sockaddr *sa, struct net_addr *ret)
{
	struct sockaddr_in in;

	memcpy(&in, sa, sizeof(in));
	*ret = (struct net_addr){ .family = AF_INET };
	memcpy(ret->v4, &in.sin_addr, 4);
	return in.sin_family == AF_INET ? 0 : -EINVAL;
}

/* The first IPv4 address, or false. */
static bool first_addr(const struct net_stack *stack, net_link_id link, struct net_ifaddr *ret)
{
	size_t n = net_info_addrs(stack, NULL, 0);
	struct net_ifaddr *all = calloc(n + 1, sizeof(*all));
	bool found = false;

	n = all ? MIN(net_info_addrs(stack, all, n), n) : 0;
	for (size_t i = 0; i < n && !found; i++) {
		found = all[i].link == link && all[i].addr.family == AF_INET;
		if (found)
			*ret = all[i];
	}
	free(all);
	return found;
}

/* The class of an address gives its prefix, as ifconfig expects. */
static uint8_t class_prefix(const struct net_addr *a)
{
	return a->v4[0] == 127 || a->v4[0] < 128 ? 8 : a->v4[0] < 192 ? 16 : 24;
}

static int set_addr(struct net_stack *stack, const struct net_link_info *l, const struct sockaddr *sa)
{
	struct net_ifaddr old, a = { .link = l->link };
	int r = v4_of(sa, &a.addr);

	if (r < 0)
		return r;
	if (first_addr(stack, l->link, &old))
		(void)net_addr_del(stack, l->link, &old.addr, old.prefix_len);
	if (!a.addr.word[0])
		return 0;
	a.prefix_len = class_prefix(&a.addr);
	if (l->flags & IFF_BROADCAST) {
		a.broadcast = a.addr;
		a.broadcast.word[0] |= ~htonl(UINT32_MAX << (32 - a.prefix_len));
	}
	return net_addr_add(stack, &a);
}

/* Changes one property of the first address: it is taken off and put back. */
static int change_addr(struct net_stack *stack, const struct net_link_info *l, unsigned long cmd,
		       const struct sockaddr *sa)
{
	struct net_ifaddr a;
	struct net_addr v;
	int r = v4_of(sa, &v);

	if (r < 0)
		return r;
	if (!first_addr(stack, l->link, &a))
		return -EADDRNOTAVAIL;

	uint8_t old_len = a.prefix_len;

	if (cmd == SIOCSIFNETMASK) {
		uint32_t mask = ntohl(v.word[0]);

		if (~mask & (~mask + 1))
			return -EINVAL; /* not a prefix */
		a.prefix_len = (uint8_t)__builtin_popcount(mask);
		if (a.broadcast.family)
			a.broadcast.word[0] = a.addr.word[0] | htonl(~mask);
	} else if (cmd == SIOCSIFBRDADDR) {
		a.broadcast = v;
	} else {
		a.peer = v;
	}
	r = net_addr_del(stack, l->link, &a.addr, old_len);
	return r < 0 ? r : net_addr_add(stack, &a);
}

static int set_one(struct net_stack *stack, const struct net_link_info *l, unsigned long cmd,
		   const struct ifreq *ifr)
{
	int r;

	switch (cmd) {
	case SIOCSIFFLAGS:
		r = net_link_set_promisc(stack, l->link, ifr->ifr_flags & IFF_PROMISC);
		if (r == 0)
			r = net_link_set_allmulti(stack, l->link, ifr->ifr_flags & IFF_ALLMULTI);
		return r < 0 ? r : net_link_set_up(stack, l->link, ifr->ifr_flags & IFF_UP);
	case SIOCSIFMTU:
		if (ifr->ifr_mtu < 0 || (uint32_t)ifr->ifr_mtu < l->min_mtu ||
		    (l->max_mtu && (uint32_t)ifr->ifr_mtu > l->max_mtu))
			return -EINVAL;
		return net_link_set_mtu(stack, l->link, (uint32_t)ifr->ifr_mtu);
	case SIOCSIFTXQLEN:
		return ifr->ifr_qlen < 0 ? -EINVAL
					 : net_link_set_tx_queue(stack, l->link, (uint32_t)ifr->ifr_qlen);
	case SIOCSIFHWADDR:
		if (l->kind == NET_LINK_LOOPBACK)
			return -EOPNOTSUPP;
		if (ifr->ifr_hwaddr.sa_family != ARPHRD_ETHER)
			return -EINVAL;
		if (ifr->ifr_hwaddr.sa_data[0] & 1)
			return -EADDRNOTAVAIL;
		return net_link_set_mac(stack, l->link, (const uint8_t *)ifr->ifr_hwaddr.sa_data);
	case SIOCSIFNAME:
		return net_link_set_name(stack, l->link, ifr->ifr_newname);
	case SIOCSIFADDR:
		return set_addr(stack, l, &ifr->ifr_addr);
	default:
		return change_addr(stack, l, cmd, &ifr->ifr_addr);
	}
}

static long set_link(struct task *t, unsigned long cmd, uint64_t arg)
{
	struct net_link_info l;
	struct net_stack *stack;
	struct ifreq ifr;
	int r;

	if (copy_in(t, &ifr, arg, sizeof(ifr)) < 0)
		return -EFAULT;
	if (!task_has_cap(t, CAP_NET_ADMIN))
		return -EPERM;
	ifr.ifr_newname[IFNAMSIZ - 1] = '\0';
	rtnl_lock();
	stack = netns_lock(t->net);
	r = find_link(stack, ifr.ifr_name, &l);
	if (r == 0)
		r = set_one(stack, &l, cmd, &ifr);
	netns_unlock(t->net);
	rtnl_unlock();
	return r;
}

static long set_route(struct task *t, unsigned long cmd, uint64_t arg)
{
	struct rtentry e;
	struct net_route rt = { 0 };
	struct net_addr mask;
	struct net_link_info l;
	struct net_stack *stack;
	char dev[IFNAMSIZ] = "";
	int r;

	if (copy_in(t, &e, arg, sizeof(e)) < 0)
		return -EFAULT;
	if (!task_has_cap(t, CAP_NET_ADMIN))
		return -EPERM;
	if (e.rt_dev && copy_in(t, dev, (uint64_t)(uintptr_t)e.rt_dev, sizeof(dev) - 1) < 0)
		return -EFAULT;
	r = v4_of(&e.rt_dst, &rt.dst);
	if (r < 0)
		return -EAFNOSUPPORT;
	(void)v4_of(&e.rt_genmask, &mask);
	rt.prefix_len = e.rt_flags & RTF_HOST ? 32 : (uint8_t)__builtin_popcount(mask.word[0]);
	if ((e.rt_flags & RTF_GATEWAY) && v4_of(&e.rt_gateway, &rt.gateway) < 0)
		return -EINVAL;
	if (e.rt_flags & RTF_REJECT)
		rt.type = NET_ROUTE_UNREACHABLE;
	rt.metric = e.rt_metric > 0 ? (uint32_t)e.rt_metric - 1 : 0;
	if (e.rt_flags & RTF_MTU)
		rt.mtu = (uint32_t)e.rt_mtu;
	rtnl_lock();
	stack = netns_lock(t->net);
	r = dev[0] ? find_link(stack, dev, &l) : 0;
	if (r == 0 && dev[0])
		rt.link = l.link;
	if (r == 0)
		r = cmd == SIOCADDRT ? net_route_add(stack, &rt) : net_route_del(stack, &rt);
	netns_unlock(t->net);
	rtnl_unlock();
	return r;
}

static long get_arp(struct net_stack *stack, const struct net_neigh *want, struct arpreq *a)
{
	size_t n = net_info_neighs(stack, NULL, 0);
	struct net_neigh *all = calloc(n + 1, sizeof(*all));
	long r = -ENXIO;

	n = all ? MIN(net_info_neighs(stack, all, n), n) : 0;
	for (size_t i = 0; i < n && r < 0; i++) {
		if (all[i].link != want->link || memcmp(&all[i].addr, &want->addr, sizeof(want->addr)) != 0)
			continue;
		a->arp_ha.sa_family = ARPHRD_ETHER;
		memcpy(a->arp_ha.sa_data, all[i].mac, 6);
		a->arp_flags = all[i].state == NET_NEIGH_PERMANENT ? ATF_PERM | ATF_COM : ATF_COM;
		r = 0;
	}
	free(all);
	return r;
}

static long arp(struct task *t, unsigned long cmd, uint64_t arg)
{
	struct arpreq a;
	struct net_neigh n = { 0 };
	struct net_link_info l;
	struct net_stack *stack;
	long r;

	if (copy_in(t, &a, arg, sizeof(a)) < 0)
		return -EFAULT;
	if (cmd != SIOCGARP && !task_has_cap(t, CAP_NET_ADMIN))
		return -EPERM;
	if (v4_of(&a.arp_pa, &n.addr) < 0)
		return -EPFNOSUPPORT;
	stack = netns_lock(t->net);
	r = find_link(stack, a.arp_dev, &l);
	n.link = r == 0 ? l.link : 0;
	n.state = a.arp_flags & ATF_PERM ? NET_NEIGH_PERMANENT : NET_NEIGH_STALE;
	memcpy(n.mac, a.arp_ha.sa_data, 6);
	if (r == 0 && cmd == SIOCSARP)
		r = net_neigh_set(stack, &n);
	else if (r == 0 && cmd == SIOCDARP)
		r = net_neigh_del(stack, n.link, &n.addr);
	else if (r == 0)
		r = get_arp(stack, &n, &a);
	netns_unlock(t->net);
	if (r == 0 && cmd == SIOCGARP)
		r = copy_out(t, arg, &a, sizeof(a));
	return r;
}

long netdev_set_ioctl(struct task *t, unsigned long cmd, uint64_t arg)
{
	switch (cmd) {
	case SIOCSIFFLAGS:
	case SIOCSIFMTU:
	case SIOCSIFTXQLEN:
	case SIOCSIFHWADDR:
	case SIOCSIFNAME:
	case SIOCSIFADDR:
	case SIOCSIFNETMASK:
	case SIOCSIFBRDADDR:
	case SIOCSIFDSTADDR:
		return set_link(t, cmd, arg);
	case SIOCADDRT:
	case SIOCDELRT:
		return set_route(t, cmd, arg);
	case SIOCSARP:
	case SIOCDARP:
	case SIOCGARP:
		return arp(t, cmd, arg);
	default:
		return -ENOTTY;
	}
}
