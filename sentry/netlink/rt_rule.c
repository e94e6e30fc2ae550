/* SPDX-License-Identifier: Apache-2.0 */
/* RTM_*RULE: policy routing (ip-rule(8)); and RTM_GETNETCONF. */
#include <errno.h>
#include <linux/fib_rules.h>
#include <linux/netconf.h>
#include <net/if.h>
#include <stdlib.h>
#include <string.h>

#include "net/netns.h"
#include "netlink/rt.h"
#include "netstack/conf.h"

static void put_range(struct nl_out *o, uint16_t type, const uint16_t range[2])
{
	struct fib_rule_port_range r = { range[0], range[1] };

	if (range[0])
		nl_put(o, type, &r, sizeof(r));
}

void rt_put_rule(struct nl_out *o, const struct rt_hdr *h, const struct net_rule *r)
{
	size_t len = rt_addr_len(r->family);
	struct fib_rule_hdr m = { .family = (uint8_t)r->family, .dst_len = r->dst_len,
				  .src_len = r->src_len, .tos = r->tos,
				  .table = (uint8_t)(r->table < 256 ? r->table : RT_TABLE_COMPAT),
				  .action = r->action,
				  .flags = r->invert ? FIB_RULE_INVERT : 0 };
	struct fib_rule_uid_range uid = { r->uid[0], r->uid[1] };

	nl_begin(o, h->type, h->flags, h->seq, h->port, &m, sizeof(m));
	nl_put_u32(o, FRA_TABLE, r->table);
	nl_put_u32(o, FRA_SUPPRESS_PREFIXLEN, (uint32_t)r->suppress_prefix_len);
	nl_put_u8(o, FRA_PROTOCOL, r->protocol);
	if (r->iif[0])
		nl_put_str(o, FRA_IIFNAME, r->iif);
	if (r->oif[0])
		nl_put_str(o, FRA_OIFNAME, r->oif);
	if (r->priority)
		nl_put_u32(o, FRA_PRIORITY, r->priority);
	if (r->mark)
		nl_put_u32(o, FRA_FWMARK, r->mark);
	if (r->mark || r->mark_mask)
		nl_put_u32(o, FRA_FWMASK, r->mark_mask);
	if (r->target)
		nl_put_u32(o, FRA_GOTO, r->target);
	if (r->has_uid)
		nl_put(o, FRA_UID_RANGE, &uid, sizeof(uid));
	if (r->ip_proto)
		nl_put_u8(o, FRA_IP_PROTO, r->ip_proto);
	put_range(o, FRA_SPORT_RANGE, r->sport);
	put_range(o, FRA_DPORT_RANGE, r->dport);
	if (r->dst_len)
		nl_put(o, FRA_DST, r->dst.bytes, len);
	if (r->src_len)
		nl_put(o, FRA_SRC, r->src.bytes, len);
	nl_end(o);
}

static int dump_family(struct nl_req *rq, uint16_t family)
{
	struct rt_hdr h = rt_reply(rq, RTM_NEWRULE);
	struct net_stack *stack = netns_lock(rq->sock->ns);
	size_t n = net_info_rules(stack, family, NULL, 0);
	struct net_rule *all = calloc(n + 1, sizeof(*all));

	n = all ? MIN(net_info_rules(stack, family, all, n), n) : 0;
	netns_unlock_query(rq->sock->ns);
	for (size_t i = 0; i < n; i++)
		rt_put_rule(&rq->out, &h, &all[i]);
	free(all);
	return all ? 0 : -ENOMEM;
}

static const struct nl_policy policy[FRA_MAX + 1] = {
	[FRA_IIFNAME] = { NL_STR, IFNAMSIZ - 1 },
	[FRA_OIFNAME] = { NL_STR, IFNAMSIZ - 1 },
	[FRA_PRIORITY] = { NL_U32, 0 },
	[FRA_FWMARK] = { NL_U32, 0 },
	[FRA_FWMASK] = { NL_U32, 0 },
	[FRA_TABLE] = { NL_U32, 0 },
	[FRA_GOTO] = { NL_U32, 0 },
	[FRA_SUPPRESS_PREFIXLEN] = { NL_U32, 0 },
	[FRA_UID_RANGE] = { NL_MIN, sizeof(struct fib_rule_uid_range) },
	[FRA_PROTOCOL] = { NL_U8, 0 },
	[FRA_IP_PROTO] = { NL_U8, 0 },
	[FRA_SPORT_RANGE] = { NL_MIN, sizeof(struct fib_rule_port_range) },
	[FRA_DPORT_RANGE] = { NL_MIN, sizeof(struct fib_rule_port_range) },
	[FRA_L3MDEV] = { NL_U8, 0 },
};

static void read_range(const struct nl_attr *a, uint16_t ret[2])
{
	if (a->data)
		memcpy(ret, a->data, 4);
}

static int read_rule(struct nl_req *rq, const struct fib_rule_hdr *m, const struct nl_attr *tb,
		     struct net_rule *ret)
{
	int r;

	*ret = (struct net_rule){ .family = m->family, .action = m->action, .tos = m->tos,
				  .src_len = m->src_len, .dst_len = m->dst_len,
				  .invert = !!(m->flags & FIB_RULE_INVERT),
				  .has_priority = tb[FRA_PRIORITY].data != NULL,
				  .priority = nl_u32(&tb[FRA_PRIORITY]),
				  .table = tb[FRA_TABLE].data ? nl_u32(&tb[FRA_TABLE]) : m->table,
				  .target = nl_u32(&tb[FRA_GOTO]),
				  .mark = nl_u32(&tb[FRA_FWMARK]),
				  .mark_mask = nl_u32(&tb[FRA_FWMASK]),
				  .ip_proto = nl_u8(&tb[FRA_IP_PROTO]),
				  .protocol = nl_u8(&tb[FRA_PROTOCOL]),
				  .l3mdev = nl_u8(&tb[FRA_L3MDEV]),
				  .suppress_prefix_len = -1 };
	if (m->src_len > rt_addr_len(m->family) * 8 || m->dst_len > rt_addr_len(m->family) * 8 ||
	    (m->src_len && !tb[FRA_SRC].data) || (m->dst_len && !tb[FRA_DST].data))
		return nl_fail(rq, -EINVAL, "Invalid source or destination prefix");
	if (tb[FRA_FWMARK].data && !tb[FRA_FWMASK].data)
		ret->mark_mask = UINT32_MAX;
	if (tb[FRA_SUPPRESS_PREFIXLEN].data)
		ret->suppress_prefix_len = (int32_t)nl_u32(&tb[FRA_SUPPRESS_PREFIXLEN]);
	if (tb[FRA_UID_RANGE].data) {
		memcpy(ret->uid, tb[FRA_UID_RANGE].data, sizeof(ret->uid));
		ret->has_uid = true;
	}
	read_range(&tb[FRA_SPORT_RANGE], ret->sport);
	read_range(&tb[FRA_DPORT_RANGE], ret->dport);
	nl_str(&tb[FRA_IIFNAME], ret->iif, sizeof(ret->iif));
	nl_str(&tb[FRA_OIFNAME], ret->oif, sizeof(ret->oif));
	r = m->src_len ? rt_addr(rq, &tb[FRA_SRC], m->family, &ret->src) : 0;
	return r == 0 && m->dst_len ? rt_addr(rq, &tb[FRA_DST], m->family, &ret->dst) : r;
}

int rt_rule_request(struct nl_req *rq)
{
	struct nl_attr tb[FRA_MAX + 1];
	struct fib_rule_hdr m;
	struct net_rule rule;
	int r;

	if (rq->dump) {
		uint16_t family = rq->body[0];

		if (family && family != AF_INET && family != AF_INET6)
			return -EAFNOSUPPORT;
		r = family != AF_INET6 ? dump_family(rq, AF_INET) : 0;
		return r == 0 && family != AF_INET ? dump_family(rq, AF_INET6) : r;
	}
	if (rq->len < sizeof(m))
		return -EINVAL;
	memcpy(&m, rq->body, sizeof(m));
	if (m.family != AF_INET && m.family != AF_INET6)
		return nl_fail(rq, -EAFNOSUPPORT, "Rule family not supported");
	if (rq->hdr.nlmsg_type == RTM_GETRULE)
		return -EOPNOTSUPP;
	r = nl_parse(rq, tb, FRA_MAX, rq->body + sizeof(m), rq->len - sizeof(m), policy, false);
	if (r == 0)
		r = read_rule(rq, &m, tb, &rule);
	if (r < 0)
		return r;
	rtnl_lock();
	struct net_stack *stack = netns_lock(rq->sock->ns);

	r = rq->hdr.nlmsg_type == RTM_NEWRULE ? net_rule_add(stack, &rule) : net_rule_del(stack, &rule);
	netns_unlock(rq->sock->ns);
	rtnl_unlock();
	return r;
}

/* --- netconf: "ip netconf" -------------------------------------------------------------------------- */

static void put_conf(struct nl_out *o, struct net_stack *stack, const struct rt_hdr *h, int family,
		     net_link_id link)
{
	static const struct {
		uint16_t type, v4, v6;
	} known[] = {
		{ NETCONFA_FORWARDING, NET_CONF4_forwarding, NET_CONF6_forwarding },
		{ NETCONFA_RP_FILTER, NET_CONF4_rp_filter, NET_CONF6_COUNT },
		{ NETCONFA_PROXY_NEIGH, NET_CONF4_proxy_arp, NET_CONF6_proxy_ndp },
	};
	enum net_conf_group group = family == AF_INET ? NET_CONF_IP4 : NET_CONF_IP6;
	struct netconfmsg m = { .ncm_family = (uint8_t)family };
	int32_t index = link == NET_CONF_ALL	     ? NETCONFA_IFINDEX_ALL
			: link == NET_CONF_DEFAULT ? NETCONFA_IFINDEX_DEFAULT
						     : link;

	nl_begin(o, h->type, h->flags, h->seq, h->port, &m, sizeof(m));
	nl_put_u32(o, NETCONFA_IFINDEX, (uint32_t)index);
	for (size_t i = 0; i < ARRAY_LEN(known); i++) {
		unsigned which = family == AF_INET ? known[i].v4 : known[i].v6;
		int32_t v;

		if (which < net_conf_count(group) && net_conf_get(stack, link, group, which, &v) == 0)
			nl_put_u32(o, known[i].type, (uint32_t)v);
	}
	nl_end(o);
}

static int netconf_family(struct nl_req *rq, const struct rt_snap *s, int family)
{
	struct rt_hdr h = rt_reply(rq, RTM_NEWNETCONF);
	struct net_stack *stack = netns_lock(rq->sock->ns);

	for (size_t i = 0; i < s->n_links; i++)
		put_conf(&rq->out, stack, &h, family, s->links[i].link);
	put_conf(&rq->out, stack, &h, family, NET_CONF_ALL);
	put_conf(&rq->out, stack, &h, family, NET_CONF_DEFAULT);
	netns_unlock_query(rq->sock->ns);
	return 0;
}

int rt_netconf_request(struct nl_req *rq)
{
	struct nl_attr tb[NETCONFA_MAX + 1];
	struct rt_hdr h = rt_reply(rq, RTM_NEWNETCONF);
	int family = rq->body[0];
	net_link_id link;
	struct rt_snap s;
	int32_t index;
	int r;

	if (rq->dump) {
		r = rt_snap_take(rq->sock->ns, &s, RT_LINKS);
		if (r == 0 && family != AF_INET6)
			r = netconf_family(rq, &s, AF_INET);
		if (r == 0 && family != AF_INET)
			r = netconf_family(rq, &s, AF_INET6);
		rt_snap_fini(&s);
		return r;
	}
	if (family != AF_INET && family != AF_INET6)
		return -EOPNOTSUPP;
	if (rq->len < NLMSG_ALIGN(sizeof(struct netconfmsg)))
		return -EINVAL;
	r = nl_parse(rq, tb, NETCONFA_MAX, rq->body + NLMSG_ALIGN(sizeof(struct netconfmsg)),
		     rq->len - NLMSG_ALIGN(sizeof(struct netconfmsg)), NULL, false);
	if (r < 0)
		return r;
	if (!tb[NETCONFA_IFINDEX].data)
		return -EINVAL;
	index = (int32_t)nl_u32(&tb[NETCONFA_IFINDEX]);
	link = index == NETCONFA_IFINDEX_ALL ? NET_CONF_ALL
	       : index == NETCONFA_IFINDEX_DEFAULT ? NET_CONF_DEFAULT
						     : index;

	struct net_stack *stack = netns_lock(rq->sock->ns);
	struct net_link_info l;

	if (link > 0 && net_info_link(stack, link, &l) < 0)
		r = -ENODEV;
	else
		put_conf(&rq->out, stack, &h, family, link);
	netns_unlock_query(rq->sock->ns);
	return r;
}
