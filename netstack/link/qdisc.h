/* SPDX-License-Identifier: Apache-2.0 */
/* Queueing disciplines, private to link/. A discipline holds packets between link_output() and the edge;
 * it never sends, it is asked. */
#pragma once

#include "link/link.h"

struct qdisc;

struct qdisc_ops {
	size_t size; /* of the object that embeds struct qdisc first, zeroed */
	/* Checks q->cfg and fills in its defaults. 0, -EINVAL, -ENOMEM. */
	int (*init)(struct qdisc *q);
	/* Frees what init made; the queue is empty. */
	void (*fini)(struct qdisc *q);
	/* Takes @pkt. 0 or -ENOBUFS. */
	int (*enqueue)(struct qdisc *q, struct pkt *pkt);
	/* NULL: nothing now; @next: when there will be, NET_TIME_NEVER if nothing waits. */
	struct pkt *(*dequeue)(struct qdisc *q, net_time *next);
	/* Takes out any packet, due or not: to move what waits, or to free it. */
	struct pkt *(*peel)(struct qdisc *q);
};

struct qdisc {
	const struct qdisc_ops *ops;
	struct link *link;
	struct net_qdisc cfg; /* and its statistics */
};

extern const struct qdisc_ops qdisc_fifo_ops; /* PFIFO_FAST, PFIFO, BFIFO, PRIO */
extern const struct qdisc_ops qdisc_fq_ops;
extern const struct qdisc_ops qdisc_fq_codel_ops;
extern const struct qdisc_ops qdisc_tbf_ops;
extern const struct qdisc_ops qdisc_netem_ops;

int qdisc_new(struct qdisc **ret, struct link *link, const struct net_qdisc *cfg);
/* Frees what waits too. Accepts NULL. */
void qdisc_free(struct qdisc *q);
int qdisc_enqueue(struct qdisc *q, struct pkt *pkt);
struct pkt *qdisc_dequeue(struct qdisc *q, net_time *next);

/* For the disciplines: @pkt entered, left without being sent, is refused. */
static inline void qdisc_in(struct qdisc *q, const struct pkt *pkt)
{
	q->cfg.stats.qlen++;
	q->cfg.stats.backlog += pkt->len;
}

static inline void qdisc_out(struct qdisc *q, const struct pkt *pkt)
{
	q->cfg.stats.qlen--;
	q->cfg.stats.backlog -= pkt->len;
}

/* Takes @pkt; returns -ENOBUFS. */
int qdisc_drop(struct qdisc *q, struct pkt *pkt, enum drop why);
/* Which flow a frame belongs to: its socket, else its addresses and ports. */
uint64_t qdisc_flow(const struct qdisc *q, struct pkt *pkt);

static inline net_time qdisc_now(const struct qdisc *q)
{
	return q->link->links->core->now;
}

/* Time that @bytes take at @rate bytes per second. */
static inline net_dur qdisc_wire_time(uint32_t bytes, uint64_t rate)
{
	return rate ? (net_dur)(bytes * 1000000000ull / rate) : 0;
}
