/* SPDX-License-Identifier: Apache-2.0 */
/* Impairment: delay with jitter, loss, duplication, corruption, reordering, rate; from the stack's seed.
 * What waits stands in order of its departure.
 */
#include <errno.h>

#include "link/qdisc.h"

struct netem {
	struct qdisc q;
	struct list queue; /* struct pkt, cb64[0]: departure */
	uint32_t counter;  /* packets since the last that was sent at once */
	net_time last;	   /* when the rate has sent what it was given */
};

static struct netem *netem_of(struct qdisc *q)
{
	return container_of(q, struct netem, q);
}

static int netem_init(struct qdisc *q)
{
	struct net_netem *c = &q->cfg.netem;

	c->limit = c->limit ? c->limit : 1000;
	if (c->latency < 0 || c->jitter < 0 || (c->reorder && !c->latency))
		return -EINVAL;
	/* Linux: reorder without gap means gap 1. */
	if (c->reorder && !c->gap)
		c->gap = 1;
	list_init(&netem_of(q)->queue);
	return 0;
}

static bool hit(struct qdisc *q, uint32_t probability)
{
	return probability && rng_u32(&q->link->links->core->rng) < probability;
}

static void insert(struct netem *n, struct pkt *pkt, net_time at)
{
	struct list *after = list_last(&n->queue);

	pkt->cb64[0] = (uint64_t)at;
	while (after && (net_time)list_entry(after, struct pkt, link)->cb64[0] > at)
		after = list_prev(&n->queue, after);
	if (after)
		list_insert_after(after, &pkt->link);
	else
		list_push_front(&n->queue, &pkt->link);
	qdisc_in(&n->q, pkt);
}

static net_time departure(struct qdisc *q, const struct pkt *pkt)
{
	struct netem *n = netem_of(q);
	const struct net_netem *c = &q->cfg.netem;
	struct rng *rng = &q->link->links->core->rng;
	net_time at = qdisc_now(q);
	net_dur delay = c->latency;

	/* Every gap-th, with that probability, is not delayed: it overtakes. */
	if (c->gap && n->counter >= c->gap - 1 && hit(q, c->reorder)) {
		n->counter = 0;
		return at;
	}
	n->counter++;
	if (c->jitter)
		delay += (net_dur)(rng_u64(rng) % (2 * (uint64_t)c->jitter)) - c->jitter;
	at += MAX(delay, (net_dur)0);
	if (c->rate) {
		n->last = MAX(n->last, qdisc_now(q)) + qdisc_wire_time(pkt->len, c->rate);
		at = MAX(at, n->last);
	}
	return at;
}

static void corrupt(struct qdisc *q, struct pkt *pkt)
{
	struct rng *rng = &q->link->links->core->rng;

	if (!pkt_csum_finish(pkt) || !pkt_make_writable(pkt) || !pkt->lin_len)
		return;
	pkt_data(pkt)[rng_below(rng, pkt->lin_len)] ^= (uint8_t)(1u << rng_below(rng, 8));
	pkt->offload.flags = 0;
}

static int netem_enqueue(struct qdisc *q, struct pkt *pkt)
{
	const struct net_netem *c = &q->cfg.netem;

	if (hit(q, c->loss)) {
		(void)qdisc_drop(q, pkt, DROP_QDISC_NETEM);
		return 0; /* a loss of the wire: the sender does not know */
	}
	if (hit(q, c->duplicate)) {
		struct pkt *copy = pkt_clone(pkt);

		if (copy && q->cfg.stats.qlen < c->limit)
			insert(netem_of(q), copy, departure(q, copy));
		else
			pkt_free(copy);
	}
	if (q->cfg.stats.qlen >= c->limit)
		return qdisc_drop(q, pkt, DROP_QDISC_LIMIT);
	if (hit(q, c->corrupt) && !pkt->offload.gso_type)
		corrupt(q, pkt);
	if (c->latency || c->rate)
		pkt_uncharge(pkt); /* on the wire: no longer the sender's */
	insert(netem_of(q), pkt, departure(q, pkt));
	return 0;
}

static struct pkt *netem_peel(struct qdisc *q)
{
	struct pkt *pkt = list_pop_entry(&netem_of(q)->queue, struct pkt, link);

	if (pkt)
		qdisc_out(q, pkt);
	return pkt;
}

static struct pkt *netem_dequeue(struct qdisc *q, net_time *next)
{
	struct pkt *first = list_first_entry(&netem_of(q)->queue, struct pkt, link);

	if (!first)
		return NULL;
	if ((net_time)first->cb64[0] > qdisc_now(q)) {
		*next = (net_time)first->cb64[0];
		return NULL;
	}
	return netem_peel(q);
}

const struct qdisc_ops qdisc_netem_ops = {
	.size = sizeof(struct netem),
	.init = netem_init,
	.enqueue = netem_enqueue,
	.dequeue = netem_dequeue,
	.peel = netem_peel,
};
