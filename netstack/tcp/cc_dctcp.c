/* SPDX-License-Identifier: Apache-2.0 */
/* Data Center TCP (RFC 8257): reduces the window by how much of it was marked.
 *
 * alpha is an average of the fraction of marked segments per round trip, in 1/1024. It needs ECN and a
 * receiver that echoes each mark: ecn.h has that part. Pure: the time is in the acknowledgement.
 */
#include "tcp/cc.h"

#include <string.h>

#define ALPHA_MAX 1024u
#define GAIN_SHIFT 4u /* g = 1/16 */

static void dctcp_init(struct cc *cc)
{
	memset(&cc->u.dctcp, 0, sizeof(cc->u.dctcp));
	cc->u.dctcp.alpha = ALPHA_MAX; /* RFC 8257 3.3: the first mark halves the window */
}

/* RFC 8257 3.3 (9): cwnd * (1 - alpha / 2). */
static uint32_t dctcp_ssthresh(struct cc *cc, net_time now)
{
	struct cc_dctcp *dctcp = &cc->u.dctcp;
	uint32_t less = (uint32_t)((uint64_t)cc->cwnd * dctcp->alpha / (2 * ALPHA_MAX));

	(void)now;
	dctcp->loss_cwnd = cc->cwnd;
	return cc->cwnd - less > 2 ? cc->cwnd - less : 2;
}

/* RFC 8257 3.3 (6) to (8), once per round trip. */
static void update_alpha(struct cc_dctcp *dctcp, const struct cc_ack *ack)
{
	uint32_t less = dctcp->alpha >> GAIN_SHIFT;
	uint64_t segs = ack->delivered - dctcp->old_delivered;
	uint64_t marked = ack->delivered_ce - dctcp->old_delivered_ce;

	dctcp->alpha -= less ? less : dctcp->alpha;
	if (marked) {
		uint64_t more = (marked << (10 - GAIN_SHIFT)) / (segs ? segs : 1);
		uint64_t sum = dctcp->alpha + more;

		dctcp->alpha = sum < ALPHA_MAX ? (uint32_t)sum : ALPHA_MAX;
	}
	dctcp->ab_ecn = (uint32_t)marked;
	dctcp->ab_tot = (uint32_t)segs;
	dctcp->old_delivered = ack->delivered;
	dctcp->old_delivered_ce = ack->delivered_ce;
	dctcp->round_end = ack->nxt;
}

static void dctcp_ack(struct cc *cc, const struct cc_ack *ack)
{
	struct cc_dctcp *dctcp = &cc->u.dctcp;

	if (!dctcp->started) {
		dctcp->started = true;
		dctcp->round_end = ack->nxt;
	} else if (seq_ge(ack->una, dctcp->round_end)) {
		update_alpha(dctcp, ack);
	}
}

static void dctcp_grow(struct cc *cc, const struct cc_ack *ack)
{
	cc_reno.grow(cc, ack);
}

/* struct tcp_dctcp_info */
static size_t dctcp_info(const struct cc *cc, uint32_t mss, uint8_t *ret)
{
	const struct cc_dctcp *dctcp = &cc->u.dctcp;
	struct {
		uint16_t enabled, ce_state;
		uint32_t alpha, ab_ecn, ab_tot;
	} info = {1, 0, dctcp->alpha, dctcp->ab_ecn, dctcp->ab_tot};

	(void)mss;
	memcpy(ret, &info, sizeof(info));
	return sizeof(info);
}

const struct cc_ops cc_dctcp = {
	.name = "dctcp",
	.flags = CC_NEEDS_ECN,
	.init = dctcp_init,
	.ssthresh = dctcp_ssthresh,
	.grow = dctcp_grow,
	.rtt = dctcp_ack,
	.info = dctcp_info,
};
