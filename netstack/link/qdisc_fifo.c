/* SPDX-License-Identifier: Apache-2.0 */
/* First in, first out: pfifo, bfifo, and in strict bands pfifo_fast and prio.
 *
 * pfifo_fast is the default of a link: there a packet that is charged to a socket is always taken, for
 * the socket's own limit already holds its sender back.
 */
#include <errno.h>
#include <string.h>

#include "link/qdisc.h"

#define BANDS_MAX 16

struct fifo {
	struct qdisc q;
	unsigned bands;
	struct pktq band[BANDS_MAX];
};

/* Linux's prio2band. */
static const uint8_t linux_map[16] = {1, 2, 2, 2, 1, 2, 0, 0, 1, 1, 1, 1, 1, 1, 1, 1};

static struct fifo *fifo_of(struct qdisc *q)
{
	return container_of(q, struct fifo, q);
}

static int fifo_init(struct qdisc *q)
{
	static const uint8_t none[16];
	struct fifo *f = fifo_of(q);
	struct net_qdisc *cfg = &q->cfg;
	bool banded = cfg->kind == NET_QDISC_PFIFO_FAST || cfg->kind == NET_QDISC_PRIO;

	f->bands = 1;
	if (banded) {
		if (!cfg->bands || cfg->kind == NET_QDISC_PFIFO_FAST)
			cfg->bands = 3;
		if (cfg->bands < 2 || cfg->bands > BANDS_MAX)
			return -EINVAL;
		f->bands = cfg->bands;
		if (!memcmp(cfg->prio_map, none, sizeof(none)))
			memcpy(cfg->prio_map, linux_map, sizeof(linux_map));
		for (int i = 0; i < 16; i++)
			if (cfg->prio_map[i] >= f->bands)
				return -EINVAL;
	}
	if (!cfg->limit) {
		cfg->limit = MAX(q->link->tx_queue_len, 1u);
		if (cfg->kind == NET_QDISC_BFIFO)
			cfg->limit *= q->link->mtu;
	}
	for (unsigned i = 0; i < f->bands; i++)
		pktq_init(&f->band[i], UINT32_MAX);
	return 0;
}

static bool has_room(const struct qdisc *q, const struct pkt *pkt, const struct pktq *band)
{
	switch (q->cfg.kind) {
	case NET_QDISC_BFIFO:
		return q->cfg.stats.backlog + pkt->len <= q->cfg.limit;
	case NET_QDISC_PFIFO_FAST:
		return pkt->charge || q->cfg.stats.qlen < q->cfg.limit;
	case NET_QDISC_PRIO:
		return band->count < q->cfg.limit;
	default:
		return q->cfg.stats.qlen < q->cfg.limit;
	}
}

static int fifo_enqueue(struct qdisc *q, struct pkt *pkt)
{
	struct fifo *f = fifo_of(q);
	struct pktq *band = &f->band[f->bands > 1 ? q->cfg.prio_map[pkt->prio & 15] : 0];

	if (!has_room(q, pkt, band))
		return qdisc_drop(q, pkt,
				  q->cfg.kind == NET_QDISC_PFIFO_FAST ? DROP_LINK_TX_FULL
								      : DROP_QDISC_LIMIT);
	qdisc_in(q, pkt);
	pktq_push(band, pkt);
	return 0;
}

static struct pkt *fifo_peel(struct qdisc *q)
{
	struct fifo *f = fifo_of(q);

	for (unsigned i = 0; i < f->bands; i++) {
		struct pkt *pkt = pktq_pop(&f->band[i]);

		if (pkt) {
			qdisc_out(q, pkt);
			return pkt;
		}
	}
	return NULL;
}

static struct pkt *fifo_dequeue(struct qdisc *q, net_time *next)
{
	(void)next;
	return fifo_peel(q);
}

const struct qdisc_ops qdisc_fifo_ops = {
	.size = sizeof(struct fifo),
	.init = fifo_init,
	.enqueue = fifo_enqueue,
	.dequeue = fifo_dequeue,
	.peel = fifo_peel,
};
