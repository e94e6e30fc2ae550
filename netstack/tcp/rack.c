/* SPDX-License-Identifier: Apache-2.0 */
/* Loss detection by time (RACK) and the timing of tail loss probes (TLP).
 *
 * Implements RFC 8985 6 and 7.2 over the scoreboard's transmission-order list, which makes
 * detection O(1) per acknowledgement plus the segments that are newly lost. Pure but for the marks
 * it sets on the board: reads no clock, allocates nothing.
 */
#include "tcp/rack.h"

#include <string.h>

#define MSEC ((net_dur)1000 * 1000)
#define TLP_FLOOR (2 * MSEC)

void rack_init(struct rack *rack)
{
	memset(rack, 0, sizeof(*rack));
	rack->reo_steps = 1;
}

static bool sent_after(net_time t1, struct seq end1, net_time t2, struct seq end2)
{
	return t1 > t2 || (t1 == t2 && seq_gt(end1, end2));
}

void rack_delivered(struct rack *rack, const struct sack_range *range, net_dur min_rtt,
		    net_time now)
{
	net_dur rtt = now - range->sent;

	/* RFC 8985 6.2 step 2: faster than possible, so it acknowledges the original. */
	if ((range->flags & SACK_EVER) && rtt < min_rtt)
		return;
	rack->rtt = rtt;
	if (!rack->valid || sent_after(range->sent, range->end, rack->sent, rack->end)) {
		rack->sent = range->sent;
		rack->end = range->end;
		rack->valid = true;
	}
	rack->advanced = true;
}

void rack_update_reo(struct rack *rack, bool dsack, struct seq una, struct seq nxt)
{
	/* Once per round trip: a DSACK widens the window, 16 recoveries without one reset it. */
	if (seq_lt(una, rack->reo_round))
		rack->dsack_seen = false;
	else
		rack->dsack_seen = dsack;
	if (rack->dsack_seen) {
		if (rack->reo_steps < RACK_REO_STEPS_MAX)
			rack->reo_steps++;
		rack->dsack_seen = false;
		rack->reo_round = nxt;
		rack->reo_persist = RACK_REO_PERSIST;
	} else if (!rack->reo_persist) {
		rack->reo_steps = 1;
	}
}

net_dur rack_reo_wnd(const struct rack *rack, const struct sack_board *board, const struct rtt *rtt,
		     bool recovering)
{
	net_dur min = rtt_min(rtt);
	net_dur wnd;

	/* RFC 8985 6.2 step 4: no tolerance while reordering was never seen and loss is likely. */
	if (!board->reord_seen && (recovering || board->sacked_segs >= board->reordering))
		return 0;
	if (min < 0)
		return 0;
	wnd = min / 4 * rack->reo_steps;
	return wnd < rtt->srtt ? wnd : rtt->srtt;
}

net_dur rack_detect(struct rack *rack, struct sack_board *board, const struct rtt *rtt,
		    bool recovering, net_time now, struct ack_info *info)
{
	struct sack_range *range;
	net_dur reo_wnd, wait = 0;

	if (!rack->valid)
		return 0;
	rack->advanced = false;
	reo_wnd = rack_reo_wnd(rack, board, rtt, recovering);
	list_for_each_entry_safe(range, &board->by_time, by_time)
	{
		net_dur left;

		if (!sent_after(rack->sent, rack->end, range->sent, range->end))
			break;
		left = range->sent + rack->rtt + reo_wnd - now;
		if (left <= 0) {
			if (range->flags & SACK_RETRANS)
				info->lost_retrans = true;
			info->lost_segs += range->segs;
			board_mark_lost(board, range);
		} else if (left > wait) {
			wait = left;
		}
	}
	return wait;
}

net_dur rack_pto(const struct rtt *rtt, uint32_t out_segs)
{
	net_dur pto;

	if (!rtt->seeded)
		return RTT_RTO_INITIAL;
	pto = 2 * rtt->srtt;
	/* One segment may be held back by the peer's delayed ACK. */
	return pto + (out_segs == 1 ? TLP_DELACK : TLP_FLOOR);
}
