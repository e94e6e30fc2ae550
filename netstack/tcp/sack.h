/* SPDX-License-Identifier: Apache-2.0 */
/* The scoreboard: what was sent and not yet acknowledged, as ranges of sequence space.
 *
 * A range is one transmission unit (a segment or a super-segment) and knows when it was sent and
 * what the peer said about it. Ranges are in sequence order and together cover [SND.UNA, SND.NXT)
 * exactly. A second list keeps the ranges that the peer has not acknowledged in order of
 * transmission (RFC 8985 7).
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include <netstack/types.h>

#include "tcp/seq.h"
#include "util/cleanup.h"
#include "util/list.h"

#define SACK_DUPTHRESH 3u	 /* tcp_reordering */
#define SACK_MAX_REORDERING 300u /* tcp_max_reordering */
#define SACK_BLOCKS_MAX 4

struct sack_block {
	struct seq start;
	struct seq end;
};

enum sack_flag {
	SACK_SACKED = 1 << 0,  /* the peer has it (RFC 2018) */
	SACK_LOST = 1 << 1,    /* we believe that it is lost */
	SACK_RETRANS = 1 << 2, /* a retransmission is in flight */
	SACK_EVER = 1 << 3,    /* was retransmitted at least once (Karn) */
	SACK_SYN = 1 << 4,
	SACK_FIN = 1 << 5,
	SACK_PROBE = 1 << 6, /* last sent as a tail loss probe */
};

struct sack_range {
	struct list by_seq;
	struct list by_time; /* unlinked once SACKed or lost */
	struct seq start, end;
	net_time sent; /* the last transmission */
	/* The delivery state when it was sent: for rate samples. */
	uint64_t delivered;
	net_time delivered_at;
	net_time first_sent; /* of the flight that the sample covers */
	uint32_t segs;
	uint32_t mss;
	uint8_t flags;
	bool app_limited;
};

/* Spare ranges, shared by the connections of a stack, so that steady state allocates nothing. */
struct sack_pool {
	struct list free;
	uint32_t spare;
};

struct sack_board {
	struct list ranges;
	struct list by_time;
	struct sack_pool *pool;
	struct sack_range *hint; /* where the last SACK block ended; may be NULL */
	uint32_t ranges_cnt;
	uint32_t out_segs;    /* in ranges */
	uint32_t sacked_segs; /* marked, or counted by duplicate ACKs without SACK */
	uint32_t lost_segs;
	uint32_t retrans_segs;
	struct seq fack; /* end of the highest SACKed range, if has_fack */
	bool has_fack;
	bool sack_ok; /* the peer sends SACK */
	bool reord_seen;
	uint32_t reordering; /* segments */
	uint32_t max_reordering;
	uint64_t delivered;  /* segments, ever */
	net_time delivered_at;
	net_time first_sent; /* when the newest delivered segment was sent */
};

/* What one acknowledgement said. Filled by board_ack() and board_sack(). */
struct ack_info {
	net_time now;
	uint32_t acked_segs;   /* left the board without having been SACKed before */
	uint32_t sacked_segs;  /* newly SACKed */
	uint32_t lost_segs;    /* newly judged lost */
	uint32_t dsack_segs;   /* RFC 2883 duplicates reported */
	uint32_t prior_flight; /* before this acknowledgement */
	bool una_advanced;
	bool syn_acked, fin_acked;
	bool retrans_acked; /* something retransmitted was among it: Karn's ambiguity */
	bool orig_acked;    /* something never retransmitted, sent before recovery, was */
	bool dsack;
	bool window_changed;
	bool has_data;	     /* the segment carried data or SYN/FIN */
	bool lost_retrans;   /* a retransmission was judged lost */
	bool probe_failed;   /* the probe of the path MTU was lost, and nothing says congestion */
	net_time first_sent; /* of the oldest and newest unambiguous data; -1: none */
	net_time last_sent;
	net_time sack_first_sent;
	net_time echo;	   /* when the echoed timestamp was taken (to the ms); -1: none */
	net_time rtt_sent; /* transmission time of the newest delivered range; -1 */
	net_dur rtt;	   /* the sample that was taken, or -1 */
	/* Rate sample (draft-cheng-iccrg-delivery-rate-estimation). */
	uint64_t prior_delivered;
	net_time prior_delivered_at;
	net_dur send_interval; /* in which the sampled segments were sent */
	bool rate_app_limited;
};

void sack_pool_init(struct sack_pool *pool);
void sack_pool_fini(struct sack_pool *pool);

void ack_info_init(struct ack_info *info, net_time now);

void board_init(struct sack_board *board, struct sack_pool *pool);
void board_fini(struct sack_board *board);

/* Records a first transmission of [@start, @end) as @segs segments of @mss. 0 or -ENOMEM; then the
 * caller must not send. */
MUST_CHECK int board_sent(struct sack_board *board, struct seq start, struct seq end, uint32_t mss,
			  uint8_t flags, net_time now, bool app_limited);

/* Records a retransmission of @range. */
void board_retransmitted(struct sack_board *board, struct sack_range *range, net_time now);

/* Divides @range at @at, which is inside; the halves keep its state. 0 or -ENOMEM. */
MUST_CHECK int board_split(struct sack_board *board, struct sack_range *range, struct seq at);

/* The path's MSS changed: @range will be repeated as @segs segments of @mss. */
void board_resize(struct sack_board *board, struct sack_range *range, uint32_t mss, uint32_t segs);

/* The visitor of delivered ranges, for RACK. */
struct rack;

/* Drops everything below @una. @high: the recovery point, for ack_info.orig_acked. */
void board_ack(struct sack_board *board, struct rack *rack, struct seq una, struct seq high,
	       net_dur min_rtt, struct ack_info *info);

/* Applies the SACK blocks of an acknowledgement of @una; blocks outside of (@una, @nxt] are ignored
 * except for a leading duplicate report (RFC 2883). @max_wnd: how old a DSACK may be. */
void board_sack(struct sack_board *board, struct rack *rack, const struct sack_block *blocks,
		unsigned int n, struct seq una, struct seq nxt, struct seq high, uint32_t max_wnd,
		net_dur min_rtt, struct ack_info *info);

void board_mark_lost(struct sack_board *board, struct sack_range *range);

/* After a retransmission timeout: everything that is not SACKed is lost (RFC 6298 5.4 and
 * 6675 5.1); if
 * @forget, SACKs are forgotten too (the peer reneged, RFC 2018 8). */
void board_mark_all_lost(struct sack_board *board, bool forget);

/* Takes all loss marks and outstanding retransmissions back (undo). */
void board_clear_lost(struct sack_board *board);

/* Drops duplicate-ACK counting (no SACK): @acked segments arrived by a cumulative ACK. */
void board_reno_acked(struct sack_board *board, uint32_t acked);
void board_reno_reset(struct sack_board *board);
void board_reno_dupack(struct sack_board *board, uint32_t n);

/* Remembers that reordering by @segs happened. */
void board_reordering(struct sack_board *board, uint32_t segs);

/* Segments believed to be in the network (RFC 6675's pipe). */
static inline uint32_t board_in_flight(const struct sack_board *board)
{
	return board->out_segs - board->sacked_segs - board->lost_segs + board->retrans_segs;
}

static inline struct sack_range *board_first(const struct sack_board *board)
{
	return list_first_entry(&board->ranges, struct sack_range, by_seq);
}

static inline struct sack_range *board_last(const struct sack_board *board)
{
	return list_last_entry(&board->ranges, struct sack_range, by_seq);
}

static inline struct sack_range *board_next(const struct sack_board *board,
					    const struct sack_range *range)
{
	struct list *next = list_next(&board->ranges, &range->by_seq);

	return next ? list_entry(next, struct sack_range, by_seq) : NULL;
}
