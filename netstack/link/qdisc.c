/* SPDX-License-Identifier: Apache-2.0 */
/* Making, replacing and asking queueing disciplines. */
#include "link/qdisc.h"

#include <errno.h>
#include <stdlib.h>

static const struct qdisc_ops *ops_of(enum net_qdisc_kind kind)
{
	switch (kind) {
	case NET_QDISC_PFIFO_FAST:
	case NET_QDISC_PFIFO:
	case NET_QDISC_BFIFO:
	case NET_QDISC_PRIO:
		return &qdisc_fifo_ops;
	case NET_QDISC_FQ:
		return &qdisc_fq_ops;
	case NET_QDISC_FQ_CODEL:
		return &qdisc_fq_codel_ops;
	case NET_QDISC_TBF:
		return &qdisc_tbf_ops;
	case NET_QDISC_NETEM:
		return &qdisc_netem_ops;
	case NET_QDISC_NOQUEUE:
		break;
	}
	return NULL;
}

int qdisc_new(struct qdisc **ret, struct link *link, const struct net_qdisc *cfg)
{
	const struct qdisc_ops *ops = ops_of(cfg->kind);
	struct qdisc *q;
	int r;

	if (!ops)
		return -EINVAL;
	q = calloc(1, ops->size);
	if (!q)
		return -ENOMEM;
	q->ops = ops;
	q->link = link;
	q->cfg = *cfg;
	q->cfg.link = link->id;
	q->cfg.stats = (struct net_qdisc_stats){0};
	r = ops->init(q);
	if (r < 0) {
		free(q);
		return r;
	}
	*ret = q;
	return 0;
}

void qdisc_free(struct qdisc *q)
{
	struct pkt *pkt;

	if (!q)
		return;
	while ((pkt = q->ops->peel(q)))
		pkt_free(pkt);
	if (q->ops->fini)
		q->ops->fini(q);
	free(q);
}

int qdisc_enqueue(struct qdisc *q, struct pkt *pkt)
{
	return q->ops->enqueue(q, pkt);
}

struct pkt *qdisc_dequeue(struct qdisc *q, net_time *next)
{
	struct pkt *pkt;

	*next = NET_TIME_NEVER;
	pkt = q->ops->dequeue(q, next);
	if (pkt) {
		q->cfg.stats.packets++;
		q->cfg.stats.bytes += pkt->len;
	}
	return pkt;
}

int qdisc_drop(struct qdisc *q, struct pkt *pkt, enum drop why)
{
	q->cfg.stats.drops++;
	q->link->stats.tx_dropped++;
	core_drop(q->link->links->core, pkt, why);
	return -ENOBUFS;
}

uint64_t qdisc_flow(const struct qdisc *q, struct pkt *pkt)
{
	uint16_t type;
	size_t l3;

	if (pkt->charge)
		return hash_u64((uint64_t)(uintptr_t)pkt->charge);
	l3 = ether_l3(q->link, pkt, &type);
	return wire_flow_hash(&q->link->links->core->key, pkt_data(pkt), pkt->lin_len, l3,
			      type == ETH_TYPE_IP6);
}

int link_set_qdisc(struct link *link, const struct net_qdisc *cfg)
{
	struct qdisc *q = NULL, *old = link->qdisc;
	struct pkt *pkt;
	int r;

	if (cfg->kind != NET_QDISC_NOQUEUE) {
		r = qdisc_new(&q, link, cfg);
		if (r < 0)
			return r;
	} else if (link->type == NET_LINK_PORT) {
		return -EINVAL; /* the driver takes frames when it can: they must wait somewhere */
	}
	link->qdisc = q;
	while (old && (pkt = old->ops->peel(old))) {
		if (q)
			(void)qdisc_enqueue(q, pkt);
		else
			link_xmit(link, pkt);
	}
	qdisc_free(old);
	timer_cancel(&link->links->core->timers, &link->tx_timer);
	return 0;
}
