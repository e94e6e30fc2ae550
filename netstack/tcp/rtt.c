/* SPDX-License-Identifier: Apache-2.0 */
/* Round-trip time estimation and the retransmission timeout (RTO).
 *
 * Implements RFC 6298; fed by RFC 7323 timestamps or by timed segments (Karn).
 * Pure: reads no clock, allocates nothing.
 * Invariant: rto_min <= rto <= rto_max after every call (RTT_RTO_MIN and _MAX unless the owner
 * changes them).
 *
 * Deviates: RFC 6298 2.3/2.4 in the two ways that Linux made the de-facto standard. The variance
 * term has a floor of rto_min / 4 instead of the RTO having a floor of 1 s, and the variance that
 * feeds the RTO follows increases at once but decreases only once per round trip, because one
 * sample per ACK would otherwise forget a spike within a fraction of a round.
 */
#include "tcp/rtt.h"

#include <assert.h>

static net_dur dur_clamp(net_dur v, net_dur lo, net_dur hi)
{
	return v < lo ? lo : v > hi ? hi : v;
}

void rtt_init(struct rtt *rtt)
{
	*rtt = (struct rtt){
		.rto = RTT_RTO_INITIAL,
		.rto_min = RTT_RTO_MIN,
		.rto_max = RTT_RTO_MAX,
		.latest = -1,
	};
	rtt->min.best[0].rtt = rtt->min.best[1].rtt = rtt->min.best[2].rtt = -1;
}

/* RFC 6298 2.2 */
static void rtt_seed(struct rtt *rtt, net_dur sample, struct seq nxt)
{
	rtt->srtt = sample;
	rtt->mdev = sample / 2;
	rtt->rttvar = rtt->mdev > rtt->rto_min / 4 ? rtt->mdev : rtt->rto_min / 4;
	rtt->mdev_max = rtt->rttvar;
	rtt->round = nxt;
	rtt->seeded = true;
}

/* RFC 6298 2.3: the deviation first, because it needs the old SRTT. */
static void rtt_update(struct rtt *rtt, net_dur sample)
{
	net_dur diff = sample - rtt->srtt;
	net_dur err = diff < 0 ? -diff : diff;
	net_dur step = (err - rtt->mdev) / 4;

	/* A falling RTT is no reason to believe in a larger variance: follow it eight times slower.
	 */
	if (diff < 0 && step > 0)
		step /= 8;
	rtt->mdev += step;
	rtt->srtt += diff / 8;
	if (rtt->mdev > rtt->mdev_max) {
		rtt->mdev_max = rtt->mdev;
		if (rtt->mdev_max > rtt->rttvar)
			rtt->rttvar = rtt->mdev_max;
	}
}

static void rtt_end_round(struct rtt *rtt, struct seq nxt)
{
	if (rtt->mdev_max < rtt->rttvar)
		rtt->rttvar -= (rtt->rttvar - rtt->mdev_max) / 4;
	rtt->round = nxt;
	rtt->mdev_max = rtt->rto_min / 4;
}

void rtt_sample(struct rtt *rtt, net_dur sample, struct seq una, struct seq nxt)
{
	assert(sample >= 0);

	rtt->latest = sample;
	if (!rtt->seeded) {
		rtt_seed(rtt, sample, nxt);
	} else {
		rtt_update(rtt, sample);
		if (seq_gt(una, rtt->round))
			rtt_end_round(rtt, nxt);
	}
	rtt->rto = dur_clamp(rtt->srtt + 4 * rtt->rttvar, rtt->rto_min, rtt->rto_max);
}

void rtt_min_sample(struct rtt *rtt, net_dur sample, net_time now)
{
	struct rtt_min *min = &rtt->min;

	if (min->best[0].rtt < 0 || sample <= min->best[0].rtt ||
	    now - min->best[2].when > RTT_MIN_WINDOW) {
		for (int i = 0; i < 3; i++) {
			min->best[i].rtt = sample;
			min->best[i].when = now;
		}
		return;
	}
	if (sample <= min->best[1].rtt) {
		min->best[1].rtt = min->best[2].rtt = sample;
		min->best[1].when = min->best[2].when = now;
	} else if (sample <= min->best[2].rtt) {
		min->best[2].rtt = sample;
		min->best[2].when = now;
	}
	/* The best aged out: the second best takes over, and the sample becomes the youngest. */
	while (now - min->best[0].when > RTT_MIN_WINDOW) {
		min->best[0] = min->best[1];
		min->best[1] = min->best[2];
		min->best[2].rtt = sample;
		min->best[2].when = now;
	}
	/* Keep the runners-up young: one from the second quarter, one from the second half. */
	if (min->best[1].when == min->best[0].when &&
	    now - min->best[1].when > RTT_MIN_WINDOW / 4) {
		min->best[1].rtt = min->best[2].rtt = sample;
		min->best[1].when = min->best[2].when = now;
	} else if (min->best[2].when == min->best[1].when &&
		   now - min->best[2].when > RTT_MIN_WINDOW / 2) {
		min->best[2].rtt = sample;
		min->best[2].when = now;
	}
}

net_dur rtt_min(const struct rtt *rtt)
{
	return rtt->min.best[0].rtt;
}
