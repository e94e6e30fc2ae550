/* SPDX-License-Identifier: Apache-2.0 */
/* NETLINK_ROUTE (rtnetlink(7)): dumps and single queries of links, addresses, routes and neighbours from
 * the namespace's stack, which is what getifaddrs(3), getaddrinfo(3) and ip(8) show ask for. Changes
 * are refused: -EPERM without CAP_NET_ADMIN, else -EOPNOTSUPP. Requests are hostile: every length is
 * checked before it is used.
 *
 * Locks: [m] mu (RANK_SOCKET).
 */
#include <asm/ioctls.h>
#include <errno.h>
#include <linux/capability.h>
#include <linux/if_addr.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <net/if_arp.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>

#include "net/netns.h"
#include "netstack/info.h"
#include "socket/socket.h"
#include "task/task.h"
#include "util/cleanup.h"
#include "util/list.h"

#define MAX_REQUEST 32768
#define MAX_QUEUED (1 << 20)
#define CHUNK 16384 /* one datagram of a dump */
#define MAX_ENTRIES 1024

/* A datagram that waits to be read. */
struct nlmsg {
	struct list link;
	size_t len;
	uint8_t data[];
};

struct netlink_sock {
	struct socket base;
	struct mutex mu;
	struct netns *ns;	/* reference */
	struct list queue;	/* [m] */
	size_t queued;		/* [m] bytes */
	uint32_t port;		/* [m] nl_pid; 0: not bound yet */
	uint32_t groups;	/* [m] joined; nothing changes, so nothing is multicast */
	bool overrun;		/* [m] the next read fails with ENOBUFS */
};

static const struct socket_ops netlink_ops;

static struct netlink_sock *nl(struct socket *s)
{
	return container_of(s, struct netlink_sock, base);
}

int netlink_socket_new(struct socket **ret, struct task *t, int type, int protocol)
{
	struct netlink_sock *n;

	if (type != SOCK_RAW && type != SOCK_DGRAM)
		return -ESOCKTNOSUPPORT;
	if (protocol != NETLINK_ROUTE)
		return -EPROTONOSUPPORT;
	n = calloc(1, sizeof(*n));
	if (!n)
		return -ENOMEM;
	socket_init(&n->base, &netlink_ops, AF_NETLINK, type, protocol, t);
	mutex_init(&n->mu, RANK_SOCKET);
	list_init(&n->queue);
	n->ns = netns_get(t->net);
	*ret = &n->base;
	return 0;
}

static void netlink_release(struct socket *s)
{
	struct netlink_sock *n = nl(s);
	struct list *node;

	while ((node = list_pop_front(&n->queue)) != NULL)
		free(list_entry(node, struct nlmsg, link));
	netns_put(n->ns);
	mutex_fini(&n->mu);
	socket_fini(s);
	free(n);
}

/* Port numbers only need to be unique in the sandbox: the process's pid when it is free is what Linux
 * gives, and programs that have several sockets get negative ones. */
static void autobind_locked(struct netlink_sock *n, struct task *t)
{
	static _Atomic uint32_t next = 0xfffff000U;

	if (n->port == 0)
		n->port = n->base.inode % 2 ? (uint32_t)t->group->pid : atomic_fetch_sub(&next, 1);
}

static int netlink_bind(struct socket *s, struct task *t, const struct sockaddr *addr, socklen_t len)
{
	struct netlink_sock *n = nl(s);
	struct sockaddr_nl a;
	int r = 0;

	if (len < sizeof(a) || addr->sa_family != AF_NETLINK)
		return -EINVAL;
	memcpy(&a, addr, sizeof(a));
	mutex_lock(&n->mu);
	if (n->port && a.nl_pid && n->port != a.nl_pid) {
		r = -EINVAL;
	} else {
		if (a.nl_pid)
			n->port = a.nl_pid;
		else
			autobind_locked(n, t);
		n->groups = a.nl_groups;
	}
	mutex_unlock(&n->mu);
	return r;
}

static int netlink_connect(struct socket *s, struct task *t, const struct sockaddr *addr, socklen_t len)
{
	struct sockaddr_nl a;

	(void)s;
	(void)t;
	if (len < sizeof(sa_family_t))
		return -EINVAL;
	if (addr->sa_family == AF_UNSPEC)
		return 0;
	if (len < sizeof(a) || addr->sa_family != AF_NETLINK)
		return -EINVAL;
	memcpy(&a, addr, sizeof(a));
	return a.nl_pid == 0 ? 0 : -ECONNREFUSED;
}

static int netlink_getname(struct socket *s, bool peer, struct sockaddr_storage *addr, socklen_t *len)
{
	struct netlink_sock *n = nl(s);
	struct sockaddr_nl a = { .nl_family = AF_NETLINK };

	if (!peer) {
		mutex_lock(&n->mu);
		a.nl_pid = n->port;
		a.nl_groups = n->groups;
		mutex_unlock(&n->mu);
	}
	memset(addr, 0, sizeof(*addr));
	memcpy(addr, &a, sizeof(a));
	*len = sizeof(a);
	return 0;
}

/* --- building answers -------------------------------------------------------------------------------- */

/* An answer being built: datagrams of whole messages. */
struct answer {
	struct netlink_sock *n;
	const struct nlmsghdr *req;
	uint32_t port;
	struct nlmsg *cur;
	size_t msg_start; /* of the message being built in cur */
	uint16_t flags;
};

static void push(struct netlink_sock *n, struct nlmsg *m)
{
	mutex_lock(&n->mu);
	if (n->queued + m->len > MAX_QUEUED) {
		n->overrun = true;
		free(m);
	} else {
		n->queued += m->len;
		list_push_back(&n->queue, &m->link);
	}
	mutex_unlock(&n->mu);
	waitq_wake(&n->base.waitq, EPOLLIN | EPOLLRDNORM);
}

static void flush(struct answer *a)
{
	if (a->cur && a->cur->len > 0)
		push(a->n, a->cur);
	else
		free(a->cur);
	a->cur = NULL;
}

/* Starts a message with a fixed part. Returns false without memory (the answer is cut). */
static bool begin(struct answer *a, uint16_t type, const void *fixed, size_t len)
{
	struct nlmsghdr h = { .nlmsg_type = type, .nlmsg_flags = a->flags,
			      .nlmsg_seq = a->req->nlmsg_seq, .nlmsg_pid = a->port };

	if (a->cur && a->cur->len > CHUNK - 2048)
		flush(a);
	if (!a->cur) {
		a->cur = calloc(1, sizeof(*a->cur) + CHUNK);
		if (!a->cur)
			return false;
	}
	a->msg_start = a->cur->len;
	memcpy(a->cur->data + a->cur->len, &h, sizeof(h));
	memcpy(a->cur->data + a->cur->len + NLMSG_HDRLEN, fixed, len);
	a->cur->len += NLMSG_HDRLEN + NLMSG_ALIGN(len);
	return true;
}

static void attr(struct answer *a, uint16_t type, const void *data, size_t len)
{
	struct rtattr rta = { .rta_type = type, .rta_len = (uint16_t)RTA_LENGTH(len) };
	uint8_t *p = a->cur->data + a->cur->len;

	if (a->cur->len + RTA_SPACE(len) > CHUNK)
		return;
	memcpy(p, &rta, sizeof(rta));
	memcpy(p + RTA_LENGTH(0), data, len);
	a->cur->len += RTA_SPACE(len);
}

static void attr_u32(struct answer *a, uint16_t type, uint32_t v)
{
	attr(a, type, &v, sizeof(v));
}

static void end(struct answer *a)
{
	uint32_t len = (uint32_t)(a->cur->len - a->msg_start);

	memcpy(a->cur->data + a->msg_start, &len, sizeof(len)); /* nlmsg_len is first */
	a->cur->len = NLMSG_ALIGN(a->cur->len);
}

static void done(struct answer *a)
{
	int32_t zero = 0;

	a->flags = NLM_F_MULTI;
	if (begin(a, NLMSG_DONE, &zero, sizeof(zero)))
		end(a);
	flush(a);
}

static void error(struct answer *a, int err)
{
	struct nlmsgerr e = { .error = err, .msg = *a->req };

	a->flags = 0;
	if (begin(a, NLMSG_ERROR, &e, sizeof(e)))
		end(a);
	flush(a);
}

static size_t addr_len(int family)
{
	return family == AF_INET ? 4 : 16;
}

static void add_link(struct answer *a, const struct net_link_info *l)
{
	bool lo = l->kind == NET_LINK_LOOPBACK;
	uint8_t brd[6] = { 0xff, 0xff, 0xff, 0xff, 0xff, 0xff };
	uint8_t zero[6] = { 0 };
	uint8_t operstate = lo ? 0 /* unknown */ : l->flags & IFF_RUNNING ? 6 /* up */ : 2;
	struct ifinfomsg ifi = { .ifi_family = AF_UNSPEC,
				 .ifi_type = lo ? ARPHRD_LOOPBACK : ARPHRD_ETHER,
				 .ifi_index = l->link, .ifi_flags = l->flags };
	struct rtnl_link_stats64 st = {
		.rx_packets = l->rx_packets, .tx_packets = l->tx_packets, .rx_bytes = l->rx_bytes,
		.tx_bytes = l->tx_bytes, .rx_errors = l->rx_errors, .tx_errors = l->tx_errors,
		.rx_dropped = l->rx_dropped, .tx_dropped = l->tx_dropped,
		.multicast = l->rx_multicast,
	};

	if (!begin(a, RTM_NEWLINK, &ifi, sizeof(ifi)))
		return;
	attr(a, IFLA_IFNAME, l->name, strlen(l->name) + 1);
	attr_u32(a, IFLA_TXQLEN, l->tx_queue_len);
	attr(a, IFLA_OPERSTATE, &operstate, 1);
	attr_u32(a, IFLA_MTU, l->mtu);
	attr_u32(a, IFLA_GROUP, 0);
	attr(a, IFLA_QDISC, lo ? "noqueue" : "pfifo", lo ? 8 : 6);
	attr(a, IFLA_ADDRESS, lo ? zero : l->mac, 6);
	attr(a, IFLA_BROADCAST, lo ? zero : brd, 6);
	attr(a, IFLA_STATS64, &st, sizeof(st));
	end(a);
}

static void add_addr(struct answer *a, const struct net_ifaddr *ia, const struct net_link_info *l)
{
	size_t len = addr_len(ia->addr.family);
	bool lo = l && l->kind == NET_LINK_LOOPBACK;
	bool link_local = ia->addr.family == AF_INET6 && ia->addr.v6[0] == 0xfe &&
			  (ia->addr.v6[1] & 0xc0) == 0x80;
	uint32_t flags = ia->valid_until ? 0 : IFA_F_PERMANENT;
	struct ifa_cacheinfo ci = { .ifa_prefered = UINT32_MAX, .ifa_valid = UINT32_MAX };
	struct ifaddrmsg ifa = { .ifa_family = (uint8_t)ia->addr.family,
				 .ifa_prefixlen = ia->prefix_len,
				 .ifa_scope = lo ? RT_SCOPE_HOST
					      : link_local ? RT_SCOPE_LINK : RT_SCOPE_UNIVERSE,
				 .ifa_index = (uint32_t)ia->link };

	if (ia->tentative)
		flags |= IFA_F_TENTATIVE;
	if (ia->deprecated)
		flags |= IFA_F_DEPRECATED;
	ifa.ifa_flags = (uint8_t)flags;
	if (!begin(a, RTM_NEWADDR, &ifa, sizeof(ifa)))
		return;
	attr(a, IFA_ADDRESS, ia->peer.family ? ia->peer.bytes : ia->addr.bytes, len);
	if (ia->addr.family == AF_INET) {
		attr(a, IFA_LOCAL, ia->addr.v4, len);
		if (!lo && ia->prefix_len < 31) {
			uint32_t brd = ia->addr.word[0] |
				       ~htonl(ia->prefix_len ? UINT32_MAX << (32 - ia->prefix_len) : 0);

			attr(a, IFA_BROADCAST, &brd, sizeof(brd));
		}
		if (l)
			attr(a, IFA_LABEL, l->name, strlen(l->name) + 1);
	}
	attr_u32(a, IFA_FLAGS, flags);
	attr(a, IFA_CACHEINFO, &ci, sizeof(ci));
	end(a);
}

static void add_route(struct answer *a, const struct net_route *rt)
{
	static const uint8_t types[] = { [NET_ROUTE_UNICAST] = RTN_UNICAST,
					 [NET_ROUTE_UNREACHABLE] = RTN_UNREACHABLE,
					 [NET_ROUTE_BLACKHOLE] = RTN_BLACKHOLE,
					 [NET_ROUTE_PROHIBIT] = RTN_PROHIBIT };
	size_t len = addr_len(rt->dst.family);
	struct rtmsg rtm = {
		.rtm_family = (uint8_t)rt->dst.family,
		.rtm_dst_len = rt->prefix_len,
		.rtm_table = RT_TABLE_MAIN,
		.rtm_protocol = rt->origin == NET_ROUTE_ORIGIN_KERNEL ? RTPROT_KERNEL
				: rt->origin == NET_ROUTE_ORIGIN_RA   ? RTPROT_RA
								      : RTPROT_BOOT,
		.rtm_scope = rt->gateway.family || rt->dst.family == AF_INET6 ? RT_SCOPE_UNIVERSE
									       : RT_SCOPE_LINK,
		.rtm_type = types[rt->type & 3],
	};

	if (!begin(a, RTM_NEWROUTE, &rtm, sizeof(rtm)))
		return;
	attr_u32(a, RTA_TABLE, RT_TABLE_MAIN);
	if (rt->prefix_len)
		attr(a, RTA_DST, rt->dst.bytes, len);
	if (rt->gateway.family)
		attr(a, RTA_GATEWAY, rt->gateway.bytes, len);
	if (rt->prefsrc.family)
		attr(a, RTA_PREFSRC, rt->prefsrc.bytes, len);
	if (rt->metric)
		attr_u32(a, RTA_PRIORITY, rt->metric);
	if (rt->link)
		attr_u32(a, RTA_OIF, (uint32_t)rt->link);
	end(a);
}

static void add_neigh(struct answer *a, const struct net_neigh *ne)
{
	struct ndmsg ndm = { .ndm_family = (uint8_t)ne->addr.family, .ndm_ifindex = ne->link,
			     .ndm_state = ne->state, .ndm_type = RTN_UNICAST,
			     .ndm_flags = ne->router ? NTF_ROUTER : 0 };

	if (!begin(a, RTM_NEWNEIGH, &ndm, sizeof(ndm)))
		return;
	attr(a, NDA_DST, ne->addr.bytes, addr_len(ne->addr.family));
	if (ne->state & ~(NET_NEIGH_INCOMPLETE | NET_NEIGH_FAILED))
		attr(a, NDA_LLADDR, ne->mac, 6);
	end(a);
}

/* --- requests ---------------------------------------------------------------------------------------- */

static size_t snapshot_links(struct netlink_sock *n, struct net_link_info **ret)
{
	*ret = calloc(64, sizeof(**ret));
	if (!*ret)
		return 0;

	struct net_stack *stack = netns_lock(n->ns);
	size_t count = MIN(net_info_links(stack, *ret, 64), (size_t)64);

	netns_unlock_query(n->ns);
	return count;
}

static void dump_links(struct answer *a)
{
	struct net_link_info *links;
	size_t count = snapshot_links(a->n, &links);

	for (size_t i = 0; i < count; i++)
		add_link(a, &links[i]);
	free(links);
	done(a);
}

static bool wanted(int family, int have)
{
	return family == AF_UNSPEC || family == have;
}

static void dump_addrs(struct answer *a, int family)
{
	struct net_ifaddr *addrs = calloc(MAX_ENTRIES, sizeof(*addrs));
	struct net_link_info *links;
	size_t n_links = snapshot_links(a->n, &links);
	size_t count = 0;

	if (addrs) {
		struct net_stack *stack = netns_lock(a->n->ns);

		count = MIN(net_info_addrs(stack, addrs, MAX_ENTRIES), (size_t)MAX_ENTRIES);
		netns_unlock_query(a->n->ns);
	}
	for (size_t i = 0; i < count; i++) {
		const struct net_link_info *l = NULL;

		for (size_t j = 0; j < n_links; j++) {
			if (links[j].link == addrs[i].link)
				l = &links[j];
		}
		if (wanted(family, addrs[i].addr.family))
			add_addr(a, &addrs[i], l);
	}
	free(addrs);
	free(links);
	done(a);
}

static void dump_routes(struct answer *a, int family)
{
	struct net_route *routes = calloc(MAX_ENTRIES, sizeof(*routes));
	size_t count = 0;

	if (routes) {
		struct net_stack *stack = netns_lock(a->n->ns);

		count = MIN(net_info_routes(stack, routes, MAX_ENTRIES), (size_t)MAX_ENTRIES);
		netns_unlock_query(a->n->ns);
	}
	for (size_t i = 0; i < count; i++) {
		/* The loopback's own routes are in Linux's local table, which ip(8) does not ask for. */
		if (wanted(family, routes[i].dst.family) && routes[i].link != NET_LINK_LOOPBACK_ID)
			add_route(a, &routes[i]);
	}
	free(routes);
	done(a);
}

static void dump_neighs(struct answer *a, int family)
{
	struct net_neigh *neighs = calloc(MAX_ENTRIES, sizeof(*neighs));
	size_t count = 0;

	if (neighs) {
		struct net_stack *stack = netns_lock(a->n->ns);

		count = MIN(net_info_neighs(stack, neighs, MAX_ENTRIES), (size_t)MAX_ENTRIES);
		netns_unlock_query(a->n->ns);
	}
	for (size_t i = 0; i < count; i++) {
		if (wanted(family, neighs[i].addr.family))
			add_neigh(a, &neighs[i]);
	}
	free(neighs);
	done(a);
}

/* RTM_GETLINK of one link, by index or IFLA_IFNAME. */
static int get_link(struct answer *a, const uint8_t *body, size_t len)
{
	struct net_link_info *links;
	struct ifinfomsg ifi;
	char name[IFNAMSIZ] = "";
	size_t count;
	int r = -ENODEV;

	if (len < sizeof(ifi))
		return -EINVAL;
	memcpy(&ifi, body, sizeof(ifi));
	for (size_t pos = NLMSG_ALIGN(sizeof(ifi)); len - pos >= sizeof(struct rtattr) && pos < len;) {
		struct rtattr rta;

		memcpy(&rta, body + pos, sizeof(rta));
		if (rta.rta_len < sizeof(rta) || rta.rta_len > len - pos)
			return -EINVAL;
		if (rta.rta_type == IFLA_IFNAME) {
			size_t n = rta.rta_len - sizeof(rta);

			memcpy(name, body + pos + sizeof(rta), MIN(n, sizeof(name) - 1));
		}
		pos += MIN((size_t)RTA_ALIGN(rta.rta_len), len - pos);
	}
	count = snapshot_links(a->n, &links);
	for (size_t i = 0; i < count; i++) {
		if (ifi.ifi_index ? links[i].link == ifi.ifi_index
				  : name[0] && strcmp(links[i].name, name) == 0) {
			add_link(a, &links[i]);
			flush(a);
			r = 0;
			break;
		}
	}
	free(links);
	return r;
}

/* RTM_GETROUTE of one destination: "ip route get". */
static int get_route(struct answer *a, const uint8_t *body, size_t len)
{
	struct net_addr dst = { 0 }, src = { 0 };
	struct net_route rt;
	struct rtmsg rtm;
	int r;

	if (len < sizeof(rtm))
		return -EINVAL;
	memcpy(&rtm, body, sizeof(rtm));
	if (rtm.rtm_family != AF_INET && rtm.rtm_family != AF_INET6)
		return -EAFNOSUPPORT;
	dst.family = rtm.rtm_family;
	for (size_t pos = NLMSG_ALIGN(sizeof(rtm)); pos < len && len - pos >= sizeof(struct rtattr);) {
		struct rtattr rta;

		memcpy(&rta, body + pos, sizeof(rta));
		if (rta.rta_len < sizeof(rta) || rta.rta_len > len - pos)
			return -EINVAL;
		if (rta.rta_type == RTA_DST && rta.rta_len >= sizeof(rta) + addr_len(dst.family))
			memcpy(dst.bytes, body + pos + sizeof(rta), addr_len(dst.family));
		pos += MIN((size_t)RTA_ALIGN(rta.rta_len), len - pos);
	}

	struct net_stack *stack = netns_lock(a->n->ns);

	r = net_route_lookup(stack, &dst, NULL, 0, &rt, &src);
	netns_unlock_query(a->n->ns);
	if (r < 0)
		return r;
	rt.dst = dst;
	rt.prefix_len = dst.family == AF_INET ? 32 : 128;
	rt.prefsrc = src;
	add_route(a, &rt);
	flush(a);
	return 0;
}

static int handle(struct answer *a, struct task *t, const uint8_t *body, size_t len)
{
	bool dump = (a->req->nlmsg_flags & NLM_F_DUMP) == NLM_F_DUMP;
	int family = len > 0 ? body[0] : AF_UNSPEC;

	a->flags = dump ? NLM_F_MULTI : 0;
	switch (a->req->nlmsg_type) {
	case RTM_GETLINK:
		if (!dump)
			return get_link(a, body, len);
		dump_links(a);
		return 1;
	case RTM_GETADDR:
		dump_addrs(a, family);
		return 1;
	case RTM_GETROUTE:
		if (!dump)
			return get_route(a, body, len);
		dump_routes(a, family);
		return 1;
	case RTM_GETNEIGH:
		if (!dump)
			return -EOPNOTSUPP;
		dump_neighs(a, family);
		return 1;
	case RTM_GETRULE:
	case RTM_GETQDISC:
	case RTM_GETTCLASS:
	case RTM_GETTFILTER:
		if (!dump)
			return -EOPNOTSUPP;
		done(a); /* there are none */
		return 1;
	default:
		if ((a->req->nlmsg_type & 3) != 2 && !task_has_cap(t, CAP_NET_ADMIN))
			return -EPERM;
		return -EOPNOTSUPP;
	}
}

static ssize_t netlink_sendmsg(struct socket *s, struct task *t, struct sock_msg *m, int flags)
{
	struct netlink_sock *n = nl(s);
	size_t len = m->iter.count;
	uint8_t *buf;

	if (flags & MSG_OOB)
		return -EOPNOTSUPP;
	if (len > MAX_REQUEST)
		return -EMSGSIZE;
	if (m->name_len >= sizeof(struct sockaddr_nl)) {
		const struct sockaddr_nl *to = (const struct sockaddr_nl *)&m->name;

		if (to->nl_family != AF_NETLINK)
			return -EINVAL;
		if (to->nl_pid != 0)
			return -ECONNREFUSED;
	}
	buf = malloc(len + 1);
	if (!buf)
		return -ENOBUFS;
	if (iov_iter_copy_from(&m->iter, buf, len) != len) {
		free(buf);
		return -EFAULT;
	}
	mutex_lock(&n->mu);
	autobind_locked(n, t);
	uint32_t port = n->port;
	mutex_unlock(&n->mu);

	for (size_t pos = 0; len - pos >= sizeof(struct nlmsghdr);) {
		struct nlmsghdr h;
		struct answer a = { .n = n, .req = &h, .port = port };

		memcpy(&h, buf + pos, sizeof(h));
		if (h.nlmsg_len < sizeof(h) || h.nlmsg_len > len - pos)
			break;
		if ((h.nlmsg_flags & NLM_F_REQUEST) && h.nlmsg_type >= NLMSG_MIN_TYPE) {
			int r = handle(&a, t, buf + pos + NLMSG_HDRLEN, h.nlmsg_len - NLMSG_HDRLEN);

			if (r < 0 || (r == 0 && (h.nlmsg_flags & NLM_F_ACK)))
				error(&a, r);
		} else if (h.nlmsg_flags & NLM_F_ACK) {
			error(&a, 0);
		}
		pos += MIN((size_t)NLMSG_ALIGN(h.nlmsg_len), len - pos);
	}
	free(buf);
	return (ssize_t)len;
}

static ssize_t netlink_recvmsg(struct socket *s, struct task *t, struct sock_msg *m, int flags)
{
	struct netlink_sock *n = nl(s);
	struct sockaddr_nl from = { .nl_family = AF_NETLINK };
	ssize_t r;

	(void)t;
	mutex_lock(&n->mu);
	struct list *node = list_first(&n->queue);

	if (n->overrun) {
		n->overrun = false;
		r = -ENOBUFS;
	} else if (!node) {
		r = -EAGAIN;
	} else {
		struct nlmsg *msg = list_entry(node, struct nlmsg, link);
		size_t want = MIN(msg->len, m->iter.count);
		size_t got = iov_iter_copy_to(&m->iter, msg->data, want);

		if (msg->len > want)
			m->flags |= MSG_TRUNC;
		memcpy(&m->name, &from, sizeof(from));
		m->name_len = sizeof(from);
		r = got < want ? -EFAULT : (ssize_t)(flags & MSG_TRUNC ? msg->len : got);
		if (!(flags & MSG_PEEK)) {
			list_remove(node);
			n->queued -= msg->len;
			free(msg);
		}
	}
	mutex_unlock(&n->mu);
	return r;
}

static uint32_t netlink_poll(struct socket *s, struct waiter *w)
{
	struct netlink_sock *n = nl(s);
	uint32_t ready = EPOLLOUT | EPOLLWRNORM;

	if (w)
		waitq_add(&s->waitq, w, w->mask);
	mutex_lock(&n->mu);
	if (!list_empty(&n->queue) || n->overrun)
		ready |= EPOLLIN | EPOLLRDNORM;
	mutex_unlock(&n->mu);
	return ready;
}

static int netlink_setsockopt(struct socket *s, struct task *t, int level, int name, const void *val,
			      socklen_t len)
{
	(void)s;
	(void)t;
	(void)val;
	if (len < sizeof(int))
		return -EINVAL;
	/* Group membership and the strictness of checks: nothing is ever multicast here, and requests
	 * are always checked. */
	if (level == SOL_NETLINK)
		return name == NETLINK_ADD_MEMBERSHIP || name == NETLINK_DROP_MEMBERSHIP ||
				       name == NETLINK_EXT_ACK || name == NETLINK_GET_STRICT_CHK ||
				       name == NETLINK_CAP_ACK || name == NETLINK_PKTINFO ||
				       name == NETLINK_NO_ENOBUFS
			       ? 0
			       : -ENOPROTOOPT;
	if (level != SOL_SOCKET)
		return -ENOPROTOOPT;
	return name == SO_SNDBUF || name == SO_RCVBUF || name == SO_RCVBUFFORCE ||
			       name == SO_SNDBUFFORCE || name == SO_PASSCRED
		       ? 0
		       : -ENOPROTOOPT;
}

static int netlink_getsockopt(struct socket *s, struct task *t, int level, int name, void *val,
			      socklen_t *len)
{
	int v = 0;

	(void)s;
	(void)t;
	if (level != SOL_SOCKET)
		return -ENOPROTOOPT;
	if (name == SO_SNDBUF || name == SO_RCVBUF)
		v = 212992;
	else if (name != SO_ERROR && name != SO_ACCEPTCONN)
		return -ENOPROTOOPT;
	*len = MIN(*len, (socklen_t)sizeof(v));
	memcpy(val, &v, *len);
	return 0;
}

static long netlink_ioctl(struct socket *s, struct task *t, unsigned long cmd, uint64_t arg)
{
	(void)s;
	return netdev_ioctl(t, cmd, arg);
}

static const struct socket_ops netlink_ops = {
	.bind = netlink_bind,
	.connect = netlink_connect,
	.getname = netlink_getname,
	.setsockopt = netlink_setsockopt,
	.getsockopt = netlink_getsockopt,
	.sendmsg = netlink_sendmsg,
	.recvmsg = netlink_recvmsg,
	.poll = netlink_poll,
	.ioctl = netlink_ioctl,
	.release = netlink_release,
};
