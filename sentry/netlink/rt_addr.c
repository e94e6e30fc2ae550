/* SPDX-License-Identifier: Apache-2.0 */
/* RTM_*ADDR: addresses of links. */
#include <errno.h>
#include <linux/if_addr.h>
#include <net/if.h>
#include <netinet/in.h>
#include <string.h>

#include "core/clock.h"
#include "net/netns.h"
#include "netlink/rt.h"
#include "netstack/stack.h"

static uint8_t scope_of(const struct net_addr *a)
{
	if (a->family == AF_INET)
		return a->v4[0] == 127 ? RT_SCOPE_HOST : RT_SCOPE_UNIVERSE;
	if (IN6_IS_ADDR_LOOPBACK((const struct in6_addr *)a->v6))
		return RT_SCOPE_HOST;
	if (IN6_IS_ADDR_LINKLOCAL((const struct in6_addr *)a->v6))
		return RT_SCOPE_LINK;
	return IN6_IS_ADDR_SITELOCAL((const struct in6_addr *)a->v6) ? RT_SCOPE_SITE
								      : RT_SCOPE_UNIVERSE;
}

static uint32_t seconds_left(net_time until)
{
	int64_t left = until - clock_mono_ns();

	if (until == 0)
		return UINT32_MAX;
	return left > 0 ? (uint32_t)MIN(left / NET_SEC(1), (int64_t)UINT32_MAX - 1) : 0;
}

static void put_v4(struct nl_out *o, const struct net_ifaddr *a, const struct net_link_info *l)
{
	uint32_t mask = a->prefix_len ? htonl(UINT32_MAX << (32 - a->prefix_len)) : 0;
	uint32_t brd = a->broadcast.family ? a->broadcast.word[0] : a->addr.word[0] | ~mask;

	nl_put(o, IFA_ADDRESS, a->peer.family ? a->peer.v4 : a->addr.v4, 4);
	nl_put(o, IFA_LOCAL, a->addr.v4, 4);
	if (a->broadcast.family && a->prefix_len < 31)
		nl_put(o, IFA_BROADCAST, &brd, sizeof(brd));
	if (a->label[0] || l)
		nl_put_str(o, IFA_LABEL, a->label[0] ? a->label : l->name);
}

static uint32_t centiseconds(net_time t)
{
	return (uint32_t)(t / NET_MS(10));
}

void rt_put_addr(struct nl_out *o, const struct rt_hdr *h, const struct net_ifaddr *a,
		 const struct net_link_info *l)
{
	uint32_t flags = a->valid_until ? 0 : IFA_F_PERMANENT;
	struct ifa_cacheinfo ci = { .ifa_prefered = seconds_left(a->preferred_until),
				    .ifa_valid = seconds_left(a->valid_until),
				    .cstamp = centiseconds(a->created),
				    .tstamp = centiseconds(a->updated) };
	struct ifaddrmsg ifa = { .ifa_family = (uint8_t)a->addr.family,
				 .ifa_prefixlen = a->prefix_len,
				 .ifa_scope = a->scope ? a->scope : scope_of(&a->addr),
				 .ifa_index = (uint32_t)a->link };

	if (a->tentative)
		flags |= IFA_F_TENTATIVE;
	if (a->duplicate)
		flags |= IFA_F_DADFAILED;
	if (a->deprecated)
		flags |= IFA_F_DEPRECATED;
	if (a->optimistic)
		flags |= IFA_F_OPTIMISTIC;
	if (a->temporary || a->secondary)
		flags |= IFA_F_TEMPORARY; /* also named IFA_F_SECONDARY */
	if (a->no_prefix_route)
		flags |= IFA_F_NOPREFIXROUTE;
	if (a->manage_temp)
		flags |= IFA_F_MANAGETEMPADDR;
	if (a->stable)
		flags |= IFA_F_STABLE_PRIVACY;
	ifa.ifa_flags = (uint8_t)flags;
	nl_begin(o, h->type, h->flags, h->seq, h->port, &ifa, sizeof(ifa));
	if (a->addr.family == AF_INET) {
		put_v4(o, a, l);
	} else if (a->peer.family) {
		nl_put(o, IFA_ADDRESS, a->peer.v6, 16);
		nl_put(o, IFA_LOCAL, a->addr.v6, 16);
	} else {
		nl_put(o, IFA_ADDRESS, a->addr.v6, 16);
	}
	nl_put_u32(o, IFA_FLAGS, flags);
	if (a->route_metric)
		nl_put_u32(o, IFA_RT_PRIORITY, a->route_metric);
	if (a->proto)
		nl_put_u8(o, IFA_PROTO, a->proto);
	nl_put(o, IFA_CACHEINFO, &ci, sizeof(ci));
	nl_end(o);
}

static const struct nl_policy policy[IFA_MAX + 1] = {
	[IFA_LOCAL] = { NL_MIN, 4 },	 [IFA_ADDRESS] = { NL_MIN, 4 },
	[IFA_BROADCAST] = { NL_MIN, 4 }, [IFA_LABEL] = { NL_STR, IFNAMSIZ - 1 },
	[IFA_FLAGS] = { NL_U32, 0 },	 [IFA_RT_PRIORITY] = { NL_U32, 0 },
	[IFA_CACHEINFO] = { NL_MIN, sizeof(struct ifa_cacheinfo) },
};

static int dump(struct nl_req *rq, int family, uint32_t index)
{
	struct rt_hdr h = rt_reply(rq, RTM_NEWADDR);
	struct rt_snap s;
	int r = rt_snap_take(rq->sock->ns, &s, RT_LINKS | RT_ADDRS);

	if (r == 0 && index && !rt_link(&s, (net_link_id)index))
		r = -ENODEV;
	/* IPv4 first, as Linux's families follow one another. */
	for (int pass = 0; r == 0 && pass < 2; pass++) {
		for (size_t i = 0; i < s.n_addrs; i++) {
			const struct net_ifaddr *a = &s.addrs[i];

			if ((a->addr.family == AF_INET6) != pass ||
			    (family && family != a->addr.family) ||
			    (index && (net_link_id)index != a->link))
				continue;
			rt_put_addr(&rq->out, &h, a, rt_link(&s, a->link));
			if (rq->sock->strict && index && rq->out.len > 0)
				((struct nlmsghdr *)(void *)(rq->out.buf + rq->out.start))
					->nlmsg_flags |= NLM_F_DUMP_FILTERED;
		}
	}
	rt_snap_fini(&s);
	return r;
}

static int get(struct nl_req *rq, int family, uint32_t index, const struct net_addr *addr)
{
	struct rt_hdr h = rt_reply(rq, RTM_NEWADDR);
	struct rt_snap s;
	int r = rt_snap_take(rq->sock->ns, &s, RT_LINKS | RT_ADDRS);
	bool found = false;

	if (family != AF_INET6 || !addr->family)
		r = r < 0 ? r : -EOPNOTSUPP;
	for (size_t i = 0; r == 0 && !found && i < s.n_addrs; i++) {
		const struct net_ifaddr *a = &s.addrs[i];

		found = a->addr.family == family && memcmp(a->addr.bytes, addr->bytes, 16) == 0 &&
			(!index || (net_link_id)index == a->link);
		if (found)
			rt_put_addr(&rq->out, &h, a, rt_link(&s, a->link));
	}
	rt_snap_fini(&s);
	return r < 0 ? r : found ? 0 : -EADDRNOTAVAIL;
}

/* Fills @ret from a request. */
static int read_request(struct nl_req *rq, const struct ifaddrmsg *ifa, const struct nl_attr *tb,
			struct net_ifaddr *ret)
{
	int family = ifa->ifa_family;
	uint32_t flags = tb[IFA_FLAGS].data ? nl_u32(&tb[IFA_FLAGS]) : ifa->ifa_flags;
	struct net_addr remote;
	int r;

	*ret = (struct net_ifaddr){ .link = (net_link_id)ifa->ifa_index,
				    .prefix_len = ifa->ifa_prefixlen };
	if (ifa->ifa_prefixlen > rt_addr_len(family) * 8)
		return nl_fail(rq, -EINVAL, family == AF_INET ? "ipv4: Invalid prefix length" : "ipv6: Invalid prefix length");
	r = rt_addr(rq, &tb[IFA_LOCAL], family, &ret->addr);
	if (r == 0)
		r = rt_addr(rq, &tb[IFA_ADDRESS], family, &remote);
	if (r == 0 && family == AF_INET)
		r = rt_addr(rq, &tb[IFA_BROADCAST], family, &ret->broadcast);
	if (r < 0)
		return r;
	if (!ret->addr.family && family == AF_INET6)
		ret->addr = remote;
	else if (remote.family && memcmp(&remote, &ret->addr, sizeof(remote)) != 0)
		ret->peer = remote;
	if (!ret->addr.family)
		return nl_fail(rq, -EINVAL, family == AF_INET ? "ipv4: Local address is not supplied" : "ipv6: Local address is not supplied");
	if (family == AF_INET6 && scope_of(&ret->addr) == RT_SCOPE_LINK)
		ret->addr.scope = ifa->ifa_index;
	ret->dad = family == AF_INET6 && !(flags & IFA_F_NODAD);
	ret->optimistic = !!(flags & IFA_F_OPTIMISTIC);
	ret->no_prefix_route = !!(flags & IFA_F_NOPREFIXROUTE);
	ret->manage_temp = !!(flags & IFA_F_MANAGETEMPADDR);
	ret->scope = family == AF_INET ? ifa->ifa_scope : 0;
	ret->route_metric = nl_u32(&tb[IFA_RT_PRIORITY]);
	ret->proto = nl_u8(&tb[IFA_PROTO]);
	nl_str(&tb[IFA_LABEL], ret->label, sizeof(ret->label));
	if (tb[IFA_CACHEINFO].data) {
		struct ifa_cacheinfo ci;

		memcpy(&ci, tb[IFA_CACHEINFO].data, sizeof(ci));
		if (!ci.ifa_valid || ci.ifa_prefered > ci.ifa_valid)
			return nl_fail(rq, -EINVAL, "address lifetime invalid");
		if (ci.ifa_valid != UINT32_MAX)
			ret->valid_until = clock_mono_ns() + NET_SEC(ci.ifa_valid);
		if (ci.ifa_prefered != UINT32_MAX)
			ret->preferred_until = clock_mono_ns() + NET_SEC(MAX(ci.ifa_prefered, 1u));
	}
	return 0;
}

static bool loopback_link(struct net_stack *stack, net_link_id id)
{
	struct net_link_info l;

	return net_info_link(stack, id, &l) == 0 && l.kind == NET_LINK_LOOPBACK;
}

static int change(struct nl_req *rq, struct net_ifaddr *a)
{
	bool del = rq->hdr.nlmsg_type == RTM_DELADDR;
	struct net_stack *stack = netns_lock(rq->sock->ns);
	struct net_link_info l;
	int r = net_info_link(stack, a->link, &l);

	if (r < 0) {
		r = nl_fail(rq, -ENODEV, del ? "Device not found" : "Unable to find the interface");
	} else if (del) {
		r = net_addr_del(stack, a->link, &a->addr, a->prefix_len);
		if (r == -EADDRNOTAVAIL)
			rq->ext_msg = a->addr.family == AF_INET ? "ipv4: Address not found"
								 : "ipv6: address not found";
	} else {
		if (loopback_link(stack, a->link))
			a->dad = 0;
		if ((rq->hdr.nlmsg_flags & NLM_F_REPLACE) && !(rq->hdr.nlmsg_flags & NLM_F_EXCL))
			r = net_addr_set(stack, a);
		else
			r = net_addr_add(stack, a);
		if (r == -EEXIST)
			rq->ext_msg = a->addr.family == AF_INET ? "ipv4: Address already assigned"
								 : "ipv6: address already assigned";
	}
	netns_unlock(rq->sock->ns);
	return r;
}

int rt_addr_request(struct nl_req *rq)
{
	struct nl_attr tb[IFA_MAX + 1];
	struct ifaddrmsg ifa = { 0 };
	struct net_ifaddr a;
	struct net_addr want;
	int r;

	if (rq->len < sizeof(ifa))
		return rq->dump ? dump(rq, rq->body[0], 0) : -EINVAL;
	memcpy(&ifa, rq->body, sizeof(ifa));
	if (rq->dump)
		return dump(rq, ifa.ifa_family, rq->sock->strict ? ifa.ifa_index : 0);
	if (ifa.ifa_family != AF_INET && ifa.ifa_family != AF_INET6)
		return -EOPNOTSUPP;
	r = nl_parse(rq, tb, IFA_MAX, rq->body + NLMSG_ALIGN(sizeof(ifa)), rq->len - sizeof(ifa),
		     policy, false);
	if (r < 0)
		return r;
	if (rq->hdr.nlmsg_type == RTM_GETADDR) {
		r = rt_addr(rq, tb[IFA_LOCAL].data ? &tb[IFA_LOCAL] : &tb[IFA_ADDRESS],
			    ifa.ifa_family, &want);
		return r < 0 ? r : get(rq, ifa.ifa_family, ifa.ifa_index, &want);
	}
	r = read_request(rq, &ifa, tb, &a);
	if (r < 0)
		return r;
	rtnl_lock();
	r = change(rq, &a);
	rtnl_unlock();
	return r;
}
