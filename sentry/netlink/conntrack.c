/* SPDX-License-Identifier: Apache-2.0 */
/* ctnetlink: conntrack(8) -L, -D, -U, -F, -C and -E. */
#include "netlink/conntrack.h"

#include <errno.h>
#include <linux/netfilter/nf_conntrack_common.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter/nfnetlink_conntrack.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

#include "net/netns.h"
#include "netlink/notify.h"
#include "netstack/nf.h"

/* CTA_PROTO_*: ICMP's id, type and code have attributes of their own for each family. */
static void put_proto(struct nl_out *o, const struct net_ct_tuple *t)
{
	size_t nest = nl_nest(o, CTA_TUPLE_PROTO);

	nl_put_u8(o, CTA_PROTO_NUM, t->proto);
	if (t->proto == IPPROTO_ICMP || t->proto == IPPROTO_ICMPV6) {
		bool v6 = t->proto == IPPROTO_ICMPV6;

		nl_put_be16(o, v6 ? CTA_PROTO_ICMPV6_ID : CTA_PROTO_ICMP_ID, t->sport);
		nl_put_u8(o, v6 ? CTA_PROTO_ICMPV6_TYPE : CTA_PROTO_ICMP_TYPE, (uint8_t)(t->dport >> 8));
		nl_put_u8(o, v6 ? CTA_PROTO_ICMPV6_CODE : CTA_PROTO_ICMP_CODE, (uint8_t)t->dport);
	} else {
		nl_put_be16(o, CTA_PROTO_SRC_PORT, t->sport);
		nl_put_be16(o, CTA_PROTO_DST_PORT, t->dport);
	}
	nl_nest_end(o, nest);
}

static void put_tuple(struct nl_out *o, uint16_t type, const struct net_ct_tuple *t)
{
	size_t nest = nl_nest(o, type), ip = nl_nest(o, CTA_TUPLE_IP);
	bool v4 = t->src.family == AF_INET;

	nl_put(o, v4 ? CTA_IP_V4_SRC : CTA_IP_V6_SRC, t->src.bytes, v4 ? 4 : 16);
	nl_put(o, v4 ? CTA_IP_V4_DST : CTA_IP_V6_DST, t->dst.bytes, v4 ? 4 : 16);
	nl_nest_end(o, ip);
	put_proto(o, t);
	nl_nest_end(o, nest);
}

static void put_counters(struct nl_out *o, const struct net_ct_info *ct)
{
	for (int i = 0; i < 2; i++) {
		size_t nest;

		if (!ct->packets[i] && !ct->bytes[i])
			continue;
		nest = nl_nest(o, (uint16_t)(i ? CTA_COUNTERS_REPLY : CTA_COUNTERS_ORIG));
		nl_put_be64(o, CTA_COUNTERS_PACKETS, ct->packets[i]);
		nl_put_be64(o, CTA_COUNTERS_BYTES, ct->bytes[i]);
		nl_nest_end(o, nest);
	}
}

static void put_ct(struct nl_out *o, uint16_t type, uint16_t flags, uint32_t seq, uint32_t port,
		   const struct net_ct_info *ct)
{
	uint8_t gen[4] = { (uint8_t)ct->orig.src.family, NFNETLINK_V0, 0, 0 };
	size_t info, tcp;

	nl_begin(o, (uint16_t)(NFNL_SUBSYS_CTNETLINK << 8 | type), flags, seq, port, gen, sizeof(gen));
	put_tuple(o, CTA_TUPLE_ORIG, &ct->orig);
	put_tuple(o, CTA_TUPLE_REPLY, &ct->reply);
	nl_put_be32(o, CTA_STATUS, ct->status & 0xffff);
	if (type != IPCTNL_MSG_CT_DELETE)
		nl_put_be32(o, CTA_TIMEOUT, ct->timeout_s);
	if (ct->orig.proto == IPPROTO_TCP) {
		info = nl_nest(o, CTA_PROTOINFO);
		tcp = nl_nest(o, CTA_PROTOINFO_TCP);
		nl_put_u8(o, CTA_PROTOINFO_TCP_STATE, ct->tcp_state);
		nl_nest_end(o, tcp);
		nl_nest_end(o, info);
	}
	put_counters(o, ct);
	nl_put_be32(o, CTA_MARK, ct->mark);
	nl_put_be32(o, CTA_ID, ct->id);
	nl_put_be32(o, CTA_USE, 1);
	nl_end(o);
}

/* --- requests ----------------------------------------------------------------------------------------------- */

static int read_tuple(struct nl_req *rq, const struct nl_attr *a, uint8_t family, struct net_ct_tuple *t)
{
	struct nl_attr tb[CTA_TUPLE_MAX + 1], ip[CTA_IP_MAX + 1], proto[CTA_PROTO_MAX + 1];
	const struct nl_attr *src, *dst;
	bool v4 = family == AF_INET;
	size_t len = v4 ? 4 : 16;

	*t = (struct net_ct_tuple){ .src.family = family, .dst.family = family };
	if (nl_parse_nested(rq, tb, CTA_TUPLE_MAX, a, NULL) < 0 ||
	    nl_parse_nested(rq, ip, CTA_IP_MAX, &tb[CTA_TUPLE_IP], NULL) < 0 ||
	    nl_parse_nested(rq, proto, CTA_PROTO_MAX, &tb[CTA_TUPLE_PROTO], NULL) < 0)
		return -EINVAL;
	src = &ip[v4 ? CTA_IP_V4_SRC : CTA_IP_V6_SRC];
	dst = &ip[v4 ? CTA_IP_V4_DST : CTA_IP_V6_DST];
	if (src->len < len || dst->len < len || !proto[CTA_PROTO_NUM].data)
		return -EINVAL;
	memcpy(t->src.bytes, src->data, len);
	memcpy(t->dst.bytes, dst->data, len);
	t->proto = nl_u8(&proto[CTA_PROTO_NUM]);
	if (t->proto == IPPROTO_ICMP || t->proto == IPPROTO_ICMPV6) {
		bool v6 = t->proto == IPPROTO_ICMPV6;

		t->sport = nl_be16(&proto[v6 ? CTA_PROTO_ICMPV6_ID : CTA_PROTO_ICMP_ID]);
		t->dport = (uint16_t)(nl_u8(&proto[v6 ? CTA_PROTO_ICMPV6_TYPE : CTA_PROTO_ICMP_TYPE]) << 8 |
				      nl_u8(&proto[v6 ? CTA_PROTO_ICMPV6_CODE : CTA_PROTO_ICMP_CODE]));
	} else {
		t->sport = nl_be16(&proto[CTA_PROTO_SRC_PORT]);
		t->dport = nl_be16(&proto[CTA_PROTO_DST_PORT]);
	}
	return 0;
}

static struct net_ct_info *all_of(struct net_stack *stack, size_t *n)
{
	size_t have = net_info_conntrack(stack, NULL, 0);
	struct net_ct_info *all = calloc(have + 1, sizeof(*all));

	*n = all ? MIN(net_info_conntrack(stack, all, have), have) : 0;
	return all;
}

static int dump(struct nl_req *rq)
{
	size_t n;
	struct net_ct_info *all = all_of(netns_lock(rq->sock->ns), &n);
	uint8_t family = rq->body[0];

	netns_unlock_query(rq->sock->ns);
	for (size_t i = 0; i < n; i++) {
		if (!family || family == all[i].orig.src.family)
			put_ct(&rq->out, IPCTNL_MSG_CT_NEW, NLM_F_MULTI, rq->hdr.nlmsg_seq, rq->sock->port,
			       &all[i]);
	}
	free(all);
	return all ? 0 : -ENOMEM;
}

static bool tuple_is(const struct net_ct_tuple *a, const struct net_ct_tuple *b)
{
	return a->proto == b->proto && a->sport == b->sport && a->dport == b->dport &&
	       memcmp(a->src.bytes, b->src.bytes, 16) == 0 && memcmp(a->dst.bytes, b->dst.bytes, 16) == 0;
}

static int get(struct nl_req *rq, const struct net_ct_tuple *t)
{
	size_t n;
	struct net_ct_info *all = all_of(netns_lock(rq->sock->ns), &n);
	int r = -ENOENT;

	netns_unlock_query(rq->sock->ns);
	for (size_t i = 0; i < n && r < 0; i++) {
		if (!tuple_is(&all[i].orig, t) && !tuple_is(&all[i].reply, t))
			continue;
		put_ct(&rq->out, IPCTNL_MSG_CT_NEW, 0, rq->hdr.nlmsg_seq, rq->sock->port, &all[i]);
		r = 0;
	}
	free(all);
	return r;
}

static int change(struct nl_req *rq, const struct net_ct_tuple *t, const struct nl_attr *tb)
{
	struct net_stack *stack = netns_lock(rq->sock->ns);
	uint32_t mask = tb[CTA_MARK].data ? UINT32_MAX : 0;
	int r;

	if (tb[CTA_MARK_MASK].data)
		mask = nl_be32(&tb[CTA_MARK_MASK]);
	r = net_conntrack_update(stack, t, nl_be32(&tb[CTA_MARK]), mask,
				 tb[CTA_TIMEOUT].data ? (int64_t)nl_be32(&tb[CTA_TIMEOUT]) : -1);
	netns_unlock(rq->sock->ns);
	if (r == 0 && (rq->hdr.nlmsg_flags & NLM_F_EXCL))
		return -EEXIST;
	/* Connections are made by packets only. */
	return r == -ENOENT && (rq->hdr.nlmsg_flags & NLM_F_CREATE) ? -EOPNOTSUPP : r;
}

static int del(struct nl_req *rq, bool has_tuple, const struct net_ct_tuple *t, const struct nl_attr *tb)
{
	struct net_stack *stack = netns_lock(rq->sock->ns);
	int r = 0;

	if (has_tuple)
		r = net_conntrack_del(stack, t, nl_be32(&tb[CTA_ID]));
	else
		net_conntrack_flush(stack);
	netns_unlock(rq->sock->ns);
	return r;
}

static int stats(struct nl_req *rq, uint8_t type)
{
	struct net_stack *stack = netns_lock(rq->sock->ns);
	uint8_t gen[4] = { 0 };
	uint32_t max = 0;

	for (unsigned i = 0; net_ct_setting_name(i); i++) {
		if (strcmp(net_ct_setting_name(i), "nf_conntrack_max") == 0)
			max = (uint32_t)net_ct_setting_get(stack, i);
	}
	nl_answer(rq, (uint16_t)(NFNL_SUBSYS_CTNETLINK << 8 | type), gen, sizeof(gen));
	if (type == IPCTNL_MSG_CT_GET_STATS) {
		nl_put_be32(&rq->out, CTA_STATS_GLOBAL_ENTRIES, net_conntrack_count(stack));
		nl_put_be32(&rq->out, CTA_STATS_GLOBAL_MAX_ENTRIES, max);
	} else {
		nl_put_be32(&rq->out, CTA_STATS_FOUND, 0);
		nl_put_be32(&rq->out, CTA_STATS_INVALID, 0);
		nl_put_be32(&rq->out, CTA_STATS_INSERT_FAILED, 0);
		nl_put_be32(&rq->out, CTA_STATS_DROP, 0);
	}
	nl_end(&rq->out);
	netns_unlock_query(rq->sock->ns);
	return 0;
}

int conntrack_request(struct nl_req *rq, uint8_t type)
{
	struct nl_attr tb[CTA_MAX + 1];
	struct net_ct_tuple t;
	bool has_tuple;
	int r;

	if (type == IPCTNL_MSG_CT_GET && rq->dump)
		return dump(rq);
	if (type == IPCTNL_MSG_CT_GET_STATS || type == IPCTNL_MSG_CT_GET_STATS_CPU)
		return stats(rq, type);
	if (type == IPCTNL_MSG_CT_GET_DYING || type == IPCTNL_MSG_CT_GET_UNCONFIRMED)
		return 0;
	if (type != IPCTNL_MSG_CT_GET && type != IPCTNL_MSG_CT_NEW && type != IPCTNL_MSG_CT_DELETE)
		return -EINVAL;
	rq->dump = false;
	r = nl_parse(rq, tb, CTA_MAX, rq->body + 4, rq->len - 4, NULL, false);
	has_tuple = tb[CTA_TUPLE_ORIG].data || tb[CTA_TUPLE_REPLY].data;
	if (r == 0 && has_tuple)
		r = read_tuple(rq, tb[CTA_TUPLE_ORIG].data ? &tb[CTA_TUPLE_ORIG] : &tb[CTA_TUPLE_REPLY],
			       rq->body[0], &t);
	if (r < 0)
		return r;
	if (type == IPCTNL_MSG_CT_DELETE)
		return del(rq, has_tuple, &t, tb);
	if (!has_tuple)
		return -EINVAL;
	return type == IPCTNL_MSG_CT_GET ? get(rq, &t) : change(rq, &t, tb);
}

/* --- events ------------------------------------------------------------------------------------------------- */

void conntrack_members(struct netns *ns)
{
	bool any = nl_has_listeners(ns, NETLINK_NETFILTER, NFNLGRP_CONNTRACK_NEW) ||
		   nl_has_listeners(ns, NETLINK_NETFILTER, NFNLGRP_CONNTRACK_UPDATE) ||
		   nl_has_listeners(ns, NETLINK_NETFILTER, NFNLGRP_CONNTRACK_DESTROY);

	net_conntrack_watch(netns_lock(ns), any);
	netns_unlock_query(ns);
}

void conntrack_changed(struct netns *ns, const struct net_ct_event *e)
{
	static const uint32_t groups[] = { 0, NFNLGRP_CONNTRACK_NEW, NFNLGRP_CONNTRACK_UPDATE,
					   NFNLGRP_CONNTRACK_DESTROY };
	struct nl_out o = { 0 };
	uint16_t flags = e->kind == NET_CT_NEW ? NLM_F_CREATE | NLM_F_EXCL : 0;

	put_ct(&o, e->kind == NET_CT_DESTROY ? IPCTNL_MSG_CT_DELETE : IPCTNL_MSG_CT_NEW, flags, 0, 0,
	       &e->info);
	nl_multicast(ns, NETLINK_NETFILTER, groups[e->kind & 3], &o, NULL);
	nl_out_fini(&o);
}
