/* SPDX-License-Identifier: Apache-2.0 */
/* Token bucket: frames leave while there are tokens for them; tokens come at the rate, up to the burst.
 * A second bucket of one MTU bounds the peak rate. Super-segments that no bucket could hold are cut
 * before they wait.
 */
#include <errno.h>

#include "link/qdisc.h"

struct tbf {
	struct qdisc q;
	struct pktq queue;
	/* Tokens as time: how long the bucket could send. */
	net_dur tokens, peak_tokens;
	net_dur burst_time, peak_time;
	net_time last;
};

static struct tbf *tbf_of(struct qdisc *q)
{
	return container_of(q, struct tbf, q);
}

static int tbf_init(struct qdisc *q)
{
	struct tbf *t = tbf_of(q);
	const struct net_tbf *c = &q->cfg.tbf;

	if (!c->rate || !c->burst || !c->limit || (c->peak_rate && c->peak_rate <= c->rate) ||
	    (c->peak_rate && !c->mtu))
		return -EINVAL;
	pktq_init(&t->queue, UINT32_MAX);
	t->burst_time = t->tokens = qdisc_wire_time(c->burst, c->rate);
	t->peak_time = t->peak_tokens = qdisc_wire_time(c->mtu, c->peak_rate);
	t->last = qdisc_now(q);
	return 0;
}

static uint32_t largest(const struct qdisc *q)
{
	const struct net_tbf *c = &q->cfg.tbf;

	return c->peak_rate ? MIN(c->burst, c->mtu) : c->burst;
}

static int enqueue_one(struct qdisc *q, struct pkt *pkt)
{
	if (pkt->len > largest(q) || q->cfg.stats.backlog + pkt->len > q->cfg.tbf.limit)
		return qdisc_drop(q, pkt, DROP_QDISC_LIMIT);
	qdisc_in(q, pkt);
	pktq_push(&tbf_of(q)->queue, pkt);
	return 0;
}

static int tbf_enqueue(struct qdisc *q, struct pkt *pkt)
{
	struct gso_cut cut;
	struct pkt *piece;
	int r = -ENOBUFS;

	if (pkt->len <= largest(q) || !pkt->offload.gso_type)
		return enqueue_one(q, pkt);
	if (!gso_start(q->link, &cut, pkt))
		return -ENOBUFS;
	while ((piece = gso_next(q->link, &cut)))
		if (enqueue_one(q, piece) == 0)
			r = 0;
	return r;
}

static struct pkt *tbf_dequeue(struct qdisc *q, net_time *next)
{
	struct tbf *t = tbf_of(q);
	const struct net_tbf *c = &q->cfg.tbf;
	struct pkt *pkt = pktq_first(&t->queue);
	net_time now = qdisc_now(q);

	if (!pkt)
		return NULL;

	net_dur need = qdisc_wire_time(pkt->len, c->rate);
	net_dur peak_need = qdisc_wire_time(pkt->len, c->peak_rate);
	net_dur tokens = MIN(t->tokens + (now - t->last), t->burst_time);
	net_dur peak = MIN(t->peak_tokens + (now - t->last), t->peak_time);

	if (tokens < need || peak < peak_need) {
		*next = now + MAX(need - tokens, peak_need - peak);
		q->cfg.stats.overlimits++;
		return NULL;
	}
	t->last = now;
	t->tokens = tokens - need;
	t->peak_tokens = peak - peak_need;
	pktq_pop(&t->queue);
	qdisc_out(q, pkt);
	return pkt;
}

static struct pkt *tbf_peel(struct qdisc *q)
{
	struct pkt *pkt = pktq_pop(&tbf_of(q)->queue);

	if (pkt)
		qdisc_out(q, pkt);
	return pkt;
}

const struct qdisc_ops qdisc_tbf_ops = {
	.size = sizeof(struct tbf),
	.init = tbf_init,
	.enqueue = tbf_enqueue,
	.dequeue = tbf_dequeue,
	.peel = tbf_peel,
};
