/* SPDX-License-Identifier: Apache-2.0 */
/* Fair queueing with pacing, after Linux's fq: each flow (a socket, or addresses and ports) has a queue;
 * flows take turns of a quantum, new ones first. A flow leaves no earlier than its packet's departure
 * time and no faster than its owner's rate; while it waits it stands in a heap by time.
 */
#include <errno.h>
#include <stdlib.h>

#include "link/qdisc.h"
#include "util/heap.h"

#define IDLE_MAX 1024 /* flows without packets that are remembered */

struct fq_flow {
	struct hnode node;
	struct list turn; /* in fresh, old or idle */
	struct heap_node wait;
	struct pktq queue;
	int64_t credit;
	net_time next; /* not before */
};

struct fq {
	struct qdisc q;
	struct hash flows;
	struct list fresh, old, idle;
	uint32_t nidle;
	struct heap waiting;
};

static struct fq *fq_of(struct qdisc *q)
{
	return container_of(q, struct fq, q);
}

static int fq_init(struct qdisc *q)
{
	struct fq *fq = fq_of(q);
	struct net_fq *c = &q->cfg.fq;
	uint32_t frame = q->link->mtu + ETH_HDR_LEN;

	c->limit = c->limit ? c->limit : 10000;
	c->flow_limit = c->flow_limit ? c->flow_limit : 100;
	c->quantum = c->quantum ? c->quantum : 2 * frame;
	c->initial_quantum = c->initial_quantum ? c->initial_quantum : 10 * frame;
	c->horizon = c->horizon ? c->horizon : NET_SEC(10);
	if (c->quantum > 1u << 20 || c->initial_quantum > INT32_MAX || c->horizon < 0)
		return -EINVAL;
	list_init(&fq->fresh);
	list_init(&fq->old);
	list_init(&fq->idle);
	return hash_init(&fq->flows, 6) < 0 ? -ENOMEM : 0;
}

static void flow_free(struct fq *fq, struct fq_flow *f)
{
	hash_remove(&fq->flows, &f->node);
	heap_remove(&fq->waiting, &f->wait);
	list_remove(&f->turn);
	fq->q.cfg.stats.flows--;
	free(f);
}

static void make_idle(struct fq *fq, struct fq_flow *f)
{
	list_push_back(&fq->idle, &f->turn);
	if (++fq->nidle > IDLE_MAX) {
		flow_free(fq, list_first_entry(&fq->idle, struct fq_flow, turn));
		fq->nidle--;
	}
}

static struct fq_flow *flow_get(struct fq *fq, struct pkt *pkt)
{
	uint64_t h = qdisc_flow(&fq->q, pkt);
	struct fq_flow *f;

	hash_for_each_match(node, &fq->flows, h) return hash_entry(node, struct fq_flow, node);
	f = calloc(1, sizeof(*f));
	if (!f)
		return NULL;
	pktq_init(&f->queue, fq->q.cfg.fq.flow_limit);
	hash_insert(&fq->flows, &f->node, h);
	fq->q.cfg.stats.flows++;
	make_idle(fq, f);
	return f;
}

static int fq_enqueue(struct qdisc *q, struct pkt *pkt)
{
	struct fq *fq = fq_of(q);
	const struct net_fq *c = &q->cfg.fq;
	struct fq_flow *f;

	if (q->cfg.stats.qlen >= c->limit)
		return qdisc_drop(q, pkt, DROP_QDISC_LIMIT);
	if (pkt->rx_time > qdisc_now(q) + c->horizon) {
		if (c->horizon_drop)
			return qdisc_drop(q, pkt, DROP_QDISC_LIMIT);
		pkt->rx_time = qdisc_now(q) + c->horizon;
	}
	f = flow_get(fq, pkt);
	if (!f)
		return qdisc_drop(q, pkt, DROP_NO_MEMORY);
	if (pktq_full(&f->queue))
		return qdisc_drop(q, pkt, DROP_QDISC_LIMIT);
	if (!f->queue.count) {
		fq->nidle--;
		list_remove(&f->turn);
		list_push_back(&fq->fresh, &f->turn);
		f->credit = MAX(f->credit, (int64_t)c->initial_quantum);
	}
	qdisc_in(q, pkt);
	pktq_push(&f->queue, pkt);
	return 0;
}

/* Flows whose time has come join the others. */
static void release(struct fq *fq, net_time now)
{
	struct heap_node *min;

	while ((min = heap_min(&fq->waiting)) && min->key <= now) {
		struct fq_flow *f = heap_entry(min, struct fq_flow, wait);

		heap_remove(&fq->waiting, min);
		list_push_back(&fq->old, &f->turn);
		fq->q.cfg.stats.throttled--;
	}
}

static void pace(struct fq *fq, struct fq_flow *f, const struct pkt *pkt, net_time now)
{
	const struct net_fq *c = &fq->q.cfg.fq;
	uint64_t rate = c->flow_max_rate;

	if (!c->no_pacing && pkt->charge && pkt->charge->pacing_rate &&
	    (!rate || pkt->charge->pacing_rate < rate))
		rate = pkt->charge->pacing_rate;
	if (rate)
		f->next = MAX(f->next, now) + qdisc_wire_time(pkt->len, rate);
}

/* Takes the first packet of a flow and says where the flow goes next. */
static struct pkt *flow_pop(struct fq *fq, struct fq_flow *f)
{
	struct pkt *pkt = pktq_pop(&f->queue);

	qdisc_out(&fq->q, pkt);
	if (f->queue.count)
		return pkt;
	list_remove(&f->turn);
	make_idle(fq, f);
	return pkt;
}

static struct pkt *fq_dequeue(struct qdisc *q, net_time *next)
{
	struct fq *fq = fq_of(q);
	net_time now = qdisc_now(q);
	struct fq_flow *f;

	release(fq, now);
	for (;;) {
		f = list_first_entry(&fq->fresh, struct fq_flow, turn);
		if (!f)
			f = list_first_entry(&fq->old, struct fq_flow, turn);
		if (!f)
			break;
		if (f->credit <= 0) {
			f->credit += q->cfg.fq.quantum;
			list_remove(&f->turn);
			list_push_back(&fq->old, &f->turn);
			continue;
		}

		struct pkt *pkt = pktq_first(&f->queue);
		net_time at = MAX(f->next, pkt->rx_time);

		if (at > now) {
			list_remove(&f->turn);
			heap_insert(&fq->waiting, &f->wait, at);
			q->cfg.stats.throttled++;
			continue;
		}
		f->credit -= pkt->len;
		pace(fq, f, pkt, now);
		return flow_pop(fq, f);
	}
	if (heap_min(&fq->waiting)) {
		*next = heap_min(&fq->waiting)->key;
		q->cfg.stats.overlimits++;
	}
	return NULL;
}

static struct pkt *fq_peel(struct qdisc *q)
{
	struct fq *fq = fq_of(q);

	release(fq, NET_TIME_NEVER);

	struct fq_flow *f = list_first_entry(&fq->fresh, struct fq_flow, turn);

	if (!f)
		f = list_first_entry(&fq->old, struct fq_flow, turn);
	return f ? flow_pop(fq, f) : NULL;
}

static void fq_fini(struct qdisc *q)
{
	struct fq *fq = fq_of(q);
	struct fq_flow *f;

	while ((f = list_first_entry(&fq->idle, struct fq_flow, turn)))
		flow_free(fq, f);
	hash_fini(&fq->flows);
}

const struct qdisc_ops qdisc_fq_ops = {
	.size = sizeof(struct fq),
	.init = fq_init,
	.fini = fq_fini,
	.enqueue = fq_enqueue,
	.dequeue = fq_dequeue,
	.peel = fq_peel,
};
