/* SPDX-License-Identifier: Apache-2.0 */
/* Round-trip time estimation (RFC 6298) and the minimum RTT over a sliding window. */
#pragma once

#include <stdbool.h>

#include <netstack/types.h>

#include "tcp/seq.h"

#define RTT_RTO_INITIAL ((net_dur)1000 * 1000 * 1000) /* RFC 6298 2.1 */
#define RTT_RTO_MIN ((net_dur)200 * 1000 * 1000)
#define RTT_RTO_MAX ((net_dur)120 * 1000 * 1000 * 1000)
#define RTT_MIN_WINDOW ((net_dur)300 * 1000 * 1000 * 1000)

/* The three best samples of a sliding window, best first, each younger than the one before. */
struct rtt_min {
	struct {
		net_dur rtt;
		net_time when;
	} best[3];
};

struct rtt {
	bool seeded;
	net_dur srtt;
	net_dur rttvar;	  /* what the RTO uses */
	net_dur mdev;	  /* smoothed mean deviation, the RFC's RTTVAR */
	net_dur mdev_max; /* largest mdev of the current round */
	struct seq round; /* the round ends when this is acknowledged */
	net_dur rto;	  /* without backoff */
	net_dur rto_min, rto_max;
	net_dur latest; /* last sample, for TCP_INFO and RACK */
	struct rtt_min min;
};

void rtt_init(struct rtt *rtt);

/* Feeds one sample; @una and @nxt are SND.UNA and SND.NXT, which delimit rounds. */
void rtt_sample(struct rtt *rtt, net_dur sample, struct seq una, struct seq nxt);

/* Feeds the windowed minimum only. */
void rtt_min_sample(struct rtt *rtt, net_dur sample, net_time now);

/* The smallest RTT of the last RTT_MIN_WINDOW, or -1 if there was no sample. */
net_dur rtt_min(const struct rtt *rtt);
