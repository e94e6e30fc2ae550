/* SPDX-License-Identifier: Apache-2.0 */
/* netdevice(7): SIOCGIF* on any socket, answered from the namespace's stack. */
#include <errno.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <net/if_arp.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

#include "net/netns.h"
#include "netstack/info.h"
#include "socket/netdev.h"
#include "socket/socket.h"
#include "task/task.h"
#include "util/cleanup.h"

#define MAX_ADDRS 256
#define MAX_LINKS 32

/* The interfaces and addresses of the calling task's namespace. */
struct snapshot {
	struct net_link_info links[MAX_LINKS];
	struct net_ifaddr addrs[MAX_ADDRS];
	size_t n_links, n_addrs;
};

static struct snapshot *snapshot_take(struct task *t)
{
	struct snapshot *s = calloc(1, sizeof(*s));

	if (!s)
		return NULL;

	struct net_stack *stack = netns_lock(t->net);

	s->n_links = MIN(net_info_links(stack, s->links, MAX_LINKS), (size_t)MAX_LINKS);
	s->n_addrs = MIN(net_info_addrs(stack, s->addrs, MAX_ADDRS), (size_t)MAX_ADDRS);
	netns_unlock_query(t->net);
	return s;
}

static const struct net_link_info *by_name(const struct snapshot *s, const char *name)
{
	for (size_t i = 0; i < s->n_links; i++) {
		if (strncmp(s->links[i].name, name, IFNAMSIZ) == 0)
			return &s->links[i];
	}
	return NULL;
}

static const struct net_ifaddr *first_v4(const struct snapshot *s, net_link_id link)
{
	for (size_t i = 0; i < s->n_addrs; i++) {
		if (s->addrs[i].link == link && s->addrs[i].addr.family == AF_INET)
			return &s->addrs[i];
	}
	return NULL;
}

static void set_addr(struct sockaddr *sa, const void *v4)
{
	struct sockaddr_in in = { .sin_family = AF_INET };

	memcpy(&in.sin_addr, v4, 4);
	memcpy(sa, &in, sizeof(in));
}

static uint32_t netmask(uint8_t len)
{
	return len == 0 ? 0 : htonl(UINT32_MAX << (32 - len));
}

static int answer_addr(const struct snapshot *s, const struct net_link_info *l, unsigned long cmd,
		       struct ifreq *ifr)
{
	const struct net_ifaddr *a = first_v4(s, l->link);

	if (!a)
		return -EADDRNOTAVAIL;

	uint32_t mask = netmask(a->prefix_len);
	uint32_t v4 = a->addr.word[0];

	switch (cmd) {
	case SIOCGIFADDR:
	case SIOCGIFDSTADDR:
		set_addr(&ifr->ifr_addr, &v4);
		return 0;
	case SIOCGIFNETMASK:
		set_addr(&ifr->ifr_addr, &mask);
		return 0;
	case SIOCGIFBRDADDR:
		v4 = l->flags & IFF_BROADCAST ? v4 | ~mask : 0;
		set_addr(&ifr->ifr_addr, &v4);
		return 0;
	default:
		return -EINVAL;
	}
}

static int answer(const struct snapshot *s, unsigned long cmd, struct ifreq *ifr)
{
	const struct net_link_info *l;

	if (cmd == SIOCGIFNAME) {
		for (size_t i = 0; i < s->n_links; i++) {
			if (s->links[i].link == ifr->ifr_ifindex) {
				memcpy(ifr->ifr_name, s->links[i].name, IFNAMSIZ);
				return 0;
			}
		}
		return -ENODEV;
	}
	ifr->ifr_name[IFNAMSIZ - 1] = '\0';
	l = by_name(s, ifr->ifr_name);
	if (!l)
		return -ENODEV;
	switch (cmd) {
	case SIOCGIFINDEX:
		ifr->ifr_ifindex = l->link;
		return 0;
	case SIOCGIFFLAGS:
		ifr->ifr_flags = (short)l->flags;
		return 0;
	case SIOCGIFMTU:
		ifr->ifr_mtu = (int)l->mtu;
		return 0;
	case SIOCGIFMETRIC:
		ifr->ifr_metric = 0;
		return 0;
	case SIOCGIFTXQLEN:
		ifr->ifr_qlen = (int)l->tx_queue_len;
		return 0;
	case SIOCGIFHWADDR:
		memset(&ifr->ifr_hwaddr, 0, sizeof(ifr->ifr_hwaddr));
		ifr->ifr_hwaddr.sa_family = l->kind == NET_LINK_LOOPBACK ? ARPHRD_LOOPBACK : ARPHRD_ETHER;
		memcpy(ifr->ifr_hwaddr.sa_data, l->mac, 6);
		return 0;
	case SIOCGIFMAP:
		memset(&ifr->ifr_map, 0, sizeof(ifr->ifr_map));
		return 0;
	default:
		return answer_addr(s, l, cmd, ifr);
	}
}

static long ifconf(struct task *t, const struct snapshot *s, uint64_t arg)
{
	struct ifconf ifc;
	int done = 0;

	if (copy_in(t, &ifc, arg, sizeof(ifc)) < 0)
		return -EFAULT;

	uint64_t ubuf = (uint64_t)(uintptr_t)ifc.ifc_buf;

	for (size_t i = 0; i < s->n_addrs; i++) {
		const struct net_ifaddr *a = &s->addrs[i];
		struct ifreq ifr = { 0 };

		if (a->addr.family != AF_INET)
			continue;
		for (size_t j = 0; j < s->n_links; j++) {
			if (s->links[j].link == a->link)
				memcpy(ifr.ifr_name, s->links[j].name, IFNAMSIZ);
		}
		set_addr(&ifr.ifr_addr, a->addr.v4);
		if (ubuf) {
			if (ifc.ifc_len - done < (int)sizeof(ifr))
				break;
			if (copy_out(t, ubuf + (uint64_t)done, &ifr, sizeof(ifr)) < 0)
				return -EFAULT;
		}
		done += (int)sizeof(ifr);
	}
	ifc.ifc_len = done;
	return copy_out(t, arg, &ifc, sizeof(ifc));
}

long netdev_ioctl(struct task *t, unsigned long cmd, uint64_t arg)
{
	struct snapshot *s;
	struct ifreq ifr;
	long r;

	switch (cmd) {
	case SIOCGIFCONF:
	case SIOCGIFNAME:
	case SIOCGIFINDEX:
	case SIOCGIFFLAGS:
	case SIOCGIFMTU:
	case SIOCGIFMETRIC:
	case SIOCGIFTXQLEN:
	case SIOCGIFHWADDR:
	case SIOCGIFMAP:
	case SIOCGIFADDR:
	case SIOCGIFDSTADDR:
	case SIOCGIFNETMASK:
	case SIOCGIFBRDADDR:
		break;
	case SIOCETHTOOL:
		return netdev_ethtool(t, arg);
	default:
		return netdev_set_ioctl(t, cmd, arg);
	}
	s = snapshot_take(t);
	if (!s)
		return -ENOMEM;
	if (cmd == SIOCGIFCONF) {
		r = ifconf(t, s, arg);
	} else {
		r = copy_in(t, &ifr, arg, sizeof(ifr));
		if (r == 0)
			r = answer(s, cmd, &ifr);
		if (r == 0)
			r = copy_out(t, arg, &ifr, sizeof(ifr));
	}
	free(s);
	return r;
}
