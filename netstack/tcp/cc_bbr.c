/* SPDX-License-Identifier: Apache-2.0 */
/* BBR, version 1 (draft-cardwell-iccrg-bbr-congestion-control-00).
 *
 * A model of the path instead of a reaction to loss: the bottleneck's bandwidth is the largest
 * delivery rate of the last ten round trips, the path's delay the smallest RTT of ten seconds. The
 * pacing rate and the window follow from both and the gains of a state: Startup, Drain, ProbeBW,
 * ProbeRTT. Bandwidth is in segments per 2^24 microseconds. Pure: the time is in the acknowledgement.
 */
#include "tcp/cc.h"

#include <string.h>

#define BW_UNIT 24u
#define GAIN_UNIT 256u
#define GAIN_HIGH (2885u * GAIN_UNIT / 1000 + 1) /* 2 / ln 2 */
#define GAIN_DRAIN (GAIN_UNIT * 1000 / 2885)
#define GAIN_CWND (2 * GAIN_UNIT)
#define CYCLE_LEN 8u
#define BW_ROUNDS 10u
#define MIN_RTT_WINDOW ((net_dur)10 * 1000 * 1000 * 1000)
#define PROBE_RTT_LEN ((net_dur)200 * 1000 * 1000)
#define MIN_CWND 4u
#define FULL_BW_ROUNDS 3u
#define PACING_MARGIN 99u /* percent: keep below the estimate */

enum { BBR_STARTUP, BBR_DRAIN, BBR_PROBE_BW, BBR_PROBE_RTT };

/* 4.3.4: probe, drain what that queued, then cruise. */
static const uint32_t cycle_gain[CYCLE_LEN] = {
	GAIN_UNIT * 5 / 4, GAIN_UNIT * 3 / 4, GAIN_UNIT, GAIN_UNIT,
	GAIN_UNIT,	   GAIN_UNIT,	      GAIN_UNIT, GAIN_UNIT};

static void bbr_init(struct cc *cc)
{
	struct cc_bbr *bbr = &cc->u.bbr;

	memset(bbr, 0, sizeof(*bbr));
	bbr->min_rtt = -1;
	bbr->pacing_gain = bbr->cwnd_gain = GAIN_HIGH;
}

/* The largest of the last BW_ROUNDS rounds: three candidates, best first, each younger. */
static void max_update(struct cc_bbr *bbr, uint64_t bw)
{
	struct cc_bbr_max *m = bbr->max;
	struct cc_bbr_max new = {bw, bbr->rounds};

	if (bw >= m[0].bw || bbr->rounds - m[2].round > BW_ROUNDS) {
		m[0] = m[1] = m[2] = new;
		return;
	}
	if (bw >= m[1].bw)
		m[1] = m[2] = new;
	else if (bw >= m[2].bw)
		m[2] = new;
	if (bbr->rounds - m[0].round > BW_ROUNDS) {
		m[0] = m[1];
		m[1] = m[2];
		m[2] = new;
	} else if (m[1].round == m[0].round && bbr->rounds - m[1].round > BW_ROUNDS / 4) {
		m[1] = m[2] = new;
	} else if (m[2].round == m[1].round && bbr->rounds - m[2].round > BW_ROUNDS / 2) {
		m[2] = new;
	}
}

static void update_bw(struct cc_bbr *bbr, const struct cc_ack *ack)
{
	uint64_t bw;

	bbr->round_start = false;
	if (ack->interval <= 0 || !ack->rate_segs)
		return;
	if (ack->prior_delivered >= bbr->next_round) {
		bbr->next_round = ack->delivered;
		bbr->rounds++;
		bbr->round_start = true;
		bbr->conserve = false;
	}
	bw = ((uint64_t)ack->rate_segs << BW_UNIT) / (uint64_t)(ack->interval / 1000 + 1);
	if (!ack->app_limited || bw >= bbr->max[0].bw)
		max_update(bbr, bw);
}

/* The window that fills the path @gain times. */
static uint32_t bdp(const struct cc_bbr *bbr, uint32_t gain)
{
	uint64_t w;

	if (bbr->min_rtt < 0)
		return CC_INIT_CWND;
	w = bbr->max[0].bw * (uint64_t)(bbr->min_rtt / 1000 + 1);
	w = ((w >> 8) * gain + (1ull << (BW_UNIT - 1))) >> BW_UNIT;
	return w > CC_CWND_MAX ? CC_CWND_MAX : (uint32_t)w;
}

static void enter_probe_bw(struct cc_bbr *bbr, net_time now)
{
	bbr->mode = BBR_PROBE_BW;
	/* Any phase but the draining one; flows that start together should not stay together. */
	bbr->cycle = (uint8_t)((uint64_t)now / 1000 % (CYCLE_LEN - 1));
	if (bbr->cycle >= 1)
		bbr->cycle++;
	bbr->cycle_at = now;
}

static void update_cycle(struct cc_bbr *bbr, const struct cc_ack *ack)
{
	uint32_t gain = cycle_gain[bbr->cycle];
	bool full = ack->now - bbr->cycle_at > bbr->min_rtt;

	if (bbr->mode != BBR_PROBE_BW)
		return;
	/* A probe lasts until it filled the pipe, a drain ends as soon as the queue is gone. */
	if (gain > GAIN_UNIT)
		full = full && (ack->losses || ack->in_flight >= bdp(bbr, gain));
	else if (gain < GAIN_UNIT)
		full = full || ack->in_flight <= bdp(bbr, GAIN_UNIT);
	if (!full)
		return;
	bbr->cycle = (bbr->cycle + 1u) % CYCLE_LEN;
	bbr->cycle_at = ack->now;
}

/* 4.3.2: Startup is over when the rate has not grown by a quarter for three rounds. */
static void check_full(struct cc_bbr *bbr, const struct cc_ack *ack)
{
	if (bbr->full || !bbr->round_start || ack->app_limited)
		return;
	if (bbr->max[0].bw >= bbr->full_bw + bbr->full_bw / 4) {
		bbr->full_bw = bbr->max[0].bw;
		bbr->full_rounds = 0;
		return;
	}
	bbr->full = ++bbr->full_rounds >= FULL_BW_ROUNDS;
}

static void check_drain(struct cc_bbr *bbr, const struct cc_ack *ack)
{
	if (bbr->mode == BBR_STARTUP && bbr->full)
		bbr->mode = BBR_DRAIN;
	if (bbr->mode == BBR_DRAIN && ack->flight_now <= bdp(bbr, GAIN_UNIT))
		enter_probe_bw(bbr, ack->now);
}

static void leave_probe_rtt(struct cc *cc, const struct cc_ack *ack)
{
	struct cc_bbr *bbr = &cc->u.bbr;

	bbr->min_rtt_at = ack->now;
	if (bbr->prior_cwnd > cc->cwnd)
		cc_set_cwnd(cc, bbr->prior_cwnd);
	if (bbr->full)
		enter_probe_bw(bbr, ack->now);
	else
		bbr->mode = BBR_STARTUP;
}

/* 4.3.5: every ten seconds the queue is emptied to see the path itself. */
static void update_min_rtt(struct cc *cc, const struct cc_ack *ack)
{
	struct cc_bbr *bbr = &cc->u.bbr;
	bool expired = bbr->min_rtt >= 0 && ack->now - bbr->min_rtt_at > MIN_RTT_WINDOW;

	if (ack->rtt >= 0 && (bbr->min_rtt < 0 || ack->rtt <= bbr->min_rtt || expired)) {
		bbr->min_rtt = ack->rtt;
		bbr->min_rtt_at = ack->now;
	}
	if (expired && bbr->mode != BBR_PROBE_RTT) {
		bbr->mode = BBR_PROBE_RTT;
		bbr->prior_cwnd = cc->cwnd;
		bbr->probe_rtt_end = 0;
	}
	if (bbr->mode != BBR_PROBE_RTT)
		return;
	if (!bbr->probe_rtt_end) {
		if (ack->flight_now <= MIN_CWND) {
			bbr->probe_rtt_end = ack->now + PROBE_RTT_LEN;
			bbr->next_round = ack->delivered;
		}
	} else if (ack->now > bbr->probe_rtt_end) {
		leave_probe_rtt(cc, ack);
	}
}

static void set_gains(struct cc_bbr *bbr)
{
	bbr->pacing_gain = bbr->mode == BBR_STARTUP ? GAIN_HIGH
			   : bbr->mode == BBR_DRAIN ? GAIN_DRAIN
			   : bbr->mode == BBR_PROBE_BW
				   ? cycle_gain[bbr->cycle]
				   : GAIN_UNIT;
	bbr->cwnd_gain = bbr->mode == BBR_STARTUP || bbr->mode == BBR_DRAIN ? GAIN_HIGH
			 : bbr->mode == BBR_PROBE_BW			    ? GAIN_CWND
									    : GAIN_UNIT;
}

static void set_pacing(struct cc *cc, const struct cc_ack *ack)
{
	struct cc_bbr *bbr = &cc->u.bbr;
	uint64_t rate;

	if (!bbr->max[0].bw) {
		/* No sample yet: what the initial window makes of the first RTT. */
		if (ack->srtt > 0)
			cc->pacing_rate = (uint64_t)cc->cwnd * ack->mss * 1000000 /
					  (uint64_t)(ack->srtt / 1000 + 1) * GAIN_HIGH / GAIN_UNIT;
		return;
	}
	rate = bbr->max[0].bw * ack->mss / 100 * PACING_MARGIN;
	rate = (rate >> 8) * bbr->pacing_gain; /* (x / 256) * gain, gain is in 1/256 */
	rate = (rate >> BW_UNIT) * 1000000 + (((rate & ((1u << BW_UNIT) - 1)) * 1000000) >> BW_UNIT);
	if (bbr->full || rate > cc->pacing_rate || cc->pacing_rate == CC_NOT_PACED)
		cc->pacing_rate = rate;
}

/* Loss only bounds the first round of a recovery: packets out for packets delivered. */
static bool in_recovery(struct cc *cc, const struct cc_ack *ack, uint32_t *cwnd)
{
	struct cc_bbr *bbr = &cc->u.bbr;
	bool was = bbr->recovering;

	if (ack->losses && *cwnd > ack->losses)
		*cwnd -= ack->losses;
	bbr->recovering = ack->recovering;
	if (ack->recovering && !was) {
		bbr->conserve = true;
		bbr->next_round = ack->delivered;
		*cwnd = ack->flight_now + ack->acked_segs;
	} else if (!ack->recovering && was) {
		bbr->conserve = false;
		if (bbr->prior_cwnd > *cwnd)
			*cwnd = bbr->prior_cwnd;
	}
	if (!bbr->conserve)
		return false;
	if (*cwnd < ack->flight_now + ack->acked_segs)
		*cwnd = ack->flight_now + ack->acked_segs;
	return true;
}

static void set_cwnd(struct cc *cc, const struct cc_ack *ack)
{
	struct cc_bbr *bbr = &cc->u.bbr;
	uint32_t cwnd = cc->cwnd;
	uint32_t target;

	if (ack->acked_segs && !in_recovery(cc, ack, &cwnd)) {
		target = bdp(bbr, bbr->cwnd_gain) + 6; /* room for super-segments under way */
		if (bbr->full)
			cwnd = cwnd + ack->acked_segs < target ? cwnd + ack->acked_segs : target;
		else if (cwnd < target || ack->delivered < CC_INIT_CWND)
			cwnd += ack->acked_segs;
		if (cwnd < MIN_CWND)
			cwnd = MIN_CWND;
	}
	if (bbr->mode == BBR_PROBE_RTT && cwnd > MIN_CWND)
		cwnd = MIN_CWND;
	cc_set_cwnd(cc, cwnd);
}

static void bbr_control(struct cc *cc, const struct cc_ack *ack)
{
	struct cc_bbr *bbr = &cc->u.bbr;

	update_bw(bbr, ack);
	update_cycle(bbr, ack);
	check_full(bbr, ack);
	check_drain(bbr, ack);
	update_min_rtt(cc, ack);
	set_gains(bbr);
	set_pacing(cc, ack);
	set_cwnd(cc, ack);
}

/* There is no threshold; the window comes back when the episode ends. */
static uint32_t bbr_ssthresh(struct cc *cc, net_time now)
{
	(void)now;
	if (!cc->u.bbr.recovering && cc->u.bbr.mode != BBR_PROBE_RTT)
		cc->u.bbr.prior_cwnd = cc->cwnd;
	return CC_SSTHRESH_INFINITE;
}

static void bbr_grow(struct cc *cc, const struct cc_ack *ack)
{
	bbr_control(cc, ack);
}

/* struct tcp_bbr_info */
static size_t bbr_info(const struct cc *cc, uint32_t mss, uint8_t *ret)
{
	const struct cc_bbr *bbr = &cc->u.bbr;
	uint64_t bw = (bbr->max[0].bw * mss * 1000000) >> BW_UNIT;
	uint32_t info[5] = {(uint32_t)bw, (uint32_t)(bw >> 32),
			    bbr->min_rtt < 0 ? ~0u : (uint32_t)(bbr->min_rtt / 1000),
			    bbr->pacing_gain, bbr->cwnd_gain};

	memcpy(ret, info, sizeof(info));
	return sizeof(info);
}

const struct cc_ops cc_bbr = {
	.name = "bbr",
	.flags = CC_PACES,
	.init = bbr_init,
	.ssthresh = bbr_ssthresh,
	.grow = bbr_grow,
	.control = bbr_control,
	.info = bbr_info,
};
