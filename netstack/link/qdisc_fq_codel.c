/* SPDX-License-Identifier: Apache-2.0 */
/* Fair queueing with controlled delay (RFC 8290, RFC 8289): flows hash to queues that take turns; each
 * queue drops (or marks) when its packets have waited longer than the target for a whole interval.
 */
#include <errno.h>
#include <stdlib.h>

#include "link/qdisc.h"

struct codel_flow {
	struct list turn; /* in fresh or old; on none: empty */
	struct pktq queue;
	int64_t credit;
	uint32_t backlog;
	bool fresh;
	/* RFC 8289 5 */
	bool dropping;
	uint32_t count, last_count;
	net_time first_above, drop_next;
};

struct fq_codel {
	struct qdisc q;
	struct codel_flow *flows;
	struct list fresh, old;
};

static struct fq_codel *codel_of(struct qdisc *q)
{
	return container_of(q, struct fq_codel, q);
}

static int codel_init(struct qdisc *q)
{
	struct fq_codel *fc = codel_of(q);
	struct net_fq_codel *c = &q->cfg.fq_codel;

	c->limit = c->limit ? c->limit : 10240;
	c->flows = c->flows ? c->flows : 1024;
	c->quantum = c->quantum ? c->quantum : q->link->mtu + ETH_HDR_LEN;
	c->target = c->target ? c->target : NET_MS(5);
	c->interval = c->interval ? c->interval : NET_MS(100);
	if (c->flows > 65536 || c->quantum > 1u << 20 || c->target < 0 || c->interval < 0)
		return -EINVAL;
	fc->flows = calloc(c->flows, sizeof(*fc->flows));
	if (!fc->flows)
		return -ENOMEM;
	for (uint32_t i = 0; i < c->flows; i++) {
		list_init(&fc->flows[i].turn);
		pktq_init(&fc->flows[i].queue, UINT32_MAX);
	}
	list_init(&fc->fresh);
	list_init(&fc->old);
	return 0;
}

static struct pkt *flow_pop(struct fq_codel *fc, struct codel_flow *f)
{
	struct pkt *pkt = pktq_pop(&f->queue);

	if (pkt) {
		f->backlog -= pkt->len;
		qdisc_out(&fc->q, pkt);
	}
	return pkt;
}

/* RFC 8290 4.1: the queue with the most bytes loses its first packet. */
static void drop_from_fattest(struct fq_codel *fc)
{
	struct codel_flow *fat = &fc->flows[0];

	for (uint32_t i = 1; i < fc->q.cfg.fq_codel.flows; i++)
		if (fc->flows[i].backlog > fat->backlog)
			fat = &fc->flows[i];

	struct pkt *pkt = flow_pop(fc, fat);

	if (pkt)
		(void)qdisc_drop(&fc->q, pkt, DROP_QDISC_LIMIT);
}

static int codel_enqueue(struct qdisc *q, struct pkt *pkt)
{
	struct fq_codel *fc = codel_of(q);
	struct codel_flow *f = &fc->flows[qdisc_flow(q, pkt) % q->cfg.fq_codel.flows];

	pkt->cb64[0] = (uint64_t)qdisc_now(q);
	qdisc_in(q, pkt);
	f->backlog += pkt->len;
	pktq_push(&f->queue, pkt);
	if (!list_linked(&f->turn)) {
		list_push_back(&fc->fresh, &f->turn);
		f->fresh = true;
		f->credit = q->cfg.fq_codel.quantum;
		q->cfg.stats.flows++;
	}
	if (q->cfg.stats.qlen > q->cfg.fq_codel.limit)
		drop_from_fattest(fc);
	return 0;
}

/* The integer square root, for the control law. */
static uint32_t root(uint32_t n)
{
	uint32_t r = 0;

	for (uint32_t bit = 1u << 15; bit; bit >>= 1)
		if ((r + bit) * (r + bit) <= n)
			r += bit;
	return r;
}

static net_time control_law(const struct fq_codel *fc, net_time t, uint32_t count)
{
	/* interval / sqrt(count), with eight bits of fraction. */
	uint32_t r = root(MIN(count, 65535u) << 16);

	return t + fc->q.cfg.fq_codel.interval * 256 / (r ? r : 1);
}

/* Whether the packet waited too long, for long enough (RFC 8289 5.6). */
static bool should_drop(struct fq_codel *fc, struct codel_flow *f, const struct pkt *pkt, net_time now)
{
	const struct net_fq_codel *c = &fc->q.cfg.fq_codel;
	net_dur wait = now - (net_time)pkt->cb64[0];

	if (wait < c->target || f->backlog <= fc->q.link->mtu) {
		f->first_above = 0;
		return false;
	}
	if (!f->first_above) {
		f->first_above = now + c->interval;
		return false;
	}
	return now >= f->first_above;
}

/* Marks or drops. NULL: dropped. */
static struct pkt *punish(struct fq_codel *fc, struct pkt *pkt)
{
	struct qdisc *q = &fc->q;

	if (q->cfg.fq_codel.ecn) {
		uint16_t type;
		size_t l3 = ether_l3(q->link, pkt, &type);

		if (pkt_make_writable(pkt) &&
		    wire_mark_ce(pkt_data(pkt), pkt->lin_len, l3, type == ETH_TYPE_IP6)) {
			q->cfg.stats.ecn_marks++;
			return pkt;
		}
	}
	(void)qdisc_drop(q, pkt, DROP_QDISC_CODEL);
	return NULL;
}

/* Where dropping begins: more at once if the last time is not long ago (RFC 8289 5.5). */
static void begin_dropping(struct fq_codel *fc, struct codel_flow *f, net_time now)
{
	uint32_t delta = f->count - f->last_count;

	f->dropping = true;
	f->count = delta > 1 && now - f->drop_next < 16 * fc->q.cfg.fq_codel.interval ? delta : 1;
	f->last_count = f->count;
	f->drop_next = control_law(fc, now, f->count);
}

static struct pkt *codel_pop(struct fq_codel *fc, struct codel_flow *f, net_time now)
{
	struct pkt *pkt = flow_pop(fc, f);

	if (!pkt)
		return NULL;

	bool drop = should_drop(fc, f, pkt, now);

	if (!f->dropping) {
		if (!drop)
			return pkt;
		pkt = punish(fc, pkt);
		begin_dropping(fc, f, now);
		return pkt ? pkt : flow_pop(fc, f);
	}
	if (!drop) {
		f->dropping = false;
		return pkt;
	}
	while (f->dropping && now >= f->drop_next) {
		f->count++;
		pkt = punish(fc, pkt);
		if (pkt) {
			f->drop_next = control_law(fc, f->drop_next, f->count);
			return pkt;
		}
		pkt = flow_pop(fc, f);
		if (!pkt || !should_drop(fc, f, pkt, now))
			f->dropping = false;
		else
			f->drop_next = control_law(fc, f->drop_next, f->count);
		if (!pkt)
			return NULL;
	}
	return pkt;
}

static struct codel_flow *next_flow(struct fq_codel *fc)
{
	struct codel_flow *f = list_first_entry(&fc->fresh, struct codel_flow, turn);

	return f ? f : list_first_entry(&fc->old, struct codel_flow, turn);
}

static void flow_leave(struct fq_codel *fc, struct codel_flow *f)
{
	bool fresh = f->fresh;

	list_remove(&f->turn);
	f->fresh = false;
	if (fresh && !list_empty(&fc->old))
		list_push_back(&fc->old, &f->turn); /* RFC 8290 4.2: no starvation by new flows */
	else
		fc->q.cfg.stats.flows--;
}

static struct pkt *codel_dequeue(struct qdisc *q, net_time *next)
{
	struct fq_codel *fc = codel_of(q);
	struct codel_flow *f;

	(void)next;
	while ((f = next_flow(fc))) {
		if (f->credit <= 0) {
			f->credit += q->cfg.fq_codel.quantum;
			f->fresh = false;
			list_remove(&f->turn);
			list_push_back(&fc->old, &f->turn);
			continue;
		}

		struct pkt *pkt = codel_pop(fc, f, qdisc_now(q));

		if (pkt) {
			f->credit -= pkt->len;
			return pkt;
		}
		flow_leave(fc, f);
	}
	return NULL;
}

static struct pkt *codel_peel(struct qdisc *q)
{
	struct fq_codel *fc = codel_of(q);
	struct codel_flow *f;

	while ((f = next_flow(fc))) {
		struct pkt *pkt = flow_pop(fc, f);

		if (pkt)
			return pkt;
		list_remove(&f->turn);
		q->cfg.stats.flows--;
	}
	return NULL;
}

static void codel_fini(struct qdisc *q)
{
	free(codel_of(q)->flows);
}

const struct qdisc_ops qdisc_fq_codel_ops = {
	.size = sizeof(struct fq_codel),
	.init = codel_init,
	.fini = codel_fini,
	.enqueue = codel_enqueue,
	.dequeue = codel_dequeue,
	.peel = codel_peel,
};
