/* SPDX-License-Identifier: Apache-2.0 */
/* RTM_*QDISC, RTM_*TCLASS, RTM_*TFILTER: queueing disciplines as tc(8) sees them. One root discipline per
 * link; no filters. */
#include <errno.h>
#include <linux/gen_stats.h>
#include <linux/pkt_sched.h>
#include <stdlib.h>
#include <string.h>

#include "net/netns.h"
#include "netlink/rt.h"

/* tc measures time in ticks of 64 ns (/proc/net/psched). */
#define TICK 64

static const char *const kinds[] = {
	[NET_QDISC_NOQUEUE] = "noqueue", [NET_QDISC_PFIFO_FAST] = "pfifo_fast",
	[NET_QDISC_PFIFO] = "pfifo",	 [NET_QDISC_BFIFO] = "bfifo",
	[NET_QDISC_FQ] = "fq",		 [NET_QDISC_TBF] = "tbf",
	[NET_QDISC_NETEM] = "netem",	 [NET_QDISC_FQ_CODEL] = "fq_codel",
	[NET_QDISC_PRIO] = "prio",
};

const char *rt_qdisc_name(enum net_qdisc_kind kind)
{
	return kinds[kind];
}

/* --- shown ------------------------------------------------------------------------------------------ */

static uint32_t rate32(uint64_t rate)
{
	return rate >= UINT32_MAX ? UINT32_MAX : (uint32_t)rate;
}

static uint32_t ticks_of_bytes(uint64_t rate, uint32_t bytes)
{
	return rate ? (uint32_t)MIN((uint64_t)bytes * 1000000000 / rate / TICK, (uint64_t)UINT32_MAX) : 0;
}

static void put_tbf(struct nl_out *o, const struct net_tbf *t)
{
	struct tc_tbf_qopt opt = { .rate = { .rate = rate32(t->rate), .linklayer = 1 },
				   .limit = t->limit,
				   .buffer = ticks_of_bytes(t->rate, t->burst) };
	size_t nest = nl_nest_plain(o, TCA_OPTIONS);

	if (t->peak_rate) {
		opt.peakrate = (struct tc_ratespec){ .rate = rate32(t->peak_rate), .linklayer = 1 };
		opt.mtu = ticks_of_bytes(t->peak_rate, t->mtu);
	}
	nl_put(o, TCA_TBF_PARMS, &opt, sizeof(opt));
	if (t->rate >= UINT32_MAX)
		nl_put_u64(o, TCA_TBF_RATE64, t->rate);
	if (t->peak_rate >= UINT32_MAX)
		nl_put_u64(o, TCA_TBF_PRATE64, t->peak_rate);
	nl_nest_end(o, nest);
}

static void put_netem(struct nl_out *o, const struct net_netem *n)
{
	struct tc_netem_qopt opt = { .limit = n->limit, .loss = n->loss, .gap = n->gap,
				     .duplicate = n->duplicate,
				     .latency = (uint32_t)MIN(n->latency / TICK, (net_dur)UINT32_MAX),
				     .jitter = (uint32_t)MIN(n->jitter / TICK, (net_dur)UINT32_MAX) };
	struct tc_netem_corr corr = { 0 };
	struct tc_netem_reorder reorder = { .probability = n->reorder };
	struct tc_netem_corrupt corrupt = { .probability = n->corrupt };
	struct tc_netem_rate rate = { .rate = rate32(n->rate) };
	size_t nest = nl_nest_plain(o, TCA_OPTIONS);

	nl_raw(o, &opt, sizeof(opt));
	nl_put_u64(o, TCA_NETEM_LATENCY64, (uint64_t)n->latency);
	nl_put_u64(o, TCA_NETEM_JITTER64, (uint64_t)n->jitter);
	nl_put(o, TCA_NETEM_CORR, &corr, sizeof(corr));
	nl_put(o, TCA_NETEM_REORDER, &reorder, sizeof(reorder));
	nl_put(o, TCA_NETEM_CORRUPT, &corrupt, sizeof(corrupt));
	if (n->rate >= UINT32_MAX)
		nl_put_u64(o, TCA_NETEM_RATE64, n->rate);
	nl_put(o, TCA_NETEM_RATE, &rate, sizeof(rate));
	nl_nest_end(o, nest);
}

static void put_fq(struct nl_out *o, const struct net_fq *f)
{
	size_t nest = nl_nest_plain(o, TCA_OPTIONS);

	nl_put_u32(o, TCA_FQ_PLIMIT, f->limit);
	nl_put_u32(o, TCA_FQ_FLOW_PLIMIT, f->flow_limit);
	nl_put_u32(o, TCA_FQ_QUANTUM, f->quantum);
	nl_put_u32(o, TCA_FQ_INITIAL_QUANTUM, f->initial_quantum);
	nl_put_u32(o, TCA_FQ_RATE_ENABLE, !f->no_pacing);
	nl_put_u32(o, TCA_FQ_FLOW_MAX_RATE, f->flow_max_rate ? rate32(f->flow_max_rate) : UINT32_MAX);
	nl_put_u32(o, TCA_FQ_BUCKETS_LOG, 10);
	nl_put_u32(o, TCA_FQ_TIMER_SLACK, 10000);
	nl_put_u32(o, TCA_FQ_HORIZON, (uint32_t)(f->horizon / 1000));
	nl_put_u8(o, TCA_FQ_HORIZON_DROP, f->horizon_drop);
	nl_nest_end(o, nest);
}

static void put_fq_codel(struct nl_out *o, const struct net_fq_codel *f)
{
	size_t nest = nl_nest_plain(o, TCA_OPTIONS);

	nl_put_u32(o, TCA_FQ_CODEL_TARGET, (uint32_t)(f->target / 1000));
	nl_put_u32(o, TCA_FQ_CODEL_LIMIT, f->limit);
	nl_put_u32(o, TCA_FQ_CODEL_INTERVAL, (uint32_t)(f->interval / 1000));
	nl_put_u32(o, TCA_FQ_CODEL_ECN, f->ecn);
	nl_put_u32(o, TCA_FQ_CODEL_QUANTUM, f->quantum);
	nl_put_u32(o, TCA_FQ_CODEL_FLOWS, f->flows);
	nl_nest_end(o, nest);
}

static void put_options(struct nl_out *o, const struct net_qdisc *q)
{
	struct tc_fifo_qopt fifo = { q->limit };
	struct tc_prio_qopt prio = { .bands = q->kind == NET_QDISC_PFIFO_FAST ? 3 : q->bands };

	switch (q->kind) {
	case NET_QDISC_NOQUEUE:
		break;
	case NET_QDISC_PFIFO_FAST:
	case NET_QDISC_PRIO:
		memcpy(prio.priomap, q->prio_map, sizeof(prio.priomap));
		nl_put(o, TCA_OPTIONS, &prio, sizeof(prio));
		break;
	case NET_QDISC_PFIFO:
	case NET_QDISC_BFIFO:
		nl_put(o, TCA_OPTIONS, &fifo, sizeof(fifo));
		break;
	case NET_QDISC_FQ:
		put_fq(o, &q->fq);
		break;
	case NET_QDISC_TBF:
		put_tbf(o, &q->tbf);
		break;
	case NET_QDISC_NETEM:
		put_netem(o, &q->netem);
		break;
	case NET_QDISC_FQ_CODEL:
		put_fq_codel(o, &q->fq_codel);
		break;
	}
}

static void put_stats(struct nl_out *o, const struct net_qdisc_stats *s)
{
	struct gnet_stats_basic basic = { .bytes = s->bytes, .packets = (uint32_t)s->packets };
	struct gnet_stats_queue queue = { .qlen = s->qlen, .backlog = s->backlog,
					  .drops = (uint32_t)s->drops,
					  .requeues = (uint32_t)s->requeues,
					  .overlimits = (uint32_t)s->overlimits };
	struct tc_stats old = { .bytes = s->bytes, .packets = (uint32_t)s->packets,
				.drops = (uint32_t)s->drops, .overlimits = (uint32_t)s->overlimits,
				.qlen = s->qlen, .backlog = s->backlog };
	size_t nest = nl_nest_plain(o, TCA_STATS2);

	nl_put(o, TCA_STATS_BASIC, &basic, sizeof(basic));
	nl_put(o, TCA_STATS_QUEUE, &queue, sizeof(queue));
	nl_nest_end(o, nest);
	nl_put(o, TCA_STATS, &old, sizeof(old));
}

void rt_put_qdisc(struct nl_out *o, const struct rt_hdr *h, const struct net_qdisc *q)
{
	struct tcmsg m = { .tcm_ifindex = q->link, .tcm_handle = q->handle, .tcm_parent = TC_H_ROOT,
			   .tcm_info = 2 };

	nl_begin(o, h->type, h->flags, h->seq, h->port, &m, sizeof(m));
	nl_put_str(o, TCA_KIND, kinds[q->kind]);
	put_options(o, q);
	nl_put_u8(o, TCA_HW_OFFLOAD, 0);
	put_stats(o, &q->stats);
	nl_end(o);
}

static void put_classes(struct nl_out *o, const struct rt_hdr *h, const struct net_qdisc *q)
{
	for (uint32_t i = 1; q->kind == NET_QDISC_PRIO && i <= q->bands; i++) {
		struct tcmsg m = { .tcm_ifindex = q->link, .tcm_handle = q->handle | i,
				   .tcm_parent = q->handle };

		nl_begin(o, h->type, h->flags, h->seq, h->port, &m, sizeof(m));
		nl_put_str(o, TCA_KIND, "prio");
		nl_end(o);
	}
}

static int dump(struct nl_req *rq, const struct tcmsg *m)
{
	struct rt_hdr h = rt_reply(rq, RTM_NEWQDISC);
	bool classes = rq->hdr.nlmsg_type == RTM_GETTCLASS;
	struct rt_snap s;
	int r = rt_snap_take(rq->sock->ns, &s, RT_LINKS);

	if (classes)
		h.type = RTM_NEWTCLASS;

	struct net_stack *stack = netns_lock(rq->sock->ns);

	for (size_t i = 0; r == 0 && i < s.n_links; i++) {
		struct net_qdisc q;

		if ((m->tcm_ifindex && m->tcm_ifindex != s.links[i].link) ||
		    net_qdisc_get(stack, s.links[i].link, &q) < 0)
			continue;
		if (classes)
			put_classes(&rq->out, &h, &q);
		else
			rt_put_qdisc(&rq->out, &h, &q);
	}
	netns_unlock_query(rq->sock->ns);
	rt_snap_fini(&s);
	return r;
}

/* --- set --------------------------------------------------------------------------------------------- */

static int read_tbf(struct nl_req *rq, const struct nl_attr *opt, struct net_tbf *t)
{
	struct nl_attr tb[TCA_TBF_MAX + 1];
	struct tc_tbf_qopt q;
	int r = nl_parse_nested(rq, tb, TCA_TBF_MAX, opt, NULL);

	if (r < 0)
		return r;
	if (tb[TCA_TBF_PARMS].len < sizeof(q))
		return -EINVAL;
	memcpy(&q, tb[TCA_TBF_PARMS].data, sizeof(q));
	*t = (struct net_tbf){ .rate = q.rate.rate, .peak_rate = q.peakrate.rate, .limit = q.limit };
	if (tb[TCA_TBF_RATE64].data)
		t->rate = nl_u64(&tb[TCA_TBF_RATE64]);
	if (tb[TCA_TBF_PRATE64].data)
		t->peak_rate = nl_u64(&tb[TCA_TBF_PRATE64]);
	t->burst = tb[TCA_TBF_BURST].data ? nl_u32(&tb[TCA_TBF_BURST])
					  : (uint32_t)(t->rate * q.buffer * TICK / 1000000000);
	t->mtu = tb[TCA_TBF_PBURST].data ? nl_u32(&tb[TCA_TBF_PBURST])
					 : (uint32_t)(t->peak_rate * q.mtu * TICK / 1000000000);
	return 0;
}

static int read_netem(struct nl_req *rq, const struct nl_attr *opt, struct net_netem *n)
{
	struct nl_attr tb[TCA_NETEM_MAX + 1];
	struct tc_netem_qopt q;
	struct tc_netem_corr corr = { 0 };
	struct tc_netem_rate rate;
	int r;

	if (opt->len < sizeof(q))
		return -EINVAL;
	memcpy(&q, opt->data, sizeof(q));
	r = nl_parse(rq, tb, TCA_NETEM_MAX, opt->data + NLMSG_ALIGN(sizeof(q)),
		     opt->len - NLMSG_ALIGN(sizeof(q)), NULL, false);
	if (r < 0)
		return r;
	if (tb[TCA_NETEM_CORR].len >= sizeof(corr))
		memcpy(&corr, tb[TCA_NETEM_CORR].data, sizeof(corr));
	if (corr.delay_corr || corr.loss_corr || corr.dup_corr || tb[TCA_NETEM_LOSS].data ||
	    tb[TCA_NETEM_DELAY_DIST].data || tb[TCA_NETEM_SLOT].data)
		return nl_fail(rq, -EOPNOTSUPP, "correlations and distributions are not modelled");
	*n = (struct net_netem){ .limit = q.limit, .loss = q.loss, .duplicate = q.duplicate,
				 .gap = q.gap, .latency = (net_dur)q.latency * TICK,
				 .jitter = (net_dur)q.jitter * TICK };
	if (tb[TCA_NETEM_LATENCY64].data)
		n->latency = (net_dur)nl_u64(&tb[TCA_NETEM_LATENCY64]);
	if (tb[TCA_NETEM_JITTER64].data)
		n->jitter = (net_dur)nl_u64(&tb[TCA_NETEM_JITTER64]);
	n->reorder = nl_u32(&tb[TCA_NETEM_REORDER]);
	n->corrupt = nl_u32(&tb[TCA_NETEM_CORRUPT]);
	if (tb[TCA_NETEM_RATE].len >= sizeof(rate)) {
		memcpy(&rate, tb[TCA_NETEM_RATE].data, sizeof(rate));
		n->rate = rate.rate;
	}
	if (tb[TCA_NETEM_RATE64].data)
		n->rate = nl_u64(&tb[TCA_NETEM_RATE64]);
	return 0;
}

static int read_fq(struct nl_req *rq, const struct nl_attr *opt, struct net_fq *f)
{
	struct nl_attr tb[TCA_FQ_MAX + 1];
	int r = nl_parse_nested(rq, tb, TCA_FQ_MAX, opt, NULL);
	uint32_t max = nl_u32(&tb[TCA_FQ_FLOW_MAX_RATE]);

	if (r < 0)
		return r;
	*f = (struct net_fq){ .limit = nl_u32(&tb[TCA_FQ_PLIMIT]),
			      .flow_limit = nl_u32(&tb[TCA_FQ_FLOW_PLIMIT]),
			      .quantum = nl_u32(&tb[TCA_FQ_QUANTUM]),
			      .initial_quantum = nl_u32(&tb[TCA_FQ_INITIAL_QUANTUM]),
			      .flow_max_rate = max == UINT32_MAX ? 0 : max,
			      .no_pacing = tb[TCA_FQ_RATE_ENABLE].data &&
					   !nl_u32(&tb[TCA_FQ_RATE_ENABLE]),
			      .horizon = NET_US(nl_u32(&tb[TCA_FQ_HORIZON])),
			      .horizon_drop = !tb[TCA_FQ_HORIZON_DROP].data ||
					      nl_u8(&tb[TCA_FQ_HORIZON_DROP]) };
	return 0;
}

static int read_fq_codel(struct nl_req *rq, const struct nl_attr *opt, struct net_fq_codel *f)
{
	struct nl_attr tb[TCA_FQ_CODEL_MAX + 1];
	int r = nl_parse_nested(rq, tb, TCA_FQ_CODEL_MAX, opt, NULL);

	if (r < 0)
		return r;
	*f = (struct net_fq_codel){ .limit = nl_u32(&tb[TCA_FQ_CODEL_LIMIT]),
				    .flows = nl_u32(&tb[TCA_FQ_CODEL_FLOWS]),
				    .quantum = nl_u32(&tb[TCA_FQ_CODEL_QUANTUM]),
				    .target = NET_US(nl_u32(&tb[TCA_FQ_CODEL_TARGET])),
				    .interval = NET_US(nl_u32(&tb[TCA_FQ_CODEL_INTERVAL])),
				    .ecn = !tb[TCA_FQ_CODEL_ECN].data ||
					   nl_u32(&tb[TCA_FQ_CODEL_ECN]) };
	return 0;
}

static int read_options(struct nl_req *rq, const struct nl_attr *opt, struct net_qdisc *q)
{
	struct tc_prio_qopt prio;

	switch (q->kind) {
	case NET_QDISC_NOQUEUE:
	case NET_QDISC_PFIFO_FAST:
		return 0;
	case NET_QDISC_PRIO:
		if (!opt->data)
			return 0;
		if (opt->len < sizeof(prio))
			return -EINVAL;
		memcpy(&prio, opt->data, sizeof(prio));
		if (prio.bands < 2 || prio.bands > TCQ_PRIO_BANDS)
			return -EINVAL;
		q->bands = (uint8_t)prio.bands;
		memcpy(q->prio_map, prio.priomap, sizeof(q->prio_map));
		return 0;
	case NET_QDISC_PFIFO:
	case NET_QDISC_BFIFO:
		if (opt->data && opt->len < 4)
			return -EINVAL;
		q->limit = nl_u32(opt);
		return 0;
	case NET_QDISC_FQ:
		return read_fq(rq, opt, &q->fq);
	case NET_QDISC_TBF:
		return opt->data ? read_tbf(rq, opt, &q->tbf) : -EINVAL;
	case NET_QDISC_NETEM:
		return opt->data ? read_netem(rq, opt, &q->netem) : -EINVAL;
	case NET_QDISC_FQ_CODEL:
		return read_fq_codel(rq, opt, &q->fq_codel);
	}
	return -EINVAL;
}

static int new_qdisc(struct nl_req *rq, struct net_stack *stack, const struct tcmsg *m,
		     const struct nl_attr *tb)
{
	struct net_qdisc now, q = { .link = m->tcm_ifindex, .handle = m->tcm_handle };
	uint16_t flags = rq->hdr.nlmsg_flags;
	size_t kind = 0;
	int r = net_qdisc_get(stack, m->tcm_ifindex, &now);

	if (r < 0)
		return -ENODEV;
	while (kind < ARRAY_LEN(kinds) && !nl_str_is(&tb[TCA_KIND], kinds[kind]))
		kind++;
	if (!tb[TCA_KIND].data)
		kind = (size_t)now.kind;
	if (kind == ARRAY_LEN(kinds))
		return nl_fail(rq, -ENOENT, "Specified qdisc kind is unknown");
	q.kind = (enum net_qdisc_kind)kind;
	if (now.handle && (flags & NLM_F_EXCL))
		return nl_fail(rq, -EEXIST, "Exclusivity flag on, cannot modify");
	if (!now.handle && !(flags & NLM_F_CREATE))
		return nl_fail(rq, -ENOENT,
			       "Qdisc not found. To create specify NLM_F_CREATE flag");
	if (!q.handle && !(flags & NLM_F_REPLACE) && !(flags & NLM_F_CREATE))
		q.handle = now.handle;
	r = read_options(rq, &tb[TCA_OPTIONS], &q);
	return r < 0 ? r : net_qdisc_set(stack, &q);
}

static int del_qdisc(struct nl_req *rq, struct net_stack *stack, const struct tcmsg *m)
{
	struct net_qdisc now;

	if (net_qdisc_get(stack, m->tcm_ifindex, &now) < 0)
		return nl_fail(rq, -ENODEV, "Cannot find device");
	if (!now.handle)
		return nl_fail(rq, -ENOENT, "Cannot delete qdisc with handle of zero");
	if (m->tcm_handle && m->tcm_handle != now.handle)
		return nl_fail(rq, -EINVAL, "Invalid handle");
	return net_qdisc_del(stack, m->tcm_ifindex);
}

static int qdisc_change(struct nl_req *rq, const struct tcmsg *m, const struct nl_attr *tb)
{
	struct net_stack *stack;
	int r;

	if (m->tcm_parent != TC_H_ROOT && (m->tcm_parent || !m->tcm_handle))
		return nl_fail(rq, -EOPNOTSUPP, "only root disciplines");
	rtnl_lock();
	stack = netns_lock(rq->sock->ns);
	r = rq->hdr.nlmsg_type == RTM_NEWQDISC ? new_qdisc(rq, stack, m, tb) : del_qdisc(rq, stack, m);
	netns_unlock(rq->sock->ns);
	rtnl_unlock();
	return r;
}

int rt_tc_request(struct nl_req *rq)
{
	struct nl_attr tb[TCA_MAX + 1];
	struct tcmsg m = { 0 };
	int r;

	memcpy(&m, rq->body, MIN(rq->len, sizeof(m)));
	if (rq->dump)
		return rq->hdr.nlmsg_type == RTM_GETTFILTER ? 0 : dump(rq, &m);
	if (rq->len < sizeof(m))
		return -EINVAL;
	r = nl_parse(rq, tb, TCA_MAX, rq->body + sizeof(m), rq->len - sizeof(m), NULL, false);
	if (r < 0)
		return r;
	switch (rq->hdr.nlmsg_type) {
	case RTM_NEWQDISC:
	case RTM_DELQDISC:
		return qdisc_change(rq, &m, tb);
	case RTM_GETQDISC:
		return m.tcm_ifindex ? dump(rq, &m) : -EINVAL;
	default:
		return -EOPNOTSUPP;
	}
}
