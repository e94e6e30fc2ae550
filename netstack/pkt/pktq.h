/* SPDX-License-Identifier: Apache-2.0 */
/* A bounded queue of packets, linked through pkt->link. */
#pragma once

#include "pkt/pkt.h"

struct pktq {
	struct list head;
	uint32_t count;
	uint32_t limit;
};

static inline void pktq_init(struct pktq *q, uint32_t limit)
{
	list_init(&q->head);
	q->count = 0;
	q->limit = limit;
}

static inline bool pktq_full(const struct pktq *q)
{
	return q->count >= q->limit;
}

/* The caller has asked pktq_full() where the limit matters. */
static inline void pktq_push(struct pktq *q, struct pkt *pkt)
{
	list_push_back(&q->head, &pkt->link);
	q->count++;
}

static inline struct pkt *pktq_first(const struct pktq *q)
{
	return list_first_entry(&q->head, struct pkt, link);
}

static inline struct pkt *pktq_pop(struct pktq *q)
{
	struct pkt *pkt = list_pop_entry(&q->head, struct pkt, link);

	if (pkt)
		q->count--;
	return pkt;
}

static inline void pktq_flush(struct pktq *q)
{
	struct pkt *pkt;

	while ((pkt = pktq_pop(q)))
		pkt_free(pkt);
}
