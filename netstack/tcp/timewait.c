/* SPDX-License-Identifier: Apache-2.0 */
/* What a segment means to a connection in TIME_WAIT.
 *
 * Implements RFC 9293 3.10.7.4 for TIME-WAIT, RFC 1122 4.2.2.13 / RFC 6191 (reopening by a SYN) and
 * the answer to TIME-WAIT assassination of RFC 1337 in Linux's default form (a RST in window does
 * kill). Pure: reads no clock, allocates nothing.
 */
#include "tcp/timewait.h"

struct seq timewait_next_isn(const struct timewait *tw)
{
	struct seq isn = seq_add(tw->snd_nxt, 65535 + 2);

	return isn.v ? isn : SEQ(1);
}

static bool in_window(const struct timewait *tw, const struct timewait_seg *seg)
{
	if (seq_eq(seg->seq, tw->rcv_nxt))
		return true;
	return seq_gt(seg->end, tw->rcv_nxt) && seq_lt(seg->seq, seq_add(tw->rcv_nxt, tw->rcv_wnd));
}

enum timewait_verdict timewait_segment(struct timewait *tw, const struct timewait_seg *seg,
				       net_time now, struct seq *ret_isn)
{
	bool paws = seg->has_ts && paws_reject(&tw->paws, seg->tsval, seg->rst, now);
	bool bare = seq_eq(seg->seq, seg->end);

	if (!paws && seq_eq(seg->seq, tw->rcv_nxt) && (bare || seg->rst)) {
		if (seg->rst)
			return TIMEWAIT_KILL;
		if (seg->has_ts)
			paws_seed(&tw->paws, seg->tsval, now);
		tw->since = now;
		return TIMEWAIT_DROP; /* a plain acknowledgement: nothing to say, but the wait
					 restarts */
	}
	/* RFC 1122 4.2.2.13, RFC 6191: beyond the old window, or with a newer timestamp. */
	if (seg->syn && !seg->rst && !seg->ack && !paws &&
	    (seq_gt(seg->seq, tw->rcv_nxt) || (seg->has_ts && paws_newer(&tw->paws, seg->tsval)))) {
		*ret_isn = timewait_next_isn(tw);
		return TIMEWAIT_REOPEN;
	}
	if (seg->rst)
		return TIMEWAIT_DROP;
	/* A retransmitted FIN restarts the wait; old duplicates only draw an ACK. */
	if (paws || !in_window(tw, seg))
		return seg->ack || seg->syn ? TIMEWAIT_ACK_ONLY : TIMEWAIT_DROP;
	tw->since = now;
	return TIMEWAIT_ACK;
}

bool timewait_reusable(const struct timewait *tw, net_time now, net_dur age)
{
	return tw->paws.has_recent && now - tw->since >= age;
}
