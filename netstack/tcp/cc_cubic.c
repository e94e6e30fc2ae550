/* SPDX-License-Identifier: Apache-2.0 */
/* CUBIC congestion control (RFC 9438) with HyStart (delay increase and ACK train), or HyStart++.
 *
 * W_cubic(t) = C * (t - K)^3 + W_max, C = 0.4, beta = 717/1024 (about 0.7), fast convergence, and
 * the Reno-friendly region. The two exits of slow start are those of Ha and Rhee's HyStart, the
 * ancestor of RFC 9406, with the thresholds that Linux uses. Pure: the time is in the
 * acknowledgement.
 */
#include "tcp/cc.h"

#include <string.h>

#define CUBIC_BETA 717u /* of 1024 */
#define CUBIC_SCALE 1024u
#define MSEC ((net_dur)1000 * 1000)

#define HYSTART_MIN_SAMPLES 8
#define HYSTART_LOW_WINDOW 16u
#define HYSTART_DELAY_MIN (4 * MSEC)
#define HYSTART_DELAY_MAX (16 * MSEC)
#define HYSTART_ACK_SPACING (2 * MSEC)

static net_dur clamp_dur(net_dur v, net_dur lo, net_dur hi)
{
	return v < lo ? lo : v > hi ? hi : v;
}

/* The integer cube root, by bits from the top. */
static uint32_t cube_root(uint64_t n)
{
	uint64_t r = 0;

	for (int shift = 20; shift >= 0; shift--) {
		uint64_t t = r | (1ull << shift);

		if (t * t * t <= n)
			r = t;
	}
	return (uint32_t)r;
}

static void hystart_reset(struct cc_cubic *cubic, net_time now, struct seq nxt)
{
	cubic->round_start = cubic->last_ack = now;
	cubic->round_end = nxt;
	cubic->round_min_rtt = -1;
	cubic->round_samples = 0;
}

static void cubic_reset(struct cc *cc)
{
	memset(&cc->u.cubic, 0, sizeof(cc->u.cubic));
	cc->u.cubic.round_min_rtt = -1;
	cc->u.cubic.round_start = -1;
}

/* RFC 9438 4.6, 4.7: multiplicative decrease and fast convergence. */
static uint32_t cubic_ssthresh(struct cc *cc, net_time now)
{
	struct cc_cubic *cubic = &cc->u.cubic;
	uint32_t reduced = (uint32_t)((uint64_t)cc->cwnd * CUBIC_BETA / CUBIC_SCALE);

	(void)now;
	cubic->epoch_start = 0;
	if (cc->cwnd < cubic->last_max_cwnd)
		cubic->last_max_cwnd = (uint32_t)((uint64_t)cc->cwnd * (CUBIC_SCALE + CUBIC_BETA) /
						  (2 * CUBIC_SCALE));
	else
		cubic->last_max_cwnd = cc->cwnd;
	return reduced > 2 ? reduced : 2;
}

static void cubic_epoch(struct cc_cubic *cubic, const struct cc *cc, const struct cc_ack *ack)
{
	cubic->epoch_start = ack->now ? ack->now : 1;
	cubic->ack_cnt = ack->acked_segs;
	cubic->tcp_cwnd = cc->cwnd;
	if (cubic->last_max_cwnd <= cc->cwnd) {
		cubic->k = 0;
		cubic->origin_point = cc->cwnd;
	} else {
		/* RFC 9438 (2): K = cbrt((W_max - cwnd) / C), here in milliseconds:
		 * K_ms^3 = dW / 0.4 * 10^9. */
		uint64_t cube = (uint64_t)(cubic->last_max_cwnd - cc->cwnd) * 2500000000ull;

		cubic->k = (net_dur)cube_root(cube) * MSEC;
		cubic->origin_point = cubic->last_max_cwnd;
	}
}

/* W_cubic(t) (RFC 9438 (1)), t counted from the epoch and looking one RTT ahead. */
static uint32_t cubic_target(const struct cc_cubic *cubic, net_time now)
{
	net_dur t = now - cubic->epoch_start + cubic->delay_min;
	net_dur off = t < cubic->k ? cubic->k - t : t - cubic->k;
	uint64_t ms = (uint64_t)(off / MSEC);
	uint64_t delta;

	if (ms > 1000000) /* 1000 s away: the cube is beyond any window, and must not overflow */
		ms = 1000000;
	delta = ms * ms * ms / 2500000000ull;
	if (t < cubic->k)
		return delta < cubic->origin_point ? (uint32_t)(cubic->origin_point - delta) : 0;
	delta += cubic->origin_point;
	return delta > CC_CWND_MAX ? CC_CWND_MAX : (uint32_t)delta;
}

/* RFC 9438 4.3: what Reno with the same beta would have; cnt is lowered to keep pace with it. */
static void cubic_reno_friendly(struct cc_cubic *cubic, uint32_t cwnd)
{
	/* One W_est step per cwnd / alpha segments, alpha = 3 (1 - beta) / (1 + beta). */
	uint32_t alpha_inv = 8u * (CUBIC_SCALE + CUBIC_BETA) / 3 / (CUBIC_SCALE - CUBIC_BETA);
	uint32_t per = (uint32_t)(((uint64_t)cwnd * alpha_inv) >> 3);

	if (!per)
		per = 1;
	while (cubic->ack_cnt > per) {
		cubic->ack_cnt -= per;
		cubic->tcp_cwnd++;
	}
	if (cubic->tcp_cwnd > cwnd) {
		uint32_t max_cnt = cwnd / (cubic->tcp_cwnd - cwnd);

		if (cubic->cnt > max_cnt)
			cubic->cnt = max_cnt;
	}
}

static void cubic_update(struct cc *cc, const struct cc_ack *ack)
{
	struct cc_cubic *cubic = &cc->u.cubic;
	uint32_t cwnd = cc->cwnd;
	uint32_t target;

	cubic->ack_cnt += ack->acked_segs;
	/* The curve is in milliseconds. (Linux looks every 31 ms only, which starves paths of a few
	 * ms.) */
	if (cubic->last_cwnd == cwnd && ack->now - cubic->last_time < MSEC && cubic->epoch_start)
		return;
	cubic->last_cwnd = cwnd;
	cubic->last_time = ack->now;
	if (!cubic->epoch_start)
		cubic_epoch(cubic, cc, ack);

	target = cubic_target(cubic, ack->now);
	cubic->cnt = target > cwnd ? cwnd / (target - cwnd) : 100 * cwnd;
	/* The first epoch has no W_max to aim at: at least 5 % per round trip. */
	if (!cubic->last_max_cwnd && cubic->cnt > 20)
		cubic->cnt = 20;
	cubic_reno_friendly(cubic, cwnd);
	if (cubic->cnt < 2) /* RFC 9438 4.4: target at most 1.5 cwnd per RTT */
		cubic->cnt = 2;
}

static void cubic_grow(struct cc *cc, const struct cc_ack *ack)
{
	struct cc_ack rest = *ack;

	if (!cc_is_limited(cc))
		return;
	if (cc_in_slow_start(cc)) {
		if (cc->hystart_mode == 2)
			rest.acked_segs = cc_hystart_slow(cc, rest.acked_segs);
		rest.acked_segs = cc_slow_start(cc, rest.acked_segs);
		if (!rest.acked_segs)
			return;
	}
	cubic_update(cc, &rest);
	cc_additive(cc, cc->u.cubic.cnt, rest.acked_segs);
}

static void hystart_leave(struct cc *cc)
{
	cc->u.cubic.found = true;
	cc->ssthresh = cc->cwnd;
}

static void hystart_update(struct cc *cc, const struct cc_ack *ack)
{
	struct cc_cubic *cubic = &cc->u.cubic;
	net_dur threshold;

	if (cubic->round_start < 0 || seq_gt(ack->una, cubic->round_end))
		hystart_reset(cubic, ack->now, ack->nxt);

	/* ACK train: closely spaced ACKs that together last half a round trip fill the pipe. */
	if (ack->now - cubic->last_ack <= HYSTART_ACK_SPACING) {
		cubic->last_ack = ack->now;
		if (ack->now - cubic->round_start > cubic->delay_min / 2) {
			hystart_leave(cc);
			return;
		}
	}
	/* Delay increase: the round's smallest RTT grew by an eighth (4 to 16 ms). */
	if (cubic->round_min_rtt < 0 || ack->rtt < cubic->round_min_rtt)
		cubic->round_min_rtt = ack->rtt;
	if (cubic->round_samples < HYSTART_MIN_SAMPLES) {
		cubic->round_samples++;
		return;
	}
	threshold = clamp_dur(cubic->delay_min / 8, HYSTART_DELAY_MIN, HYSTART_DELAY_MAX);
	if (cubic->round_min_rtt > cubic->delay_min + threshold)
		hystart_leave(cc);
}

static void cubic_rtt(struct cc *cc, const struct cc_ack *ack)
{
	struct cc_cubic *cubic = &cc->u.cubic;
	net_dur rtt = ack->rtt;

	if (rtt < 0)
		return;
	/* Just after a loss the queue still drains: such samples say nothing about the path. */
	if (cubic->epoch_start && ack->now - cubic->epoch_start < 1000 * MSEC)
		return;
	if (rtt == 0)
		rtt = 1;
	if (cubic->delay_min == 0 || rtt < cubic->delay_min)
		cubic->delay_min = rtt;
	if (cc->hystart_mode == 2 && cc_in_slow_start(cc))
		cc_hystart_ack(cc, ack);
	else if (cc->hystart_mode == 1 && !cubic->found && cc_in_slow_start(cc) &&
		 cc->cwnd >= HYSTART_LOW_WINDOW)
		hystart_update(cc, ack);
}

static void cubic_timeout(struct cc *cc)
{
	cubic_reset(cc);
}

/* Time without sending must not count as growth time (RFC 9438 4.2, RFC 7661). */
static void cubic_restart(struct cc *cc, net_time now, net_dur idle)
{
	struct cc_cubic *cubic = &cc->u.cubic;

	if (cubic->epoch_start && idle > 0) {
		cubic->epoch_start += idle;
		if (cubic->epoch_start > now)
			cubic->epoch_start = now;
	}
}

const struct cc_ops cc_cubic = {
	.name = "cubic",
	.init = cubic_reset,
	.ssthresh = cubic_ssthresh,
	.grow = cubic_grow,
	.rtt = cubic_rtt,
	.timeout = cubic_timeout,
	.restart = cubic_restart,
};
