/* SPDX-License-Identifier: Apache-2.0 */
/* HyStart++ (RFC 9406): leaves slow start by delay, through a phase that checks the decision.
 *
 * Pure: the time is in the acknowledgement.
 */
#include "tcp/cc.h"

#define MSEC ((net_dur)1000 * 1000)
#define MIN_RTT_THRESH (4 * MSEC)
#define MAX_RTT_THRESH (16 * MSEC)
#define N_RTT_SAMPLE 8u
#define CSS_GROWTH_DIVISOR 4u
#define CSS_ROUNDS 5u

/* RFC 9406 4.2: a round ends when the window that began it is acknowledged. */
static void next_round(struct cc *cc, const struct cc_ack *ack)
{
	struct cc_hystart *hy = &cc->hystart;

	hy->round_end = ack->nxt;
	hy->last_min = hy->cur_min;
	hy->cur_min = -1;
	hy->samples = 0;
	if (hy->css && ++hy->css_rounds >= CSS_ROUNDS) {
		cc->ssthresh = cc->cwnd;
		hy->css = false;
	}
}

void cc_hystart_ack(struct cc *cc, const struct cc_ack *ack)
{
	struct cc_hystart *hy = &cc->hystart;
	net_dur thresh;

	if (!hy->started || seq_gt(ack->una, hy->round_end)) {
		if (!hy->started)
			hy->cur_min = -1;
		hy->started = true;
		next_round(cc, ack);
	}
	if (ack->rtt < 0 || !cc_in_slow_start(cc))
		return;
	if (hy->cur_min < 0 || ack->rtt < hy->cur_min)
		hy->cur_min = ack->rtt;
	if (++hy->samples < N_RTT_SAMPLE)
		return;
	if (hy->css) {
		/* The increase was jitter: back to slow start. */
		if (hy->cur_min < hy->baseline)
			hy->css = false;
		return;
	}
	if (hy->last_min < 0)
		return;
	thresh = hy->last_min / 8;
	thresh = thresh < MIN_RTT_THRESH ? MIN_RTT_THRESH : thresh;
	thresh = thresh > MAX_RTT_THRESH ? MAX_RTT_THRESH : thresh;
	if (hy->cur_min >= hy->last_min + thresh) {
		hy->baseline = hy->cur_min;
		hy->css = true;
		hy->css_rounds = 0;
	}
}

uint32_t cc_hystart_slow(struct cc *cc, uint32_t acked)
{
	struct cc_hystart *hy = &cc->hystart;
	uint32_t grow;

	if (!hy->css)
		return acked;
	hy->credit += acked;
	grow = hy->credit / CSS_GROWTH_DIVISOR;
	hy->credit %= CSS_GROWTH_DIVISOR;
	return grow;
}
