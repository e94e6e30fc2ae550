/* SPDX-License-Identifier: Apache-2.0 */
/* RTM_*LINK: interfaces. */
#include <errno.h>
#include <linux/if.h>
#include <linux/if_link.h>
#include <stdlib.h>
#include <string.h>

#include "net/netns.h"
#include "netlink/rt.h"
#include "netlink/rt_kind.h"
#include "netstack/stack.h"

static void put_stats(struct nl_out *o, const struct net_link_info *l)
{
	struct rtnl_link_stats64 st = {
		.rx_packets = l->rx_packets, .tx_packets = l->tx_packets, .rx_bytes = l->rx_bytes,
		.tx_bytes = l->tx_bytes, .rx_errors = l->rx_errors, .tx_errors = l->tx_errors,
		.rx_dropped = l->rx_dropped, .tx_dropped = l->tx_dropped,
		.multicast = l->rx_multicast, .collisions = l->collisions,
		.rx_nohandler = l->rx_nohandler,
	};
	struct rtnl_link_stats st32 = {
		.rx_packets = (uint32_t)l->rx_packets, .tx_packets = (uint32_t)l->tx_packets,
		.rx_bytes = (uint32_t)l->rx_bytes, .tx_bytes = (uint32_t)l->tx_bytes,
		.rx_errors = (uint32_t)l->rx_errors, .tx_errors = (uint32_t)l->tx_errors,
		.rx_dropped = (uint32_t)l->rx_dropped, .tx_dropped = (uint32_t)l->tx_dropped,
		.multicast = (uint32_t)l->rx_multicast,
	};

	nl_put(o, IFLA_STATS64, &st, sizeof(st));
	nl_put(o, IFLA_STATS, &st32, sizeof(st32));
}

/* IFLA_AF_SPEC: what ip -d shows of IPv6. */
static void put_af_spec(struct nl_out *o)
{
	size_t spec = nl_nest_plain(o, IFLA_AF_SPEC);
	size_t v6 = nl_nest_plain(o, AF_INET6);

	nl_put_u32(o, IFLA_INET6_FLAGS, 0);
	nl_put_u8(o, IFLA_INET6_ADDR_GEN_MODE, IN6_ADDR_GEN_MODE_EUI64);
	nl_nest_end(o, v6);
	nl_nest_end(o, spec);
}

void rt_put_link(struct nl_out *o, const struct rt_hdr *h, const struct net_link_info *l,
		 const struct net_stack *stack)
{
	static const uint8_t brd[6] = { 0xff, 0xff, 0xff, 0xff, 0xff, 0xff };
	static const uint8_t zero[6] = { 0 };
	bool lo = l->kind == NET_LINK_LOOPBACK;
	bool running = l->flags & IFF_RUNNING;
	uint8_t operstate = lo ? IF_OPER_UNKNOWN : running ? IF_OPER_UP : IF_OPER_DOWN;
	struct net_qdisc q;
	struct ifinfomsg ifi = { .ifi_family = AF_UNSPEC, .ifi_type = rt_link_arphrd(l),
				 .ifi_index = l->link, .ifi_flags = l->flags };

	if (operstate == IF_OPER_UP || lo)
		ifi.ifi_flags |= l->flags & IFF_UP ? IFF_LOWER_UP : 0;
	nl_begin(o, h->type, h->flags, h->seq, h->port, &ifi, sizeof(ifi));
	nl_put_str(o, IFLA_IFNAME, l->name);
	nl_put_u32(o, IFLA_TXQLEN, l->tx_queue_len);
	nl_put_u8(o, IFLA_OPERSTATE, operstate);
	nl_put_u8(o, IFLA_LINKMODE, 0);
	nl_put_u32(o, IFLA_MTU, l->mtu);
	nl_put_u32(o, IFLA_MIN_MTU, l->min_mtu);
	nl_put_u32(o, IFLA_MAX_MTU, l->max_mtu);
	nl_put_u32(o, IFLA_GROUP, 0);
	nl_put_u32(o, IFLA_PROMISCUITY, l->promiscuity);
	nl_put_u32(o, IFLA_NUM_TX_QUEUES, 1);
	nl_put_u32(o, IFLA_GSO_MAX_SEGS, 65535);
	nl_put_u32(o, IFLA_GSO_MAX_SIZE, 65536);
	nl_put_u32(o, IFLA_NUM_RX_QUEUES, 1);
	nl_put_u8(o, IFLA_CARRIER, running ? 1 : 0);
	if (net_qdisc_get(stack, l->link, &q) == 0)
		nl_put_str(o, IFLA_QDISC, rt_qdisc_name(q.kind));
	nl_put_u32(o, IFLA_CARRIER_CHANGES, 0);
	nl_put_u8(o, IFLA_PROTO_DOWN, 0);
	nl_put(o, IFLA_ADDRESS, lo ? zero : l->mac, 6);
	nl_put(o, IFLA_BROADCAST, lo ? zero : brd, 6);
	put_stats(o, l);
	rt_put_link_kind(o, l, stack);
	put_af_spec(o);
	nl_end(o);
}

static const struct nl_policy policy[IFLA_MAX + 1] = {
	[IFLA_IFNAME] = { NL_STR, IFNAMSIZ - 1 },
	[IFLA_ALT_IFNAME] = { NL_STR, 127 },
	[IFLA_MTU] = { NL_U32, 0 },
	[IFLA_TXQLEN] = { NL_U32, 0 },
	[IFLA_MASTER] = { NL_U32, 0 },
	[IFLA_LINK] = { NL_U32, 0 },
	[IFLA_OPERSTATE] = { NL_U8, 0 },
	[IFLA_LINKMODE] = { NL_U8, 0 },
	[IFLA_LINKINFO] = { NL_NEST, 0 },
	[IFLA_NET_NS_PID] = { NL_U32, 0 },
	[IFLA_NET_NS_FD] = { NL_U32, 0 },
	[IFLA_EXT_MASK] = { NL_U32, 0 },
	[IFLA_GROUP] = { NL_U32, 0 },
	[IFLA_ADDRESS] = { NL_BIN, 32 },
};

/* The link that a request names, or NULL. */
static const struct net_link_info *named(const struct rt_snap *s, const struct ifinfomsg *ifi,
					 const struct nl_attr *tb)
{
	char name[IFNAMSIZ];
	const struct nl_attr *a = tb[IFLA_IFNAME].data ? &tb[IFLA_IFNAME] : &tb[IFLA_ALT_IFNAME];

	if (ifi->ifi_index > 0)
		return rt_link(s, ifi->ifi_index);
	nl_str(a, name, sizeof(name));
	return a->data && a->len <= sizeof(name) ? rt_link_named(s, name) : NULL;
}

static int get(struct nl_req *rq, const struct ifinfomsg *ifi, const struct nl_attr *tb)
{
	struct rt_hdr h = rt_reply(rq, RTM_NEWLINK);
	const struct net_link_info *l;
	struct rt_snap s;
	int r;

	if (ifi->ifi_index < 0)
		return nl_fail(rq, -EINVAL, "ifindex can't be negative");
	if (ifi->ifi_index == 0 && !tb[IFLA_IFNAME].data && !tb[IFLA_ALT_IFNAME].data)
		return -EINVAL;
	r = rt_snap_take(rq->sock->ns, &s, RT_LINKS);
	if (r < 0)
		return r;
	l = named(&s, ifi, tb);
	if (l) {
		rt_put_link(&rq->out, &h, l, netns_lock(rq->sock->ns));
		netns_unlock_query(rq->sock->ns);
	}
	rt_snap_fini(&s);
	if (!l)
		return -ENODEV;
	return r;
}

static int dump(struct nl_req *rq, const struct nl_attr *tb)
{
	struct rt_hdr h = rt_reply(rq, RTM_NEWLINK);
	struct rt_snap s;
	int r = rt_snap_take(rq->sock->ns, &s, RT_LINKS);

	struct net_stack *stack = netns_lock(rq->sock->ns);

	for (size_t i = 0; r == 0 && i < s.n_links; i++) {
		if (rt_link_passes(&s.links[i], tb))
			rt_put_link(&rq->out, &h, &s.links[i], stack);
	}
	netns_unlock_query(rq->sock->ns);
	rt_snap_fini(&s);
	return r;
}

/* The flags that ip(8) changes. */
static int set_flags(struct net_stack *stack, const struct net_link_info *l, uint32_t flags,
		     uint32_t change)
{
	int r = 0;

	if (change & IFF_PROMISC)
		r = net_link_set_promisc(stack, l->link, flags & IFF_PROMISC);
	if (r == 0 && (change & IFF_ALLMULTI))
		r = net_link_set_allmulti(stack, l->link, flags & IFF_ALLMULTI);
	if (r == 0 && (change & IFF_NOARP) && l->kind != NET_LINK_LOOPBACK)
		r = net_link_set_noarp(stack, l->link, flags & IFF_NOARP);
	if (r == 0 && (change & IFF_UP))
		r = net_link_set_up(stack, l->link, flags & IFF_UP);
	return r;
}

static int set(struct nl_req *rq, const struct net_link_info *l, const struct ifinfomsg *ifi,
	       const struct nl_attr *tb)
{
	struct net_stack *stack = netns_lock(rq->sock->ns);
	uint32_t change = ifi->ifi_change ? ifi->ifi_change : ifi->ifi_flags;
	int r = 0;

	if (tb[IFLA_ADDRESS].data) {
		if (l->kind == NET_LINK_LOOPBACK || tb[IFLA_ADDRESS].len < 6)
			r = l->kind == NET_LINK_LOOPBACK ? -EOPNOTSUPP : -EINVAL;
		else if (tb[IFLA_ADDRESS].data[0] & 1)
			r = -EADDRNOTAVAIL;
		else
			r = net_link_set_mac(stack, l->link, tb[IFLA_ADDRESS].data);
	}
	if (r == 0 && tb[IFLA_MTU].data) {
		uint32_t mtu = nl_u32(&tb[IFLA_MTU]);

		if (mtu < l->min_mtu)
			r = nl_fail(rq, -EINVAL, "mtu less than device minimum");
		else if (l->max_mtu && mtu > l->max_mtu)
			r = nl_fail(rq, -EINVAL, "mtu greater than device maximum");
		else
			r = net_link_set_mtu(stack, l->link, mtu);
	}
	if (r == 0)
		r = rt_link_set_more(rq, stack, l, tb);
	if (r == 0 && ifi->ifi_flags + change)
		r = set_flags(stack, l, ifi->ifi_flags, change);
	netns_unlock(rq->sock->ns);
	return r;
}

static int change_locked(struct nl_req *rq, const struct ifinfomsg *ifi, const struct nl_attr *tb)
{
	const struct net_link_info *l;
	struct rt_snap s;
	int r = rt_snap_take(rq->sock->ns, &s, RT_LINKS);

	if (r < 0)
		return r;
	l = named(&s, ifi, tb);
	if (rq->hdr.nlmsg_type == RTM_DELLINK) {
		r = l ? rt_link_delete(rq, l) : -ENODEV;
	} else if (l) {
		if (rq->hdr.nlmsg_type == RTM_NEWLINK && (rq->hdr.nlmsg_flags & NLM_F_EXCL))
			r = -EEXIST;
		else if (rq->hdr.nlmsg_type == RTM_NEWLINK && (rq->hdr.nlmsg_flags & NLM_F_REPLACE))
			r = -EOPNOTSUPP;
		else
			r = set(rq, l, ifi, tb);
	} else if (rq->hdr.nlmsg_type == RTM_NEWLINK && (rq->hdr.nlmsg_flags & NLM_F_CREATE)) {
		r = rt_link_create(rq, ifi, tb);
	} else {
		r = -ENODEV;
	}
	rt_snap_fini(&s);
	return r;
}

int rt_link_request(struct nl_req *rq)
{
	struct nl_attr tb[IFLA_MAX + 1];
	struct ifinfomsg ifi = { 0 };
	int r;

	if (rq->len < sizeof(ifi)) {
		/* getifaddrs() of old sends struct rtgenmsg. */
		if (!rq->dump)
			return nl_fail(rq, -EINVAL, "Invalid header for get link");
		memset(tb, 0, sizeof(tb));
		return dump(rq, tb);
	}
	memcpy(&ifi, rq->body, sizeof(ifi));
	r = nl_parse(rq, tb, IFLA_MAX, rq->body + NLMSG_ALIGN(sizeof(ifi)),
		     rq->len - NLMSG_ALIGN(sizeof(ifi)), policy, false);
	if (r < 0)
		return r;
	if (rq->hdr.nlmsg_type == RTM_GETLINK)
		return rq->dump ? dump(rq, tb) : get(rq, &ifi, tb);
	rtnl_lock();
	r = change_locked(rq, &ifi, tb);
	rtnl_unlock();
	return r;
}
