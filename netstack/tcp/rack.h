/* SPDX-License-Identifier: Apache-2.0 */
/* Loss detection by time (RACK) and tail loss probes (TLP), RFC 8985. */
#pragma once

#include <stdbool.h>

#include <netstack/types.h>

#include "tcp/rtt.h"
#include "tcp/sack.h"

#define RACK_REO_STEPS_MAX 255u
#define RACK_REO_PERSIST 16u
#define TLP_DELACK ((net_dur)200 * 1000 * 1000) /* the peer's worst delayed ACK */

struct rack {
	net_time sent;	   /* RACK.xmit_ts: the newest transmission known to be delivered */
	struct seq end;	   /* RACK.end_seq */
	net_dur rtt;	   /* RACK.rtt */
	bool valid;	   /* something was delivered */
	bool advanced;	   /* ... since the last detection */
	bool dsack_seen;   /* in this round */
	uint8_t reo_steps; /* RACK.reo_wnd_mult */
	uint8_t reo_persist;
	struct seq reo_round;
};

void rack_init(struct rack *rack);

/* @range was delivered at @now (RFC 8985 6.2 step 2). */
void rack_delivered(struct rack *rack, const struct sack_range *range, net_dur min_rtt,
		    net_time now);

/* Adapts the reordering window to DSACKs (RFC 8985 6.2 step 4). */
void rack_update_reo(struct rack *rack, bool dsack, struct seq una, struct seq nxt);

/* The reordering window; @recovering: loss recovery is under way. */
net_dur rack_reo_wnd(const struct rack *rack, const struct sack_board *board, const struct rtt *rtt,
		     bool recovering);

/* Marks what must be lost (RFC 8985 6.2 step 5). Returns 0, or after how long to look again. */
net_dur rack_detect(struct rack *rack, struct sack_board *board, const struct rtt *rtt,
		    bool recovering, net_time now, struct ack_info *info);

/* The probe timeout (RFC 8985 7.2) with @in_flight segments out, without the bound by the RTO. */
net_dur rack_pto(const struct rtt *rtt, uint32_t out_segs);
