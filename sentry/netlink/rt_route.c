/* SPDX-License-Identifier: Apache-2.0 */
/* RTM_*ROUTE: routes of all tables, and "ip route get". */
#include <arpa/inet.h>
#include <errno.h>
#include <net/if.h>
#include <stdlib.h>
#include <string.h>

#include "core/clock.h"
#include "net/netns.h"
#include "netlink/rt.h"
#include "task/task.h"

static const uint8_t rtn_of[] = {
	[NET_ROUTE_UNICAST] = RTN_UNICAST,	   [NET_ROUTE_UNREACHABLE] = RTN_UNREACHABLE,
	[NET_ROUTE_BLACKHOLE] = RTN_BLACKHOLE,	   [NET_ROUTE_PROHIBIT] = RTN_PROHIBIT,
	[NET_ROUTE_THROW] = RTN_THROW,		   [NET_ROUTE_LOCAL] = RTN_LOCAL,
	[NET_ROUTE_BROADCAST] = RTN_BROADCAST,	   [NET_ROUTE_MULTICAST] = RTN_MULTICAST,
};

static int type_of_rtn(uint8_t rtn)
{
	if (rtn == RTN_UNSPEC)
		return NET_ROUTE_UNICAST;
	for (size_t i = 0; i < sizeof(rtn_of); i++) {
		if (rtn_of[i] == rtn)
			return (int)i;
	}
	return -EINVAL;
}

static uint8_t protocol_of(const struct net_route *r)
{
	if (r->protocol)
		return r->protocol;
	switch (r->origin) {
	case NET_ROUTE_ORIGIN_KERNEL:
		return RTPROT_KERNEL;
	case NET_ROUTE_ORIGIN_RA:
		return RTPROT_RA;
	default:
		return RTPROT_BOOT;
	}
}

static uint8_t scope_of(const struct net_route *r)
{
	if (r->scope || r->dst.family == AF_INET6)
		return r->scope;
	if (r->type == NET_ROUTE_LOCAL)
		return RT_SCOPE_HOST;
	if (r->type == NET_ROUTE_BROADCAST ||
	    (r->type == NET_ROUTE_UNICAST && !r->gateway.family && !r->nhops))
		return RT_SCOPE_LINK;
	return RT_SCOPE_UNIVERSE;
}

/* A gateway of the other family (RFC 5549) goes into RTA_VIA. */
static void put_gateway(struct nl_out *o, int family, const struct net_addr *gw)
{
	uint8_t via[18];
	uint16_t f = gw->family;

	if (!gw->family)
		return;
	if (gw->family == family) {
		nl_put(o, RTA_GATEWAY, gw->bytes, rt_addr_len(family));
		return;
	}
	memcpy(via, &f, sizeof(f));
	memcpy(via + 2, gw->bytes, 16);
	nl_put(o, RTA_VIA, via, 2 + rt_addr_len(gw->family));
}

static void put_hops(struct nl_out *o, const struct net_route *r)
{
	size_t multi = nl_nest_plain(o, RTA_MULTIPATH);

	for (unsigned i = 0; i < r->nhops; i++) {
		const struct net_nexthop *hop = &r->hops[i];
		struct rtnexthop nh = { .rtnh_flags = hop->flags, .rtnh_ifindex = hop->link,
					.rtnh_hops = (uint8_t)(hop->weight ? hop->weight - 1 : 0) };
		size_t at = o->len;

		nl_raw(o, &nh, sizeof(nh));
		put_gateway(o, r->dst.family, &hop->gateway);
		nl_nest_end(o, at); /* rtnh_len is first, too */
	}
	nl_nest_end(o, multi);
}

static void put_metrics(struct nl_out *o, const struct net_route *r)
{
	size_t nest = nl_nest_plain(o, RTA_METRICS);
	size_t empty = o->len;

	for (uint16_t i = 1; i <= NET_RTAX_MAX; i++) {
		if (i == RTAX_CC_ALGO)
			continue;
		if (r->metrics[i])
			nl_put_u32(o, i, r->metrics[i]);
		else if (i == RTAX_MTU && r->mtu)
			nl_put_u32(o, i, r->mtu);
	}
	if (o->len == empty)
		nl_nest_cancel(o, nest);
	else
		nl_nest_end(o, nest);
}

static void put_cacheinfo(struct nl_out *o, const struct net_route *r)
{
	struct rta_cacheinfo ci = { 0 };

	if (r->valid_until) {
		int64_t left = r->valid_until - clock_mono_ns();

		ci.rta_expires = (int32_t)MIN(MAX(left, 0) / NET_MS(10), (int64_t)INT32_MAX);
	}
	nl_put(o, RTA_CACHEINFO, &ci, sizeof(ci));
}

static void put_route(struct nl_out *o, const struct rt_hdr *h, const struct net_route *r,
		      const struct net_route_query *got)
{
	size_t len = rt_addr_len(r->dst.family);
	uint32_t table = r->table ? r->table : RT_TABLE_MAIN;
	struct rtmsg m = {
		.rtm_family = (uint8_t)r->dst.family,
		.rtm_dst_len = r->prefix_len,
		.rtm_tos = r->tos,
		.rtm_table = (uint8_t)(table < 256 ? table : RT_TABLE_COMPAT),
		.rtm_protocol = protocol_of(r),
		.rtm_scope = scope_of(r),
		.rtm_type = rtn_of[r->type & 7],
		.rtm_flags = r->nhops ? 0 : r->flags,
	};

	if (got) {
		m.rtm_flags |= RTM_F_CLONED;
		m.rtm_protocol = got->dst.family == AF_INET ? RTPROT_UNSPEC : m.rtm_protocol;
		m.rtm_scope = RT_SCOPE_UNIVERSE;
	}
	nl_begin(o, h->type, h->flags, h->seq, h->port, &m, sizeof(m));
	nl_put_u32(o, RTA_TABLE, table);
	if (r->prefix_len)
		nl_put(o, RTA_DST, r->dst.bytes, len);
	if (r->metric)
		nl_put_u32(o, RTA_PRIORITY, r->metric);
	if (r->prefsrc.family)
		nl_put(o, RTA_PREFSRC, r->prefsrc.bytes, len);
	if (r->nhops) {
		put_hops(o, r);
	} else {
		put_gateway(o, r->dst.family, &r->gateway);
		if (r->link)
			nl_put_u32(o, RTA_OIF, (uint32_t)r->link);
	}
	put_metrics(o, r);
	if (got && got->dst.family == AF_INET)
		nl_put_u32(o, RTA_UID, got->uid);
	if (got && got->mark)
		nl_put_u32(o, RTA_MARK, got->mark);
	if (got && got->iif)
		nl_put_u32(o, RTA_IIF, (uint32_t)got->iif);
	if (got || r->dst.family == AF_INET6)
		put_cacheinfo(o, r);
	if (r->dst.family == AF_INET6)
		nl_put_u8(o, RTA_PREF, r->pref);
	nl_end(o);
}

void rt_put_route(struct nl_out *o, const struct rt_hdr *h, const struct net_route *r)
{
	put_route(o, h, r, NULL);
}

static const struct nl_policy policy[RTA_MAX + 1] = {
	[RTA_DST] = { NL_MIN, 4 },	 [RTA_SRC] = { NL_MIN, 4 },	  [RTA_IIF] = { NL_U32, 0 },
	[RTA_OIF] = { NL_U32, 0 },	 [RTA_GATEWAY] = { NL_MIN, 4 },	  [RTA_PRIORITY] = { NL_U32, 0 },
	[RTA_PREFSRC] = { NL_MIN, 4 },	 [RTA_METRICS] = { NL_NEST, 0 },  [RTA_TABLE] = { NL_U32, 0 },
	[RTA_MARK] = { NL_U32, 0 },	 [RTA_PREF] = { NL_U8, 0 },	  [RTA_UID] = { NL_U32, 0 },
	[RTA_VIA] = { NL_MIN, 6 },	 [RTA_EXPIRES] = { NL_U32, 0 },	  [RTA_IP_PROTO] = { NL_U8, 0 },
	[RTA_SPORT] = { NL_U16, 0 },	 [RTA_DPORT] = { NL_U16, 0 },	  [RTA_NH_ID] = { NL_U32, 0 },
};

/* --- dumps ----------------------------------------------------------------------------------------- */

struct filter {
	int family;
	uint32_t table, oif;
	uint8_t protocol, type;
};

static bool passes(const struct filter *f, const struct net_route *r)
{
	uint32_t table = r->table ? r->table : RT_TABLE_MAIN;

	return (!f->family || f->family == r->dst.family) && (!f->table || f->table == table) &&
	       (!f->oif || (net_link_id)f->oif == r->link) &&
	       (!f->protocol || f->protocol == protocol_of(r)) &&
	       (!f->type || f->type == rtn_of[r->type & 7]);
}

static int local_routes(struct netns *ns, struct net_route **ret, size_t *n)
{
	struct net_stack *stack = netns_lock(ns);
	size_t have = net_info_local_routes(stack, NULL, 0);

	*ret = calloc(have + 1, sizeof(**ret));
	*n = *ret ? MIN(net_info_local_routes(stack, *ret, have), have) : 0;
	netns_unlock_query(ns);
	return *ret ? 0 : -ENOMEM;
}

static void emit(struct nl_req *rq, const struct filter *f, int family, const struct net_route *r,
		 size_t n)
{
	struct rt_hdr h = rt_reply(rq, RTM_NEWROUTE);

	for (size_t i = 0; i < n; i++) {
		if (r[i].dst.family == family && passes(f, &r[i]))
			rt_put_route(&rq->out, &h, &r[i]);
	}
}

static int dump(struct nl_req *rq, const struct rtmsg *m, const struct nl_attr *tb)
{
	struct filter f = { .family = m->rtm_family };
	struct net_route *local;
	size_t n_local;
	struct rt_snap s;
	int r;

	if (m->rtm_flags & RTM_F_CLONED)
		return 0; /* the cache is not kept as routes */
	if (rq->sock->strict) {
		f.table = tb[RTA_TABLE].data ? nl_u32(&tb[RTA_TABLE]) : m->rtm_table;
		f.oif = nl_u32(&tb[RTA_OIF]);
		f.protocol = m->rtm_protocol;
		f.type = m->rtm_type;
	}
	r = rt_snap_take(rq->sock->ns, &s, RT_ROUTES);
	if (r < 0)
		return r;
	r = local_routes(rq->sock->ns, &local, &n_local);
	for (int i = 0; r == 0 && i < 2; i++) {
		int family = i ? AF_INET6 : AF_INET;

		emit(rq, &f, family, s.routes, s.n_routes);
		emit(rq, &f, family, local, n_local);
	}
	free(local);
	rt_snap_fini(&s);
	return r;
}

/* --- requests -------------------------------------------------------------------------------------- */

static int read_gateway(struct nl_req *rq, const struct nl_attr *gw, const struct nl_attr *via,
			int family, struct net_addr *ret)
{
	if (via->data) {
		uint16_t f = nl_u16(via);
		struct nl_attr rest = { via->data + 2, (uint16_t)(via->len - 2) };

		if (f != AF_INET && f != AF_INET6)
			return nl_fail_attr(rq, -EINVAL, "Unsupported address family in RTA_VIA",
					    via->data);
		return rt_addr(rq, &rest, f, ret);
	}
	return rt_addr(rq, gw, family, ret);
}

static int read_hops(struct nl_req *rq, const struct nl_attr *multi, struct net_route *ret)
{
	size_t pos = 0;

	while (multi->len - pos >= sizeof(struct rtnexthop)) {
		struct nl_attr tb[RTA_MAX + 1];
		struct net_nexthop *hop = &ret->hops[ret->nhops];
		struct rtnexthop nh;
		int r;

		memcpy(&nh, multi->data + pos, sizeof(nh));
		if (nh.rtnh_len < sizeof(nh) || nh.rtnh_len > multi->len - pos)
			return nl_fail_attr(rq, -EINVAL,
					    "Invalid nexthop configuration - extra data after nexthop",
					    multi->data);
		if (ret->nhops == NET_ROUTE_HOPS_MAX)
			return nl_fail_attr(rq, -EINVAL, "too many nexthops", multi->data);
		r = nl_parse(rq, tb, RTA_MAX, multi->data + pos + sizeof(nh),
			     nh.rtnh_len - sizeof(nh), policy, false);
		if (r == 0)
			r = read_gateway(rq, &tb[RTA_GATEWAY], &tb[RTA_VIA], ret->dst.family,
					 &hop->gateway);
		if (r < 0)
			return r;
		hop->link = nh.rtnh_ifindex;
		hop->weight = (uint16_t)(nh.rtnh_hops + 1);
		hop->flags = nh.rtnh_flags & NET_HOP_ONLINK;
		ret->nhops++;
		pos += MIN((size_t)NLMSG_ALIGN(nh.rtnh_len), multi->len - pos);
	}
	return ret->nhops ? 0 : nl_fail_attr(rq, -EINVAL, "no nexthop given", multi->data);
}

static int read_metrics(struct nl_req *rq, const struct nl_attr *nest, struct net_route *ret)
{
	struct nl_attr a;
	uint16_t type;
	size_t pos = 0;

	while (nl_next(nest->data, nest->len, &pos, &type, &a)) {
		type &= NLA_TYPE_MASK;
		if (type == 0)
			continue;
		if (type > NET_RTAX_MAX)
			return nl_fail_attr(rq, -EINVAL, "Invalid metric type", a.data);
		if (type == RTAX_CC_ALGO)
			continue;
		if (a.len != 4)
			return nl_fail_attr(rq, -EINVAL, "Invalid attribute in metrics", a.data);
		ret->metrics[type] = nl_u32(&a);
	}
	ret->mtu = ret->metrics[RTAX_MTU];
	return 0;
}

static int read_route(struct nl_req *rq, const struct rtmsg *m, const struct nl_attr *tb,
		      struct net_route *ret)
{
	bool del = rq->hdr.nlmsg_type == RTM_DELROUTE;
	int type = type_of_rtn(m->rtm_type);
	int r;

	if (m->rtm_dst_len > rt_addr_len(m->rtm_family) * 8)
		return nl_fail(rq, -EINVAL, "Invalid prefix length");
	if (type < 0)
		return nl_fail(rq, -EINVAL, "Invalid route type");
	if (m->rtm_src_len)
		return nl_fail(rq, -EINVAL, "Source routing is not supported");
	if (tb[RTA_NH_ID].data)
		return nl_fail_attr(rq, -EINVAL, "Nexthop id does not exist", tb[RTA_NH_ID].data);
	*ret = (struct net_route){ .prefix_len = m->rtm_dst_len, .type = (uint8_t)type,
				   .protocol = m->rtm_protocol, .scope = m->rtm_scope,
				   .tos = m->rtm_tos,
				   .flags = (uint8_t)(m->rtm_flags & NET_HOP_ONLINK) };
	if (m->rtm_family == AF_INET6 || del)
		ret->scope = 0;
	if (!del && !ret->protocol)
		ret->protocol = RTPROT_BOOT;
	if (del && m->rtm_type == RTN_UNSPEC)
		ret->type = NET_ROUTE_UNICAST;
	ret->table = tb[RTA_TABLE].data ? nl_u32(&tb[RTA_TABLE]) : m->rtm_table;
	if (!ret->table)
		ret->table = RT_TABLE_MAIN;
	ret->dst.family = m->rtm_family;
	r = rt_addr(rq, &tb[RTA_DST], m->rtm_family, &ret->dst);
	ret->dst.family = m->rtm_family;
	if (r == 0 && !rt_is_prefix(&ret->dst, m->rtm_dst_len))
		r = nl_fail(rq, -EINVAL, "Invalid prefix for given prefix length");
	if (r == 0)
		r = read_gateway(rq, &tb[RTA_GATEWAY], &tb[RTA_VIA], m->rtm_family, &ret->gateway);
	if (r == 0)
		r = rt_addr(rq, &tb[RTA_PREFSRC], m->rtm_family, &ret->prefsrc);
	ret->link = (net_link_id)nl_u32(&tb[RTA_OIF]);
	ret->metric = nl_u32(&tb[RTA_PRIORITY]);
	ret->pref = nl_u8(&tb[RTA_PREF]);
	if (tb[RTA_EXPIRES].data && nl_u32(&tb[RTA_EXPIRES]))
		ret->valid_until = clock_mono_ns() + NET_SEC(nl_u32(&tb[RTA_EXPIRES]));
	if (r == 0 && tb[RTA_METRICS].data)
		r = read_metrics(rq, &tb[RTA_METRICS], ret);
	if (r == 0 && tb[RTA_MULTIPATH].data)
		r = read_hops(rq, &tb[RTA_MULTIPATH], ret);
	return r;
}

static int change(struct nl_req *rq, const struct net_route *rt)
{
	struct net_stack *stack = netns_lock(rq->sock->ns);
	int r;

	if (rq->hdr.nlmsg_type == RTM_DELROUTE)
		r = net_route_del(stack, rt);
	else
		r = net_route_change(stack, rt, rq->hdr.nlmsg_flags & 0xf00);
	netns_unlock(rq->sock->ns);
	if (r == -EBADF)
		r = -ENODEV;
	if (r == -ENETUNREACH)
		rq->ext_msg = "Nexthop has invalid gateway";
	return r;
}

/* "ip route get": what a packet would take. */
static int get(struct nl_req *rq, const struct rtmsg *m, const struct nl_attr *tb)
{
	struct rt_hdr h = rt_reply(rq, RTM_NEWROUTE);
	struct net_route_query q = { .oif = (net_link_id)nl_u32(&tb[RTA_OIF]),
				     .iif = (net_link_id)nl_u32(&tb[RTA_IIF]),
				     .mark = nl_u32(&tb[RTA_MARK]),
				     .uid = tb[RTA_UID].data ? nl_u32(&tb[RTA_UID])
							     : rq->task->cred->euid,
				     .tos = m->rtm_tos,
				     .proto = nl_u8(&tb[RTA_IP_PROTO]),
				     .sport = nl_be16(&tb[RTA_SPORT]),
				     .dport = nl_be16(&tb[RTA_DPORT]) };
	struct net_route rt;
	struct net_addr src = { 0 };
	int r = rt_addr(rq, &tb[RTA_DST], m->rtm_family, &q.dst);

	if (r == 0)
		r = rt_addr(rq, &tb[RTA_SRC], m->rtm_family, &q.src);
	if (r < 0)
		return r;
	q.dst.family = m->rtm_family;

	struct net_stack *stack = netns_lock(rq->sock->ns);

	r = net_route_get(stack, &q, &rt, &src);
	netns_unlock_query(rq->sock->ns);
	if (r < 0)
		return r == -EBADF ? -ENODEV : r;
	if (!(m->rtm_flags & RTM_F_FIB_MATCH)) {
		rt.dst = q.dst;
		rt.prefix_len = (uint8_t)(rt_addr_len(m->rtm_family) * 8);
		rt.prefsrc = src;
	}
	put_route(&rq->out, &h, &rt, m->rtm_flags & RTM_F_FIB_MATCH ? NULL : &q);
	return 0;
}

int rt_route_request(struct nl_req *rq)
{
	struct nl_attr tb[RTA_MAX + 1];
	struct net_route rt;
	struct rtmsg m = { 0 };
	int r;

	if (rq->len < sizeof(m)) {
		if (!rq->dump)
			return -EINVAL;
		m.rtm_family = rq->body[0];
		memset(tb, 0, sizeof(tb));
		return dump(rq, &m, tb);
	}
	memcpy(&m, rq->body, sizeof(m));
	r = nl_parse(rq, tb, RTA_MAX, rq->body + sizeof(m), rq->len - sizeof(m), policy, false);
	if (r < 0)
		return r;
	if (rq->dump)
		return dump(rq, &m, tb);
	if (m.rtm_family != AF_INET && m.rtm_family != AF_INET6)
		return -EOPNOTSUPP;
	if (rq->hdr.nlmsg_type == RTM_GETROUTE)
		return get(rq, &m, tb);
	r = read_route(rq, &m, tb, &rt);
	if (r < 0)
		return r;
	rtnl_lock();
	r = change(rq, &rt);
	rtnl_unlock();
	return r;
}
