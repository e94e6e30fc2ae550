/* SPDX-License-Identifier: Apache-2.0 */
/* Loss recovery: when to believe in a loss, how far to reduce, and when to take it back. */
#pragma once

#include "tcp/snd.h"

/* What output may do after an acknowledgement. */
enum rexmit {
	REXMIT_NONE,
	REXMIT_LOST, /* retransmit what is marked lost, as cwnd allows */
	REXMIT_NEW,  /* F-RTO: new data first */
};

void recovery_init(struct recovery *rec);

/* One acknowledgement, after board_ack() and board_sack() filled @info; @has_more: unsent data
 * exists and fits the window; @tsecr_old: the echoed timestamp is older than the first
 * retransmission (RFC 3522). *ret_reo_wait: 0, or when to look for losses again (RFC 8985's
 * reordering timer). */
enum rexmit recovery_ack(struct tcp_snd *snd, struct ack_info *info, bool has_more, bool tsecr_old,
			 net_dur *ret_reo_wait);

/* Moves the window for the acknowledgement: PRR while reducing, growth otherwise. */
void recovery_cwnd(struct tcp_snd *snd, const struct ack_info *info, uint64_t delivered_ce);

/* The pacing rate that the window stands for, in percent of cwnd per SRTT: in slow start, and after.
 */
void recovery_pacing(struct tcp_snd *snd, uint32_t ss_ratio, uint32_t ca_ratio);

/* The retransmission timer fired. */
void recovery_timeout(struct tcp_snd *snd, net_time now);

/* The reordering timer fired. Returns what to do; *ret_reo_wait as above. */
enum rexmit recovery_reo_timeout(struct tcp_snd *snd, net_time now, net_dur *ret_reo_wait);

/* The window must be reduced without a loss (ECN, local congestion). */
void recovery_enter_cwr(struct tcp_snd *snd, net_time now);

/* Something is known to be lost for another reason than congestion: repeat it, keep the window. */
void recovery_lost_without_congestion(struct tcp_snd *snd);

/* A retransmission of @range is being sent at @now. */
void recovery_retransmitted(struct tcp_snd *snd, const struct sack_range *range, net_time now);

/* A tail loss probe up to SND.NXT went out. */
void recovery_tlp_sent(struct tcp_snd *snd, bool retrans);

static inline bool recovery_reducing(const struct recovery *rec)
{
	return rec->state == CA_CWR || rec->state == CA_RECOVERY;
}
