/* SPDX-License-Identifier: Apache-2.0 */
/* Reno congestion control (RFC 5681), with RFC 3465's counting of acknowledged segments.
 *
 * Pure: reads no clock, allocates nothing.
 */
#include "tcp/cc.h"

static void reno_init(struct cc *cc)
{
	(void)cc;
}

/* RFC 5681 (4): half the flight. cwnd stands for the flight, as it only grows while it is used. */
static uint32_t reno_ssthresh(struct cc *cc, net_time now)
{
	(void)now;
	return cc->cwnd / 2 > 2 ? cc->cwnd / 2 : 2;
}

static void reno_grow(struct cc *cc, const struct cc_ack *ack)
{
	uint32_t acked = ack->acked_segs;

	if (!cc_is_limited(cc))
		return;
	if (cc_in_slow_start(cc)) {
		acked = cc_slow_start(cc, acked);
		if (!acked)
			return;
	}
	cc_additive(cc, cc->cwnd, acked);
}

const struct cc_ops cc_reno = {
	.name = "reno",
	.init = reno_init,
	.ssthresh = reno_ssthresh,
	.grow = reno_grow,
};
